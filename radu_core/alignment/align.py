"""The outcome of one exemplar, always with a reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from radu_core.alignment import reasons
from radu_core.alignment.answers import is_yes_no, is_yes_no_slot
from radu_core.alignment.candidates import Aliases, Finder
from radu_core.alignment.checks import contradiction
from radu_core.alignment.forms import form_of
from radu_core.alignment.knowledge import Knowledge
from radu_core.alignment.language import language
from radu_core.alignment.places import INFERRED, SURE, Candidate, Found
from radu_core.alignment.ranking import calibrate, rank
from radu_core.alignment.readings import Placement, Reading, Readings, enumerate_readings
from radu_core.alignment.text import Text
from radu_core.alignment.unsaid import Guess, guesses, said_probability
from radu_core.errors import AlignmentError, shorten
from radu_core.exemplars import (
    UNLABELLED,
    AnnotatedExemplar,
    Outcome,
    ResolvedBy,
    Span,
    check_spans,
    escape,
    make_template,
    match_template,
    parse_template,
)
from radu_core.schema import Function, Scalar, Schema, Slot, argument_problems

__all__ = ["CONTRADICTED", "Aligner", "Alignment", "ArgumentPlaces", "align", "conflict"]

# The kind of reason why what a labeller placed isn't taken.
CONTRADICTED = "given spans or a given template contradict the values"


@dataclass(frozen=True)
class ArgumentPlaces:
    """One value of one slot and what was found of it.

    ``state`` is "placed" (one place), "repeated" (several), "unsure" (only something like it),
    "missing" or "implied" (a yes/no value whose slot's words aren't in the text).
    """

    slot: str
    value: Scalar
    state: str
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Alignment:
    """What aligning one exemplar gave. ``spans`` and ``template`` are set when resolved.

    ``readings`` are what an annotator chooses from, best first; ``unlocated`` names the slots with
    a value that isn't in the text; ``implied`` those whose yes/no value was taken as implied here.
    ``complete`` is False when there are more readings than are listed.
    """

    outcome: Outcome
    reason: str
    resolved_by: ResolvedBy | None = None
    spans: tuple[Span, ...] | None = None
    template: str | None = None
    readings: tuple[Reading, ...] = ()
    unlocated: tuple[str, ...] = ()
    implied: tuple[str, ...] = ()
    complete: bool = True
    placements: tuple[Placement, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of reason, where it isn't resolved: what is counted together."""
        if self.outcome == "unlabelled":
            return "no function was given"
        if self.outcome == "invalid":
            if self.placements:  # the labels fit the schema: their values were searched for
                return CONTRADICTED
            return "the labels contradict the schema or one another"
        states = {a.state for a in self.arguments}
        for state, kind in (
            ("missing", "a value isn't in the text"),
            ("unsure", "only something like a value is in the text"),
        ):
            if state in states:
                return kind
        if not self.complete:
            return "more readings than can be listed"
        return "a value occurs more than once" if self.readings else "values overlap"

    @property
    def inferred_kinds(self) -> tuple[str, ...]:
        """If resolved, the kinds of places where something other than the value is written."""
        if self.outcome != "resolved":
            return ()
        kinds = {c.kind for p in self.placements for c in p.candidates}
        return tuple(sorted(kinds & INFERRED))

    @property
    def arguments(self) -> tuple[ArgumentPlaces, ...]:
        """Every value that was searched for, with the places found for it."""
        return tuple(
            ArgumentPlaces(p.slot, p.value, self._state(p), (*p.found.best, *p.found.others))
            for p in self.placements
        )

    def _state(self, placement: Placement) -> str:
        best = placement.candidates
        if not best:
            return "implied" if placement.slot in self.implied else "missing"
        if max(c.score for c in best) < SURE:
            return "unsure"
        return "placed" if len(best) == 1 else "repeated"


