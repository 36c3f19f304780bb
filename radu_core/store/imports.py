"""Imports: rows come in as one batch, which remembers what it did to each exemplar."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from radu_core.errors import NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json
from radu_core.instructions import instruct
from radu_core.store import bulk
from radu_core.store.changes import NOT_IMPORTED, Writing, put_texts, standing_people
from radu_core.store.records import ImportRecord, NewBatch, PutCounts
from radu_core.store.rows import aware, new_row, state_of
from radu_core.store.stored_json import exemplar_text
from radu_core.store.tables import events, exemplars, import_rows, imports

__all__ = [
    "begin",
    "find",
    "finish",
    "list_imports",
    "newest",
    "put",
    "remember",
    "standing_details",
]

_PART = 1_000
_LARGEST = 2**31 - 1  # of a column of numbers
_KEY = ("module", "id", "revision", "updated")  # what a row keeps, or gets with every change


def begin(w: Writing, batch: NewBatch) -> int:
    """Write a batch down; its number."""
    values = {
        "module": w.module,
        "kind": batch.kind,
        "source": batch.source,
        "content_hash": batch.content_hash,
        "at": w.now,
        "who": w.who,
        "rows": batch.rows,
        "accepted": batch.accepted,
        "rejections": canonical_json([dict(r) for r in batch.rejections]),
        "details": canonical_json(dict(batch.details)),
        "schema_before": batch.schema_before,
        "schema_after": batch.schema_after,
        "undone": 0,
    }
    key = w.connection.execute(insert(imports).values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def finish(w: Writing, number: int, details: Mapping[str, Any]) -> None:
    """Add what is known of a batch once its rows are in."""
    own = imports.c.id == number
    before = json.loads(w.connection.scalar(select(imports.c.details).where(own)) or "{}")
    text = canonical_json({**before, **details})
    w.connection.execute(update(imports).where(own).values(details=text))


def put(w: Writing, number: int, items: Iterable[AnnotatedExemplar]) -> PutCounts:
    """Store the rows of an import, some at a time: memory stays flat.

    A row is compared with what was imported under its id last: the same file again changes
    nothing, even after annotators decided. A row that did change replaces what is there, unless a
    person has decided since: then the decision is kept and counted, and the exemplar's history
    holds what the file said.
    """
    counts: Counter[str] = Counter()
    watermark = newest(w.connection)
    for part in _parts(items):
        counts.update(_put_part(w, number, part, watermark))
    names = ("added", "changed", "unchanged", "kept")
    finish(w, number, {name: counts[name] for name in names})
    return PutCounts(**{name: counts[name] for name in names}, number=number)


def newest(connection: Connection) -> int:
    """The number of the newest event of all: later events have a greater one."""
    return int(connection.scalar(select(func.max(events.c.id))) or 0)


def _parts(items: Iterable[AnnotatedExemplar]) -> Iterator[dict[str, AnnotatedExemplar]]:
    """By id; an id that comes again begins a new part."""
    part: dict[str, AnnotatedExemplar] = {}
    for item in items:
        if item.id in part or len(part) == _PART:
            yield part
            part = {}
        part[item.id] = item
    if part:
        yield part


def _put_part(
    w: Writing, number: int, part: Mapping[str, AnnotatedExemplar], watermark: int
) -> Counter[str]:
    row_by_id = bulk.rows_of(w, list(part))
    texts = {id_: exemplar_text(item) for id_, item in part.items()}
    new = [item for id_, item in part.items() if id_ not in row_by_id]
    other = [id_ for id_, row in row_by_id.items() if (row["imported"] or "") != texts[id_]]
    changed_ids = [id_ for id_ in other if not row_by_id[id_]["decided"]]
    decided_ids = [id_ for id_ in other if row_by_id[id_]["decided"]]
    _add(w, new, texts)
    states = _replace(w, number, [(row_by_id[i], part[i]) for i in changed_ids], texts)
    equal_count = _keep(w, [row_by_id[i] for i in decided_ids], texts)
    counts = {
        **{item.id: ("added", None) for item in new},
        **{id_: ("changed", states[id_]) for id_ in changed_ids},
        **{
            id_: ("kept", canonical_json({"imported": row_by_id[id_]["imported"]}))
            for id_ in decided_ids
        },
    }
    remember(w, number, counts, watermark)
    return Counter(
        added=len(new),
        changed=len(changed_ids),
        kept=len(decided_ids) - equal_count,
        unchanged=len(row_by_id) - len(other) + equal_count,
    )


def _add(w: Writing, items: Sequence[AnnotatedExemplar], texts: Mapping[str, str]) -> None:
    if items:
        rows = [new_row(w.module, item, texts[item.id], w.now) for item in items]
        w.connection.execute(insert(exemplars), rows)
        put_texts(w, items)


def _replace(
    w: Writing,
    number: int,
    pairs: Sequence[tuple[RowMapping, AnnotatedExemplar]],
    texts: Mapping[str, str],
) -> dict[str, str]:
    """Replace what is stored by the file's rows; returns the replaced states by id."""
    people = standing_people(w, [row["id"] for row, _ in pairs]) if pairs else {}
    changes, items = [], []
    for row, given_row in pairs:
        item = _with_split(row, given_row)
        values = new_row(w.module, item, exemplar_text(item), w.now)
        values = {name: value for name, value in values.items() if name not in _KEY}
        changes.append((row, {**values, "imported": texts[item.id]}))
        items.append(item)
    bulk.change_all(w, changes, kind="imported", note=f"import {number}", whole=False)
    put_texts(w, items)
    return {row["id"]: state_of(row, people[row["id"]]) for row, _ in pairs}


