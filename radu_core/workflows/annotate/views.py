"""What the annotation page and its browser read: previews, histories, opinions, the module."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from radu_core.agreement import Agreement, Opinions, agreement
from radu_core.alignment import Aligner
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Arguments, ListRecognizer, Schema, Slot
from radu_core.store import Event, StoredExemplar, changes
from radu_core.store.modules import schema_and_settings
from radu_core.store.opinions import opinions_of
from radu_core.workflows.annotate.history import lines
from radu_core.workflows.annotate.items import item_json
from radu_core.workflows.annotate.operations import waits_for_opinions
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.outcomes import RANKED_BY, alignment_record, module_knowledge

__all__ = ["about", "history", "measure_agreement", "preview"]

_KNOWN_FOR = 600  # seconds
_MOST_VALUES = 200


def measure_agreement(workspace: Workspace, module: str) -> Agreement:
    """How far the annotators of a module agree, decided exemplars included."""
    return agreement(_opinions(workspace, module))


def _opinions(workspace: Workspace, module: str) -> Opinions:
    """What each annotator said of each exemplar, decided ones included."""
    opinions_by_id: dict[str, dict[str, AnnotatedExemplar]] = {}
    with workspace.store.reading() as connection:
        for opinion in opinions_of(connection, module, standing=False):
            opinions_by_id.setdefault(opinion.id, {})[opinion.who] = opinion.exemplar
    return opinions_by_id


def preview(
    workspace: Workspace,
    *,
    who: str,
    module: str,
    id: str,
    function: str | None,
    arguments: Arguments,
) -> dict[str, Any]:
    """The item as it would be with these labels; changes nothing."""
    store = workspace.store
    item = store.exemplar(module, id)
    aligner = _knowing(workspace, module, store.schema(module).model_dump_json())
    labelled = item.exemplar.model_copy(
        update={
            "function": function,
            "unlabelled": False,
            "arguments": arguments,
            "spans": None,
            "template": None,
            "implied": tuple(s for s in item.exemplar.implied if s in arguments),
            "outcome": None,
            "resolved_by": None,
        }
    )
    return item_json(aligner, _align(aligner, item, labelled), who=who)


def _knowing(workspace: Workspace, module: str, schema: str) -> Aligner:
    return _knowing_since(workspace, module, schema, int(time.monotonic() / _KNOWN_FOR))


@lru_cache(maxsize=4)
def _knowing_since(workspace: Workspace, module: str, schema: str, _: int) -> Aligner:
    """An aligner that ranks readings as the module did some minutes ago."""
    knowledge = module_knowledge(workspace, module, most=RANKED_BY)
    return Aligner(Schema.model_validate_json(schema), knowledge=knowledge)


def _align(aligner: Aligner, item: StoredExemplar, labelled: AnnotatedExemplar) -> StoredExemplar:
    """The item, not stored, as an alignment of these labels leaves it."""
    bare = StoredExemplar(labelled, item.revision, (), item.flag, item.updated, {}, item.queue)
    record = alignment_record(bare, aligner.align(labelled))
    update = {
        "outcome": record.outcome,
        "reason": record.reason,
        "spans": record.spans,
        "template": record.template,
        "implied": record.implied,
    }
    return StoredExemplar(
        labelled.model_copy(update=update),
        item.revision,
        record.readings,
        item.flag,
        item.updated,
        record.details,
        item.queue,
    )


def history(workspace: Workspace, *, who: str, module: str, id: str) -> list[dict[str, Any]]:
    """What has happened to an exemplar, newest first, with lines for people.

    While several are asked about it, what others said is left out, so that it doesn't sway.
    """
    with workspace.store.reading() as connection:
        events = changes.history(connection, module, id)
        items = changes.items_of(connection, module, [id]) if events else []
        _, settings = schema_and_settings(connection, module) if items else ("", {})
    annotator_count = int(settings.get("annotators", 1))
    waits = any(waits_for_opinions(annotator_count, item.queue) for item in items)

    def is_visible(event: Event) -> bool:
        return not waits or event.who == who or event.kind not in ("opinion", "agreed")

    return [
        {
            "id": event.id,
            "at": event.at.isoformat(),
            "who": event.who,
            "kind": event.kind,
            "note": _note(event) if is_visible(event) else None,
            "changes": lines(event) if is_visible(event) else [],
            "restorable": event.before is not None and not waits,
        }
        for event in reversed(events)
    ]


def _note(event: Event) -> str | None:
    """An event's note; going back names the event that was gone back to."""
    if event.kind == changes.NOT_IMPORTED:
        return "A person had decided: the decision stays, and nothing was changed."
    if event.kind == "restored" and event.note:
        return f"as it was before event {event.note}"
    return event.note


def about(workspace: Workspace, *, module: str) -> dict[str, Any]:
    """The module's functions and slots, and its guidelines (Markdown)."""
    schema = workspace.store.schema(module)
    settings = workspace.store.settings(module)
    return {
        "functions": [
            {
                "name": f.name,
                "description": f.description,
                "slots": [_slot_json(schema, s) for s in f.slots],
            }
            for f in schema.functions
        ],
        "guidelines": str(settings.get("guidelines", "")),
    }


def _slot_json(schema: Schema, slot: Slot) -> dict[str, Any]:
    values: Sequence[Any] = slot.possible_values
    recognizer = schema.recognizer(slot.recognizer)
    if not values and isinstance(recognizer, ListRecognizer):
        values = sorted(recognizer.labels)
    return {
        "name": slot.name,
        "description": slot.description,
        "type": slot.type,
        "required": slot.required,
        "multi_value": slot.multi_value,
        "values": list(values[:_MOST_VALUES]),
    }
