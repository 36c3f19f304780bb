"""Which examples a template is tried on: pinned by people, kept in the module's settings."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from radu_core.errors import RaduError
from radu_core.workflows.prompts import templates
from radu_core.workflows.prompts.choice import find
from studio.frame.markdown import plain
from studio.frame.page import Page

__all__ = ["manage", "pin_button"]


def manage(here: Page) -> None:
    """A popover: the pinned examples, each with a way to take it off, and a search for more."""
    with st.popover("Pinned examples", icon=":material/push_pin:"):
        pinned_examples = templates.pinned_examples(here.workspace, here.module)
        if not pinned_examples:
            st.caption(
                "Nothing is pinned, so a few different examples are chosen. Pin examples to see "
                "them at every edit; everybody sees the same ones."
            )
        for id in pinned_examples:
            st.button(
                plain(id),
                key=f"unpin {id}",
                icon=":material/close:",
                help="Unpin it.",
                on_click=_pin,
                args=(here, [k for k in pinned_examples if k != id]),
            )
        search = st.text_input("Find more", key="pin search", placeholder="words, a value, an id")
        if search:
            for one in find(here.workspace, here.module, search, limit=5):
                st.button(
                    plain(f"{one.utterance[:60]} · {one.id}"),
                    key=f"pin {one.id}",
                    icon=":material/add:",
                    disabled=one.id in pinned_examples,
                    on_click=_pin,
                    args=(here, [*pinned_examples, one.id]),
                )


def pin_button(here: Page, id: str) -> None:
    """Pin the exemplar that is shown, so that templates are tried on it."""
    pinned_examples = templates.pinned_examples(here.workspace, here.module)
    is_pinned = id in pinned_examples
    st.button(
        "Pinned" if is_pinned else "Pin for templates",
        icon=":material/push_pin:",
        disabled=is_pinned,
        on_click=_pin,
        args=(here, [*pinned_examples, id]),
        help="Show it beneath the template editor.",
    )


def _pin(here: Page, ids: Sequence[str]) -> None:
    try:
        templates.pin(here.workspace, here.module, ids, who=here.who)
    except RaduError as error:
        st.session_state["template failed"] = str(error)
