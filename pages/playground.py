"""Playground: talk to a finished run, or to two side by side."""

from studio.frame.layout import open_tab
from studio.frame.page import messages, page
from studio.playground import snippets
from studio.playground.page import choose, conversation, list_models

with page(
    "Playground",
    "Ask a finished run, or two side by side: the call, why it is that one, and what to do where "
    "it is wrong.",
    opens_on_run=True,
) as here:
    models = list_models(here)
    tab = open_tab(["Ask", "Use it in an app"], key="playground tab")
    models_chosen, context = choose(here, models)
    with messages():
        if tab == "Ask":
            conversation(here, models_chosen, context)
        else:
            snippets.snippets(here, models_chosen, models)
