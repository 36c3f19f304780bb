"""The studio's pages, in the order of the work, and links between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

__all__ = ["asked_for", "go_to", "link", "link_to_prompt", "navigation"]

_PAGES = Path(__file__).parents[2] / "pages"
_ICONS = {
    "home": "home",
    "load": "upload_file",
    "schema": "schema",
    "annotate": "edit_note",
    "coverage": "grid_on",
    "overlap": "join_inner",
    "prompts": "chat",
    "train": "model_training",
    "evaluate": "fact_check",
    "playground": "forum",
}


def _page(name: str) -> Any:
    return st.Page(
        _PAGES / f"{name}.py",
        title=name.capitalize(),
        icon=f":material/{_ICONS[name]}:",
        default=name == "home",
    )


def navigation() -> Any:
    """Declare the pages; returns the one that was asked for, to be run."""
    return st.navigation([_page(name) for name in _ICONS])


def link(name: str, label: str, **query: str) -> None:
    """A link to the page ``name``, with its icon; ``query`` is what its address says besides."""
    st.page_link(_page(name), label=label, query_params=query)


def link_to_prompt(module: str, exemplar_id: str, label: str, *, strategy: str = "rag") -> None:
    """A link to the prompt of an exemplar, as ``strategy`` makes it."""
    link("prompts", label, module=module, exemplar=exemplar_id, strategy=strategy)


def asked_for(name: str, among: Sequence[str]) -> int:
    """Where in a choice is what the page's address asks for under ``name``; else its first."""
    asked = st.query_params.get(name)
    return next((n for n, one in enumerate(among) if one == asked), 0)


def go_to(name: str) -> None:
    """Leave this page for the page ``name``."""
    st.switch_page(_page(name))
