"""Many decisions in one transaction, and all of them taken back in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from radu_core.errors import NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.store.rows import columns_before, columns_of, state_of
from radu_core.store.tables import events, exemplars

__all__ = ["KIND", "accept", "undo"]

KIND = "accepted in bulk"


def accept(
    connection: Connection,
    module: str,
    decided: Sequence[tuple[AnnotatedExemplar, int]],
    *,
    who: str,
    now: datetime,
    batch: str,
) -> list[str]:
    """Store decisions (an exemplar as decided, and the revision it was seen at), each an event.

    ``batch`` joins them. Returns the ids that were changed in between: those stay as they are.
    """
    changed = []
    for exemplar, revision in decided:
        row = _row(connection, module, exemplar.id)
        if row is None or row["revision"] != revision:
            changed.append(exemplar.id)
            continue
        text = exemplar.model_dump_json()
        values = {**columns_of(exemplar, text), "flag": None, "decided": 1}
        _change(connection, row, values, who=who, now=now, kind=_event_kind(batch))
    return changed


def undo(
    connection: Connection, module: str, batch: str, *, who: str, now: datetime
) -> tuple[list[str], list[str]]:
    """Take a batch back: the ids that are as before, and those decided again since, which stay.

    What was taken back already is in neither. ``NotFoundError`` if there is no such batch.
    """
    mine = (events.c.module == module) & (events.c.kind == _event_kind(batch))
    query = select(events.c.exemplar, events.c.id, events.c.before).where(mine)
    found = connection.execute(query.order_by(events.c.exemplar)).all()
    if not found:
        raise NotFoundError(
            f"Nothing was accepted in bulk in {module} under that number",
            value=batch,
            remedy="It was shown when they were accepted, and stands in each one's history.",
        )
    back, since = [], []
    for id_, event, before in found:
        standing = _standing(connection, module, id_)
        row = _row(connection, module, id_)
        if row is None or event not in standing:
            continue
        if standing[-1] != event:
            since.append(id_)
            continue
        _change(connection, row, columns_before(before), who=who, now=now, kind="restored")
        back.append(id_)
    return back, since


def _event_kind(batch: str) -> str:
    return f"{KIND} {batch}"


def _row(connection: Connection, module: str, id: str) -> RowMapping | None:
    query = select(exemplars).where(exemplars.c.module == module, exemplars.c.id == id)
    return connection.execute(query).mappings().first()


def _change(
    connection: Connection,
    row: RowMapping,
    values: Mapping[str, Any],
    *,
    who: str,
    now: datetime,
    kind: str,
) -> None:
    """Set columns of one exemplar, with an event that holds the row as it was before."""
    where = (exemplars.c.module == row["module"]) & (exemplars.c.id == row["id"])
    changed = {**values, "revision": row["revision"] + 1, "updated": now}
    connection.execute(update(exemplars).where(where).values(**changed))
    connection.execute(
        insert(events).values(
            module=row["module"], exemplar=row["id"], at=now, who=who, kind=kind,
            before=state_of(row), after=values["data"],
        )
    )  # fmt: skip


def _standing(connection: Connection, module: str, id: str) -> list[int]:
    """The decisions (numbers of events) about an exemplar that stand, oldest first."""
    query = select(events.c.id, events.c.kind, events.c.before.is_not(None).label("has"))
    where = (events.c.module == module) & (events.c.exemplar == id)
    standing: list[int] = []
    for event in connection.execute(query.where(where).order_by(events.c.id)):
        if event.kind == "restored":
            standing = standing[:-1]
        elif event.has and event.kind != "imported":
            standing.append(event.id)
    return standing
