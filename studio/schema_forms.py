"""The parts of the Schema page."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from radu_core.workflows.schema import SchemaView, check_text, earlier_schemas, save_schema
from radu_core.workflows.schema_cost import schema_cost
from studio.markdown import plain
from studio.page import Page, messages

__all__ = ["asked", "earlier", "editor", "functions", "recognizers"]


def functions(shown: SchemaView) -> None:
    """What lint says, then every function with its slots."""
    for finding in shown.findings:
        mark = st.warning if finding.level == "warning" else st.info
        mark(plain(f"{finding.where}: {finding.what}. {finding.remedy}"))
    asked = st.query_params.get("function")  # a link to one: it comes first
    for function in sorted(shown.schema.functions, key=lambda f: f.name != asked):
        count = shown.labelled[function.name]
        with st.expander(f"**{plain(function.name)}** · {count} utterances", expanded=True):
            st.markdown(plain(function.description) or "*No description: retrieval needs one.*")
            slots = [
                {
                    "slot": s.name,
                    "description": s.description,
                    "type": s.type + (" (several)" if s.multi_value else ""),
                    "required": s.required,
                    "values": ", ".join(str(v) for v in s.possible_values),
                    "filled by": s.recognizer or "the model",
                }
                for s in function.slots
            ]
            if slots:
                st.dataframe(pd.DataFrame(slots), hide_index=True)


def recognizers(shown: SchemaView) -> None:
    """Every recognizer with its labels or its pattern."""
    if not shown.schema.recognizers:
        st.info("This module has no recognizers: the model fills every slot.")
    for recognizer in shown.schema.recognizers:
        with st.expander(f"**{plain(recognizer.name)}** · {recognizer.kind}", expanded=True):
            st.json(recognizer.model_dump(), expanded=2)


def editor(here: Page, shown: SchemaView) -> None:
    """The schema as JSON. Saving asks first when something would be lost by it."""
    with st.form("schema", border=False):
        text = st.text_area("Schema as JSON", shown.text, height=480)
        if st.form_submit_button("Save", type="primary"):
            with messages():
                _put(here, text or "")


def earlier(here: Page) -> None:
    """The schemas that the module has had, newest first, each to be put back."""
    found = earlier_schemas(here.workspace, here.module)
    if not found:
        st.info("This is the module's first schema.")
    for version, text in found:
        count = len(version.schema.functions)
        when = f"{version.at:%Y-%m-%d %H:%M}"
        with st.expander(
            f"Version {version.number} of {when}, by {plain(version.who)} · {count} functions"
        ):
            if st.button("Restore", icon=":material/history:", key=f"restore {version.number}"):
                with messages():
                    _put(here, text)
            st.code(text, language="json", height=320)


def _put(here: Page, text: str) -> None:
    """Save a schema at once if nothing is lost by it; otherwise ``asked`` asks."""
    if schema_cost(here.workspace.store, check_text(text, module=here.module)):
        st.session_state["schema asked"] = (here.module, text)
    else:
        _save(here, text)
    st.rerun()


def _save(here: Page, text: str) -> None:
    changed, funnel = save_schema(here.workspace, here.module, text, who=here.who)
    st.session_state["schema saved"] = (
        f"Saved. {funnel.changed} utterances changed their outcome."
        if changed
        else "Nothing had changed."
    )


def asked(here: Page) -> None:
    """What saving would cost, to be confirmed, and what the last saving did."""
    if "schema saved" in st.session_state:
        st.success(st.session_state.pop("schema saved"))
    module, text = st.session_state.get("schema asked", ("", ""))
    if module != here.module:
        return
    cost = schema_cost(here.workspace.store, check_text(text, module=module))
    with st.container(border=True):
        st.warning(
            f"{plain(cost)} The schema in use can be restored under “Earlier”.",
            icon=":material/warning:",
        )
        with st.container(horizontal=True):
            if st.button("Replace the schema", type="primary", key="replace schema"):
                with messages():
                    _save(here, text)
                    st.session_state.pop("schema asked")
                    st.rerun()
            if st.button("Leave it as it is", key="leave schema"):
                st.session_state.pop("schema asked")
                st.rerun()
