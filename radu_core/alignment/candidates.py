"""Where a value could stand in an utterance: each place with its kind and score."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from radu_core.alignment.folding import can_squeeze, squeezed
from radu_core.alignment.forms import Form, form_of
from radu_core.alignment.language import Language
from radu_core.alignment.names import by_initials, in_part, inflected, misspelt, with_possessive
from radu_core.alignment.quantities import Number, currency, time_unit
from radu_core.alignment.text import Place, Text, plain_words
from radu_core.schema import Function, ListRecognizer, Scalar, Schema, Slot, recognize

__all__ = ["INFERRED", "SURE", "Aliases", "Candidate", "CandidateKind", "Finder", "Found", "labels"]

CandidateKind = Literal[
    "exact", "folded", "expression", "number", "date", "time", "duration", "boolean",
    "loose", "inflected", "undated", "hour",
    "alias", "initials", "partial", "misspelt", "ordinal", "article",
]  # fmt: skip

# How far a kind is trusted. On the train part of Schema-Guided Dialogue lone places of every kind
# that occurs there were wrong in under 0.3 % of the cases, "loose" in 1 of 61 (benchmarks/
# alignment.py --kinds); the others are by judgement. What is under SURE is asked about even as the
# only reading.
_SCORES: dict[CandidateKind, float] = {
    "exact": 1.0,
    "folded": 0.99,
    "expression": 0.98,
    "number": 0.98,
    "date": 0.99,
    "time": 0.99,
    "duration": 0.97,
    "boolean": 0.95,
    "loose": 0.97,
    "inflected": 0.93,
    "undated": 0.95,
    "hour": 0.93,
    "alias": 0.9,
    "initials": 0.85,
    "partial": 0.9,
    "misspelt": 0.85,
    "ordinal": 0.6,
    "article": 0.5,
}
SURE = 0.9
# Kinds that say the value in other words: named in the reason, and counted apart.
INFERRED: frozenset[CandidateKind] = frozenset(
    ("alias", "partial", "inflected", "loose", "undated", "hour", "article", "duration")
)
_ACRONYM_LENGTH = 3
# Words of a yes/no slot's name that say nothing by themselves: has_wifi, pets_allowed.
_HELPING = (
    "has have is are with allowed allow wants want needs need available include includes options "
    "option offers offer do does should can"
)
_HELPERS = frozenset(_HELPING.split())
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

Aliases = dict[str, tuple[tuple[tuple[str, ...], float], ...]]


@dataclass(frozen=True)
class Candidate:
    """One place: half-open code point offsets, how it was found, and how sure that is (0–1)."""

    start: int
    end: int
    kind: CandidateKind
    score: float


@dataclass(frozen=True)
class Found:
    """The places of one value: the best ones, and others to fall back on where those clash."""

    best: tuple[Candidate, ...]
    others: tuple[Candidate, ...] = ()


_NOWHERE = Found(())
_DOUBTFUL = 0.6


@dataclass(frozen=True)
class _SlotWords:
    """The stems in a slot's name, in its description, and the nouns that only others count."""

    name: frozenset[str]
    description: frozenset[str]
    others: frozenset[str]


_NO_WORDS = _SlotWords(frozenset(), frozenset(), frozenset())


