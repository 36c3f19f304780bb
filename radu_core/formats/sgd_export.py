"""A module written in the format of the Schema-Guided Dialogue dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import write_json
from radu_core.schema import Schema, as_values

__all__ = ["OUT_OF_SCOPE", "losses", "write"]

OUT_OF_SCOPE = "NONE"  # the intent


def write(path: Path, schema: Schema, exemplars: Iterable[AnnotatedExemplar]) -> int:
    """Write one single-turn dialogue per exemplar, beside a schema.json, into a directory.

    ``path`` is the directory. An out-of-scope exemplar states the intent ``NONE``; the turn of an
    unlabelled one has no frame, so it states nothing. Read again into the module, the exemplars are
    the same, except that a single value of a slot with several comes back as a list of one. See
    ``lost``.
    """
    rows = list(exemplars)
    slots = {s.name: s for f in schema.functions for s in f.slots}
    write_json(path / "schema.json", [_service(schema, slots)])
    write_json(path / "dialogues_001.json", [_dialogue(schema.module, row) for row in rows])
    return len(rows)


def losses(schema: Schema) -> dict[str, int]:
    """How much of the schema the export doesn't hold, by reason.

    Slots of a service are told apart by name alone: of functions' slots with the same name, the
    last is written.
    """
    slots = [s for f in schema.functions for s in f.slots]
    slot_by_name = {s.name: s for s in slots}
    same = ("description", "type", "multi_value", "possible_values")
    counts = {
        "a slot that another function has otherwise: written as that one's": sum(
            any(getattr(s, name) != getattr(slot_by_name[s.name], name) for name in same)
            for s in slots
        ),
        "the path of a nested slot": sum(bool(s.path) for s in slots),
        "the constraints of a slot": sum(bool(s.constraints) for s in slots),
        "a recognizer": len(schema.recognizers),
    }
    return {reason: count for reason, count in counts.items() if count}


def _service(schema: Schema, slots: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "service_name": schema.module,
        "description": schema.description,
        "reference_date": schema.reference_date and schema.reference_date.isoformat(),
        "slots": [
            {
                "name": s.name,
                "description": s.description,
                "is_categorical": bool(s.possible_values),
                "possible_values": [str(v) for v in s.possible_values],
                "type": s.type,
                "multi_value": s.multi_value,
            }
            for s in slots.values()
        ],
        "intents": [
            {
                "name": f.name,
                "description": f.description,
                "is_transactional": False,
                "required_slots": [s.name for s in f.slots if s.required],
                "optional_slots": {s.name: "dontcare" for s in f.slots if not s.required},
                "result_slots": [],
            }
            for f in schema.functions
        ],
    }


def _dialogue(service: str, row: AnnotatedExemplar) -> dict[str, Any]:
    rest = row.model_dump(
        mode="json", exclude_defaults=True, exclude={"utterance", "function", "arguments"}
    )
    if row.out_of_scope:
        rest["function"] = None  # the module may have a function of the name that is stated
    turn = {
        "speaker": "USER",
        "utterance": row.utterance,
        "frames": [] if row.unlabelled else [_frame(service, row)],
        "exemplar": {**rest, "split": row.split},
    }
    return {"dialogue_id": row.id, "services": [service], "turns": [turn]}


def _frame(service: str, row: AnnotatedExemplar) -> dict[str, Any]:
    intent = row.function or OUT_OF_SCOPE
    actions = [_action("INFORM_INTENT", "intent", [intent])]
    for slot, value in row.arguments.items():
        actions.append(_action("INFORM", slot, [str(v) for v in as_values(value)]))
    return {
        "service": service,
        "actions": actions,
        "slots": [
            {"slot": s.slot, "start": s.start, "exclusive_end": s.end} for s in row.spans or ()
        ],
        "state": {"active_intent": intent, "requested_slots": [], "slot_values": {}},
    }


def _action(act: str, slot: str, values: list[str]) -> dict[str, Any]:
    return {"act": act, "slot": slot, "values": values, "canonical_values": values}
