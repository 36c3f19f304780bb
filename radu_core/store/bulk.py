"""Many decisions in one transaction, and all of them taken back in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from radu_core.errors import NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.store.rows import columns_before, columns_of, state_of
from radu_core.store.tables import events, exemplars

__all__ = ["KIND", "accept", "undo"]

KIND = "accepted in bulk"
_PART = 500
_T = TypeVar("_T")


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
    for part in _parts(decided):
        rows = _rows(connection, module, [exemplar.id for exemplar, _ in part])
        changes = []
        for exemplar, revision in part:
            row = rows.get(exemplar.id)
            if row is None or row["revision"] != revision:
                changed.append(exemplar.id)
                continue
            values = columns_of(exemplar, exemplar.model_dump_json())
            changes.append((row, {**values, "flag": None, "decided": 1}))
        _change(connection, changes, who=who, now=now, kind=_event_kind(batch))
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
    for part in _parts(found):
        ids = [id_ for id_, _, _ in part]
        rows, standing = _rows(connection, module, ids), _standing(connection, module, ids)
        changes = []
        for id_, event, before in part:
            if event not in standing[id_]:
                continue
            if standing[id_][-1] != event:
                since.append(id_)
                continue
            changes.append((rows[id_], columns_before(before)))
            back.append(id_)
        _change(connection, changes, who=who, now=now, kind="restored")
    return back, since


def _event_kind(batch: str) -> str:
    return f"{KIND} {batch}"


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """A few hundred at a time, by statements for many: while it lasts, nobody else can save."""
    for start in range(0, len(items), _PART):
        yield items[start : start + _PART]


def _rows(connection: Connection, module: str, ids: Sequence[str]) -> dict[str, RowMapping]:
    query = select(exemplars).where(exemplars.c.module == module, exemplars.c.id.in_(ids))
    return {row["id"]: row for row in connection.execute(query).mappings()}


def _change(
    connection: Connection,
    changes: Sequence[tuple[RowMapping, Mapping[str, Any]]],
    *,
    who: str,
    now: datetime,
    kind: str,
) -> None:
    """Set the same columns of several exemplars, with events that hold the rows as they were."""
    if not changes:
        return
    new = [{**values, "revision": row["revision"] + 1, "updated": now} for row, values in changes]
    statement = (
        update(exemplars)
        .where(exemplars.c.module == bindparam("key_module"), exemplars.c.id == bindparam("key_id"))
        .values({column: bindparam(f"new_{column}") for column in new[0]})
    )
    connection.execute(
        statement,
        [
            {"key_module": row["module"], "key_id": row["id"]}
            | {f"new_{column}": value for column, value in values.items()}
            for (row, _), values in zip(changes, new, strict=True)
        ],
    )
    connection.execute(
        insert(events),
        [
            {
                "module": row["module"], "exemplar": row["id"], "at": now, "who": who,
                "kind": kind, "before": state_of(row), "after": values["data"],
            }
            for row, values in changes
        ],
    )  # fmt: skip


def _standing(connection: Connection, module: str, ids: Sequence[str]) -> dict[str, list[int]]:
    """The decisions (numbers of events) about each exemplar that stand, oldest first."""
    columns = (events.c.exemplar, events.c.id, events.c.kind, events.c.before.is_not(None))
    query = select(*columns).where(events.c.module == module, events.c.exemplar.in_(ids))
    standing: dict[str, list[int]] = {id_: [] for id_ in ids}
    for id_, event, kind, has_before in connection.execute(query.order_by(events.c.id)):
        if kind == "restored":
            standing[id_] = standing[id_][:-1]
        elif has_before and kind != "imported":
            standing[id_].append(event)
    return standing
