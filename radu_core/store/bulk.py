"""Many decisions in one transaction, and all of them taken back in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, update

from radu_core.errors import NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.store import renames, tagging
from radu_core.store.changes import Writing, put_texts, standing_decisions, standing_people
from radu_core.store.derived import derive
from radu_core.store.rows import KEPT, columns_of, state_before, state_of
from radu_core.store.stored_json import exemplar_text, read_exemplar
from radu_core.store.tables import events, exemplars, opinions, skips

__all__ = [
    "EDITED",
    "KIND",
    "RELABELLED",
    "accept",
    "change_all",
    "edit",
    "parts",
    "relabel",
    "revisions",
    "revisions_of",
    "rows_of",
    "set_columns",
    "tag",
    "undo",
]

KIND = "accepted in bulk"
EDITED = "edited in bulk"
RELABELLED = ("merged", "relabelled")  # what happens to a function, and to its exemplars with it
_PART = 500
_T = TypeVar("_T")


def accept(
    w: Writing, decisions: Sequence[tuple[AnnotatedExemplar, int]], *, batch: str
) -> list[str]:
    """Store decisions (an exemplar as decided, and the revision it was seen at), each an event.

    ``batch``, the events' note, joins them. Returns the ids that were changed in between: those
    stay as they are.
    """
    changed_ids = []
    for part in parts(decisions):
        rows = rows_of(w, [exemplar.id for exemplar, _ in part])
        changes = []
        for exemplar, revision in part:
            row = rows.get(exemplar.id)
            if row is None or row["revision"] != revision:
                changed_ids.append(exemplar.id)
                continue
            more = {"flag": None, "flag_kind": None, "decided": 1}
            changes.append((row, _columns(exemplar, more)))
        change_all(w, changes, kind=KIND, note=batch)
    return changed_ids


def edit(
    w: Writing,
    edits: Sequence[tuple[AnnotatedExemplar, int, Mapping[str, Any]]],
    *,
    batch: str,
) -> list[str]:
    """Store other labels, each an event that takes a flag off.

    An item is an exemplar as edited, the revision it was seen at, and further columns. ``batch``,
    the events' note, joins them. Returns the ids that were changed in between: those stay as they
    are.
    """
    changed_ids = []
    for part in parts(edits):
        rows = rows_of(w, [exemplar.id for exemplar, _, _ in part])
        changes, items = [], []
        for exemplar, revision, more in part:
            row = rows.get(exemplar.id)
            if row is None or row["revision"] != revision:
                changed_ids.append(exemplar.id)
                continue
            columns = {"flag": None, "flag_kind": None, "decided": 1, **more}
            if exemplar.unlabelled:  # nobody has decided about it any more
                columns["decided"] = 0
            changes.append((row, _columns(exemplar, columns)))
            items.append(exemplar)
        change_all(w, changes, kind=EDITED, note=batch)
        put_texts(w, items)
    return changed_ids


def tag(w: Writing, tagged: Sequence[tuple[str, int, Sequence[str]]], *, batch: str) -> list[str]:
    """Set the tags of exemplars (id, revision it was seen at, tags).

    Labels, decisions, opinions and flags stay. Returns the ids that were changed in between: those
    stay as they are.
    """
    changed_ids = []
    for part in parts(tagged):
        rows = rows_of(w, [id_ for id_, _, _ in part])
        changes = []
        for id_, revision, tags in part:
            row = rows.get(id_)
            if row is None or row["revision"] != revision:
                changed_ids.append(id_)
                continue
            changes.append((row, _with_tags(row, tags)))
        change_all(w, changes, kind=tagging.TAGGED, note=batch, asked_again=False)
    return changed_ids


def _without_tags(row: RowMapping, change: tagging.TagChange) -> dict[str, Any] | None:
    """The columns without what an edit of the tags has changed.

    None where nothing of it is left: other tags stay.
    """
    tags = read_exemplar(row["data"], module=row["module"], id=row["id"]).tags
    without = tagging.apply(tags, change.back())
    return None if without == tags else _with_tags(row, without)


def _with_tags(row: RowMapping, tags: Sequence[str]) -> dict[str, Any]:
    exemplar = read_exemplar(row["data"], module=row["module"], id=row["id"])
    return {"data": exemplar_text(exemplar.model_copy(update={"tags": tuple(tags)}))}


def relabel(w: Writing, items: Sequence[AnnotatedExemplar], *, kind: str, note: str) -> None:
    """Set exemplars that are there to other labels, each with an event of a kind in ``RELABELLED``.

    Flags stay as they are. Whose labels are taken off nobody has decided about any more: an import
    may label it.
    """
    if kind not in RELABELLED:  # undoing an import tells these from what people decide
        raise ValueError(kind)
    for part in parts(items):
        rows = rows_of(w, [exemplar.id for exemplar in part])
        changes = [
            (row, _columns(exemplar, _columns_kept(row, exemplar)))
            for exemplar in part
            if (row := rows.get(exemplar.id)) is not None
        ]
        change_all(w, changes, kind=kind, note=note)
        put_texts(w, part)


def _columns_kept(row: RowMapping, exemplar: AnnotatedExemplar) -> dict[str, Any]:
    columns = {name: row[name] for name in ("flag", "flag_kind", "decided")}
    return {**columns, "decided": 0} if exemplar.unlabelled else columns


def revisions(w: Writing, ids: Sequence[str]) -> dict[str, int]:
    """The revision of each of these exemplars that is there."""
    return revisions_of(w.connection, w.module, ids)


def revisions_of(connection: Connection, module: str, ids: Sequence[str]) -> dict[str, int]:
    """The same for who only reads; exemplars that can't be read are there, too."""
    revisions: dict[str, int] = {}
    for part in parts(ids):
        query = select(exemplars.c.id, exemplars.c.revision)
        mine = query.where(exemplars.c.module == module, exemplars.c.id.in_(part))
        revisions |= {row.id: row.revision for row in connection.execute(mine)}
    return revisions


