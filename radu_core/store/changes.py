"""What happens to an exemplar inside one writing transaction, and the events that tell of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, delete, func, insert, select, update

from radu_core.errors import ConflictError, NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json
from radu_core.instructions import instruct
from radu_core.schema import Schema
from radu_core.store import renames, tagging
from radu_core.store.derived import DISAGREEMENT, FlagKind, derive, folded_text
from radu_core.store.modules import schema_and_settings
from radu_core.store.records import Event, StoredExemplar
from radu_core.store.rows import (
    KEPT,
    aware,
    columns_of,
    exemplar_before,
    state_before,
    state_of,
    stored_exemplar,
)
from radu_core.store.stored_json import exemplar_text, read_exemplar, schema_text, settings_text
from radu_core.store.tables import events, exemplars, modules, opinions, skips, templates, texts

__all__ = [
    "NOT_IMPORTED",
    "Writing",
    "add_event",
    "change",
    "change_settings",
    "comments_of",
    "decide",
    "expect",
    "expect_schema",
    "flag",
    "history",
    "items_of",
    "newest_event",
    "put_schema",
    "put_template",
    "put_texts",
    "restore",
    "row_of",
    "set_queue",
    "set_standing",
    "standing_decision",
    "standing_decisions",
    "standing_people",
    "state_before_decision",
    "state_before_event",
]

# An import had another version, which a person's decision kept out: ``after`` is the file's.
NOT_IMPORTED = "not imported"
_NO_CHANGE = ("commented", "flagged", NOT_IMPORTED)


@dataclass(frozen=True)
class Writing:
    """One writing transaction: on one module, by one person, at one time."""

    connection: Connection
    module: str
    who: str
    now: datetime


def row_of(w: Writing, id: str) -> RowMapping:
    """The row of one exemplar; ``NotFoundError`` if there is none."""
    where = (exemplars.c.module == w.module) & (exemplars.c.id == id)
    row = w.connection.execute(select(exemplars).where(where)).mappings().first()
    if row is None:
        raise NotFoundError(
            f"{w.module} has no exemplar of that id",
            value=id,
            remedy="Check the id, or reload the page.",
        )
    return row


def items_of(connection: Connection, module: str, ids: Sequence[str]) -> list[StoredExemplar]:
    """The exemplars of these ids, in this order; those that aren't there are left out."""
    query = select(exemplars).where(exemplars.c.module == module, exemplars.c.id.in_(list(ids)))
    items = {row["id"]: stored_exemplar(row) for row in connection.execute(query).mappings()}
    return [items[id_] for id_ in ids if id_ in items]


def expect(row: RowMapping, revision: int) -> None:
    """``ConflictError`` unless the row is still of that revision."""
    if row["revision"] != revision:
        raise ConflictError(
            f"Exemplar {row['id']} was changed in the meantime",
            remedy="Look at the newer version, then decide again; nothing was overwritten.",
        )


def decide(
    w: Writing, row: RowMapping, exemplar: AnnotatedExemplar, *, kind: str, note: str | None = None
) -> int:
    """Store a decision about an exemplar, which takes a flag off; the new revision.

    Nobody decides about the split here: it stays, though an opinion may be older than it.
    """
    exemplar = exemplar.model_copy(update={"split": row["split"]})
    more = {"flag": None, "flag_kind": None, "decided": 1}
    return change(w, row, exemplar, more, kind=kind, note=note)


