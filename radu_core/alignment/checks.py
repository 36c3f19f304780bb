"""Whether spans that somebody gave contradict what stands there."""

from __future__ import annotations

from collections.abc import Sequence

from radu_core.alignment.candidates import Finder
from radu_core.alignment.folding import grapheme_end, squeezed
from radu_core.alignment.forms import form_of
from radu_core.alignment.text import Text
from radu_core.exemplars import Span
from radu_core.schema import Function

__all__ = ["contradiction"]


def contradiction(finder: Finder, text: Text, spans: Sequence[Span], function: Function) -> str:
    """What a span's text says against its value, or "".

    A span may stand on anything that isn't plainly something else: another argument's value,
    another number, or a date or time that can't be the one given.
    """
    for span in spans:
        surface = text.utterance[span.start : span.end]
        for position in (span.start, span.end):
            if grapheme_end(text.utterance, position) != position:
                return f"The span of {span.slot} ({surface!r}) cuts a character in two."
        other = _other_value(surface, span, spans)
        if other is not None:
            return (
                f"The span of {span.slot}={span.value!r} stands on {surface!r}, "
                f"which is the value of {other}."
            )
        meant = _meant(finder, span, surface, function)
        if meant:
            return (
                f"The span of {span.slot}={span.value!r} stands on {surface!r}, which is {meant}."
            )
    return ""


def _other_value(surface: str, span: Span, spans: Sequence[Span]) -> str | None:
    here = squeezed(surface)
    if not here or here == squeezed(str(span.value)):
        return None
    return next((s.slot for s in spans if s is not span and squeezed(str(s.value)) == here), None)


def _meant(finder: Finder, span: Span, surface: str, function: Function) -> str:
    """What a number, date or time in ``surface`` means, if it isn't the span's value."""
    form = form_of(span.value, function.slot(span.slot), finder.language)
    alone = Text(surface, finder.language)
    whole = (0, len(surface))
    if form.kind in ("number", "money"):
        numbers = [n for n in alone.quantities if (n.whole_start, n.whole_end) == whole]
        if numbers and not numbers[0].ordinal and numbers[0].value != form.amount:
            return f"{numbers[0].value:g}"
    if form.kind == "date" and form.day is not None:
        dates = [d for d in alone.dates if (d.start, d.end) == whole and not d.weak]
        if dates and dates[0].fits(form.day, finder.reference) is False:
            return "another date"
    if form.kind == "time":
        times = [t for t in alone.times if (t.start, t.end) == whole and not t.weak]
        if times and form.amount not in times[0].minutes:
            return "another time"
    return ""
