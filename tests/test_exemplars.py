"""Spans ⇄ templates over Unicode, by property and by example."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radu_core.errors import AlignmentError
from radu_core.exemplars import (
    Span,
    check_spans,
    escape,
    make_template,
    match_template,
    parse_template,
)

TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("ab <>\\é́👩🏽\u200d東京مרא\n")),
        st.characters(exclude_categories=["Cs"]),
    ),
    min_size=1,
    max_size=30,
)


@st.composite
def marked(draw: st.DrawFn) -> tuple[str, list[Span]]:
    text = draw(TEXT)
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=6).map(lambda c: sorted(set(c))))
    spans = [
        Span(slot=f"s{i}", start=a, end=b, value=text[a:b])
        for i, (a, b) in enumerate(zip(cuts[::2], cuts[1::2], strict=False))
    ]
    return text, spans


@given(marked())
def test_a_template_gives_its_spans_back(pair: tuple[str, list[Span]]) -> None:
    text, spans = pair
    template = parse_template(make_template(text, spans))
    assert template.slots == tuple(s.slot for s in spans)
    ways = match_template(text, template)
    assert tuple((s.slot, s.start, s.end) for s in spans) in ways or len(ways) == 50


@given(marked())
def test_filling_a_template_with_its_values_gives_the_utterance(
    pair: tuple[str, list[Span]],
) -> None:
    text, spans = pair
    values = {s.slot: str(s.value) for s in spans}
    parts = parse_template(make_template(text, spans)).parts
    assert "".join(p if isinstance(p, str) else values[p.name] for p in parts) == text


@given(TEXT)
def test_escaped_text_is_a_template_without_slots(text: str) -> None:
    assert parse_template(escape(text)).slots == ()
    assert match_template(text, parse_template(escape(text))) == [()]


def test_offsets_count_code_points_of_the_text_as_stored() -> None:
    text = "👩🏽 to Cafe\u0301 東京"
    span = Span(slot="place", start=6, end=11, value="Café")
    assert text[span.start : span.end] == "Cafe\u0301"
    assert make_template(text, [span]) == "👩🏽 to <place> 東京"


def test_a_literal_bracket_is_escaped() -> None:
    assert make_template("I <3 Oslo", [Span(slot="city", start=5, end=9, value="Oslo")]) == (
        r"I \<3 <city>"
    )


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [(2, 9, "isn't inside the utterance of 4"), (2, 2, "isn't inside"), (5, 6, "isn't inside")],
)
def test_a_span_outside_the_text_says_where_it_is(start: int, end: int, words: str) -> None:
    with pytest.raises(AlignmentError, match=words):
        check_spans("Oslo", [Span(slot="city", start=start, end=end, value="x")])


def test_overlapping_spans_are_refused() -> None:
    one, two = (Span(slot=s, start=a, end=b, value="x") for s, a, b in [("a", 0, 3), ("b", 2, 4)])
    with pytest.raises(AlignmentError, match="overlaps"):
        check_spans("Oslo", [one, two])


@pytest.mark.parametrize("text", ["to <", "a \\ b", "<>", "<a<b>", "a <b\nc>"])
def test_a_stray_sign_in_a_template_is_named(text: str) -> None:
    with pytest.raises(AlignmentError, match="stray"):
        parse_template(text)


def test_a_template_that_fits_in_two_ways_lists_both() -> None:
    ways = match_template("a to b to c", parse_template("<x> to <y>"))
    assert ways == [(("x", 0, 1), ("y", 5, 11)), (("x", 0, 6), ("y", 10, 11))]


def test_matching_ends_even_where_there_are_very_many_ways() -> None:
    template = parse_template("<a> <b> <c> <d> <e> <f> <g> <h> <i> <j>!")
    assert match_template(" x" * 400, template) == []
