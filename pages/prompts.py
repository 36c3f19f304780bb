"""Prompts: what the model is shown and taught, for any utterance and strategy."""

from studio.frame.layout import open_tab
from studio.frame.page import messages, page
from studio.prompts import template_editor
from studio.prompts.choice import settings
from studio.prompts.negatives import negatives
from studio.prompts.preview import show_rows

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
