"""Utterances in pieces, and spans as BIO labels of pieces: what taggers learn and say.

A piece is a word, a character of a writing system that puts no blanks between words (or, in Korean,
joins particles to them), or a punctuation mark. A character is what a reader sees as one: a letter
stays together with its marks, and an emoji with its joiners.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import regex

from radu_core.exemplars import Span

__all__ = ["UNSPACED", "count_inexact", "cut", "label", "spans_of"]

# Scripts written without spaces, or (Korean) with particles joined to the word: any position
# between two characters may end a word there. A character class, for regular expressions.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff"  # Thai, Lao, Burmese, jamo, Khmer
    "\u3005-\u3007\u3040-\u30fa\u30fc-\u318f\u31f0-\u31ff"  # 々〆〇, kana, jamo
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff"  # Han, Hangul
    "\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff"
)
_PIECE = regex.compile(rf"(?V1)(?=[{UNSPACED}])\X|(?:(?=[\w--[{UNSPACED}]])\X)+|(?=\S)\X")

Piece = tuple[int, int]  # half-open code point offsets


def cut(text: str) -> list[Piece]:
    """The pieces of a text, in order: half-open code point offsets.

    They don't overlap; what stands between them is blank.
    """
    return [m.span() for m in _PIECE.finditer(text)]


def label(pieces: Sequence[Piece], spans: Sequence[Span]) -> list[str]:
    """``B-slot``, ``I-slot`` or ``O`` for each piece.

    A span that cuts a piece is widened to the whole of it. Of two spans in one piece the first
    takes it, and the other keeps its other pieces; ``count_inexact`` counts such spans.
    """
    labels = ["O"] * len(pieces)
    for slot, places in _pieces_of_spans(pieces, spans):
        for number, place in enumerate(places):
            labels[place] = f"{'I' if number else 'B'}-{slot}"
    return labels


def spans_of(pieces: Sequence[Piece], labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """(slot, start, end) of what is labelled, in order.

    An ``I-slot`` that doesn't continue its slot begins a span.
    """
    spans: list[tuple[str, int, int]] = []
    previous = "O"
    for (start, end), own in zip(pieces, labels, strict=True):
        if own.startswith("I-") and own[2:] == previous[2:]:
            spans[-1] = (own[2:], spans[-1][1], end)
        elif own != "O":
            spans.append((own[2:], start, end))
        previous = own
    return spans


def count_inexact(pieces: Sequence[Piece], spans: Sequence[Span]) -> int:
    """How many of the spans labels can't say exactly: they cut a piece, or hold none."""
    spans_kept = set(spans_of(pieces, label(pieces, spans)))
    return sum((s.slot, s.start, s.end) not in spans_kept for s in spans)


def _pieces_of_spans(
    pieces: Sequence[Piece], spans: Sequence[Span]
) -> Iterator[tuple[str, list[int]]]:
    """The slot of each span and the numbers of its pieces, each piece given once."""
    free = 0
    for span in sorted(spans, key=lambda s: (s.start, s.end, s.slot)):
        inside = [
            number
            for number, (start, end) in enumerate(pieces)
            if number >= free and start < span.end and span.start < end
        ]
        if inside:
            free = inside[-1] + 1
            yield span.slot, inside
