"""Schema: functions, slots and recognizers, what lint says of them, an editor, and what was."""

import streamlit as st

from radu_core.workflows.schema import view
from studio import schema_forms as forms
from studio.page import messages, page

with page(
    "Schema",
    "Functions of a module exclude each other in meaning. A slot is filled by a recognizer or by "
    "the model, never by both.",
) as here:
    shown = view(here.workspace, here.module)
    forms.asked(here)
    functions, recognizers, edit, earlier = st.tabs(
        ["Functions", "Recognizers", "Edit", "Earlier"], key="schema tab"
    )
    with functions, messages():
        forms.functions(shown)
    with recognizers, messages():
        forms.recognizers(shown)
    with edit, messages():
        forms.editor(here, shown)
    with earlier, messages():
        forms.earlier(here)
