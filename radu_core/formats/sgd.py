"""The Schema-Guided Dialogue dataset as published: a directory with schema.json and dialogues.

Options: ``services`` (default all), ``values`` ("said" or "canonical"), ``all_turns`` (also user
turns that only inform, with the active intent as function and context), ``spans`` (take the given
spans instead of leaving alignment to find them).

One module for all services chosen; an intent that several services share gets its service's name
in front. A user turn with the act INFORM_INTENT gives an exemplar: the intent, and what the user
informs of in that turn. Values of slots that the intent doesn't have are left out of the
arguments and counted. Splits are by dialogue: 70 % train, 10 % validation, 20 % test, by a hash
of the dialogue's id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import AnnotatedExemplar, Split
from radu_core.files import content_hash, parse_json, write_json
from radu_core.formats.common import Collected, Imported, RowError
from radu_core.progress import Progress
from radu_core.schema import Schema, parse_schema

__all__ = ["read", "write"]

_OPTIONS = ("services", "values", "all_turns", "spans")


def read(
    path: Path,
    *,
    module: str,
    schema: Schema | None,
    options: Mapping[str, Any],
    progress: Progress,
) -> Imported:
    """Read services as one module with its schema. A row is a user turn's frame."""
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise InputError("No such option", value=unknown[0], remedy=f"Use {', '.join(_OPTIONS)}.")
    services = _services(path, options.get("services"))
    names = _function_names(services)
    found = _schema(services, names, module)
    collected = Collected(found, path.name)
    skipped: Counter[str] = Counter()
    files = sorted(path.glob("dialogues_*.json"))
    if not files:
        raise FormatError(f"{path} has no dialogues_*.json", remedy="Unpack the dataset there.")
    for number, file in enumerate(files):
        progress("Reading dialogues", number, len(files))
        for dialogue in _load(file):
            for row in _turns(dialogue, services, names, options):
                if isinstance(row, str):
                    skipped[row] += 1
                else:
                    collected.add(collected.rows + 1, _checked(row, found, skipped))
    done = collected.done(found)
    return Imported(
        found, done.exemplars, done.rejections, done.rows + sum(_turn_skips(skipped).values()),
        _turn_skips(skipped),
    )  # fmt: skip


def _turn_skips(skipped: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(skipped.items()))


def _load(file: Path) -> list[dict[str, Any]]:
    try:
        data = parse_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{file.name} isn't JSON ({error})", remedy="Unpack it again.") from error
    return list(data)


