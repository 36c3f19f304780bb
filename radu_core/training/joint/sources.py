"""What votes on the function without any tuning: regression, centroids, neighbours, descriptions.

All look at the same embedding of the utterance; the words vote by BM25. Scores are ``(rows,
functions)``, higher is likelier, and only differences within a row count.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from radu_core.files import content_hash, read_json, write_json
from radu_core.retrieval.lexical import LexicalIndex
from radu_core.training.joint.head import log_softmax

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Voters", "fit_voters", "word_key"]

Vote = Callable[
    ["NDArray[np.float32]", "NDArray[np.float32]", Sequence[Sequence[str]]], "NDArray[np.float32]"
]

_BLOCK = 256
_NEAREST = 10
_NEAR = 3  # exemplars that say how near an utterance is
_SHARP = 20.0  # cosines are a few hundredths apart
_SMOOTH = 1e-4  # probability of what has no vote
_VECTORS, _WORDS = "voters.safetensors", "voters.json"
_ARRAYS = ("vectors", "labels", "centroids", "coefficients", "intercepts", "descriptions")


@dataclass(frozen=True)
class Voters:
    """Sources fitted on labelled vectors ``(n, dim)``.

    ``labels`` ``(n,)`` are places in ``functions``. ``descriptions`` ``(functions, dim)``: zeros
    where there is none. With a ``salt`` the ``words`` are hashes (``word_key``).
    """

    functions: tuple[str, ...]
    vectors: NDArray[np.float32]
    labels: NDArray[np.int64]
    centroids: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    intercepts: NDArray[np.float32]
    descriptions: NDArray[np.float32]
    words: tuple[tuple[str, ...], ...]
    salt: str = ""

    @cached_property
    def lexical(self) -> LexicalIndex:
        """BM25 over the utterances' words."""
        return LexicalIndex(self.words)

    def save(self, directory: Path) -> None:
        """Write them to ``directory``."""
        from safetensors.numpy import save_file

        save_file({n: getattr(self, n) for n in _ARRAYS}, str(directory / _VECTORS))
        data = {"functions": self.functions, "words": self.words, "salt": self.salt}
        write_json(directory / _WORDS, data)

    def hide_words(self, salt: str) -> Voters:
        """The same, with hashes for words, in no order: BM25 only counts them."""
        key = word_key(salt)
        words = tuple(tuple(sorted(map(key, some))) for some in self.words)
        return replace(self, words=words, salt=salt)

    @classmethod
    def load(cls, directory: Path) -> Voters:
        """What ``save`` wrote."""
        from safetensors.numpy import load_file

        data, arrays = read_json(directory / _WORDS), load_file(str(directory / _VECTORS))
        words = tuple(tuple(w) for w in data["words"])
        salt = str(data.get("salt", ""))
        return cls(functions=tuple(data["functions"]), words=words, salt=salt, **arrays)

    def scores(
        self,
        vectors: NDArray[np.float32],
        asked: NDArray[np.float32],
        words: Sequence[Sequence[str]],
    ) -> dict[str, NDArray[np.float32]]:
        """The scores of utterances by source.

        From their ``vectors`` as exemplars are embedded, ``asked`` as descriptions are asked with,
        and their ``words``.
        """
        import numpy as np

        some = _blocks(len(vectors))
        return {
            name: np.concatenate([vote(vectors[s], asked[s], words[s]) for s in some])
            for name, vote in self.votes.items()
        }

    @property
    def votes(self) -> dict[str, Vote]:
        """Source → what gives its scores; arguments as of ``scores``."""
        return {
            "linear": lambda vectors, *_: log_softmax(
                vectors @ self.coefficients.T + self.intercepts
            ),
            "centroids": lambda vectors, *_: _SHARP * (vectors @ self.centroids.T),
            "neighbours": lambda vectors, *_: self._nearest(vectors @ self.vectors.T),
            "descriptions": lambda _, asked, __: _SHARP * (asked @ self.descriptions.T),
            "words": lambda _, __, words: self._by_words(words),
        }

    def nearness(
        self, vectors: NDArray[np.float32], scoped: NDArray[np.bool_]
    ) -> dict[str, NDArray[np.float64]]:
        """How near utterances are to the functions ``scoped`` ``(functions,)``, each ``(rows,)``.

        The greatest cosine to a centroid, the mean of the three greatest cosines to an exemplar,
        and the greatest score of the regression.
        """
        import numpy as np

        inside = scoped[self.labels]
        nearest = [self._nearness(vectors[s], inside) for s in _blocks(len(vectors))]
        logits = vectors @ self.coefficients[scoped].T + self.intercepts[scoped]
        values_by_name = {
            "centroid": (vectors @ self.centroids[scoped].T).max(1),
            "nearest": np.concatenate(nearest),
            "regression": logits.max(1),
        }
        return {name: values.astype(np.float64) for name, values in values_by_name.items()}

    def _nearness(
        self, vectors: NDArray[np.float32], inside: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """The mean of the three greatest cosines to an exemplar ``inside``; 0 without one."""
        import numpy as np

        own = (vectors @ self.vectors.T)[:, inside]
        if not own.shape[1]:
            return np.zeros(len(vectors), dtype=np.float32)
        count = min(_NEAR, own.shape[1])
        mean: NDArray[np.float32] = np.partition(own, -count, axis=1)[:, -count:].mean(1)
        return mean

    def _nearest(self, near: NDArray[np.float32]) -> NDArray[np.float32]:
        """The log of each function's share of the votes of the nearest exemplars."""
        import numpy as np

        count = min(_NEAREST, near.shape[1])
        places = np.argpartition(-near, count - 1, axis=1)[:, :count]
        cosines = np.take_along_axis(near, places, 1)
        votes = np.exp(_SHARP * (cosines - cosines.max(1, keepdims=True)))
        return self._shares(votes, places)

    def _by_words(self, words: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        import numpy as np

        key = word_key(self.salt)
        scores = np.stack([self.lexical.scores([key(w) for w in some]) for some in words])
        count = min(_NEAREST, scores.shape[1])
        places = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        return self._shares(np.maximum(np.take_along_axis(scores, places, 1), 0.0), places)

    def _shares(self, votes: NDArray[np.float32], places: NDArray[np.int64]) -> NDArray[np.float32]:
        import numpy as np

        totals = np.zeros((len(votes), len(self.functions)), dtype=np.float64)
        rows = np.repeat(np.arange(len(votes)), votes.shape[1])
        np.add.at(totals, (rows, self.labels[places].ravel()), votes.ravel())
        sums = totals.sum(1, keepdims=True)
        shares = np.divide(totals, sums, out=np.zeros_like(totals), where=sums > 0)
        result: NDArray[np.float32] = np.log(shares + _SMOOTH).astype(np.float32)
        return result


def word_key(salt: str) -> Callable[[str], str]:
    """What stands for a word that is kept: itself, or with a ``salt`` a hash.

    Who has the salt can still try whether a word is there.
    """
    return (lambda word: content_hash([salt, word])[:16]) if salt else str


def fit_voters(
    functions: Sequence[str],
    vectors: NDArray[np.float32],
    labels: NDArray[np.int64],
    descriptions: NDArray[np.float32],
    words: Sequence[Sequence[str]],
    *,
    strength: float = 10.0,
) -> Voters:
    """Voters from labelled utterances; ``strength`` is the C of the logistic regression.

    A function without an exemplar has its description as its centroid.
    """
    import numpy as np

    count, dim = len(functions), vectors.shape[1]
    sums = np.zeros((count, dim), dtype=np.float32)
    np.add.at(sums, labels, vectors)
    sums = np.where(np.bincount(labels, minlength=count)[:, None] > 0, sums, descriptions)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    centroids = (sums / np.where(norms > 0, norms, 1.0)).astype(np.float32)
    coefficients, intercepts = _regression(count, vectors, labels, strength)
    return Voters(
        tuple(functions),
        vectors,
        labels,
        centroids,
        coefficients,
        intercepts,
        descriptions,
        tuple(tuple(w) for w in words),
    )


def _regression(
    count: int, vectors: NDArray[np.float32], labels: NDArray[np.int64], strength: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit the weights ``(functions, dim)`` and intercepts of a multinomial logistic regression.

    What has no exemplar is never chosen.
    """
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros((count, vectors.shape[1]), dtype=np.float32)
    intercepts = np.full(count, -30.0, dtype=np.float32)
    places = np.unique(labels)
    intercepts[places] = 0.0
    if len(places) < 2:
        return weights, intercepts
    model = LogisticRegression(max_iter=300, C=strength)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(vectors, labels)
    if len(places) == 2:  # one row, for the second
        weights[places[1]], intercepts[places[1]] = model.coef_[0], model.intercept_[0]
    else:
        weights[places], intercepts[places] = model.coef_, model.intercept_
    return weights, intercepts


def _blocks(count: int) -> list[slice]:
    """Rows whose cosines to all exemplars are in memory at once: 20 MB for 20,000."""
    return [slice(at, at + _BLOCK) for at in range(0, count, _BLOCK)]