class Aligner:
    """Aligns the exemplars of one module. ``reference`` is the date relative dates count from."""

    def __init__(
        self,
        schema: Schema,
        *,
        reference: date | None = None,
        knowledge: Knowledge | None = None,
    ) -> None:
        self.schema = schema
        self.language = language(schema.language)
        self.knowledge = knowledge
        self._functions = {f.name: f for f in schema.functions}
        self._slots = {f.name: {s.name: s for s in f.slots} for f in schema.functions}
        self.finder = Finder(schema, self.language, reference or schema.reference_date)
        if knowledge is not None:
            self.finder.aliases = knowledge.aliases
            self.finder.generic = knowledge.generic
            self.finder.widened = knowledge.widened
            self.finder.any_case = knowledge.any_case
        # What a span may hold: also the value with its unit, whatever the slot's other rows have.
        self._checker = replace(
            self.finder,
            aliases=_sure(self.finder.aliases),
            widened=frozenset(s.name for f in schema.functions for s in f.slots),
        )

    def align(self, exemplar: AnnotatedExemplar) -> Alignment:
        """Find where the arguments of ``exemplar`` stand in its utterance. Never raises.

        Given spans are checked first, then a given template; otherwise all values are placed
        jointly, and ranked by the module's knowledge where several readings remain.
        """
        if exemplar.unlabelled:
            has_labels = (
                exemplar.outcome == "unlabelled"
            )  # then its reason says why it has no labels
            return Alignment("unlabelled", (has_labels and exemplar.reason) or UNLABELLED)
        function = self._functions.get(exemplar.function or "")
        conflict = _conflict(exemplar, function)
        if conflict:
            return Alignment("invalid", conflict)
        if function is None or exemplar.mode == "negative":
            return _without_values(exemplar)
        try:
            if exemplar.spans is not None:
                return self._given_spans(exemplar, exemplar.spans, function)
            if exemplar.template is not None:
                return self._given_template(exemplar, exemplar.template, function)
        except AlignmentError as error:
            return Alignment("invalid", str(error))
        return self._locate(function, exemplar)

    # What the labeller gave

    def _given_spans(
        self, exemplar: AnnotatedExemplar, spans: Sequence[Span], function: Function
    ) -> Alignment:
        sorted_spans = check_spans(exemplar.utterance, spans)
        counts = Counter((slot, repr(value)) for slot, value in _to_place(exemplar))
        span_counts = Counter((span.slot, repr(span.value)) for span in sorted_spans)
        for slot, value in sorted(span_counts - counts):
            return Alignment("invalid", f"A span says {slot}={value}, but the arguments don't.")
        for slot, value in sorted(counts - span_counts):
            return Alignment("invalid", f"The arguments say {slot}={value}, but no span does.")
        template = make_template(exemplar.utterance, sorted_spans)
        if exemplar.template is not None and exemplar.template != template:
            return Alignment(
                "invalid",
                f"The given template {exemplar.template!r} isn't what the spans give, "
                f"which is {template!r}.",
            )
        problem = self._contradiction(exemplar, sorted_spans, function)
        if problem:
            return self._refuse(exemplar, function, problem)
        return Alignment("resolved", "Spans were given.", "spans", sorted_spans, template)

    def _contradiction(
        self, exemplar: AnnotatedExemplar, spans: Sequence[Span], function: Function
    ) -> str:
        """What is wrong with spans.

        A person's decision may say that other words mean the value, and so may what alignment
        resolved before, with what it knew then.
        """
        is_decided = exemplar.resolved_by not in (None, "spans", "template")
        text = Text(exemplar.utterance, self.language)
        return contradiction(self._checker, text, spans, function, is_decided=is_decided)

    def _refuse(self, exemplar: AnnotatedExemplar, function: Function, problem: str) -> Alignment:
        """Invalid; with the places that alignment finds by itself, for a person to choose from."""
        alignment = self._locate(function, exemplar)
        return replace(
            alignment,
            outcome="invalid",
            reason=problem,
            resolved_by=None,
            spans=None,
            template=None,
            unlocated=(),
        )

    def _given_template(
        self, exemplar: AnnotatedExemplar, text: str, function: Function
    ) -> Alignment:
        template = parse_template(text)
        values_to_place = _to_place(exemplar)
        if Counter(template.slots) != Counter(slot for slot, _ in values_to_place):
            return Alignment(
                "invalid",
                f"The given template has the slots {sorted(template.slots)}, the arguments "
                f"{sorted(slot for slot, _ in values_to_place)}; mark what isn't written as "
                "implied.",
            )
        ways = match_template(exemplar.utterance, template)
        if not ways:
            return Alignment(
                "invalid", f"The given template {shorten(text)} doesn't fit the utterance."
            )
        utterance_text = Text(exemplar.utterance, self.language)
        places = {
            (slot, repr(value)): {
                (c.start, c.end)
                for c in self.finder.find(utterance_text, value, function, function.slot(slot)).best
            }
            for slot, value in values_to_place
        }
        readings = [_as_reading(exemplar.utterance, way, values_to_place, places) for way in ways]
        problems = [self._contradiction(exemplar, r.spans, function) for r in readings]
        right = [r for r, problem in zip(readings, problems, strict=True) if not problem]
        if not right:
            return self._refuse(
                exemplar, function, f"The given template doesn't fit: {problems[0]}"
            )
        sure = [r for r in right if r.evidence == 1.0] or right
        if len(sure) > 1:
            return Alignment(
                "ambiguous",
                f"The given template fits the utterance in {len(sure)} ways.",
                readings=tuple(sure),
            )
        return Alignment(
            "resolved", "A template was given.", "template", sure[0].spans, str(template)
        )

    # What has to be found

    def _locate(self, function: Function, exemplar: AnnotatedExemplar) -> Alignment:
        utterance = exemplar.utterance
        text = Text(utterance, self.language)
        slots = self._slots[function.name]
        placements = [
            Placement(slot, value, self.finder.find(text, value, function, slots[slot]))
            for slot, value in _to_place(exemplar)
        ]
        present = [p for p in placements if p.candidates]
        absent = [p for p in placements if not p.candidates]
        missing = [p for p in absent if not self._may_be_implied(p, slots[p.slot])]
        enumeration = enumerate_readings(utterance, present)
        if not enumeration.readings and enumeration.complete and len(present) > 1:
            present = [self._with_others(text, p, function) for p in present]
            enumeration = enumerate_readings(utterance, present)
        readings = tuple(r for r in enumeration.readings if r.spans or not missing)
        implied_slots = tuple(dict.fromkeys(p.slot for p in absent if p not in missing))
        if len(readings) == 1 and enumeration.complete and not missing:
            only = readings[0]
            if only.evidence >= SURE:
                places = {(s.start, s.end) for s in only.spans}
                inferred = [
                    (p, c)
                    for p in present
                    for c in p.candidates
                    if c.kind in INFERRED and c.place in places
                ]
                reason = reasons.resolved_reason(
                    text, (*exemplar.implied, *implied_slots), inferred
                )
                return Alignment(
                    "resolved",
                    reason,
                    "unique",
                    only.spans,
                    only.template,
                    readings,
                    implied=implied_slots,
                    placements=tuple(placements),
                )
        if self.knowledge is not None:
            readings = rank(readings, self.knowledge.context, text, complete=enumeration.complete)
            if missing:
                readings = self._suggestions(text, function, missing, readings)
        return self._ask(
            text, placements, missing, Readings(readings, enumeration.complete), implied_slots
        )

    def _with_others(self, text: Text, placement: Placement, function: Function) -> Placement:
        """The placement with what its value may be written as besides, for when the best clash."""
        slot = function.slot(placement.slot)
        others = self.finder.find_otherwise(text, placement.value, slot).best
        best = placement.found.best
        more = tuple(c for c in others if all((c.start, c.end) != (b.start, b.end) for b in best))
        placed_again = Found(best, (*placement.found.others, *more))
        return Placement(placement.slot, placement.value, placed_again)

    def _suggestions(
        self,
        text: Text,
        function: Function,
        missing: Sequence[Placement],
        readings: Sequence[Reading],
    ) -> tuple[Reading, ...]:
        """Readings for when values aren't written as themselves, most likely first.

        The first of ``readings`` with the places where a single text may be said in other words,
        and with all that is missing implied. What is only partly missing (one value of a list)
        can't be implied.
        """
        assert self.knowledge is not None
        base = readings[0] if readings else Reading(escape(text.utterance), (), 1.0, 1.0)
        places = self._guesses(text, function, missing, base)
        probabilities = [said_probability(places[0] if places else None) for _ in missing]
        rights = calibrate("guess", [g.share for g in places]) if places else []
        fits = []
        for place, right in zip(places, rights, strict=True):
            span = Span(
                slot=missing[0].slot,
                start=place.place[0],
                end=place.place[1],
                value=missing[0].value,
            )
            spans = tuple(sorted((*base.spans, span), key=lambda s: s.start))
            confidence = base.confidence * probabilities[0] * right
            template = make_template(text.utterance, spans)
            fits.append(Reading(template, spans, place.share, confidence))
        slots = tuple(dict.fromkeys(p.slot for p in missing))
        if not {s.slot for s in base.spans} & set(slots):
            confidence = base.confidence * math.prod(1 - p for p in probabilities)
            fits.append(replace(base, confidence=confidence, implied=slots))
        return tuple(sorted(fits, key=lambda r: (-r.confidence, r.template)))

    def _guesses(
        self, text: Text, function: Function, missing: Sequence[Placement], base: Reading
    ) -> list[Guess]:
        """Where the one text that is missing may be said in other words."""
        assert self.knowledge is not None
        only = missing[0]
        if (
            len(missing) != 1
            or not isinstance(only.value, str)
            or not self._is_text(function, only)
        ):
            return []
        places = [(s.start, s.end) for s in base.spans]
        phrases = self.knowledge.phrases.get(only.slot, frozenset())
        return guesses(self.knowledge.context, text, only.slot, only.value, places, phrases=phrases)

    def _may_be_implied(self, placement: Placement, slot: Slot) -> bool:
        """Whether a value is meant without being said.

        It is a yes or no of a slot that holds those, and nothing in the text says the opposite.
        """
        value = placement.value
        if placement.found.others:
            return False
        return _is_boolean(value) or (
            isinstance(value, str)
            and is_yes_no(value, self.language.code)
            and is_yes_no_slot(slot, self.language.code)
        )

    def _is_text(self, function: Function, placement: Placement) -> bool:
        slot = self._slots[function.name].get(placement.slot)
        return form_of(placement.value, slot, self.language).kind == "text"

    def _ask(
        self,
        text: Text,
        placements: Sequence[Placement],
        missing: Sequence[Placement],
        answer: Readings,
        implied_slots: tuple[str, ...],
    ) -> Alignment:
        """Why a person has to look, and at what."""
        present = [p for p in placements if p.candidates]
        unsure = [p for p in present if max(c.score for c in p.candidates) < SURE]
        if missing or (unsure and len(answer.readings) <= 1):
            reason = reasons.unlocated_reason(text, missing, unsure)
            slots = tuple(dict.fromkeys(p.slot for p in (*missing, *unsure)))
        elif not answer.readings:
            reason = reasons.crowded_reason(present, answer.complete)
            slots = tuple(dict.fromkeys(p.slot for p in present))
        else:
            reason = reasons.ambiguous(present, unsure, text, answer)
            slots = ()
        return Alignment(
            "unlocated" if slots else "ambiguous",
            reason,
            readings=answer.readings,
            unlocated=slots,
            implied=implied_slots,
            complete=answer.complete,
            placements=tuple(placements),
        )


