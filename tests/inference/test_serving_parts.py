"""How a run parses: as the rows that it was trained on were made."""

from __future__ import annotations

from typing import Any

import pytest

from radu_core.dataset import DatasetConfig, Manifest
from radu_core.inference.serving_parts import Serving


@pytest.mark.parametrize(
    ("counts", "drawn", "reads"),
    [
        ({"rag/positive": 9, "yes_no/positive": 2}, None, True),
        ({"rag/positive": 9}, None, False),  # no training row answers a question
        ({"rag/positive": 9, "yes_no/positive": 0}, None, False),
        ({"rag/positive": 9, "yes_no/positive": 2}, ("rag", "yes_no"), True),
        ({"rag/positive": 9, "yes_no/positive": 2}, ("rag",), False),  # its weight was 0
        ({"rag/positive": 9}, ("rag",), False),
    ],
)
def test_an_answer_is_read_only_by_a_model_that_was_taught_to(
    counts: dict[str, int], drawn: tuple[str, ...] | None, reads: bool
) -> None:
    config = DatasetConfig.of(strategies=("rag", "yes_no"))
    counted = {"train": counts, "validation": {"yes_no/positive": 5}}
    manifest = Manifest.model_construct(config=config, counts=counted)
    unused: Any = None
    parts = Serving(unused, unused, unused, manifest, drawn=drawn)
    assert parts.settings.reads_answers is reads
