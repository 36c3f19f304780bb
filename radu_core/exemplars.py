"""Annotated exemplars: an utterance, what it means, and where its values stand.

Offsets are half-open and count Unicode code points of the utterance exactly as stored. A
*template* is the utterance with each span replaced by ``<slot>``; a literal ``<`` or backslash is
escaped by a backslash, so that template and spans can be told from each other. So is a ``<``, ``>``
or backslash in a slot's name.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from radu_core.errors import AlignmentError
from radu_core.schema import Arguments, Scalar
from radu_core.words import quantity

__all__ = [
    "DISCARDED",
    "LONGEST",
    "UNLABELLED",
    "AnnotatedExemplar",
    "Mode",
    "Outcome",
    "ResolvedBy",
    "SlotRef",
    "Span",
    "Split",
    "Template",
    "check_spans",
    "escape",
    "make_template",
    "match_template",
    "parse_template",
    "slot_mark",
]

Mode = Literal["normal", "extended", "negative"]
Split = Literal["train", "validation", "test"]
Outcome = Literal["resolved", "ambiguous", "unlocated", "invalid", "unlabelled"]
ResolvedBy = Literal["unique", "spans", "template", "annotator", "suggestion", "automatic"]

_TOKEN = re.compile(
    r"\\(?P<escaped>[\\<])|<(?P<slot>(?:[^\\<>\r\n]|\\[\\<>])+)>|(?P<bad>[\\<])", re.DOTALL
)
_SPECIAL = re.compile(r"[\\<>]")  # in a slot's name
_ESCAPED = re.compile(r"\\([\\<>])")
_MAX_MATCHES = 50
LONGEST = 10_000  # characters of an utterance
DISCARDED = "discarded"  # the tag of what a person took out of use
UNLABELLED = "Nobody has said yet what it means."  # the reason


class Span(BaseModel):
    """Where a slot's value stands: ``utterance[start:end]``; ``value`` is what it stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slot: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    value: Scalar


class AnnotatedExemplar(BaseModel):
    """One utterance with its labels.

    ``function`` None is out of scope, unless ``unlabelled``: then nobody has said what it means,
    and it has no labels at all. ``implied`` names the slots whose value is meant but not written.
    ``spans`` None means not known yet, ``()`` that there are none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, max_length=200)
    utterance: str = Field(min_length=1, max_length=LONGEST)
    function: str | None = None
    arguments: Arguments = Field(default_factory=dict)
    spans: tuple[Span, ...] | None = None
    template: str | None = None
    implied: tuple[str, ...] = ()
    mode: Mode = "normal"
    context: str | None = None
    split: Split = "train"
    tags: tuple[str, ...] = ()
    outcome: Outcome | None = None
    resolved_by: ResolvedBy | None = None
    reason: str = ""
    # Left out of the JSON where it is false, so that what was stored before reads the same.
    unlabelled: bool = Field(default=False, exclude_if=lambda unlabelled: not unlabelled)

    @property
    def label(self) -> str:
        """What is meant, in a word: the function, or that it is out of scope or unlabelled."""
        return self.function or ("unlabelled" if self.unlabelled else "out of scope")

    @property
    def out_of_scope(self) -> bool:
        """Whether somebody has said that no function of the module is meant."""
        return self.function is None and not self.unlabelled


@dataclass(frozen=True)
class SlotRef:
    """A slot's place in a template."""

    name: str


@dataclass(frozen=True)
class Template:
    """A parsed template: literal text and slots in turn."""

    parts: tuple[str | SlotRef, ...]

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots' names in order of appearance."""
        return tuple(p.name for p in self.parts if isinstance(p, SlotRef))

    def __str__(self) -> str:
        return "".join(
            slot_mark(p.name) if isinstance(p, SlotRef) else escape(p) for p in self.parts
        )


def escape(text: str) -> str:
    """Literal text as it stands in a template."""
    return text.replace("\\", "\\\\").replace("<", "\\<")


def slot_mark(name: str) -> str:
    """A slot's place as it stands in a template: ``<name>``, whatever characters the name has."""
    return f"<{_SPECIAL.sub(_escape_match, name)}>"


