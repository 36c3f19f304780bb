"""Schema: functions, slots and recognizers, what lint says of them, and an editor."""

import pandas as pd
import streamlit as st

from radu_core.workflows.schema import save_schema, view
from studio.page import messages, page

with page(
    "Schema",
    "Functions of a module exclude each other in meaning. A slot is filled by a recognizer or by "
    "the model, never by both.",
) as here:
    shown = view(here.workspace, here.module)
    functions, recognizers, edit = st.tabs(["Functions", "Recognizers", "Edit"], key="schema tab")
    with functions:
        for finding in shown.findings:
            mark = st.warning if finding.level == "warning" else st.info
            mark(f"{finding.where}: {finding.what}. {finding.remedy}")
        for function in shown.schema.functions:
            count = shown.labelled[function.name]
            with st.expander(f"**{function.name}** · {count} utterances", expanded=True):
                st.write(function.description or "*No description: retrieval needs one.*")
                slots = [
                    {
                        "slot": s.name,
                        "description": s.description,
                        "type": s.type + (" (several)" if s.multi_value else ""),
                        "required": s.required,
                        "values": ", ".join(s.possible_values),
                        "filled by": s.recognizer or "the model",
                    }
                    for s in function.slots
                ]
                if slots:
                    st.dataframe(pd.DataFrame(slots), hide_index=True)
    with recognizers:
        if not shown.schema.recognizers:
            st.info("This module has no recognizers: the model fills every slot.")
        for recognizer in shown.schema.recognizers:
            with st.expander(f"**{recognizer.name}** · {recognizer.kind}", expanded=True):
                st.json(recognizer.model_dump(), expanded=2)
    with edit, st.form("schema", border=False):
        text = st.text_area("Schema as JSON", shown.text, height=480)
        if st.form_submit_button("Save", type="primary"):
            with messages():
                changed, funnel = save_schema(here.workspace, here.module, text or "", who=here.who)
                st.success(
                    f"Saved. {funnel.changed} utterances changed their outcome."
                    if changed
                    else "Nothing had changed."
                )
