"""A module's index: function descriptions (dense) and exemplars (dense and lexical, fused)."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from radu_core.alignment import conflict
from radu_core.errors import NotFoundError, StaleIndexError, StoreError
from radu_core.exemplars import AnnotatedExemplar, Mode, Span
from radu_core.files import content_hash, disk_errors, read_json, write_json
from radu_core.progress import Progress, silent
from radu_core.retrieval.embedder import Embedder
from radu_core.retrieval.fusion import reciprocal_rank_fusion
from radu_core.retrieval.lexical import LexicalIndex, words, words_of_template
from radu_core.schema import Arguments, Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "DescriptionHit",
    "ExemplarHit",
    "ModuleIndex",
    "Query",
    "Retrieved",
    "SearchMode",
    "indexed",
]

SearchMode = Literal["fused", "dense", "lexical"]
_VERSION = 1
_META = "meta.json"
_META_KINDS = {
    "version": int,
    "fingerprint": str,
    "embedder": str,
    "functions": list,
    "left_out": dict,
    "exemplars": list,
}
_VECTORS = "vectors.npz"
_POOL = 50  # candidates taken from each ranking into the fusion, at least


@dataclass(frozen=True)
class DescriptionHit:
    """A function whose description is near the utterance. ``rank`` is from 1."""

    function: str
    rank: int
    score: float


@dataclass(frozen=True)
class ExemplarHit:
    """A training exemplar near the utterance; ``function`` None is out of scope.

    ``score`` orders the hits (cosine, BM25 or fused, by the search mode), ``similarity`` is the
    cosine to the utterance in every mode. ``dense_rank`` and ``lexical_rank`` (from 1) are its
    places in the two rankings that were fused, None where it isn't among their first or the mode
    doesn't look there.
    """

    id: str
    function: str | None
    template: str
    utterance: str
    arguments: Arguments
    spans: tuple[Span, ...]
    rank: int
    score: float
    similarity: float
    dense_rank: int | None = None
    lexical_rank: int | None = None
    mode: Mode = "normal"


@dataclass(frozen=True)
class Retrieved:
    """What was retrieved for one utterance, most relevant first."""

    descriptions: tuple[DescriptionHit, ...] = ()
    exemplars: tuple[ExemplarHit, ...] = ()

    @property
    def functions(self) -> tuple[str, ...]:
        """Functions of the description hits, then of the exemplar hits, each once."""
        named = [h.function for h in self.descriptions]
        named += [h.function for h in self.exemplars if h.function is not None]
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class Query:
    """An utterance to retrieve for. The other fields say which exemplars are itself: the one of
    that id, and those of the same template and function."""

    utterance: str
    exemplar_id: str | None = None
    template: str | None = None
    function: str | None = None


class ModuleIndex:
    """The indexes of one module, in memory. FAISS holds the vectors, bm25s the words."""

    def __init__(
        self,
        exemplars: Sequence[AnnotatedExemplar],
        functions: Sequence[str],
        vectors: NDArray[np.float32],
        description_vectors: NDArray[np.float32],
        embedder: Embedder,
        *,
        fingerprint: str,
        left_out: Mapping[str, int],
    ) -> None:
        self.exemplars = tuple(exemplars)
        self.functions = tuple(functions)
        self.embedder = embedder
        self.fingerprint = fingerprint
        self.left_out = dict(left_out)
        self._vectors = vectors
        self._description_vectors = description_vectors
        self._dense = _faiss(vectors)
        self._descriptions = _faiss(description_vectors)
        self._lexical = LexicalIndex([words_of_template(e.template or "") for e in exemplars])
        self._position = {e.id: i for i, e in enumerate(self.exemplars)}
        self._twins: dict[tuple[str, str | None], list[int]] = {}
        for i, e in enumerate(self.exemplars):
            self._twins.setdefault((e.template or "", e.function), []).append(i)

    @classmethod
    def build(
        cls,
        schema: Schema,
        exemplars: Sequence[AnnotatedExemplar],
        embedder: Embedder,
        *,
        progress: Progress = silent,
    ) -> ModuleIndex:
        """Index the resolved training exemplars of ``exemplars`` and the descriptions.

        What isn't indexed is counted by reason in ``left_out``.
        """
        chosen, left_out = _indexable(schema, exemplars)
        texts = [e.template or "" for e in chosen]
        vectors = embedder.embed(texts, side="symmetric", progress=progress)
        passages = [f"{f.name.replace('_', ' ')}: {f.description}" for f in schema.functions]
        return cls(
            chosen,
            [f.name for f in schema.functions],
            vectors,
            embedder.embed(passages, side="passage", progress=progress),
            embedder,
            fingerprint=_fingerprint(schema, chosen, embedder.name),
            left_out=left_out,
        )

    @staticmethod
    def fingerprint_of(
        schema: Schema, exemplars: Sequence[AnnotatedExemplar], embedder_name: str
    ) -> str:
        """What ``build`` of the same inputs would carry as ``fingerprint``."""
        return _fingerprint(schema, _indexable(schema, exemplars)[0], embedder_name)

    def save(self, directory: Path) -> None:
        """Write the index to a temporary directory, then put it in the place of ``directory``."""
        import numpy as np

        with disk_errors(directory):
            directory.parent.mkdir(parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
            try:
                np.savez(
                    new / _VECTORS, exemplars=self._vectors, descriptions=self._description_vectors
                )
                write_json(new / _META, self._meta())
                new.chmod(0o755)
                old = new.with_name(new.name + ".old")
                if directory.exists():
                    os.replace(directory, old)
                os.replace(new, directory)
                shutil.rmtree(old, ignore_errors=True)
            finally:
                shutil.rmtree(new, ignore_errors=True)

    def _meta(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "fingerprint": self.fingerprint,
            "embedder": self.embedder.name,
            "functions": list(self.functions),
            "left_out": self.left_out,
            "exemplars": [e.model_dump(mode="json") for e in self.exemplars],
        }

    @classmethod
    def load(
        cls, directory: Path, embedder: Embedder, *, expected_fingerprint: str | None = None
    ) -> ModuleIndex:
        """Read a saved index. ``NotFoundError`` if there is none, ``StaleIndexError`` if it was
        built from something else or is damaged."""
        meta = _read_meta(directory)
        expected = expected_fingerprint or meta["fingerprint"]
        if (meta["version"], meta["fingerprint"], meta["embedder"]) != (
            _VERSION, expected, embedder.name
        ):  # fmt: skip
            raise StaleIndexError(
                f"The index in {directory} was built from other data", remedy="Build it again."
            )
        with _whole(directory):
            vectors, descriptions = _read_vectors(directory, meta)
            exemplars = [AnnotatedExemplar.model_validate(e) for e in meta["exemplars"]]
        return cls(
            exemplars,
            meta["functions"],
            vectors,
            descriptions,
            embedder,
            fingerprint=meta["fingerprint"],
            left_out=meta["left_out"],
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
        texts = [q.utterance for q in queries]
        if not texts:
            return []
        as_query = self.embedder.embed(texts, side="query", progress=progress)
        symmetric = self.embedder.embed(texts, side="symmetric", progress=progress)
        descriptions = self._description_hits(as_query, k_desc)
        found = []
        for number, query in enumerate(queries):
            exemplars = self._exemplar_hits(query, symmetric[number], k_exemplar, mode)
            found.append(Retrieved(descriptions[number], exemplars))
        return found

    def _description_hits(
        self, vectors: NDArray[np.float32], k: int
    ) -> list[tuple[DescriptionHit, ...]]:
        k = min(k, len(self.functions))
        if k == 0:
            return [()] * len(vectors)
        scores, ids = self._descriptions.search(vectors, k)
        return [
            tuple(
                DescriptionHit(self.functions[i], rank, float(score))
                for rank, (i, score) in enumerate(zip(row_ids, row, strict=True), start=1)
            )
            for row_ids, row in zip(ids, scores, strict=True)
        ]

    def _exemplar_hits(
        self, query: Query, vector: NDArray[np.float32], k: int, mode: SearchMode
    ) -> tuple[ExemplarHit, ...]:
        excluded = self._excluded(query)
        k = min(k, len(self.exemplars) - len(excluded))
        if k <= 0:
            return ()
        pool = min(len(self.exemplars), max(_POOL, 2 * k) + len(excluded))
        rankings: dict[str, list[int]] = {}
        scores: Callable[[int], float] | None = None
        if mode in ("fused", "dense"):
            similarities, ids = self._dense.search(vector[None, :], pool)
            dense = dict(zip(ids[0].tolist(), similarities[0].tolist(), strict=True))
            rankings["dense"] = self._order(dense, excluded)
            scores = dense.__getitem__
        if mode in ("fused", "lexical"):
            bm25 = self._lexical.scores(words(query.utterance))
            best = [i for i in (-bm25).argsort(kind="stable")[:pool].tolist() if bm25[i] > 0]
            rankings["lexical"] = self._order({i: float(bm25[i]) for i in best}, excluded)
            if mode == "lexical":
                scores = lambda i: float(bm25[i])  # noqa: E731
        if mode == "fused":
            fused = reciprocal_rank_fusion(
                [[self.exemplars[i].id for i in r] for r in rankings.values()]
            )
            ranking = [(self._position[id_], score) for id_, score in fused[:k]]
        else:
            assert scores is not None
            ranking = [(i, scores(i)) for i in rankings[mode][:k]]
        places = {name: {i: n for n, i in enumerate(r, start=1)} for name, r in rankings.items()}
        return tuple(
            replace(
                self._hit(i, rank, score, float(self._vectors[i] @ vector)),
                dense_rank=places.get("dense", {}).get(i),
                lexical_rank=places.get("lexical", {}).get(i),
            )
            for rank, (i, score) in enumerate(ranking, start=1)
        )

    def _order(self, scores: Mapping[int, float], excluded: set[int]) -> list[int]:
        kept = [i for i in scores if i not in excluded]
        return sorted(kept, key=lambda i: (-scores[i], self.exemplars[i].id))

    def _excluded(self, query: Query) -> set[int]:
        own = self._position.get(query.exemplar_id) if query.exemplar_id else None
        twins: Sequence[int] = ()
        if query.template is not None:
            twins = self._twins.get((query.template, query.function), ())
        return {*twins, *([] if own is None else [own])}

    def _hit(self, i: int, rank: int, score: float, similarity: float) -> ExemplarHit:
        e = self.exemplars[i]
        return ExemplarHit(
            e.id, e.function, e.template or "", e.utterance, e.arguments, e.spans or (), rank,
            float(score), similarity, mode=e.mode,
        )  # fmt: skip


def indexed(directory: Path) -> int:
    """How many exemplars the saved index holds; errors as ``ModuleIndex.load``."""
    return len(_read_meta(directory)["exemplars"])


def _read_meta(directory: Path) -> dict[str, Any]:
    path = directory / _META
    if not path.is_file():
        raise NotFoundError(
            "There is no index", value=str(directory), remedy="Build it: radu index."
        )
    with _whole(directory):
        meta = read_json(path)
        kinds = {k: type(v) for k, v in dict(meta).items()}
        if kinds != _META_KINDS:
            raise ValueError(f"{_META} isn't what an index has there")
    return dict(meta)


def _read_vectors(
    directory: Path, meta: Mapping[str, Any]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The vectors of the exemplars and of the functions, one each."""
    import numpy as np

    with np.load(directory / _VECTORS, allow_pickle=False) as arrays:
        vectors, descriptions = arrays["exemplars"], arrays["descriptions"]
    rows = len(meta["exemplars"]), len(meta["functions"])
    if (
        vectors.ndim != 2
        or vectors.shape[1:] != descriptions.shape[1:]
        or (len(vectors), len(descriptions)) != rows
        or {vectors.dtype, descriptions.dtype} != {np.dtype(np.float32)}
    ):
        raise ValueError(f"{_VECTORS} doesn't belong to {_META}")
    return vectors, descriptions


