"""Coverage as it would be with another description or more exemplars.

What didn't change isn't computed again, so that the answer is there at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from radu_core.exemplars import AnnotatedExemplar
from radu_core.progress import silent
from radu_core.retrieval.coverage import CoverageGrid, grid_of
from radu_core.retrieval.fusion import Ranking, fuse, order_hits
from radu_core.retrieval.index import ModuleIndex, Parts, Ranked, description_text, pool_of
from radu_core.schema import Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["suppose", "thin"]


def thin(grid: CoverageGrid, most: int) -> CoverageGrid:
    """The grid of evenly spaced queries, ``most`` of them or fewer."""
    step = max(1, -(-grid.total // most))
    if step == 1:
        return grid
    rankings = grid.ranked
    some = Ranked(
        _every(rankings.descriptions, step),
        _every(rankings.dense, step),
        _every(rankings.lexical, step),
        _every(rankings.fused, step),
        rankings.vectors[::step],
        rankings.asked[::step],
    )
    return _grid(grid, grid.index, some, step)


def _every(ranking: Ranking, step: int) -> Ranking:
    return Ranking(ranking.positions[::step], ranking.scores[::step])


def suppose(
    grid: CoverageGrid, schema: Schema, added: Mapping[str, AnnotatedExemplar]
) -> CoverageGrid:
    """The grid under ``schema``, which differs in descriptions only, and with more exemplars.

    The same as measuring again. The queries' vectors and their dense neighbours are known: only the
    new exemplars are compared. BM25's weights change with every text, so its ranking is new.
    """
    index, rankings = grid.index, grid.ranked
    if schema.hash != index.schema.hash:
        index = _with_descriptions(index, schema)
        rankings = replace(
            rankings, descriptions=index.rank_descriptions(rankings.asked, grid.max_desc)
        )
    if added:
        bigger = index.change(added)
        rankings = _rank_again(grid, index, bigger, rankings)
        index = bigger
    return _grid(grid, index, rankings, 1)


def _grid(grid: CoverageGrid, index: ModuleIndex, rankings: Ranked, step: int) -> CoverageGrid:
    return grid_of(
        index,
        grid.queries[::step],
        rankings,
        max_desc=grid.max_desc,
        max_exemplar=grid.max_exemplar,
    )


def _with_descriptions(index: ModuleIndex, schema: Schema) -> ModuleIndex:
    """The index with other descriptions: no exemplar's place in it depends on them."""
    texts = [description_text(f) for f in schema.functions]
    vectors = index.embedder.embed(texts, side="passage")
    parts = Parts(index.parts.vectors, vectors, index.parts.tokens, index.parts.dense)
    return ModuleIndex(schema, index.contents, parts, index.embedder, index.settings)


def _rank_again(grid: CoverageGrid, old: ModuleIndex, new: ModuleIndex, rankings: Ranked) -> Ranked:
    pool = pool_of(grid.max_exemplar)
    excluded = new.excluded_positions(grid.queries)
    dense = _dense(old, new, rankings, excluded, pool)
    texts = [q.utterance for q in grid.queries]
    lexical = new.lexically(texts, excluded, pool, silent)
    fused = fuse(dense, lexical, dense_weight=new.settings.dense_weight, k=grid.max_exemplar)
    return replace(rankings, dense=dense, lexical=lexical, fused=fused)


def _dense(
    old: ModuleIndex,
    new: ModuleIndex,
    rankings: Ranked,
    excluded: NDArray[np.int64],
    pool: int,
) -> Ranking:
    """The known neighbours at their new places, and the exemplars that are new."""
    import numpy as np

    place = {e.id: i for i, e in enumerate(new.exemplars)}
    # One that is a duplicate of a new one with a lower id gives way to it.
    new_positions = np.array([*(place.get(e.id, -1) for e in old.exemplars), -1], dtype=np.int64)
    fresh = np.array(_fresh(old, new), dtype=np.int64)
    near = (rankings.vectors @ new.vectors[fresh].T).astype(np.float32)
    positions = np.hstack(
        [new_positions[rankings.dense.positions], np.broadcast_to(fresh, near.shape)]
    )
    return order_hits(positions, np.hstack([rankings.dense.scores, near]), excluded, pool)


def _fresh(old: ModuleIndex, new: ModuleIndex) -> Sequence[int]:
    ids = {e.id for e in old.exemplars}
    return [i for i, e in enumerate(new.exemplars) if e.id not in ids]
