"""Why the right function wasn't retrieved, and what would change that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from radu_core.retrieval.coverage import CoverageGrid, Miss
from radu_core.retrieval.index import ModuleIndex
from radu_core.schema import OUT_OF_SCOPE
from radu_core.words import ordinal, quantity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CAUSES", "Cause", "CauseKind", "ExplainedMiss", "Near", "explain"]

CauseKind = Literal[
    "label",
    "no exemplar",
    "few exemplars",
    "thin description",
    "overlap",
    "unlike",
    "description",
    "just below",
]
CAUSES: tuple[CauseKind, ...] = get_args(CauseKind)
THIN = 5  # words of a description; fewer say little more than the name
FEW = 3  # exemplars of a function
SAME = 0.95  # cosine from which two utterances say the same
UNLIKE = 0.5  # cosine below which they don't resemble each other
AHEAD = 0.05  # cosine by which another function's exemplar is clearly nearer


@dataclass(frozen=True)
class Near:
    """An exemplar near a missed utterance, and its cosine."""

    id: str
    function: str | None
    template: str
    similarity: float


@dataclass(frozen=True)
class Cause:
    """One reason of a miss: what is the case, and the remedy. ``other`` is a function it names."""

    kind: CauseKind
    text: str
    remedy: str
    other: str | None = None


@dataclass(frozen=True)
class ExplainedMiss:
    """A miss with its causes, the likeliest first.

    ``own`` is the right function's nearest exemplar, ``nearest`` those that were nearer or
    retrieved instead; ``description_rank`` is the right description's place among all,
    ``exemplars`` counts the right function's. The utterance itself and its duplicate are in none.
    """

    miss: Miss
    causes: tuple[Cause, ...]
    own: Near | None
    nearest: tuple[Near, ...]
    description_rank: int
    exemplars: int


def explain(grid: CoverageGrid, k_desc: int, k_exemplar: int) -> list[ExplainedMiss]:
    """Every miss at a point, with why."""
    places = _places(grid.index)
    return [
        _explain(grid, miss, (k_desc, k_exemplar), _own(grid, miss, places))
        for miss in grid.misses(k_desc, k_exemplar)
    ]


def _own(
    grid: CoverageGrid, miss: Miss, places: Mapping[str | None, NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Where the right function's exemplars are, without the query's own.

    An utterance of split train and its duplicate, which it never retrieves, aren't among them.
    """
    import numpy as np

    own = places.get(miss.function, np.zeros(0, dtype=np.int64))
    return own[~np.isin(own, grid.index.excluded_positions([grid.queries[miss.number]])[0])]


def _places(index: ModuleIndex) -> dict[str | None, NDArray[np.int64]]:
    import numpy as np

    places: dict[str | None, list[int]] = {}
    for i, exemplar in enumerate(index.exemplars):
        places.setdefault(exemplar.function, []).append(i)
    return {name: np.array(rows, dtype=np.int64) for name, rows in places.items()}


def _explain(
    grid: CoverageGrid,
    miss: Miss,
    point: tuple[int, int],
    own_places: NDArray[np.int64],
) -> ExplainedMiss:
    index, number = grid.index, miss.number
    vector = grid.ranked.vectors[number]
    own = None
    exemplars = len(own_places)
    if exemplars:
        near = index.vectors[own_places] @ vector
        own = _near(index, int(own_places[int(near.argmax())]), float(near.max()))
    hits = grid.retrieve(number, 0, max(point[1], 3)).exemplars
    nearest = tuple(
        Near(h.id, h.function, h.template, h.similarity)
        for h in hits
        if h.function != miss.function
    )
    scores = index.description_vectors @ grid.ranked.asked[number]
    right = index.functions.index(miss.function)
    rank = int((scores > scores[right]).sum()) + 1
    explanation = ExplainedMiss(miss, (), own, nearest, rank, exemplars)
    causes = tuple(_causes(grid, explanation, point))
    return ExplainedMiss(miss, causes, own, nearest, rank, exemplars)


def _near(index: ModuleIndex, place: int, similarity: float) -> Near:
    e = index.exemplars[place]
    return Near(e.id, e.function, e.template or "", similarity)


