"""Prompts: what the model is shown and taught, for any utterance and strategy."""

import streamlit as st

from radu_core.workflows.prompts import preview
from studio import prompt_choice, prompt_preview, template_editor
from studio.layout import open_tab
from studio.negative_forms import negatives
from studio.page import messages, page

with page(
    "Prompts",
    "The same functions make these rows, the dataset's and the prompts at inference.",
) as here:
    tab = open_tab(["Preview", "Templates", "Negatives"], key="prompts tab")
    with messages():
        if tab == "Preview":
            choice = prompt_choice.choose(here)
            if choice is None:
                st.info("Type an utterance, or choose one that is loaded.")
            else:
                with prompt_preview.retrieving(here) as progress:
                    shown = preview(here.workspace, here.module, progress=progress, **choice)
                prompt_preview.shown_rows(here, shown)
        elif tab == "Templates":
            template_editor.editor(here, prompt_choice.settings(here))
        else:
            negatives(here)
