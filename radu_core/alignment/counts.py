"""Where a number that a slot counts stands: the digits or the word, told apart by their nouns."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from radu_core.alignment.duration_words import only_says_when
from radu_core.alignment.folding import squeeze_text
from radu_core.alignment.forms import Form
from radu_core.alignment.language import Language
from radu_core.alignment.numerals import counted_noun, nouns_in_name
from radu_core.alignment.places import (
    DOUBTFUL,
    NOWHERE,
    SCORES,
    SURE,
    Candidate,
    Found,
    candidate,
    found_at,
)
from radu_core.alignment.quantities import Number, find_quantities, time_unit
from radu_core.alignment.text import HYPHENS, Place, Text, plain_words
from radu_core.alignment.units import COUNTED
from radu_core.numbers import possible_numbers
from radu_core.schema import Function, Slot

__all__ = ["Counts", "longer_number"]

# Nouns whose number is no count of anything else ("2-star"), and those that a number follows as a
# name ("gate 4"); the slot's own nouns are exempt.
_MEASURES = (
    "star stars course courses bedroom bedrooms bed beds bag bags hour hours minute minutes second "
    "seconds day days night nights week weeks month months year years km miles kg door doors "
    "seater question questions thing things dog dogs cat cats floor floors percent"
)
_MEASURED = frozenset(_MEASURES.split())
_LABELS = (
    "seat row gate pier flight chapter verse room floor version table platform line route page "
    "step season episode part level number no apartment suite unit track terminal highway exit "
    "bus train iphone zone card bay dock"
)
_LABELLED = frozenset(_LABELS.split())
# Stems of what may be counted for a slot whose name or description has one of the others.
_PERSONS = frozenset(["peopl", "person", "adult", "guest", "passeng", "friend", "pax"])
_PEOPLE_STEMS = frozenset(("peopl", "person", "adult", "guest", "passeng", "travel", "parti"))
# A slot whose name has one of these may hold a part of a date or a time.
_CLOCK = (
    "hour time clock date day dai month year week start end begin when due till until open close "
    "age uhr uhrzeit stunde zeit datum tag monat jahr hora fecha dia día mes año heure jour mois "
    "année annee ora giorno mese anno tijd uur dag maand jaar mês ano 時 時間 日 日付 月 年 点 час "
    "время день дата месяц год"
)
_CLOCK_WORDS = frozenset(_CLOCK.split())
# What makes a number part of a time or a date for sure: "2 pm", "3 March"; not "2 in the evening".
_EXPLICIT = re.compile(
    r"\d\s?(?:[ap]\.?\s?m\b|o\W?\s?clock|uhr\b|h\b|[時时点點시]|[月日年월일년])|:\d\d"
    r"|\b(?:jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)|\bMay\b|\b\d{1,2}\.\s?\w",
    re.IGNORECASE,
)
_NO_NOUNS = frozenset(("please", "tonight", "today", "tomorrow", "thanks", "thank", "then", "now"))
_MOST_DAYS = 31
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_COUNTED = {squeeze_text(word): noun for word, noun in COUNTED.items()}
_NEAR = 8  # characters around a number that may be the rest of a range
_RANGE = re.compile(r"\d+\s?[-–~〜～]\s?\d+")
_SHORT = 3  # letters of a stem that ends many words


@dataclass(frozen=True)
class _SlotWords:
    """The stems in a slot's name, in its description, and the nouns that only others count."""

    name: frozenset[str]
    description: frozenset[str]
    others: frozenset[str]


_NO_WORDS = _SlotWords(frozenset(), frozenset(), frozenset())


