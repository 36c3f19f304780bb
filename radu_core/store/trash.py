"""The trash: exemplars and modules that were deleted, and can be brought back or erased.

An exemplar in the trash is in no other table but its history, so nothing else finds it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, delete, func, insert, select, update

from radu_core.errors import ConflictError, DamagedError, NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json
from radu_core.instructions import instruct
from radu_core.store import bulk, renames
from radu_core.store.changes import Writing, put_texts
from radu_core.store.derived import slots_of
from radu_core.store.records import Trashed
from radu_core.store.rows import aware, columns_of
from radu_core.store.stored_json import read_exemplar, read_json_column
from radu_core.store.tables import (
    events,
    exemplars,
    leases,
    modules,
    opinions,
    skips,
    texts,
    trash,
)

__all__ = [
    "UNREADABLE",
    "bring_back",
    "bring_module_back",
    "count",
    "ids",
    "list_trash",
    "newest_numbers",
    "oldest",
    "put",
    "put_module",
]

UNREADABLE = "(can't be read from the database)"
_TRASHED = "trashed"
_BACK = "brought back"


def put(w: Writing, ids: Sequence[str], *, note: str, batch: int | None = None) -> list[str]:
    """Move exemplars to the trash, with the opinions about them; the ids of those there were."""
    moved_ids: list[str] = []
    for part in bulk.parts(ids):
        rows = bulk.rows_of(w, part)
        if rows:
            _put_part(w, rows, note, batch)
            moved_ids += [id_ for id_ in part if id_ in rows]
    return moved_ids


def _put_part(w: Writing, rows: dict[str, RowMapping], note: str, batch: int | None) -> None:
    about: dict[str, list[dict[str, Any]]] = {id_: [] for id_ in rows}
    query = select(opinions).where(opinions.c.module == w.module, opinions.c.exemplar.in_(rows))
    for opinion in w.connection.execute(query.order_by(opinions.c.who)).mappings():
        about[opinion["exemplar"]].append(_as_json(opinion))
    common = {"module": w.module, "at": w.now, "who": w.who, "note": note}
    w.connection.execute(
        insert(trash),
        [
            {
                **common,
                "exemplar": id_,
                "batch": batch,
                "data": canonical_json({"row": _as_json(row), "opinions": about[id_]}),
            }
            for id_, row in rows.items()
        ],
    )
    _forget(w, list(rows))
    event = {**common, "kind": _TRASHED, "before": None, "after": None}
    w.connection.execute(insert(events), [{**event, "exemplar": id_} for id_ in rows])


def _forget(w: Writing, ids: Sequence[str]) -> None:
    for table, column in (
        (leases, leases.c.exemplar),
        (skips, skips.c.exemplar),
        (opinions, opinions.c.exemplar),
        (texts, texts.c.id),
        (exemplars, exemplars.c.id),
    ):
        w.connection.execute(delete(table).where(table.c.module == w.module, column.in_(ids)))


def _as_json(row: RowMapping) -> dict[str, Any]:
    return {k: aware(v).isoformat() if isinstance(v, datetime) else v for k, v in row.items()}


def bring_back(w: Writing, numbers: Sequence[int], *, note: str | None = None) -> list[str]:
    """Bring exemplars back, by their numbers in the trash; the ids of those that can't come back.

    An id that is in use again keeps the old exemplar in the trash.
    """
    blocked: list[str] = []
    for part in bulk.parts(numbers):
        own = (trash.c.module == w.module) & trash.c.id.in_(part)
        row_by_number = {
            row.exemplar: row for row in w.connection.execute(select(trash).where(own))
        }
        used_ids = set(bulk.revisions(w, list(row_by_number)))
        blocked += sorted(used_ids)
        back = {id_: row for id_, row in row_by_number.items() if id_ not in used_ids}
        if back:
            all_renames = renames.list_renames(w.connection, w.module)
            _restore(w, {id_: _with_new_names(row, all_renames) for id_, row in back.items()}, note)
            mine = trash.c.id.in_([row.id for row in back.values()])
            w.connection.execute(delete(trash).where(mine))
    return blocked


def _with_new_names(row: Row[Any], all_renames: Sequence[renames.Rename]) -> dict[str, Any]:
    """What the trash holds of an exemplar, with the names that were given since."""
    contents: dict[str, Any] = json.loads(row.data)
    for rename in all_renames:
        if rename.at is not None and rename.at > aware(row.at):
            contents["row"] |= renames.in_row(rename, contents["row"])
            for opinion in contents["opinions"]:
                opinion.update(renames.in_row(rename, opinion))
    return contents


def _restore(w: Writing, contents_by_id: dict[str, dict[str, Any]], note: str | None) -> None:
    rows, items = [], []
    for id_, one in contents_by_id.items():
        row = one["row"]
        item = read_exemplar(row["data"], module=w.module, id=id_)
        columns = {**columns_of(item, row["data"]), "slots": slots_of(item.arguments)}
        rows.append({**row, **columns, "updated": w.now, "revision": row["revision"] + 1})
        items.append(item)
    w.connection.execute(insert(exemplars), rows)
    put_texts(w, items)
    about = [
        {**opinion, "at": datetime.fromisoformat(opinion["at"])}
        for one in contents_by_id.values()
        for opinion in one["opinions"]
    ]
    if about:
        w.connection.execute(insert(opinions), about)
    common = {"module": w.module, "at": w.now, "who": w.who, "kind": _BACK, "note": note}
    event = {**common, "before": None, "after": None}
    w.connection.execute(insert(events), [{**event, "exemplar": id_} for id_ in contents_by_id])


def newest_numbers(
    connection: Connection, module: str, ids: Iterable[str], *, batch: int | None = None
) -> dict[str, int]:
    """By id, the number in the trash of each of these exemplars that is there: the newest."""
    numbers: dict[str, int] = {}
    for part in bulk.parts(list(ids)):
        own = (trash.c.module == module) & trash.c.exemplar.in_(part)
        if batch is not None:
            own &= trash.c.batch == batch
        query = select(trash.c.exemplar, trash.c.id).where(own).order_by(trash.c.id)
        numbers |= {row.exemplar: row.id for row in connection.execute(query)}
    return numbers


def oldest(connection: Connection, numbers: Iterable[int]) -> datetime | None:
    """When the first of these came to the trash; None: none of them is there."""
    dates = [
        aware(at)
        for part in bulk.parts(list(numbers))
        if (at := connection.scalar(select(func.min(trash.c.at)).where(trash.c.id.in_(part))))
    ]
    return min(dates, default=None)


def list_trash(
    connection: Connection, module: str, *, limit: int, ids: Sequence[str] | None = None
) -> list[Trashed]:
    """What of a module lies in the trash (of these ids), newest first, ``limit`` at most."""
    query = select(trash).where(trash.c.module == module).order_by(trash.c.id.desc())
    if ids is not None:
        query = query.where(trash.c.exemplar.in_(ids))
    return [
        Trashed(
            row["id"],
            row["module"],
            _exemplar(row),
            aware(row["at"]),
            row["who"],
            row["note"] or "",
        )
        for row in connection.execute(query.limit(limit)).mappings()
    ]


def _exemplar(row: RowMapping) -> AnnotatedExemplar:
    """What lies there; one that can't be read is shown by its id, so that it can be deleted."""
    id_ = row["exemplar"]
    try:
        contents = read_json_column(row["data"], f"What the trash holds of {id_}", dict)
        return read_exemplar(contents["row"]["data"], module=row["module"], id=id_)
    except (DamagedError, LookupError, TypeError):
        return AnnotatedExemplar(id=id_, utterance=UNREADABLE, unlabelled=True)


