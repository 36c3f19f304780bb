"""What is trained is what was checked: every row's hash, kept at launch and compared after
collation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from radu_core.errors import NotFoundError, RaduError, RunError
from radu_core.files import read_json, write_json
from radu_core.training.encoding import IGNORED, Collator, Encoded, Preflight, row_hash
from radu_core.training.runs import RunDirectory

__all__ = ["FILE", "Tokens", "check_tokens", "collated_hashes", "keep_tokens", "template_of"]

FILE = "tokens.json"
_DIGITS = 16  # of a row's hash that are kept
_AT_ONCE = 32


class Tokens(BaseModel):
    """``tokens.json``: what a run's rows were when they were checked.

    ``train`` and ``validation`` hold a hash per row, of its ids and labels. ``template`` is the
    chat template the rows were written with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens_hash: str
    tokenizer_hash: str
    dataset_hash: str
    template: str | None
    train: tuple[str, ...]
    validation: tuple[str, ...]


def keep_tokens(run: RunDirectory, rows: Preflight) -> None:
    """Write what was checked into the run's directory."""
    write_json(run.path / FILE, _tokens(rows).model_dump(mode="json"))


def _tokens(rows: Preflight) -> Tokens:
    def hashes(some: Sequence[Encoded]) -> tuple[str, ...]:
        return tuple(row_hash(r.input_ids, r.labels)[:_DIGITS] for r in some)

    return Tokens(
        tokens_hash=rows.tokens_hash,
        tokenizer_hash=rows.tokenizer_hash,
        dataset_hash=rows.dataset_hash,
        template=rows.template,
        train=hashes(rows.train),
        validation=hashes(rows.validation),
    )


def collated_hashes(collate: Any, rows: Sequence[Encoded]) -> list[str]:
    """The hash of every row as it leaves the collator, padding stripped.

    A label on padding counts as part of the row: it would be learnt.
    """
    found = []
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        batch = collate([{"input_ids": r.input_ids, "labels": r.labels} for r in part])
        real = batch["attention_mask"].bool()
        labelled = real | (batch["labels"] != IGNORED)
        for ids, labels, kept, said in zip(
            batch["input_ids"], batch["labels"], real, labelled, strict=True
        ):
            found.append(row_hash(ids[kept].tolist(), labels[said].tolist())[:_DIGITS])
    return found


def check_tokens(run: RunDirectory, rows: Preflight, collate: Collator) -> None:
    """``RunError`` unless the collator feeds what was checked at launch, row by row.

    A run that was never checked (it wasn't launched by a workflow) keeps what it begins with, so
    that it is resumed on the same.
    """
    checked = _kept(run)
    if checked is None:
        _same_as_begun(run, rows)
        keep_tokens(run, rows)
        checked = _tokens(rows)
    why = _changed(checked, rows)
    for split, kept in (("train", checked.train), ("validation", checked.validation)):
        fed = collated_hashes(collate, getattr(rows, split))
        if fed != list(kept):
            raise _differ(run, f"{_first(fed, kept, split)}{why}")


def template_of(run: RunDirectory) -> str | None:
    """The chat template that a run's rows were written with; None: they were plain text."""
    checked = _kept(run)
    return None if checked is None else checked.template


def _kept(run: RunDirectory) -> Tokens | None:
    path = run.path / FILE
    try:
        return Tokens.model_validate(read_json(path))
    except NotFoundError:
        return None
    except (RaduError, ValidationError) as error:
        raise RunError(
            f"{path} is damaged: it says what the run's rows were when it was launched",
            remedy="Restore a backup of the run, or launch it anew.",
        ) from error


def _same_as_begun(run: RunDirectory, rows: Preflight) -> None:
    """Of a run from before ``tokens.json``: what its events say it began with."""
    begun = next((e.data for e in run.events() if e.kind == "preflight"), None)
    if begun is not None and begun.get("tokens_hash") != rows.tokens_hash:
        raise _differ(run, f"the hash was {begun.get('tokens_hash')} and is {rows.tokens_hash}")


def _first(fed: Sequence[str], kept: Sequence[str], split: str) -> str:
    if len(fed) != len(kept):
        return f"{len(kept)} {split} rows were checked, and there are {len(fed)}"
    at = next(i for i, (a, b) in enumerate(zip(fed, kept, strict=True)) if a != b)
    return f"{split} row {at + 1} was {kept[at]} and is {fed[at]}"


def _changed(checked: Tokens, rows: Preflight) -> str:
    """What makes the difference, as far as it is known."""
    if checked.template != rows.template:
        return "; the chat template has changed"
    if checked.tokenizer_hash != rows.tokenizer_hash:
        return "; the base model's tokenizer has changed"
    if checked.dataset_hash != rows.dataset_hash:
        return "; the dataset has changed"
    return ""


def _differ(run: RunDirectory, what: str) -> RunError:
    return RunError(
        f"What run {run.id} would train on has changed since it was launched: the tokens or labels "
        f"aren't those that were checked ({what})",
        remedy="Put dataset, base model and chat template back as they were, or launch a new run.",
    )
