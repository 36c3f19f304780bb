"""How far the functions of a module overlap: their neighbours, a confusion matrix, and a map.

All of it is about *distinct* exemplars, one for each template of a function: a sentence that is
there a hundred times says no more than once, and never retrieves itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval.index import ModuleIndex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Confusion",
    "FunctionMap",
    "MapPoint",
    "Neighbours",
    "Split",
    "confusion",
    "function_map",
    "neighbours",
    "two_groups",
]

_MOST_POINTS = 1_500  # exemplars drawn; more hide each other and slow the browser down
_MOST_SPLIT = 1_000  # exemplars that are searched for a function's groups
_ROUNDS = 20


@dataclass(frozen=True)
class Neighbours:
    """The distinct exemplars of an index, and the nearest others of each by cosine.

    ``ids`` and ``similarity`` have the shape ``(n, k)``, nearest first: positions in
    ``exemplars`` and cosines; equal ones are in the order of the ids. ``vectors`` is ``(n, dim)``;
    ``copies`` says how many exemplars each stands for.
    """

    exemplars: tuple[AnnotatedExemplar, ...]
    copies: tuple[int, ...]
    vectors: NDArray[np.float32]
    ids: NDArray[np.int64]
    similarity: NDArray[np.float32]

    @property
    def k(self) -> int:
        """How many neighbours each has."""
        return int(self.ids.shape[1])


def neighbours(index: ModuleIndex, *, k: int = 10) -> Neighbours:
    """The ``k`` nearest other distinct exemplars of each (fewer where there are no more).

    20,000 take about three seconds on two cores.
    """
    import faiss
    import numpy as np

    vectors = np.ascontiguousarray(index.vectors)
    n, most = len(vectors), min(k, max(0, len(vectors) - 1))
    flat = faiss.IndexFlatIP(vectors.shape[1])
    if n:
        flat.add(vectors)
    hits = flat.search(vectors, most + 1) if most else _nothing(n)
    ids, similarity = _without_itself(*hits, most)
    return Neighbours(index.exemplars, index.contents.copies, vectors, ids, similarity)


def _nothing(n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    import numpy as np

    return np.zeros((n, 1), dtype=np.float32), np.arange(n, dtype=np.int64)[:, None]


def _without_itself(
    similarity: NDArray[np.float32], ids: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The first ``k`` of each row without the row's own number, ties by number."""
    import numpy as np

    own = ids == np.arange(len(ids))[:, None]
    order = np.lexsort((ids, -similarity, own), axis=1)[:, :k]
    return np.take_along_axis(ids, order, 1), np.take_along_axis(similarity, order, 1)


@dataclass(frozen=True)
class Confusion:
    """What the neighbours of each function's exemplars mean.

    ``functions`` are the rows and columns of the three; None (out of scope), if any, is last.
    ``shares`` is the mean share of a row exemplar's neighbours that are of the column's function;
    ``mistaken`` counts the row's exemplars whose neighbours say the column rather than the row:
    a k-NN classifier's confusion matrix. ``totals`` counts the distinct exemplars of each.
    ``own`` and ``said`` are ``(n,)``: the positions of each exemplar's function and of the one its
    neighbours say.
    """

    functions: tuple[str | None, ...]
    totals: NDArray[np.int64]
    shares: NDArray[np.float64]
    mistaken: NDArray[np.int64]
    own: NDArray[np.int64]
    said: NDArray[np.int64]


def confusion(near: Neighbours, functions: Sequence[str]) -> Confusion:
    """The confusion matrix of ``near``, each exemplar judged by all others.

    An exemplar counts as many neighbours as its function has others, at most ``near.k``: a
    function of four could never have ten of its own. Its own function wins a tie.
    """
    import numpy as np

    names: list[str | None] = [*functions]
    if any(e.function is None for e in near.exemplars):
        names.append(None)
    place = {name: i for i, name in enumerate(names)}
    own = np.array([place[e.function] for e in near.exemplars], dtype=np.int64)
    totals = np.bincount(own, minlength=len(names)).astype(np.int64)
    votes = _votes(near, own, totals)
    shares = np.zeros((len(names), len(names)))
    np.add.at(shares, own, votes)
    shares /= np.maximum(totals, 1)[:, None]
    tipped = votes.copy()
    tipped[np.arange(len(own)), own] += 1e-9
    guesses = np.where(votes.sum(1) > 0, tipped.argmax(1), own) if len(own) else own
    mistaken = np.zeros(shares.shape, dtype=np.int64)
    np.add.at(mistaken, (own, guesses), 1)
    return Confusion(tuple(names), totals, shares, mistaken, own, guesses)


def _votes(
    near: Neighbours, own: NDArray[np.int64], totals: NDArray[np.int64]
) -> NDArray[np.float64]:
    """``(n, functions)``: the share of each exemplar's counted neighbours per function."""
    import numpy as np

    neighbour_counts = np.clip(totals[own] - 1, 1, max(near.k, 1))
    weight = (np.arange(near.k)[None, :] < neighbour_counts[:, None]) / np.minimum(
        neighbour_counts, max(near.k, 1)
    )[:, None]
    votes = np.zeros((len(own), len(totals)))
    rows = np.repeat(np.arange(len(own)), near.k)
    np.add.at(votes, (rows, own[near.ids].ravel()), weight.ravel())
    return votes


