"""Whether spans that somebody gave contradict what stands there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from radu_core.alignment.candidates import Finder, labels
from radu_core.alignment.folding import cuts_grapheme, squeezed
from radu_core.alignment.forms import Form, form_of
from radu_core.alignment.text import Text
from radu_core.exemplars import Span
from radu_core.schema import Function

__all__ = ["contradiction"]


def contradiction(finder: Finder, text: Text, spans: Sequence[Span], function: Function) -> str:
    """What a span's text says against its value, or "".

    A span may stand on anything that isn't plainly something else: another argument's value or
    another value of its slot, another number, amount, date, time or length of time, the opposite
    yes or no; nor on other words while the value itself stands elsewhere.
    """
    for span in spans:
        surface = text.utterance[span.start : span.end]
        problem = next(_problems(finder, text, span, spans, function), "")
        if problem:
            return f"The span of {span.slot}={span.value!r} stands on {surface!r}, {problem}."
    return ""


def _problems(
    finder: Finder, text: Text, span: Span, spans: Sequence[Span], function: Function
) -> Iterator[str]:
    surface = text.utterance[span.start : span.end]
    if not surface.strip():
        yield "which is empty"
    if any(cuts_grapheme(text.utterance, at) for at in (span.start, span.end)):
        yield "which cuts a character in two"
    here, own = squeezed(surface), squeezed(str(span.value))
    if here and here != own:
        slot = function.slot(span.slot)
        other = next((s.slot for s in spans if squeezed(str(s.value)) == here), None)
        if other is not None:
            yield f"which is the value of {other}"
        if here in labels(slot, finder.schema):
            yield f"which is another value of {span.slot}"
    yield from _other_meaning(finder, span, surface, function)
    if here != own and isinstance(span.value, str):
        elsewhere = [
            p for p in text.verbatim(span.value)
            if not any(s.start < p[1] and p[0] < s.end for s in spans)
        ]  # fmt: skip
        if elsewhere:
            yield f"while {span.value!r} itself stands at character {elsewhere[0][0]}"


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
