"""What every importer gives: exemplars, and all that isn't read as it stands, counted and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radu_core.errors import FormatError, InputError, shorten
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import RepeatedKeyError, parse_json
from radu_core.numbers import NumberError
from radu_core.schema import Schema

__all__ = [
    "Given",
    "Imported",
    "Notice",
    "Rejection",
    "RowError",
    "Tally",
    "check_options",
    "load_json",
    "row_json",
]


@dataclass(frozen=True)
class Rejection:
    """A row that can't be taken: where it is, what is wrong with which field, and the remedy.

    ``line`` counts from 1 in ``source``: lines of a file, tools of a list, turns of a dialogue.
    """

    line: int
    field: str
    value: str
    problem: str
    remedy: str
    source: str = ""


@dataclass(frozen=True)
class Tally:
    """How often one thing was done to accepted rows, and where first."""

    count: int
    example: str


@dataclass(frozen=True)
class Notice:
    """Something to know of a row that isn't rejected.

    ``kind`` is "repeated" (skipped: the same row stands before it) or "conflict" (taken, but the
    same text has other labels elsewhere).
    """

    line: int
    kind: str
    utterance: str
    detail: str
    source: str = ""


@dataclass(frozen=True)
class Given:
    """A row that was read, with its place; ``own_id`` says that its id stands in the file."""

    line: int
    source: str
    exemplar: AnnotatedExemplar
    own_id: bool


@dataclass(frozen=True)
class Imported:
    """What a file gave: ``rows`` = exemplars + rejections + the sum of ``skipped``.

    ``left_out`` counts values, by reason, that accepted rows lost; ``ignored`` columns, keys and
    messages that aren't read, by name, with the number of their values; ``normalised`` what was
    read as something else than it is written, by kind. ``notes`` are about the file as a whole.
    ``source`` is the file's name. ``given`` are the rows that the exemplars were, with the ids
    that they were read with. ``misplaced`` gives, by its number among the rejections, a row that
    was rejected only because its spans aren't inside the utterance, overlap, or because its
    template doesn't fit.
    """

    schema: Schema | None
    exemplars: tuple[AnnotatedExemplar, ...]
    rejections: tuple[Rejection, ...]
    rows: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)
    normalised: Mapping[str, Tally] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    notes: tuple[str, ...] = ()
    source: str = ""
    given: tuple[Given, ...] = ()
    misplaced: Mapping[int, Given] = field(default_factory=dict)


class RowError(Exception):
    """A row is wrong in one field.

    Becomes a ``Rejection`` where its line is known. ``exemplar`` is the row where only its spans or
    its template are wrong.
    """

    def __init__(
        self,
        field: str,
        value: object,
        problem: str,
        remedy: str,
        exemplar: AnnotatedExemplar | None = None,
    ) -> None:
        super().__init__(problem)
        self.exemplar = exemplar
        self.field = field
        self.value = value
        self.problem = problem
        self.remedy = remedy

    def at(self, line: int, source: str) -> Rejection:
        """The rejection of the row at ``line`` (from 1)."""
        return Rejection(line, self.field, shorten(self.value), self.problem, self.remedy, source)


def row_json(text: str, field: str, what: str, remedy: str) -> Any:
    """The JSON value of a row's text.

    ``RowError`` says that it isn't ``what``, or what it holds that can't be taken. ``field`` "":
    the text is the whole row.
    """
    try:
        return parse_json(text)
    except NumberError as error:
        where = ".".join(filter(None, (field, error.where)))
        raise RowError(where, text, error.problem, "Correct this value.") from error
    except RepeatedKeyError as error:
        where = ".".join(filter(None, (field, error.key)))
        problem = "stands twice in the same object"
        raise RowError(where, text, problem, "Keep one of the two.") from error
    except ValueError as error:
        raise RowError(field or "line", text, f"isn't {what} ({error})", remedy) from error


def check_options(format: str, options: Mapping[str, Any], names: Sequence[str]) -> None:
    """``InputError`` if there is an option that the format doesn't have."""
    unknown = sorted(set(options) - set(names))
    if unknown:
        raise InputError(
            f"{format} has no such option",
            value=unknown[0],
            remedy=f"It has {', '.join(names)}." if names else "It takes none.",
        )


def load_json(path: Path) -> Any:
    """The JSON value of a file that the user gave; ``FormatError`` if it isn't JSON."""
    try:
        return parse_json(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        if isinstance(error, NumberError):
            what = f"{path.name} can't be taken: {error}"
        elif not path.stat().st_size:
            what = f"{path.name} is empty"
        else:
            what = f"{path.name} isn't JSON ({error})"
        raise FormatError(what, remedy="Correct it, or choose another file.") from error