def undo(w: Writing, batch: str) -> tuple[list[str], list[str], list[str]]:
    """Take a batch back, and say what became of its exemplars.

    The ids that are as before, those decided again since, which stay, and those deleted since. Tags
    that were edited since stay as they are.

    What was undone already is in none of them. ``NotFoundError`` if there is no such batch.
    """
    kinds = events.c.kind.in_((KIND, EDITED, tagging.TAGGED))
    mine = (events.c.module == w.module) & kinds & (events.c.note == batch)
    columns = (events.c.exemplar, events.c.id, events.c.before, events.c.kind)
    query = select(*columns).where(mine)
    batch_rows = w.connection.execute(query.order_by(events.c.exemplar)).all()
    if not batch_rows:
        raise NotFoundError(
            f"No bulk decision in {w.module} has that number",
            value=batch,
            remedy="It was shown when that was done, and stands in each one's history.",
        )
    back, since, deleted_ids = [], [], []
    all_renames = renames.list_renames(w.connection, w.module)
    for part in parts(batch_rows):
        rows = rows_of(w, [row.exemplar for row in part])
        standing = standing_decisions(w, [row.exemplar for row in part])
        tags = tagging.list_changes(w.connection, w.module, [row.exemplar for row in part])
        changes: list[tuple[RowMapping, dict[str, Any]]] = []
        untagged: list[tuple[RowMapping, dict[str, Any]]] = []
        for id_, event, before, kind in part:
            is_tags = kind == tagging.TAGGED
            if _is_undone(tags[id_], batch) if is_tags else event not in standing[id_]:
                continue
            if id_ not in rows:
                deleted_ids.append(id_)
                continue
            row = rows[id_]
            values: dict[str, Any] | None = None
            if is_tags:
                change = next(change for change in tags[id_] if change.event == event)
                values = _without_tags(row, change)
            elif standing[id_][-1] == event:
                values = _before(row, before, all_renames, tags[id_], event)
            if values is None:
                since.append(id_)
                continue
            back.append(id_)
            (untagged if is_tags else changes).append((row, values))
        change_all(w, changes, kind="restored", note=None)
        change_all(w, untagged, kind=tagging.UNTAGGED, note=batch, asked_again=False)
        _put_texts_again(w, changes)
    return back, since, deleted_ids