class Counts:
    """Finds numbers in the utterances of one module, and knows what each slot's name counts."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._slot_words: dict[tuple[str, str], _SlotWords] = {}

    def find(self, text: Text, form: Form, function: Function, slot: Slot | None) -> Found:
        """Cardinals outside dates and times, then ordinals, a whole length of time, an article.

        Only an order: what stands there as the value itself is never left out (``Finder``).
        """
        alone = form.kind == "number"
        words = self._words_of(function, slot) if slot is not None else _NO_WORDS
        numbers: list[Candidate] = []
        ordinals: list[Place] = []
        in_clock: list[Candidate] = []
        for n in text.quantities:
            if not n.says(form.amount) or (form.unit and n.unit != form.unit):
                continue
            by_itself = alone and not n.is_share(form.amount)
            place = (n.start, n.end) if by_itself else (n.whole_start, n.whole_end)
            if self._in_clock(text, n, words):
                in_clock.append(candidate(place, "number"))
            elif n.ordinal:
                ordinals.append(place)
            else:
                doubt = self._doubt(text, n, words, alone=alone)
                score = DOUBTFUL if doubt else SCORES["number"]
                numbers.append(Candidate(*place, "number", score, doubt))
        sure = [n for n in numbers if n.score >= SURE]
        if numbers and not sure:
            other = self._length_or_article(text, form, function, slot)
            if other.best and min(c.score for c in other.best) >= SURE:
                return Found(other.best, tuple(numbers))
        numbers = sure or numbers
        if numbers:
            candidates = self.by_noun(text, numbers, function, slot)
            return Found(tuple(candidates), tuple(in_clock))
        if in_clock and not alone:
            return Found(tuple(in_clock))
        if ordinals:
            return found_at(ordinals, "ordinal")
        found_otherwise = self._length_or_article(text, form, function, slot)
        return found_otherwise if found_otherwise.best else self._set_otherwise(text, form)

    def _set_otherwise(self, text: Text, form: Form) -> Found:
        """Figures that say the number to whoever sets them as English does: "1,599" in German."""
        code, places = self.language.code, []
        for n in text.quantities:
            surface = text.utterance[n.start : n.end]
            if form.amount in possible_numbers(surface, code)[1:]:
                places.append(
                    Candidate(n.start, n.end, "number", DOUBTFUL, f"reads as {n.value:.12g}")
                )
        return Found(tuple(places))

    def verbatim(
        self, text: Text, place: Place, form: Form, function: Function, slot: Slot | None
    ) -> Candidate:
        """The figures of a value that stand at ``place``, with what speaks against them.

        They are sure even so, unless they are part of another number, or of a date or time where
        the slot counts something.
        """
        if longer := longer_number(text, place):
            return Candidate(*place, "doubted", DOUBTFUL, f"is part of {longer!r}")
        if twice := self._repetition(text, place, form):
            return Candidate(*place, "doubted", DOUBTFUL, f"stands beside {twice!r}")
        words = self._words_of(function, slot) if slot is not None else _NO_WORDS
        number = Number(*place, form.amount, *place)
        clock = self._clock_around(text, place, words)
        if clock:
            may_be = form.amount <= _MOST_DAYS or _is_year(form.amount)
            is_explicit = may_be and _EXPLICIT.search(clock) and self._counts_things(slot)
            score = DOUBTFUL if is_explicit else SURE
            return Candidate(*place, "doubted", score, f"is part of {clock!r}")
        doubt = (
            _part_of_row(text, place)
            or _reads_as(text, place, form.amount)
            or self._doubt(text, number, words, alone=form.kind == "number")
        )
        return Candidate(*place, "doubted" if doubt else "number", SURE, doubt)

    def _clock_around(self, text: Text, place: Place, words: _SlotWords) -> str:
        """The date or time, said with a word of its own ("2 pm"), that ``place`` is in, or ""."""
        if not self._in_clock(text, Number(*place, 0, *place), words):
            return ""
        around = (c for c in text.clock_places if c[0] < place[1] and place[0] < c[1])
        surface = text.utterance[slice(*next(around))]
        return surface if any(c.isalpha() for c in surface) else ""

    def _counts_things(self, slot: Slot | None) -> bool:
        """Whether a slot holds numbers, and no part of a date or a time by its name."""
        if slot is None or slot.type not in ("integer", "number"):
            return False
        topic_words = set(plain_words(f"{slot.name} {slot.description}"))
        return not (topic_words | set(map(self.language.stem, topic_words))) & _CLOCK_WORDS

    def _repetition(self, text: Text, place: Place, form: Form) -> str:
        """The same number in words right beside it ("four 4 days"), or ""."""
        for token in (text.token_before(place[0]), text.token_after(place[1])):
            if token is None:
                continue
            gap = text.utterance[token.end : place[0]] or text.utterance[place[1] : token.start]
            surface = text.utterance[token.start : token.end]
            if gap == " " and any(
                n.value == form.amount for n in find_quantities(surface, self.language)
            ):
                return surface
        return ""

    def is_named(self, text: Text, place: Place, function: Function, slot: Slot | None) -> bool:
        """Whether the words beside a number are the slot's own: "2 days" for ``days``."""
        if slot is None:
            return False
        nouns = [self.language.stem(w) for w in _words_beside(text, *place)]
        return self._names(nouns, self._words_of(function, slot).name)

    def is_bare(self, text: Text, place: Place) -> bool:
        """Whether no noun follows that says what the number at ``place`` counts."""
        after = _words_after(text, place[1])
        return not after or after[0] in text.language.stop_words or after[0] in _NO_NOUNS

    def _in_clock(self, text: Text, number: Number, words: _SlotWords) -> bool:
        """Whether a number is part of a date or a time; what counts the slot's own noun isn't."""
        if words.name & {self.language.stem(w) for w in _words_after(text, number.whole_end)}:
            return False
        return any(s < number.end and number.start < e for s, e in text.clock_places)

    def _doubt(self, text: Text, number: Number, words: _SlotWords, *, alone: bool) -> str:
        """What speaks against a number being the slot's ("2 children" for adults), or ""."""
        after = _words_after(text, number.whole_end)
        noun = {self.language.stem(w) for w in after}
        own = words.name | words.description
        if self._names([self.language.stem(w) for w in after], own):
            return ""
        if compound := _compound_with(text, number):
            return f"is part of {compound!r}"
        if number.weak:
            return "" if noun & {"person", "peopl"} else "may be no number"
        if noun & words.others or (after and (after[0] in _MEASURED or after[0].isdigit())):
            if after and time_unit(after[0]) and any(map(time_unit, own)):
                return ""
            return f"{'stands beside' if after[0].isdigit() else 'is followed by'} {after[0]!r}"
        before = _words_beside(text, number.start, len(text.utterance))
        if alone and before and before[0] in _LABELLED and self.language.stem(before[0]) not in own:
            return f"follows {before[0]!r}"
        hour = any(t.start < number.end and number.start < t.end for t in text.times if t.at)
        if hour or text.utterance[number.end : number.end + 5].lower() == " uhr":
            return "reads as an hour"
        return ""

    def _length_or_article(
        self, text: Text, form: Form, function: Function, slot: Slot | None
    ) -> Found:
        unit = _unit_of(slot, self.language.code)
        if unit is not None:
            seconds = form.amount * unit
            lengths = [
                (d.start, d.end)
                for d in text.durations
                if d.seconds == seconds
                and not only_says_when(text.utterance, d.start, d.end, self.language.code)
            ]
            if form.amount != 1 and lengths:
                return found_at(lengths, "duration")
        if form.amount != 1:
            return NOWHERE
        if unit is not None and self.language.code != "en":
            return self._ones(text, unit)
        if self.language.code != "en":
            return NOWHERE
        articles = [(t.start, t.end) for t in text.tokens if t.word in ("a", "an")]
        own = self._words_of(function, slot).name if slot is not None else frozenset()
        places_counted = [
            p for p in articles if own & set(map(self.language.stem, _words_after(text, p[1])))
        ]
        if places_counted:
            return Found(tuple(Candidate(*p, "article", 0.95) for p in places_counted))
        return found_at(articles, "article")

    def _ones(self, text: Text, unit: int) -> Found:
        """The article or word for 1 of one unit of time: "eine Nacht" for one of ``nights``."""
        code = self.language.code
        places = [
            (d.start, t.end)
            for d in text.durations
            if d.seconds == unit and not only_says_when(text.utterance, d.start, d.end, code)
            if (t := text.token_after(d.start)) and t.end < d.end
        ]
        return Found(tuple(Candidate(*p, "article", 0.95) for p in places))

    def by_noun(
        self, text: Text, places: list[Candidate], function: Function, slot: Slot | None
    ) -> list[Candidate]:
        """The places whose noun fits the slot: "2 days", not "2 rooms", for ``days``.

        First those whose noun is in the slot's name, then those whose noun is in no other slot's
        name, then those whose noun describes the slot.
        """
        if len(places) < 2 or slot is None:
            return places
        words = self._words_of(function, slot)
        stem = self.language.stem
        nouns = [[stem(w) for w in _words_beside(text, p.start, p.end)] for p in places]

        def candidates_of(keep: Callable[[list[str]], object]) -> list[Candidate]:
            return [p for p, noun in zip(places, nouns, strict=True) if keep(noun)]

        candidates = candidates_of(lambda noun: self._names(noun, words.name))
        if candidates:
            bare = [p for p in places if p not in candidates and self.is_bare(text, p.place)]
            return sorted([*candidates, *bare], key=lambda p: p.start)
        rest = candidates_of(lambda noun: not words.others & set(noun[:1])) or places
        if len(rest) > 1:
            described_places = candidates_of(lambda noun: words.description & set(noun))
            rest = [p for p in rest if p in described_places] or rest
        return rest

    def _names(self, nouns: Sequence[str], own: frozenset[str]) -> bool:
        """Whether a noun is the slot's: its own, one of people for people, "bedrooms" for rooms."""
        return bool(
            own & set(nouns)
            or (own & _PEOPLE_STEMS and nouns and nouns[0] in _PERSONS)
            or any(len(w) > _SHORT and noun.endswith(w) for noun in nouns[:1] for w in own)
        )

    def _words_of(self, function: Function, slot: Slot) -> _SlotWords:
        key = (function.name, slot.name)
        if key not in self._slot_words:
            name = _name_stems(slot, self.language)
            description = _stems(slot.description, self.language)
            nouns = [_name_stems(s, self.language) for s in function.slots if s is not slot]
            others = {w for stems in nouns if len(stems) == 1 for w in stems}  # what they count
            self._slot_words[key] = _SlotWords(
                name, description, frozenset(others) - name - description
            )
        return self._slot_words[key]


