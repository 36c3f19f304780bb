"""The Schema-Guided Dialogue dataset as published: a directory with schema.json and dialogues.

Options: ``services`` (default all), ``values`` ("said" or "canonical"), ``all_turns`` (also user
turns that only inform, with the active intent as function and context), ``spans`` (take the given
spans instead of leaving alignment to find them).

One module for all services chosen; an intent that several services share gets its service's name
in front. A user turn with the act INFORM_INTENT gives an exemplar: the intent, and what the user
informs of in that turn. Values of slots that the intent doesn't have are left out of the
arguments and counted. Splits are by dialogue: 70 % train, 10 % validation, 20 % test, by a hash
of the dialogue's id.

An exemplar's id is ``<dialogue>-<turn>``; where a turn has several frames, one of them has that id
(the one that states an intent) and the others have their service's name behind it.

The export adds what the published files have no place for, so that it comes back: a turn's
``exemplar`` holds the other fields of the exemplar, slots have ``type`` and ``multi_value``, and a
service the ``reference_date`` of its module; the published ones count from 2019-03-01.
The intent NONE is out of scope.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import AnnotatedExemplar, Split
from radu_core.files import content_hash, write_json
from radu_core.formats.common import (
    Collected,
    Imported,
    RowError,
    as_type,
    check_options,
    load_json,
)
from radu_core.progress import Progress
from radu_core.schema import Schema, SlotType, Value, as_values, parse_schema

__all__ = ["read", "write"]

_OUT_OF_SCOPE = "NONE"
_FOREIGN = "a value of a slot that its intent doesn't have"
_FURTHER = "a further value of a slot that takes one"
_PUBLISHED = date(2019, 3, 1)  # what the dataset's own relative dates count from
M = TypeVar("M", bound=BaseModel)


class _Slot(BaseModel):
    name: str
    description: str
    type: SlotType = "string"
    multi_value: bool = False


class _Intent(BaseModel):
    name: str
    description: str
    required_slots: list[str]
    optional_slots: dict[str, Any]


class _Service(BaseModel):
    service_name: str
    description: str
    reference_date: date | None = _PUBLISHED
    slots: list[_Slot]
    intents: list[_Intent]


class _Action(BaseModel):
    act: str
    slot: str
    values: list[str]
    canonical_values: list[str] = []


class _Span(BaseModel):
    slot: str
    start: int | None = None
    exclusive_end: int | None = None


class _State(BaseModel):
    active_intent: str


class _Frame(BaseModel):
    service: str
    actions: list[_Action]
    slots: list[_Span]
    state: _State

    @property
    def stated(self) -> str | None:
        """The intent that the user states in this frame."""
        return next(
            (
                value
                for action in self.actions
                if action.act == "INFORM_INTENT"
                for value in action.canonical_values or action.values
            ),
            None,
        )


class _Turn(BaseModel):
    speaker: Literal["USER"]
    utterance: str
    frames: list[_Frame]
    exemplar: dict[str, Any] = {}


class _Dialogue(BaseModel):
    dialogue_id: str
    turns: list[Any]  # each is checked when it is read


@dataclass(frozen=True)
class _Options:
    services: tuple[str, ...] = ()
    values: str = "said"
    all_turns: bool = False
    spans: bool = False


@dataclass(frozen=True)
class _Reading:
    """What turns are read with: ``schema`` is the files' own, ``target`` the module's."""

    services: Mapping[str, _Service]
    names: Mapping[tuple[str, str], str]
    schema: Schema
    target: Schema
    options: _Options
    left_out: Counter[str] = field(default_factory=Counter)


def read(
    path: Path,
    *,
    module: str,
    schema: Schema | None,
    options: Mapping[str, Any],
    progress: Progress,
) -> Imported:
    """Read services as one module with its schema. A row is a user turn's frame.

    Rows are checked against ``schema``, or the files' own if it is None. What is wrong with a
    dialogue or a turn rejects that one only.
    """
    wanted = _options(options)
    services = _services(path, wanted.services)
    names = _function_names(services)
    found = _schema(services, names, module)
    reading = _Reading(services, names, found, schema or found, wanted)
    collected = Collected(reading.target, path.name)
    skipped: Counter[str] = Counter()
    files = sorted(path.glob("dialogues_*.json"))
    if not files:
        raise FormatError(f"{path} has no dialogues_*.json", remedy="Unpack the dataset there.")
    for number, file in enumerate(files):
        progress("Reading dialogues", number, len(files))
        for place, turn, row in _rows(file, reading):
            if isinstance(row, str):
                skipped[row] += 1
            else:
                collected.add(turn, row, source=place)
    return collected.done(found, skipped=skipped, left_out=reading.left_out)


def _options(options: Mapping[str, Any]) -> _Options:
    check_options("sgd", options, ("services", "values", "all_turns", "spans"))
    services = options.get("services") or ()
    services = (services,) if isinstance(services, str) else services
    if not isinstance(services, list | tuple) or not all(isinstance(s, str) for s in services):
        raise InputError(
            "services must be names", value=services, remedy="Say --service NAME for each."
        )
    values = options.get("values", "said")
    if values not in ("said", "canonical"):
        raise InputError("No such kind of values", value=values, remedy="Use said or canonical.")
    for name in ("all_turns", "spans"):
        if not isinstance(options.get(name, False), bool):
            raise InputError(
                f"{name} must be true or false", value=options[name], remedy=f"Say {name}=true."
            )
    return _Options(
        tuple(services), values, options.get("all_turns", False), options.get("spans", False)
    )


def _checked(kind: type[M], data: Any) -> M:
    """``data`` as what the format says it is; ``RowError`` names the field and its value."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "line"
        raise RowError(
            where, first["input"], first["msg"].lower(), "Correct it as in the published files."
        ) from error


