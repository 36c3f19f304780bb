"""What an event changed, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json
from radu_core.store import Event, changes

__all__ = ["lines"]


def lines(event: Event) -> list[str]:
    """``function: book_flight → book_hotel`` and the like; all of it where nothing was before.

    Of an import that changed nothing, since a person had decided: what the file says.
    """
    if event.after is None:
        return []
    if event.kind == changes.NOT_IMPORTED:
        fields = _visible_fields(event.after).items()
        return [f"in the file: {name}: {value}" for name, value in fields if name != "outcome"]
    return list(_lines(event.before, event.after))


def _lines(before: AnnotatedExemplar | None, after: AnnotatedExemplar) -> Iterator[str]:
    old, new = _visible_fields(before), _visible_fields(after)
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name, "–"), new.get(name, "–")
        if before is None and name in new:
            yield f"{name}: {now}"
        elif was != now:
            yield f"{name}: {was} → {now}"


def _visible_fields(exemplar: AnnotatedExemplar | None) -> dict[str, str]:
    """What a person looks at, by name; what isn't there is left out."""
    if exemplar is None:
        return {}
    fields: dict[str, Any] = {
        "utterance": exemplar.utterance,
        "function": exemplar.label,
        **{slot: canonical_json(value) for slot, value in exemplar.arguments.items()},
        "spans": exemplar.template if exemplar.spans else None,
        "implied": ", ".join(exemplar.implied),
        "outcome": exemplar.outcome or "not aligned yet",
        "tags": ", ".join(exemplar.tags),
    }
    return {name: value for name, value in fields.items() if value}
