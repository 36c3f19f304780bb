"""A row of a dataset's file: the one shape that rows have on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from radu_core.errors import DatasetError
from radu_core.files import canonical_json, readable
from radu_core.prompts import PromptRow

__all__ = ["DatasetRow", "parse_row", "read_rows", "row_id"]


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A prompt with its completion, what it is, and which exemplar of which module it is of.

    ``task`` and ``kind`` are those of ``PromptRow``, as are the fields from ``negative`` to
    ``answer_present``. ``exemplar_hash`` changes with the exemplar's labels. ``tokens`` counts
    prompt, completion and end token (None: nobody counted); ``copy`` is above 0 where a mixture
    repeats a row.
    """

    id: str
    module: str
    prompt: str
    completion: str
    task: str
    kind: str
    function: str | None
    slot: str | None
    exemplar_id: str
    exemplar_hash: str
    negative: bool
    candidates: tuple[str, ...]
    exemplar_ids: tuple[str, ...]
    answer_present: bool
    tokens: int | None = None
    copy: int = 0

    @classmethod
    def of(
        cls, row: PromptRow, *, id: str, module: str, exemplar_hash: str, tokens: int | None
    ) -> DatasetRow:
        """The row that a prompt is written as."""
        return cls(
            id=id,
            module=module,
            prompt=row.prompt,
            completion=row.completion,
            task=row.strategy,
            kind=row.kind,
            function=row.function,
            slot=row.slot,
            exemplar_id=row.exemplar_id,
            exemplar_hash=exemplar_hash,
            negative=row.negative,
            candidates=row.candidates,
            exemplar_ids=row.exemplar_ids,
            answer_present=row.answer_present,
            tokens=tokens,
        )

    @property
    def exemplar(self) -> str:
        """The exemplar's name among those of all modules."""
        return f"{self.module}\n{self.exemplar_id}"

    def as_json(self) -> dict[str, Any]:
        """Plain data; ``tokens`` and ``copy`` are left out where they say nothing."""
        data = {name: getattr(self, name) for name in _FIELDS}  # asdict's deep copy is slow
        for name, empty in (("tokens", None), ("copy", 0)):
            if data[name] == empty:
                del data[name]
        return data

    def line(self) -> str:
        """The row as a line of its file."""
        return canonical_json(self.as_json()) + "\n"


_FIELDS = tuple(field.name for field in fields(DatasetRow))


def parse_row(line: str | bytes) -> DatasetRow:
    """The row that a line holds; ``DatasetError`` for anything else."""
    try:
        data = json.loads(line)
        lists = {name: tuple(data[name]) for name in ("candidates", "exemplar_ids")}
        return DatasetRow(**{**data, **lists})
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(
            "A line of a dataset isn't a row",
            value=line[:80] if isinstance(line, str) else line[:80].decode(errors="replace"),
            remedy="Build the dataset again.",
        ) from error


def read_rows(directory: Path, split: str) -> Iterator[DatasetRow]:
    """The rows of a split, in file order."""
    path = directory / f"{split}.jsonl"
    if not path.is_file():
        raise DatasetError("No such split", value=str(path), remedy="Build the dataset again.")
    with readable(path), path.open("rb") as file:
        for line in file:
            yield parse_row(line)


def row_id(task: str, kind: str, exemplar_id: str, slot: str | None, number: int) -> str:
    """A row's id, the same in every dataset of its module: what it is, of which exemplar."""
    return "/".join([task, kind, exemplar_id, *([slot] if slot else []), str(number)])
