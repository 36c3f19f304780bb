"""Offsets that were counted otherwise: in other units, with other ends, on another form of a text.

A shift says where a span would stand if its offsets had been counted so. None of them is right by
itself: what a shift gives counts only where the value is found there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from html import escape, unescape
from typing import Literal

import regex

from radu_core.alignment.text import Place
from radu_core.exemplars import Template, parse_template

__all__ = ["SHIFTS", "TEMPLATE_SHIFTS", "Shift", "TemplateShift", "could_stand"]

Move = Callable[[str, int, int], Place | None]
# For each offset into the form that was counted, the code point of the utterance that it is part
# of, and the utterance's length at the end; None where the form is the utterance itself.
Units = Callable[[str], Sequence[int] | None]
Edges = Callable[[int, int], Place]

_GRAPHEME = regex.compile(r"\X")
_WORD = regex.compile(r"\S+")
_ENTITY = regex.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);|.", regex.DOTALL)
_FARTHEST = 5  # characters that a prefix nobody stored may have had
_REMEMBERED = 64


@dataclass(frozen=True)
class Shift:
    """One way in which offsets may have been counted.

    ``name`` is for ``--json``; ``what`` completes "the spans …" for people.
    """

    name: str
    what: str
    move: Move

    def apply(self, utterance: str, start: int, end: int) -> Place | None:
        """Where the span stands, half-open, in code points of ``utterance``, if it was counted so.

        None where that is nowhere, or empty.
        """
        place = self.move(utterance, start, end)
        return place if place and 0 <= place[0] < place[1] <= len(utterance) else None


@dataclass(frozen=True)
class TemplateShift:
    """One way in which templates' literal text may differ from the utterances'.

    ``what`` completes "the templates …".
    """

    name: str
    what: str
    change: Callable[[Template, str], Template]  # what it should be, for the utterance


def _of_utf16(utterance: str) -> Sequence[int] | None:
    return _origins_by_size(utterance, lambda c: 2 if c > "\uffff" else 1)


def _of_utf8(utterance: str) -> Sequence[int] | None:
    return _origins_by_size(utterance, lambda c: len(c.encode("utf-8", "replace")))


def _of_crlf(utterance: str) -> Sequence[int] | None:
    return (
        None if "\r" in utterance else _origins_by_size(utterance, lambda c: 2 if c == "\n" else 1)
    )


def _of_lf(utterance: str) -> Sequence[int] | None:
    return _origins_of_kept(utterance, lambda i: utterance[i : i + 2] != "\r\n")


def _of_graphemes(utterance: str) -> Sequence[int] | None:
    starts = {m.start() for m in _GRAPHEME.finditer(utterance)}
    return _origins_of_kept(utterance, lambda i: i in starts)


def _of_normalised(form: Literal["NFC", "NFD", "NFKC"]) -> Units:
    def units(utterance: str) -> Sequence[int] | None:
        pieces = [m.span() for m in _GRAPHEME.finditer(utterance)]
        return _origins_of_changed(
            utterance, pieces, lambda piece: unicodedata.normalize(form, piece)
        )

    return units


def _of_escaped(utterance: str) -> Sequence[int] | None:
    return _origins_by_size(utterance, lambda c: len(escape(c)))


def _of_unescaped(utterance: str) -> Sequence[int] | None:
    pieces = [m.span() for m in _ENTITY.finditer(utterance)]
    return _origins_of_changed(utterance, pieces, unescape)


def _of_stripped(utterance: str) -> Sequence[int] | None:
    blanks = len(utterance) - len(utterance.lstrip())
    return _origins_of_kept(utterance, lambda i: i >= blanks)


def _of_collapsed(utterance: str) -> Sequence[int] | None:
    """Blanks in a row were one, and none stood in front."""
    first = len(utterance) - len(utterance.lstrip())
    return _origins_of_kept(
        utterance,
        lambda i: i >= first and not (utterance[i].isspace() and utterance[i - 1].isspace()),
    )


def _origins_by_size(utterance: str, size: Callable[[str], int]) -> Sequence[int] | None:
    origin = [i for i, c in enumerate(utterance) for _ in range(size(c))]
    return None if len(origin) == len(utterance) else (*origin, len(utterance))


def _origins_of_kept(utterance: str, keep: Callable[[int], bool]) -> Sequence[int] | None:
    origin = [i for i in range(len(utterance)) if keep(i)]
    return None if len(origin) == len(utterance) else (*origin, len(utterance))


def _origins_of_changed(
    utterance: str, pieces: Sequence[Place], change: Callable[[str], str]
) -> Sequence[int] | None:
    origin: list[int] = []
    for start, end in pieces:
        size = len(change(utterance[start:end]))
        origin += range(start, end) if size == end - start else [start] * size
    return None if len(origin) == len(utterance) else (*origin, len(utterance))


def _mover(units: Units | None, edges: Edges) -> Move:
    """Offsets into another form of the utterance, with edges that are set otherwise."""

    def move(utterance: str, start: int, end: int) -> Place | None:
        start, end = edges(start, end)
        if not 0 <= start < end:
            return None
        origin = units(utterance) if units else None
        if origin is None:
            return start, end
        return (origin[start], origin[end]) if end < len(origin) else None

    return move


def _of_words(last: int) -> Move:
    """Offsets count words between blanks; ``last`` is 1 where the end is the last word itself."""

    def move(utterance: str, start: int, end: int) -> Place | None:
        words = [m.span() for m in _WORD.finditer(utterance)]
        if not 0 <= start < end + last <= len(words):
            return None
        return words[start][0], words[end + last - 1][1]

    return move


def _without_blanks(utterance: str, start: int, end: int) -> Place | None:
    return _trim(utterance, start, end, str.isspace)


def _without_marks(utterance: str, start: int, end: int) -> Place | None:
    return _trim(utterance, start, end, lambda c: unicodedata.category(c)[0] in "ZPC")


def _trim(utterance: str, start: int, end: int, goes: Callable[[str], bool]) -> Place | None:
    end = min(end, len(utterance))
    while start < end and goes(utterance[start]):
        start += 1
    while start < end and goes(utterance[end - 1]):
        end -= 1
    return start, end


def _move_edges(by: int) -> Edges:
    return lambda start, end: (start + by, end + by)


_UNITS: tuple[tuple[str, str, Units], ...] = tuple(
    (name, counts, lru_cache(maxsize=_REMEMBERED)(units))
    for name, counts, units in (
        ("utf-16", "count UTF-16 units", _of_utf16),
        ("utf-8", "count bytes of UTF-8", _of_utf8),
        ("crlf", "count a line's end as two characters (CRLF)", _of_crlf),
        ("lf", "count CRLF as one character", _of_lf),
        ("graphemes", "count what a reader sees as one character", _of_graphemes),
        ("nfc", "count the composed text (NFC)", _of_normalised("NFC")),
        ("nfd", "count the decomposed text (NFD)", _of_normalised("NFD")),
        ("nfkc", "count the compatibility form of the text (NFKC)", _of_normalised("NFKC")),
        ("html", "count the text in HTML, with its entities", _of_escaped),
        ("plain", "count the text without HTML entities", _of_unescaped),
        ("stripped", "don't count the blanks in front of the text", _of_stripped),
        ("collapsed", "count blanks in a row as one", _of_collapsed),
    )
)
_EDGES: tuple[tuple[str, str, Edges], ...] = (
    ("inclusive", "end with their last character, not behind it", lambda s, e: (s, e + 1)),
    ("from-1", "count from 1", _move_edges(-1)),
    ("from-1-inclusive", "count from 1 and end with their last character", lambda s, e: (s - 1, e)),
    ("length", "give their length as their end", lambda s, e: (s, s + e)),
)


def _with_blanks_of(template: Template, utterance: str) -> Template:
    """The template with the utterance's blanks at its edges."""
    parts = list(template.parts)
    front = utterance[: len(utterance) - len(utterance.lstrip())]
    back = utterance[len(utterance.rstrip()) :]
    if parts and isinstance(parts[0], str):
        parts[0] = parts[0].lstrip()
    if parts and isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip()
    return parse_template(front + str(Template(tuple(parts))) + back)


