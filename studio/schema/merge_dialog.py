"""Two versions of a schema side by side, and what becomes of both."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from radu_core.errors import SchemaError
from radu_core.schema import Schema
from radu_core.workflows.schema.merge import (
    Difference,
    Merged,
    Side,
    differences,
    merge_schemas,
)
from radu_core.workflows.schema.module import newest_version
from radu_core.workflows.schema.text import as_text
from studio.frame import show
from studio.frame.layout import side_by_side
from studio.frame.markdown import plain
from studio.frame.page import messages
from studio.schema.dialogs import effect, show_diff
from studio.schema.state import Pending, Shown, close, finish, save, saved_by

__all__ = ["conflict"]


@st.dialog("Another version was saved meanwhile", width="large", on_dismiss=close)
def conflict(page: Shown, pending: Pending) -> None:
    """What each changed, both texts, and the choice: both, mine, or theirs."""
    here, base, mine = page.here, pending.base, pending.mine
    assert base is not None
    assert mine is not None
    with messages():
        newest = newest_version(here.workspace, here.module)
        theirs = newest.schema
        st.markdown(
            plain(
                f"{saved_by(newest, here)} at {newest.at:%Y-%m-%d %H:%M} UTC, after you opened "
                "this page. Nothing of what you changed here is saved yet."
            )
        )
        left, right = side_by_side([1, 1], key="schema-versions")
        with left:
            _version("Your changes here", differences(base, mine), mine, pending.number)
        with right:
            title = f"Changes in version {newest.number}"
            _version(title, differences(base, theirs), theirs, "theirs")
        merge = _merge(base, mine, theirs, pending)
        if merge is not None:
            with st.expander("Effect of saving both"):
                effect(page, merge.schema, key=f"both {pending.number}")
                show_diff(theirs, merge.schema)
        _choose(page, pending, merge, theirs)


def _version(title: str, differences: Sequence[Difference], schema: Schema, key: str) -> None:
    st.subheader(plain(title), anchor=False)
    rows = [(d.where, _words(d.one), _words(d.other)) for d in differences]
    st.html(show.table_html(("what", "before", "now"), rows))
    with st.expander("The whole version"):
        st.code(as_text(schema), language="json", line_numbers=True, height=320)


def _words(value: str | None) -> str:
    return "–" if value is None else value


def _merge(base: Schema, mine: Schema, theirs: Schema, pending: Pending) -> Merged | None:
    """Both changes together, as chosen where both changed the same.

    None if they exclude each other.
    """
    try:
        conflicts = merge_schemas(base, mine, theirs).conflicts
        sides = {c.where: _choose_side(c, n, pending) for n, c in enumerate(conflicts)}
        return merge_schemas(base, mine, theirs, choose=sides)
    except SchemaError as error:
        st.warning(plain(f"The two can't be saved together. {error}"), icon=":material/warning:")
        return None


def _choose_side(place: Difference, number: int, pending: Pending) -> Side:
    names: dict[Side, str | None] = {"mine": place.one, "theirs": place.other}
    return st.radio(
        plain(f"Both changed {place.where}"),
        list(names),
        format_func=lambda side: plain(
            f"{'Here' if side == 'mine' else 'Saved'}: {_words(names[side])}"
        ),
        key=f"side {number} {pending.number}",
    )


def _choose(page: Shown, pending: Pending, merge: Merged | None, theirs: Schema) -> None:
    here, mine = page.here, pending.mine
    assert mine is not None
    with st.container(horizontal=True):
        key = f"{pending.number} {theirs.hash[:12]}"  # of the version that was looked at
        if st.button("Save both", type="primary", key=f"both {key}", disabled=merge is None):
            assert merge is not None
            save(here, pending, merge.schema, theirs.hash)
        if st.button(
            "Save mine alone", key=f"mine {key}", help="The other stays under “Versions”."
        ):
            save(here, pending, mine, theirs.hash)
        if st.button("Keep the saved one", key=f"theirs {key}", help="Your changes are dropped."):
            finish(here, "Your change was dropped; the newest version is shown.")