def align(
    schema: Schema,
    exemplar: AnnotatedExemplar,
    *,
    reference: date | None = None,
    knowledge: Knowledge | None = None,
) -> Alignment:
    """Align one exemplar; for many, make one ``Aligner``."""
    return Aligner(schema, reference=reference, knowledge=knowledge).align(exemplar)


def conflict(schema: Schema, exemplar: AnnotatedExemplar) -> str:
    """How the labels contradict the schema, in a sentence; empty when they don't."""
    function = None if exemplar.function is None else schema.function(exemplar.function)
    return _conflict(exemplar, function)


def _conflict(exemplar: AnnotatedExemplar, function: Function | None) -> str:
    if exemplar.unlabelled:
        return UNLABELLED
    if exemplar.function is None:
        return "An out-of-scope utterance has no arguments." if exemplar.arguments else ""
    if function is None:
        return f"The schema has no function {exemplar.function!r}."
    problems = argument_problems(function, exemplar.arguments)
    problems += [
        f"slot {slot!r} is marked as implied, but has no argument"
        for slot in exemplar.implied
        if slot not in exemplar.arguments
    ]
    return "; ".join(problems) + "." if problems else ""


def _sure(aliases: Aliases) -> Aliases:
    """The names that alignment decides by: what one row's span says is no proof of itself."""
    return {
        value: tuple(name for name in names if name[1] >= SURE) for value, names in aliases.items()
    }


