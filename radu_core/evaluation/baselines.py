"""Baselines a user has for nothing, from the same labels on the same rows.

Function: the nearest exemplar, and logistic regression on the embeddings. Slots: a gazetteer,
that is the training values and the recognizers, matched in the text. Each function baseline is
combined with the gazetteer into a whole call, so that it stands beside a model on equal terms.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radu_core.alignment import ContextModel
from radu_core.evaluation.metrics import Prediction
from radu_core.exemplars import AnnotatedExemplar
from radu_core.inference.recognized import fill_recognized
from radu_core.schema import Arguments, Function, Scalar, Schema

if TYPE_CHECKING:
    from radu_core.retrieval import Embedder

__all__ = ["Baseline", "Gazetteer", "fit_baselines"]


@dataclass(frozen=True)
class Baseline:
    """A named system that turns rows into predictions."""

    name: str
    predict: Callable[[Sequence[AnnotatedExemplar]], list[Prediction]]


class Gazetteer:
    """Values seen in training, by function and slot, matched as whole words, longest first.

    A surface that stood for several values, or in several slots, counts for the commonest one.
    """

    def __init__(self, schema: Schema, train: Sequence[AnnotatedExemplar]) -> None:
        self._schema = schema
        self._context = ContextModel(e.template for e in train if e.template)
        seen: dict[str, dict[str, Counter[tuple[str, str]]]] = defaultdict(
            lambda: defaultdict(Counter)
        )
        self._values: dict[str, Scalar] = {}
        for exemplar in train:
            for span in exemplar.spans or ():
                surface = exemplar.utterance[span.start : span.end].casefold()
                if exemplar.function is not None:
                    seen[exemplar.function][surface][span.slot, repr(span.value)] += 1
                    self._values[repr(span.value)] = span.value
        self._best = {
            function: {
                surface: min(counts.items(), key=lambda item: (-item[1], item[0]))[0]
                for surface, counts in surfaces.items()
            }
            for function, surfaces in seen.items()
        }

    def arguments(self, function: str, utterance: str) -> Arguments:
        """The arguments that the gazetteer finds for ``function`` in ``utterance``."""
        known = self._schema.function(function)
        if known is None:
            return {}
        found = fill_recognized(self._schema, known, utterance, self._context)
        taken: list[tuple[int, int]] = []
        surfaces = self._best.get(function, {})
        for surface in sorted(surfaces, key=lambda s: (-len(s), s)):
            slot, value = surfaces[surface]
            for match in re.finditer(rf"(?<!\w){re.escape(surface)}(?!\w)", utterance.casefold()):
                if any(match.start() < end and start < match.end() for start, end in taken):
                    continue
                if self._put(known, found, slot, self._values[value]):
                    taken.append(match.span())
        return found

    def _put(self, function: Function, found: Arguments, name: str, value: Scalar) -> bool:
        slot = function.slot(name)
        if slot is None or slot.recognizer is not None:
            return False
        if not slot.multi_value:
            if name in found:
                return False
            found[name] = value
            return True
        values = found.setdefault(name, [])
        assert isinstance(values, list)
        if value not in values:
            values.append(value)
        return True


def fit_baselines(
    schema: Schema, train: Sequence[AnnotatedExemplar], embedder: Embedder, *, seed: int = 0
) -> list[Baseline]:
    """The baselines, fitted on resolved training exemplars (out-of-scope ones included)."""
    usable = [e for e in train if e.mode != "negative"]
    gazetteer = Gazetteer(schema, usable)
    labels = [e.function or "" for e in usable]
    if not usable:
        return []
    vectors = embedder.embed([e.utterance for e in usable])
    systems: list[Baseline] = [
        Baseline(
            "nearest exemplar + gazetteer",
            _predictor(
                lambda q: [labels[i] for i in (q @ vectors.T).argmax(axis=1)], embedder, gazetteer
            ),
        )
    ]
    if len(set(labels)) > 1:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(max_iter=1000, C=10.0, random_state=seed).fit(vectors, labels)
        systems.append(
            Baseline(
                "logistic regression + gazetteer",
                _predictor(lambda q: [str(x) for x in model.predict(q)], embedder, gazetteer),
            )
        )
    return systems


def _predictor(
    choose: Callable[..., list[str]], embedder: Embedder, gazetteer: Gazetteer
) -> Callable[[Sequence[AnnotatedExemplar]], list[Prediction]]:
    def predict(rows: Sequence[AnnotatedExemplar]) -> list[Prediction]:
        if not rows:
            return []
        start = time.perf_counter()
        chosen = choose(embedder.embed([r.utterance for r in rows]))
        calls = [
            (name or None, gazetteer.arguments(name, row.utterance) if name else {})
            for name, row in zip(chosen, rows, strict=True)
        ]
        seconds = (time.perf_counter() - start) / len(rows)
        return [Prediction(function=f, arguments=a, seconds=seconds) for f, a in calls]

    return predict