def _literally(change: Callable[[str], str]) -> Callable[[Template, str], Template]:
    """The template with its literal text changed."""

    def change_literals(template: Template, utterance: str) -> Template:
        return Template(tuple(change(p) if isinstance(p, str) else p for p in template.parts))

    return change_literals


def _shifts() -> Iterator[Shift]:
    """All shifts, the likeliest first: of those that explain as many rows, the first is taken.

    Other units show only where such characters stand, other edges everywhere; two causes are tried
    last.
    """
    for name, counts, units in _UNITS:
        yield Shift(name, counts, _mover(units, _move_edges(0)))
    for name, ends, edges in _EDGES:
        yield Shift(name, ends, _mover(None, edges))
    yield Shift("blanks", "hold blanks at an edge", _without_blanks)
    yield Shift("punctuation", "hold punctuation or blanks at an edge", _without_marks)
    yield Shift("words", "count words", _of_words(0))
    yield Shift("words-inclusive", "count words and end with their last word", _of_words(1))
    for by in (1, *(by for n in range(2, _FARTHEST + 1) for by in (n, -n))):
        where = f"{abs(by)} character{'s' * (abs(by) > 1)} too far {'left' if by > 0 else 'right'}"
        yield Shift(f"moved{-by:+d}", f"stand {where}", _mover(None, _move_edges(by)))
    for name, counts, units in _UNITS:
        for edge, ends, edges in _EDGES:
            yield Shift(f"{name}+{edge}", f"{counts}, and {ends}", _mover(units, edges))


SHIFTS: tuple[Shift, ...] = tuple(_shifts())
TEMPLATE_SHIFTS: tuple[TemplateShift, ...] = (
    TemplateShift(
        "template-blanks", "have other blanks at an edge than the utterances", _with_blanks_of
    ),
    TemplateShift(
        "template-nfc",
        "are composed (NFC) where the utterances aren't",
        _literally(partial(unicodedata.normalize, "NFD")),
    ),
    TemplateShift(
        "template-nfd",
        "are decomposed (NFD) where the utterances aren't",
        _literally(partial(unicodedata.normalize, "NFC")),
    ),
    TemplateShift(
        "template-html", "hold HTML entities where the utterances don't", _literally(unescape)
    ),
    TemplateShift(
        "template-plain", "hold no HTML entities where the utterances do", _literally(escape)
    ),
)


def could_stand(utterance: str, start: int, end: int, value: str) -> bool:
    """Whether some shift puts a span on ``value`` as it is, whatever its case."""
    text = value.casefold()
    places = (shift.apply(utterance, start, end) for shift in SHIFTS)
    return any(p is not None and utterance[slice(*p)].casefold() == text for p in places)
