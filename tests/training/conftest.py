"""A tiny encoder, for tests of runs that tune a retriever."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROWS
from tiny_encoder import make_tiny_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [str(row["utterance"]) for row in ROWS]
    return make_tiny_encoder(tmp_path_factory.mktemp("encoder"), texts)