def change(
    w: Writing,
    row: RowMapping,
    exemplar: AnnotatedExemplar,
    more: Mapping[str, Any],
    *,
    kind: str,
    note: str | None = None,
    standing: Sequence[str] = (),
    disagreement: bool = False,
) -> int:
    """Set an exemplar and further columns, with an event that holds the row as it was before.

    Opinions no longer count, but those of the people in ``standing``; nobody has skipped it any
    more. Returns the new revision.
    """
    columns = {**columns_of(exemplar, exemplar_text(exemplar)), **more}
    flag_kind = columns.get("flag_kind", row["flag_kind"])
    columns |= derive(exemplar, flag_kind, disagreement=disagreement)
    columns |= {"revision": row["revision"] + 1, "updated": w.now}
    before = state_of(row, standing_people(w, [exemplar.id])[exemplar.id])
    where = (exemplars.c.module == w.module) & (exemplars.c.id == exemplar.id)
    w.connection.execute(update(exemplars).where(where).values(**columns))
    put_texts(w, [exemplar])
    set_standing(w, exemplar.id, standing)
    mine = (skips.c.module == w.module) & (skips.c.exemplar == exemplar.id)
    w.connection.execute(delete(skips).where(mine))
    add_event(w, exemplar.id, kind, before, columns["data"], note)
    return int(row["revision"]) + 1


def standing_people(w: Writing, ids: Sequence[str]) -> dict[str, list[str]]:
    """By exemplar, the people whose opinion counts for a decision to come, sorted."""
    where = (opinions.c.module == w.module) & (opinions.c.standing == 1)
    query = select(opinions.c.exemplar, opinions.c.who).where(
        where, opinions.c.exemplar.in_(list(ids))
    )
    people_by_id: dict[str, list[str]] = {id_: [] for id_ in ids}
    for row in w.connection.execute(query.order_by(opinions.c.who)):
        people_by_id[row.exemplar].append(row.who)
    return {id_: sorted(people) for id_, people in people_by_id.items()}


def set_standing(w: Writing, id: str, people: Sequence[str] = ()) -> None:
    """Let the opinions of these people about the exemplar count, and nobody else's."""
    where = (opinions.c.module == w.module) & (opinions.c.exemplar == id)
    w.connection.execute(update(opinions).where(where).values(standing=0))
    if people:
        theirs = where & opinions.c.who.in_(list(people))
        w.connection.execute(update(opinions).where(theirs).values(standing=1))


def state_before_event(w: Writing, id: str, event_id: int) -> dict[str, Any]:
    """How an exemplar was before an event: all a decision changes, or the labels alone.

    Functions and slots that were renamed since have their new names.

    Raises ``NotFoundError`` when the event isn't one of the exemplar's, or changed nothing.
    """
    where = (events.c.module == w.module) & (events.c.exemplar == id)
    before = w.connection.scalar(select(events.c.before).where(where, events.c.id == event_id))
    if before is None:
        raise NotFoundError(
            f"Exemplar {id} has no state before that event",
            value=event_id,
            remedy="Check the id, or reload the page.",
        )
    list_of_renames = renames.list_renames(w.connection, w.module)
    return renames.in_state(state_before(before), list_of_renames, after=event_id)


def state_before_decision(w: Writing, id: str, event_id: int) -> dict[str, Any]:
    """The same for taking a decision back: with the tags that were edited in bulk since."""
    state = state_before_event(w, id, event_id)
    tag_changes = tagging.list_changes(w.connection, w.module, [id])[id]
    return tagging.in_state(state, tag_changes, after=event_id, module=w.module, id=id)


def restore(
    w: Writing,
    row: RowMapping,
    state: Mapping[str, Any],
    *,
    note: str | None = None,
    without: str = "",
    disputed: bool = False,
) -> int:
    """Set an exemplar back to a state (of ``state_before_event``); the new revision.

    What the state doesn't say stays as it is, and so does the split, which nobody decides here.
    The opinion of ``without`` counts no longer; ``disputed`` makes a disagreement of it.
    """
    people = [who for who in state.get("opinions", ()) if who != without]
    disagreed = state.get("queue") == DISAGREEMENT and not without
    exemplar = read_exemplar(state["data"], module=w.module, id=row["id"])
    exemplar = exemplar.model_copy(update={"split": row["split"]})
    more = {name: state[name] for name in KEPT if name in state}
    return change(
        w,
        row,
        exemplar,
        more,
        kind="restored",
        note=note,
        standing=people,
        disagreement=disputed or disagreed,
    )


