"""The Train page: a dataset, a run, and its life."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radu_core.dataset import (
    Manifest,
    Mixture,
    read_dataset,
    read_rows,
)
from radu_core.errors import DatasetError, InputError, RaduError
from radu_core.files import readable, write_json, write_text
from radu_core.inference.serving_parts import TAUGHT_FILE, Serving, load_serving
from radu_core.instructions import instruct
from radu_core.models import local_model, model_directory
from radu_core.progress import Progress, silent
from radu_core.prompts import TemplateSet
from radu_core.retrieval import save_index, why_not_tunable
from radu_core.tokenizing import load_tokenizer
from radu_core.training.run.cards.usage import PROMPT_FILE
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import FINAL, RunDirectory, RunEvent, RunState
from radu_core.training.run.encoding import Preflight, preflight
from radu_core.training.run.layers import layer_names, wrong_targets
from radu_core.training.run.machine import missing_for_qlora
from radu_core.training.run.stages import stage
from radu_core.training.run.tokens import keep_tokens
from radu_core.training.watcher.launcher import (
    LAUNCHERS,
    Launcher,
    Local,
    check_disk,
    launcher_of,
    make_launcher,
    stop,
)
from radu_core.workflows.coverage.report import load_index
from radu_core.workflows.frame.run_list import modules_in, open_run
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.figures import (
    Written,
    asked_rows,
    keep_asked,
    padding_reason,
    where,
    written_check,
)
from radu_core.workflows.runs.retriever_rows import keep_rows, retriever_rows
from radu_core.workflows.runs.trained_labels import keep_labels

__all__ = [
    "RunView",
    "Serving",
    "check",
    "check_unchanged",
    "generator_methods",
    "layers",
    "make_launcher",
    "reachable_launchers",
    "read_serving",
    "resume",
    "run_view",
    "serving",
    "start",
    "stop_run",
    "wrong_settings",
]


@dataclass(frozen=True)
class RunView:
    """A run as a page shows it: its state, its newest figures, and the curves' points.

    ``settings`` is the text of its config; ``config`` is None when that can't be understood.
    ``evaluating`` is how many validation rows are being looked at just now, or 0; ``saving`` says
    how far the saving of the model is: ``what``, ``done``, ``total``, ``seconds``.
    ``where`` is empty for this machine; ``asked`` is how many validation rows give each figure;
    ``written`` is what the check of the written model found; ``padded`` is why rows that were to be
    packed are padded. ``stage`` is what it does before its first step since it was launched or
    resumed, and empty from then on: until then ``latest`` is from before.
    """

    id: str
    state: RunState
    reason: str
    config: TrainConfig | None
    settings: str
    latest: dict[str, Any]
    steps: tuple[RunEvent, ...]
    validations: tuple[RunEvent, ...]
    evaluating: int
    saving: dict[str, Any]
    log_tail: str
    where: str
    asked: dict[str, int]
    written: Written | None
    padded: str
    stage: str


def reachable_launchers() -> list[str]:
    """The launchers that can be used now; one that doesn't answer takes 2 s to say so."""
    return [name for name in LAUNCHERS if not make_launcher(name).unreachable()]


def generator_methods() -> list[str]:
    """How a language model can be tuned on this machine, the default first."""
    return ["lora", "full", *(() if missing_for_qlora() else ("qlora",))]


def check(
    workspace: Workspace,
    config: TrainConfig,
    *,
    launcher: Launcher | None = None,
    progress: Progress = silent,
) -> Preflight:
    """Tokenize every row of a run that is to be; errors say what would go wrong."""
    here = launcher is None or isinstance(launcher, Local)
    directory = model_directory(config.base_model, workspace.models, progress=progress)
    if config.adapts and (wrong := wrong_targets(config.lora_targets, directory)):
        raise InputError(f"lora_targets: {wrong}", remedy="Correct this field.")
    progress("Tokenizing every row", 0, 0)
    return preflight(config, load_tokenizer(directory), here=here)


def layers(workspace: Workspace, base_model: str) -> tuple[str, ...]:
    """The layers that an adapter can be put on; none of a model that isn't here or doesn't say."""
    try:
        directory = local_model(base_model, workspace.models)
    except RaduError:
        return ()
    return () if directory is None else layer_names(directory)


