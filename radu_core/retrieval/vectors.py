"""Vectors by the hash of what was embedded, a SQLite file per model; losing it costs time only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from radu_core.errors import DiskFullError, StoreError
from radu_core.files import disk_errors, is_full

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["VectorCache"]

_MOST_MARKS = 500  # of one statement; SQLite takes 999 at least
_IN_MEMORY = 50_000  # vectors; 75 MiB at 384 dimensions


class VectorCache:
    """Keys → float32 vectors, in memory and in ``<directory>/<name>.sqlite``."""

    def __init__(self, directory: Path, name: str) -> None:
        with disk_errors(directory):
            directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / f"{name}.sqlite"
        self._recent: dict[str, NDArray[np.float32]] = {}
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode = WAL")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A transaction on the cache, closed at its end."""
        try:
            with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute(  # each time: somebody may delete the file under a studio
                    "CREATE TABLE IF NOT EXISTS vector (key TEXT PRIMARY KEY, data BLOB)"
                )
                yield connection
        except sqlite3.Error as error:
            if "full" in str(error) or is_full(self._path):
                raise DiskFullError(
                    f"No space left for the embeddings in {self._path}",
                    remedy="Free some, then try again; nothing is lost.",
                ) from error
            raise StoreError(
                f"The cache of embeddings {self._path} can't be used ({error})",
                remedy="Try again. If it fails again, delete that file: it is only a cache.",
            ) from error

    def get(self, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors of those keys that are known."""
        import numpy as np

        recent = self._recent
        vectors = {k: recent[k] for k in keys if k in recent}
        unknown = [k for k in dict.fromkeys(keys) if k not in vectors]
        if not unknown:
            return vectors
        read: dict[str, NDArray[np.float32]] = {}
        with self._open() as connection:
            for start in range(0, len(unknown), _MOST_MARKS):
                some = unknown[start : start + _MOST_MARKS]
                marks = ",".join("?" * len(some))
                rows = connection.execute(
                    f"SELECT key, data FROM vector WHERE key IN ({marks})", some
                )
                read.update((k, np.frombuffer(d, dtype=np.float32)) for k, d in rows)
        self._remember(read)
        return vectors | read

    def put(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors; those that are known stay as they are."""
        with self._open() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO vector VALUES (?, ?)",
                [(key, vector.tobytes()) for key, vector in vectors.items()],
            )
        self._remember(vectors)

    def _remember(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        if len(self._recent) + len(vectors) > _IN_MEMORY:
            self._recent = {}
        if len(vectors) <= _IN_MEMORY:
            self._recent.update(vectors)
