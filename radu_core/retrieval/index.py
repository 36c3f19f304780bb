"""A module's index: function descriptions (dense) and exemplars (dense and lexical, fused)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash
from radu_core.progress import Progress, silent
from radu_core.retrieval.best import best
from radu_core.retrieval.contents import Contents
from radu_core.retrieval.dense import DenseIndex
from radu_core.retrieval.embedder import Embedder
from radu_core.retrieval.fusion import Ranking, fuse, order_hits
from radu_core.retrieval.hits import DescriptionHit, ExemplarHit, Query, Retrieved
from radu_core.retrieval.lexical import LexicalIndex, template_text, tokenizer_for
from radu_core.retrieval.settings import RetrievalSettings
from radu_core.schema import Function, Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "ModuleIndex",
    "Parts",
    "Ranked",
    "SearchMode",
    "description_text",
    "fingerprint",
    "pool_of",
]

SearchMode = Literal["fused", "dense", "lexical"]
VERSION = 2
_POOL = 100  # candidates taken from each ranking into the fusion
_BLOCK = 256  # queries scored at a time: 20 MB of scores for 20,000 exemplars


@dataclass(frozen=True)
class Ranked:
    """Rankings of many queries.

    ``descriptions`` are of places in ``ModuleIndex.functions``, the others of places in
    ``ModuleIndex.exemplars``. ``vectors`` ``(n, dim)`` are the queries as they are compared with
    exemplars, ``asked`` ``(n, dim)`` as they are with descriptions.
    """

    descriptions: Ranking
    dense: Ranking
    lexical: Ranking
    fused: Ranking
    vectors: NDArray[np.float32]
    asked: NDArray[np.float32]

    def of(self, mode: SearchMode) -> Ranking:
        """The ranking of exemplars that a mode looks at."""
        return {"fused": self.fused, "dense": self.dense, "lexical": self.lexical}[mode]


@dataclass(frozen=True)
class Parts:
    """What an index holds besides its contents."""

    vectors: NDArray[np.float32]
    descriptions: NDArray[np.float32]
    tokens: Sequence[Sequence[str]]
    dense: DenseIndex


class ModuleIndex:
    """The indexes of one module, in memory. FAISS holds the vectors, bm25s the words.

    Of exemplars with the same template and function only the one with the lowest id is held: a
    prompt never shows one twice. ``left_out`` counts what isn't held, by reason.
    """

    def __init__(
        self,
        schema: Schema,
        contents: Contents,
        parts: Parts,
        embedder: Embedder,
        settings: RetrievalSettings,
    ) -> None:
        self.schema = schema
        self.contents = contents
        self.embedder = embedder
        self.settings = settings
        self.exemplars = contents.exemplars
        self.functions = tuple(f.name for f in schema.functions)
        self.left_out = dict(contents.left_out)
        self.fingerprint = fingerprint(schema, contents, embedder.identity, settings)
        self.parts = parts
        self.tokenize = tokenizer_for(schema.language)
        self._lexical = LexicalIndex(parts.tokens)
        self._descriptions = DenseIndex(parts.descriptions, graph_from=1 << 62)
        self._position = {e.id: i for i, e in enumerate(self.exemplars)}

    @classmethod
    def build(
        cls,
        schema: Schema,
        exemplars: Iterable[AnnotatedExemplar],
        embedder: Embedder,
        *,
        settings: RetrievalSettings | None = None,
        progress: Progress = silent,
    ) -> ModuleIndex:
        """Index the resolved training exemplars of ``exemplars`` and the descriptions."""
        own_settings = settings or RetrievalSettings(embedder=embedder.name)
        contents = Contents.of(schema, exemplars)
        texts = [e.template or "" for e in contents.exemplars]
        vectors = embedder.embed(texts, side="symmetric", progress=progress)
        tokenize = tokenizer_for(schema.language)
        progress("Building the index", 0, 0)
        parts = Parts(
            vectors,
            _embedded_descriptions(schema, embedder),
            [tokenize(template_text(t)) for t in texts],
            DenseIndex(vectors, graph_from=own_settings.graph_from),
        )
        return cls(schema, contents, parts, embedder, own_settings)

    def change(
        self,
        changes: Mapping[str, AnnotatedExemplar | None],
        *,
        schema: Schema | None = None,
    ) -> ModuleIndex:
        """The index after some exemplars, or the schema, changed; equal to one built from scratch.

        Only what is new is embedded. A change to None removes the exemplar.
        """
        import numpy as np

        new = schema or self.schema
        contents = self.contents if new.hash == self.schema.hash else self.contents.under(new)
        contents = contents.change(new, changes) if changes else contents
        came_from = np.array([self._same(e) for e in contents.exemplars], dtype=np.int64)
        fresh = np.flatnonzero(came_from < 0)
        texts = [contents.exemplars[i].template or "" for i in fresh.tolist()]
        vectors = np.zeros((len(came_from), self.vectors.shape[1]), dtype=np.float32)
        vectors[came_from >= 0] = self.vectors[came_from[came_from >= 0]]
        tokens = [self.parts.tokens[i] if i >= 0 else () for i in came_from.tolist()]
        if texts:
            vectors[fresh] = self.embedder.embed(texts, side="symmetric")
            for i, text in zip(fresh.tolist(), texts, strict=True):
                tokens[i] = self.tokenize(template_text(text))
        parts = Parts(
            vectors,
            _embedded_descriptions(new, self.embedder),
            tokens,
            self.parts.dense.move(vectors, came_from, graph_from=self.settings.graph_from),
        )
        return ModuleIndex(new, contents, parts, self.embedder, self.settings)

    def _same(self, exemplar: AnnotatedExemplar) -> int:
        """Where the vector and the words of this exemplar's template are here; -1: nowhere."""
        place = self._position.get(exemplar.id, -1)
        if place >= 0 and self.exemplars[place].template == exemplar.template:
            return place
        return -1

    @property
    def vectors(self) -> NDArray[np.float32]:
        """``(len(exemplars), dim)`` float32, L2-normalised, of the exemplars' templates."""
        return self.parts.vectors

    @property
    def description_vectors(self) -> NDArray[np.float32]:
        """``(len(functions), dim)`` float32, L2-normalised."""
        return self.parts.descriptions

    @property
    def source(self) -> dict[str, Any]:
        """What the index was built from, and how."""
        return {
            "module": self.schema.module,
            "schema": self.schema.hash,
            "exemplars": self.contents.digest,
            "embedder": self.embedder.name,
            "embedder_identity": self.embedder.identity,
            "settings": self.settings.model_dump(mode="json"),
            "dense": self.parts.dense.kind,
            "recall": round(self.parts.dense.recall, 4),
            "members": self.contents.members,
            "left_out": self.left_out,
        }

    def rank(
        self,
        queries: Sequence[Query],
        *,
        k_desc: int,
        k_exemplar: int,
        progress: Progress = silent,
    ) -> Ranked:
        """The rankings of all queries at once, each by every mode.

        ``dense`` and ``lexical`` are as long as the fusion needs them, ``fused`` has
        ``k_exemplar``. A query never finds itself or its duplicates; others take their places.
        """
        texts = [q.utterance for q in queries]
        as_query = self.embedder.embed(texts, side="query", progress=progress)
        vectors = self.embedder.embed(texts, side="asked", progress=progress)
        excluded = self.excluded_positions(queries)
        pool = pool_of(k_exemplar)
        dense = self._dense(vectors, excluded, pool)
        lexical = self.lexically(texts, excluded, pool, progress)
        fused = fuse(dense, lexical, dense_weight=self.settings.dense_weight, k=k_exemplar)
        return Ranked(
            self.rank_descriptions(as_query, k_desc), dense, lexical, fused, vectors, as_query
        )

    def search(
        self,
        queries: Sequence[Query],
        *,
        k_desc: int,
        k_exemplar: int,
        mode: SearchMode = "fused",
        progress: Progress = silent,
    ) -> list[Retrieved]:
        """The nearest ``k_desc`` functions and ``k_exemplar`` exemplars of each query.

        An exemplar never retrieves itself or its duplicates; others take their places.
        """
        if not queries:
            return []
        rankings = self.rank(queries, k_desc=k_desc, k_exemplar=k_exemplar, progress=progress)
        return [
            self.retrieve(rankings, n, k_desc=k_desc, k_exemplar=k_exemplar, mode=mode)
            for n in range(len(queries))
        ]

    def retrieve(
        self,
        rankings: Ranked,
        number: int,
        *,
        k_desc: int,
        k_exemplar: int,
        mode: SearchMode = "fused",
    ) -> Retrieved:
        """What query ``number`` of a ranking retrieves."""
        description_hits = rankings.descriptions.first(k_desc)
        descriptions = tuple(
            DescriptionHit(self.functions[i], rank, score)
            for rank, (i, score) in enumerate(_row(description_hits, number), start=1)
        )
        places = {
            name: {i: n for n, (i, _) in enumerate(_row(ranking, number), start=1)}
            for name, ranking in (("dense", rankings.dense), ("lexical", rankings.lexical))
            if mode in ("fused", name)
        }
        hits = _row(rankings.of(mode).first(k_exemplar), number)
        near = self.vectors[[i for i, _ in hits]] @ rankings.vectors[number]
        exemplars = tuple(
            self._make_hit(i, rank, score, similarity, places)
            for rank, ((i, score), similarity) in enumerate(
                zip(hits, near.tolist(), strict=True), start=1
            )
        )
        return Retrieved(descriptions, exemplars)

    def _make_hit(
        self,
        i: int,
        rank: int,
        score: float,
        similarity: float,
        places: Mapping[str, Mapping[int, int]],
    ) -> ExemplarHit:
        e = self.exemplars[i]
        return ExemplarHit(
            e.id,
            e.function,
            e.template or "",
            e.utterance,
            e.arguments,
            e.spans or (),
            rank,
            score,
            similarity,
            places.get("dense", {}).get(i),
            places.get("lexical", {}).get(i),
            e.mode,
        )

    def rank_descriptions(self, vectors: NDArray[np.float32], k: int) -> Ranking:
        import numpy as np

        positions, scores = self._descriptions.search(vectors, len(self.functions))
        return order_hits(positions, scores, np.zeros((len(vectors), 0), np.int64), k)

    def _dense(
        self, vectors: NDArray[np.float32], excluded: NDArray[np.int64], pool: int
    ) -> Ranking:
        positions, scores = self.parts.dense.search(vectors, pool + excluded.shape[1])
        return order_hits(positions, scores, excluded, pool)

    def lexically(
        self,
        texts: Sequence[str],
        excluded: NDArray[np.int64],
        pool: int,
        progress: Progress,
    ) -> Ranking:
        import numpy as np

        width = min(len(self.exemplars), pool + excluded.shape[1])
        positions = np.full((len(texts), width), -1, dtype=np.int64)
        scores = np.full((len(texts), width), -np.inf, dtype=np.float32)
        for number, text in enumerate(texts):
            if number % _BLOCK == 0 and len(texts) > _BLOCK:
                progress("Searching", number, len(texts))
            matching = self._lexical.scores(self.tokenize(text))
            best_positions = best(matching, width)
            positions[number] = np.where(matching[best_positions] > 0, best_positions, -1)
            scores[number] = matching[best_positions]
        return order_hits(positions, scores, excluded, pool)

    def excluded_positions(self, queries: Sequence[Query]) -> NDArray[np.int64]:
        """Per query where it is itself and where its duplicate is (-1: nowhere), ``(n, 2)``."""
        import numpy as np

        rows = []
        for query in queries:
            own = self._position.get(query.exemplar_id or "", -1)
            twin = -1
            if query.template is not None:
                twin = self.contents.position.get((query.template, query.function), -1)
            rows.append((own, twin))
        return np.array(rows, dtype=np.int64).reshape(len(queries), 2)


def _row(ranking: Ranking, number: int) -> list[tuple[int, float]]:
    pairs = zip(ranking.positions[number].tolist(), ranking.scores[number].tolist(), strict=True)
    return [(i, score) for i, score in pairs if i >= 0]


def pool_of(k_exemplar: int) -> int:
    """How many candidates of each ranking are fused.

    The same for all that ask for a hundred or fewer: the nearest four are then the same four,
    whether four were asked for, or fifty to find negatives in.
    """
    return max(_POOL, k_exemplar)


def description_text(function: Function) -> str:
    """What is embedded of a function: its name in words, and its description."""
    return f"{function.name.replace('_', ' ')}: {function.description}"


def _embedded_descriptions(schema: Schema, embedder: Embedder) -> NDArray[np.float32]:
    return embedder.embed([description_text(f) for f in schema.functions], side="passage")


def fingerprint(
    schema: Schema, contents: Contents, embedder_identity: str, settings: RetrievalSettings
) -> str:
    """What tells an index from one of other data, another embedder or other settings."""
    return content_hash(
        [VERSION, schema.hash, embedder_identity, settings.model_dump(mode="json"), contents.digest]
    )