@dataclass
class Finder:
    """Finds the places of values in the utterances of one module.

    ``reference`` is the date that relative dates count from; ``aliases`` gives, for a squeezed
    value, the words that stand for it in this module, with a score; ``generic``, by slot, the
    words of names that don't tell one from another ("restaurant").
    """

    schema: Schema
    language: Language
    reference: date | None = None
    aliases: Aliases = field(default_factory=dict)
    generic: dict[str, frozenset[str]] = field(default_factory=dict)
    _slot_words: dict[tuple[str, str], _SlotWords] = field(default_factory=dict)

    def find(self, text: Text, value: Scalar, function: Function, slot: Slot | None) -> Found:
        """All places of ``value`` in ``text``. A value of one type is never found as another."""
        form = form_of(value, slot, self.language)
        if form.kind == "text":
            return self._text(text, form, slot)
        if form.kind == "boolean":
            return self._boolean(text, form, slot)
        if form.kind in ("number", "money"):
            if not form.surface[-1:].isdigit():
                said = self._as_written(text, form.surface, slot)
                if said:
                    return Found(tuple(self._counted_by_slot(text, said, function, slot)))
            return self._number(text, form, function, slot)
        if form.kind == "date":
            return self._date(text, form)
        if form.kind == "time":
            return self._time(text, form)
        if form.kind == "duration":
            return _found(
                ((d.start, d.end) for d in text.durations if d.seconds == form.amount), "duration"
            )
        return self._said_date(text, form, slot)

    def find_otherwise(self, text: Text, value: Scalar, slot: Slot | None) -> Found:
        """The places that ``find`` doesn't look at because there are better ones, for a text."""
        form = form_of(value, slot, self.language)
        return self._otherwise(text, form.surface, slot) if form.kind == "text" else _NOWHERE

    # Text

    def _text(self, text: Text, form: Form, slot: Slot | None) -> Found:
        best = self._as_written(text, form.surface, slot)
        if best or not can_squeeze(form.surface):
            return Found(tuple(best))
        near = [_candidate(p, "loose") for p in text.loosely(form.surface)]
        near = near or self._inflected(text, form.surface)
        near = near or self._other_spellings(text, form.surface, slot)
        if near:
            return Found(tuple(near))
        return self._otherwise(text, form.surface, slot)

    def _as_written(self, text: Text, surface: str, slot: Slot | None) -> list[Candidate]:
        """The value itself, whatever its case, and the expressions of its list recognizer. A short
        value in capitals that stands as such ("US") isn't looked for in other cases ("us")."""
        utterance = text.utterance
        places: dict[Place, CandidateKind] = {
            (s, e): "exact" if utterance[s:e] == surface else "folded"
            for s, e in text.in_any_case(surface)
        }
        short = surface.isupper() and len(surface) <= _ACRONYM_LENGTH
        if len(places) > 1 and short and "exact" in places.values():
            places = {p: kind for p, kind in places.items() if kind == "exact"}
        if slot is not None and slot.recognizer is not None:
            for place in _expressions(utterance, surface, slot, self.schema):
                places.setdefault(place, "expression")
        return [
            _candidate(place, kind)
            if kind != "folded" or not self._is_other_word(text, place, surface)
            else Candidate(*place, kind, _DOUBTFUL)
            for place, kind in sorted(places.items())
            if not any(_within(place, other) for other in places)
        ]

    def _is_other_word(self, text: Text, place: Place, surface: str) -> bool:
        """Whether a stop word stands there and the value is a name: "it" for ``It``."""
        return surface[0].isupper() and text.utterance[slice(*place)] in self.language.stop_words

    def _inflected(self, text: Text, surface: str) -> list[Candidate]:
        return [
            Candidate(p[0], p[1], "inflected", _SCORES["inflected"] if number else _DOUBTFUL)
            for p, number in inflected(text, surface)
        ]

    def _other_spellings(self, text: Text, surface: str, slot: Slot | None) -> list[Candidate]:
        """A currency by another name; expressions of a list recognizer, loosely or inflected."""
        unit = currency(squeezed(surface))
        if unit is not None:
            return [_candidate(p, "expression") for p in text.units(unit)]
        recognizer = self.schema.recognizer(slot.recognizer) if slot else None
        if not isinstance(recognizer, ListRecognizer):
            return []
        for expression in recognizer.labels.get(surface, ()):
            plural = [p for p, number in inflected(text, expression) if number]
            places = text.loosely(expression) or plural
            if places:
                return [_candidate(p, "expression") for p in places]
        return []

    def _otherwise(self, text: Text, surface: str, slot: Slot | None) -> Found:
        known = self._alias(text, surface)
        rivals = labels(slot, self.schema)
        found = (
            known
            or [
                Candidate(*p, "initials", 0.85 if capitals else 0.7)
                for p, capitals in by_initials(text, surface)
            ]
            or [
                Candidate(*p, "partial", _SCORES["partial"] if sure else 0.8)
                for p, sure in in_part(text, surface, self._generic_words(slot))
            ]
            or [
                Candidate(*p, "misspelt", _SCORES["misspelt"] * likeness**0.5)
                for p, likeness in misspelt(text, surface)
                if squeezed(text.utterance[p[0] : p[1]]) not in rivals
            ]
        )
        return Found(tuple(found))

    def _generic_words(self, slot: Slot | None) -> frozenset[str]:
        return self.language.stop_words | self.generic.get(slot.name if slot else "", frozenset())

    def _alias(self, text: Text, surface: str) -> list[Candidate]:
        known = self.aliases.get(squeezed(surface))
        if not known:
            return []
        found: list[Candidate] = []
        for words, score in known:
            for plain in _sequences(text, words):
                place = with_possessive(text, plain, surface)
                if all(place[1] <= c.start or place[0] >= c.end for c in found):
                    found.append(Candidate(*place, "alias", score))
        return found

    # Booleans

    def _boolean(self, text: Text, form: Form, slot: Slot | None) -> Found:
        """Where the slot's own words stand, with what negates them when the value is false."""
        if slot is not None and slot.type != "boolean":
            said = self._as_written(text, form.surface, slot)  # a song may be called "True"
            if said:
                return Found(tuple(said))
        words = tuple(w for w in plain_words(slot.name if slot else "") if w not in _HELPERS)
        if not words:
            return _NOWHERE
        stem = self.language.stem
        wanted = [stem(w) for w in words]
        tokens = text.tokens
        places = []
        for i in range(len(tokens) - len(wanted) + 1):
            if [stem(t.word) for t in tokens[i : i + len(wanted)]] != wanted:
                continue
            first, last = i, i + len(wanted) - 1
            ahead, behind = self._negation(text, first), self._negated_behind(text, last)
            if bool(form.amount) == (ahead is None and behind is None):
                first = first if ahead is None else ahead
                last = last if behind is None else behind
                places.append((tokens[first].start, tokens[last].end))
        return _found(places, "boolean")

    def _negation(self, text: Text, before: int) -> int | None:
        """The index of the negating token among the three before ``before``, in its clause."""
        for i in range(before - 1, max(-1, before - 4), -1):
            token = text.tokens[i]
            if set(text.utterance[token.end : text.tokens[i + 1].start]) & set(",.;:!?"):
                return None
            if text.utterance[token.start : token.end].lower().replace("’", "'") in (
                self.language.negations
            ):
                return i
        return None

    def _negated_behind(self, text: Text, last: int) -> int | None:
        """The index of the "not" that follows token ``last``: "pets are not allowed"."""
        for i in range(last + 1, min(len(text.tokens), last + 3)):
            word = text.utterance[text.tokens[i].start : text.tokens[i].end].lower()
            if text.utterance[text.tokens[i - 1].end : text.tokens[i].start].strip():
                return None
            if word.replace("’", "'") in self.language.negations:
                return i
            if word not in ("are", "is", "was", "were", "be"):
                return None
        return None

    # Numbers

    def _number(self, text: Text, form: Form, function: Function, slot: Slot | None) -> Found:
        """Cardinals outside dates and times, then ordinals, a whole length of time, an article."""
        alone = form.kind == "number"
        words = self._words_of(function, slot) if slot is not None else _NO_WORDS
        numbers: list[Candidate] = []
        ordinals: list[Place] = []
        in_clock: list[Candidate] = []
        for n in text.quantities:
            if n.value != form.amount or (form.unit and n.unit != form.unit):
                continue
            place = (n.start, n.end) if alone else (n.whole_start, n.whole_end)
            if self._in_clock(text, n, words):
                in_clock.append(_candidate(place, "number"))
            elif n.ordinal:
                ordinals.append(place)
            else:
                score = (
                    _SCORES["number"] if self._counts(text, n, words, alone=alone) else _DOUBTFUL
                )
                numbers.append(Candidate(place[0], place[1], "number", score))
        if form.kind == "money" and not numbers:
            numbers = [Candidate(*p, "number", _DOUBTFUL) for p in text.verbatim(form.surface)]
        numbers = [n for n in numbers if n.score >= SURE] or numbers
        if numbers:
            chosen = self._counted_by_slot(text, numbers, function, slot)
            return Found(tuple(chosen), tuple(in_clock))
        if in_clock and not alone:
            return Found(tuple(in_clock))
        if ordinals:
            return _found(ordinals, "ordinal")
        return self._length_or_article(text, form, function, slot)

    def _in_clock(self, text: Text, number: Number, words: _SlotWords) -> bool:
        """Whether a number is part of a date or a time; what counts the slot's own noun isn't."""
        if words.name & {self.language.stem(w) for w in _words_after(text, number.whole_end)}:
            return False
        return any(s < number.end and number.start < e for s, e in text.taken_by_clock)

    def _counts(self, text: Text, number: Number, words: _SlotWords, *, alone: bool) -> bool:
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
                return _found(lengths, "duration")
        if form.amount != 1 or self.language.code != "en":
            return _NOWHERE
        articles = [(t.start, t.end) for t in text.tokens if t.word in ("a", "an")]
        own = self._words_of(function, slot).name if slot is not None else frozenset()
        counted = [
            p for p in articles if own & set(map(self.language.stem, _words_after(text, p[1])))
        ]
        if counted:
            return Found(tuple(Candidate(*p, "article", 0.95) for p in counted))
        return _found(articles, "article")

    def _counted_by_slot(
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
            name = _stems(slot.name, self.language)
            description = _stems(slot.description, self.language)
            nouns = [_stems(s.name, self.language) for s in function.slots if s is not slot]
            others = {w for stems in nouns if len(stems) == 1 for w in stems}  # what they count
            self._slot_words[key] = _SlotWords(
                name, description, frozenset(others) - name - description
            )
        return self._slot_words[key]

    # Dates and times

    def _date(self, text: Text, form: Form) -> Found:
        assert form.day is not None
        sure: list[Place] = []
        unknown: list[Place] = []
        weak: list[Place] = []
        for e in text.dates:
            fits = e.fits(form.day, self.reference)
            if fits is False:
                continue
            place = (e.start, e.end)
            (weak if e.weak else sure if fits else unknown).append(place)
        if sure:
            return _found(sure, "date", others=_found(unknown, "undated").best)
        if unknown:
            return _found(unknown, "undated")
        return Found(tuple(Candidate(p[0], p[1], "undated", 0.7) for p in weak))

    def _time(self, text: Text, form: Form) -> Found:
        sure = [(e.start, e.end) for e in text.times if form.amount in e.minutes and not e.weak]
        weak = [e for e in text.times if form.amount in e.minutes and e.weak]
        hours = tuple(
            Candidate(e.start, e.end, "hour", _SCORES["hour"] if e.at else _DOUBTFUL) for e in weak
        )
        if sure:
            return _found(sure, "time", others=hours)
        return Found(tuple(h for h in hours if h.score >= SURE) or hours)

    def _said_date(self, text: Text, form: Form, slot: Slot | None) -> Found:
        best = self._as_written(text, form.surface, slot)
        if best:
            return Found(tuple(best))
        assert form.said is not None
        same = [(e.start, e.end) for e in text.dates if e.agrees(form.said)]
        return _found(same, "date") if same else self._text(text, form, slot)


def _within(place: Place, other: Place) -> bool:
    return place != other and other[0] <= place[0] and place[1] <= other[1]


def _counts_from(utterance: str, start: int, end: int) -> bool:
    """Whether a length of time only says when: "in a week", "a week ago"."""
    return bool(
        _IN_BEFORE.search(utterance[max(0, start - 8) : start]) or _AGO_AFTER.match(utterance, end)
    )


def _candidate(place: Place, kind: CandidateKind) -> Candidate:
    return Candidate(place[0], place[1], kind, _SCORES[kind])


def _found(
    places: Sequence[Place] | Iterator[Place],
    kind: CandidateKind,
    *,
    others: tuple[Candidate, ...] = (),
) -> Found:
    return Found(tuple(_candidate(p, kind) for p in sorted(set(places))), others)


def _expressions(utterance: str, surface: str, slot: Slot, schema: Schema) -> list[Place]:
    recognizer = schema.recognizer(slot.recognizer)
    if not isinstance(recognizer, ListRecognizer):
        return []
    return [(m.start, m.end) for m in recognize(recognizer, utterance) if m.value == surface]


def labels(slot: Slot | None, schema: Schema) -> frozenset[str]:
    """What the slot can hold otherwise, squeezed."""
    if slot is None:
        return frozenset()
    recognizer = schema.recognizer(slot.recognizer)
    labels = list(recognizer.labels) if isinstance(recognizer, ListRecognizer) else []
    return frozenset(squeezed(str(v)) for v in (*slot.possible_values, *labels))


def _sequences(text: Text, words: tuple[str, ...]) -> Iterator[Place]:
    """Where ``words`` stand one after another; a word with a hyphen is taken whole."""
    tokens, size = text.tokens, len(words)
    for i in range(len(tokens) - size + 1):
        if all(tokens[i + k].word == words[k] for k in range(size)):
            yield text.whole(i, i + size - 1)


def _stems(text: str, language: Language) -> frozenset[str]:
    words = (w for w in plain_words(text) if w not in language.stop_words and len(w) > 2)
    return frozenset(language.stem(w) for w in words if w != "number")


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
    follows = next((t for t in text.tokens if t.start >= end), None)
    if follows is None or text.utterance[end : follows.start].strip(" -"):
        return ()
    return (follows.word,)