def _escape_match(match: re.Match[str]) -> str:
    return "\\" + match[0]


def check_spans(utterance: str, spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans in order of appearance; ``AlignmentError`` if one is outside, empty or overlaps."""
    sorted_spans = tuple(sorted(spans, key=lambda s: (s.start, s.end, s.slot)))
    end = 0
    for span in sorted_spans:
        if span.end > len(utterance) or span.start >= span.end:
            raise AlignmentError(
                f"Span of {span.slot!r} [{span.start}, {span.end}) isn't inside the utterance "
                f"of {quantity(len(utterance), 'character')}",
                remedy="Offsets are half-open and count Unicode code points.",
            )
        if span.start < end:
            raise AlignmentError(
                f"Span of {span.slot!r} [{span.start}, {span.end}) overlaps the one before it",
                remedy="Every character belongs to at most one value.",
            )
        end = span.end
    return sorted_spans


def make_template(utterance: str, spans: Iterable[Span]) -> str:
    """The utterance with each span replaced by ``<slot>``. Spans are checked first."""
    pieces = []
    position = 0
    for span in check_spans(utterance, spans):
        pieces += [escape(utterance[position : span.start]), slot_mark(span.slot)]
        position = span.end
    return "".join([*pieces, escape(utterance[position:])])


def parse_template(text: str) -> Template:
    """Parse a template; ``AlignmentError`` on an unescaped ``<`` or a stray backslash."""
    parts: list[str | SlotRef] = []
    literal: list[str] = []
    position = 0
    for token in _TOKEN.finditer(text):
        literal.append(text[position : token.start()])
        position = token.end()
        if token["bad"]:
            raise AlignmentError(
                f"Template has a stray {token['bad']!r} at character {token.start()}",
                value=text,
                remedy="Write a slot as <name>, a literal '<' as '\\<' and a backslash as '\\\\'.",
            )
        if token["escaped"]:
            literal.append(token["escaped"])
            continue
        parts += [*_join(literal), SlotRef(_ESCAPED.sub(r"\1", token["slot"]))]
        literal = []
    literal.append(text[position:])
    return Template((*parts, *_join(literal)))


def match_template(utterance: str, template: Template) -> list[tuple[tuple[str, int, int], ...]]:
    """All ways the template fits the utterance, as ``(slot, start, end)`` per slot, in order.

    Slots cover at least one character. At most 50 ways are listed; literal text must match
    exactly.
    """
    starts = _starts(utterance, template.parts)
    return list(islice(_ways(template.parts, starts, 0, 0), _MAX_MATCHES))


def _starts(utterance: str, parts: Sequence[str | SlotRef]) -> list[Sequence[int]]:
    """Per part, ascending, the positions from which it and all parts after it fit to the end.

    Knowing them first keeps the enumeration from walking into dead ends: it costs
    O(parts x length) however often the literals occur.
    """
    starts: list[Sequence[int]] = [[len(utterance)]]
    for part in reversed(parts):
        later = starts[-1]
        if isinstance(part, SlotRef):
            starts.append(range(later[-1]) if later else [])
        else:
            ends = set(later)
            starts.append([p for p in _places(utterance, part) if p + len(part) in ends])
    return starts[::-1]


def _places(text: str, literal: str) -> Iterator[int]:
    at = text.find(literal)
    while at != -1:
        yield at
        at = text.find(literal, at + 1)


def _ways(
    parts: Sequence[str | SlotRef], starts: Sequence[Sequence[int]], number: int, position: int
) -> Iterator[tuple[tuple[str, int, int], ...]]:
    if number == len(parts):
        yield ()
        return
    part = parts[number]
    if isinstance(part, str):
        if position in starts[number]:
            yield from _ways(parts, starts, number + 1, position + len(part))
        return
    later = starts[number + 1]
    for end in later[bisect_right(later, position) :]:
        for tail in _ways(parts, starts, number + 1, end):
            yield ((part.name, position, end), *tail)


def _join(literal: list[str]) -> list[str]:
    text = "".join(literal)
    return [text] if text else []
