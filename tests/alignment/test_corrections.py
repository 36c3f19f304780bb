"""Shifts that explain a file's wrong spans: which, and that only right spans come of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from radu_core.alignment import Aligner
from radu_core.alignment.corrections import corrections
from radu_core.alignment.shifts import SHIFTS, Shift
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import Schema, parse_schema

Count = Callable[[str, int, int], tuple[int, int]]


@pytest.fixture(scope="module")
def schema() -> Schema:
    slots = [{"name": "city"}, {"name": "day"}]
    return parse_schema({"module": "a_b_en", "functions": [{"name": "go", "slots": slots}]})


def shift(name: str) -> Shift:
    return next(s for s in SHIFTS if s.name == name)


def sized(size: Callable[[str], int]) -> Count:
    return lambda text, start, end: (sum(map(size, text[:start])), sum(map(size, text[:end])))


def row(text: str, value: str, count: Count, *, id: str = "") -> AnnotatedExemplar:
    at = text.index(value)
    start, end = count(text, at, at + len(value))
    span = Span(slot="city", start=start, end=end, value=value)
    return AnnotatedExemplar(
        id=id or text, utterance=text, function="go", arguments={"city": value}, spans=(span,)
    )


UTF16 = sized(lambda c: 2 if c > "\uffff" else 1)
CASES: list[tuple[str, str, str, Count]] = [
    ("utf-16", "🎉🎉 to Oslo please", "Oslo", UTF16),
    ("utf-8", "für Köln bitte", "Köln", sized(lambda c: len(c.encode()))),
    ("crlf", "hi\nto Oslo please", "Oslo", sized(lambda c: 2 if c == "\n" else 1)),
    ("lf", "hi\r\nto Oslo please", "Oslo", sized(lambda c: c != "\r")),
    ("graphemes", "👩‍👩‍👧 to Oslo", "Oslo", lambda t, s, e: (s - 4, e - 4)),
    ("nfc", "cafe\u0301 in Oslo", "Oslo", lambda t, s, e: (s - 1, e - 1)),
    ("nfd", "café in Oslo", "Oslo", lambda t, s, e: (s + 1, e + 1)),
    ("html", "R&B in Oslo", "Oslo", lambda t, s, e: (s + 4, e + 4)),
    ("plain", "R&amp;B in Oslo", "Oslo", lambda t, s, e: (s - 4, e - 4)),
    ("stripped", "  to Oslo", "Oslo", lambda t, s, e: (s - 2, e - 2)),
    ("collapsed", " to   Oslo", "Oslo", lambda t, s, e: (s - 3, e - 3)),
    ("inclusive", "to Oslo now", "Oslo", lambda t, s, e: (s, e - 1)),
    ("from-1", "to Oslo now", "Oslo", lambda t, s, e: (s + 1, e + 1)),
    ("from-1-inclusive", "to Oslo now", "Oslo", lambda t, s, e: (s + 1, e)),
    ("length", "I go to Oslo now", "Oslo", lambda t, s, e: (s, e - s)),
    ("blanks", "to Oslo now", "Oslo", lambda t, s, e: (s - 1, e + 1)),
    ("punctuation", "to Oslo, now", "Oslo", lambda t, s, e: (s, e + 1)),
    ("words", "I go to New York now", "New York", lambda t, s, e: (3, 5)),
    ("words-inclusive", "I go to New York now", "New York", lambda t, s, e: (3, 4)),
    ("moved-1", "to Oslo now", "Oslo", lambda t, s, e: (s - 1, e - 1)),
    ("moved+3", "to Oslo now please", "Oslo", lambda t, s, e: (s + 3, e + 3)),
    ("utf-16+inclusive", "🎉 to Oslo now", "Oslo", lambda t, s, e: (s + 1, e)),
]


@pytest.mark.parametrize(("name", "text", "value", "count"), CASES, ids=[c[0] for c in CASES])
def test_each_shift_leads_back(
    schema: Schema, name: str, text: str, value: str, count: Count
) -> None:
    at = text.index(value)
    given = count(text, at, at + len(value))
    assert shift(name).apply(text, *given) == (at, at + len(value))
    # A file of such rows is corrected, whichever of the shifts that fit is named.
    broken = row(text, value, count)
    if name == "length":  # "end" before "start" is what such a file has
        assert given[0] > given[1]
    (found,) = corrections(Aligner(schema), [broken])
    assert found is not None
    assert [(s.start, s.end) for s in found.after.spans or ()] == [(at, at + len(value))]


def test_the_shift_that_explains_most_rows_counts(schema: Schema) -> None:
    """ "🎉 to Oslo" alone could also be counted from 1; the file says that it isn't."""
    texts = ("🎉 to Oslo now", "🎉🎉 to Oslo now", "🎉🎉🎉 to Oslo now", "no Oslo 🎉")
    rows = [row(text, "Oslo", UTF16) for text in texts[:3]]
    found = corrections(Aligner(schema), rows)
    assert [c and c.shift.name for c in found] == ["utf-16"] * 3
    assert [c and c.after.spans and c.after.spans[0].start for c in found] == [5, 6, 7]


