"""Opinions: what each annotator would decide, where several are asked about one item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from radu_core.exemplars import AnnotatedExemplar
from radu_core.store import renames, tagging
from radu_core.store.changes import NOT_IMPORTED, Writing, add_event
from radu_core.store.rows import aware
from radu_core.store.stored_json import exemplar_text, read_exemplar
from radu_core.store.tables import events, opinions

__all__ = ["Opinion", "give", "opinions_of", "with_opinions", "withdraw"]


@dataclass(frozen=True)
class Opinion:
    """The exemplar as one person would have it; ``standing`` while it counts for a decision."""

    id: str
    who: str
    at: datetime
    exemplar: AnnotatedExemplar
    standing: bool


def opinions_of(
    connection: Connection, module: str, ids: Sequence[str] | None = None, *, standing: bool = True
) -> list[Opinion]:
    """The opinions about these exemplars (None: all) in the order they were given.

    ``standing`` leaves those that count for a decision to come; False gives the decided ones too.
    """
    query = select(opinions).where(opinions.c.module == module)
    if ids is not None:
        query = query.where(opinions.c.exemplar.in_(list(ids)))
    if standing:
        query = query.where(opinions.c.standing == 1)
    sorted_query = query.order_by(opinions.c.exemplar, opinions.c.at, opinions.c.who)
    return [
        Opinion(
            r["exemplar"],
            r["who"],
            aware(r["at"]),
            read_exemplar(r["data"], module=module, id=r["exemplar"]),
            bool(r["standing"]),
        )
        for r in connection.execute(sorted_query).mappings()
    ]


def with_opinions(w: Writing) -> list[str]:
    """The exemplars about which somebody has an opinion that counts, by id."""
    where = (opinions.c.module == w.module) & (opinions.c.standing == 1)
    query = select(opinions.c.exemplar).where(where).distinct().order_by(opinions.c.exemplar)
    return list(w.connection.scalars(query))


def give(w: Writing, exemplar: AnnotatedExemplar, *, note: str | None = None) -> None:
    """Store this person's opinion; it replaces the one they had."""
    data = exemplar_text(exemplar)
    _put(w, exemplar.id, data)
    add_event(w, exemplar.id, "opinion", None, data, note)


def withdraw(w: Writing, id: str) -> None:
    """Take this person's opinion back; the one before it in this round counts again, if any."""
    where = (events.c.module == w.module) & (events.c.exemplar == id)
    query = select(events.c.id, events.c.kind, events.c.who, events.c.after).where(where)
    withdrawals: list[tuple[str, int]] = []
    for event in w.connection.execute(query.order_by(events.c.id)):
        if event.kind == "opinion" and event.who == w.who:
            withdrawals.append((event.after, event.id))
        elif event.kind == "withdrawn" and event.who == w.who:
            withdrawals = withdrawals[:-1]
        elif event.kind not in _WITHIN_A_ROUND:
            withdrawals = []
    _put(w, id, _with_new_names(w, *withdrawals[-2]) if len(withdrawals) > 1 else None)
    add_event(w, id, "withdrawn", None, None)


def _with_new_names(w: Writing, data: str, event: int) -> str:
    """An exemplar's JSON of an event, with the names that functions and slots have now."""
    list_of_renames = renames.list_renames(w.connection, w.module)
    return str(renames.in_state({"data": data}, list_of_renames, after=event)["data"])


# What may happen while opinions are collected; any other event begins a new round. The decision
# that the last opinion led to is taken back together with it.
_WITHIN_A_ROUND = (
    "opinion",
    "withdrawn",
    "commented",
    "flagged",
    "agreed",
    "disputed",
    "restored",
    NOT_IMPORTED,
    "renamed",
    "split",
    "trashed",
    "brought back",
    *tagging.KINDS,
)


def _put(w: Writing, id: str, data: str | None) -> None:
    where = (opinions.c.module == w.module) & (opinions.c.exemplar == id)
    w.connection.execute(delete(opinions).where(where, opinions.c.who == w.who))
    if data is not None:
        row = {"module": w.module, "exemplar": id, "who": w.who, "at": w.now}
        w.connection.execute(insert(opinions).values(**row, data=data, standing=1))
