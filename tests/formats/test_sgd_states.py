"""Dialogues without acts: intents and values from the states."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE

from radu_core.formats import Imported, read


def frame(service: str, active: str, spans: Any = (), **values: list[str]) -> dict[str, Any]:
    state = {"active_intent": active, "requested_slots": [], "slot_values": values}
    return {"actions": [], "service": service, "slots": list(spans), "state": state}


def span(slot: str, start: int, end: int, value: Any) -> dict[str, Any]:
    return {"slot": slot, "start": start, "exclusive_end": end, "value": value}


def user(text: str, *frames: dict[str, Any]) -> dict[str, Any]:
    return {"speaker": "USER", "turn_id": "0", "utterance": text, "frames": list(frames)}


def service(name: str, intent: str, *slots: str) -> dict[str, Any]:
    return {
        "service_name": name,
        "description": f"About {name}",
        "slots": [
            {"name": s, "description": s, "is_categorical": True, "possible_values": ["x"]}
            for s in slots
        ],
        "intents": [
            {
                "name": intent,
                "description": "Find one",
                "is_transactional": False,
                "required_slots": [],
                "optional_slots": dict.fromkeys(slots, "dontcare"),
            }
        ],
    }


TURNS = [
    user(
        "italian food in the centre",
        frame(
            "eat",
            "find_eat",
            [span("food", 0, 7, ["italian"])],
            food=["italian"],
            area=["centre", "center"],
        ),
        frame("stay", "NONE"),
    ),
    {"speaker": "SYSTEM", "utterance": "ok", "frames": []},
    user(
        "a guest house, 4 stars",
        frame("eat", "find_eat", food=["italian"], area=["center"]),
        frame("stay", "find_stay", stars=["4"], kind=["guesthouse", "guest house"]),
    ),
    user("cheap", frame("stay", "find_stay", stars=["4"], kind=["guesthouse"], price=["cheap"])),
]
SERVICES = [
    service("eat", "find_eat", "food", "area"),
    service("stay", "find_stay", "stars", "kind", "price"),
]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Imported]:
    def made(turns: Any, *, beside: bool = False, **options: Any) -> Imported:
        folder = tmp_path / "train"
        folder.mkdir(exist_ok=True)
        where = tmp_path if beside else folder
        (where / "schema.json").write_text(json.dumps(SERVICES))
        dialogues = [{"dialogue_id": "d", "services": [], "turns": turns}]
        (folder / "dialogues_001.json").write_text(json.dumps(dialogues))
        return read("sgd", folder, module=MODULE, schema=None, options=options)

    return made


def test_values_come_from_slots_and_from_what_is_new(load: Callable[..., Imported]) -> None:
    found = load(TURNS)
    assert [(e.id, e.function, e.arguments) for e in found.exemplars] == [
        ("d-0", "find_eat", {"food": "italian", "area": "centre"}),
        ("d-2", "find_stay", {"stars": "4", "kind": "guest house"}),
    ]
    assert found.left_out == {"another form of a value (slot_values lists several)": 2}
    assert found.notes[0].startswith("1 dialogue without acts")
    assert found.ignored["turns of the system"] == 1
    assert "frames.state.slot_values" not in found.ignored


def test_canonical_values_and_all_turns(load: Callable[..., Imported]) -> None:
    found = load(TURNS, values="canonical", all_turns=True)
    said = {e.id: (e.function, e.arguments) for e in found.exemplars}
    assert said["d-2"] == ("find_stay", {"stars": "4", "kind": "guesthouse"})
    assert said["d-3"] == ("find_stay", {"price": "cheap"})


def test_spans_are_those_of_the_slots(load: Callable[..., Imported]) -> None:
    (first, *_) = load(TURNS, spans=True).exemplars
    assert first.spans is not None
    assert [(s.slot, s.start, s.end) for s in first.spans] == [("food", 0, 7)]
    assert first.implied == ("area",)


def test_a_dialogue_with_acts_is_read_by_them(load: Callable[..., Imported]) -> None:
    acted = frame("eat", "find_eat", area=["x"])
    acted["actions"] = [{"act": "INFORM_INTENT", "slot": "intent", "values": ["find_eat"]}]
    found = load([user("food", acted)])
    assert [(e.function, e.arguments) for e in found.exemplars] == [("find_eat", {})]
    assert found.notes == ()
    assert found.ignored["frames.state.slot_values"] == 1


def test_one_schema_for_all_parts(load: Callable[..., Imported]) -> None:
    found = load(TURNS, beside=True)
    assert len(found.exemplars) == 2
    assert "schema.json, beside the directory" in found.notes[0]
