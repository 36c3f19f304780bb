"""The field for a slot's value, by its type."""

from __future__ import annotations

import streamlit as st

from radu_core.schema import Slot
from studio.frame.markdown import plain

__all__ = ["value_input"]


def value_input(slot: Slot, key: str) -> str | list[str]:
    """What is typed for a slot: one of its values, several, or words."""
    label = plain(slot.name) + (" (required)" if slot.required else "")
    values_known = [str(v) for v in slot.possible_values]
    about = plain(slot.description) if slot.description else None
    if slot.type == "boolean" and not values_known:
        values_known = ["true", "false"]
    if slot.multi_value:
        return st.multiselect(
            label,
            values_known,
            key=key,
            help=about,
            accept_new_options=not slot.possible_values,
            placeholder="none; type one and press Enter",
        )
    if values_known:
        return (
            st.selectbox(label, values_known, index=None, key=key, help=about, placeholder="none")
            or ""
        )
    return st.text_input(label, key=key, help=about, placeholder=_hint(slot)) or ""


def _hint(slot: Slot) -> str:
    hints = {"date": "2026-03-02", "time": "19:30", "integer": "a whole number", "number": "1.5"}
    return hints.get(slot.type, "none")
