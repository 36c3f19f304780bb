"""Pieces of any writing, and spans that come back from their labels."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from unicode_cases import PARTS, edges

from radu_core.exemplars import Span
from radu_core.pieces import count_inexact, cut, label, spans_of

TEXTS = st.one_of(
    st.lists(st.sampled_from([*PARTS, " ", "  ", "\n"]), max_size=8).map("".join),
    st.text(max_size=20),
)


def span(slot: str, start: int, end: int) -> Span:
    return Span(slot=slot, start=start, end=end, value="")


@st.composite
def exact(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """A text and spans of whole pieces of it, some of them side by side."""
    text = draw(TEXTS)
    pieces = cut(text)
    spans = []
    first = 0
    while first < len(pieces):
        last = draw(st.integers(first, min(first + 3, len(pieces) - 1)))
        if slot := draw(st.sampled_from(["", "to", "from", "B-x"])):
            spans.append(span(slot, pieces[first][0], pieces[last][1]))
        first = last + 1
    return text, spans


@st.composite
def anywhere(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """A text and spans that begin and end anywhere, without overlap."""
    text = draw(TEXTS)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    return text, [span(draw(st.sampled_from(["to", "from"])), a, b) for a, b in pairs]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        (" \n", []),
        ("to New-York!", ["to", "New", "-", "York", "!"]),
        ("7pm, $46.50", ["7pm", ",", "$", "46", ".", "50"]),
        ("don't", ["don", "'", "t"]),
        ("iPhone手机", ["iPhone", "手", "机"]),
        ("서울에서", ["서", "울", "에", "서"]),
        ("ไปที่", ["ไ", "ป", "ที่"]),
        ("か\u3099き", ["か\u3099", "き"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("cafe\u0301 👩‍👩‍👧🇩🇪", ["cafe\u0301", "👩‍👩‍👧", "🇩🇪"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
    ],
)
def test_pieces_of_any_writing(text: str, pieces: list[str]) -> None:
    assert [text[a:b] for a, b in cut(text)] == pieces


@given(TEXTS)
def test_pieces_hold_all_but_blanks_and_no_character_is_cut(text: str) -> None:
    pieces = cut(text)
    ends = [0, *(place for piece in pieces for place in piece), len(text)]
    assert ends == sorted(ends)
    assert all(a < b for a, b in pieces)
    between = "".join(text[a:b] for a, b in zip(ends[::2], ends[1::2], strict=True))
    assert not regex.search(r"\S", between)
    seen = set(edges(text))
    for start, end in pieces:
        if start == 0 or not text[start - 1].isspace():  # a mark may stand on a blank
            assert start in seen
        assert end in seen


@given(exact())
def test_spans_of_whole_pieces_come_back(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    pieces = cut(text)
    labels = label(pieces, spans)
    assert len(labels) == len(pieces)
    assert spans_of(pieces, labels) == [(s.slot, s.start, s.end) for s in spans]
    assert count_inexact(pieces, spans) == 0


@given(anywhere())
def test_spans_that_cut_pieces_are_widened_and_counted(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    pieces = cut(text)
    found = spans_of(pieces, label(pieces, spans))
    assert {place for _, *ends in found for place in ends} <= {p for pair in pieces for p in pair}
    for slot, start, end in found:
        assert any(s.slot == slot and start < s.end and s.start < end for s in spans)
    exact = {(s.slot, s.start, s.end) for s in spans} & set(found)
    assert count_inexact(pieces, spans) == len(spans) - len(exact)
    assert label(pieces, [span(*f) for f in found]) == label(pieces, spans)


def test_what_labels_cannot_say_is_counted() -> None:
    text = "12km to  Bonn"
    pieces = cut(text)
    spans = [span("n", 0, 2), span("unit", 2, 4), span("gap", 7, 9), span("to", 9, 13)]
    assert label(pieces, spans) == ["B-n", "O", "B-to"]
    assert count_inexact(pieces, spans) == 3
    assert spans_of(pieces, label(pieces, spans)) == [("n", 0, 4), ("to", 9, 13)]


def test_a_span_that_shares_a_piece_keeps_its_others() -> None:
    pieces = cut("12km away")
    assert label(pieces, [span("n", 0, 2), span("unit", 2, 9)]) == ["B-n", "B-unit"]


def test_an_inside_that_continues_nothing_begins_a_span() -> None:
    pieces = cut("a b c d e")
    labels = ["I-x", "I-x", "I-y", "O", "I-y"]
    assert spans_of(pieces, labels) == [("x", 0, 3), ("y", 4, 5), ("y", 8, 9)]
