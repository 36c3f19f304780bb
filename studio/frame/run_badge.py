"""The colour of a run's state, wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit as st

__all__ = ["run_badge", "state_colour"]

Colour = Literal["green", "red", "orange", "gray", "blue"]
_COLOURS: Mapping[str, Colour] = {
    "finished": "green",
    "failed": "red",
    "lost": "red",
    "damaged": "red",
    "stopped": "orange",
    "queued": "gray",
}


def state_colour(state: str) -> Colour:
    """The colour of a run's state; blue while it is under way."""
    return _COLOURS.get(state, "blue")


def run_badge(state: str) -> None:
    """A run's state as a badge."""
    st.badge(state, color=state_colour(state))