def test_a_row_is_only_corrected_where_the_value_stands(schema: Schema) -> None:
    wrong = row("to Oslo and Rome", "Rome", lambda *_: (3, 7))
    rows = [*(row(f"to Oslo {n}", "Oslo", lambda t, s, e: (s, e - 1)) for n in "abc"), wrong]
    assert [bool(c) for c in corrections(Aligner(schema), rows)] == [True] * 3 + [False]


def test_shifts_that_the_file_has_not_shown_must_agree(schema: Schema) -> None:
    """Two places 2 characters apart: moved by either, and nothing says which."""
    values: Sequence[str] = ("东", "东")
    text = "从东到东去"
    span = Span(slot="city", start=2, end=3, value=values[0])
    both = AnnotatedExemplar(
        id="b", utterance=text, function="go", arguments={"city": "东"}, spans=(span,)
    )
    others = [row(f"to Oslo {n}", "Oslo", lambda t, s, e: (s, e - 1)) for n in "abc"]
    assert corrections(Aligner(schema), [*others, both])[-1] is None


def test_all_spans_of_a_row_move_or_none(schema: Schema) -> None:
    text = "🎉 to Oslo on Monday"
    arguments = {"city": "Oslo", "day": "Monday"}
    spans = (
        Span(slot="city", start=6, end=10, value="Oslo"),
        Span(slot="day", start=14, end=20, value="Monday"),
    )
    exemplar = AnnotatedExemplar(
        id="a", utterance=text, function="go", arguments=arguments, spans=spans
    )
    (found,) = corrections(Aligner(schema), [exemplar])
    assert found is not None
    assert [text[s.start : s.end] for s in found.after.spans or ()] == ["Oslo", "Monday"]
    off = spans[1].model_copy(update={"start": 1, "end": 3})
    assert corrections(
        Aligner(schema), [exemplar.model_copy(update={"spans": (spans[0], off)})]
    ) == [None]


@pytest.mark.parametrize(
    ("utterance", "template", "name"),
    [
        ("a ticket to Oslo please", "a ticket to <city>o please", "inclusive"),
        ("a ticket to Oslo please", "a ticket to<city>please", "blanks"),
        ("a ticket to Oslo please", "a ticket to <city> please ", "template-blanks"),
        (" to Oslo", "to <city>", "template-blanks"),
        ("cafe\u0301 in Oslo", "café in <city>", "template-nfc"),
        ("café in Oslo", "cafe\u0301 in <city>", "template-nfd"),
        ("R&B < in Oslo", "R&amp;B &lt; in <city>", "template-html"),
        ("R&amp;B in Oslo", "R&B in <city>", "template-plain"),
    ],
)
def test_templates_are_corrected_too(
    schema: Schema, utterance: str, template: str, name: str
) -> None:
    exemplar = AnnotatedExemplar(
        id="t", utterance=utterance, function="go", arguments={"city": "Oslo"}, template=template
    )
    (found,) = corrections(Aligner(schema), [exemplar])
    assert found is not None
    assert found.shift.name == name
    result = Aligner(schema).align(found.after)
    assert (result.outcome, result.resolved_by) == ("resolved", "template")
    assert [utterance[s.start : s.end] for s in result.spans or ()] == ["Oslo"]


def test_nowhere_is_nowhere() -> None:
    for each in SHIFTS:
        for start, end in ((0, 0), (0, 99), (98, 99), (5, 2)):
            place = each.apply("🎉 é\r\n&amp; a", start, end)
            assert place is None or 0 <= place[0] < place[1] <= 12
