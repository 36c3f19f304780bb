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
The intent NONE is out of scope, where it is stated by an act. Dialogues without acts are read by
their states (``sgd_states``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import Split
from radu_core.files import content_hash
from radu_core.formats.collected import Collected
from radu_core.formats.common import Imported, RowError, check_options, load_json
from radu_core.formats.sgd_export import OUT_OF_SCOPE
from radu_core.formats.sgd_states import FORMS, with_acts
from radu_core.formats.values import as_type
from radu_core.progress import Progress
from radu_core.schema import Schema, SlotType, Value, as_values, parse_schema
from radu_core.words import join_words, quantity

__all__ = ["check_directory", "read"]

_DIALOGUES = "dialogues_*.json"
_FOREIGN = "a value of a slot that its intent doesn't have"
_FURTHER = "a further value of a slot that takes one"
_STATES_NONE = "a turn that states no intent"
_PUBLISHED = date(2019, 3, 1)  # what the dataset's own relative dates count from
M = TypeVar("M", bound=BaseModel)


class _Read(BaseModel):
    """Part of a file; what isn't read of it is kept to be named."""

    model_config = ConfigDict(extra="allow")

    @property
    def unread(self) -> Iterator[str]:
        """The names of what isn't read and isn't empty."""
        yield from (name for name, value in (self.model_extra or {}).items() if value or value == 0)


class _Slot(_Read):
    name: str
    description: str
    type: SlotType = "string"
    multi_value: bool = False


class _Intent(_Read):
    name: str
    description: str
    required_slots: list[str]
    optional_slots: dict[str, Any]


class _Service(_Read):
    service_name: str
    description: str
    reference_date: date | None = _PUBLISHED
    slots: list[_Slot]
    intents: list[_Intent]


class _Action(_Read):
    act: str
    slot: str
    values: list[str]
    canonical_values: list[str] = []


class _Span(_Read):
    slot: str
    start: int | None = None
    exclusive_end: int | None = None


class _State(_Read):
    active_intent: str


class _Frame(_Read):
    service: str
    actions: list[_Action] = []
    slots: list[_Span] = []
    state: _State

    @property
    def stated_intent(self) -> str | None:
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


class _Turn(_Read):
    speaker: Literal["USER"]
    utterance: str
    frames: list[_Frame]
    exemplar: dict[str, Any] = {}


class _Dialogue(_Read):
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
    ignored: Counter[str] = field(default_factory=Counter)
    without_acts: Counter[str] = field(default_factory=Counter)  # dialogues, by file


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
    read_options = _options(options)
    check_directory(path)
    services = _services(path, read_options.services)
    names = _function_names(services)
    service_schema = _schema(services, names, module)
    reading = _Reading(services, names, service_schema, schema or service_schema, read_options)
    for service in services.values():
        _count_unread(reading, "schema: services", service)
        _count_unread(reading, "schema: slots", *service.slots)
        _count_unread(reading, "schema: intents", *service.intents)
    collected = Collected(reading.target, path.name)
    skipped: Counter[str] = Counter()
    files = sorted(path.glob(_DIALOGUES))
    for number, file in enumerate(files):
        progress("Reading dialogues", number, len(files))
        for place, turn, row in _rows(file, reading):
            if isinstance(row, str):
                skipped[row] += 1
            else:
                collected.add(turn, row, source=place)
    for name, count in reading.ignored.items():
        collected.ignore(name, count)
    return collected.finish(
        service_schema, skipped=skipped, left_out=reading.left_out, notes=_notes(path, reading)
    )


def _count_unread(reading: _Reading, where: str, *parts: _Read) -> None:
    reading.ignored.update(f"{where}.{name}" for part in parts for name in part.unread)


def _notes(path: Path, reading: _Reading) -> Iterator[str]:
    if not (path / "schema.json").is_file():
        yield f"The schema is {path.resolve().parent.name}/schema.json, beside the directory."
    if count := sum(reading.without_acts.values()):
        yield (
            f"{quantity(count, 'dialogue')} without acts: an intent counts as stated where it "
            "becomes active, and values come from the frames' slots and from what is new in "
            "slot_values. Which of a value's forms the user said isn't told there: the one in the "
            "text is taken, else the first."
        )


def _options(options: Mapping[str, Any]) -> _Options:
    check_options("sgd", options, ("services", "values", "all_turns", "spans"))
    services = options.get("services") or ()
    services = (services,) if isinstance(services, str) else services
    if not isinstance(services, list | tuple) or not all(isinstance(s, str) for s in services):
        raise InputError(
            "services must be names", value=services, remedy="Give a list of their names."
        )
    values = options.get("values", "said")
    if values not in ("said", "canonical"):
        raise InputError("No such kind of values", value=values, remedy="Use said or canonical.")
    for name in ("all_turns", "spans"):
        if not isinstance(options.get(name, False), bool):
            raise InputError(
                f"{name} must be true or false", value=options[name], remedy=f"Write {name}=true."
            )
    return _Options(
        tuple(services), values, options.get("all_turns", False), options.get("spans", False)
    )


def _validate(kind: type[M], data: Any) -> M:
    """``data`` as what the format says it is; ``RowError`` names the field and its value."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "line"
        raise RowError(
            where, first["input"], first["msg"].lower(), "Correct it as in the published files."
        ) from error


def check_directory(path: Path) -> None:
    """``FormatError`` for a directory that isn't one part of the dataset; it names the parts."""
    lacking = [] if any(path.glob(_DIALOGUES)) else [_DIALOGUES]
    lacking += [] if _schema_file(path).is_file() else ["schema.json"]
    if not lacking:
        return
    parts = sorted({file.parent.name for file in path.glob(f"*/{_DIALOGUES}")})
    raise FormatError(
        f"{path} isn't a part of a Schema-Guided Dialogue dataset: it has no "
        f"{join_words(lacking, 'and no')}",
        remedy=f"Name one of its parts: {', '.join(str(path / name) for name in parts)}."
        if parts
        else "Name a file, or the directory of one part, e.g. train/.",
    )


def _schema_file(path: Path) -> Path:
    """The part's own, else the one beside it: MultiWOZ has one for all parts."""
    own, beside = path / "schema.json", path.resolve().parent / "schema.json"
    return beside if beside.is_file() and not own.is_file() else own


def _services(path: Path, names: tuple[str, ...]) -> dict[str, _Service]:
    data = load_json(_schema_file(path))
    if not isinstance(data, list):
        raise FormatError(
            "schema.json isn't a list of services", value=data, remedy="Unpack it again."
        )
    try:
        services = {s.service_name: s for s in (_validate(_Service, item) for item in data)}
    except RowError as error:
        raise FormatError(
            f"schema.json, {error.field}: {error.problem}", value=error.value, remedy=error.remedy
        ) from error
    missing = sorted(set(names) - set(services))
    if missing:
        raise InputError(
            "No such service", value=missing[0], remedy=f"There are {', '.join(sorted(services))}."
        )
    return {n: s for n, s in sorted(services.items()) if not names or n in names}


def _function_names(services: Mapping[str, _Service]) -> dict[tuple[str, str], str]:
    """(service, intent) → function: the intent's name, with the service's where it is shared."""
    service_counts = Counter(i.name for s in services.values() for i in s.intents)
    return {
        (service, intent.name): intent.name
        if service_counts[intent.name] == 1
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
    fields = set(_Slot.model_fields)
    own = dict.fromkeys([*intent.required_slots, *intent.optional_slots])
    unknown = [name for name in own if name not in slots]
    if unknown:
        raise FormatError(
            f"schema.json: {service.service_name}.{intent.name} names a slot that the service "
            "doesn't have",
            value=unknown[0],
            remedy=f"It has {', '.join(slots) or 'none'}.",
        )
    return [
        {**slots[name].model_dump(include=fields), "required": name in intent.required_slots}
        for name in own
    ]


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
            dialogue = _validate(_Dialogue, data)
        except RowError as error:
            yield f"{file.name}, dialogue number {position}", 1, error
            continue
        place = f"{file.name}, dialogue {dialogue.dialogue_id}"
        _count_unread(reading, "dialogues", dialogue)
        turns = with_acts(dialogue.turns)
        if turns is not None:
            dialogue = dialogue.model_copy(update={"turns": turns[0]})
            reading.left_out[FORMS] += turns[1]
            reading.without_acts[file.name] += 1
        for number, turn in enumerate(dialogue.turns):
            if isinstance(turn, dict) and turn.get("speaker") == "SYSTEM":
                reading.ignored["turns of the system"] += 1
            else:
                for row in _turn(dialogue, number, turn, reading):
                    yield place, number + 1, row


def _turn(
    dialogue: _Dialogue, number: int, data: Any, reading: _Reading
) -> Iterator[dict[str, Any] | RowError | str]:
    try:
        turn = _validate(_Turn, data)
    except RowError as error:
        yield error
        return
    main = next(
        (f for f in turn.frames if f.stated_intent), turn.frames[0] if turn.frames else None
    )
    id_ = f"{dialogue.dialogue_id}-{number}"
    _count_unread(reading, "turns", turn)
    if not turn.frames and turn.exemplar.get("unlabelled"):
        split = _split(dialogue.dialogue_id)
        yield {"id": id_, "utterance": turn.utterance, "split": split, **turn.exemplar}
    elif not turn.frames:
        yield _STATES_NONE
    for frame in turn.frames:
        if frame.service not in reading.services:
            reading.ignored["frames of services that weren't chosen"] += 1
            continue
        _count_unread(reading, "frames", frame)
        _count_unread(reading, "frames.slots", *frame.slots)
        _count_unread(reading, "frames.state", frame.state)
        row = _row(turn.utterance, frame, reading)
        if isinstance(row, dict):
            row["id"] = id_ if frame is main else f"{id_}-{frame.service}"
            row["split"] = _split(dialogue.dialogue_id)
            row |= turn.exemplar
        yield row


def _row(utterance: str, frame: _Frame, reading: _Reading) -> dict[str, Any] | str:
    """A frame as a row without id and split, or the reason why it gives none."""
    stated = frame.stated_intent
    if stated == OUT_OF_SCOPE and (frame.service, stated) not in reading.names:
        return {"utterance": utterance, "function": None}
    if stated is None and not reading.options.all_turns:
        return _STATES_NONE
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
        return [as_type(v, slot, reading.target.language) for v in values]
    if not values:
        return None
    reading.left_out[_FURTHER] += len(values) - 1
    return values[0] if slot is None else as_type(values[0], slot, reading.target.language)


def _given_spans(frame: _Frame, utterance: str, informed: Mapping[str, Value]) -> dict[str, Any]:
    """The frame's spans of what is informed of; what has none is implied."""
    spans: list[dict[str, Any]] = []
    for slot_given in frame.slots:
        if (
            slot_given.slot not in informed
            or slot_given.start is None
            or slot_given.exclusive_end is None
        ):
            continue
        piece = utterance[slot_given.start : slot_given.exclusive_end]
        values = as_values(informed[slot_given.slot])
        value = next((v for v in values if str(v) == piece), values[0] if values else piece)
        place = {"start": slot_given.start, "end": slot_given.exclusive_end}
        spans.append({"slot": slot_given.slot, **place, "value": value})
    placed_slots = {s["slot"] for s in spans}
    return {"spans": spans, "implied": [slot for slot in informed if slot not in placed_slots]}


def _split(dialogue: str) -> Split:
    number = int(content_hash(dialogue)[:8], 16) % 10
    return "train" if number < 7 else "validation" if number < 8 else "test"
