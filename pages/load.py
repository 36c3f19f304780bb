"""Load: a module's schema and utterances in, the funnel of alignment, everything out again."""

import streamlit as st

from studio.frame import trash
from studio.frame.layout import open_tab
from studio.frame.page import Page, messages, page
from studio.load import forms, split
from studio.load.imports import show_imports
from studio.load.outcome import outcome


def bring(here: Page) -> None:
    """A new module, and its utterances."""
    left, right = st.columns([2, 3], gap="large")
    with left, messages():
        forms.new_module(here)
    with right, messages():
        forms.utterances(here)


TABS = {
    "Utterances": bring,
    "Outcome": outcome,
    "Splits": split.splits,
    "Export": forms.export,
    "Earlier imports": show_imports,
    "Delete": trash.delete,
}

with page(
    "Load",
    "Import a schema and labelled utterances. Values are located at once; what can't be located "
    "without guessing waits on the Annotate page.",
    needs_module=False,
) as here:
    tab = open_tab(list(TABS), key="load tab")
    with messages():
        TABS[tab](here)
