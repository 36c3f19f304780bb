"""Whether a tuned encoder retrieves no worse than another one, on rows that neither has learnt.

Each fold's model retrieves among the rows that it learnt for those that it didn't, and so does the
other encoder, among the same rows and for the same: the comparison is out of fold and paired, and
duplicates lie in one fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radu_core.errors import StoreError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json, write_json
from radu_core.progress import Progress, silent
from radu_core.retrieval import Embedder, ModuleIndex, RetrievalSettings, coverage, query_of
from radu_core.retrieval.best import best
from radu_core.retrieval.embedder import Side
from radu_core.schema import Schema
from radu_core.statistics import mcnemar
from radu_core.words import percent, quantity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "RETRIEVED_FILE",
    "Compared",
    "Guard",
    "Remembering",
    "Retrieved",
    "Retrieving",
    "compare",
    "retrieve",
]

RETRIEVED_FILE = "retrieved.json"  # in a run: what was found for which row
_NEAREST = 10  # exemplars that vote on the function
_BLOCK = 256  # rows whose cosines to all exemplars are in memory: 20 MB for 20,000
_SHARP = 20.0  # cosines are a few hundredths apart
_MEASURES = {"coverage": 0, "kNN accuracy": 1}  # places in a row
_CHANCE = 0.05

Row = tuple[bool | None, bool]  # covered (None: out of scope, which nothing can cover), right


@dataclass(frozen=True)
class Retrieving:
    """How a module retrieves: its settings, and its point (k_desc, k_exemplar)."""

    settings: RetrievalSettings
    point: tuple[int, int]

    def data(self) -> dict[str, Any]:
        """As JSON; ``read`` takes it back."""
        return {"settings": self.settings.model_dump(mode="json"), "point": list(self.point)}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Retrieving:
        """What ``data`` gave."""
        k_desc, k_exemplar = data["point"]
        return cls(RetrievalSettings.model_validate(data["settings"]), (k_desc, k_exemplar))


def retrieve(
    schema: Schema,
    learnt: Sequence[AnnotatedExemplar],
    rows: Sequence[AnnotatedExemplar],
    embedder: Embedder,
    how: Retrieving,
) -> dict[str, Row]:
    """Whether the right function of each row asked would be retrieved from the rows ``learnt``.

    By the row's id, and also whether the ten nearest utterances of these vote for it, each by its
    cosine (an index holds templates instead).
    """
    if not rows:
        return {}
    index = ModuleIndex.build(schema, learnt, embedder, settings=how.settings)
    k_desc, k_exemplar = how.point
    grid = coverage(
        index, [query_of(e) for e in rows], max_desc=k_desc, max_exemplar=max(k_exemplar, 1)
    )
    is_covered = grid.coverage_at(k_desc, k_exemplar).tolist()
    vectors = embedder.embed([e.utterance for e in index.exemplars])
    names = [e.function or "" for e in index.exemplars]
    votes = [
        _vote(names, cosines)
        for at in range(0, len(rows), _BLOCK)
        for cosines in grid.ranked.vectors[at : at + _BLOCK] @ vectors.T
    ]
    return {
        e.id: (None if e.function is None else bool(is_covered[n]), votes[n] == (e.function or ""))
        for n, e in enumerate(rows)
    }


class Remembering:
    """An embedder that keeps what it has embedded: folds ask for the same texts again."""

    def __init__(self, embedder: Embedder) -> None:
        self.name = embedder.name
        self._embedder = embedder
        self._known: dict[tuple[Side, str], NDArray[np.float32]] = {}

    @property
    def identity(self) -> str:
        """Of the embedder's weights."""
        return self._embedder.identity

    def embed(
        self, texts: Sequence[str], *, side: Side = "symmetric", progress: Progress = silent
    ) -> NDArray[np.float32]:
        """As the embedder does."""
        import numpy as np

        new = [t for t in dict.fromkeys(texts) if (side, t) not in self._known]
        vectors = self._embedder.embed(new, side=side, progress=progress)
        self._known.update(((side, t), v) for t, v in zip(new, vectors, strict=True))
        return np.stack([self._known[side, t] for t in texts]) if texts else vectors


def _vote(names: Sequence[str], cosines: NDArray[np.float32]) -> str | None:
    """The function that the nearest exemplars of a query vote for; "" is out of scope.

    They vote by the query's ``cosines`` to all; ``names`` are theirs.
    """
    import numpy as np

    places = best(cosines, _NEAREST)
    weights = np.exp(_SHARP * (cosines[places] - cosines[places].max(initial=-1.0)))
    totals: dict[str, float] = {}
    for place, weight in zip(places.tolist(), weights.tolist(), strict=True):
        totals[names[place]] = totals.get(names[place], 0.0) + weight
    return max(sorted(totals), key=lambda n: totals[n]) if totals else None


