"""Whether spans that somebody gave are right: their text is the value, or a writing of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from radu_core.alignment.answers import is_yes_no, only_answers
from radu_core.alignment.candidates import Finder, labels
from radu_core.alignment.counts import longer_number
from radu_core.alignment.folding import can_squeeze, cuts_grapheme, is_boundary, squeeze_text
from radu_core.alignment.forms import Form, form_of
from radu_core.alignment.places import SCORES, SURE, Candidate
from radu_core.alignment.quantities import currency
from radu_core.alignment.text import Place, Text, plain_words
from radu_core.exemplars import Span
from radu_core.schema import Function, Scalar

__all__ = ["conflicts", "contradiction", "has_clean_edges"]

# Kinds of places that mean the value, though alignment asks about them: "a" for 1.
_SAME_MEANING = frozenset(("article", "hour", "number", "ordinal", "undated"))
_SHORT_NAME = 5  # letters
_HALVES = ("am", "pm")  # of the day
_LONGEST_QUALIFIER = 3  # words: "Paris, Île de France"


def contradiction(
    finder: Finder,
    text: Text,
    spans: Sequence[Span],
    function: Function,
    *,
    is_decided: bool = False,
) -> str:
    """What is wrong with the first span that isn't right, with both texts and places, or "".

    A span is right if its text is the value, or a writing of it that alignment itself would take
    there. What a person decided by looking at the text (``is_decided``) may also stand on other
    words, as long as those aren't plainly something else.
    """
    return next(conflicts(finder, text, spans, function, is_decided=is_decided), "")


def conflicts(
    finder: Finder,
    text: Text,
    spans: Sequence[Span],
    function: Function,
    *,
    is_decided: bool = False,
) -> Iterator[str]:
    """What is wrong with each span that isn't right, a sentence for each."""
    for span in spans:
        silent = not is_decided and _answers_nothing(text, span, function)
        if _is_value(text, span) and not silent:
            continue
        candidates = _candidates(finder, text, span, function)
        expected = [c.place for c in candidates]
        places = {c.place for c in candidates if _is_alike(c, _as_text(span.value))}
        problem = next(_problems(finder, text, span, spans, function), None)
        if silent:
            problem = "which answers nothing"
        elif problem is None and (span.start, span.end) not in places:
            elsewhere = _elsewhere(text, span, spans)
            if not is_decided and not _is_writing(finder, text, span, spans, function, expected):
                problem = ""
            elif is_decided and elsewhere is not None:
                problem = f"while {span.value!r} itself stands at {_at(elsewhere)}"
        if problem is not None:
            yield _sentence(text, span, spans, expected, problem)


