"""Schema-Guided Dialogue: which turns become rows, what is wrong where, and the way back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.formats import Imported, read, write
from radu_core.schema import Schema

PUBLISHED = Path.home() / ".cache" / "radu" / "data" / "dev"


def service(name: str, intent: str, *slots: str) -> dict[str, Any]:
    return {
        "service_name": name,
        "description": f"About {name}",
        "slots": [
            {"name": s, "description": f"the {s}", "is_categorical": False, "possible_values": []}
            for s in slots
        ],
        "intents": [
            {
                "name": intent,
                "description": "Find one",
                "is_transactional": False,
                "required_slots": list(slots[:1]),
                "optional_slots": dict.fromkeys(slots[1:], ""),
                "result_slots": [],
            }
        ],
    }


def frame(
    name: str, active: str, *, states: bool = False, spans: Any = (), **informs: Any
) -> dict[str, Any]:
    acts = (
        [
            {
                "act": "INFORM_INTENT",
                "slot": "intent",
                "values": [active],
                "canonical_values": [active],
            }
        ]
        if states
        else []
    )
    for slot, said in informs.items():
        values, canonical = said if isinstance(said, tuple) else ([said], [said])
        acts.append(
            {"act": "INFORM", "slot": slot, "values": values, "canonical_values": canonical}
        )
    return {
        "service": name,
        "actions": acts,
        "slots": [{"slot": s, "start": a, "exclusive_end": b} for s, a, b in spans],
        "state": {"active_intent": active, "slot_values": {}, "requested_slots": []},
    }


def turn(text: str, *frames: dict[str, Any]) -> dict[str, Any]:
    return {"speaker": "USER", "utterance": text, "frames": list(frames)}


SERVICES = [
    service("Fly_1", "Fly", "city", "day"),
    service("Stay_1", "Stay", "place"),
]
TURNS = [
    turn(
        "a flight to Rome",
        frame("Fly_1", "Fly", states=True, city="Rome", spans=[("city", 12, 16)]),
    ),
    {"speaker": "SYSTEM", "utterance": "when?", "frames": []},
    turn("on Monday", frame("Fly_1", "Fly", day=(["Monday"], ["2019-03-04"]), place="x")),
    {"speaker": "SYSTEM", "utterance": "ok", "frames": []},
    turn(
        "great, now a room there",
        frame("Fly_1", "Fly"),
        frame("Stay_1", "Stay", states=True, place=(["there", "Rome"], ["Rome"])),
    ),
    {"speaker": "SYSTEM", "utterance": "ok", "frames": []},
    turn("hm", frame("Fly_1", "Fly"), frame("Stay_1", "Stay")),
    {"speaker": "SYSTEM", "utterance": "ok", "frames": []},
    turn("thanks", frame("Stay_1", "NONE")),
]


@pytest.fixture
def sgd(tmp_path: Path) -> Callable[..., Path]:
    def made(services: Any = SERVICES, turns: Any = TURNS) -> Path:
        (tmp_path / "schema.json").write_text(json.dumps(services))
        dialogue = {"dialogue_id": "1_00000", "services": [], "turns": turns}
        (tmp_path / "dialogues_001.json").write_text(json.dumps([dialogue]))
        return tmp_path

    return made


def load(path: Path, schema: Schema | None = None, **options: Any) -> Imported:
    found = read("sgd", path, module=MODULE, schema=schema, options=options)
    skipped = sum(found.skipped.values())
    assert found.rows == len(found.exemplars) + len(found.rejections) + skipped
    return found


def test_turns_that_state_an_intent(sgd: Callable[..., Path]) -> None:
    found = load(sgd())
    assert [(e.id, e.utterance, e.function, e.arguments, e.mode) for e in found.exemplars] == [
        ("1_00000-0", "a flight to Rome", "Fly", {"city": "Rome"}, "normal"),
        ("1_00000-4", "great, now a room there", "Stay", {"place": "there"}, "normal"),
    ]
    assert {e.split for e in found.exemplars} == {"validation"}
    assert found.skipped == {"a turn that states no intent": 5}
    assert found.left_out == {"a further value of a slot that takes one": 1}


def test_all_turns_have_ids_of_their_own(sgd: Callable[..., Path]) -> None:
    found = load(sgd(), all_turns=True)
    assert found.rejections == ()
    assert [(e.id, e.function, e.mode, e.context) for e in found.exemplars] == [
        ("1_00000-0", "Fly", "normal", None),
        ("1_00000-2", "Fly", "extended", "Fly"),
        ("1_00000-4-Fly_1", "Fly", "extended", "Fly"),
        ("1_00000-4", "Stay", "normal", None),
        ("1_00000-6", "Fly", "extended", "Fly"),
        ("1_00000-6-Stay_1", "Stay", "extended", "Stay"),
    ]
    assert found.exemplars[1].tags == ("left out: place",)
    assert found.left_out["a value of a slot that its intent doesn't have"] == 1
    assert found.skipped == {"a turn without an intent of its service": 1}
    one = load(sgd(), all_turns=True, services="Stay_1")
    assert [e.id for e in one.exemplars] == ["1_00000-4", "1_00000-6-Stay_1"]


def test_spans_and_values(sgd: Callable[..., Path]) -> None:
    found = load(sgd(), all_turns=True, spans=True, values="canonical")
    first, second = found.exemplars[:2]
    assert first.spans == (Span(slot="city", start=12, end=16, value="Rome"),)
    assert first.implied == ()
    assert (second.spans, second.implied) == ((), ("day",))
    assert second.arguments == {"day": "2019-03-04"}
    assert load(sgd(), all_turns=True).exemplars[1].arguments == {"day": "Monday"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"services": 5}, "services must be names: 5"),
        ({"services": [5]}, "services must be names"),
        ({"services": "Bus_1"}, "No such service: 'Bus_1'. There are Fly_1, Stay_1"),
        ({"values": "weird"}, "No such kind of values: 'weird'. Use said or canonical"),
        ({"values": []}, "No such kind of values"),
        ({"all_turns": "yes"}, "all_turns must be true or false: 'yes'"),
        ({"spans": 1}, "spans must be true or false: 1"),
        ({"span": True}, "no such option: 'span'"),
    ],
)
def test_options_that_cant_be(
    sgd: Callable[..., Path], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        load(sgd(), **options)


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ({}, "schema.json isn't a list of services"),
        ([{**SERVICES[0], "intents": None}], "schema.json, intents: input should be a valid list"),
        ([{k: v for k, v in SERVICES[0].items() if k != "intents"}], "intents: field required"),
        ([5], "schema.json, line: input should be a valid dict"),
        (
            [{**SERVICES[0], "slots": SERVICES[0]["slots"][:1]}],
            "Fly_1.Fly names a slot that the service doesn't have: 'day'. It has city",
        ),
    ],
)
def test_a_schema_that_isnt_one(sgd: Callable[..., Path], services: Any, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        load(sgd(services=services))


def test_what_is_wrong_with_turns_and_dialogues_says_where(sgd: Callable[..., Path]) -> None:
    broken = [
        {"speaker": "USER", "utterance": "x"},
        5,
        turn("", frame("Fly_1", "Fly", states=True)),
    ]
    path = sgd(turns=[*TURNS[:2], *broken])
    file = path / "dialogues_001.json"
    file.write_text(json.dumps([{"dialogue_id": "0"}, *json.loads(file.read_text())]))
    found = load(path)
    assert [e.id for e in found.exemplars] == ["1_00000-0"]
    assert [(r.source, r.line, r.field, r.problem) for r in found.rejections] == [
        ("dialogues_001.json, dialogue number 1", 1, "turns", "field required"),
        ("dialogues_001.json, dialogue 1_00000", 3, "frames", "field required"),
        ("dialogues_001.json, dialogue 1_00000", 4, "line", found.rejections[2].problem),
        ("dialogues_001.json, dialogue 1_00000", 5, "utterance", found.rejections[3].problem),
    ]
    file.write_text("{}")
    with pytest.raises(FormatError, match="isn't a list of dialogues"):
        load(path)


def test_the_second_of_one_dialogue_names_the_first(sgd: Callable[..., Path]) -> None:
    path = sgd()
    (path / "dialogues_002.json").write_text((path / "dialogues_001.json").read_text())
    found = load(path)
    assert [(n.source, n.line, n.kind, n.detail) for n in found.notices] == [
        (
            "dialogues_002.json, dialogue 1_00000",
            line,
            "repeated",
            f"the same as dialogues_001.json, dialogue 1_00000, {line}",
        )
        for line in (1, 5)
    ]
    assert (found.rejections, found.skipped["the same row as one before it"]) == ((), 2)


def test_rows_are_checked_against_the_modules_schema(
    sgd: Callable[..., Path], schema: Schema
) -> None:
    found = load(sgd(), schema)
    assert found.exemplars == ()
    assert {r.problem for r in found.rejections} == {"not in the schema"}
    assert found.schema is not None
    assert [f.name for f in found.schema.functions] == ["Fly", "Stay"]


def test_an_export_comes_back(
    tmp_path: Path, schema: Schema, make_exemplar: Callable[..., AnnotatedExemplar]
) -> None:
    rows = [AnnotatedExemplar(**row) for row in ROWS]
    rows += [
        make_exemplar(
            "a room with wifi and pool",
            "book_hotel",
            id="m",
            split="test",
            arguments={"extras": ["wifi", "pool"]},
            tags=("a",),
            context="book_hotel",
            spans=(
                Span(slot="extras", start=12, end=16, value="wifi"),
                Span(slot="extras", start=21, end=25, value="pool"),
            ),
            template="a room with <extras> and <extras>",
            outcome="resolved",
            resolved_by="annotator",
        ),
        make_exemplar("a room", "book_hotel", id="e", arguments={"extras": []}, mode="negative"),
        make_exemplar("money back", id="b", arguments={"refundable": True, "passengers": 2}),
    ]
    assert write("sgd", tmp_path / "out", schema=schema, exemplars=rows) == len(rows)
    found = load(tmp_path / "out", schema)
    assert (found.exemplars, found.rejections) == (tuple(rows), ())
    assert (found.skipped, found.left_out) == ({}, {})
    alone = load(tmp_path / "out")
    assert alone.exemplars == tuple(rows)
    assert alone.schema is not None
    assert [s.type for s in alone.schema.functions[0].slots] == [
        s.type for s in schema.functions[0].slots
    ]


def test_an_unlabelled_exemplar_states_nothing(tmp_path: Path, schema: Schema) -> None:
    bare = AnnotatedExemplar(id="a", utterance="hm", unlabelled=True)
    said = AnnotatedExemplar(id="b", utterance="hello")
    write("sgd", tmp_path, schema=schema, exemplars=[bare, said])
    dialogues = json.loads((tmp_path / "dialogues_001.json").read_text())
    frames = [dialogue["turns"][0]["frames"] for dialogue in dialogues]
    assert frames[0] == []
    assert [action["values"] for action in frames[1][0]["actions"]] == [["NONE"]]


def test_a_turn_without_frames_is_counted(sgd: Callable[..., Path]) -> None:
    path = sgd()
    before = load(path)
    file = path / "dialogues_001.json"
    dialogues = json.loads(file.read_text())
    dialogues[0]["turns"].append({"speaker": "USER", "utterance": "bye", "frames": []})
    file.write_text(json.dumps(dialogues))
    found = load(path)
    assert (found.rows, found.exemplars) == (before.rows + 1, before.exemplars)
    reason = "a turn that states no intent"
    assert found.skipped[reason] == before.skipped.get(reason, 0) + 1


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs the published data")
@pytest.mark.parametrize(
    ("options", "accepted", "extended"),
    [
        ({}, 4639, 0),
        pytest.param({"all_turns": True}, 19159, 14520, marks=pytest.mark.slow),
        pytest.param(
            {"all_turns": True, "spans": True, "values": "canonical"},
            19159,
            14520,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_published_data(options: dict[str, Any], accepted: int, extended: int) -> None:
    found = load(PUBLISHED, **options)
    assert found.rejections == ()
    assert (found.rows, len(found.exemplars)) == (20542, accepted)
    assert len({e.id for e in found.exemplars}) == accepted
    assert Counter(e.mode for e in found.exemplars)["extended"] == extended
    if options:
        before = {e.id: e for e in load(PUBLISHED, **{**options, "all_turns": False}).exemplars}
        assert before.items() <= {e.id: e for e in found.exemplars}.items()
