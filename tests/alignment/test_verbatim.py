"""A value that stands in the text as itself, and once, is found: types order, and may doubt."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from aligning import MARK, REFERENCE, by_rule, exemplar, schema_for, unmarked

from radu_core.alignment import align, learn
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import Schema, parse_schema

# Words that say what a number is, wherever they come: none of them may hide a value.
TEXT = (
    "stars points months minutes hours people guests rooms bedrooms seat gate row floor "
    "flight page at by from to in on for the a of and table book rate play set volume level "
    "number o'clock please tonight noon Friday March dollars euros kilos percent times more "
    "than nearly before until next last it we us not very good chapter platform degrees class "
    "dozen hundred half Uhr"
)
WORDS = TEXT.split()
NAMES = [
    "rating",
    "best_rating",
    "people",
    "guests",
    "rooms",
    "nights",
    "hour",
    "year",
    "amount",
    "title",
    "when",
    "level",
    "track",
    "seat_row",
    "party_size",
    "percentage",
]
TEXTS = [
    "Oslo",
    "New York",
    "blue heron",
    "May Wong",
    "C3-PO",
    "the Wall",
    "half moon",
    "Zürich",
    "four seasons",
    "seven",
    "noon tide",
    "a-ha",
    "12 Monkeys",
    "Terminal 2",
]


# Asked about: a number of things that is part of a date or a clock time, or is said twice.
EXCEPTED = re.compile(r"\d (?:o'clock|March|May)\b|(?:March|May) \d|seven 7|7 seven")


def made(source: random.Random) -> tuple[Schema, AnnotatedExemplar]:
    """A random schema, and a text that holds a value for some of its slots."""
    slots = []
    for name in source.sample(NAMES, source.randint(1, 5)):
        kind = source.choice(["string", "string", "integer", "number"])
        slots.append({"name": name, "type": kind, "description": source.choice(WORDS)})
    schema = parse_schema({"module": "a_b_en", "functions": [{"name": "f", "slots": slots}]})
    words = [source.choice(WORDS) for _ in range(source.randint(1, 9))]
    arguments: dict[str, Any] = {}
    for slot in source.sample(slots, source.randint(1, len(slots))):
        value: Any = source.choice([source.randint(0, 99), source.randint(1900, 2050), 4.5])
        if slot["type"] == "string":
            value = source.choice([str(value), source.choice(TEXTS)])
        elif slot["type"] == "integer":
            value = int(value)
        arguments[slot["name"]] = value
        words.insert(source.randint(0, len(words)), str(value))
    return schema, AnnotatedExemplar(
        id="x", utterance=" ".join(words), function="f", arguments=arguments
    )


@pytest.mark.parametrize("seed", range(4))
def test_what_the_rule_places_is_placed_there(seed: int) -> None:
    source = random.Random(seed)
    placed = 0
    for _ in range(1_500):
        schema, row = made(source)
        expected = by_rule(row)
        if expected is None or EXCEPTED.search(row.utterance):
            continue
        result = align(schema, row, reference=REFERENCE)
        assert result.outcome == "resolved", (row.utterance, row.arguments, result.reason)
        assert list(result.spans or ()) == expected, (row.utterance, row.arguments)
        placed += 1
    assert placed > 500  # the property isn't empty


DOUBTED: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "a rating",
        "rate this book [4](rating_value) [stars](rating_unit)",
        {"rating_value": "4", "rating_unit": "stars"},
        "the only '4' is followed by 'stars'",
    ),
    (
        "an hour as it is said",
        "will it rain at [8](when)",
        {"when": "8"},
        "the only '8' reads as an hour",
    ),
    ("months", "over [60](term) months", {"term": "60"}, "the only '60' is followed by 'months'"),
    ("a range", "[3](guests)-4 people", {"guests": 3}, "the only '3' is part of '3-4'"),
    (
        "what another slot counts",
        "[2](nights) rooms please",
        {"nights": 2},
        "the only '2' is followed by 'rooms'",
    ),
    (
        "the number of a thing",
        "gate [4](guests) please",
        {"guests": 4},
        "the only '4' follows 'gate'",
    ),
    (
        "another time",
        "at [11:30](at) pm",
        {"at": "11:30"},
        "the only '11:30' reads as another time",
    ),
    (
        "a class",
        "a [2](guests)-star hotel for us",
        {"guests": 2},
        "the only '2' is followed by 'star'",
    ),
]


@pytest.mark.parametrize(
    ("marked", "arguments", "doubt"), [c[1:] for c in DOUBTED], ids=[c[0] for c in DOUBTED]
)
def test_a_doubt_is_told_and_counted(marked: str, arguments: dict[str, Any], doubt: str) -> None:
    result = align(
        schema_for(arguments), exemplar(unmarked(marked), arguments), reference=REFERENCE
    )
    assert result.template == MARK.sub(r"<\2>", marked), result.reason
    assert result.reason == f"One reading only; {doubt}."
    assert result.inferred_kinds == ("doubted",)


PLAIN: list[tuple[str, str, dict[str, Any]]] = [
    (
        "a count before noon",
        "a table for [2](people) at [noon](time)",
        {"people": "2", "time": "noon"},
    ),
    (
        "people and bedrooms",
        "[2](people) people in [2](rooms) bedrooms",
        {"people": "2", "rooms": 2},
    ),
    (
        "one person, one bedroom",
        "[1](people) person, [1](rooms) bedroom for Friday",
        {"people": "1", "rooms": 1},
    ),
    ("the hour alone", "come at [8](when) pm", {"when": "8"}),
    ("the value alone of a clock time", "at [11:30](time) am", {"time": "11:30"}),
    ("the value alone of an amount", "send $[180](sum) now", {"sum": "180"}),
    ("the case as it is written", "may I come in [May](month)", {"month": "May"}),
    (
        "a bracket in full width",
        "book the [crown （old town）](name) now",
        {"name": "Crown (Old Town)"},
    ),
    ("two parts of a fraction", "rate it [4](value)/[6](best)", {"value": "4", "best": "6"}),
    ("yes that answers", "[yes](parking), near the centre", {"parking": "yes"}),
    ("no that ends the clause", "I said [no](parking), thanks", {"parking": "no"}),
    ("no of the slot's word", "with [no](parking) parking", {"parking": "no"}),
    ("a name that is a yes", "play songs of [Yes](artist) today", {"artist": "Yes"}),
]


@pytest.mark.parametrize(("marked", "arguments"), [c[1:] for c in PLAIN], ids=[c[0] for c in PLAIN])
def test_it_is_placed_without_a_doubt(marked: str, arguments: dict[str, Any]) -> None:
    result = align(schema_for(arguments), exemplar(unmarked(marked), arguments))
    assert result.template == MARK.sub(r"<\2>", marked), result.reason
    assert result.inferred_kinds == () or result.inferred_kinds == ("loose",)


ASKED: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "a time, not a count",
        "dinner at 2 pm for my wife and me",
        {"guests": 2},
        "'2' is part of '2 pm'; is it guests?",
    ),
    (
        "said of others as well",
        "2 people cancelled so a table for 2",
        {"people": "2"},
        "'2' occurs twice; both fit people.",
    ),
    (
        "no problem",
        "no problem, a hotel without parking",
        {"parking": "no"},
        "'no' answers nothing; is it parking?",
    ),
    (
        "a whole, misspelt",
        "play Queens of the Stone Agge now",
        {"artist": "Queens of the Stone Age"},
        "no 'Queens of the Stone Age' in the text for artist; did you mean "
        "'Queens of the Stone Agge'?",
    ),
    (
        "a whole, over a full stop",
        "a cab to 12 Rose Lane. Bergen",
        {"address": "12 Rose Lane, Bergen"},
        "no '12 Rose Lane, Bergen' in the text for address; did you mean '12 Rose Lane. Bergen'?",
    ),
    (
        "a whole, cut short",
        "to St Mary's Hospital",
        {"place": "Saint Mary's Hospital"},
        'no "Saint Mary\'s Hospital" in the text for place; did you mean "St Mary\'s Hospital"?',
    ),
    (
        "a lone year",
        "shows in 2024",
        {"event": "Harbour Fest 2024"},
        "no 'Harbour Fest 2024' in the text for event.",
    ),
    ("stop words only", "go to the one", {"place": "The One Above All"}, ""),
]


@pytest.mark.parametrize(
    ("utterance", "arguments", "reason"), [c[1:] for c in ASKED], ids=[c[0] for c in ASKED]
)
def test_it_asks_and_says_why(utterance: str, arguments: dict[str, Any], reason: str) -> None:
    result = align(schema_for(arguments), exemplar(utterance, arguments))
    assert result.spans is None
    assert result.reason.startswith(reason)


def test_a_yes_or_no_slot_implies_what_nothing_answers() -> None:
    slots = [{"name": "parking", "possible_values": ["yes", "no", "dontcare"]}]
    schema = parse_schema({"module": "a_b_en", "functions": [{"name": "f", "slots": slots}]})
    result = align(schema, exemplar("no problem, a hotel without parking", {"parking": "no"}))
    assert (result.outcome, result.implied) == ("resolved", ("parking",))
    for text, value in [("a hotel with parking", "no"), ("a hotel without parking", "yes")]:
        result = align(schema, exemplar(text, {"parking": value}))
        assert (result.outcome, result.implied) == ("unlocated", ())
        assert f"is parking {value!r}?" in result.reason


@pytest.mark.parametrize("seed", range(2))
def test_a_reason_never_denies_what_stands_there(seed: int) -> None:
    source = random.Random(100 + seed)
    for _ in range(1_500):
        schema, row = made(source)
        extra = source.choice(list(row.arguments.values()))
        row = row.model_copy(update={"utterance": f"{row.utterance} {extra}"})
        reason = align(schema, row, reference=REFERENCE).reason
        for value in row.arguments.values():
            assert f"no {value!r} in the text" not in reason, (row.utterance, row.arguments, reason)


# One convention per slot


def module(rows: list[tuple[str, str]], **more: Any) -> list[str]:
    """The templates of rows (utterance, time), learnt from one another."""
    schema = schema_for({"at": ""})
    schema = schema.model_copy(
        update={
            "functions": (
                schema.functions[0].model_copy(
                    update={
                        "slots": tuple(
                            s.model_copy(update={"type": "string"})
                            for s in schema.functions[0].slots
                        )
                    }
                ),
            )
        }
    )
    exemplars = [
        AnnotatedExemplar(id=str(n), utterance=u, function="f", arguments={"at": v}, **more)
        for n, (u, v) in enumerate(rows)
    ]
    knowledge = learn(schema, exemplars)
    return [align(schema, e, knowledge=knowledge).template or "" for e in exemplars]


def test_values_as_they_are_said_are_never_widened() -> None:
    rows = [("come at 11:30 am", "11:30"), ("come at 7:15 pm", "7:15 pm"), ("at 6:00 pm", "6:00")]
    assert module(rows) == ["come at <at> am", "come at <at>", "at <at> pm"]


def test_normalised_values_take_the_whole_expression_in_each_row() -> None:
    rows = [("come at 11:30 am", "11:30"), ("come at 7:15 pm", "19:15"), ("at 6 pm", "18:00")]
    rows += [("at 8 pm", "20:00")]
    assert module(rows) == ["come at <at>", "come at <at>", "at <at>", "at <at>"]


def test_a_few_normalised_values_widen_no_others() -> None:
    rows = [(f"come at {n}:30 am", f"{n:02}:30") for n in (10, 11)] * 4
    rows += [("come at 7:15 pm", "19:15"), ("at 6 pm", "18:00")]
    assert module(rows)[:2] == ["come at <at> am", "come at <at> am"]


def test_spans_that_people_gave_decide_the_edges() -> None:
    schema = schema_for({"what": ""})
    marked = AnnotatedExemplar(
        id="0",
        utterance="come at 9:00 am",
        function="f",
        arguments={"what": "9:00"},
        spans=(Span(slot="what", start=8, end=15, value="9:00"),),
    )
    other = exemplar("come at 11:30 am", {"what": "11:30"})
    assert align(schema, other, knowledge=learn(schema, [marked])).template == "come at <what>"
    assert align(schema, other, knowledge=learn(schema, [])).template == "come at <what> am"
