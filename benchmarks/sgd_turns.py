"""User turns of the Schema-Guided Dialogue dataset with their gold spans, for benchmarks.

Looks in ``RADU_DATA`` or ``~/.cache/radu/data`` (see shared/data/README.md of the workplace).
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from text_to_num import alpha2digit

from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Function, Schema, Slot

REFERENCE = date(2019, 3, 1)  # what the dataset's relative dates count from
Values = Literal["said", "lower", "canonical", "all"]


@dataclass(frozen=True)
class Turn:
    """One user turn's frame: its values in each form, and where the spans are."""

    service: str
    id: str
    utterance: str
    gold: dict[str, tuple[int, int]]
    said: dict[str, str]
    canonical: dict[str, str]

    def exemplar(self, values: Values) -> AnnotatedExemplar:
        """The turn as a customer would have it: without spans."""
        if values == "all":
            arguments = self.canonical
        else:
            source = self.canonical if values == "canonical" else self.said
            arguments = {slot: source[slot] for slot in self.gold}
        if values == "lower":
            arguments = {slot: value.lower() for slot, value in arguments.items()}
        return AnnotatedExemplar(
            id=self.id, utterance=self.utterance, function=self.service, arguments={**arguments}
        )


def data_directory() -> Path | None:
    """Where the dataset lies, or None."""
    directory = Path(os.environ.get("RADU_DATA") or Path.home() / ".cache" / "radu" / "data")
    return directory if any(directory.glob("*/dialogues_*.json")) else None


def parts(directory: Path) -> list[str]:
    """The parts that are there (train, dev, …)."""
    return sorted({p.parent.name for p in directory.glob("*/dialogues_*.json")})


def turns(directory: Path, part: str) -> Iterator[Turn]:
    """Every user frame with spans whose values its INFORM and SELECT actions name."""
    for file in sorted((directory / part).glob("dialogues_*.json")):
        for dialogue in json.loads(file.read_text(encoding="utf-8")):
            for number, turn in enumerate(dialogue["turns"]):
                if turn["speaker"] == "USER":
                    for frame in turn["frames"]:
                        turn_row = _turn(f"{dialogue['dialogue_id']}-{number}", turn, frame)
                        if turn_row.gold:
                            yield turn_row


def _turn(id: str, turn: dict[str, Any], frame: dict[str, Any]) -> Turn:
    actions = {
        a["slot"]: a
        for a in reversed(frame["actions"])
        if a["act"] in ("INFORM", "SELECT") and a["slot"] and a["values"]
    }
    return Turn(
        service=frame["service"],
        id=f"{id}-{frame['service']}",
        utterance=turn["utterance"],
        gold={
            s["slot"]: (s["start"], s["exclusive_end"])
            for s in frame["slots"]
            if s["slot"] in actions
        },
        said={slot: a["values"][0] for slot, a in actions.items()},
        canonical={slot: (a["canonical_values"] or a["values"])[0] for slot, a in actions.items()},
    )


def by_module(directory: Path, part: str) -> dict[str, tuple[Schema, list[Turn]]]:
    """Per service one module with one function that has all its slots, and its turns."""
    grouped: dict[str, list[Turn]] = defaultdict(list)
    for turn in turns(directory, part):
        grouped[turn.service].append(turn)
    services = json.loads((directory / part / "schema.json").read_text(encoding="utf-8"))
    return {
        s["service_name"]: (_schema(s), grouped[s["service_name"]])
        for s in services
        if s["service_name"] in grouped
    }


def with_types(
    schema: Schema, exemplars: Sequence[AnnotatedExemplar]
) -> tuple[Schema, list[AnnotatedExemplar]]:
    """The module as a customer with a typed schema has it.

    A slot whose values are all whole numbers, in figures or in words, is an integer, and so are its
    values.
    """
    function = schema.functions[0]
    values: dict[str, set[str]] = defaultdict(set)
    for exemplar in exemplars:
        for slot, value in exemplar.arguments.items():
            values[slot].add(str(value))
    whole = {slot for slot, own in values.items() if all(_digits(v) is not None for v in own)}
    slots = tuple(
        s.model_copy(update={"type": "integer"}) if s.name in whole else s for s in function.slots
    )
    typed_schema = schema.model_copy(
        update={"functions": (function.model_copy(update={"slots": slots}),)}
    )
    typed_rows = [
        e.model_copy(
            update={
                "arguments": {
                    slot: _digits(str(value)) if slot in whole else value
                    for slot, value in e.arguments.items()
                }
            }
        )
        for e in exemplars
    ]
    return typed_schema, typed_rows


def _digits(value: str) -> int | None:
    """The whole number that ``value`` says, or None."""
    figures = alpha2digit(value.lower(), "en")
    return int(figures) if figures.isdecimal() and (figures == "0" or figures[0] != "0") else None


def _schema(service: dict[str, Any]) -> Schema:
    slots = tuple(Slot(name=s["name"], description=s["description"]) for s in service["slots"])
    name = service["service_name"]
    return Schema(
        module=f"sgd_{name.lower().replace('_', '-')}_en",
        functions=(Function(name=name, description=service["description"], slots=slots),),
    )