def _is_undone(changes: Sequence[tagging.TagChange], batch: str) -> bool:
    return any(c.kind == tagging.UNTAGGED and c.batch == batch for c in changes)


def _put_texts_again(w: Writing, changes: Sequence[tuple[RowMapping, Mapping[str, Any]]]) -> None:
    """A search finds the labels that are back."""
    restored = [
        read_exemplar(values["data"], module=w.module, id=row["id"]) for row, values in changes
    ]
    put_texts(w, restored)


def parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """A few hundred at a time, by statements for many: while it lasts, nobody else can save."""
    for start in range(0, len(items), _PART):
        yield items[start : start + _PART]


def rows_of(w: Writing, ids: Sequence[str]) -> dict[str, RowMapping]:
    """By id, the rows of those of these exemplars that are there."""
    query = select(exemplars).where(exemplars.c.module == w.module, exemplars.c.id.in_(ids))
    return {row["id"]: row for row in w.connection.execute(query).mappings()}


def _columns(exemplar: AnnotatedExemplar, more: Mapping[str, Any]) -> dict[str, Any]:
    columns = {**columns_of(exemplar, exemplar_text(exemplar)), **more}
    return columns | derive(exemplar, columns["flag_kind"])


def _before(
    row: RowMapping,
    text: str,
    all_renames: Sequence[renames.Rename],
    tags: Sequence[tagging.TagChange],
    event: int,
) -> dict[str, Any]:
    """The columns of a state, with the names of now and the tags that were edited since.

    A split isn't decided by a person, so it stays what it is by now.
    """
    state = renames.in_state(state_before(text), all_renames, after=event)
    state = tagging.in_state(state, tags, after=event, module=row["module"], id=row["id"])
    exemplar = read_exemplar(state["data"], module=row["module"], id=row["id"])
    exemplar = exemplar.model_copy(update={"split": row["split"]})
    return _columns(exemplar, {name: state[name] for name in KEPT})


def change_all(
    w: Writing,
    changes: Sequence[tuple[RowMapping, Mapping[str, Any]]],
    *,
    kind: str,
    note: str | None,
    whole: bool = True,
    asked_again: bool = True,
) -> None:
    """Set the same columns of several exemplars, with events that hold the rows as they were.

    What ``changes.change`` does for one: opinions count no longer, and nobody has skipped them,
    unless not ``asked_again``. Where not the ``whole`` row, an event holds the exemplar as it was.
    """
    if not changes:
        return
    set_columns(w, changes)
    ids = [row["id"] for row, _ in changes]
    people = standing_people(w, ids)
    if asked_again:
        _begin_anew(w, ids)
    w.connection.execute(
        insert(events),
        [
            {
                "module": w.module,
                "exemplar": row["id"],
                "at": w.now,
                "who": w.who,
                "kind": kind,
                "before": state_of(row, people[row["id"]]) if whole else row["data"],
                "after": values["data"],
                "note": note,
            }
            for row, values in changes
        ],
    )


def set_columns(w: Writing, changes: Sequence[tuple[RowMapping, Mapping[str, Any]]]) -> None:
    """Set the same columns of several exemplars, which are of a new revision then."""
    if not changes:
        return
    new = [{**values, "revision": row["revision"] + 1, "updated": w.now} for row, values in changes]
    statement = (
        update(exemplars)
        .where(exemplars.c.module == w.module, exemplars.c.id == bindparam("key_id"))
        .values({column: bindparam(f"new_{column}") for column in new[0]})
    )
    w.connection.execute(
        statement,
        [
            {"key_id": row["id"], **{f"new_{column}": value for column, value in values.items()}}
            for (row, _), values in zip(changes, new, strict=True)
        ],
    )


def _begin_anew(w: Writing, ids: Sequence[str]) -> None:
    """Let no earlier opinion about these count any more, and forget who skipped them."""
    mine = (opinions.c.module == w.module) & opinions.c.exemplar.in_(ids)
    w.connection.execute(update(opinions).where(mine, opinions.c.standing == 1).values(standing=0))
    skipped = (skips.c.module == w.module) & skips.c.exemplar.in_(ids)
    w.connection.execute(delete(skips).where(skipped))
