"""The studio's pages, in the order of the work, and links between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import streamlit as st

__all__ = [
    "DOCS",
    "docs_link",
    "go_to",
    "link",
    "link_back",
    "link_to_prompt",
    "navigation",
]

_PAGES = Path(__file__).parents[2] / "pages"
_ICONS = {
    "home": "home",
    "load": "upload_file",
    "schema": "schema",
    "utterances": "table_rows",
    "annotate": "edit_note",
    "coverage": "grid_on",
    "overlap": "join_inner",
    "prompts": "chat",
    "train": "model_training",
    "evaluate": "fact_check",
    "playground": "forum",
    "docs": "menu_book",
}
# The page of the docs that each page links to.
DOCS = {
    "home": "index",
    "load": "how-to/load",
    "schema": "how-to/schema",
    "utterances": "how-to/utterances",
    "annotate": "how-to/annotate",
    "coverage": "how-to/coverage",
    "overlap": "how-to/overlap",
    "prompts": "how-to/prompts",
    "train": "how-to/train",
    "evaluate": "how-to/evaluate",
    "playground": "how-to/playground",
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


def link(
    name: str,
    label: str,
    *,
    back: tuple[str, dict[str, str]] | None = None,
    icon: str | None = None,
    **query: str,
) -> None:
    """A link to the page ``name``, with its icon if no other is given.

    ``query`` is what its address says besides, ``back`` is the page, with its own
    query, that ``link_back`` leads to from there.
    """
    if back is not None:
        query["back"] = f"{back[0]}?{urlencode(back[1])}"
    st.page_link(_page(name), label=label, icon=icon, query_params=query)


def docs_link(title: str) -> None:
    """A link to what the docs say of the page with this title, in a tab of its own."""
    name = DOCS.get(title.lower(), DOCS["home"])
    st.markdown(f":material/menu_book: [Docs](docs?page={name})", width="content")


def link_back() -> None:
    """A link to where the page's address says that one came from, if it says so."""
    name, _, query = st.query_params.get("back", "").partition("?")
    if name in _ICONS:
        st.page_link(
            _page(name),
            label=f"Back to {name.capitalize()}",
            icon=":material/arrow_back:",
            query_params=dict(parse_qsl(query)),
        )


def link_to_prompt(module: str, exemplar_id: str, label: str, *, strategy: str = "rag") -> None:
    """A link to the prompt of an exemplar, as ``strategy`` makes it."""
    link("prompts", label, module=module, exemplar=exemplar_id, strategy=strategy)


def go_to(name: str) -> None:
    """Leave this page for the page ``name``."""
    st.switch_page(_page(name))
