"""Annotate: one utterance at a time, decided from the keyboard."""

import streamlit as st

from radu_core.workflows.annotate import queue
from studio import annotate_forms as forms
from studio.page import messages, page

with page(
    "Annotate",
    "Keys: 1 to 9 accepts a reading · I implied · K label is right · S skip · U undo · Tab and "
    "Enter for the rest.",
) as here:
    outcomes, search = forms.filters()
    waiting = queue(here.workspace, here.module, outcomes=outcomes, search=search)
    skipped = st.session_state.setdefault(f"skipped {here.module}", [])
    items = [i for i in waiting.items if i.exemplar.id not in skipped]
    forms.progress(here, waiting, len(items), skipped)
    with st.container(horizontal=True, vertical_alignment="center"):
        if items:
            forms.skip(items[0], skipped)
        forms.last_decision(here)
    if not items:
        forms.nothing_left(bool(outcomes or search), skipped)
    else:
        item = items[0]
        with st.container(border=True):
            forms.labels(here, item)
            schema = here.workspace.store.schema(here.module)
            forms.readings(here, item, schema)
        left, right = st.columns([3, 2], gap="medium")
        with left, messages():
            forms.marking(here, item, schema)
        with right, messages():
            forms.correction(here, item, schema)
