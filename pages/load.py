"""Load: a module's schema and utterances in, the funnel of alignment, everything out again."""

import streamlit as st

from studio.frame import trash
from studio.frame.navigation import asked_for
from studio.frame.page import messages, page
from studio.load import forms, split
from studio.load.imports import show_imports

TABS = ("Utterances", "Outcome", "Splits", "Export", "Earlier imports", "Delete")

with page(
    "Load",
    "Import a schema and labelled utterances. Values are located at once; what can't be located "
    "without guessing waits on the Annotate page.",
    needs_module=False,
) as here:
    bring, funnel, splits, export, past, remove = st.tabs(
        TABS, key="load tab", default=TABS[asked_for("tab", TABS)]
    )
    with bring:
        left, right = st.columns([2, 3], gap="large")
        with left, messages():
            forms.new_module(here)
        with right, messages():
            forms.utterances(here)
    with funnel, messages():
        forms.outcome(here)
    with splits, messages():
        split.splits(here)
    with export, messages():
        forms.export(here)
    with past, messages():
        show_imports(here)
    with remove, messages():
        trash.delete(here)