def _without_values(exemplar: AnnotatedExemplar) -> Alignment:
    if exemplar.spans:
        return Alignment("invalid", "Out-of-scope and negative exemplars have no spans.")
    return Alignment("resolved", "No values to place.", "unique", (), escape(exemplar.utterance))


def _to_place(exemplar: AnnotatedExemplar) -> list[tuple[str, Scalar]]:
    implied_slots = exemplar.implied
    return [
        (slot, scalar)
        for slot, value in exemplar.arguments.items()
        if slot not in implied_slots
        for scalar in (value if isinstance(value, list) else (value,))
    ]


def _is_boolean(value: Scalar) -> bool:
    return isinstance(value, bool) or (
        isinstance(value, str) and value.strip().lower() in ("true", "false")
    )


def _as_reading(
    utterance: str,
    way: tuple[tuple[str, int, int], ...],
    pairs: Sequence[tuple[str, Scalar]],
    places: dict[tuple[str, str], set[tuple[int, int]]],
) -> Reading:
    """The spans of one way a template fits; ``evidence`` is 1.0 if each value was found there."""
    rest = list(pairs)
    spans = []
    is_complete = True
    for slot, start, end in way:
        own = [pair for pair in rest if pair[0] == slot]
        here = [p for p in own if (start, end) in places[p[0], repr(p[1])]]
        is_complete = is_complete and bool(here)
        pair = (here or own)[0]
        rest.remove(pair)
        spans.append(Span(slot=slot, start=start, end=end, value=pair[1]))
    evidence = 1.0 if is_complete else 0.5
    return Reading(make_template(utterance, spans), tuple(spans), evidence, evidence)