def wrong_settings(
    workspace: Workspace, data: Mapping[str, Any], *, here: bool = True
) -> dict[str, str]:
    """What is wrong with settings as plain data, by field, as far as a glance at files can say."""
    wrong = TrainConfig.problems(data, here=here)
    if {"base_model", "lora_targets", "method"} & set(wrong):
        return wrong
    try:
        directory = local_model(str(data.get("base_model", "")), workspace.models)
    except RaduError as error:
        return {**wrong, "base_model": str(error)}
    if data.get("target") == "retriever":
        obstacle = "" if directory is None else why_not_tunable(directory)
        problem = f"no embedding model that can be tuned ({obstacle})"
        return {**wrong, "base_model": problem} if obstacle else wrong
    targets = data.get("lora_targets", "all-linear")
    if directory is None or data.get("method") == "full":
        return wrong
    obstacle = wrong_targets(targets, directory)
    return {**wrong, "lora_targets": obstacle} if obstacle else wrong


def start(
    workspace: Workspace,
    config: TrainConfig,
    *,
    launcher: Launcher | None = None,
    now: datetime | None = None,
    prepare: Callable[[RunDirectory], object] | None = None,
    progress: Progress = silent,
) -> RunDirectory:
    """Check a run, create its directory with what serving it will need, and launch it.

    By default here. ``prepare`` puts more into the directory. A run that can't be launched leaves
    nothing behind.
    """
    where: Launcher = launcher or Local()
    if reason := where.unreachable():
        raise InputError(f"It can't be launched on {where.name}", remedy=reason)
    config = config.with_absolute_paths()
    fill = _to_fill(workspace, config, where, prepare, progress)
    run = RunDirectory.create(workspace.runs, config, now=now or datetime.now(UTC), prepare=fill)
    try:
        where.launch(run, model_directory(config.base_model, workspace.models))
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    return run


def _to_fill(
    workspace: Workspace,
    config: TrainConfig,
    where: Launcher,
    prepare: Callable[[RunDirectory], object] | None,
    progress: Progress,
) -> Callable[[RunDirectory], None]:
    """Check a run, and say what its directory begins with."""
    if config.learns_by_teacher and not isinstance(where, Local):
        raise InputError(
            "A retriever that learns from a language model is tuned on this machine",
            value=where.name,
            remedy=f"{instruct('launch here')}.",
        )
    if config.target == "retriever":
        rows, labels = None, retriever_rows(workspace, config, progress=progress)
    else:
        rows, labels = check(workspace, config, launcher=where, progress=progress), None
    dataset = read_dataset(config.dataset)
    servings = [_to_serve(workspace, manifest) for manifest in dataset.modules.values()]
    model = model_directory(config.base_model, workspace.models)
    check_disk(workspace.runs, model)
    progress("Hashing the base model", 0, 0)

    def fill(run: RunDirectory) -> None:
        for one in servings:
            folder = _keep_for_serving(run, one, apart=isinstance(dataset, Mixture))
            if isinstance(dataset, Mixture):
                counts_by_task = dataset.parts[one.manifest.module].drawn
                write_json(
                    folder / TAUGHT_FILE, [task for task, n in counts_by_task.items() if n["out"]]
                )
            if rows is not None:
                keep_labels(folder, config.dataset, one.manifest.module, rows)
                _keep_prompt(folder, config.dataset, one.manifest.module)
            if labels is not None:
                keep_rows(folder, labels)
                run.append(
                    "labels",
                    dataset=dataset.hash,
                    train=len(labels.labels),
                    validation=len(labels.validation),
                    negatives=labels.negatives,
                )
        if rows is not None:
            keep_tokens(run, rows, model)
            keep_asked(run, config, rows)
        if prepare:
            prepare(run)

    return fill


def check_unchanged(workspace: Workspace, config: TrainConfig) -> None:
    """``DatasetError`` if the dataset isn't of its modules as they are: a run couldn't parse."""
    for manifest in read_dataset(config.dataset).modules.values():
        _to_serve(workspace, manifest)


def _to_serve(workspace: Workspace, manifest: Manifest) -> Serving:
    """Schema, templates and index as they are; ``DatasetError`` if the dataset is of others."""
    store = workspace.store
    index = load_index(workspace, manifest.module)
    schema = store.schema(manifest.module)
    templates = TemplateSet(store.templates(manifest.module))
    if (index.fingerprint, templates.hash, schema.hash) != (
        manifest.index,
        manifest.templates_hash,
        manifest.schema_hash,
    ):
        raise DatasetError(
            f"{manifest.module} has changed since the dataset was built",
            remedy="Build the dataset again, then launch.",
        )
    return Serving(schema, templates, index, manifest)


