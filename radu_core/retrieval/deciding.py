"""How often what is in a prompt points to the right function, over the whole grid of k.

Every exemplar and every description in the prompt votes for its function, by its cosine to the
utterance (weighted nearest neighbours). No language model is asked: it is the decision that the
retrieved alone allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radu_core.retrieval.coverage import CoverageGrid, ranked_functions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["decisions"]

_SHARP = 20.0  # cosines are a few hundredths apart
_CHUNK = 256


def decisions(grid: CoverageGrid) -> NDArray[np.bool_]:
    """``(max_desc + 1, max_exemplar + 1, n)``: whether the vote is for the right function.

    Equal votes go to the first function; a prompt without any has no answer.
    """
    import numpy as np

    count = len(grid.index.functions)
    right = grid.right
    is_right = np.zeros((grid.max_desc + 1, grid.max_exemplar + 1, grid.total), dtype=np.bool_)
    for at in range(0, grid.total, _CHUNK):
        part = slice(at, min(at + _CHUNK, grid.total))
        description_voters, by_description = _votes_of_descriptions(grid, part)
        voters, by_exemplar = _votes_of_exemplars(grid, part)
        rows = np.arange(part.stop - part.start)
        base = np.zeros((len(rows), count + 2))  # the last two: out of scope, and no vote
        for d in range(grid.max_desc + 1):
            if 0 < d <= description_voters.shape[1]:
                base[rows, description_voters[:, d - 1]] += by_description[:, d - 1]
            votes = base.copy()
            for e in range(grid.max_exemplar + 1):
                if 0 < e <= voters.shape[1]:
                    votes[rows, voters[:, e - 1]] += by_exemplar[:, e - 1]
                winner = votes[:, :-1].argmax(1)
                is_right[d, e, part] = (winner == right[part]) & (votes[rows, winner] > 0)
    return is_right


def _votes_of_descriptions(
    grid: CoverageGrid, part: slice
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The functions described, by rank, and their votes."""
    ranking = grid.ranked.descriptions
    return _voting(grid, ranking.positions[part], ranking.scores[part])


def _votes_of_exemplars(
    grid: CoverageGrid, part: slice
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The functions of the exemplars, by rank, and their votes."""
    import numpy as np

    ranking = grid.ranked.fused.first(grid.max_exemplar)
    positions = ranking.positions[part]
    near = np.zeros(positions.shape, dtype=np.float32)
    if len(grid.index.vectors):
        own = grid.index.vectors[np.maximum(positions, 0)]  # (rows, k, dim)
        near = np.einsum("nkd,nd->nk", own, grid.ranked.vectors[part])
    functions = ranked_functions(grid.index, ranking)[part]
    return _voting(grid, functions, np.where(positions < 0, -np.inf, near))


def _voting(
    grid: CoverageGrid, functions: NDArray[np.int64], near: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    import numpy as np

    count = len(grid.index.functions)
    places = np.where(functions == -2, count, np.where(functions < 0, count + 1, functions))
    return places, np.exp(_SHARP * (near.astype(np.float64) - 1.0))
