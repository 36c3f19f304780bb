"""The studio's pages, in the order of the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

__all__ = ["navigation"]

_PAGES = Path(__file__).parents[1] / "pages"
_ICONS = {
    "home": "home",
    "load": "upload_file",
    "schema": "schema",
    "annotate": "edit_note",
    "coverage": "grid_on",
    "prompts": "chat",
    "train": "model_training",
    "evaluate": "fact_check",
}


def navigation() -> Any:
    """Declare the pages; returns the one that was asked for, to be run."""
    return st.navigation(
        [
            st.Page(
                _PAGES / f"{name}.py",
                title=name.capitalize(),
                icon=f":material/{icon}:",
                default=name == "home",
            )
            for name, icon in _ICONS.items()
        ]
    )
