"""Imports and splits as batches: listed, taken back, and done again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from radu_core.alignment import conflict
from radu_core.errors import ConflictError, InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.instructions import instruct
from radu_core.schema import Schema
from radu_core.store import ImportRecord, Moved, changes, undoing
from radu_core.store.changes import Writing
from radu_core.store.imports import find
from radu_core.store.modules import schema_and_settings
from radu_core.store.stored_json import read_exemplar, read_schema
from radu_core.store.tables import exemplars
from radu_core.words import quantity
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.realign import realign

__all__ = ["Kept", "UndoReport", "imports", "is_stored", "redo", "state", "undo"]

_EXAMPLES = 3


@dataclass(frozen=True)
class Kept:
    """An exemplar that stays as it is, and why."""

    id: str
    why: str


@dataclass(frozen=True)
class UndoReport:
    """What taking import ``number`` back does (``dry_run``: would do), or doing it again.

    ``removed`` exemplars go to the trash (doing it again: come back), ``returned`` ones are as they
    were before, ``kept`` ones stay, each with the reason; ``reasons`` counts these. ``gone`` were
    deleted since. ``schema`` says what becomes of a schema that the import brought, "" if it
    brought none; ``schema_returned`` whether the earlier one is restored.
    """

    number: int
    module: str
    kind: str
    source: str
    at: datetime
    who: str
    redo: bool
    dry_run: bool
    removed: int
    returned: int
    gone: int
    kept: tuple[Kept, ...]
    reasons: dict[str, int]
    schema: str
    schema_returned: bool

    @property
    def sentences(self) -> tuple[str, ...]:
        """The same for people."""
        went = "Come back from the trash" if self.redo else "Go to the trash"
        again = "Change again" if self.redo else "Return to what they were"
        moves = [
            f"{what}: {quantity(count, 'exemplar')}."
            for what, count in ((went, self.removed), (again, self.returned))
            if count
        ]
        lines = [
            f"{self.kind.capitalize()} {self.number}: {self.source}, "
            f"{self.at:%Y-%m-%d %H:%M} UTC, by {self.who}.",
            "Nothing has been changed yet. This is what would happen:" if self.dry_run else "Done.",
            " ".join(moves) or "No exemplar changes.",
        ]
        if self.kept:
            lines.append(f"Kept as they are: {quantity(len(self.kept), 'exemplar')}.")
            lines += [f"- {count:,}: {why}" for why, count in self.reasons.items()]
        if self.gone:
            lines.append(f"Deleted since, so left alone: {quantity(self.gone, 'exemplar')}.")
        return (*lines, self.schema) if self.schema else tuple(lines)


def state(record: ImportRecord) -> str:
    """What has become of an import, in words."""
    if record.undone:
        return f"taken back by {record.moved_by}, {record.moved:%Y-%m-%d %H:%M}"
    if not is_stored(record):
        return "not stored"
    return "stands" if record.remembered else "stands; can't be taken back"


def is_stored(record: ImportRecord) -> bool:
    """Whether the import stored its rows: it doesn't where some were rejected, unless asked to."""
    return bool(record.details.get("stored", True))


def imports(workspace: Workspace, module: str) -> list[ImportRecord]:
    """All imports into ``module`` and splits of it, newest first."""
    workspace.store.schema(module)
    return workspace.store.imports(module)


def undo(
    workspace: Workspace, number: int, *, module: str | None = None, who: str, dry_run: bool = False
) -> UndoReport:
    """Take an import (or a split) back, as far as nobody has worked on its exemplars since.

    All or nothing of that; what the schema of now contradicts is invalid then. ``dry_run`` only
    says what it would do. ``NotFoundError`` for a number
    that isn't there, ``InputError`` for one of another module, of an import that stored nothing,
    or that was taken back before and has nothing more to take back.
    """
    batch = _find(workspace, number, module)
    _check(batch)
    with workspace.store.writing(batch.module, who=who) as w:
        batch = find(w.connection, number)  # as it is now that nobody else writes
        trial = w.connection.begin_nested()
        result = undoing.undo(w, batch)
        if batch.undone and not result.removed and not result.returned:
            raise _undo_conflict(batch, result)
        schema, returned = _schema_back(w, batch)
        if dry_run:
            trial.rollback()
        else:
            trial.commit()
    if not dry_run:
        realign(workspace, batch.module, since=batch.at, who=who)
    return _report(batch, result, schema, returned, dry_run=dry_run, redo=False)


def redo(
    workspace: Workspace, number: int, *, module: str | None = None, who: str, dry_run: bool = False
) -> UndoReport:
    """Do again what taking an import (or a split) back has undone; conditions as for ``undo``."""
    batch = _find(workspace, number, module)
    with workspace.store.writing(batch.module, who=who) as w:
        batch = find(w.connection, number)
        if not batch.undone:
            raise InputError(
                f"Import {number} wasn't undone, so it can't be redone",
                remedy=f"To undo it, {instruct('undo import', number)}.",
            )
        trial = w.connection.begin_nested()
        result = undoing.redo(w, batch)
        schema, again = _schema_again(w, batch)
        trial.rollback() if dry_run else trial.commit()
    if not dry_run:
        realign(workspace, batch.module, since=batch.at, who=who)
    return _report(batch, result, schema, again, dry_run=dry_run, redo=True)


