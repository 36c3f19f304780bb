"""What is trained is what was checked: rows by their hashes, and the base model by its files'.

Every row's hash is kept at launch and compared after collation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from radu_core.errors import NotFoundError, RaduError, RunError
from radu_core.files import content_hash, file_hash, read_json, readable, write_json
from radu_core.tokenizing import IGNORED, Collator, Encoded, row_hash
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import Preflight
from radu_core.training.run.layers import weight_files
from radu_core.words import quantity

__all__ = [
    "FILE",
    "Tokens",
    "base_hashes",
    "check_tokens",
    "collated_hashes",
    "keep_tokens",
    "template_of",
]

FILE = "tokens.json"
_DIGITS = 16  # of a row's hash that are kept
_AT_ONCE = 32
_ABOUT = ("transformers_version", "_name_or_path", "architectures")  # says nothing of what it does


class Tokens(BaseModel):
    """``tokens.json``: what a run's rows were when they were checked.

    ``train`` and ``validation`` hold a hash per row, of its ids and labels. ``template`` is the
    chat template the rows were written with. ``base`` has the SHA-256 of each file that makes the
    base model (``base_hashes``); None in a run from before that was kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens_hash: str
    tokenizer_hash: str
    dataset_hash: str
    template: str | None
    train: tuple[str, ...]
    validation: tuple[str, ...]
    base: dict[str, str] | None = None


def keep_tokens(run: RunDirectory, rows: Preflight, base: Path | None = None) -> None:
    """Write what was checked, and the base model's hashes, into the run's directory."""
    _write(run, _tokens(rows, base))


def _write(run: RunDirectory, tokens: Tokens) -> None:
    write_json(run.path / FILE, tokens.model_dump(mode="json"))


def base_hashes(directory: Path) -> dict[str, str]:
    """The SHA-256 of each file that says what a base model computes: its weights and config.

    A file is read once in a process, unless its size or time of change is another one.
    """
    hashes = {}
    for path in weight_files(directory):
        with readable(path):
            status = path.stat()
            hashes[path.name] = _file_hash(path, status.st_size, status.st_mtime_ns)
    config = read_json(directory / "config.json")
    settings = (
        {n: v for n, v in config.items() if n not in _ABOUT} if isinstance(config, dict) else {}
    )
    return {**hashes, "config.json": content_hash(settings)}


@lru_cache(maxsize=256)
def _file_hash(path: Path, _size: int, _changed: int) -> str:
    return file_hash(path)


def _tokens(rows: Preflight, base: Path | None) -> Tokens:
    def hashes(some: Sequence[Encoded]) -> tuple[str, ...]:
        return tuple(row_hash(r.input_ids, r.labels)[:_DIGITS] for r in some)

    return Tokens(
        tokens_hash=rows.tokens_hash,
        tokenizer_hash=rows.tokenizer_hash,
        dataset_hash=rows.dataset_hash,
        template=rows.template,
        train=hashes(rows.train),
        validation=hashes(rows.validation),
        base=None if base is None else base_hashes(base),
    )


def collated_hashes(collate: Any, rows: Sequence[Encoded]) -> list[str]:
    """The hash of every row as it leaves the collator, padding stripped.

    A label on padding counts as part of the row: it would be learnt.
    """
    hashes = []
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        batch = collate([{"input_ids": r.input_ids, "labels": r.labels} for r in part])
        real = batch["attention_mask"].bool()
        labelled = real | (batch["labels"] != IGNORED)
        for ids, labels, is_kept, is_supervised in zip(
            batch["input_ids"], batch["labels"], real, labelled, strict=True
        ):
            hashes.append(row_hash(ids[is_kept].tolist(), labels[is_supervised].tolist())[:_DIGITS])
    return hashes


