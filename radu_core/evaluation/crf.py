"""Slots by a conditional random field over pieces (Lafferty, McCallum and Pereira 2001).

One field for all functions, with the function's name as an attribute: slots of one name share what
they learn. When it tags, only the function's own slots are allowed. What it leaves empty the
gazetteer fills, which is also all there is for a slot without a span in training.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from radu_core.eligibility import key_of
from radu_core.evaluation.crf_features import Features
from radu_core.evaluation.crf_field import Field, Penalty, Sentence, fit_field
from radu_core.evaluation.filling import Filler, fill, read_number
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash
from radu_core.pieces import cut, label, spans_of
from radu_core.schema import Arguments, Scalar, Schema, Slot

__all__ = ["Crf", "has_spans"]

# What is tried, the most usual first: it is taken where others are as good.
_PENALTIES: tuple[Penalty, ...] = ((0.1, 0.1), (0.03, 0.003))
_FOLDS = 5
_HELD = (0, 1)  # the folds that the penalty is chosen on
_MOST_CHOSEN_ON = 1_000  # exemplars
# Fitting takes time by pieces times labels squared: about a minute for as many. Beyond that, each
# function has a field of its own slots only.
_MOST_WORK = 1e9


def has_spans(schema: Schema, train: Sequence[AnnotatedExemplar]) -> bool:
    """Whether there is anything that a field could learn."""
    slots = _taggable(schema)
    return any(s.slot in slots.get(e.function or "", ()) for e in train for s in e.spans or ())


class Crf:
    """Learns from exemplars whose values are placed; finds a function's arguments in a text."""

    def __init__(self, schema: Schema, train: Sequence[AnnotatedExemplar], rest: Filler) -> None:
        self._schema = schema
        self._rest = rest
        self._features = Features(schema)
        self._slots = _taggable(schema)
        self._values = _count_values(train)
        self._fields = self._fit([e for e in train if self._slots.get(e.function or "")])

    def arguments(self, function: str, utterance: str) -> Arguments:
        """The arguments that are found for ``function`` in ``utterance``."""
        schema_function = self._schema.function(function)
        if schema_function is None:
            return {}
        arguments: Arguments = {}
        for name, start, end in self.tag(function, utterance):
            slot = schema_function.slot(name)
            assert slot is not None
            fill(
                schema_function,
                arguments,
                name,
                self._value_of(function, slot, utterance[start:end]),
            )
        for name, value in self._rest.arguments(function, utterance).items():
            arguments.setdefault(name, value)
        return arguments

    def tag(self, function: str, utterance: str) -> list[tuple[str, int, int]]:
        """(slot, start, end) of what is tagged, in order; slots of ``function`` only."""
        field = self._fields.get(function)
        if field is None:
            return []
        pieces = cut(utterance)
        attributes = self._features.of(utterance, pieces, function)
        return spans_of(pieces, field.decode(attributes, self._slots[function]))

    def _value_of(self, function: str, slot: Slot, words: str) -> Scalar:
        """What a span stands for.

        What it stood for in training, of the schema's values the one that reads so, the number that
        it says, or itself.
        """
        surface = words.casefold()
        for place in (function, None):
            if counts := self._values.get((place, slot.name, surface)):
                return max(counts, key=lambda v: (counts[v], repr(v)))
        for value in slot.possible_values:
            if not isinstance(value, bool) and str(value).casefold() == surface:
                return value
        if slot.type in ("integer", "number"):
            number = read_number(words, self._schema.language)
            return words if number is None else number
        return words

    def _fit(self, train: Sequence[AnnotatedExemplar]) -> dict[str, Field]:
        """The field that tags each function."""
        sentences = [self._sentence(e) for e in train]
        labels = {own for s in sentences for own in s.labels}
        if labels <= {"O"}:
            return {}
        if sum(len(s.labels) for s in sentences) * len(labels) ** 2 <= _MOST_WORK:
            field = fit_field(sentences, self._choose_penalty(train, sentences))
            return dict.fromkeys(self._slots, field)
        own: dict[str, list[Sentence]] = defaultdict(list)
        for exemplar, sentence in zip(train, sentences, strict=True):
            own[exemplar.function or ""].append(sentence)
        return {n: fit_field(some, _PENALTIES[0]) for n, some in own.items() if _has_labels(some)}

    def _sentence(self, exemplar: AnnotatedExemplar) -> Sentence:
        """An exemplar as a field learns it; spans of slots that aren't tagged are left out."""
        name = exemplar.function or ""
        pieces = cut(exemplar.utterance)
        spans = [s for s in exemplar.spans or () if s.slot in self._slots[name]]
        attributes = self._features.of(exemplar.utterance, pieces, name)
        return Sentence(attributes, label(pieces, spans))

    def _choose_penalty(
        self, train: Sequence[AnnotatedExemplar], sentences: Sequence[Sentence]
    ) -> Penalty:
        """The penalty that finds most spans of the held folds, each by what the others teach.

        Duplicates are in one fold, else a field would have seen its own answer.
        """
        step = max(1, len(train) // _MOST_CHOSEN_ON)
        some = [
            (e.function or "", int(content_hash(key_of(e))[:8], 16) % _FOLDS, s)
            for e, s in zip(train[::step], sentences[::step], strict=True)
        ]
        scores: dict[Penalty, float] = {}
        for penalty in _PENALTIES:
            right = predicted = 0
            for held_fold in _HELD:
                rest = [s for _, fold, s in some if fold != held_fold]
                if not _has_labels(rest):
                    continue
                field = fit_field(rest, penalty)
                for function, fold, sentence in some:
                    if fold == held_fold:
                        labels = field.decode(sentence.attributes, self._slots[function])
                        hits, all_said = _count_same(sentence.labels, labels)
                        right, predicted = right + hits, predicted + all_said
            scores[penalty] = right / predicted if predicted else 0.0
        return max(_PENALTIES, key=lambda p: scores[p])


def _taggable(schema: Schema) -> dict[str, set[str]]:
    """Of each function the slots that no recognizer fills."""
    return {f.name: {s.name for s in f.slots if s.recognizer is None} for f in schema.functions}


def _has_labels(sentences: Sequence[Sentence]) -> bool:
    return any(own != "O" for s in sentences for own in s.labels)


def _count_same(gold: Sequence[str], predicted: Sequence[str]) -> tuple[int, int]:
    """How many spans both have, twice, and how many each has: the share is F1."""
    places = [(n, n + 1) for n in range(len(gold))]
    one, two = set(spans_of(places, gold)), set(spans_of(places, predicted))
    return 2 * len(one & two), len(one) + len(two)


def _count_values(
    train: Sequence[AnnotatedExemplar],
) -> dict[tuple[str | None, str, str], Counter[Scalar]]:
    """(function, slot, surface) → how often it stood for which value; of all functions: None."""
    counts: dict[tuple[str | None, str, str], Counter[Scalar]] = defaultdict(Counter)
    for exemplar in train:
        for span in exemplar.spans or () if exemplar.function is not None else ():
            surface = exemplar.utterance[span.start : span.end].casefold()
            counts[exemplar.function, span.slot, surface][span.value] += 1
            counts[None, span.slot, surface][span.value] += 1
    return counts