def _find(workspace: Workspace, number: int, module: str | None) -> ImportRecord:
    batch = workspace.store.import_of(number)
    if module is not None and batch.module != module:
        raise InputError(
            f"Import {number} is one of {batch.module}, not of {module}",
            remedy=f"For those of {module}, {instruct('list imports', module)}.",
        )
    workspace.store.schema(batch.module)  # it may be in the trash
    return batch


def _check(batch: ImportRecord) -> None:
    if not batch.remembered:
        raise InputError(
            f"Import {batch.id} was made by a studio that didn't remember which exemplars it "
            "changed, so it can't be undone",
            remedy=f"Instead, {instruct('delete exemplars', batch.module)}.",
        )
    if not is_stored(batch):
        raise InputError(
            f"Import {batch.id} stored nothing, since rows were rejected",
            remedy="There is nothing to undo.",
        )


def _undo_conflict(batch: ImportRecord, result: Moved) -> ConflictError:
    when = f"{batch.moved:%Y-%m-%d %H:%M}" if batch.moved else "before"
    still = Counter(why for _, why in result.kept)
    rest = "; ".join(f"{count} still stay ({why})" for why, count in still.most_common(_EXAMPLES))
    return ConflictError(
        f"Import {batch.id} was undone already: by {batch.moved_by}, {when} UTC"
        + (f". {rest}" if rest else ""),
        remedy=f"To redo it, {instruct('redo import', batch.id)}.",
    )


def _report(
    batch: ImportRecord, result: Moved, schema: str, returned: bool, *, dry_run: bool, redo: bool
) -> UndoReport:
    kept_items = tuple(Kept(id_, why) for id_, why in result.kept)
    return UndoReport(
        number=batch.id,
        module=batch.module,
        kind=batch.kind,
        source=batch.source,
        at=batch.at,
        who=batch.who,
        redo=redo,
        dry_run=dry_run,
        removed=result.removed,
        returned=result.returned,
        gone=result.gone,
        kept=kept_items,
        reasons=dict(Counter(k.why for k in kept_items).most_common()),
        schema=schema,
        schema_returned=returned,
    )


def _schema_back(w: Writing, batch: ImportRecord) -> tuple[str, bool]:
    """Put the schema back that an import has replaced, unless exemplars that remain need it."""
    if batch.schema_after is None:
        return "", False
    if batch.schema_before is None:
        return (
            "The module came with this import, so its schema stays. To delete the module, "
            f"{instruct('delete module', batch.module)}.",
            False,
        )
    now, _ = schema_and_settings(w.connection, w.module)
    if now == batch.schema_before:
        return "The schema from before the import is already in use.", False
    if now != batch.schema_after:
        return "The schema was changed since, so it stays.", False
    schema, before = (read_schema(t, module=w.module) for t in (now, batch.schema_before))
    names_needed = _needing(w, schema, before)
    if names_needed:
        names = ", ".join(names_needed[:_EXAMPLES]) + (
            ", …" if len(names_needed) > _EXAMPLES else ""
        )
        verb = "needs" if len(names_needed) == 1 else "need"
        count = quantity(len(names_needed), "exemplar")
        return f"The schema stays: {count} that would remain {verb} it ({names}).", False
    changes.put_schema(w, before)
    return "The schema from before the import is in use again.", True


def _needing(w: Writing, schema: Schema, before: Schema) -> list[str]:
    """The exemplars that fit ``schema`` and would contradict ``before``."""
    return [
        exemplar.id
        for exemplar in _labels(w)
        if conflict(before, exemplar) and not conflict(schema, exemplar)
    ]


def _labels(w: Writing) -> Iterator[AnnotatedExemplar]:
    query = select(exemplars.c.id, exemplars.c.data).where(exemplars.c.module == w.module)
    sorted_query = query.order_by(exemplars.c.id).execution_options(yield_per=1_000)
    for row in w.connection.execute(sorted_query):
        yield read_exemplar(row.data, module=w.module, id=row.id)


def _schema_again(w: Writing, batch: ImportRecord) -> tuple[str, bool]:
    """Put an import's schema in its place again, if taking it back has put the old one there."""
    if batch.schema_after is None or batch.schema_before is None:
        return "", False
    now, _ = schema_and_settings(w.connection, w.module)
    if now == batch.schema_after:
        return "The import's schema is in use.", False
    if now != batch.schema_before:
        return "The schema was changed since, so it stays.", False
    changes.put_schema(w, read_schema(batch.schema_after, module=w.module))
    return "The import's schema is in use again.", True