def longer_number(text: Text, place: Place) -> str:
    """The number of several parts, or below zero, that ``place`` is only a part of, or ""."""
    index = bisect_right(text.longer_numbers, place) - 1
    for start, end in text.longer_numbers[max(0, index) : index + 2]:
        if start <= place[0] and place[1] <= end and (start, end) != place:
            return text.utterance[start:end]
    return ""


def _part_of_row(text: Text, place: Place) -> str:
    """Why a number may not be a count: an ordinal ("2枚目") or part of a range ("2〜3"); or ""."""
    if any(n.ordinal and n.start <= place[0] and place[1] <= n.end for n in text.quantities):
        return "is an ordinal"
    around = _RANGE.search(text.utterance, max(0, place[0] - _NEAR), place[1] + _NEAR)
    if around and around.start() <= place[0] and place[1] <= around.end():
        return f"is part of {around.group()!r}"
    return ""


def _reads_as(text: Text, place: Place, amount: float) -> str:
    """What figures say in the language, if that isn't the value: "1.599" in German, or ""."""
    other = (n for n in text.quantities if (n.start, n.end) == place and not n.says(amount))
    return next((f"reads as {n.value:.12g}" for n in other), "")


def _compound_with(text: Text, number: Number) -> str:
    """The word with a hyphen that a number word begins ("two-way"), or ""."""
    surface = text.utterance[number.start : number.end]
    if text.utterance[number.end : number.end + 1] not in HYPHENS or not surface.isalpha():
        return ""
    token = text.token_after(number.end)
    return text.utterance[number.start : token.end] if token else ""