def _with_split(row: RowMapping, item: AnnotatedExemplar) -> AnnotatedExemplar:
    """A split that was made here stays, unless the file has changed its mind about it."""
    split = json.loads(row["imported"])["split"] if row["imported"] else item.split
    return item.model_copy(update={"split": row["split"]}) if split == item.split else item


def _keep(w: Writing, rows: Sequence[RowMapping], texts: Mapping[str, str]) -> int:
    """Leave decided exemplars as they are, and write down what the file says of them instead.

    Returns how many of them the file says the same of by now.
    """
    equal_count = 0
    for row in rows:
        text = texts[row["id"]]
        own = (exemplars.c.module == w.module) & (exemplars.c.id == row["id"])
        w.connection.execute(update(exemplars).where(own).values(imported=text))
        equal_count += row["data"] == text
    notes = [
        {
            "module": w.module,
            "exemplar": row["id"],
            "at": w.now,
            "who": w.who,
            "kind": NOT_IMPORTED,
            "before": None,
            "after": texts[row["id"]],
            "note": None,
        }
        for row in rows
        if row["data"] != texts[row["id"]]
    ]
    if notes:
        w.connection.execute(insert(events), notes)
    return equal_count


def remember(
    w: Writing, number: int, records: Mapping[str, tuple[str, str | None]], watermark: int
) -> None:
    """Write down what a batch did to exemplars: by id, the kind of change and the state before."""
    if not records:
        return
    own = (import_rows.c.batch == number) & import_rows.c.exemplar.in_(list(records))
    twice = set(w.connection.scalars(select(import_rows.c.exemplar).where(own)))
    rows = [
        {
            "batch": number,
            "exemplar": id_,
            "module": w.module,
            "kind": kind,
            "state": state,
            "event": watermark,
            "undone": 0,
        }
        for id_, (kind, state) in records.items()
        if id_ not in twice  # of an id that comes twice, the first says how it was before
    ]
    if rows:
        w.connection.execute(insert(import_rows), rows)


def list_imports(connection: Connection, module: str) -> list[ImportRecord]:
    """All batches of a module, newest first."""
    query = select(imports).where(imports.c.module == module).order_by(imports.c.id.desc())
    return [_record(row) for row in connection.execute(query).mappings()]


def standing_details(connection: Connection, module: str, name: str) -> list[Any]:
    """What the standing imports of a module have under ``name`` in their details, oldest first."""
    own = (imports.c.module == module) & (imports.c.undone == 0)
    holds_name = imports.c.details.contains(json.dumps(name), autoescape=True)
    query = select(imports.c.details).where(own, holds_name).order_by(imports.c.id)
    details = [json.loads(text) for text in connection.scalars(query)]
    return [d[name] for d in details if name in d]


def find(connection: Connection, number: int) -> ImportRecord:
    """The batch of that number; ``NotFoundError`` if there is none."""
    query = select(imports).where(imports.c.id == number)
    possible = 0 < number <= _LARGEST
    row = connection.execute(query).mappings().first() if possible else None
    if row is None:
        raise NotFoundError(
            "There is no import of that number",
            value=number,
            remedy=f"To see the imports, {instruct('list imports')}.",
        )
    return _record(row)


def _record(row: RowMapping) -> ImportRecord:
    return ImportRecord(
        id=row["id"],
        source=row["source"],
        content_hash=row["content_hash"],
        at=aware(row["at"]),
        who=row["who"],
        rows=row["rows"],
        accepted=row["accepted"],
        rejections=tuple(json.loads(row["rejections"])),
        module=row["module"],
        kind=row["kind"],
        details=json.loads(row["details"] or "{}"),
        remembered=row["details"] is not None,
        schema_before=row["schema_before"],
        schema_after=row["schema_after"],
        undone=bool(row["undone"]),
        moved=aware(row["moved"]) if row["moved"] else None,
        moved_by=row["moved_by"],
    )
