"""The module itself: description, reference date; and a new module without a file."""

from __future__ import annotations

from datetime import date

import streamlit as st

from radu_core.workflows.schema import edits
from radu_core.workflows.schema.module import create_module
from studio.frame.markdown import plain
from studio.frame.page import Page, messages
from studio.schema.state import Shown, propose, widget_key

__all__ = ["module", "new_module"]

_FIRST, _LAST = date(1900, 1, 1), date(2200, 12, 31)
_NONE, _DAY = "none", "a day"


def module(page: Shown) -> None:
    """Description and reference date, and a form for another module."""
    base = page.base
    key = widget_key(base.module, base.description, base.reference_date)
    st.markdown(f"**{plain(base.module)}** · language {plain(base.language)}")
    description = st.text_area(
        "Description",
        base.description,
        key=f"module description {key}",
        height=100,
        help="What the bot is for, in a sentence.",
    )
    kind = st.radio(
        "Reference date",
        [_NONE, _DAY],
        index=int(base.reference_date is not None),
        horizontal=True,
        key=f"module dated {key}",
        help="The day that “tomorrow” and “next Friday” count from in this module's utterances.",
    )
    day = None
    if kind == _DAY:
        reference_date = base.reference_date or date.today()
        day = st.date_input(
            "Day",
            reference_date,
            min(_FIRST, reference_date),
            max(_LAST, reference_date),
            format="YYYY-MM-DD",
            key=f"module day {key}",
        )
    if st.button("Save module", key=f"save module {key}"):
        mine = edits.change_module(base, description=description.strip(), reference_date=day)
        propose(page, mine, "Changed the module's description or reference date")
    with st.expander("New module", icon=":material/add:"):
        new_module(page.here)


def new_module(here: Page) -> None:
    """A form that makes a module with one function, without a file."""
    with st.form("new module", border=True):
        name = st.text_input(
            "Module id",
            placeholder="acme_travel_en",
            help=plain(
                "<org>_<bot>_<language>: lower-case letters and digits, the language in 2 or 3 "
                "letters."
            ),
        )
        function = st.text_input(
            "First function",
            placeholder="book_flight",
            help="You can add more later.",
        )
        description = st.text_area(
            "Its description",
            placeholder="Buy a plane ticket between two cities.",
            height=80,
            help="One sentence on what it does and doesn't do.",
        )
        if st.form_submit_button("Create module", icon=":material/add:"):
            with messages():
                schema = create_module(
                    here.workspace,
                    name.strip(),
                    function,
                    description=description.strip(),
                    who=here.who,
                )
                st.session_state["module"] = schema.module
                st.session_state["schema said"] = f"Created {schema.module}. Now its functions."
                st.rerun()
