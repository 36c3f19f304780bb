"""Reading and writing modules, exemplars, decisions, templates and imports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, String, bindparam, func, insert, select, type_coerce, update

from radu_core.errors import ConflictError, NotFoundError
from radu_core.exemplars import AnnotatedExemplar, Split
from radu_core.files import content_hash
from radu_core.instructions import instruct
from radu_core.schema import Schema, check_module_id
from radu_core.store import bulk, changes, imports, queues
from radu_core.store.changes import Writing
from radu_core.store.copying import copy_database
from radu_core.store.derived import FlagKind, fold_for_search
from radu_core.store.engine import make_engine, migrate, reading, writing
from radu_core.store.erasing import scrub
from radu_core.store.records import (
    AlignmentRecord,
    Event,
    ImportRecord,
    NewBatch,
    PutCounts,
    SchemaVersion,
    StoredExemplar,
    TemplateVersion,
)
from radu_core.store.rows import (
    ALIGNED,
    aware,
    columns_after_alignment,
    new_row,
    stored_exemplar,
)
from radu_core.store.stored_json import exemplar_text, read_schema, read_settings
from radu_core.store.tables import events, exemplars, modules, templates

__all__ = ["Store"]

Clock = Callable[[], datetime]
_MOST_IDS = 5_000  # more than these aren't listed in one query
_PRESENT = modules.c.trashed.is_(None)  # a module isn't in the trash


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


class Store:
    """One database. Safe to share between threads: every call is a transaction of its own.

    Every decision is an event. What is deleted goes to the trash; only ``erasing`` removes rows.
    """

    def __init__(self, url: str, *, clock: Clock = utc_now, busy_seconds: float = 5.0) -> None:
        self._engine = make_engine(url, busy_seconds=busy_seconds)
        self._clock = clock
        migrate(self._engine)

    @classmethod
    def open(cls, url: str, *, clock: Clock = utc_now, busy_seconds: float = 5.0) -> Store:
        """Open (and migrate) the database at ``url``, e.g. ``sqlite:////abs/radu.db``.

        Raises ``StoreError`` when it can't be reached, ``StoreLockedError`` when another process
        holds it for longer than ``busy_seconds``.
        """
        return cls(url, clock=clock, busy_seconds=busy_seconds)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def writing(self, module: str, *, who: str) -> Iterator[Writing]:
        """One writing transaction on ``module``: all that is done with it is stored, or nothing.

        Nobody else writes meanwhile. Raises like ``open``.
        """
        with writing(self._engine) as connection:
            yield Writing(connection, module, who, self._clock())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database."""
        with reading(self._engine) as connection:
            yield connection

    # Modules

    def modules(self) -> list[str]:
        """The ids of all modules, sorted."""
        with reading(self._engine) as connection:
            return sorted(connection.scalars(select(modules.c.id).where(_PRESENT)))

    def schema(self, module: str) -> Schema:
        """The schema of ``module``; ``NotFoundError`` names the modules there are."""
        with reading(self._engine) as connection:
            query = select(modules.c.schema).where(modules.c.id == module, _PRESENT)
            text = connection.scalar(query)
        if text is None:
            if module in self.trashed_modules():
                raise NotFoundError(
                    "That module is in the trash",
                    value=module,
                    remedy=f"To bring it back, {instruct('restore module', module)}.",
                )
            names = ", ".join(self.modules()) or "none yet"
            raise NotFoundError("No such module", value=module, remedy=f"There are: {names}.")
        return read_schema(text, module=module)

    def put_schema(
        self, schema: Schema, *, who: str, expected: str | None = None, note: str | None = None
    ) -> bool:
        """Store a module's schema; returns whether it changed. See ``changes.put_schema``."""
        check_module_id(schema.module)
        with self.writing(schema.module, who=who) as w:
            return changes.put_schema(w, schema, expected=expected, note=note)

    def settings(self, module: str) -> dict[str, Any]:
        """What is set for ``module`` besides its schema; empty by default."""
        self.schema(module)
        with reading(self._engine) as connection:
            text = connection.scalar(select(modules.c.settings).where(modules.c.id == module))
        return read_settings(text, module=module)

    def change_settings(self, module: str, values: Mapping[str, Any], *, who: str) -> None:
        """Set some of a module's settings (None: as by default).

        The others stay, whoever sets them meanwhile. The old ones stay as an event.
        """
        with self.writing(module, who=who) as w:
            changes.change_settings(w, values)

    def schema_versions(self, module: str) -> list[SchemaVersion]:
        """Every schema that ``module`` has had, oldest first; the last one is in use."""
        query = select(events).where(events.c.module == module, events.c.kind == "schema")
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(events.c.id)).mappings().all()
        return [
            SchemaVersion(
                number, read_schema(r["after"], module=module), aware(r["at"]), r["who"], r["note"]
            )
            for number, r in enumerate(rows, start=1)
        ]

    # Exemplars

    def put_exemplars(
        self,
        module: str,
        items: Iterable[AnnotatedExemplar],
        *,
        who: str,
        source: str,
        batch: NewBatch | None = None,
    ) -> PutCounts:
        """Store imported exemplars in one transaction, all or nothing; see ``imports.put``.

        ``batch`` is what is remembered of the import besides them, by default its ``source``.
        """
        self.schema(module)
        if batch is None:
            items = list(items)
            batch = NewBatch(source, content_hash(source), len(items), len(items))
        with self.writing(module, who=who) as w:
            return imports.put(w, imports.begin(w, batch), items)

    def add_exemplar(self, module: str, exemplar: AnnotatedExemplar, *, who: str) -> StoredExemplar:
        """Add one exemplar that a person wrote; ``ConflictError`` if its id is taken."""
        self.schema(module)
        text = exemplar_text(exemplar)
        same_id = (exemplars.c.module == module) & (exemplars.c.id == exemplar.id)
        with self.writing(module, who=who) as w:
            if w.connection.scalar(select(exemplars.c.id).where(same_id)) is not None:
                raise ConflictError("That id is taken", value=exemplar.id, remedy="Use another.")
            row = {**new_row(module, exemplar, text, w.now), "imported": None, "decided": 1}
            w.connection.execute(insert(exemplars), [row])
            changes.put_texts(w, [exemplar])
            changes.add_event(w, exemplar.id, "added", None, text)
        return self.exemplar(module, exemplar.id)

    def exemplars(
        self,
        module: str,
        *,
        splits: Sequence[str] | None = None,
        outcomes: Sequence[str] | None = None,
        functions: Sequence[str] | None = None,
        ids: Sequence[str] | None = None,
    ) -> list[StoredExemplar]:
        """The stored exemplars of ``module``, by id; each filter narrows the list."""
        query = select(exemplars).where(exemplars.c.module == module)
        for column, values in (
            (exemplars.c.split, splits),
            (exemplars.c.outcome, outcomes),
            (exemplars.c.function, functions),
            (exemplars.c.id, ids),
        ):
            if values is not None:
                query = query.where(column.in_(values))
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return sorted((stored_exemplar(r) for r in rows), key=lambda s: s.exemplar.id)

    def revisions(
        self, module: str, *, outcome: str | None = "resolved", split: Split | None = None
    ) -> dict[str, tuple[int, Any]]:
        """Id → what changes whenever the exemplar does.

        Of all exemplars with that outcome, in that split.

        The stored time comes with the revision: a restored database reuses revision numbers.
        """
        when = type_coerce(exemplars.c.updated, String)
        query = select(exemplars.c.id, exemplars.c.revision, when).where(
            exemplars.c.module == module
        )
        if outcome is not None:
            query = query.where(exemplars.c.outcome == outcome)
        if split is not None:
            query = query.where(exemplars.c.split == split)
        with reading(self._engine) as connection:
            return {row[0]: (row[1], row[2]) for row in connection.execute(query).all()}

    def batches(self, module: str, *, size: int = 1_000) -> Iterator[list[StoredExemplar]]:
        """All exemplars of ``module`` by id, ``size`` at a time: memory stays flat.

        What changes in between is seen or not, as it comes.
        """
        last = ""
        while True:
            query = select(exemplars).where(exemplars.c.module == module, exemplars.c.id > last)
            with reading(self._engine) as connection:
                rows = (
                    connection.execute(query.order_by(exemplars.c.id).limit(size)).mappings().all()
                )
            if not rows:
                return
            last = rows[-1]["id"]
            yield [stored_exemplar(r) for r in rows]

    def exemplar(self, module: str, id: str) -> StoredExemplar:
        """One stored exemplar; ``NotFoundError`` if there is none."""
        items = self.exemplars(module, ids=[id])
        if not items:
            raise NotFoundError(
                f"{module} has no exemplar of that id", value=id, remedy="Check the id."
            )
        return items[0]

    def search(self, module: str, text: str, *, limit: int = 20) -> list[StoredExemplar]:
        """The first exemplars by id in which every word of ``text`` occurs.

        In the utterance, the function, a value or the id.
        """
        with reading(self._engine) as connection:
            ids = queues.find(connection, module, text, limit=limit)
        return self.exemplars(module, ids=ids)

    def saying(self, module: str, utterance: str) -> list[StoredExemplar]:
        """The exemplars with this utterance, by id.

        Its case and its writing in Unicode may be another.
        """
        with reading(self._engine) as connection:
            ids = queues.saying(connection, module, utterance)
        items = self.exemplars(module, ids=ids) if ids else []
        return [
            i for i in items if fold_for_search(i.exemplar.utterance) == fold_for_search(utterance)
        ]

    def set_alignments(self, module: str, records: Iterable[AlignmentRecord], *, who: str) -> int:
        """Store the results of aligning, in one transaction; returns how many changed something.

        A person's decision is never overwritten: such items, and those whose revision has moved
        since they were read, stay as they are.
        """
        record_by_id = {r.id: r for r in records}
        alignments = []
        with writing(self._engine) as connection:
            query = select(exemplars).where(exemplars.c.module == module)
            if len(record_by_id) <= _MOST_IDS:
                query = query.where(exemplars.c.id.in_(list(record_by_id)))
            for row in connection.execute(query).mappings():
                record = record_by_id.get(row["id"])
                if record is None or record.expected_revision != row["revision"]:
                    continue
                if row["resolved_by"] in ("annotator", "suggestion"):
                    continue
                change = columns_after_alignment(row, record, self._clock())
                if change:
                    alignments.append(change)
            if alignments:
                statement = (
                    update(exemplars)
                    .where(exemplars.c.module == module, exemplars.c.id == bindparam("key"))
                    .values({c: bindparam(f"new_{c}") for c in ALIGNED})
                )
                connection.execute(statement, alignments)
        return len(alignments)

    def decide(
        self,
        module: str,
        exemplar: AnnotatedExemplar,
        *,
        who: str,
        kind: str,
        expected_revision: int,
    ) -> StoredExemplar:
        """Store a person's decision about an exemplar, as an event; it takes a flag off.

        ``ConflictError`` when the exemplar changed since revision ``expected_revision``: then
        nothing is stored, and the newer version is there to be looked at.
        """
        with self.writing(module, who=who) as w:
            row = changes.row_of(w, exemplar.id)
            changes.expect(row, expected_revision)
            changes.decide(w, row, exemplar, kind=kind)
        return self.exemplar(module, exemplar.id)

    def history(self, module: str, id: str) -> list[Event]:
        """Every event of one exemplar, oldest first."""
        with reading(self._engine) as connection:
            return changes.history(connection, module, id)

    def restore(
        self, module: str, id: str, event_id: int, *, who: str, expected_revision: int
    ) -> StoredExemplar:
        """Set an exemplar back to how it was before an event, as an event of its own.

        See ``changes.restore``. Raises like ``state_before_event`` and like ``decide``.
        """
        with self.writing(module, who=who) as w:
            row = changes.row_of(w, id)
            changes.expect(row, expected_revision)
            changes.restore(w, row, changes.state_before_event(w, id, event_id))
        return self.exemplar(module, id)

    def flag(
        self, module: str, flags: Mapping[str, str], *, who: str, kind: FlagKind = "evaluation"
    ) -> int:
        """Send exemplars (id → reason) to a queue of annotation; returns how many were found.

        A decision takes the flag off again.
        """
        with self.writing(module, who=who) as w:
            return changes.flag(w, flags, kind)

    def accept_in_bulk(
        self,
        module: str,
        decisions: Sequence[tuple[AnnotatedExemplar, int]],
        *,
        who: str,
        batch: str,
    ) -> list[str]:
        """Store many decisions in one transaction; see ``bulk.accept``."""
        with self.writing(module, who=who) as w:
            return bulk.accept(w, decisions, batch=batch)

    def undo_bulk(
        self, module: str, batch: str, *, who: str
    ) -> tuple[list[str], list[str], list[str]]:
        """Take many decisions back in one transaction; see ``bulk.undo``."""
        with self.writing(module, who=who) as w:
            return bulk.undo(w, batch)

    def counts(self, module: str) -> dict[tuple[str, str], int]:
        """(split, outcome or "new") → number of exemplars."""
        query = select(exemplars.c.split, exemplars.c.outcome, func.count())
        query = query.where(exemplars.c.module == module)
        with reading(self._engine) as connection:
            rows = connection.execute(query.group_by(exemplars.c.split, exemplars.c.outcome)).all()
        return {(split, outcome or "new"): count for split, outcome, count in rows}

    def state(self, module: str) -> tuple[int, int, str]:
        """What changes whenever an exemplar of ``module`` does.

        Their number, the sum of their revisions, and when the newest change was.
        """
        newest = func.max(type_coerce(exemplars.c.updated, String))
        revisions = func.coalesce(func.sum(exemplars.c.revision), 0)
        query = select(func.count(), revisions, newest).where(exemplars.c.module == module)
        with reading(self._engine) as connection:
            count, total, when = connection.execute(query).one()
        return int(count), int(total), str(when)

    def count_labels(self, module: str) -> dict[str | None, int]:
        """Function (None: out of scope) → number of exemplars labelled with it."""
        query = select(exemplars.c.function, func.count()).where(
            exemplars.c.module == module,
            func.coalesce(exemplars.c.outcome, "") != "unlabelled",
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query.group_by(exemplars.c.function)).all()
        return {row.function: row[1] for row in rows}

    def waiting(self, module: str) -> dict[str, int]:
        """Queue → number of exemplars that wait in it for a person, in the order of the queues."""
        with reading(self._engine) as connection:
            return queues.waiting(connection, module)

    # Templates

    def put_template(
        self, module: str, name: str, text: str, *, who: str, based_on: int | None = None
    ) -> int:
        """Store a new version of a module's own template; returns its number, from 1.

        ``ConflictError`` when the newest version isn't ``based_on`` (0: there is none).
        """
        self.schema(module)
        with self.writing(module, who=who) as w:
            return changes.put_template(w, name, text, based_on=based_on)

    def templates(self, module: str) -> dict[str, str]:
        """The newest version of each template that the module has of its own."""
        newest: dict[str, str] = {}
        for version in self._template_versions(module):
            newest[version.name] = version.text
        return newest

    def template_versions(self, module: str, name: str) -> list[TemplateVersion]:
        """All versions of one template, oldest first."""
        return [v for v in self._template_versions(module) if v.name == name]

    def _template_versions(self, module: str) -> list[TemplateVersion]:
        query = select(templates).where(templates.c.module == module)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(templates.c.version)).mappings().all()
        return [
            TemplateVersion(r["name"], r["version"], r["text"], aware(r["at"]), r["who"])
            for r in rows
        ]

    # Imports

    def record_import(self, module: str, batch: NewBatch, *, who: str) -> int:
        """Remember an import of which nothing was stored; its number."""
        with self.writing(module, who=who) as w:
            return imports.begin(w, batch)

    def imports(self, module: str) -> list[ImportRecord]:
        """All imports into a module and splits of it, newest first."""
        with reading(self._engine) as connection:
            return imports.list_imports(connection, module)

    def import_details(self, module: str, name: str) -> list[Any]:
        """What the imports of a module that stand have under ``name`` in their details.

        The oldest first.
        """
        with reading(self._engine) as connection:
            return imports.standing_details(connection, module, name)

    def import_of(self, number: int) -> ImportRecord:
        """The import or split of that number; ``NotFoundError`` if there is none."""
        with reading(self._engine) as connection:
            return imports.find(connection, number)

    # Trash

    def trashed_modules(self) -> dict[str, tuple[datetime, str]]:
        """The modules in the trash: when each went there, and by whom."""
        query = select(modules).where(modules.c.trashed.is_not(None)).order_by(modules.c.id)
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return {r["id"]: (aware(r["trashed"]), r["trashed_by"] or "") for r in rows}

    def scrub(self) -> str:
        """Rewrite the database's files without what was deleted; see ``erasing.scrub``."""
        return scrub(self._engine)

    def backup(self, path: Path) -> None:
        """Copy the database, while it is in use, to the SQLite file ``path``."""
        copy_database(self._engine, path)