def count(connection: Connection, module: str) -> int:
    """How many exemplars of a module lie in the trash."""
    return int(connection.scalar(select(func.count()).where(trash.c.module == module)) or 0)


def ids(connection: Connection, module: str) -> list[str]:
    """The ids of all exemplars of a module in the trash, sorted."""
    query = select(trash.c.exemplar).where(trash.c.module == module).distinct()
    return sorted(connection.scalars(query))


def put_module(w: Writing) -> None:
    """Move the whole module to the trash: nothing lists or opens it any more."""
    own = modules.c.id == w.module
    if w.connection.scalar(select(modules.c.id).where(own, modules.c.trashed.is_(None))) is None:
        raise NotFoundError("No such module", value=w.module, remedy=f"{instruct('list modules')}.")
    w.connection.execute(update(modules).where(own).values(trashed=w.now, trashed_by=w.who))
    w.connection.execute(delete(leases).where(leases.c.module == w.module))
    _tell(w, _TRASHED)


def bring_module_back(w: Writing) -> None:
    """Bring a module back from the trash."""
    own = (modules.c.id == w.module) & modules.c.trashed.is_not(None)
    result = w.connection.execute(update(modules).where(own).values(trashed=None, trashed_by=None))
    if not result.rowcount:
        raise ConflictError(
            "No module of that id is in the trash",
            value=w.module,
            remedy=f"To see what is there, {instruct('list trashed modules')}.",
        )
    _tell(w, _BACK)


def _tell(w: Writing, kind: str) -> None:
    event = {"module": w.module, "exemplar": None, "at": w.now, "who": w.who, "kind": kind}
    w.connection.execute(insert(events).values(**event, before=None, after=None, note=None))
