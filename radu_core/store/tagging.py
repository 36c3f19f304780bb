"""What edits of tags in bulk have added and removed: undone by that, and kept by other undoing.

Such an edit is no decision: it doesn't keep a decision or an import from being taken back, and it
isn't lost by that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from radu_core.store.rows import exemplar_before
from radu_core.store.stored_json import exemplar_text, read_exemplar
from radu_core.store.tables import events

__all__ = ["KINDS", "TAGGED", "UNTAGGED", "TagChange", "apply", "in_state", "list_changes"]

TAGGED = "tagged in bulk"
UNTAGGED = "untagged in bulk"  # an edit that was taken back
KINDS = (TAGGED, UNTAGGED)


@dataclass(frozen=True)
class TagChange:
    """What one event has added to an exemplar's tags and removed; ``batch`` is the edit's."""

    event: int
    kind: str
    batch: str
    added: tuple[str, ...]
    removed: tuple[str, ...]

    def back(self) -> TagChange:
        """The change that undoes this one."""
        return TagChange(self.event, UNTAGGED, self.batch, self.removed, self.added)


def list_changes(
    connection: Connection, module: str, ids: Sequence[str]
) -> dict[str, list[TagChange]]:
    """By exemplar, the edits of its tags in bulk, oldest first."""
    columns = (events.c.id, events.c.exemplar, events.c.kind, events.c.note)
    query = select(*columns, events.c.before, events.c.after).where(
        events.c.module == module, events.c.exemplar.in_(list(ids)), events.c.kind.in_(KINDS)
    )
    changes_by_id: dict[str, list[TagChange]] = {id_: [] for id_ in ids}
    for row in connection.execute(query.order_by(events.c.id)):
        before, after = (_tags(text) for text in (row.before, row.after))
        tags_added = tuple(tag for tag in after if tag not in before)
        removed = tuple(tag for tag in before if tag not in after)
        change = TagChange(row.id, row.kind, row.note or "", tags_added, removed)
        changes_by_id[row.exemplar].append(change)
    return changes_by_id


def _tags(text: str | None) -> tuple[str, ...]:
    exemplar = exemplar_before(text)
    return exemplar.tags if exemplar else ()


def apply(tags: Iterable[str], change: TagChange) -> tuple[str, ...]:
    """The tags after a change."""
    rest = [tag for tag in tags if tag not in change.removed]
    return (*rest, *(tag for tag in change.added if tag not in rest))


def in_state(
    state: Mapping[str, Any], changes: Iterable[TagChange], *, after: int, module: str, id: str
) -> dict[str, Any]:
    """A state that an event holds, with the tags that were edited ``after`` it."""
    since = [change for change in changes if change.event > after]
    if not since:
        return dict(state)
    exemplar = read_exemplar(state["data"], module=module, id=id)
    tags = exemplar.tags
    for change in since:
        tags = apply(tags, change)
    return {**state, "data": exemplar_text(exemplar.model_copy(update={"tags": tags}))}
