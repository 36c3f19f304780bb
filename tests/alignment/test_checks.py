"""Given spans: right on the value or a writing of it, otherwise invalid with texts and places."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unicode_cases import texts

from radu_core.alignment import Aligner, Alignment, learn
from radu_core.alignment.folding import squeeze_text
from radu_core.alignment.shifts import SHIFTS
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import Scalar, Schema, parse_schema

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def trips() -> Schema:
    slots = [
        {"name": "city"},
        {"name": "seats", "type": "integer"},
        {"name": "price"},
        {"name": "day"},
        {"name": "time"},
        {"name": "stay"},
        {"name": "wifi", "type": "boolean"},
        {"name": "kind", "possible_values": ["hotel", "hostel"]},
    ]
    return parse_schema({"module": "a_trips_en", "functions": [{"name": "go", "slots": slots}]})


def row(
    text: str, slot: str, value: Scalar, said: str | tuple[int, int], **more: Any
) -> AnnotatedExemplar:
    """An exemplar whose one span stands on ``said``, the first of it, or from and to."""
    start, end = said if isinstance(said, tuple) else (text.index(said), 0)
    span = Span(slot=slot, start=start, end=end or start + len(said), value=value)
    return AnnotatedExemplar(
        id=text, utterance=text, function="go", arguments={slot: value}, spans=(span,), **more
    )


def check(schema: Schema, exemplar: AnnotatedExemplar, *known: AnnotatedExemplar) -> Alignment:
    reference = date(2026, 3, 2)
    knowledge = learn(schema, known, reference=reference) if known else None
    return Aligner(schema, reference=reference, knowledge=knowledge).align(exemplar)


YES_OR_NO = [
    ("en", "no problem, a room with parking", "no", (0, 2), False),
    ("en", "No worries at all", "no", (0, 2), False),
    ("en", "I have no idea", "no", (7, 9), False),
    ("en", "there is no rush", "no", (9, 11), False),
    ("en", "no, thanks", "no", (0, 2), True),
    ("en", "no thanks", "no", (0, 2), True),
    ("en", "I'd say no", "no", (8, 10), True),
    ("en", "with no parking", "no", (5, 7), True),
    ("en", "yes to that", "yes", (0, 3), True),
    ("de", "das ist ja schön", "ja", (8, 10), False),
    ("de", "ja bitte", "ja", (0, 2), True),
    ("de", "also ja, bitte", "ja", (5, 7), True),
    ("es", "si hay sitio", "sí", (0, 2), False),
    ("es", "sí hay sitio", "sí", (0, 2), True),
    ("es", "no hay problema", "no", (0, 2), False),
    ("es", "no, gracias", "no", (0, 2), True),
    ("ja", "いいえ、結構です", "いいえ", (0, 3), True),
    ("zh", "这是我的房间", "是", (1, 2), False),
]


@pytest.mark.parametrize(("language", "text", "value", "place", "right"), YES_OR_NO)
@pytest.mark.parametrize("possible", [True, False])
def test_a_yes_or_no_is_right_only_where_it_answers(
    language: str, text: str, value: str, place: tuple[int, int], right: bool, possible: bool
) -> None:
    values = [value, "dontcare"] if possible else []
    slots = [{"name": "parking", "possible_values": values}]
    schema = parse_schema(
        {"module": f"a_b_{language}", "functions": [{"name": "go", "slots": slots}]}
    )
    given = check(schema, row(text, "parking", value, place))
    assert given.outcome == ("resolved" if right else "invalid")
    if not right:
        assert given.reason.endswith("which answers nothing.")
    decided = row(text, "parking", value, place, resolved_by="annotator")
    assert check(schema, decided).outcome == "resolved"  # a person has looked at it


@pytest.mark.parametrize(
    ("text", "slot", "value", "said"),
    [
        ("to Oslo please", "city", "Oslo", "Oslo"),
        ("to OSLO please", "city", "Oslo", "OSLO"),
        ("a Oslobahn ticket", "city", "Oslo", "Oslo"),  # a compound: the text is the value
        ("to São Paulo", "city", "Sao Paulo", "São Paulo"),
        ("to Saint Denis", "city", "Saint-Denis", "Saint Denis"),
        ("to Lisabon now", "city", "Lisbon", "Lisabon"),
        ("in SF now", "city", "San Francisco", "SF"),
        ("in paris, france now", "city", "Paris", "paris, france"),
        ("明日東京まで", "city", "東京", "東京"),
        ("two seats", "seats", 2, "two"),
        ("2 seats", "seats", 2, "2"),
        ("four 4 seats", "seats", 4, "four"),
        ("for $46 a day", "price", "46", "$46"),
        ("for $46 a day", "price", "46", "46"),
        ("come at 9:00 a.m. please", "city", "9:00", "9:00 a.m."),
        ("come at 11:30 am please", "time", "11:30", "11:30 am"),
        ("for 46 euros", "price", "46", "46 euros"),
        ("on Saturday the 7th", "day", "2026-03-07", "Saturday"),
        ("on the 7th of March", "day", "2026-03-07", "7th of March"),
        ("at half past 12 in the afternoon", "time", "12:30", "half past 12 in the afternoon"),
        ("for an hour and a half", "stay", "PT1H30M", "an hour and a half"),
        ("with wifi please", "wifi", True, "wifi"),
        ("a hotel", "kind", "hotel", "hotel"),
    ],
)
def test_the_value_and_its_writings_are_right(
    trips: Schema, text: str, slot: str, value: Scalar, said: str
) -> None:
    exemplar = row(text, slot, value, said)
    result = check(trips, exemplar)
    assert (result.outcome, result.resolved_by) == ("resolved", "spans"), result.reason
    assert result.spans == exemplar.spans


EXPECTED = "'Oslo' at 12–16 was expected for city; the span "


@pytest.mark.parametrize(
    ("place", "holds"),
    [
        ((13, 17), "13–17 holds 'slo '."),
        ((12, 15), "12–15 holds 'Osl'."),
        ((12, 17), "12–17 holds 'Oslo '."),
        ((11, 16), "11–16 holds ' Oslo'."),
        ((12, 23), "12–23 holds 'Oslo please'."),
        ((2, 8), "2–8 holds 'ticket'."),
        ((11, 12), "11–12 holds ' ', which is empty."),
    ],
)
def test_another_place_is_invalid_with_both_texts(
    trips: Schema, place: tuple[int, int], holds: str
) -> None:
    result = check(trips, row("a ticket to Oslo please", "city", "Oslo", place))
    assert (result.outcome, result.reason) == ("invalid", EXPECTED + holds)
    assert result.kind == "given spans or a given template contradict the values"
    # What is offered instead is what alignment finds by itself.
    assert [r.template for r in result.readings] == ["a ticket to <city> please"]


@pytest.mark.parametrize(
    ("text", "slot", "value", "said"),
    [
        ("to New York please", "city", "New York", "York"),
        ("to Oslo, please", "city", "Oslo", "Oslo,"),
        ("to 🎉Oslo please", "city", "Oslo", "🎉Oslo"),
        ("Ask Alexander G. now", "city", "Alexander G.", "Alexander G"),
        ("for 46 days", "price", "46", "46 days"),
        ("for 46. Then", "price", "46", "46."),
        ("at 9:00. Then", "city", "9:00", "9:00."),
        ("use C++ now", "city", "C++", "C+"),
        ("明日東京まで", "city", "東京", "東京ま"),
        ("seat 18 please", "seats", 8, "8"),
        ("three seats", "seats", 2, "three"),
        ("for $46 a day", "price", "$46", "46 "),
        ("at 11:30 please", "time", "11:30", "1:30"),
        ("on March 7th", "day", "2026-03-07", "March 7"),
        ("on March 8th", "day", "2026-03-07", "March 8th"),
        ("no wifi please", "wifi", True, "no wifi"),
        ("a hostel", "kind", "hotel", "hostel"),
        ("cafe\u0301", "city", "cafe", "cafe"),
        ("in Gotham", "city", "New York", "Gotham"),
    ],
)
def test_what_isnt_the_value_is_invalid(
    trips: Schema, text: str, slot: str, value: Scalar, said: str
) -> None:
    result = check(trips, row(text, slot, value, said))
    start = text.index(said)
    assert result.outcome == "invalid"
    assert f"the span {start}–{start + len(said)} holds {said!r}" in result.reason


def test_a_person_may_say_that_other_words_mean_the_value(trips: Schema) -> None:
    exemplar = row("in Gotham", "city", "New York", "Gotham", resolved_by="annotator")
    assert check(trips, exemplar).outcome == "resolved"
    other = row("Gotham, New York", "city", "New York", "Gotham", resolved_by="annotator")
    assert check(trips, other).reason == (
        "'New York' at 8–16 was expected for city; the span 0–6 holds 'Gotham', while 'New York' "
        "itself stands at 8–16."
    )


def test_other_words_are_a_name_from_the_second_row_on(trips: Schema) -> None:
    one, two = (row(f"{at} Gotham", "city", "New York", "Gotham") for at in ("in", "to"))
    assert check(trips, one, one).outcome == "invalid"
    assert check(trips, one, one, two).outcome == "resolved"


@pytest.mark.parametrize(
    ("said", "texts", "outcome"),
    [
        ("New York City", ("in New York City now", "New York City"), "resolved"),
        ("New York please", ("in New York please", "to New York please"), "invalid"),
        ("York", ("in New York please", "to New York please"), "invalid"),
        ("ew York ", ("in New York now", "to New York please"), "invalid"),
    ],
)
def test_only_what_belongs_to_a_name_is_learnt(
    trips: Schema, said: str, texts: tuple[str, ...], outcome: str
) -> None:
    rows = [row(text, "city", "New York", said) for text in texts]
    assert check(trips, rows[0], *rows).outcome == outcome


def test_a_files_shift_is_never_learnt(trips: Schema) -> None:
    """Łódź counted in bytes ends behind "to": a name of two rows, if nobody looked."""
    rows = [row(f"Łódź to {b}", "city", "Łódź", (0, 7)) for b in ("Berlin", "Bonn")]
    assert rows[0].utterance[:7] == "Łódź to"
    assert [check(trips, r, *rows).outcome for r in rows] == ["invalid"] * 2


# Templates


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("a ticket to <city>o please", "12–15 holds 'Osl'."),
        ("a ticket to<city> please", "11–16 holds ' Oslo'."),
        ("a ticket to <city>please", "12–17 holds 'Oslo '."),
        ("a <city> to Oslo please", "2–8 holds 'ticket'."),
    ],
)
def test_a_templates_slot_must_hold_the_value(trips: Schema, template: str, reason: str) -> None:
    exemplar = AnnotatedExemplar(
        id="t",
        utterance="a ticket to Oslo please",
        function="go",
        arguments={"city": "Oslo"},
        template=template,
    )
    result = check(trips, exemplar)
    assert result.outcome == "invalid"
    assert result.reason == f"The given template doesn't fit: {EXPECTED}{reason}"


def test_of_several_ways_the_one_that_holds_the_values_counts(trips: Schema) -> None:
    exemplar = AnnotatedExemplar(
        id="t",
        utterance="to Oslo to Rome",
        function="go",
        arguments={"city": "Rome"},
        template="to Oslo <city>",
    )
    assert check(trips, exemplar).outcome == "invalid"
    fits = exemplar.model_copy(
        update={"utterance": "to Oslo to Rome", "template": "to Oslo to <city>"}
    )
    assert check(trips, fits).resolved_by == "template"


# Properties

NAMES = (
    "Oslo",
    "New York",
    "O'Hare",
    "東京",
    "ירושלים",
    "नई दिल्ली",
    "Ko\u0308ln",
    "🍕 place",
    "C++",
)


@settings(max_examples=300, deadline=None)
@given(
    before=st.sampled_from(texts(60, seed=1)),
    after=st.sampled_from(texts(60, seed=2)),
    value=st.sampled_from(NAMES),
    shift=st.one_of(st.sampled_from(SHIFTS), st.none()),
    start=st.integers(-9, 9),
    end=st.integers(-9, 9),
)
def test_a_moved_span_is_right_only_on_a_writing_of_the_value(
    before: str, after: str, value: str, shift: Any, start: int, end: int
) -> None:
    schema = parse_schema(
        {"module": "a_b_en", "functions": [{"name": "go", "slots": [{"name": "city"}]}]}
    )
    text = f"{before} {value} {after}"
    at = len(before) + 1
    place = (at, at + len(value))
    moved = shift.apply(text, *place) if shift else (place[0] + start, place[1] + end)
    if moved is None or not 0 <= moved[0] < moved[1] <= len(text):
        return
    exemplar = row(text, "city", value, moved)
    said = text[slice(*moved)]
    for result in (check(schema, exemplar), check(schema, exemplar, exemplar)):
        if result.outcome == "resolved":
            assert squeeze_text(said) == squeeze_text(value)
            assert said.strip() == said
            assert (said[0].isalnum(), _ends(said)) == (value[0].isalnum(), _ends(value))
        else:
            assert place != moved


def _ends(text: str) -> bool:
    return text[-1].isalnum() or unicodedata.category(text[-1])[0] == "M"