def _keep_for_serving(run: RunDirectory, serving: Serving, *, apart: bool = False) -> Path:
    """Write them into the run's directory, and say where: a run parses as it was trained.

    Those of a mixture's modules lie ``apart``, each in a directory of the module's name.
    """
    folder = run.path / "serving"
    folder = folder / serving.manifest.module if apart else folder
    templates = serving.templates
    save_index(serving.index, folder / "index")
    write_json(folder / "schema.json", serving.schema.model_dump(mode="json"))
    write_json(folder / "templates.json", {n: templates.source(n) for n in templates.names()})
    write_json(folder / "manifest.json", serving.manifest.model_dump(mode="json"))
    return folder


def _keep_prompt(folder: Path, dataset: Path, module: str) -> None:
    """Write the first prompt of the training rows: it shows whoever loads the model how to ask."""
    rows = (r for r in read_rows(dataset, "train") if r.module == module)
    first = next(rows, None)
    if first is not None:
        write_text(folder / PROMPT_FILE, first.prompt)


def serving(workspace: Workspace, run: RunDirectory, *, module: str | None = None) -> Serving:
    """The schema, templates and index kept with a run; ``RunError`` when they are damaged.

    A run on a mixture has several: ``module`` says which.
    """
    return read_serving(workspace, run.path / "serving", f"Run {run.id}", module=module)


def read_serving(
    workspace: Workspace, folder: Path, title: str, *, module: str | None = None
) -> Serving:
    """What ``folder`` holds for ``module``, of a run or an exported model that ``title`` names."""
    names = modules_in(folder)
    if module is not None and names and module not in names:
        raise InputError(
            f"{title} wasn't trained on that module",
            value=module,
            remedy=f"It was on {', '.join(names)}.",
        )
    if any(folder.glob("*/manifest.json")):
        if module is None and len(names) != 1:
            raise InputError(
                f"{title} was trained on several modules",
                remedy=f"{instruct('choose module', ', '.join(names))}.",
            )
        folder = folder / (module or names[0])
    return load_serving(folder, title, workspace.embedder)


def run_view(run: RunDirectory) -> RunView:
    """The run as it is now."""
    state, reason = run.state()
    events = run.events()
    steps = tuple(e for e in events if e.kind == "step")
    with readable(run.path / "config.yaml"):
        settings = (run.path / "config.yaml").read_text(encoding="utf-8", errors="replace")
    config = _config(run)
    return RunView(
        run.id,
        state,
        reason,
        config,
        settings,
        dict(steps[-1].data) if steps else {},
        steps,
        tuple(e for e in events if e.kind == "validation"),
        _evaluating(events),
        _saving(events),
        run.log_tail(),
        where(run),
        asked_rows(events, config),
        written_check(run),
        padding_reason(events),
        "" if state in FINAL else stage(events),
    )


def _saving(events: Sequence[RunEvent]) -> dict[str, Any]:
    """How far the saving is; nothing of a saving that was broken off before."""
    for event in reversed(events):
        if event.kind == "saving":
            return dict(event.data)
        if event.kind == "state":
            break
    return {}


def _evaluating(events: list[RunEvent]) -> int:
    last = events[-1] if events else None
    return int(last.data.get("rows", 0)) if last is not None and last.kind == "evaluating" else 0


def _config(run: RunDirectory) -> TrainConfig | None:
    try:
        return run.config()
    except RaduError:
        return None


def stop_run(workspace: Workspace, name: str) -> RunState:
    """Stop a run: it saves what it has learnt; within 10 s no process of it is left."""
    return stop(open_run(workspace, name))


def resume(workspace: Workspace, name: str) -> RunDirectory:
    """Continue a stopped, failed or lost run from its last checkpoint."""
    run = open_run(workspace, name)
    state, reason = run.state()
    if state not in ("stopped", "failed", "lost"):
        raise InputError(
            f"Run {run.id} is {state}. {reason}".rstrip(),
            remedy="Only a stopped, failed or lost run can be resumed.",
        )
    config, launcher = run.config(), launcher_of(run)
    if isinstance(launcher, Local):
        read_dataset(config.dataset)  # says so if it is gone
    launcher.launch(run, model_directory(config.base_model, workspace.models))
    return run
