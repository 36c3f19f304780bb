"""Prompts: what the model is shown and taught, for any utterance and strategy."""

import streamlit as st

from radu_core.workflows.prompts.preview import preview
from studio.frame.layout import open_tab
from studio.frame.page import Page, messages, page
from studio.prompts import template_editor
from studio.prompts.choice import choose, settings
from studio.prompts.negatives import negatives
from studio.prompts.preview import retrieving, shown_rows


def show_rows(here: Page) -> None:
    """The rows that an utterance becomes."""
    choice = choose(here)
    if choice is None:
        st.info("Type an utterance, or choose a loaded one.")
        return
    with retrieving(here) as progress:
        prompt_preview = preview(here.workspace, here.module, progress=progress, **choice)
    shown_rows(here, prompt_preview)


with page(
    "Prompts",
    "The prompts shown here are exactly those of training and inference.",
) as here:
    tabs = {
        "Preview": show_rows,
        "Templates": lambda here: template_editor.editor(here, settings(here)),
        "Negatives": negatives,
    }
    tab = open_tab(list(tabs), key="prompts tab")
    with messages():
        tabs[tab](here)
