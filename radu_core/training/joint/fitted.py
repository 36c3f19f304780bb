"""What a fast model has beside its encoder: voters, the head that weighs them, and its scope.

All that is weighed is fitted on rows that its sources haven't learnt from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import Embedder
from radu_core.retrieval.index import description_text
from radu_core.retrieval.lexical import tokenizer_for
from radu_core.schema import Schema
from radu_core.training.joint.files import JOINT
from radu_core.training.joint.folds import folds_of
from radu_core.training.joint.head import Head, Scores, fit_head, log_loss
from radu_core.training.joint.rows import Labels
from radu_core.training.joint.scope import Scope, among, features_of, fit_scope
from radu_core.training.joint.sources import Voters, fit_voters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Fitted", "fit_head_on"]

_STRENGTHS = (30.0, 10.0)  # C of the regression, the most usual first
_FOLDS = 5  # of the sources that cost little to fit


@dataclass(frozen=True)
class Fitted:
    """Voters of all exemplars; the head and the scope, of out-of-fold scores of ``rows`` rows.

    ``adds``: by how much the log loss would rise without each source; ``accuracy``: the share of
    the rows whose function the head has right, out of fold; ``without``: that share without each
    source.
    """

    voters: Voters
    head: Head
    scope: Scope
    adds: dict[str, float]
    rows: int
    accuracy: float | None
    without: dict[str, float]

    def report(self) -> dict[str, Any]:
        """What a run's report says of it."""
        scope = {k: v for k, v in self.scope.data().items() if k != "inside"}
        return {
            "weights": dict(self.head.weights),
            "adds": self.adds,
            "out_of_fold": {
                "rows": self.rows,
                "function_accuracy": self.accuracy,
                "without": self.without,
            },
            "scope": scope,
        }


def fit_head_on(
    schema: Schema,
    exemplars: Sequence[AnnotatedExemplar],
    embedder: Embedder,
    labels: Labels,
    joint: NDArray[np.float32],
) -> Fitted:
    """All that a fast model has beside its encoder.

    ``joint`` ``(n, functions)`` are out-of-fold scores of the tuned encoders, rows of NaN where
    there are none: these rows aren't looked at. The head isn't fitted on the only row of a
    function: what is asked about it has never met the function, and would weigh less for that.
    """
    import numpy as np

    data = _Labelled.of(schema, exemplars, embedder, labels)
    folds = np.array(folds_of(exemplars, _FOLDS, seed=1))
    is_known = ~np.isnan(joint).any(axis=1) & ~_is_lone(data.gold, folds)
    fits = [(c, *_out_of_fold(data, folds, c, is_known)) for c in _STRENGTHS]
    strength, votes, _ = min(fits, key=lambda each: each[2])
    scores = {JOINT: joint[is_known], **votes}
    del fits
    gold = data.gold[is_known]
    head = fit_head(labels.functions, scores, gold)
    rest = {n: {m: s for m, s in scores.items() if m != n} for n in scores}
    heads = {n: fit_head(labels.functions, left, gold) for n, left in rest.items()}
    whole = log_loss(head, scores, gold) if len(gold) else 0.0
    return Fitted(
        data.voters(np.ones(len(is_known), dtype=np.bool_), strength),
        head,
        _fit_scope(data, folds, strength, head, joint),
        {n: log_loss(heads[n], rest[n], gold) - whole for n in scores if len(gold)},
        len(gold),
        _accuracy(head, scores, gold) if len(gold) else None,
        {n: _accuracy(heads[n], rest[n], gold) for n in scores if len(gold)},
    )


