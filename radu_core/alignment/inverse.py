"""The inverse of alignment: words of an utterance → the value that a backend stores.

What the module's rows teach comes first ("NYC" was New York City before), then what the schema
lists, then what words mean by themselves: numbers, yes and no, dates by the reference date, times.
A value is never made up: where nothing says what words stand for, they are the value themselves, or
none if the slot takes no text.
"""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from rapidfuzz import fuzz

from radu_core.alignment.answers import denies, is_yes_no
from radu_core.alignment.candidates import Finder
from radu_core.alignment.forms import form_of
from radu_core.alignment.language import language
from radu_core.alignment.text import Text
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Function, Scalar, Schema, Slot, fits_type

__all__ = ["Inverse"]

_ALIKE = 90.0  # of 100: spelling of a listed value
_AHEAD = 400  # days after the reference date that a date may mean
_MOST_LISTED = 200  # values that are searched in every writing; of more, names as they are
_DAY = timedelta(days=1)
_RELATIVE_KINDS = ("date", "datetime")  # another day, another value: rows can't teach those
_MOSTLY = 0.5  # of a slot's values that aren't what the text says, so many are of one kind


class Inverse:
    """What words stand for, learnt from exemplars whose values are placed.

    ``reference`` is the date that relative dates count from; without one they are left as uttered.
    """

    def __init__(
        self,
        schema: Schema,
        exemplars: Iterable[AnnotatedExemplar],
        *,
        reference: date | None = None,
    ) -> None:
        self._language = language(schema.language)
        self._finder = Finder(schema, self._language, reference)
        self._reference = reference
        self._key: Callable[[str], str] = str
        self._seen: dict[tuple[str | None, str], dict[str, Counter[Scalar]]] = defaultdict(
            lambda: defaultdict(Counter)
        )
        self._kinds: dict[str, Counter[str]] = defaultdict(Counter)
        for exemplar in exemplars:
            self._learn(schema, exemplar)

    def data(self, key: Callable[[str], str] = str) -> dict[str, Any]:
        """What it has learnt, as JSON; ``read`` takes it back. ``key`` stands for words."""
        entries = [
            [function, slot, key(words), list(values.items())]
            for (function, slot), counts in self._seen.items()
            for words, values in counts.items()
        ]
        return {"seen": entries, "kinds": {slot: dict(n) for slot, n in self._kinds.items()}}

    @classmethod
    def read(
        cls,
        schema: Schema,
        data: Mapping[str, Any],
        *,
        reference: date | None = None,
        key: Callable[[str], str] = str,
    ) -> Inverse:
        """What ``data`` gave, of the same schema, with the same ``key``."""
        inverse = cls(schema, (), reference=reference)
        inverse._key = key
        for function, slot, words, values in data["seen"]:
            inverse._seen[function, slot][words] = Counter(dict(values))
        for slot, counts in data["kinds"].items():
            inverse._kinds[slot] = Counter(counts)
        return inverse

    def value(
        self, function: Function, slot: Slot, words: str, *, today: date | None = None
    ) -> Scalar | None:
        """The value of ``slot`` that ``words`` stand for; None if it takes no such value.

        ``today`` is the day that relative dates count from, this time (None: ``reference``).
        """
        inverse = self if today in (None, self._reference) else self._counting_from(today)
        return next((v for v in inverse._values(function, slot, words) if fits_type(v, slot)), None)

    def _counting_from(self, reference: date | None) -> Inverse:
        """The same with another reference date; what was learnt is shared."""
        other = copy.copy(self)
        other._reference = reference
        other._finder = replace(self._finder, reference=reference)
        return other

    def _learn(self, schema: Schema, exemplar: AnnotatedExemplar) -> None:
        function = schema.function(exemplar.function) if exemplar.function else None
        for span in exemplar.spans or () if function is not None else ():
            words = exemplar.utterance[span.start : span.end]
            slot = function.slot(span.slot) if function else None
            kind = form_of(span.value, slot, self._language).kind
            self._kinds[span.slot]["said" if str(span.value) == words else kind] += 1
            if kind not in _RELATIVE_KINDS or str(span.value) == words:
                self._seen[exemplar.function, span.slot][words.casefold()][span.value] += 1
                self._seen[None, span.slot][words.casefold()][span.value] += 1

    def _values(self, function: Function, slot: Slot, words: str) -> Iterator[Scalar]:
        for owner in (function.name, None):
            counts = self._seen.get((owner, slot.name), {}).get(self._key(words.casefold()))
            if counts:
                value, count = min(counts.items(), key=lambda i: (-i[1], repr(i[0])))
                if 2 * count >= counts.total():
                    yield value
        if slot.possible_values:
            yield from self._listed_values(function, slot, words)
        else:
            yield from self._find_typed(function, slot, words)
            yield words

    def _find_typed(self, function: Function, slot: Slot, words: str) -> Iterator[Scalar]:
        """What the words mean as a value of the slot's type."""
        text = Text(words, self._language)
        if slot.type == "boolean":
            if is_yes_no(words, self._language.code):
                yield not denies(words, self._language.code)
            yield from self._listed_values(function, slot, words, (True, False))
        elif slot.type in ("integer", "number"):
            yield from _numbers(text, slot)
        elif slot.type == "date" or self._stores(slot, "date"):
            yield from self._dates(text)
        elif slot.type == "time" or self._stores(slot, "time"):
            yield from _times(text)
        elif self._stores(slot, "number") or self._stores(slot, "money"):
            yield from (str(n) for n in _numbers(text, slot, whole=True))

    def _stores(self, slot: Slot, kind: str) -> bool:
        """Whether most of the slot's values are of that kind, and not what the text says."""
        counts = self._kinds.get(slot.name, Counter())
        return counts[kind] > _MOSTLY * counts.total()

    def _listed_values(
        self, function: Function, slot: Slot, words: str, values: tuple[Scalar, ...] = ()
    ) -> Iterator[Scalar]:
        """The listed value that words are, or that alignment would place on the whole of them."""
        candidates = values or slot.possible_values
        plain = words.casefold().replace("_", " ").strip()
        for value in candidates:
            if str(value).casefold().replace("_", " ") == plain:
                yield value
        text, whole = Text(words, self._language), (0, len(words))
        for value in candidates[:_MOST_LISTED]:
            places = self._finder.find(text, value, function, slot)
            if any(c.place == whole and not c.doubt for c in places.best):
                yield value
        figures = _figures(plain)  # "Terminal 3" is no misspelt "Terminal 1"
        names = [v for v in candidates if isinstance(v, str) and _figures(v) == figures]
        scores = [fuzz.ratio(v.casefold().replace("_", " "), plain) for v in names]
        best = max(scores, default=0.0)
        if best >= _ALIKE and scores.count(best) == 1:
            yield names[scores.index(best)]

    def _dates(self, text: Text) -> Iterator[Scalar]:
        """The first day from the reference on that a date in the text can mean."""
        for expression in text.dates:
            start = self._reference or (date(expression.year, 1, 1) if expression.year else None)
            if expression.year and self._reference and expression.year != self._reference.year:
                start = date(expression.year, 1, 1)
            if start is None:
                continue
            count = min(_AHEAD, (date.max - start).days + 1)
            days = (start + n * _DAY for n in range(count))
            first = next((d for d in days if expression.fits(d, self._reference)), None)
            if first is not None:
                yield first.isoformat()


def _numbers(text: Text, slot: Slot, *, whole: bool = False) -> Iterator[Scalar]:
    """The numbers in a text, whole ones as integers; ``whole``: only one that is all of it."""
    for number in text.quantities:
        if whole and (number.whole_start, number.whole_end) != (0, len(text.utterance)):
            continue
        if float(number.value).is_integer():
            yield int(number.value)
        elif slot.type != "integer":
            yield number.value


def _figures(text: str) -> list[str]:
    return [c for c in text if c.isdigit()]


def _times(text: Text) -> Iterator[Scalar]:
    """Times of day as ``HH:MM``; of both halves of the day the one after noon, but for mornings."""
    for expression in text.times:
        minutes = sorted(expression.minutes)
        later = [m for m in minutes if m >= 7 * 60]  # people plan for their waking hours
        if minutes:
            time = later[0] if later else minutes[0]
            yield f"{time // 60:02d}:{time % 60:02d}"