def check_tokens(
    run: RunDirectory, rows: Preflight, collate: Collator, base: Path | None = None
) -> None:
    """Raise ``RunError`` unless the collator feeds what was checked at launch, row by row.

    And to the same base model: that is the directory ``base``; without one it isn't looked at.

    A run that was never checked (it wasn't launched by a workflow) keeps what it begins with, so
    that it is resumed on the same.
    """
    kept_tokens = _read_kept(run)
    if kept_tokens is None:
        _same_as_begun(run, rows)
        kept_tokens = _tokens(rows, base)
        _write(run, kept_tokens)
    why = _describe_change(kept_tokens, rows)
    for split, hashes in (("train", kept_tokens.train), ("validation", kept_tokens.validation)):
        fed = collated_hashes(collate, getattr(rows, split))
        if fed != list(hashes):
            raise _differ(run, f"{_first(fed, hashes, split)}{why}")
    if base is not None:
        _check_base(run, kept_tokens, base)


def _check_base(run: RunDirectory, kept_tokens: Tokens, base: Path) -> None:
    hashes = base_hashes(base)
    if kept_tokens.base is None:  # from before it was kept
        _write(run, kept_tokens.model_copy(update={"base": hashes}))
    elif what := _differences(kept_tokens.base, hashes):
        raise RunError(
            f"The base model of run {run.id} has changed since it was launched ({what}; it lies "
            f"in {base})",
            remedy="Put the base model back as it was, or launch a new run.",
        )


def _differences(old_hashes: Mapping[str, str], new_hashes: Mapping[str, str]) -> str:
    differences = []
    for name in sorted({*old_hashes, *new_hashes}):
        old, new = (hashes.get(name, "")[:_DIGITS] for hashes in (old_hashes, new_hashes))
        if not new:
            differences.append(f"{name} is gone")
        elif not old:
            differences.append(f"{name} is new")
        elif old_hashes[name] != new_hashes[name]:
            differences.append(f"{name} was {old} and is {new}")
    return "; ".join(differences)


def template_of(run: RunDirectory) -> str | None:
    """The chat template that a run's rows were written with; None: they were plain text."""
    kept_tokens = _read_kept(run)
    return None if kept_tokens is None else kept_tokens.template


def _read_kept(run: RunDirectory) -> Tokens | None:
    path = run.path / FILE
    try:
        return Tokens.model_validate(read_json(path))
    except NotFoundError:
        return None
    except (RaduError, ValidationError) as error:
        raise RunError(
            f"{path} is damaged: it says what the run's rows were when it was launched",
            remedy="Restore a backup of the run, or launch it again.",
        ) from error


def _same_as_begun(run: RunDirectory, rows: Preflight) -> None:
    """Of a run from before ``tokens.json``: what its events say it began with."""
    preflight = next((e.data for e in run.events() if e.kind == "preflight"), None)
    if preflight is not None and preflight.get("tokens_hash") != rows.tokens_hash:
        raise _differ(run, f"the hash was {preflight.get('tokens_hash')} and is {rows.tokens_hash}")


def _first(fed: Sequence[str], hashes: Sequence[str], split: str) -> str:
    if len(fed) != len(hashes):
        count_text = quantity(len(hashes), f"{split} row was", f"{split} rows were")
        return f"{count_text} checked, and there are {len(fed)}"
    at = next(i for i, (a, b) in enumerate(zip(fed, hashes, strict=True)) if a != b)
    return f"{split} row {at + 1} was {hashes[at]} and is {fed[at]}"


def _describe_change(kept_tokens: Tokens, rows: Preflight) -> str:
    """What makes the difference, as far as it is known."""
    if kept_tokens.template != rows.template:
        return "; the chat template has changed"
    if kept_tokens.tokenizer_hash != rows.tokenizer_hash:
        return "; the base model's tokenizer has changed"
    if kept_tokens.dataset_hash != rows.dataset_hash:
        return "; the dataset has changed"
    if rows.special:  # a run from before such rows were left out
        had = quantity(len(rows.special), "row has", "rows have")
        return f"; {had} a special token in the text and no part any more"
    return ""


def _differ(run: RunDirectory, what: str) -> RunError:
    return RunError(
        f"What run {run.id} would train on has changed since it was launched: the tokens or labels "
        f"aren't those that were checked ({what})",
        remedy="Put dataset, base model and chat template back as they were, or launch a new run.",
    )