def _is_lone(gold: NDArray[np.int64], folds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether all rows of a row's function lie in one fold, as its only row and duplicates do."""
    import numpy as np

    pairs = np.unique(np.stack([gold, folds], axis=1), axis=0)
    lone: NDArray[np.bool_] = np.bincount(pairs[:, 0], minlength=int(gold.max()) + 1)[gold] < 2
    return lone


def _accuracy(head: Head, scores: Scores, gold: NDArray[np.int64]) -> float:
    return float((head.log_probabilities(scores).argmax(1) == gold).mean())


def _fit_scope(
    data: _Labelled,
    folds: NDArray[np.int64],
    strength: float,
    head: Head,
    joint: NDArray[np.float32],
) -> Scope:
    """Fit the scope on rows as voters see them that don't know them.

    They know neither a row's fold nor, of a fifth of the functions, any row: these are what isn't
    in scope, beside what is labelled so.
    """
    import numpy as np

    inner = np.array([name != "" for name in data.functions])
    groups = _groups_of(data.gold, inner)
    parts: list[_Part] = []
    for fold in np.unique(folds):
        is_left_out = groups == fold
        is_aside = is_left_out[data.gold]
        learnt = (folds != fold) & ~is_aside
        rows_asked = np.flatnonzero(((folds == fold) | is_aside) & ~np.isnan(joint).any(axis=1))
        if (inner & ~is_left_out)[data.gold[learnt]].any() and len(rows_asked):
            parts.append(
                _ask(data, learnt, rows_asked, ~is_left_out, strength, head, joint[rows_asked])
            )
    if not parts:
        return fit_scope({}, *(np.zeros(0, dtype=np.bool_) for _ in range(3)))  # no row to learn
    features = {n: np.concatenate([p.features[n] for p in parts]) for n in parts[0].features}
    places = np.concatenate([p.asked for p in parts])
    is_known = np.concatenate([p.known for p in parts])
    right = np.concatenate([p.right for p in parts])
    labelled = ~inner[data.gold[places]]
    return fit_scope(features, is_known & ~labelled, labelled, right)


@dataclass(frozen=True)
class _Part:
    """What is known of the rows ``asked``.

    Whether their function was ``known``, and the answer ``right``.
    """

    asked: NDArray[np.int64]
    features: dict[str, NDArray[np.float64]]
    known: NDArray[np.bool_]
    right: NDArray[np.bool_]


def _ask(
    data: _Labelled,
    learnt: NDArray[np.bool_],
    rows_asked: NDArray[np.int64],
    is_known: NDArray[np.bool_],
    strength: float,
    head: Head,
    joint: NDArray[np.float32],
) -> _Part:
    """What voters of the rows ``learnt`` say of ``rows_asked``, among the known functions."""
    voters = data.voters(learnt, strength)
    vectors = data.vectors[rows_asked]
    votes = voters.scores(vectors, data.asked[rows_asked], [data.words[n] for n in rows_asked])
    logs = head.log_probabilities({JOINT: joint, **votes})
    gold = data.gold[rows_asked]
    features = features_of(voters, vectors, joint, logs, is_known)
    right = among(logs, is_known).argmax(1) == gold
    return _Part(rows_asked, features, is_known[gold], right)


def _groups_of(gold: NDArray[np.int64], inner: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A group, 0 to ``_FOLDS - 1``, of each function that has a row.

    -1 of the others, and where there is only one: it can't be left out.
    """
    import numpy as np

    groups = np.full(len(inner), -1)
    having = np.flatnonzero(np.bincount(gold, minlength=len(inner)).astype(np.bool_) & inner)
    if len(having) > 1:
        groups[np.random.default_rng(0).permutation(having)] = np.arange(len(having)) % _FOLDS
    return groups


@dataclass(frozen=True)
class _Labelled:
    """Exemplars as vectors and words, their functions as places."""

    functions: tuple[str, ...]
    vectors: NDArray[np.float32]
    asked: NDArray[np.float32]
    words: list[tuple[str, ...]]
    gold: NDArray[np.int64]
    descriptions: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        schema: Schema,
        exemplars: Sequence[AnnotatedExemplar],
        embedder: Embedder,
        labels: Labels,
    ) -> _Labelled:
        import numpy as np

        texts = [e.utterance for e in exemplars]
        words = tokenizer_for(schema.language)
        vectors = embedder.embed(texts)
        functions_known = [schema.function(n) for n in labels.functions]
        description_vectors = embedder.embed(
            [description_text(f) for f in functions_known if f], side="passage"
        )
        descriptions = np.zeros((len(functions_known), vectors.shape[1]), dtype=np.float32)
        descriptions[[n for n, f in enumerate(functions_known) if f]] = description_vectors
        place = {name: n for n, name in enumerate(labels.functions)}
        return cls(
            labels.functions,
            vectors,
            embedder.embed(texts, side="query"),
            [tuple(words(t)) for t in texts],
            np.array([place[e.function or ""] for e in exemplars]),
            descriptions,
        )

    def voters(self, mask: NDArray[np.bool_], strength: float) -> Voters:
        """Those fitted on some of the rows."""
        import numpy as np

        words = [self.words[n] for n in np.flatnonzero(mask)]
        return fit_voters(
            self.functions,
            self.vectors[mask],
            self.gold[mask],
            self.descriptions,
            words,
            strength=strength,
        )


def _out_of_fold(
    data: _Labelled, folds: NDArray[np.int64], strength: float, mask: NDArray[np.bool_]
) -> tuple[Scores, float]:
    """The scores of the rows that ``mask`` marks, by voters fitted on the other folds.

    And the mean loss of the regression on all rows: a table of all their scores would take
    gigabytes.
    """
    import numpy as np

    place = np.cumsum(mask) - 1
    scores_by_source: dict[str, NDArray[np.float32]] = {}
    loss = 0.0
    for fold in np.unique(folds):
        is_held = folds == fold
        learnt = (
            is_held if is_held.all() else ~is_held
        )  # duplicates of one utterance: no other fold
        words = [data.words[n] for n in np.flatnonzero(is_held)]
        voter_scores = data.voters(learnt, strength).scores(
            data.vectors[is_held], data.asked[is_held], words
        )
        loss -= float(voter_scores["linear"][np.arange(is_held.sum()), data.gold[is_held]].sum())
        wanted_held = mask[is_held]
        for name, scores in voter_scores.items():
            empty = np.zeros((int(mask.sum()), len(data.functions)), dtype=np.float32)
            scores_by_source.setdefault(name, empty)[place[is_held & mask]] = scores[wanted_held]
    return scores_by_source, loss / len(folds)
