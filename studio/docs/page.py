"""A page of the docs, and the search over all of them."""

from __future__ import annotations

import itertools

import streamlit as st

from studio.docs.library import FIRST, Document, address, documents, search
from studio.frame.markdown import plain

__all__ = ["choose", "results", "show"]

_MOST = 30  # results that are listed
_HEADINGS = {1: st.title, 2: st.header, 3: st.subheader}


def choose() -> tuple[Document, str]:
    """The page that the address asks for, and what is searched for."""
    pages = documents()
    name = st.query_params.get("page", FIRST)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        # A link that reloads: an address of its own for each page, and "back" leads back.
        st.markdown(
            f'<a href="{address(FIRST)}" target="_self">All docs</a>', unsafe_allow_html=True
        )
    words = right.text_input("Search the docs", placeholder="confidence, --module …")
    if name not in pages:
        st.warning(plain(f"There is no page {name[:80]} in the docs. Choose one below, or search."))
    return pages.get(name, pages[FIRST]), words


def results(words: str) -> None:
    """The sections that hold every word, each as a link."""
    hits = list(itertools.islice(search(words), _MOST + 1))
    if not hits:
        st.info(plain(f"No section holds all of: {words}"))
        return
    lines = [
        f'- <a href="{address(document.name, section.anchor)}" target="_self">'
        f"{document.title}: {section.title}</a>"
        for document, section in hits[:_MOST]
    ]
    st.markdown("\n".join(lines), unsafe_allow_html=True)
    if len(hits) > _MOST:
        st.caption(f"The first {_MOST} are shown. Add a word to find fewer.")


def show(document: Document) -> None:
    """The page itself; its headings are the anchors that links lead to."""
    with st.container(width=880):
        for section in document.sections:
            _HEADINGS[section.level](section.title, anchor=section.anchor)
            if section.text:
                st.markdown(section.text, unsafe_allow_html=True)
