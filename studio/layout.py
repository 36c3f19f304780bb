"""Columns that go below each other where the window is too narrow for them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import streamlit as st

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

__all__ = ["side_by_side"]

_NARROW = 1200  # pixels of the window, the sidebar's 300 among them


def side_by_side(
    widths: Sequence[int], *, key: str, gap: Literal["small", "medium", "large"] = "medium"
) -> list[DeltaGenerator]:
    """Columns as ``st.columns`` makes them, each on a row of its own in a window under 1200 px.

    ``key`` names them: lower-case letters and hyphens.
    """
    column = "[data-testid=stHorizontalBlock] > [data-testid=stColumn]"
    rule = f".st-key-{key} > [data-testid=stLayoutWrapper] > {column} {{ min-width: 100%; }}"
    st.html(f"<style>@media (max-width: {_NARROW}px) {{ {rule} }}</style>")
    with st.container(key=key):
        return st.columns(widths, gap=gap)
