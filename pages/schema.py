"""Schema: functions, slots and recognizers in forms, the whole as JSON, and what was."""

import streamlit as st

from studio import (
    schema_changes,
    schema_functions,
    schema_history,
    schema_json,
    schema_module,
    schema_recognizers,
)
from studio.layout import open_tab
from studio.navigation import link
from studio.page import messages, page

TABS = {
    "Functions": schema_functions.functions,
    "Recognizers": schema_recognizers.recognizers,
    "Module": schema_module.module,
    "JSON": schema_json.editor,
    "Earlier": schema_history.earlier,
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
        schema_module.new_module(here)
        st.stop()
    shown = schema_changes.opened(here)
    tab = open_tab(list(TABS), key=schema_changes.TAB)
    with messages():
        TABS[tab](shown)
    with messages():
        schema_changes.pending(shown)
