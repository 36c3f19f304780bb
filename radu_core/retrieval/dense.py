"""Nearest vectors by inner product: among all (FAISS flat), or by a graph where there are many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DenseIndex"]

_LINKS = 32  # HNSW's M
_BUILD = 200  # its efConstruction
_SEARCH = 128  # its efSearch, at least
_SAMPLE = 200  # vectors that recall is measured with
_RECALL_AT = 20
_FEW = 8  # queries
_ROUGH = 6e-4  # the most that 16 bits change a cosine: one part in 2048, and a little
_LOOSE_SHARE = 0.05  # of the vectors; more outside the graph, or gone, and it is built again


class DenseIndex:
    """``(n, dim)`` float32 vectors, L2-normalised, and their neighbours by cosine.

    ``recall`` is the share of the true 20 nearest that the graph finds, measured on 200 of its own
    vectors; 1.0 when all vectors are compared.
    """

    def __init__(
        self, vectors: NDArray[np.float32], *, graph_from: int, graph: Path | None = None
    ) -> None:
        self.vectors = vectors
        self.recall = 1.0
        self._graph: _Graph | None = None
        self._flat: Any = None
        if len(vectors) >= graph_from:
            self._graph = _Graph(vectors, graph)
            self.recall = self._graph.recall
        else:
            self._flat = _flat(vectors)

    @cached_property
    def _half(self) -> Any:
        """The vectors in 16 bits: half the bytes, which is all that a single query costs."""
        import faiss
        import numpy as np

        index = faiss.IndexScalarQuantizer(
            self.vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        index.add(np.ascontiguousarray(self.vectors))
        return index

    def _few(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """More than twice as many candidates by their 16 bits, then their cosines by all 32.

        Where the k-th best isn't clearly above the last candidate, what is no candidate may be as
        good: there, as among very many alike, all are compared.
        """
        import numpy as np

        queries = np.ascontiguousarray(queries)
        wide = min(2 * k + _FEW, len(self.vectors))
        with _one_thread():
            rough, positions = self._half.search(queries, wide)
        near = [self.vectors[row] @ query for row, query in zip(positions, queries, strict=True)]
        scores = np.stack(near)
        least = np.partition(scores, wide - k, axis=1)[:, wide - k]
        if wide < len(self.vectors) and (least < rough.min(axis=1) + _ROUGH).any():
            scores, positions = self._flat.search(queries, k)
        return positions, scores

    @property
    def kind(self) -> str:
        """``flat`` or ``hnsw``."""
        return "flat" if self._graph is None else "hnsw"

    def move(
        self, vectors: NDArray[np.float32], came_from: NDArray[np.int64], *, graph_from: int
    ) -> DenseIndex:
        """The index of other vectors, of which row ``i`` was row ``came_from[i]`` here (-1: new).

        A graph is kept while it holds nearly all of them: new ones are compared one by one.
        """
        import numpy as np

        if self._graph is None or len(vectors) < graph_from:
            return DenseIndex(vectors, graph_from=graph_from)
        graph = self._graph.move(vectors, came_from)
        if max(len(graph.loose), graph.stale_nodes) > _LOOSE_SHARE * len(vectors):
            return DenseIndex(vectors, graph_from=graph_from)
        new = DenseIndex(np.zeros((0, vectors.shape[1]), np.float32), graph_from=1 << 62)
        new.vectors, new._flat, new._graph, new.recall = vectors, None, graph, graph.recall
        return new

    def write_graph(self, path: Path) -> None:
        """Keep the graph, if there is one and it is that of the vectors as they are."""
        import faiss

        if self._graph is not None and self._graph.whole:
            faiss.write_index(self._graph.index, str(path))

    def search(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ``k`` nearest of each query and perhaps some more, in any order.

        Positions and cosines, ``(n, m)``.

        Position -1 stands where there are no more.
        """
        import numpy as np

        k = min(k, len(self.vectors))
        if k == 0 or not len(queries):
            shape = (len(queries), 0)
            return np.zeros(shape, np.int64), np.zeros(shape, np.float32)
        if self._graph is not None:
            return self._graph.search(queries, k)
        if len(queries) < _FEW:
            return self._few(queries, k)
        similarities, positions = self._flat.search(np.ascontiguousarray(queries), k)
        return positions, similarities


