"""Prompts: what the model is shown and taught, for any utterance and strategy."""

import streamlit as st

from radu_core.workflows.prompts import preview
from studio import prompt_choice, prompt_preview, template_editor
from studio.layout import open_tab
from studio.negative_forms import negatives
from studio.page import Page, messages, page


def rendered(here: Page) -> None:
    """The rows that an utterance becomes."""
    choice = prompt_choice.choose(here)
    if choice is None:
        st.info("Type an utterance, or choose one that is loaded.")
        return
    with prompt_preview.retrieving(here) as progress:
        shown = preview(here.workspace, here.module, progress=progress, **choice)
    prompt_preview.shown_rows(here, shown)


with page(
    "Prompts",
    "The same functions make these rows, the dataset's and the prompts at inference.",
) as here:
    tabs = {
        "Preview": rendered,
        "Templates": lambda here: template_editor.editor(here, prompt_choice.settings(here)),
        "Negatives": negatives,
    }
    tab = open_tab(list(tabs), key="prompts tab")
    with messages():
        tabs[tab](here)
