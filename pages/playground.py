"""Playground: talk to a finished run, or to two side by side."""

import streamlit as st

from radu_core.workflows.frame.run_list import module_at_work
from radu_core.workflows.playground.ask import models
from studio.frame.layout import open_tab
from studio.frame.navigation import link
from studio.frame.page import messages, page
from studio.playground import snippets
from studio.playground.page import choose, conversation

with page(
    "Playground",
    "Ask a finished run, or two side by side: the call, why it is that one, and what to do where "
    "it is wrong.",
    opens_on=module_at_work,
) as here:
    models_here = models(here.workspace, here.module)
    if not models_here:
        st.info("No run of this module that answers utterances has finished yet.")
        link("train", "Launch one")
    tab = open_tab(["Ask", "Use it in an app"], key="playground tab")
    models_chosen, context = choose(here, models_here)
    with messages():
        if tab == "Ask":
            conversation(here, models_chosen, context)
        else:
            snippets.snippets(here, models_chosen, models_here)
