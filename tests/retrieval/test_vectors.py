"""The cache of vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radu_core.retrieval.vectors import VectorCache


def test_a_cache_that_was_deleted_under_it_is_made_anew(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, "m")
    cache.put({"a": np.zeros(3, np.float32)})
    for file in tmp_path.iterdir():
        file.unlink()
    cache.put({"b": np.ones(3, np.float32)})
    assert VectorCache(tmp_path, "m").get(["a", "b"])["b"].tolist() == [1, 1, 1]
