"""What a tuned encoder says of utterances, and the values' places that follow from it.

Only numpy is needed here: the encoder may run in torch (``JointEncoder``) or anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from radu_core.training.joint.rows import Labels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["NEVER", "Reader", "Reading", "Transitions"]

NEVER = -1e4  # a score that no path with it survives, and that stays finite


@dataclass(frozen=True)
class Reading:
    """What a joint encoder reads in utterances.

    ``functions`` ``(B, F)`` log-probabilities, ``emissions`` ``(B, T, 1 + 2S)``, the pieces of each
    utterance, and where what the encoder has read of it ends, in code points.
    """

    functions: NDArray[np.float32]
    emissions: NDArray[np.float32]
    pieces: tuple[tuple[tuple[int, int], ...], ...]
    ends: tuple[int | None, ...]  # None: all of it was read


class Reader(Protocol):
    """A tuned encoder with its two heads."""

    labels: Labels

    def read(self, utterances: Sequence[str]) -> Reading:
        """What it says of the utterances, in order."""
        ...

    @property
    def transitions(self) -> Transitions:
        """How the labels of the tagger follow each other."""
        ...


@dataclass(frozen=True)
class Transitions:
    """The weights of ``SlotCrf``: ``outside``, and ``weights`` ``(S, 7)`` of each slot."""

    outside: float
    weights: NDArray[np.float32]

    def best_path(
        self, emissions: NDArray[np.float32], slots: Sequence[int]
    ) -> tuple[list[int], float]:
        """The likeliest labels of an utterance's pieces, and their log-probability.

        Labels are local to a function's ``slots``; found by Viterbi, and the forward sums.
        ``emissions`` are ``(T, 1 + 2S)``.
        """
        import numpy as np

        if not len(emissions):
            return [], 0.0
        columns = [0, *(column for s in slots for column in (1 + 2 * s, 2 + 2 * s))]
        local = emissions[:, columns].astype(np.float64)
        moves = self._moves(slots)
        best = local[0].copy()
        best[2::2] = NEVER  # nothing continues what hasn't begun
        total, origins = best, []
        for scores in local[1:]:
            paths = best[:, None] + moves
            origins.append(paths.argmax(0))
            best = paths.max(0) + scores
            total = np.logaddexp.reduce(total[:, None] + moves, axis=0) + scores
        path = [int(best.argmax())]
        for places in reversed(origins):
            path.append(int(places[path[-1]]))
        return path[::-1], float(best.max() - np.logaddexp.reduce(total))

    def _moves(self, slots: Sequence[int]) -> NDArray[np.float64]:
        """``(1 + 2K, 1 + 2K)``: what it adds to go from one local label to another."""
        import numpy as np

        begins, begin_ends, inside_ends, begin_continues, inside_continues, leaves, enters = (
            self.weights[list(slots)].astype(np.float64).T
        )
        begin = 1 + 2 * np.arange(len(slots))
        moves = np.full((1 + 2 * len(slots), 1 + 2 * len(slots)), NEVER)
        moves[0, 0] = self.outside
        moves[0, begin] = begins
        moves[begin, 0] = begin_ends
        moves[begin + 1, 0] = inside_ends
        moves[begin, begin + 1] = begin_continues
        moves[begin + 1, begin + 1] = inside_continues
        between = leaves[:, None] + enters[None]
        moves[begin[:, None], begin[None]] = between
        moves[begin[:, None] + 1, begin[None]] = between
        return moves