def _is_year(amount: float) -> bool:
    return amount.is_integer() and _FIRST_YEAR <= amount <= _LAST_YEAR


def _stems(text: str, language: Language) -> frozenset[str]:
    words = (w for w in plain_words(text) if w not in language.stop_words and len(w) > 2)
    return frozenset(language.stem(w) for w in words if w != "number")


def _name_stems(slot: Slot, language: Language) -> frozenset[str]:
    nouns = nouns_in_name(slot.name, language.code)
    return _stems(slot.name, language) | {language.stem(n) for n in nouns}


def _unit_of(slot: Slot | None, code: str) -> int | None:
    """The seconds of the one unit of time that a slot's name or description says it counts.

    The name comes first. None if there is no unit, or several.
    """
    if slot is None:
        return None
    for text in (slot.name, slot.description):
        words = [*plain_words(text), *nouns_in_name(text, code)]
        units = {u for w in words if len(w) > 2 and (u := time_unit(w))}
        if units:
            return units.pop() if len(units) == 1 else None
    return None


def _words_beside(text: Text, start: int, end: int) -> tuple[str, ...]:
    """The word right after a place, then the one right before it, where there are."""
    ahead = text.token_before(start)
    before = ahead and not text.utterance[ahead.end : start].strip(" :-#")
    return (*_words_after(text, end), *([ahead.word] if ahead and before else []))


def _words_after(text: Text, end: int) -> tuple[str, ...]:
    if noun := counted_noun(text.utterance, end, text.language.code):
        return (noun[0],)
    follows = text.token_after(end)
    if follows is None or text.utterance[end : follows.start].strip(" -"):
        return ()
    return (_COUNTED.get(follows.word, follows.word),)
