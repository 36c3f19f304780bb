"""The small index that most tests of retrieval ask."""

from __future__ import annotations

import pytest
from fakes import HashEmbedder
from retrieving import exemplars

from radu_core.retrieval import ModuleIndex
from radu_core.schema import Schema


@pytest.fixture
def index(schema: Schema) -> ModuleIndex:
    return ModuleIndex.build(schema, exemplars(), HashEmbedder())
