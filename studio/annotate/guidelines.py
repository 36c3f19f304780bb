"""The guidelines of a module: read, and written with a preview beside them."""

from __future__ import annotations

import streamlit as st

from radu_core.workflows.schema.guidelines import LONGEST, guidelines, set_guidelines
from studio.frame.markdown import without_images
from studio.frame.page import Page, messages

__all__ = ["edit_guidelines"]


@st.fragment
def edit_guidelines(here: Page) -> None:
    """What annotators should do in doubt, in Markdown; anybody may change it."""
    text = guidelines(here.workspace, here.module)
    state_key = f"guidelines before {here.module}"  # what the person began to change, while they do
    if state_key in st.session_state:
        _edit(here, state_key)
        return
    if text:
        with st.container(border=True):
            st.markdown(without_images(text))
    else:
        st.caption(
            "There are no guidelines yet. Write down what to do in doubt, where a value ends, and "
            "what is out of scope."
        )
    label = "Change guidelines" if text else "Write guidelines"
    if st.button(label, icon=":material/edit:"):
        st.session_state[state_key] = text
        st.rerun()


def _edit(here: Page, state_key: str) -> None:
    before = st.session_state[state_key]
    left, right = st.columns(2, gap="medium")
    text = left.text_area(
        "Guidelines (Markdown)",
        before,
        height=360,
        max_chars=LONGEST,
        key=f"text {state_key}",
        help="Press Ctrl+Enter to update the preview.",
    )
    right.caption("As annotators see it")
    with right.container(border=True, height=360):
        st.markdown(without_images(text or ""))
    with st.container(horizontal=True):
        save = st.button("Save guidelines", type="primary", icon=":material/check:")
        cancel = st.button("Cancel", key=f"cancel {state_key}")
    with messages():
        if save:
            set_guidelines(here.workspace, here.module, text or "", before=before, who=here.who)
        if save or cancel:
            del st.session_state[state_key]
            st.rerun()
