"""Prompts: what the model is shown and taught, for any utterance and strategy."""

import streamlit as st

from radu_core.prompts import STRATEGIES
from radu_core.workflows.prompts import preview
from studio import prompt_forms as forms
from studio.negative_forms import negatives
from studio.page import messages, page

with page(
    "Prompts",
    "The same functions make these rows, the dataset's and the prompts at inference.",
) as here:
    names = ["Preview", "Templates", "Negatives"]
    rendered, templates, mined = st.tabs(names, key="prompts tab", on_change="rerun")
    if mined.open:
        with mined, messages():
            negatives(here)
    with templates, messages():
        forms.templates(here)
    with rendered, messages():
        choice = forms.choose(here, STRATEGIES)
        if choice is None:
            st.info("Type an utterance, or choose one that is loaded.")
        else:
            with st.spinner("Retrieving …"):
                shown = preview(here.workspace, here.module, **choice)
            forms.shown_rows(shown)
