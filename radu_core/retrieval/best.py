"""The highest of many scores, equal ones by position: exact, without sorting them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["best"]

_BLOCK = 16


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The positions of the ``k`` highest of ``(n,)`` scores, in order of position.

    The ``k`` highest maxima of blocks are themselves ``k`` scores, so that no score below the least
    of them is among the ``k`` highest: what is left to compare is little more than ``k``.
    """
    import numpy as np

    size = len(scores)
    if k >= size:
        return np.arange(size)
    whole = size - size % _BLOCK
    maxima = scores[:whole].reshape(-1, _BLOCK).max(axis=1) if whole else scores
    if 0 < k < len(maxima):
        floor = np.partition(maxima, len(maxima) - k)[len(maxima) - k]
        positions = np.flatnonzero(scores >= floor)
    else:
        positions = np.arange(size)
    order = np.argsort(-scores[positions], kind="stable")[:k]
    return np.sort(positions[order])