@dataclass(frozen=True)
class Retrieved:
    """What a run's fold models and its untuned base model retrieved, by the rows' ids.

    ``base`` names the untuned one and ``identity`` is of its weights.
    """

    how: Retrieving
    base: str
    identity: str
    tuned: Mapping[str, Row]
    untuned: Mapping[str, Row]

    def save(self, run: Path) -> None:
        """Write it into a run's directory."""
        rows = {i: [*self.untuned[i], *row] for i, row in sorted(self.tuned.items())}
        data = {**self.how.data(), "base": self.base, "identity": self.identity}
        columns = ("untuned covered", "untuned right", "tuned covered", "tuned right")
        write_json(run / RETRIEVED_FILE, {**data, "columns": columns, "rows": rows})

    @classmethod
    def load(cls, run: Path) -> Retrieved:
        """What ``save`` wrote; ``NotFoundError`` or ``StoreError`` where it can't be had."""
        data = read_json(run / RETRIEVED_FILE)
        try:
            rows = data["rows"]
            return cls(
                Retrieving.read(data),
                str(data["base"]),
                str(data["identity"]),
                {i: (row[2], bool(row[3])) for i, row in rows.items()},
                {i: (row[0], bool(row[1])) for i, row in rows.items()},
            )
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(
                f"{run / RETRIEVED_FILE} is damaged", remedy="Restore a backup of the run."
            ) from error

    @property
    def guard(self) -> Guard:
        """The tuned encoder beside its untuned base."""
        return compare(self.base, self.untuned, self.tuned, self.how.point)


@dataclass(frozen=True)
class Compared:
    """One measure on the same ``rows``: how many each has right.

    ``gained`` and ``lost`` are rows that only the tuned or only the other one has right. ``p`` is
    of McNemar's exact test.
    """

    measure: str
    rows: int
    before: int
    after: int
    gained: int
    lost: int
    p: float

    @property
    def worse(self) -> bool:
        """Whether the tuned one has fewer right."""
        return self.after < self.before

    @property
    def shares(self) -> tuple[float, float]:
        """Before and after."""
        return self.before / max(1, self.rows), self.after / max(1, self.rows)

    def __str__(self) -> str:
        """A sentence's part for people."""
        before, after = self.shares
        return (
            f"{self.measure} {percent(before)} before, {percent(after)} tuned "
            f"({self.gained:,} gained, {self.lost:,} lost of {quantity(self.rows, 'row')}, "
            f"p = {self.p:.2g})"
        )


@dataclass(frozen=True)
class Guard:
    """A tuned encoder beside ``before`` at ``point``, on rows that neither has learnt."""

    before: str
    point: tuple[int, int]
    measures: tuple[Compared, ...]

    @property
    def ok(self) -> bool:
        """Whether it is no worse in anything, and that was measured on some rows."""
        return self.rows > 0 and not self.worse

    @property
    def rows(self) -> int:
        """How many it was measured on."""
        return max((m.rows for m in self.measures), default=0)

    @property
    def worse(self) -> tuple[Compared, ...]:
        """In what it is worse."""
        return tuple(m for m in self.measures if m.worse)

    @property
    def verdict(self) -> str:
        """What follows for the module, and why, in a sentence or two."""
        if not self.rows:
            return "There are no rows to measure it on, so the module keeps what it has."
        if not self.worse:
            return f"It is no worse than {self.before}: the module can use it."
        sentence = (
            f"It is worse than {self.before} in {' and '.join(m.measure for m in self.worse)}"
        )
        chance = all(m.p >= _CHANCE for m in self.worse)
        return f"{sentence}, so the module keeps that one." + (
            " The difference may be chance." if chance else ""
        )

    def data(self) -> dict[str, Any]:
        """As JSON, for reports."""
        return {**asdict(self), "ok": self.ok, "verdict": self.verdict}


def compare(
    before: str, untuned: Mapping[str, Row], tuned: Mapping[str, Row], point: tuple[int, int]
) -> Guard:
    """Both on the rows that both were asked about."""
    both = sorted(set(untuned) & set(tuned))
    comparisons = []
    for measure, column in _MEASURES.items():
        pairs = [
            (bool(untuned[i][column]), bool(tuned[i][column]))
            for i in both
            if untuned[i][column] is not None and tuned[i][column] is not None
        ]
        comparisons.append(_compare(measure, pairs))
    return Guard(before, point, tuple(comparisons))


def _compare(measure: str, pairs: Sequence[tuple[bool, bool]]) -> Compared:
    wins = sum(after and not before for before, after in pairs)
    losses = sum(before and not after for before, after in pairs)
    before = sum(b for b, _ in pairs)
    return Compared(
        measure, len(pairs), before, before + wins - losses, wins, losses, mcnemar(wins, losses)
    )
