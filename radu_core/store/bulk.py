"""Many decisions in one transaction, and all of them taken back in one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from radu_core.errors import NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.store import changes
from radu_core.store.changes import Writing
from radu_core.store.rows import state_before
from radu_core.store.tables import events

__all__ = ["KIND", "accept", "undo"]

KIND = "accepted in bulk"


def accept(
    w: Writing, decided: Sequence[tuple[AnnotatedExemplar, int]], *, batch: str
) -> list[str]:
    """Store decisions (an exemplar as decided, and the revision it was seen at), each an event.

    ``batch``, the events' note, joins them. Returns the ids that were changed in between: those
    stay as they are.
    """
    changed = []
    for exemplar, revision in decided:
        found = changes.items_of(w.connection, w.module, [exemplar.id])
        if not found or found[0].revision != revision:
            changed.append(exemplar.id)
            continue
        changes.decide(w, changes.row_of(w, exemplar.id), exemplar, kind=KIND, note=batch)
    return changed


def undo(w: Writing, batch: str) -> tuple[list[str], list[str]]:
    """Take a batch back: the ids that are as before, and those decided again since, which stay.

    What was taken back already is in neither. ``NotFoundError`` if there is no such batch.
    """
    mine = (events.c.module == w.module) & (events.c.kind == KIND) & (events.c.note == batch)
    query = select(events.c.exemplar, events.c.id, events.c.before).where(mine)
    found = w.connection.execute(query.order_by(events.c.exemplar)).all()
    if not found:
        raise NotFoundError(
            f"Nothing was accepted in bulk in {w.module} under that number",
            value=batch,
            remedy="It was shown when they were accepted, and stands in each one's history.",
        )
    back, since = [], []
    for id_, event, before in found:
        standing = changes.standing_decisions(w, id_)
        if event not in [s.id for s in standing]:
            continue
        if standing[-1].id != event:
            since.append(id_)
            continue
        changes.restore(w, changes.row_of(w, id_), state_before(before))
        back.append(id_)
    return back, since
