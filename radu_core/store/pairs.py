"""Judgements about pairs: whether two exemplars of different functions really mean the same.

Rows are only added. The newest about a pair counts; "withdrawn" says that nobody has judged it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, RowMapping, insert, select

from radu_core.errors import InputError
from radu_core.store.changes import Writing, row_of
from radu_core.store.rows import aware
from radu_core.store.tables import judgements

__all__ = ["VERDICTS", "Judgement", "history", "judge", "list_judgements", "withdraw"]

VERDICTS = ("same", "different")
_WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Judgement:
    """What somebody said of two exemplars, ``first`` the smaller id."""

    first: str
    second: str
    verdict: Literal["same", "different", "withdrawn"]
    who: str
    at: datetime


def judge(w: Writing, one: str, other: str, verdict: str) -> None:
    """Say that two exemplars really mean the same, or that they don't.

    ``NotFoundError`` if one isn't there, ``InputError`` for one exemplar twice or another word.
    """
    if verdict not in VERDICTS:
        raise InputError("No such judgement", value=verdict, remedy=f"Use {' or '.join(VERDICTS)}.")
    if one == other:
        raise InputError("A pair is two exemplars", value=one, remedy="Name another one.")
    for id_ in (one, other):
        row_of(w, id_)
    _add(w, one, other, verdict)


def withdraw(w: Writing, one: str, other: str) -> None:
    """Take the judgement about a pair back, whoever made it; ``InputError`` if there is none."""
    past = history(w.connection, w.module, one, other)
    if not past or past[-1].verdict == _WITHDRAWN:
        raise InputError(
            "Nobody has judged that pair",
            value=f"{one}, {other}",
            remedy="Check both ids, or reload the page. Nothing was changed.",
        )
    _add(w, one, other, _WITHDRAWN)


def _add(w: Writing, one: str, other: str, verdict: str) -> None:
    first, second = sorted((one, other))
    row = {"module": w.module, "first": first, "second": second, "verdict": verdict}
    w.connection.execute(insert(judgements).values(**row, at=w.now, who=w.who))


def list_judgements(connection: Connection, module: str) -> list[Judgement]:
    """The judgements that count, one a pair, oldest first; none that was withdrawn."""
    query = select(judgements).where(judgements.c.module == module).order_by(judgements.c.id)
    newest: dict[tuple[str, str], Judgement] = {}
    for row in connection.execute(query).mappings():
        pair = (row["first"], row["second"])
        newest.pop(pair, None)  # so that the order is that of the newest
        if row["verdict"] != _WITHDRAWN:
            newest[pair] = _of(row)
    return list(newest.values())


def history(connection: Connection, module: str, one: str, other: str) -> list[Judgement]:
    """Everything that was said of a pair, oldest first."""
    first, second = sorted((one, other))
    query = select(judgements).where(
        judgements.c.module == module,
        judgements.c.first == first,
        judgements.c.second == second,
    )
    return [_of(r) for r in connection.execute(query.order_by(judgements.c.id)).mappings()]


def _of(row: RowMapping) -> Judgement:
    return Judgement(row["first"], row["second"], row["verdict"], row["who"], aware(row["at"]))
