"""Baselines a user has for nothing, from the very labels that the model was trained on.

Function: the nearest exemplar, the vote of several, the nearest centroid of a function, and
logistic regression on the embeddings. How many vote and how strongly the regression is regularised
is chosen out of fold, on the same labels, with duplicates in one fold. Slots: a gazetteer, and a
CRF tagger that it completes. Each function baseline is combined with the gazetteer into a whole
call, so that it stands beside a model on equal terms; the one that is best out of fold with the CRF
as well.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from radu_core.eligibility import Eligible, Purpose, key_of, sort_out
from radu_core.evaluation.crf import Crf, has_spans
from radu_core.evaluation.filling import Filler
from radu_core.evaluation.gazetteer import Gazetteer
from radu_core.evaluation.metrics import Prediction
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash
from radu_core.progress import Progress, silent
from radu_core.schema import Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from radu_core.retrieval import Embedder

__all__ = ["Baseline", "fit_baselines", "learnable"]

_FOLDS = 5
# What is tried, the most usual first: it is taken where others are as good.
_NEIGHBOURS = (5, 3, 10, 20)
_STRENGTHS = (10.0, 30.0, 3.0, 100.0, 1.0)  # C
_MOST_CHOSEN_ON = 2_000  # labels: on more, the choice takes longer and is the same


@dataclass(frozen=True)
class Baseline:
    """A named system that turns rows into predictions; ``seconds`` of CPU time it took to fit.

    They count what was chosen out of fold, and not the embedding of the labels.
    """

    name: str
    predict: Callable[[Sequence[AnnotatedExemplar]], list[Prediction]]
    seconds: float


@dataclass(frozen=True)
class _Labelled:
    """Labels as ``(n, dim)`` vectors, their functions ("" is out of scope) and their folds."""

    vectors: NDArray[np.float32]
    functions: NDArray[np.str_]
    folds: NDArray[np.int64]

    def part(self, mask: NDArray[np.bool_]) -> _Labelled:
        """Some of them."""
        return _Labelled(self.vectors[mask], self.functions[mask], self.folds[mask])


_Choose = Callable[["NDArray[np.float32]"], list[str]]  # vectors of utterances → functions


def learnable(schema: Schema, train: Sequence[AnnotatedExemplar]) -> Eligible:
    """Which of a model's labels a baseline can learn from: all but those that say what isn't."""
    return sort_out(schema, train, Purpose.BASELINE)


def fit_baselines(
    schema: Schema,
    train: Sequence[AnnotatedExemplar],
    embedder: Embedder,
    *,
    progress: Progress = silent,
) -> list[Baseline]:
    """The baselines, fitted on ``learnable`` exemplars (out-of-scope ones included)."""
    usable = learnable(schema, train).exemplars
    if not usable:
        return []
    start = time.process_time()
    gazetteer = Gazetteer(schema, usable)
    slots = time.process_time() - start
    # One that is extended doesn't say its function, and no model is taught that it does.
    saying = [e for e in usable if e.mode == "normal"] or list(usable)
    choosers = _choosers(_label_embeddings(saying, embedder), progress)
    baselines = [_combine(c, "gazetteer", gazetteer, slots, embedder) for c in choosers]
    if has_spans(schema, usable):
        progress("Baseline: CRF", 0, 0)
        start = time.process_time()
        crf = Crf(schema, usable, gazetteer)
        slots += time.process_time() - start
        best = max(reversed(choosers), key=lambda c: c.share)
        baselines.append(_combine(best, "CRF", crf, slots, embedder))
    return baselines


def _combine(
    chooser: _Chooser, label: str, filler: Filler, seconds: float, embedder: Embedder
) -> Baseline:
    """Functions by ``chooser``, slots by ``filler``, which took ``seconds``."""
    predict = _predictor(chooser.choose, embedder, filler)
    return Baseline(f"{chooser.name} + {label}", predict, chooser.seconds + seconds)


@dataclass(frozen=True)
class _Chooser:
    """A named way to choose functions, how often it was right out of fold, and its CPU-seconds."""

    name: str
    choose: _Choose
    share: float
    seconds: float


def _choosers(labelled: _Labelled, progress: Progress) -> list[_Chooser]:
    """The nearest exemplar; of several functions, also all that have something to choose."""
    ways: list[tuple[str, tuple[float, ...], Callable[[float, _Labelled], _Choose]]] = [
        ("nearest exemplar", (1,), _vote),
        ("{:g} nearest exemplars", _NEIGHBOURS, _vote),
        ("nearest centroid", (0,), lambda _, labelled: _Centroids(labelled)),
        ("logistic regression (C={:g})", _STRENGTHS, _regression),
    ]
    if len(set(labelled.functions.tolist())) < 2:
        ways = ways[:1]
    some = _sample(labelled)
    choosers = []
    for name, options, fit in ways:
        progress(f"Baseline: {name.removeprefix('{:g} ').split(' (')[0]}", 0, 0)
        start = time.process_time()
        shares = {o: _share_right(some, partial(fit, o)) for o in options}
        option = max(options, key=lambda o: shares[o])
        choose = fit(option, labelled)
        seconds = time.process_time() - start
        choosers.append(_Chooser(name.format(option), choose, shares[option], seconds))
    return choosers


def _label_embeddings(exemplars: Sequence[AnnotatedExemplar], embedder: Embedder) -> _Labelled:
    import numpy as np

    folds = [int(content_hash(key_of(e))[:8], 16) % _FOLDS for e in exemplars]
    return _Labelled(
        embedder.embed([e.utterance for e in exemplars]),
        np.array([e.function or "" for e in exemplars]),
        np.array(folds),
    )


def _sample(labelled: _Labelled) -> _Labelled:
    """Evenly spaced utterances, where there are too many to try every choice on.

    Of very many functions some with all their labels, as with one label of each nothing could be
    chosen.
    """
    import numpy as np

    names = np.unique(labelled.functions)
    if len(names) * _FOLDS > _MOST_CHOSEN_ON:
        names_sampled = names[_spaced_places(len(names), _MOST_CHOSEN_ON // _FOLDS)]
        labelled = labelled.part(np.isin(labelled.functions, names_sampled))
    is_chosen = np.zeros(len(labelled.functions), dtype=bool)
    is_chosen[_spaced_places(len(is_chosen), _MOST_CHOSEN_ON)] = True
    return labelled.part(is_chosen)


def _spaced_places(count: int, most: int) -> NDArray[np.int64]:
    """``most`` places among ``count``, or all of them, evenly spaced."""
    import numpy as np

    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def _share_right(labelled: _Labelled, fit: Callable[[_Labelled], _Choose]) -> float:
    """How many of all folds are right, each by what was fitted on the others."""
    right = 0
    for fold in range(_FOLDS):
        is_held = labelled.folds == fold
        rest = labelled.part(~is_held)
        if is_held.any() and len(rest.functions):
            names = fit(rest)(labelled.vectors[is_held])
            right += sum(a == b for a, b in zip(names, labelled.functions[is_held], strict=True))
    return right / len(labelled.functions)


class _Vote:
    """The function with the greatest sum of similarities among the nearest ``count``."""

    def __init__(self, labelled: _Labelled, count: int) -> None:
        self._labelled = labelled
        self._count = min(count, len(labelled.functions))

    def __call__(self, queries: NDArray[np.float32]) -> list[str]:
        return [
            name
            for start in range(0, len(queries), 256)
            for name in self._of(queries[start : start + 256])
        ]

    def _of(self, queries: NDArray[np.float32]) -> Iterator[str]:
        import numpy as np

        near = queries @ self._labelled.vectors.T
        for row in near:
            places = np.argsort(-row, kind="stable")[: self._count]
            votes: dict[str, float] = {}
            for at in places:
                name = str(self._labelled.functions[at])
                votes[name] = votes.get(name, 0.0) + max(0.0, float(row[at]))
            yield max(sorted(votes), key=lambda n: votes[n])


def _vote(count: float, labelled: _Labelled) -> _Choose:
    return _Vote(labelled, int(count))


class _Centroids:
    """The function whose mean vector has the greatest cosine; of equal ones the first by name."""

    def __init__(self, labelled: _Labelled) -> None:
        import numpy as np

        self._names, numbers = np.unique(labelled.functions, return_inverse=True)
        sums = np.zeros((len(self._names), labelled.vectors.shape[1]), dtype=np.float32)
        np.add.at(sums, numbers, labelled.vectors)
        self._means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)

    def __call__(self, queries: NDArray[np.float32]) -> list[str]:
        return [str(name) for name in self._names[(queries @ self._means.T).argmax(axis=1)]]


def _regression(strength: float, labelled: _Labelled) -> _Choose:
    """Multinomial logistic regression; of one function only, that one."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(set(labelled.functions.tolist())) < 2:
        only = str(labelled.functions[0])
        return lambda queries: [only] * len(queries)
    model = LogisticRegression(max_iter=1000, C=strength, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="The number of unique classes")
        model.fit(labelled.vectors, labelled.functions)
    return lambda queries: [str(name) for name in model.predict(queries)]


def _predictor(
    choose: _Choose, embedder: Embedder, filler: Filler
) -> Callable[[Sequence[AnnotatedExemplar]], list[Prediction]]:
    def predict(rows: Sequence[AnnotatedExemplar]) -> list[Prediction]:
        if not rows:
            return []
        start = time.perf_counter()
        functions = choose(embedder.embed([r.utterance for r in rows]))
        calls = [
            (name or None, filler.arguments(name, row.utterance) if name else {})
            for name, row in zip(functions, rows, strict=True)
        ]
        seconds = (time.perf_counter() - start) / len(rows)
        return [Prediction(function=f, arguments=a, seconds=seconds) for f, a in calls]

    return predict