def put_texts(w: Writing, items: Iterable[AnnotatedExemplar]) -> None:
    """Keep what is searched in step with these exemplars."""
    rows = [{"module": w.module, "id": i.id, "text": folded_text(i)} for i in items]
    ids = [row["id"] for row in rows]
    for start in range(0, len(ids), 500):
        some = texts.c.id.in_(ids[start : start + 500])
        w.connection.execute(delete(texts).where(texts.c.module == w.module, some))
    if rows:
        w.connection.execute(insert(texts), rows)


def change_settings(w: Writing, values: Mapping[str, Any]) -> None:
    """Set some of the module's settings (None: as by default); the old ones stay as an event."""
    _, before = schema_and_settings(w.connection, w.module)
    text = settings_text({**before, **values})
    own = modules.c.id == w.module
    w.connection.execute(update(modules).where(own).values(settings=text))
    add_event(w, None, "settings", canonical_json(before), text)


def put_schema(
    w: Writing, schema: Schema, *, expected: str | None = None, note: str | None = None
) -> bool:
    """Store a module's schema and return whether it changed.

    The old one stays as an event, and ``note`` says what was done. See ``expect_schema``.
    """
    text = schema_text(schema)
    own = modules.c.id == w.module
    row = w.connection.execute(select(modules.c.schema, modules.c.trashed).where(own)).first()
    if row is not None and row.trashed is not None:
        raise ConflictError(
            f"Module {w.module} is in the trash",
            remedy=f"To bring it back, {instruct('restore module', w.module)}, or empty the trash "
            "first.",
        )
    expect_schema(w, expected)
    before = row.schema if row is not None else None
    if before == text:
        return False
    values = {"schema": text, "schema_hash": schema.hash, "updated": w.now}
    if before is None:
        w.connection.execute(insert(modules).values(id=w.module, **values))
    else:
        w.connection.execute(update(modules).where(own).values(**values))
    add_event(w, None, "schema", before, text, note)
    return True


def expect_schema(w: Writing, expected: str | None) -> None:
    """Raise ``ConflictError`` unless the schema in use has the hash ``expected``.

    "": there is no such module yet; None: whatever it is.
    """
    if expected is None:
        return
    stored_hash = w.connection.scalar(select(modules.c.schema_hash).where(modules.c.id == w.module))
    if (stored_hash or "") == expected:
        return
    own_events = events.c.module == w.module, events.c.kind == "schema"
    query = select(events.c.who).where(*own_events).order_by(events.c.id.desc()).limit(1)
    saver = w.connection.scalar(query) or "Somebody"
    raise ConflictError(
        f"{saver} saved another schema of {w.module} meanwhile",
        remedy="Look at that version first; nothing was changed.",
    )


def put_template(w: Writing, name: str, text: str, *, based_on: int | None = None) -> int:
    """Store a new version of the module's own template; returns its number, from 1.

    ``ConflictError`` when the newest version isn't ``based_on`` (0: there is none).
    """
    where = (templates.c.module == w.module) & (templates.c.name == name)
    last = w.connection.scalar(select(func.max(templates.c.version)).where(where)) or 0
    if based_on is not None and last != based_on:
        saver = select(templates.c.who).where(where, templates.c.version == last)
        raise ConflictError(
            f"{w.connection.scalar(saver) or 'Somebody'} saved version {last} of {name} meanwhile",
            remedy="Copy your text, load that version, and put your change into it.",
        )
    row = {"module": w.module, "name": name, "version": last + 1, "text": text}
    w.connection.execute(insert(templates).values(**row, at=w.now, who=w.who))
    return int(last) + 1


def flag(w: Writing, flags: Mapping[str, str], kind: FlagKind) -> int:
    """Flag exemplars (id → reason) as of a kind; returns how many were found."""
    count = 0
    for id_, reason in sorted(flags.items()):
        where = (exemplars.c.module == w.module) & (exemplars.c.id == id_)
        columns = select(exemplars.c.data, exemplars.c.queue).where(where)
        row = w.connection.execute(columns).first()
        if row is None:
            continue
        exemplar = read_exemplar(row.data, module=w.module, id=id_)
        queue = derive(exemplar, kind, disagreement=row.queue == DISAGREEMENT)["queue"]
        values = {"flag": reason, "flag_kind": kind, "queue": queue}
        w.connection.execute(update(exemplars).where(where).values(**values))
        add_event(w, id_, "flagged", None, None, reason.replace("\0", " "))
        count += 1
    return count


