"""How far a module is, and what has been decided since a time. Only indexes are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from radu_core.store import tagging
from radu_core.store.tables import events, exemplars

__all__ = ["DECISIONS", "Progress", "progress"]

# Kinds of events that are a person's decision about one exemplar: not what was accepted in bulk.
# One that several had to agree on is counted as the opinions it was made of.
DECISIONS = ("labelled", "placed", "corrected", "kept", "discarded", "adjudicated", "opinion")
_TAKES_BACK = ("restored", "withdrawn")


@dataclass(frozen=True)
class Progress:
    """How many exemplars are resolved, of how many, and who decided them.

    Decisions since then that stand, by anybody and by one person; one that was taken back isn't
    counted, whoever took it back.
    """

    resolved: int
    total: int
    today: int
    mine: int


def progress(connection: Connection, module: str, *, who: str, since: datetime) -> Progress:
    """How far ``module`` is, and the decisions since a time, those of ``who`` apart."""
    of_module = exemplars.c.module == module
    total = connection.scalar(select(func.count()).where(of_module)) or 0
    resolved = select(func.count()).where(of_module, exemplars.c.outcome == "resolved")
    decisions = select(events.c.who, func.count()).where(
        events.c.module == module, events.c.at >= since, events.c.kind.in_(DECISIONS)
    )
    rows = connection.execute(decisions.group_by(events.c.who))
    people = Counter({row.who: int(row[1]) for row in rows})
    people.subtract(_count_withdrawn(connection, module, since))
    return Progress(
        int(connection.scalar(resolved) or 0), int(total), sum(people.values()), people[who]
    )


def _count_withdrawn(connection: Connection, module: str, since: datetime) -> Counter[str]:
    """By person, how many of the decisions since then were taken back."""
    recent = (events.c.module == module) & (events.c.at >= since)
    undone = select(events.c.exemplar).where(recent, events.c.kind.in_(_TAKES_BACK)).distinct()
    columns = (
        events.c.exemplar,
        events.c.who,
        events.c.kind,
        events.c.note,
        events.c.before.is_not(None).label("has"),
    )
    query = select(*columns).where(recent, events.c.exemplar.in_(undone))
    histories: dict[str, list[Row[Any]]] = {}
    for event in connection.execute(query.order_by(events.c.id)):
        histories.setdefault(event.exemplar, []).append(event)
    return sum((_count_taken_back(history) for history in histories.values()), Counter())


def _count_taken_back(history: Iterable[Row[Any]]) -> Counter[str]:
    """Whose decisions in one exemplar's events, oldest first, were taken back in them.

    The events mean what they mean in ``changes``: "restored" without a note takes back the last
    decision that stands, which may be older than these events; "withdrawn" that person's last
    opinion.
    """
    standing: list[Row[Any]] = []
    opinions: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for event in history:
        if event.kind == "opinion":
            opinions[event.who] += 1
        elif event.kind == "withdrawn":
            if opinions[event.who]:
                opinions[event.who] -= 1
                counts[event.who] += 1
        elif event.kind == "restored" and event.note is None:
            last = standing.pop() if standing else None
            if last is not None and last.kind in DECISIONS:
                counts[last.who] += 1
        elif event.has and event.kind not in ("imported", *tagging.KINDS):
            standing.append(event)
    return counts