def _services(path: Path, wanted: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    file = path / "schema.json"
    if not file.is_file():
        raise FormatError(
            f"{path} has no schema.json", remedy="Name the directory of one part, e.g. train/."
        )
    services = {s["service_name"]: s for s in _load(file)}
    missing = sorted(set(wanted or ()) - set(services))
    if missing:
        raise InputError(
            "No such service", value=missing[0], remedy=f"There are {', '.join(sorted(services))}."
        )
    return {n: s for n, s in sorted(services.items()) if not wanted or n in wanted}


def _function_names(services: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """(service, intent) → function: the intent's name, with the service's where it is shared."""
    shared = Counter(i["name"] for s in services.values() for i in s["intents"])
    return {
        (service, intent["name"]): intent["name"]
        if shared[intent["name"]] == 1
        else f"{service}.{intent['name']}"
        for service, data in services.items()
        for intent in data["intents"]
    }


def _schema(
    services: Mapping[str, Any], names: Mapping[tuple[str, str], str], module: str
) -> Schema:
    functions = []
    for service, data in services.items():
        slots = {s["name"]: s for s in data["slots"]}
        for intent in data["intents"]:
            required = intent["required_slots"]
            own = dict.fromkeys([*required, *intent["optional_slots"]])
            functions.append(
                {
                    "name": names[service, intent["name"]],
                    "description": f"{intent['description']} ({data['description']})",
                    "slots": [
                        {
                            "name": name,
                            "description": slots[name]["description"],
                            "required": name in required,
                        }
                        for name in own
                    ],
                }
            )
    return parse_schema({"functions": functions}, module=module)


def _turns(
    dialogue: Mapping[str, Any],
    services: Mapping[str, Any],
    names: Mapping[tuple[str, str], str],
    options: Mapping[str, Any],
) -> Iterator[dict[str, Any] | str]:
    """A row, or the reason why a user's frame gives none."""
    split = _split(dialogue["dialogue_id"])
    for number, turn in enumerate(dialogue["turns"]):
        if turn["speaker"] != "USER":
            continue
        for frame in turn["frames"]:
            if frame["service"] not in services:
                continue
            intents = [
                value
                for action in frame["actions"]
                if action["act"] == "INFORM_INTENT"
                for value in action["canonical_values"] or action["values"]
            ]
            active = frame["state"]["active_intent"]
            states = bool(intents)
            if not states and not options.get("all_turns"):
                yield "a turn that states no intent"
                continue
            function = names.get((frame["service"], intents[0] if states else active))
            if function is None:
                yield "a turn without an intent of its service"
                continue
            yield {
                "id": f"{dialogue['dialogue_id']}-{number}",
                "utterance": turn["utterance"],
                "function": function,
                "split": split,
                "context": None if states else function,
                "mode": "normal" if states else "extended",
                **_arguments(frame, turn["utterance"], options),
            }


def _arguments(
    frame: Mapping[str, Any], utterance: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    canonical = options.get("values", "said") == "canonical"
    informed: dict[str, str] = {}
    for action in frame["actions"]:
        if action["act"] in ("INFORM", "SELECT") and action["slot"] and action["values"]:
            values = action["canonical_values"] if canonical else action["values"]
            informed.setdefault(action["slot"], (values or action["values"])[0])
    if not options.get("spans"):
        return {"arguments": informed}
    spans = [
        {
            "slot": s["slot"],
            "start": s["start"],
            "end": s["exclusive_end"],
            "value": informed[s["slot"]],
        }
        for s in frame["slots"]
        if s["slot"] in informed
    ]
    placed = {s["slot"] for s in spans}
    return {
        "arguments": informed,
        "spans": spans,
        "implied": [slot for slot in informed if slot not in placed],
    }


def _checked(
    row: dict[str, Any], schema: Schema, skipped: Counter[str]
) -> dict[str, Any] | RowError:
    """The row without values of slots that its function doesn't have."""
    function = schema.function(row["function"])
    known = {s.name for s in function.slots} if function else set()
    foreign = [slot for slot in row["arguments"] if slot not in known]
    if foreign:
        row["tags"] = [f"left out: {slot}" for slot in foreign]
        row["arguments"] = {k: v for k, v in row["arguments"].items() if k in known}
        if "spans" in row:
            row["spans"] = [s for s in row["spans"] if s["slot"] in known]
            row["implied"] = [s for s in row["implied"] if s in known]
    return row


def _split(dialogue: str) -> Split:
    number = int(content_hash(dialogue)[:8], 16) % 10
    return "train" if number < 7 else "validation" if number < 8 else "test"


def write(path: Path, schema: Schema, exemplars: Iterable[AnnotatedExemplar]) -> int:
    """Write one single-turn dialogue per exemplar, beside a schema.json, into a directory.

    ``path`` is the directory. Slots keep their spans; out-of-scope rows get the intent NONE.
    """
    rows = list(exemplars)
    slots = {s.name: s for f in schema.functions for s in f.slots}
    write_json(path / "schema.json", [_service(schema, slots)])
    write_json(path / "dialogues_001.json", [_dialogue(schema.module, row) for row in rows])
    return len(rows)


def _service(schema: Schema, slots: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "service_name": schema.module,
        "description": schema.description,
        "slots": [
            {
                "name": s.name,
                "description": s.description,
                "is_categorical": bool(s.possible_values),
                "possible_values": [str(v) for v in s.possible_values],
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
    intent = row.function or "NONE"
    actions = [
        {"act": "INFORM_INTENT", "slot": "intent", "values": [intent], "canonical_values": [intent]}
    ]
    for slot, value in row.arguments.items():
        values = [str(v) for v in (value if isinstance(value, list) else [value])]
        actions.append(
            {"act": "INFORM", "slot": slot, "values": values, "canonical_values": values}
        )
    frame = {
        "service": service,
        "actions": actions,
        "slots": [
            {"slot": s.slot, "start": s.start, "exclusive_end": s.end} for s in row.spans or ()
        ],
        "state": {"active_intent": intent, "requested_slots": [], "slot_values": {}},
    }
    turn = {"speaker": "USER", "utterance": row.utterance, "frames": [frame]}
    return {"dialogue_id": row.id, "services": [service], "turns": [turn]}
