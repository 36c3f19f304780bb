"""How far a module is, and what has been decided since a time. Only indexes are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from radu_core.store.tables import events, exemplars

__all__ = ["DECISIONS", "Progress", "progress"]

# Kinds of events that are a person's decision about one exemplar: not what was accepted in bulk.
# One that several had to agree on is counted as the opinions it was made of.
DECISIONS = ("labelled", "placed", "corrected", "kept", "discarded", "adjudicated", "opinion")


@dataclass(frozen=True)
class Progress:
    """Exemplars resolved and in all; decisions since then, by anybody and by one person."""

    resolved: int
    total: int
    today: int
    mine: int


def progress(connection: Connection, module: str, *, who: str, since: datetime) -> Progress:
    """How far ``module`` is, and the decisions since a time, those of ``who`` apart."""
    of_module = exemplars.c.module == module
    total = connection.scalar(select(func.count()).where(of_module)) or 0
    resolved = select(func.count()).where(of_module, exemplars.c.outcome == "resolved")
    decided = select(events.c.who, func.count()).where(
        events.c.module == module, events.c.at >= since, events.c.kind.in_(DECISIONS)
    )
    rows = connection.execute(decided.group_by(events.c.who))
    people = {row.who: int(row[1]) for row in rows}
    return Progress(
        int(connection.scalar(resolved) or 0), int(total), sum(people.values()), people.get(who, 0)
    )
