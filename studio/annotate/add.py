"""A new utterance, labelled by a person."""

from __future__ import annotations

from typing import cast

import streamlit as st

from radu_core.exemplars import Split
from radu_core.schema import Function
from radu_core.store import StoredExemplar
from radu_core.workflows.load.add import add
from studio.frame import show
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.page import Page, messages
from studio.frame.value_input import value_input

__all__ = ["show_add_form"]

_NONE = "out of scope"
_SPLITS = ("train", "validation", "test")


@st.fragment
def show_add_form(here: Page) -> None:
    """Write an utterance, choose its function, fill its slots; says what became of it."""
    last = st.session_state.get(f"added {here.module}")
    if last is not None:
        _show_added(here, last)
    functions = {f.name: f for f in here.workspace.schema(here.module).functions}
    function_chosen = st.selectbox(
        "Function",
        [_NONE, *functions],
        index=None,
        key="add function",
        placeholder="what it asks for",
    )
    if function_chosen is None:
        return
    function = functions.get(function_chosen)
    if function is not None and function.description:
        st.caption(plain(function.description))
    with messages():
        _form(here, function)


def _form(here: Page, function: Function | None) -> None:
    number = st.session_state.setdefault("add number", 0)  # a new one is an empty form
    key = f"add {number} {function.name if function else ''}"
    with st.form(key, border=True):
        utterance = st.text_area(
            "Utterance", key=f"{key} utterance", height=80, placeholder="as somebody would say it"
        )
        typed = (
            {s.name: value_input(s, f"{key} {s.name}") for s in function.slots} if function else {}
        )
        split = st.segmented_control(
            "Split", _SPLITS, default="train", required=True, key=f"{key} split"
        )
        is_pressed = st.form_submit_button("Add", type="primary", icon=":material/add:")
    if is_pressed:
        st.session_state[f"added {here.module}"] = add(
            here.workspace,
            here.module,
            utterance or "",
            function=function.name if function else None,
            typed=typed,
            split=cast(Split, split),
            who=here.who,
        )
        st.session_state["add number"] += 1
        st.rerun()


def _show_added(here: Page, item: StoredExemplar) -> None:
    """What became of the last one, with the address it can be found at."""
    exemplar = item.exemplar
    tell = st.success if exemplar.outcome == "resolved" else st.warning
    tell(f"Added, and {exemplar.outcome}: {plain(exemplar.reason)}")
    show.utterance(exemplar.utterance, exemplar.spans or (), list(exemplar.arguments))
    link("annotate", "Open it", module=here.module, item=exemplar.id)