def _causes(
    grid: CoverageGrid, explanation: ExplainedMiss, point: tuple[int, int]
) -> Iterator[Cause]:
    """What isn't retrieved at all at the point, descriptions or exemplars, is no cause."""
    best = max(explanation.nearest, key=lambda n: (n.similarity, n.id), default=None)
    yield from _doubtful(best)
    if point[1] > 0:
        yield from _too_few(explanation)
    if point[0] > 0:
        yield from _thin(grid, explanation.miss.function, explanation.description_rank)
    if point[1] > 0:
        yield from _far_exemplars(explanation, best)
    if point[0] > 0:
        yield from _far_description(grid, explanation)
    yield from _just_below(grid, explanation)


def _function_name(near: Near) -> str:
    return near.function or OUT_OF_SCOPE


def _doubtful(best: Near | None) -> Iterator[Cause]:
    if best is not None and best.similarity >= SAME:
        yield Cause(
            "label",
            f"It is nearly the same as “{best.template}”, which is labelled "
            f"{_function_name(best)} (cosine {best.similarity:.2f}).",
            "Check both labels.",
            _function_name(best),
        )


def _too_few(explanation: ExplainedMiss) -> Iterator[Cause]:
    name = explanation.miss.function
    if not explanation.exemplars:
        yield Cause(
            "no exemplar",
            f"{name} has no training exemplar to find it by.",
            "Add at least ten.",
        )
    elif explanation.exemplars < FEW:
        number = "one" if explanation.exemplars == 1 else f"{explanation.exemplars} different"
        yield Cause(
            "few exemplars",
            f"{name} has only {number} training "
            f"{'exemplar' if explanation.exemplars == 1 else 'exemplars'} to find it by.",
            "Add more, until it has ten.",
        )


def _far_exemplars(explanation: ExplainedMiss, best: Near | None) -> Iterator[Cause]:
    name, own = explanation.miss.function, explanation.own
    if best and own and best.similarity >= max(UNLIKE, own.similarity + AHEAD):
        yield Cause(
            "overlap",
            f"Exemplars of {_function_name(best)} are nearer ({best.similarity:.2f}) than its own "
            f"({own.similarity:.2f}).",
            f"Tell {name} and {_function_name(best)} apart in their descriptions, or merge them."
            if best.function
            else f"Look at those out-of-scope exemplars: do they mean {name}?",
            _function_name(best),
        )
    if own is not None and own.similarity < UNLIKE:
        yield Cause(
            "unlike",
            f"No exemplar of {name} resembles it (the nearest: {own.similarity:.2f}).",
            "Add exemplars with this wording.",
        )


def _thin(grid: CoverageGrid, name: str, rank: int) -> Iterator[Cause]:
    function = grid.index.schema.function(name)
    words = len(function.description.split()) if function else 0
    if words < THIN:
        text = f"has {quantity(words, 'word')}" if words else "is empty"
        yield Cause(
            "thin description",
            f"The description of {name} {text}; it comes {ordinal(rank)} among "
            f"{len(grid.index.functions)}.",
            "Say in one sentence what the user wants.",
        )


def _far_description(grid: CoverageGrid, explanation: ExplainedMiss) -> Iterator[Cause]:
    """A description that says enough, and yet others are nearer to the utterance."""
    name, rank = explanation.miss.function, explanation.description_rank
    function = grid.index.schema.function(name)
    if rank == 1 or function is None or len(function.description.split()) < THIN:
        return
    first = (
        int(grid.ranked.descriptions.positions[explanation.miss.number, 0]) if grid.max_desc else -1
    )
    nearer = grid.index.functions[first] if first >= 0 else None
    yield Cause(
        "description",
        f"The description of {name} comes {ordinal(rank)} among {len(grid.index.functions)}"
        + (f"; that of {nearer} is the nearest." if nearer else "."),
        "Describe it in the users' own words.",
        nearer,
    )


def _just_below(grid: CoverageGrid, explanation: ExplainedMiss) -> Iterator[Cause]:
    """What k would have found it, where some would."""
    exemplar = int(grid.first["fused"][explanation.miss.number])
    ways = [f"k_desc {explanation.description_rank}"]
    if exemplar:
        ways.append(f"k_exemplar {exemplar}")
    yield Cause(
        "just below",
        f"It would be found with {' or '.join(ways)}.",
        "Retrieve more, if the longer prompt is worth it.",
    )
