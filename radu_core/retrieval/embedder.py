"""Texts → vectors, cached by model and content, so that one edit embeds one text."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from radu_core.errors import DiskFullError, StoreError
from radu_core.files import disk_errors, is_full
from radu_core.models import loading
from radu_core.progress import Progress, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Embedder", "SentenceEmbedder", "Side"]

Side = Literal["query", "passage", "symmetric"]
_BATCH = 64


class Embedder(Protocol):
    """Turns texts into ``(n, dim)`` float32 vectors, L2-normalised, in the texts' order."""

    name: str

    def embed(
        self, texts: Sequence[str], *, side: Side = "symmetric", progress: Progress = silent
    ) -> NDArray[np.float32]: ...


class SentenceEmbedder:
    """A sentence-transformers model in a local directory, loaded on first need.

    ``side`` selects the model's own query or passage prompt, where it has one. Vectors are cached
    in one SQLite file per model under ``cache``; the key is the SHA-256 of side and text.
    """

    def __init__(self, directory: Path, *, name: str, cache: Path | None = None) -> None:
        self.name = name
        self._directory = directory
        self._cache = None if cache is None else _VectorCache(cache, name)
        self._model: Any = None
        self._lock = threading.RLock()

    def embed(
        self, texts: Sequence[str], *, side: Side = "symmetric", progress: Progress = silent
    ) -> NDArray[np.float32]:
        """``(len(texts), dim)`` float32, L2-normalised. Only texts not cached are embedded."""
        import numpy as np

        keys = [_key(side, text) for text in texts]
        with self._lock:
            known = self._cache.get(keys) if self._cache else {}
            missing = sorted(
                {k: t for k, t in zip(keys, texts, strict=True) if k not in known}.items(),
                key=lambda item: (len(item[1]), item[0]),
            )
            if missing and self._model is None:
                progress("Loading the embedding model", 0, 0)
            for start in range(0, len(missing), _BATCH):
                progress("Embedding", start, len(missing))
                batch = missing[start : start + _BATCH]
                vectors = self._encode([text for _, text in batch], side)
                fresh = dict(zip([k for k, _ in batch], vectors, strict=True))
                if self._cache:
                    self._cache.put(fresh)  # so that stopping loses one batch at most
                known.update(fresh)
            if missing:
                progress("Embedding", len(missing), len(missing))
        if not keys:
            return np.zeros((0, self.dim), dtype=np.float32)
        return np.stack([known[k] for k in keys])

    @property
    def dim(self) -> int:
        """The vectors' length."""
        return int(self._loaded().get_embedding_dimension())

    def _encode(self, texts: list[str], side: Side) -> NDArray[np.float32]:
        import numpy as np

        model = self._loaded()
        encode = {"query": model.encode_query, "passage": model.encode_document}.get(
            side, model.encode
        )
        vectors = encode(
            texts, batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None:
                from sentence_transformers import SentenceTransformer

                with loading(
                    f"the embedder {self.name} from {self._directory}",
                    remedy="Delete that directory and fetch it again (radu models fetch), or name "
                    "another one.",
                ):
                    self._model = SentenceTransformer(str(self._directory), local_files_only=True)
            return self._model


def _key(side: Side, text: str) -> str:
    return hashlib.sha256(f"{side}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


class _VectorCache:
    """Vectors by key in a SQLite file. Losing it costs time only, so it is written lazily."""

    def __init__(self, directory: Path, name: str) -> None:
        with disk_errors(directory):
            directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / f"{name.replace('/', '--')}.sqlite"
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS vector (key TEXT PRIMARY KEY, data BLOB)"
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A transaction on the cache, closed at its end."""
        try:
            with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
                connection.execute("PRAGMA synchronous = OFF")
                yield connection
        except sqlite3.Error as error:
            if "full" in str(error) or is_full(self._path):
                raise DiskFullError(
                    f"No space left for the embeddings in {self._path}",
                    remedy="Free some, then try again; nothing is lost.",
                ) from error
            raise StoreError(
                f"The cache of embeddings {self._path} can't be used ({error})",
                remedy="Try again; if it stays so, delete that file: it only saves time.",
            ) from error

    def get(self, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        import numpy as np

        found: dict[str, NDArray[np.float32]] = {}
        unique = list(dict.fromkeys(keys))
        with self._open() as connection:
            for start in range(0, len(unique), 500):
                some = unique[start : start + 500]
                marks = ",".join("?" * len(some))
                rows = connection.execute(
                    f"SELECT key, data FROM vector WHERE key IN ({marks})", some
                )
                found.update((k, np.frombuffer(d, dtype=np.float32)) for k, d in rows)
        return found

    def put(self, vectors: dict[str, NDArray[np.float32]]) -> None:
        with self._open() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO vector VALUES (?, ?)",
                [(key, vector.tobytes()) for key, vector in vectors.items()],
            )
