"""Where a number that a slot counts stands: the digits or the word, told apart by their nouns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

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
    found,
)
from radu_core.alignment.quantities import Number, time_unit
from radu_core.alignment.text import Place, Text, plain_words
from radu_core.schema import Function, Slot

__all__ = ["Counts"]

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
_PERSONS = "people person persons adults adult guests guest passengers passenger friends pax"
_PEOPLE = frozenset(_PERSONS.split())
_PEOPLE_STEMS = frozenset(("peopl", "person", "adult", "guest", "passeng", "travel", "parti"))
_IN_BEFORE = re.compile(r"\b(?:in|within|after|last|next)\s$", re.IGNORECASE)
_AGO_AFTER = re.compile(r"\s(?:ago|later|earlier|before|after|from|notice|in advance)\b", re.I)


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
        """Cardinals outside dates and times, then ordinals, a whole length of time, an article."""
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
                score = (
                    SCORES["number"] if self._can_count(text, n, words, alone=alone) else DOUBTFUL
                )
                numbers.append(Candidate(place[0], place[1], "number", score))
        if form.kind == "money" and not numbers:
            numbers = [Candidate(*p, "number", DOUBTFUL) for p in text.verbatim(form.surface)]
        numbers = [n for n in numbers if n.score >= SURE] or numbers
        if numbers:
            chosen = self.by_noun(text, numbers, function, slot)
            return Found(tuple(chosen), tuple(in_clock))
        if in_clock and not alone:
            return Found(tuple(in_clock))
        if ordinals:
            return found(ordinals, "ordinal")
        return self._length_or_article(text, form, function, slot)

    def _in_clock(self, text: Text, number: Number, words: _SlotWords) -> bool:
        """Whether a number is part of a date or a time; what counts the slot's own noun isn't."""
        if words.name & {self.language.stem(w) for w in _words_after(text, number.whole_end)}:
            return False
        return any(s < number.end and number.start < e for s, e in text.taken_by_clock)

    def _can_count(self, text: Text, number: Number, words: _SlotWords, *, alone: bool) -> bool:
        """Whether a number can be the slot's: not "2 children" for adults, nor "the blue one"."""
        after = _words_after(text, number.whole_end)
        noun = {self.language.stem(w) for w in after}
        own = words.name | words.description
        if noun & own or (after and after[0] in _PEOPLE and own & _PEOPLE_STEMS):
            return True
        if number.weak:
            return bool(noun & {"person", "peopl"})
        if noun & words.others or (after and (after[0] in _MEASURED or after[0].isdigit())):
            return bool(after and time_unit(after[0]) and any(map(time_unit, own)))
        before = _words_beside(text, number.start, len(text.utterance))
        if alone and before and before[0] in _LABELLED and self.language.stem(before[0]) not in own:
            return False
        hour = any(t.start < number.end and number.start < t.end for t in text.times if t.at)
        return not hour and text.utterance[number.end : number.end + 5].lower() not in (" uhr",)

    def _length_or_article(
        self, text: Text, form: Form, function: Function, slot: Slot | None
    ) -> Found:
        unit = _unit_of(slot)
        if unit is not None:
            wanted = form.amount * unit
            lengths = [
                (d.start, d.end)
                for d in text.durations
                if d.seconds == wanted and not _counts_from(text.utterance, d.start, d.end)
            ]
            if form.amount != 1 and lengths:
                return found(lengths, "duration")
        if form.amount != 1 or self.language.code != "en":
            return NOWHERE
        articles = [(t.start, t.end) for t in text.tokens if t.word in ("a", "an")]
        own = self._words_of(function, slot).name if slot is not None else frozenset()
        counted = [
            p for p in articles if own & set(map(self.language.stem, _words_after(text, p[1])))
        ]
        if counted:
            return Found(tuple(Candidate(*p, "article", 0.95) for p in counted))
        return found(articles, "article")

    def by_noun(
        self, text: Text, places: list[Candidate], function: Function, slot: Slot | None
    ) -> list[Candidate]:
        """The places whose noun is in the slot's name: "2 days", not "2 rooms", for ``days``; then
        those whose noun is in no other slot's name; then those whose noun describes the slot.
        """
        if len(places) < 2 or slot is None:
            return places
        words = self._words_of(function, slot)
        stem = self.language.stem
        nouns = [[stem(w) for w in _words_beside(text, p.start, p.end)] for p in places]

        def kept(keep: Callable[[list[str]], object]) -> list[Candidate]:
            return [p for p, noun in zip(places, nouns, strict=True) if keep(noun)]

        named = kept(lambda noun: words.name & set(noun))
        if named:
            return named
        left = kept(lambda noun: not words.others & set(noun[:1])) or places
        if len(left) > 1:
            described = kept(lambda noun: words.description & set(noun))
            left = [p for p in left if p in described] or left
        return left

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


def _counts_from(utterance: str, start: int, end: int) -> bool:
    """Whether a length of time only says when: "in a week", "a week ago"."""
    return bool(
        _IN_BEFORE.search(utterance[max(0, start - 8) : start]) or _AGO_AFTER.match(utterance, end)
    )


def _stems(text: str, language: Language) -> frozenset[str]:
    words = (w for w in plain_words(text) if w not in language.stop_words and len(w) > 2)
    return frozenset(language.stem(w) for w in words if w != "number")


def _name_stems(slot: Slot, language: Language) -> frozenset[str]:
    nouns = nouns_in_name(slot.name, language.code)
    return _stems(slot.name, language) | {language.stem(n) for n in nouns}


def _unit_of(slot: Slot | None) -> int | None:
    units = [
        u for w in plain_words(slot.name if slot else "") if len(w) > 2 and (u := time_unit(w))
    ]
    return units[0] if len(units) == 1 else None


def _words_beside(text: Text, start: int, end: int) -> tuple[str, ...]:
    """The word right after a place, then the one right before it, where there are."""
    ahead = next((t for t in reversed(text.tokens) if t.end <= start), None)
    before = ahead and not text.utterance[ahead.end : start].strip(" :-#")
    return (*_words_after(text, end), *([ahead.word] if ahead and before else []))


def _words_after(text: Text, end: int) -> tuple[str, ...]:
    if counted := counted_noun(text.utterance, end, text.language.code):
        return (counted[0],)
    follows = next((t for t in text.tokens if t.start >= end), None)
    if follows is None or text.utterance[end : follows.start].strip(" -"):
        return ()
    return (follows.word,)
