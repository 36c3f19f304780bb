"""What tests of pages share: a workspace that the pages open too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import streamlit as st
from fakes import HashEmbedder, WordTokenizer

from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.prompts import preview as prompts

Uses = Callable[..., Workspace]


@pytest.fixture
def pages_use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Uses]:
    """Let the pages open a workspace, as ``who``; no model is needed."""

    def use(workspace: Workspace, *, who: str = "ann") -> Workspace:
        monkeypatch.setenv("RADU_HOME", str(workspace.home))
        monkeypatch.setenv("RADU_USER", who)
        monkeypatch.delenv("RADU_DATABASE_URL", raising=False)
        monkeypatch.setattr(Workspace, "embedder", lambda *_, **__: HashEmbedder())
        monkeypatch.setattr(Workspace, "tokenizer", lambda *_, **__: WordTokenizer())
        monkeypatch.setattr(prompts, "token_counter", lambda _: lambda text: len(text.split()))
        return workspace

    st.cache_resource.clear()
    yield use
    st.cache_resource.clear()
