"""Load: a module's schema and utterances in, the funnel of alignment, everything out again."""

import streamlit as st

from studio import imports_list, load_forms, split_form, trash_views
from studio.page import messages, page

with page(
    "Load",
    "Bring a schema and labelled utterances in. Values are placed at once; what can't be placed "
    "without guessing waits on the Annotate page.",
    needs_module=False,
) as here:
    bring, funnel, splits, export, past, remove = st.tabs(
        ["Utterances", "Outcome", "Splits", "Export", "Earlier imports", "Delete"],
        key="load tab",
    )
    with bring:
        left, right = st.columns([2, 3], gap="large")
        with left, messages():
            load_forms.new_module(here)
        with right, messages():
            load_forms.utterances(here)
    with funnel, messages():
        load_forms.outcome(here)
    with splits, messages():
        split_form.splits(here)
    with export, messages():
        load_forms.export(here)
    with past, messages():
        imports_list.imports(here)
    with remove, messages():
        trash_views.delete(here)
