"""Schema: functions, slots and recognizers in forms, the whole as JSON, and what was."""

import streamlit as st

from studio.frame.layout import open_tab
from studio.frame.navigation import link
from studio.frame.page import messages, page
from studio.schema import changes, history, json_tab
from studio.schema.functions import functions
from studio.schema.module import module, new_module
from studio.schema.recognizers import recognizers

TABS = {
    "Functions": functions,
    "Recognizers": recognizers,
    "Module": module,
    "JSON": json_tab.editor,
    "Versions": history.earlier,
}

with page(
    "Schema",
    "Functions of a module exclude each other in meaning. A slot is filled by a recognizer or by "
    "the model, never by both.",
    needs_module=False,
) as here:
    if not here.module:
        st.info(
            "There is no module yet: a module is a bot's functions and its utterances. "
            "Create one here, load a schema from a file, or begin with the sample project.",
            icon=":material/inbox:",
        )
        link("load", "Load a schema from a file")
        link("home", "Load the sample project")
        new_module(here)
        st.stop()
    version = changes.open_version(here)
    tab = open_tab(list(TABS), key=changes.TAB)
    with messages():
        TABS[tab](version)
    with messages():
        changes.pending(version)
