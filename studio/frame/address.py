"""What a page's address asks for, and messages about what isn't there."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NoReturn

import streamlit as st

from studio.frame.markdown import plain

__all__ = ["leave_module", "position", "read_address", "show_unknown", "tell_unknown"]

_UNKNOWN, _PAGE = "address unknown", "address page"  # in the session
_LONGEST = 80  # characters of what was asked for
# What an address asks for that only its module has.
_OF_MODULE = ("add", "answer", "exemplar", "function", "item", "label", "row", "run", "slot")


def show_unknown(page: str) -> None:
    """Say what the address of ``page`` asked for in vain, until it is closed or the page left."""
    if st.session_state.get(_PAGE) != page:
        st.session_state[_PAGE], st.session_state[_UNKNOWN] = page, {}
    told_keys = st.session_state[_UNKNOWN]
    if told_keys:
        with st.container(horizontal=True, vertical_alignment="center"):
            text = "  \n".join(plain(text) for text in told_keys.values())
            st.warning(text, icon=":material/link_off:", width="stretch")
            st.button("Close", key="close unknown address", on_click=told_keys.clear)


def leave_module() -> None:
    """Ask for nothing of the module that was open, once another is chosen.

    Else the page would report its run or utterance as missing, though nobody asked for it here.
    """
    for name in _OF_MODULE:
        st.query_params.pop(name, None)


def tell_unknown(name: str, problem: str, remedy: str) -> NoReturn:
    """Draw the page again, with a message about what of ``name`` in the address is wrong.

    ``remedy`` says what to do. The address asks for it no more.
    """
    st.query_params.pop(name, None)
    st.session_state.setdefault(_UNKNOWN, {})[name] = f"{problem} {remedy}"
    st.rerun()


def read_address(name: str, among: Container[str], *, what: str, remedy: str) -> str:
    """What the address asks for under ``name``, if it is ``among`` what there is.

    "" if it asks for nothing. ``what`` names such a thing ("run"), ``remedy`` says where
    to choose one.
    """
    value = st.query_params.get(name, "")
    if value and value not in among:
        tell_unknown(name, f"There is no {what} {value[:_LONGEST]} here.", remedy)
    return value


def position(name: str, among: Sequence[str], *, what: str, remedy: str) -> int:
    """Where in a choice is what the address asks for; else its first."""
    value = read_address(name, among, what=what, remedy=remedy)
    return among.index(value) if value else 0