def _services(path: Path, wanted: tuple[str, ...]) -> dict[str, _Service]:
    file = path / "schema.json"
    if not file.is_file():
        raise FormatError(
            f"{path} has no schema.json", remedy="Name the directory of one part, e.g. train/."
        )
    data = load_json(file)
    if not isinstance(data, list):
        raise FormatError(
            "schema.json isn't a list of services", value=data, remedy="Unpack it again."
        )
    try:
        services = {s.service_name: s for s in (_checked(_Service, item) for item in data)}
    except RowError as error:
        raise FormatError(
            f"schema.json, {error.field}: {error.problem}", value=error.value, remedy=error.remedy
        ) from error
    missing = sorted(set(wanted) - set(services))
    if missing:
        raise InputError(
            "No such service", value=missing[0], remedy=f"There are {', '.join(sorted(services))}."
        )
    return {n: s for n, s in sorted(services.items()) if not wanted or n in wanted}


def _function_names(services: Mapping[str, _Service]) -> dict[tuple[str, str], str]:
    """(service, intent) → function: the intent's name, with the service's where it is shared."""
    shared = Counter(i.name for s in services.values() for i in s.intents)
    return {
        (service, intent.name): intent.name
        if shared[intent.name] == 1
        else f"{service}.{intent.name}"
        for service, data in services.items()
        for intent in data.intents
    }


def _schema(
    services: Mapping[str, _Service], names: Mapping[tuple[str, str], str], module: str
) -> Schema:
    functions = [
        {
            "name": names[service, intent.name],
            "description": f"{intent.description} ({data.description})"
            if data.description
            else intent.description,
            "slots": _slots(data, intent),
        }
        for service, data in services.items()
        for intent in data.intents
    ]
    reference = next(iter(services.values())).reference_date
    return parse_schema({"functions": functions, "reference_date": reference}, module=module)


def _slots(service: _Service, intent: _Intent) -> list[dict[str, Any]]:
    slots = {s.name: s for s in service.slots}
    own = dict.fromkeys([*intent.required_slots, *intent.optional_slots])
    unknown = [name for name in own if name not in slots]
    if unknown:
        raise FormatError(
            f"schema.json: {service.service_name}.{intent.name} names a slot that the service "
            "doesn't have",
            value=unknown[0],
            remedy=f"It has {', '.join(slots) or 'none'}.",
        )
    return [{**slots[name].model_dump(), "required": name in intent.required_slots} for name in own]


def _rows(
    file: Path, reading: _Reading
) -> Iterator[tuple[str, int, dict[str, Any] | RowError | str]]:
    """(place, turn from 1, a row or what is wrong with it or why there is none)."""
    dialogues = load_json(file)
    if not isinstance(dialogues, list):
        raise FormatError(
            f"{file.name} isn't a list of dialogues", value=dialogues, remedy="Unpack it again."
        )
    for position, data in enumerate(dialogues, start=1):
        try:
            dialogue = _checked(_Dialogue, data)
        except RowError as error:
            yield f"{file.name}, dialogue number {position}", 1, error
            continue
        place = f"{file.name}, dialogue {dialogue.dialogue_id}"
        for number, turn in enumerate(dialogue.turns):
            if not isinstance(turn, dict) or turn.get("speaker") != "SYSTEM":
                for row in _turn(dialogue, number, turn, reading):
                    yield place, number + 1, row


