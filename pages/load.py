"""Load: a module's schema and utterances in, the funnel of alignment, everything out again."""

import streamlit as st

from studio import load_forms
from studio.page import messages, page

with page(
    "Load",
    "Bring a schema and labelled utterances in. Values are placed at once; what can't be placed "
    "without guessing waits on the Annotate page.",
    needs_module=False,
) as here:
    bring, funnel, export, past = st.tabs(
        ["Utterances", "Outcome", "Export", "Earlier imports"],
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
    with export, messages():
        load_forms.export(here)
    with past, messages():
        load_forms.imports(here)
