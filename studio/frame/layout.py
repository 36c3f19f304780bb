"""Tabs of which the open one alone is made, expanders that stay as left, columns that wrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import streamlit as st

from studio.frame import address

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

__all__ = ["expander", "open_tab", "side_by_side"]

_NARROW = 1200  # pixels of the window, the sidebar's 300 among them


def expander(
    label: str, *, key: str, icon: str | None = None, expanded: bool = False
) -> ExpanderContainer:
    """An expander that is as it was left when it is drawn again after a while, as in a tab.

    Before anybody has touched it, it is ``expanded`` or not.
    """
    first, last = f"{key} first", f"{key} last"
    if key not in st.session_state:
        st.session_state[first] = st.session_state.get(last, expanded)
    part = st.expander(
        label, icon=icon, key=key, on_change="rerun", expanded=st.session_state[first]
    )
    st.session_state[last] = part.open
    return part


def open_tab(names: Sequence[str], *, key: str, label: Callable[[str], str] = str) -> str:
    """The name of the open tab of a row of tabs.

    The script makes what is in it. The one that the address names is opened, once; where none is
    open, the first. Why not ``st.tabs``: docs/decisions/015-tabs.md.
    """
    if address.read_address("tab", names, what="tab", remedy="Choose one below the page's title."):
        st.session_state[key] = st.query_params.pop("tab")
    if st.session_state.get(key) not in names:  # given as a default, it would warn of callbacks
        st.session_state[key] = names[0]
    tab = st.segmented_control(
        "Tabs",
        names,
        key=key,
        format_func=label,
        required=True,
        label_visibility="collapsed",
        persist_state="page",
    )
    assert tab is not None  # one of them always is
    return tab


def side_by_side(
    widths: Sequence[int],
    *,
    key: str,
    gap: Literal["small", "medium", "large"] = "medium",
    border: bool = False,
) -> list[DeltaGenerator]:
    """Columns as ``st.columns`` makes them, each on a row of its own in a window under 1200 px.

    ``key`` names them: lower-case letters and hyphens.
    """
    column = "[data-testid=stHorizontalBlock] > [data-testid=stColumn]"
    rule = f".st-key-{key} > [data-testid=stLayoutWrapper] > {column} {{ min-width: 100%; }}"
    st.html(f"<style>@media (max-width: {_NARROW}px) {{ {rule} }}</style>")
    with st.container(key=key):
        return st.columns(widths, gap=gap, border=border)