def _turn(
    dialogue: _Dialogue, number: int, data: Any, reading: _Reading
) -> Iterator[dict[str, Any] | RowError | str]:
    try:
        turn = _checked(_Turn, data)
    except RowError as error:
        yield error
        return
    main = next((f for f in turn.frames if f.stated), turn.frames[0] if turn.frames else None)
    id_ = f"{dialogue.dialogue_id}-{number}"
    for frame in turn.frames:
        if frame.service not in reading.services:
            continue
        row = _row(turn.utterance, frame, reading)
        if isinstance(row, dict):
            row["id"] = id_ if frame is main else f"{id_}-{frame.service}"
            row["split"] = _split(dialogue.dialogue_id)
            row |= turn.exemplar
        yield row


def _row(utterance: str, frame: _Frame, reading: _Reading) -> dict[str, Any] | str:
    """A frame as a row without id and split, or the reason why it gives none."""
    stated = frame.stated
    if stated == _OUT_OF_SCOPE and (frame.service, stated) not in reading.names:
        return {"utterance": utterance, "function": None}
    if stated is None and not reading.options.all_turns:
        return "a turn that states no intent"
    function = reading.names.get((frame.service, stated or frame.state.active_intent))
    if function is None:
        return "a turn without an intent of its service"
    row = {
        "utterance": utterance,
        "function": function,
        "context": None if stated else function,
        "mode": "normal" if stated else "extended",
    }
    return {**row, **_labels(function, frame, utterance, reading)}


def _labels(function: str, frame: _Frame, utterance: str, reading: _Reading) -> dict[str, Any]:
    """Arguments and, if asked for, spans, without slots that the function doesn't have."""
    own = reading.schema.function(function)
    informed: dict[str, Value] = {}
    foreign: dict[str, None] = {}
    for action in frame.actions:
        if action.act not in ("INFORM", "SELECT") or not action.slot or action.slot in informed:
            continue
        value = _value(action, function, reading)
        if value is None:
            continue
        if own is None or own.slot(action.slot) is None:
            foreign[action.slot] = None
        else:
            informed[action.slot] = value
    reading.left_out[_FOREIGN] += len(foreign)
    labels: dict[str, Any] = {"arguments": informed}
    if foreign:
        labels["tags"] = [f"left out: {slot}" for slot in foreign]
    if reading.options.spans:
        labels |= _given_spans(frame, utterance, informed)
    return labels


def _value(action: _Action, function: str, reading: _Reading) -> Value | None:
    """What an action says of its slot, with the types of the module's slot; None if nothing."""
    canonical = reading.options.values == "canonical" and action.canonical_values
    values = action.canonical_values if canonical else action.values
    target = reading.target.function(function)
    slot = target.slot(action.slot) if target else None
    if slot is not None and slot.multi_value:
        return [as_type(v, slot) for v in values]
    if not values:
        return None
    reading.left_out[_FURTHER] += len(values) - 1
    return values[0] if slot is None else as_type(values[0], slot)


def _given_spans(frame: _Frame, utterance: str, informed: Mapping[str, Value]) -> dict[str, Any]:
    """The frame's spans of what is informed of; what has none is implied."""
    spans: list[dict[str, Any]] = []
    for given in frame.slots:
        if given.slot not in informed or given.start is None or given.exclusive_end is None:
            continue
        said = utterance[given.start : given.exclusive_end]
        values = as_values(informed[given.slot])
        value = next((v for v in values if str(v) == said), values[0] if values else said)
        place = {"start": given.start, "end": given.exclusive_end}
        spans.append({"slot": given.slot, **place, "value": value})
    placed = {s["slot"] for s in spans}
    return {"spans": spans, "implied": [slot for slot in informed if slot not in placed]}


def _split(dialogue: str) -> Split:
    number = int(content_hash(dialogue)[:8], 16) % 10
    return "train" if number < 7 else "validation" if number < 8 else "test"


def write(path: Path, schema: Schema, exemplars: Iterable[AnnotatedExemplar]) -> int:
    """Write one single-turn dialogue per exemplar, beside a schema.json, into a directory.

    ``path`` is the directory. Read again into the module, the exemplars are the same, except that
    a single value of a slot with several comes back as a list of one.
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
    intent = row.function or _OUT_OF_SCOPE
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
    rest = row.model_dump(
        mode="json", exclude_defaults=True, exclude={"utterance", "function", "arguments"}
    )
    turn = {
        "speaker": "USER",
        "utterance": row.utterance,
        "frames": [frame],
        "exemplar": {**rest, "split": row.split},
    }
    return {"dialogue_id": row.id, "services": [service], "turns": [turn]}
