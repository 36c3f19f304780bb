"""Where a value could stand in an utterance: each place with its kind and score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from radu_core.alignment.answers import denies, is_yes_no, is_yes_no_slot, only_answers
from radu_core.alignment.booleans import contradicting, statements
from radu_core.alignment.counts import Counts
from radu_core.alignment.folding import can_squeeze, squeeze_text
from radu_core.alignment.forms import Form, form_of
from radu_core.alignment.inside import find_inside
from radu_core.alignment.language import Language
from radu_core.alignment.moments import find_date_times, find_same_times, find_written_times
from radu_core.alignment.names import (
    by_initials,
    find_inflections,
    find_reorderings,
    in_part,
    misspelt,
    otherwise_whole,
    with_possessive,
)
from radu_core.alignment.places import (
    DOUBTFUL,
    NOWHERE,
    SCORES,
    SURE,
    Candidate,
    CandidateKind,
    Found,
    candidate,
    found_at,
)
from radu_core.alignment.quantities import currency
from radu_core.alignment.text import Place, Text, word_around
from radu_core.schema import Function, ListRecognizer, Scalar, Schema, Slot, recognize

__all__ = ["Aliases", "Finder", "labels"]

_ACRONYM_LENGTH = 3
_OFFSETS = "+-−T"  # before a time that is part of a date-time
_MOST_WRITTEN = 40  # places of a value: more than the readings that are listed
Aliases = dict[str, tuple[tuple[tuple[str, ...], float], ...]]


@dataclass
class Finder:
    """Finds the places of values in the utterances of one module.

    ``reference`` is the date that relative dates count from; ``aliases`` gives, for a squeezed
    value, the words that stand for it in this module, with a score; ``generic``, by slot, the
    words of names that don't tell one from another ("restaurant"); ``widened`` are the slots whose
    spans take in what belongs to the value ("11:30 am" for 11:30); ``any_case`` are
    those whose values aren't in the utterance's case.
    """

    schema: Schema
    language: Language
    reference: date | None = None
    aliases: Aliases = field(default_factory=dict)
    generic: dict[str, frozenset[str]] = field(default_factory=dict)
    widened: frozenset[str] = frozenset()
    any_case: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._counts = Counts(self.language)

    def find(self, text: Text, value: Scalar, function: Function, slot: Slot | None) -> Found:
        """All places of ``value`` in ``text``, by its form.

        The form orders places and may raise a doubt; where the value stands there as itself, it
        never denies it.
        """
        form = form_of(value, slot, self.language)
        if form.kind == "boolean":
            return self._boolean(text, form, slot)
        if form.kind == "text":
            places = self._text(text, form, slot)
        else:
            places = self._by_type(text, form, function, slot)
        if places.best or places.others:
            return places
        return find_inside(text.utterance, form.surface)

    def _by_type(self, text: Text, form: Form, function: Function, slot: Slot | None) -> Found:
        by_form = self._by_form(text, form, function, slot)
        if form.kind in ("said_date", "said_time"):  # searched as they are written first
            return by_form
        literal_places = text.verbatim(form.surface) or text.in_any_case(form.surface)
        if not literal_places:
            return by_form
        literal_places = literal_places[:_MOST_WRITTEN]
        if slot is None or slot.name not in self.widened:
            by_form = _narrow(by_form, literal_places)
        return self._with_written(text, form, literal_places, by_form, function, slot)

    def _by_form(self, text: Text, form: Form, function: Function, slot: Slot | None) -> Found:
        if form.kind in ("number", "money"):
            if not form.surface[-1:].isdigit():
                candidates = self._as_written(text, form.surface, slot)
                if candidates:
                    return Found(tuple(self._counts.by_noun(text, candidates, function, slot)))
            return self._counts.find(text, form, function, slot)
        if form.kind == "date":
            return self._date(text, form)
        if form.kind == "time":
            return self._time(text, form)
        if form.kind == "datetime":
            return self._date_time(text, form, slot)
        if form.kind == "said_time":
            widened = slot is not None and slot.name in self.widened
            candidates = [] if widened else self._as_written(text, form.surface, slot)
            same = () if candidates else find_same_times(text, form.minutes)
            return found_at(same, "time") if same else self._text(text, form, slot)
        if form.kind == "duration":
            candidates = self._as_written(text, form.surface, slot)
            if candidates:
                return Found(tuple(candidates))
            same = [(d.start, d.end) for d in text.durations if d.seconds == form.amount]
            return found_at(same, "duration") if same else self._text(text, form, slot)
        return self._said_date(text, form, slot)

    def _with_written(
        self,
        text: Text,
        form: Form,
        literal_places: Sequence[Place],
        places: Found,
        function: Function,
        slot: Slot | None,
    ) -> Found:
        """``places``, with the places where the value stands as itself (``literal_places``).

        The only such place is taken, unless the words beside another one are the slot's own, or it
        is part of something else ("2 pm" for a number of guests). Of several, those that the form
        left out are added as doubtful ones.
        """
        left_out = [p for p in literal_places if not any(c.overlaps(p) for c in places.best)]
        sure = [c for c in places.best if c.score >= SURE]
        is_named = bool(left_out) and any(
            self._counts.is_named(text, c.place, function, slot) for c in sure
        )
        if len(literal_places) > 1:
            return self._several(
                text, form, literal_places, left_out, places, is_named, function, slot
            )
        if not left_out:
            here = next(c for c in places.best if c.overlaps(literal_places[0]))
            first = (
                here
                if here.score >= SURE
                else self._literal(text, here.place, form, function, slot)
            )
            return Found((first,), _without(first, (*places.best, *places.others)))
        only = self._literal(text, left_out[0], form, function, slot)
        if is_named or (sure and only.score < SURE):
            return Found(places.best, (*places.others, only))
        if sure and not only.doubt:
            surface = text.utterance[slice(*sure[0].place)]
            doubt = f"isn't alone: {surface!r} says the same"
            only = only._replace(kind="doubted", score=SURE, doubt=doubt)
        return Found((only,), _without(only, (*places.best, *places.others)))

    def _several(
        self,
        text: Text,
        form: Form,
        literal_places: Sequence[Place],
        left_out: Sequence[Place],
        places: Found,
        by_name: bool,
        function: Function,
        slot: Slot | None,
    ) -> Found:
        """The places of a value that stands as itself more than once.

        What the form left out is in question, too, unless it counts something and another place is
        ``by_name`` by the slot's own words.
        """
        more = [self._literal(text, place, form, function, slot) for place in left_out]
        if by_name:
            more = [c for c in more if self._counts.is_bare(text, c.place) and not c.doubt]
        best = (
            self._literal(text, c.place, form, function, slot)
            if c.score < SURE and c.place in literal_places
            else c
            for c in places.best
        )
        return Found((*best, *more), places.others)

    def _literal(
        self, text: Text, place: Place, form: Form, function: Function, slot: Slot | None
    ) -> Candidate:
        """A value that stands at ``place`` as itself, with what its form says against it."""
        if form.kind in ("number", "money"):
            return self._counts.verbatim(text, place, form, function, slot)
        if place[0] and text.utterance[place[0] - 1] in _OFFSETS:
            whole = word_around(text.utterance, form.surface)
            return Candidate(*place, "doubted", DOUBTFUL, f"is part of {whole!r}")
        return Candidate(*place, "doubted", SURE, f"reads as another {form.kind}")

    def find_otherwise(self, text: Text, value: Scalar, slot: Slot | None) -> Found:
        """The places that ``find`` doesn't look at because there are better ones, for a text."""
        form = form_of(value, slot, self.language)
        return self._otherwise(text, form.surface, slot) if form.kind == "text" else NOWHERE

    # Text

    def _text(self, text: Text, form: Form, slot: Slot | None) -> Found:
        best = self._as_written(text, form.surface, slot)
        if is_yes_no(form.surface, self.language.code):
            if best:
                return self._yes_no(text, form.surface, best, slot)
            if is_yes_no_slot(slot, self.language.code):
                return self._implied_boolean(text, form.surface, slot)
        if best or not can_squeeze(form.surface):
            return Found(tuple(best))
        near = [candidate(p, "loose") for p in text.loosely(form.surface)]
        near = near or self._inflections(text, form.surface)
        near = near or self._other_spellings(text, form.surface, slot)
        if near:
            return Found(tuple(near))
        return self._otherwise(text, form.surface, slot)

    def _yes_no(
        self, text: Text, surface: str, literals: Sequence[Candidate], slot: Slot | None
    ) -> Found:
        """The places of a textual yes or no: where it answers.

        Elsewhere it is doubted, or, where the slot holds nothing else, implied.
        """
        places = set(only_answers(text, surface, [c.place for c in literals], slot))
        if places:
            return Found(tuple(c for c in literals if c.place in places))
        if is_yes_no_slot(slot, self.language.code):
            return self._implied_boolean(text, surface, slot)
        return Found(
            tuple(Candidate(*c.place, "doubted", DOUBTFUL, "answers nothing") for c in literals)
        )

    def _implied_boolean(self, text: Text, surface: str, slot: Slot | None) -> Found:
        """No place of a textual yes or no; with those where the slot's own words contradict it."""
        says = not denies(surface, self.language.code)
        return Found((), contradicting(text, says, slot))

    def _as_written(self, text: Text, surface: str, slot: Slot | None) -> list[Candidate]:
        """The value itself, whatever its case, and the expressions of its list recognizer.

        A value that stands there once as it is, or a short one in capitals ("US"), isn't searched
        in other cases ("us").
        """
        utterance = text.utterance
        places: dict[Place, CandidateKind] = {
            (s, e): "exact" if utterance[s:e] == surface else "folded"
            for s, e in text.in_any_case(surface)
        }
        exact = [p for p, kind in places.items() if kind == "exact"]
        if len(exact) == 1 and (len(places) == 1 or self._case_tells(text, exact[0], places, slot)):
            return [candidate(exact[0], "exact")]
        if exact and surface.isupper() and len(surface) <= _ACRONYM_LENGTH:
            places = dict.fromkeys(exact, "exact")
        if slot is not None and slot.recognizer is not None:
            for place in _expressions(utterance, surface, slot, self.schema):
                places.setdefault(place, "expression")
        return [
            candidate(place, kind)
            if kind != "folded" or not self._is_other_word(text, place, surface)
            else Candidate(*place, kind, DOUBTFUL)
            for place, kind in sorted(places.items())
            if not any(_within(place, other) for other in places)
        ]

    def _case_tells(
        self, text: Text, place: Place, others: Iterable[Place], slot: Slot | None
    ) -> bool:
        """Whether the case in which a value stands says that no other case is meant.

        A capital that begins a sentence says nothing; where values aren't in the utterance's case,
        only a capital elsewhere does.
        """
        if not any(c.isupper() for c in text.utterance[slice(*place)]):
            own = slot is None or slot.name not in self.any_case
            return own and not any(text.begins_sentence(p[0]) for p in others if p != place)
        return slot is None or slot.name not in self.any_case or not text.begins_sentence(place[0])

    def _is_other_word(self, text: Text, place: Place, surface: str) -> bool:
        """Whether a stop word stands there and the value is a name: "it" for ``It``."""
        return surface[0].isupper() and text.utterance[slice(*place)] in self.language.stop_words

    def _inflections(self, text: Text, surface: str) -> list[Candidate]:
        return [
            Candidate(p[0], p[1], "inflected", SCORES["inflected"] if number else DOUBTFUL)
            for p, number in find_inflections(text, surface)
        ]

    def _other_spellings(self, text: Text, surface: str, slot: Slot | None) -> list[Candidate]:
        """A currency by another name; expressions of a list recognizer, loosely or inflected."""
        unit = currency(squeeze_text(surface))
        if unit is not None:
            return [candidate(p, "expression") for p in text.units(unit)]
        recognizer = self.schema.recognizer(slot.recognizer) if slot else None
        if not isinstance(recognizer, ListRecognizer):
            return []
        for expression in recognizer.labels.get(surface, ()):
            plural = [p for p, number in find_inflections(text, expression) if number]
            places = text.loosely(expression) or plural
            if places:
                return [candidate(p, "expression") for p in places]
        return []

    def _otherwise(self, text: Text, surface: str, slot: Slot | None) -> Found:
        candidates = self._alias(text, surface)
        initials = (
            candidates
            or [
                Candidate(*p, "initials", 0.85 if capitals else 0.7)
                for p, capitals in by_initials(text, surface)
            ]
            or self._in_part(text, surface, slot)
            or self._misspelt(text, surface, slot)
        )
        return Found(tuple(initials))

    def _in_part(self, text: Text, surface: str, slot: Slot | None) -> list[Candidate]:
        """The places of parts of a name.

        Where the whole stands there in another writing, that, and no part of it is sure.
        """
        parts = in_part(text, surface, self._generic_words(slot))
        places = {otherwise_whole(text, surface, part) for part, _ in parts}
        places |= set(find_reorderings(text, surface))
        whole = [candidate(p, "misspelt") for p in sorted(filter(None, places))]
        rest = [
            Candidate(*p, "partial", SCORES["partial"] if sure and not whole else 0.8)
            for p, sure in parts
            if not any(c.overlaps(p) for c in whole)
        ]
        return [*whole, *rest]

    def _misspelt(self, text: Text, surface: str, slot: Slot | None) -> list[Candidate]:
        rivals = labels(slot, self.schema)
        return [
            Candidate(*p, "misspelt", SCORES["misspelt"] * likeness**0.5)
            for p, likeness in misspelt(text, surface)
            if squeeze_text(text.utterance[p[0] : p[1]]) not in rivals
        ]

    def _generic_words(self, slot: Slot | None) -> frozenset[str]:
        return self.language.stop_words | self.generic.get(slot.name if slot else "", frozenset())

    def _alias(self, text: Text, surface: str) -> list[Candidate]:
        aliases = self.aliases.get(squeeze_text(surface))
        if not aliases:
            return []
        candidates: list[Candidate] = []
        for words, score in aliases:
            for plain in _sequences(text, words):
                place = with_possessive(text, plain, surface)
                if all(place[1] <= c.start or place[0] >= c.end for c in candidates):
                    candidates.append(Candidate(*place, "alias", score))
        return candidates

    # Booleans

    def _boolean(self, text: Text, form: Form, slot: Slot | None) -> Found:
        """Where the slot's own words stand, with what negates them when the value is false."""
        if slot is not None and slot.type != "boolean":
            candidates = self._as_written(text, form.surface, slot)  # a song may be called "True"
            if candidates:
                return Found(tuple(candidates))
        elif len(literal := text.in_any_case(form.surface)) == 1:
            return found_at(literal, "exact")  # "set power to false"
        places = [place for place, says in statements(text, slot) if says == bool(form.amount)]
        if places:
            return found_at(places, "boolean")
        return Found((), contradicting(text, bool(form.amount), slot))

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
            return found_at(sure, "date", others=found_at(unknown, "undated").best)
        if unknown:
            return found_at(unknown, "undated")
        return Found(tuple(Candidate(p[0], p[1], "undated", 0.7) for p in weak))

    def _date_time(self, text: Text, form: Form, slot: Slot | None) -> Found:
        assert form.day is not None
        candidates = self._as_written(text, form.surface, slot)
        if candidates:
            return Found(tuple(candidates))
        places = list(find_date_times(text, form.day, form.amount, self.reference))
        sure = [place for place, unknown in places if not unknown]
        return found_at(sure, "date") if sure else found_at((p for p, _ in places), "undated")

    def _time(self, text: Text, form: Form) -> Found:
        sure = [(e.start, e.end) for e in text.times if form.amount in e.minutes and not e.weak]
        weak = [e for e in text.times if form.amount in e.minutes and e.weak]
        hours = tuple(
            Candidate(e.start, e.end, "hour", SCORES["hour"] if e.at else DOUBTFUL) for e in weak
        )
        if sure:
            return found_at(sure, "time", others=hours)
        if places := find_written_times(text, int(form.amount)):
            return found_at(places, "time", others=hours)
        return Found(tuple(h for h in hours if h.score >= SURE) or hours)

    def _said_date(self, text: Text, form: Form, slot: Slot | None) -> Found:
        best = self._as_written(text, form.surface, slot)
        if best:
            return Found(tuple(best))
        assert form.said is not None
        same = [(e.start, e.end) for e in text.dates if e.agrees(form.said)]
        return found_at(same, "date") if same else self._text(text, form, slot)


def _without(candidate: Candidate, others: Sequence[Candidate]) -> tuple[Candidate, ...]:
    return tuple(c for c in others if c.place != candidate.place)


def _narrow(places: Found, literal_places: Sequence[Place]) -> Found:
    """With the value alone where it stands inside a place ("11:30" of "11:30 am")."""

    def narrow(wide: Candidate) -> Candidate:
        own = [p for p in literal_places if _within(p, wide.place)]
        return Candidate(*own[0], "exact", wide.score) if len(own) == 1 else wide

    return Found(tuple(map(narrow, places.best)), tuple(map(narrow, places.others)))


def _within(place: Place, other: Place) -> bool:
    return place != other and other[0] <= place[0] and place[1] <= other[1]


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
    return frozenset(squeeze_text(str(v)) for v in (*slot.possible_values, *labels))


def _sequences(text: Text, words: tuple[str, ...]) -> Iterator[Place]:
    """Where ``words`` stand one after another; a word with a hyphen is taken whole."""
    tokens, size = text.tokens, len(words)
    for i in range(len(tokens) - size + 1):
        if all(tokens[i + k].word == words[k] for k in range(size)):
            yield text.whole(i, i + size - 1)
