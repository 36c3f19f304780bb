"""A fast model's run, fitted in a few steps on a tiny encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tiny_encoder import make_tiny_encoder

from radu_core.retrieval import RetrievalSettings
from radu_core.workflows.coverage.indexing import set_retrieval
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train import fit as workflow
from radu_core.workflows.train.fit import fit

__all__ = ["fit_fast"]


def fit_fast(space: Workspace, module: str, place: Path, texts: Sequence[str]) -> str:
    """The id of a run of ``module``; its encoder, of the words in ``texts``, lies in ``place``."""
    encoder = make_tiny_encoder(place / "encoder", list(texts))
    set_retrieval(space, module, RetrievalSettings(embedder=str(encoder)), who="test")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow, "_MOST_EPOCHS", 4.0)
        return fit(space, module, who="test").run
