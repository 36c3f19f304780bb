"""The head: one calibrated decision about the function, from everything that is known.

Each source scores every function; the head adds the scores up with one weight for each source,
shared by all functions (stacked generalisation: Wolpert 1992), and a softmax makes them
probabilities. The weights are fitted on out-of-fold scores: on rows that a source has learnt from
it is always right. As they minimise the log loss of the sum, they calibrate it too (their common
scale is the temperature of Guo et al. 2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Head", "Scores", "fit_head", "log_loss", "log_softmax"]

Floats = TypeVar("Floats", bound="np.floating")
Scores = Mapping[str, "NDArray[np.float32]"]  # source → (rows, functions)

_RIDGE = 1e-3  # per row: keeps weights finite where everything is right
_FLOOR = -12.0  # a score below the best by more says nothing more


@dataclass(frozen=True)
class Head:
    """``weights`` of the sources, none below 0, for ``functions`` ("" is out of scope)."""

    functions: tuple[str, ...]
    weights: Mapping[str, float]

    def log_probabilities(self, scores: Scores) -> NDArray[np.float64]:
        """``(rows, functions)``, each row's sum to 1."""
        import numpy as np

        shape = next(iter(scores.values())).shape
        total = np.zeros(shape, dtype=np.float64)
        for name, weight in self.weights.items():
            total += weight * _level(scores[name])
        return log_softmax(total)

    def each(self, scores: Scores) -> dict[str, NDArray[np.float64]]:
        """What each source that counts says by itself: ``(rows, functions)`` probabilities."""
        import numpy as np

        return {name: np.exp(log_softmax(scores[name].astype(np.float64))) for name in self.weights}


def fit_head(functions: Sequence[str], scores: Scores, gold: NDArray[np.int64]) -> Head:
    """The weights that make ``gold`` ``(rows,)``, places in ``functions``, likeliest.

    ``scores`` have to be out of fold. Without rows every source counts 1.
    """
    import numpy as np
    from scipy.optimize import minimize

    names = list(scores)
    if not len(gold) or len(functions) < 2:
        return Head(tuple(functions), dict.fromkeys(names, 1.0))
    stacked = np.empty((*scores[names[0]].shape, len(names)))  # (rows, functions, sources)
    for n, name in enumerate(names):
        stacked[..., n] = _level(scores[name])
    rows = np.arange(len(gold))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logs = log_softmax(stacked @ weights)
        slope = stacked[rows, gold] - np.matmul(np.exp(logs)[:, None], stacked)[:, 0]
        value = -logs[rows, gold].mean() + _RIDGE * weights @ weights
        return float(value), -slope.mean(0) + 2 * _RIDGE * weights

    start = np.full(len(names), 1.0 / len(names))
    optimum = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(names))
    return Head(tuple(functions), dict(zip(names, map(float, optimum.x), strict=True)))


def log_loss(head: Head, scores: Scores, gold: NDArray[np.int64]) -> float:
    """The mean negative log-probability of ``gold``."""
    import numpy as np

    logs = head.log_probabilities(scores)
    return float(-logs[np.arange(len(gold)), gold].mean())


def _level(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores relative to each row's best, none too far below it."""
    import numpy as np

    wide = scores.astype(np.float64)
    level: NDArray[np.float64] = np.maximum(wide - wide.max(1, keepdims=True), _FLOOR)
    return level


def log_softmax(scores: NDArray[Floats]) -> NDArray[Floats]:
    """Return the log-probabilities of each row, in the precision of ``scores``.

    Written out because bundles are asked where scipy isn't installed (the extra ``serve``).
    """
    import numpy as np

    level = scores - scores.max(1, keepdims=True)
    result: NDArray[Floats] = level - np.log(np.exp(level).sum(1, keepdims=True))
    return result