def add_event(
    w: Writing,
    exemplar: str | None,
    kind: str,
    before: str | None,
    after: str | None,
    note: str | None = None,
) -> None:
    """Write down that something happened."""
    w.connection.execute(
        insert(events).values(
            module=w.module,
            exemplar=exemplar,
            at=w.now,
            who=w.who,
            kind=kind,
            before=before,
            after=after,
            note=note,
        )
    )


def history(connection: Connection, module: str, id: str) -> list[Event]:
    """Every event of one exemplar, oldest first."""
    query = select(events).where(events.c.module == module, events.c.exemplar == id)
    rows = connection.execute(query.order_by(events.c.id)).mappings().all()
    return [
        Event(
            r["id"],
            r["exemplar"],
            aware(r["at"]),
            r["who"],
            r["kind"],
            exemplar_before(r["before"]),
            exemplar_before(r["after"]),
            r["note"],
        )
        for r in rows
    ]


def comments_of(connection: Connection, module: str, ids: Sequence[str]) -> list[Event]:
    """The comments on these exemplars, oldest first."""
    query = select(events).where(
        events.c.module == module,
        events.c.exemplar.in_(list(ids)),
        events.c.kind == "commented",
    )
    rows = connection.execute(query.order_by(events.c.id)).mappings()
    return [
        Event(r["id"], r["exemplar"], aware(r["at"]), r["who"], r["kind"], None, None, r["note"])
        for r in rows
    ]


def set_queue(w: Writing, row: RowMapping, queue: str | None) -> int:
    """Let an exemplar wait elsewhere; the new revision, since what is asked has changed."""
    where = (exemplars.c.module == w.module) & (exemplars.c.id == row["id"])
    values = {"queue": queue, "revision": row["revision"] + 1, "updated": w.now}
    w.connection.execute(update(exemplars).where(where).values(**values))
    return int(row["revision"]) + 1


def newest_event(w: Writing, id: str) -> RowMapping | None:
    """The newest event of an exemplar that changed it, without what was before and after."""
    columns = (events.c.at, events.c.who, events.c.kind)
    query = select(*columns).where(
        events.c.module == w.module, events.c.exemplar == id, events.c.kind.not_in(_NO_CHANGE)
    )
    return w.connection.execute(query.order_by(events.c.id.desc()).limit(1)).mappings().first()


def standing_decision(w: Writing, id: str) -> Row[Any] | None:
    """The last decision about an exemplar that hasn't been taken back: its ``id`` and ``kind``."""
    standing = _standing(w, [id])[id]
    return standing[-1] if standing else None


def standing_decisions(w: Writing, ids: Sequence[str]) -> dict[str, list[int]]:
    """By exemplar, the events of its decisions that haven't been taken back, oldest first."""
    return {id_: [event.id for event in decision] for id_, decision in _standing(w, ids).items()}


def _standing(w: Writing, ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """The decisions on each exemplar that still stand, the newest last.

    Taking a decision back is an event "restored" without a note. With one, it names the event that
    was gone back to, and is itself a decision.
    """
    columns = (
        events.c.id,
        events.c.exemplar,
        events.c.kind,
        events.c.note,
        events.c.before.is_not(None).label("has"),
    )
    query = select(*columns).where(events.c.module == w.module, events.c.exemplar.in_(list(ids)))
    standing: dict[str, list[Row[Any]]] = {id_: [] for id_ in ids}
    for event in w.connection.execute(query.order_by(events.c.id)):
        if event.kind == "restored" and event.note is None:
            standing[event.exemplar] = standing[event.exemplar][:-1]
        elif event.has and event.kind not in ("imported", *tagging.KINDS):
            standing[event.exemplar].append(event)
    return standing