def has_clean_edges(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` begins and ends with a letter or digit and cuts no word."""
    surface = text[start:end]
    return bool(
        surface
        and surface[0].isalnum()
        and (surface[-1].isalnum() or unicodedata.category(surface[-1])[0] == "M")
        and is_boundary(text, start)
        and is_boundary(text, end)
    )


def _is_value(text: Text, span: Span) -> bool:
    """Whether the span holds the value letter by letter, and no part of a longer number."""
    surface = text.utterance[span.start : span.end]
    if surface != _as_text(span.value) or isinstance(span.value, bool) or not surface.strip():
        return False
    if surface.lstrip("-−").replace(".", "").isdecimal() and longer_number(
        text, (span.start, span.end)
    ):
        return False
    if is_boundary(text.utterance, span.start) and is_boundary(text.utterance, span.end):
        return True
    if any(cuts_grapheme(text.utterance, at) for at in (span.start, span.end)):
        return False
    # Within a word: a compound, or a part that happens to read the same.
    return not _cuts_number(text.utterance, span) and not text.verbatim(surface)


def _answers_nothing(text: Text, span: Span, function: Function) -> bool:
    """Whether a textual yes or no stands where it is part of something else ("no problem")."""
    value, place = span.value, (span.start, span.end)
    if not isinstance(value, str) or not is_yes_no(value, text.language.code):
        return False
    same = squeeze_text(text.utterance[slice(*place)]) == squeeze_text(value)
    return same and not only_answers(text, value, [place], function.slot(span.slot))


def _cuts_number(utterance: str, span: Span) -> bool:
    """Whether a figure stands at an edge of the span that cuts a number or a code: 5 of "1.5"."""
    return (not is_boundary(utterance, span.start) and utterance[span.start].isdecimal()) or (
        not is_boundary(utterance, span.end) and utterance[span.end - 1].isdecimal()
    )


def _as_text(value: Scalar) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _candidates(finder: Finder, text: Text, span: Span, function: Function) -> list[Candidate]:
    """Where the value may stand, the likeliest first; not inside a word or another number."""
    places = finder.find(text, span.value, function, function.slot(span.slot))
    return [c for c in (*places.best, *places.others) if c.score >= SURE or not c.doubt]


def _is_writing(
    finder: Finder,
    text: Text,
    span: Span,
    spans: Sequence[Span],
    function: Function,
    expected: Sequence[Place],
) -> bool:
    """Whether the span's text is a writing of the value, which stands nowhere else."""
    slot = function.slot(span.slot)
    form = form_of(span.value, slot, finder.language)
    surface = text.utterance[span.start : span.end]
    if form.kind != "text":
        alone = finder.find(Text(surface, finder.language), span.value, function, slot)
        places = (*alone.best, *(c for c in alone.others if form.kind != "boolean"))
        whole = any(c.place == (0, len(surface)) for c in places)
        part = longer_number(text, (span.start, span.end))
        return whole and not part and _has_word_edges(text.utterance, span)
    here = [p for p in text.in_any_case(form.surface) if _overlaps(span, p)]
    if here:  # the value stands here, and its edges are others
        if _is_with_unit(surface, form.surface):
            return True
        more = any(span.start <= start and end <= span.end for start, end in here)
        is_alias = _is_known_name(finder, surface, span) or _is_qualified(surface, form.surface)
        return more and is_alias and has_clean_edges(text.utterance, span.start, span.end)
    if _is_same(surface, form.surface) and has_clean_edges(text.utterance, span.start, span.end):
        return True
    if any(not _is_covered(p, spans) for p in expected):
        return False
    others = finder.find_otherwise(text, span.value, slot).best
    return any(c.place == (span.start, span.end) and _is_alike(c, form.surface) for c in others)


def _is_alike(place: Candidate, value: str) -> bool:
    """Whether what stands at a place is the value for sure, or means it.

    Its initials in capitals and a slip in a long name count. Short names differ by a letter: Mario,
    Maria.
    """
    if place.kind == "initials":
        return place.score >= SCORES["initials"]
    if place.kind == "misspelt":
        return len(squeeze_text(value)) > _SHORT_NAME
    return place.score >= SURE or place.kind in _SAME_MEANING


def _is_known_name(finder: Finder, surface: str, span: Span) -> bool:
    """Whether the module's rows agree that these words are a name of the value."""
    words = plain_words(surface)
    aliases = finder.aliases.get(squeeze_text(_as_text(span.value)), ())
    return any(words == name for name, _ in aliases)


def _is_with_unit(surface: str, value: str) -> bool:
    """Whether a text is a value in figures and its currency or half of the day: "9:00 am"."""
    before, figures, after = surface.partition(value)
    more = (before + after).strip()
    if not (figures and more and any(c.isdigit() for c in value) and surface == surface.strip()):
        return False
    signs = (c for c in more if not c.isalnum() and c not in " .")
    units = [*plain_words(f"{before} {after}"), *signs]
    return bool(units) and all(unit in _HALVES or currency(unit) for unit in units)


def _is_qualified(surface: str, value: str) -> bool:
    """Whether a text is the value and, behind a comma, what tells it apart: "Paris, France"."""
    name, comma, more = surface.partition(",")
    return (
        bool(comma)
        and squeeze_text(name) == squeeze_text(value)
        and 0 < len(more.split()) <= _LONGEST_QUALIFIER
        and (not value[:1].isupper() or name.islower() or more.strip()[:1].isupper())
    )


def _is_same(surface: str, value: str) -> bool:
    return (
        squeeze_text(surface) == squeeze_text(value) and can_squeeze(surface) and can_squeeze(value)
    )


def _has_word_edges(utterance: str, span: Span) -> bool:
    return is_boundary(utterance, span.start) and is_boundary(utterance, span.end)


def _overlaps(span: Span, place: Place) -> bool:
    return span.start < place[1] and place[0] < span.end


def _is_covered(place: Place, spans: Sequence[Span]) -> bool:
    return any(_overlaps(s, place) for s in spans)


def _elsewhere(text: Text, span: Span, spans: Sequence[Span]) -> Place | None:
    """Where the value itself stands, in no span, if this span holds something else."""
    surface = text.utterance[span.start : span.end]
    if not isinstance(span.value, str) or squeeze_text(surface) == squeeze_text(span.value):
        return None
    places = text.verbatim(span.value)
    return next((p for p in places if not _is_covered(p, spans)), None)


def _sentence(
    text: Text, span: Span, spans: Sequence[Span], expected: Sequence[Place], problem: str
) -> str:
    surface = text.utterance[span.start : span.end]
    holds = f"the span {_at((span.start, span.end))} holds {surface!r}"
    holds += f", {problem}" if problem else ""
    others = [s for s in spans if s is not span]
    free = [p for p in expected if not _is_covered(p, others)] or expected
    if not free:
        return f"{span.value!r} was expected for {span.slot}; {holds}."
    near = min(free, key=lambda p: (abs(p[0] - span.start), p))
    there = text.utterance[slice(*near)]
    value_text = "" if there == _as_text(span.value) else f" ({span.value!r})"
    return f"{there!r} at {_at(near)}{value_text} was expected for {span.slot}; {holds}."


def _at(place: Place) -> str:
    return f"{place[0]}–{place[1]}"


def _problems(
    finder: Finder, text: Text, span: Span, spans: Sequence[Span], function: Function
) -> Iterator[str]:
    """What the text of a span plainly is instead of the value."""
    surface = text.utterance[span.start : span.end]
    if not surface.strip():
        yield "which is empty"
    if any(cuts_grapheme(text.utterance, at) for at in (span.start, span.end)):
        yield "which cuts a character in two"
    here, own = squeeze_text(surface), squeeze_text(str(span.value))
    if here and here != own:
        slot = function.slot(span.slot)
        other = next((s.slot for s in spans if squeeze_text(str(s.value)) == here), None)
        if other is not None:
            yield f"which is the value of {other}"
        if here in labels(slot, finder.schema):
            yield f"which is another value of {span.slot}"
    yield from _other_meaning(finder, span, surface, function)


def _other_meaning(finder: Finder, span: Span, surface: str, function: Function) -> Iterator[str]:
    """What a number, date, time, length or yes/no in ``surface`` means, if it isn't the value."""
    slot = function.slot(span.slot)
    form = form_of(span.value, slot, finder.language)
    alone = Text(surface, finder.language)
    whole = (0, len(surface))
    if form.kind in ("number", "money"):
        yield from _other_number(form, alone, whole)
    if form.kind == "date" and form.day is not None:
        dates = [d for d in alone.dates if (d.start, d.end) == whole and not d.weak]
        if dates and dates[0].fits(form.day, finder.reference) is False:
            yield "which is another date"
    if form.kind == "time":
        times = [t for t in alone.times if (t.start, t.end) == whole and not t.weak]
        if times and form.amount not in times[0].minutes:
            yield "which is another time"
    if form.kind == "duration":
        lengths = [d for d in alone.durations if (d.start, d.end) == whole]
        if lengths and lengths[0].seconds != form.amount:
            yield "which is another length of time"
    if form.kind == "boolean" and isinstance(span.value, bool):
        opposite = finder.find(alone, not span.value, function, slot).best
        if any((c.start, c.end) == whole for c in opposite):
            yield f"which says {not span.value}"


def _other_number(form: Form, alone: Text, whole: tuple[int, int]) -> Iterator[str]:
    numbers = [n for n in alone.quantities if (n.whole_start, n.whole_end) == whole]
    if numbers and not numbers[0].ordinal:
        if not numbers[0].says(form.amount):
            yield f"which is {numbers[0].value:g}"
        elif form.unit and numbers[0].unit and numbers[0].unit != form.unit:
            yield f"which is in {numbers[0].unit}s"