@contextmanager
def _one_thread() -> Iterator[None]:
    """FAISS on the calling thread alone: waking others takes longer than a single query."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _flat(vectors: NDArray[np.float32]) -> Any:
    import faiss
    import numpy as np

    index = faiss.IndexFlatIP(vectors.shape[1])
    if len(vectors):
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    return index


def _build(vectors: NDArray[np.float32]) -> Any:
    import faiss
    import numpy as np

    with _one_thread():  # several add in another order every time
        index = faiss.IndexHNSWFlat(vectors.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = _BUILD
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    return index


class _Graph:
    """HNSW (Malkov and Yashunin 2018) over vectors as they were when it was built.

    ``_now[node]`` is where a node's vector is today (-1: gone); ``loose`` are those it hasn't got.
    """

    def __init__(self, vectors: NDArray[np.float32], path: Path | None) -> None:
        import faiss
        import numpy as np

        if path is not None and path.is_file():
            self.index = faiss.read_index(str(path))
            if (self.index.ntotal, self.index.d) != vectors.shape:
                raise ValueError(f"{path.name} holds other vectors")
        else:
            self.index = _build(vectors)
        self._vectors = vectors
        self._now = np.arange(len(vectors))
        self.loose = np.zeros(0, dtype=np.int64)
        self.recall = self._measure_recall()

    @property
    def whole(self) -> bool:
        """Whether each node is a vector of today, and each vector a node."""
        return not len(self.loose) and not self.stale_nodes

    @cached_property
    def stale_nodes(self) -> int:
        """How many nodes are no vectors of today."""
        return int((self._now < 0).sum())

    def _near(
        self, queries: NDArray[np.float32], wide: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and nodes, those that are gone among them; -1 where there are no more."""
        import faiss
        import numpy as np

        parameters = faiss.SearchParametersHNSW(  # type: ignore[attr-defined]
            efSearch=max(_SEARCH, 2 * wide)
        )
        scores, nodes = self.index.search(np.ascontiguousarray(queries), wide, params=parameters)
        return scores, nodes

    def _measure_recall(self) -> float:
        import numpy as np

        count = len(self._vectors)
        sample = self._vectors[np.linspace(0, count - 1, min(_SAMPLE, count)).astype(int)]
        k = min(_RECALL_AT, count)
        true, _ = DenseIndex(self._vectors, graph_from=1 << 62).search(sample, k)
        neighbours, _ = self.search(sample, k)
        hit_counts = [
            len(set(a.tolist()) & set(b.tolist())) for a, b in zip(true, neighbours, strict=True)
        ]
        return sum(hit_counts) / true.size

    def move(self, vectors: NDArray[np.float32], came_from: NDArray[np.int64]) -> _Graph:
        """The same graph, seen from where the vectors are now."""
        import numpy as np

        new = object.__new__(_Graph)
        new.index, new.recall, new._vectors = self.index, self.recall, vectors
        where = np.full(len(self._vectors) + 1, -1, dtype=np.int64)
        is_kept = came_from >= 0
        where[came_from[is_kept]] = np.flatnonzero(is_kept)
        new._now = np.where(self._now >= 0, where[self._now], -1)
        inside = np.zeros(len(vectors), dtype=bool)
        inside[new._now[new._now >= 0]] = True
        new.loose = np.flatnonzero(~inside)
        return new

    def search(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As ``DenseIndex.search``."""
        import numpy as np

        wide = min(len(self._now), k + min(self.stale_nodes, k))
        scores, nodes = self._near(queries, wide)
        while self.stale_nodes and wide < len(self._now):
            living = np.where(nodes >= 0, self._now[nodes] >= 0, False).sum(axis=1)
            if ((living >= k) | (nodes[:, -1] < 0)).all():
                break
            wide = min(len(self._now), 4 * wide)  # behind a crowd that is gone
            scores, nodes = self._near(queries, wide)
        positions = np.where(nodes >= 0, self._now[nodes], -1)
        if len(self.loose):
            near = queries @ self._vectors[self.loose].T
            positions = np.hstack([positions, np.broadcast_to(self.loose, near.shape)])
            scores = np.hstack([scores, near])
        scores = np.where(positions >= 0, scores, -np.inf).astype(np.float32)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(positions, order, 1), np.take_along_axis(scores, order, 1)
