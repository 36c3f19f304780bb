"""A run's model as a directory that works without the studio."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radu_core.errors import InputError, RaduError, RunError
from radu_core.files import disk_errors, read_json, whole_directory, write_json, write_text
from radu_core.inference.gguf_check import Agreement
from radu_core.inference.gguf_export import WeightType
from radu_core.models import KNOWN_MODELS, RECORD
from radu_core.progress import Progress, silent
from radu_core.tokenizing import PLAIN
from radu_core.training.joint.files import VALIDATION_FILE
from radu_core.training.run.cards.card import model_card
from radu_core.training.run.cards.usage import example_prompt, vllm_command
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.tokens import template_of
from radu_core.workflows.evaluate.evaluation import reports
from radu_core.workflows.evaluate.parse import EXPORTED
from radu_core.workflows.frame.run_list import check_answers, of_mixture, open_run, run_modules
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.export_files import base_directory, copy_files, free_target
from radu_core.workflows.playground.export_gguf import (
    GGUF,
    WrittenGguf,
    export_gguf,
    find_converter,
)
from radu_core.workflows.playground.export_needs import needs_outside
from radu_core.workflows.runs import trained_labels

__all__ = ["Export", "export_model"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_TOKENIZER = ("tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.jinja")


@dataclass(frozen=True)
class Export:
    """What an export wrote, and how it compares with the trained model.

    ``size`` is in bytes, ``vllm`` the command that serves it (none of a fast model). ``check`` are
    the figures of the written model beside the trained one, from when it was saved; ``agreement``
    those of the GGUF beside the written model.
    """

    directory: Path
    files: tuple[str, ...]
    size: int
    dtype: str
    vllm: str
    gguf: Path | None
    notes: tuple[str, ...]
    check: dict[str, Any] | None = None
    agreement: Agreement | None = None


def export_model(
    workspace: Workspace,
    run: str,
    out: Path,
    *,
    adapter_only: bool = False,
    gguf: bool = False,
    gguf_type: WeightType | None = None,
    progress: Progress = silent,
) -> Export:
    """Write the model of ``run`` (an id, or ``last``) to ``out``. Atomic: all or nothing.

    The directory loads with plain transformers (with peft: ``adapter_only``) and holds a model card
    and, in ``radu/``, what prompts are made from. ``gguf`` adds ``model.gguf``, with weights of
    ``gguf_type`` (by default the model's), and a ``Modelfile``. Raises ``InputError`` before
    anything is written when the run has no such model, ``out`` is in use, or the model needs a
    converter that isn't here.
    """
    directory = open_run(workspace, run)
    check_answers(directory)
    target = free_target(out)
    source = _source(directory, adapter_only=adapter_only)
    fast = directory.config().target == "retriever"
    _check_gguf(gguf, fast=fast, adapter_only=adapter_only)
    converter = find_converter(source) if gguf else None
    gguf_file: WrittenGguf | None = None
    config, report = directory.config(), directory.report() or {}
    base = base_directory(workspace, config)
    with whole_directory(target) as new, disk_errors(target):
        progress("Copying the model", 0, 0)
        copy_files(source, new)
        if adapter_only and directory.model.is_dir():
            _copy_tokenizer(directory.model, new)
        elif adapter_only and base:
            _copy_tokenizer(base, new)
            write_text(new / "chat_template.jinja", template_of(directory) or PLAIN)
        if adapter_only:
            _name_base(new, _hub_id(config, base))
        # a fast model's values are learnt from its labels when it is loaded
        left_out = (VALIDATION_FILE,) if fast else (trained_labels.FILE, VALIDATION_FILE)
        copy_files(directory.path / "serving", new / EXPORTED, without=left_out)
        dtype = _dtype(new)
        needs = needs_outside(workspace, directory, adapter_only=adapter_only)
        card = _card(directory, config, report, base, new, adapter_only)
        if gguf:
            gguf_file = export_gguf(
                directory,
                new,
                converter=converter,
                dtype=dtype,
                weights=gguf_type,
                progress=progress,
            )
            card += gguf_file.card
        write_text(new / "README.md", card + _not_here(needs))
        files = sorted(p for p in new.rglob("*") if p.is_file())
        names = tuple(p.relative_to(new).as_posix() for p in files)
        size = sum(p.stat().st_size for p in files)
    command = (
        ""
        if fast
        else vllm_command(
            config, str(target), adapter=adapter_only, base=str(base) if base else None, dtype=dtype
        )
    )
    own_notes = _notes(config, base, adapter_only=adapter_only)
    return Export(
        target,
        names,
        size,
        dtype,
        command,
        target / GGUF if gguf_file else None,
        (*needs, *own_notes, *(gguf_file.notes if gguf_file else ())),
        None if adapter_only else report.get("model_check"),
        gguf_file.agreement if gguf_file else None,
    )


def _check_gguf(gguf: bool, *, fast: bool, adapter_only: bool) -> None:
    """``InputError`` where a GGUF is asked for that can't be written."""
    if gguf and fast:
        raise InputError(
            "A tuned retriever can't be written as GGUF: it is no language model",
            remedy="Export it as it is.",
        )
    if gguf and adapter_only:
        raise InputError(
            "A GGUF is made of the merged model, not of the adapter alone",
            remedy="Ask for one of the two: radu export-model RUN DIR --gguf.",
        )


def _source(run: RunDirectory, *, adapter_only: bool) -> Path:
    """Where what is to be exported lies. An adapter may be of a run whose merged model failed."""
    state, reason = run.state()
    part = run.path / "adapter" if adapter_only else run.model
    what = "adapter" if adapter_only else "model"
    has_ended = state == "finished" or (adapter_only and state == "failed")
    if adapter_only and state != "damaged" and run.config().method == "full":
        raise InputError(
            f"Run {run.id} has no adapter: it was a full fine-tuning",
            remedy="Export its model, not its adapter.",
        )
    if not has_ended or not part.is_dir():
        is_usable = (run.path / "adapter").is_dir() and state == "failed" and not adapter_only
        raise InputError(
            f"Run {run.id} has no {what} to export: it is {state}. {reason}".rstrip(),
            remedy=f"Export its adapter: radu export-model {run.id} DIR --adapter-only."
            if is_usable
            else "Choose a finished run.",
        )
    if not (run.path / "serving").is_dir():
        raise RunError(
            f"Run {run.id} doesn't hold what prompts are made from ({run.path / 'serving'})",
            remedy="Restore a backup of the run, or launch it again.",
        )
    return part


def _hub_id(config: TrainConfig, base: Path | None) -> str:
    """The base model's name on the hub, by the record of where it came from; empty if unknown."""
    try:
        source = str(read_json(base / RECORD).get("source") or "") if base else ""
    except (RaduError, AttributeError):
        source = ""
    for name in (source, config.base_model):
        if _HUB_ID.fullmatch(name) and not Path(name).exists():
            return name
    return ""


def _name_base(new: Path, hub_id: str) -> None:
    """Let the adapter name its base as others know it: a path on this machine tells them nothing.

    peft wrote the path; it stays where the hub's name isn't known.
    """
    path = new / "adapter_config.json"
    if hub_id:
        write_json(path, {**read_json(path), "base_model_name_or_path": hub_id})


def _copy_tokenizer(source: Path, new: Path) -> None:
    for pattern in _TOKENIZER:
        for file in sorted(source.glob(pattern)):
            shutil.copyfile(file, new / file.name)


def _dtype(new: Path) -> str:
    """What the weights are, by the model's config; an adapter's are float32."""
    path = new / "config.json"
    return str(read_json(path).get("dtype", "bfloat16")) if path.is_file() else "float32"


def _card(
    run: RunDirectory,
    config: TrainConfig,
    report: dict[str, Any],
    base: Path | None,
    new: Path,
    adapter_only: bool,
) -> str:
    """The card of what is exported into ``new``, with the run's evaluations as they are now."""
    modules = run_modules(run)
    run_reports = [
        r for m in (modules if of_mixture(run) else [None]) for r in reports(run, m).values()
    ]
    adapter_config = read_json(new / "adapter_config.json") if adapter_only else {}
    return model_card(
        run.id,
        config,
        report,
        base=base,
        modules=modules,
        place=".",
        form="adapter" if adapter_only else "model",
        evaluations=[r.model_dump(mode="json") for r in run_reports],
        base_name=str(adapter_config.get("base_model_name_or_path") or ""),
        prompt=example_prompt(new, EXPORTED),
    )


def _not_here(needs: Sequence[str]) -> str:
    """The card's part about what isn't in the directory."""
    items = "\n".join(f"- {need}" for need in needs)
    return f"\n## Not in this directory\n\n{items}\n" if needs else ""


def _notes(config: TrainConfig, base: Path | None, *, adapter_only: bool) -> tuple[str, ...]:
    """What whoever serves it has to know."""
    notes = []
    if adapter_only and base is None:
        notes.append(f"The base model {config.base_model} isn't here; the adapter needs it.")
    known_model = KNOWN_MODELS.get(config.base_model)
    if adapter_only and known_model and known_model.weights.endswith(".gguf"):
        notes.append(
            f"The base here was made from {known_model.weights}: the weights of "
            f"{known_model.source} are slightly different. Serve the adapter on the one "
            "here, or export the merged model."
        )
    if adapter_only and config.use_dora:
        notes.append("vLLM doesn't serve DoRA adapters: export the merged model for it.")
    return tuple(notes)