@dataclass(frozen=True)
class Split:
    """A function's exemplars in two groups (positions in the vectors given).

    ``silhouette`` (P. J. Rousseeuw, 1987) is the mean over all, by cosine distance: near 0 they
    are one cloud. ``cosine`` is that of the two groups' centres.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    silhouette: float
    cosine: float


def two_groups(vectors: NDArray[np.float32]) -> Split | None:
    """Split unit vectors ``(n, dim)`` by 2-means; None if they make no two groups.

    By cosine to the groups' centres (I. S. Dhillon and D. S. Modha, 2001), which scikit-learn
    doesn't have: its KMeans goes by distance, and splits every sixth set without clear groups
    otherwise. It begins with the two sides of the first principal axis, so that it is always the
    same. Over 1,000 exemplars, evenly many are looked at.
    """
    import numpy as np
    from sklearn.metrics import silhouette_score

    step = -(-len(vectors) // _MOST_SPLIT) or 1
    positions = np.arange(0, len(vectors), step)
    some = vectors[positions].astype(np.float64)
    if len(some) < 4:
        return None
    side = (some - some.mean(0)) @ _principal_axes(some, 1)[0] > 0
    for _ in range(_ROUNDS):
        if side.all() or not side.any():
            return None
        centres = np.stack([_unit(some[~side].mean(0)), _unit(some[side].mean(0))])
        new = np.diff(some @ centres.T, axis=1)[:, 0] > 0
        if (new == side).all():
            break
        side = new
    if min(side.sum(), (~side).sum()) < 2:
        return None
    cosine = float(_unit(some[~side].mean(0)) @ _unit(some[side].mean(0)))
    silhouette = float(silhouette_score(some, side, metric="cosine"))
    first, second = positions[~side], positions[side]
    return Split(tuple(first.tolist()), tuple(second.tolist()), silhouette, cosine)


@dataclass(frozen=True)
class MapPoint:
    """A function's centre, its description, or one of its exemplars, on the map."""

    kind: str  # "function", "description" or "exemplar"
    function: str | None
    x: float
    y: float
    text: str
    id: str = ""


@dataclass(frozen=True)
class FunctionMap:
    """Points in two dimensions.

    ``shown`` is the share of the variance between the functions' centres that the two show (of the
    exemplars', where there are under three functions).

    ``sampled`` of ``total`` distinct exemplars are drawn.
    """

    points: tuple[MapPoint, ...]
    shown: float
    sampled: int
    total: int


def function_map(index: ModuleIndex, near: Neighbours, *, most: int = _MOST_POINTS) -> FunctionMap:
    """A projection on the two principal components of the functions' centres.

    Deterministic: of each component the largest weight is positive. Over ``most`` exemplars,
    every so-manieth of each function is drawn.
    """
    import numpy as np

    by_function: dict[str | None, list[int]] = {name: [] for name in index.functions}
    for i, e in enumerate(near.exemplars):
        by_function.setdefault(e.function, []).append(i)
    centres = {
        name: near.vectors[rows].astype(np.float64).mean(0)
        for name, rows in by_function.items()
        if name is not None and rows
    }
    basis = np.stack(list(centres.values())) if len(centres) > 2 else near.vectors
    if not len(basis):
        return FunctionMap((), 0.0, 0, 0)
    middle = basis.mean(0)
    axes = _principal_axes(basis, 2)
    spread = float(((basis - middle) ** 2).sum())
    variance_share = (
        float((((basis - middle) @ axes.T) ** 2).sum()) / spread if spread > 1e-12 else 1.0
    )
    sample = _sample(by_function, most)
    points = [
        _point("exemplar", e.function, near.vectors[i], e.template or e.utterance, e.id)
        for i in sample
        for e in [near.exemplars[i]]
    ]
    texts = zip(index.functions, index.description_vectors, strict=True)
    points += [_point("description", name, vector, name) for name, vector in texts]
    points += [_point("function", name, vector, name) for name, vector in centres.items()]
    coordinates = (np.stack([vector for _, vector in points]) - middle) @ axes.T
    map_points = tuple(
        MapPoint(kind, name, float(x), float(y), text, id_)
        for ((kind, name, text, id_), _), (x, y) in zip(points, coordinates, strict=True)
    )
    return FunctionMap(map_points, variance_share, len(sample), len(near.exemplars))


def _point(
    kind: str, function: str | None, vector: NDArray[np.floating], text: str, id_: str = ""
) -> tuple[tuple[str, str | None, str, str], NDArray[np.floating]]:
    return (kind, function, text, id_), vector


def _sample(by_function: dict[str | None, list[int]], most: int) -> list[int]:
    total = sum(map(len, by_function.values()))
    step = max(1, -(-total // most))
    return sorted(i for rows in by_function.values() for i in rows[::step])


def _principal_axes(rows: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """The first ``count`` principal axes of ``(n, dim)`` as rows.

    The largest weight of each is positive; zeros where there are no more.
    """
    import numpy as np
    from sklearn.decomposition import PCA

    wide = len(rows) <= rows.shape[1]
    solver = "full" if wide else "covariance_eigh"  # the other of the two takes ten times as long
    axes = np.zeros((count, rows.shape[1]))
    if (rows != rows[0]).any():
        pca = PCA(min(count, *rows.shape), svd_solver=solver).fit(rows.astype(np.float64))
        real = pca.singular_values_**2 > 1e-9  # the others have no direction of their own
        axes[: len(real)][real] = pca.components_[real]
    return axes


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return vector / max(float(np.linalg.norm(vector)), 1e-12)