@contextmanager
def _whole(directory: Path) -> Iterator[None]:
    """What reading a damaged file raises, as a ``StaleIndexError``: it can be built again."""
    try:
        yield
    except (
        OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError,
        zipfile.BadZipFile, zlib.error, StoreError,
    ) as error:  # fmt: skip
        raise StaleIndexError(
            f"The index in {directory} is damaged ({error})", remedy="Build it again: radu index."
        ) from error


def _faiss(vectors: NDArray[np.float32]) -> Any:
    import faiss
    import numpy as np

    index = faiss.IndexFlatIP(vectors.shape[1])
    if len(vectors):
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    return index


def _indexable(
    schema: Schema, exemplars: Sequence[AnnotatedExemplar]
) -> tuple[list[AnnotatedExemplar], dict[str, int]]:
    left_out: Counter[str] = Counter()
    chosen = []
    for exemplar in sorted(exemplars, key=lambda e: e.id):
        if exemplar.split != "train":
            left_out[f"{exemplar.split} split"] += 1
        elif exemplar.outcome != "resolved":
            left_out["not resolved"] += 1
        elif exemplar.mode == "negative":
            left_out["negative exemplar"] += 1
        elif conflict(schema, exemplar):
            left_out["contradicts the schema"] += 1
        else:
            chosen.append(exemplar)
    return chosen, dict(sorted(left_out.items()))


def _fingerprint(schema: Schema, exemplars: Sequence[AnnotatedExemplar], embedder_name: str) -> str:
    rows = [e.model_dump(mode="json") for e in exemplars]
    return content_hash([_VERSION, schema.hash, embedder_name, rows])
