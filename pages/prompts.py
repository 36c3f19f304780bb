"""Prompts: what the model is shown and taught, for any utterance and strategy."""

import streamlit as st

from radu_core.prompts import STRATEGIES
from radu_core.workflows.prompts import preview
from studio import prompt_forms as forms
from studio import show
from studio.page import messages, page

with page(
    "Prompts",
    "The same functions make these rows, the dataset's and the prompts at inference.",
) as here:
    rendered, templates = st.tabs(["Preview", "Templates"], key="prompts tab")
    with rendered:
        choice = forms.choose(here, STRATEGIES)
        with messages(), st.spinner("Retrieving …"):
            if choice is None:
                st.info("Type an utterance, or choose one that is loaded.")
                st.stop()
            shown = preview(here.workspace, here.module, **choice)
        forms.verdict(shown)
        show.legend()
        for made in shown.rows:
            st.caption(
                f"{made.row.strategy} · {made.row.kind} · prompt {made.prompt_tokens} tokens, "
                f"completion {made.completion_tokens} (its end token counted)"
                + (" · negative" if made.row.negative else "")
            )
            show.prompt(made.row)
        forms.negatives(shown)
    with templates, messages():
        forms.templates(here)
