"""Changes on the Schema page: which version a browser tab works on, and how it is saved.

A tab works on the version that it was opened with (``Shown.base``) until it saves or its user asks
for a newer one. What it saves is checked against that version in the database, so that nothing
that was saved elsewhere meanwhile is overwritten unseen.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from radu_core.workflows.schema.module import newest_version, view
from studio.frame.markdown import plain
from studio.frame.page import Page
from studio.schema import dialogs, merge_dialog
from studio.schema.state import BASE, LINK, PENDING, SAID, TAB, Pending, Shown, keep_base, saved_by

__all__ = ["TAB", "open_version", "pending"]


def open_version(here: Page) -> Shown:
    """The version that this tab works on, and a banner where there is a newer one."""
    current = here.workspace.schema(here.module)
    version_kept = st.session_state.get(BASE)
    # the tab row's state is dropped with the page: without it somebody has just come
    if TAB not in st.session_state or version_kept is None or version_kept[0] != here.module:
        keep_base(here, current)
        for key in (PENDING, LINK):
            st.session_state.pop(key, None)
    base = st.session_state[BASE][1]
    if SAID in st.session_state:
        st.success(plain(st.session_state.pop(SAID)), icon=":material/check:")
    if base.hash != current.hash:
        _newer(here)
    return Shown(here, base, view(here.workspace, here.module, schema=base))


def _newer(here: Page) -> None:
    version = newest_version(here.workspace, here.module)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.warning(
            plain(
                f"{saved_by(version, here)} at {version.at:%H:%M} UTC. You see the version before "
                "it; both are compared before you save."
            ),
            icon=":material/sync_problem:",
        )
        if st.button(f"Show version {version.number}", key=f"show newest {version.number}"):
            keep_base(here, here.workspace.schema(here.module))
            st.rerun()


def pending(page: Shown) -> None:
    """The dialog of what waits to be confirmed, if anything does."""
    waiting: Pending | None = st.session_state.get(PENDING)
    if waiting is None:
        return
    show: dict[str, Callable[[Shown, Pending], None]] = {
        "save": dialogs.confirm_save,
        "rename": dialogs.confirm_rename,
        "remove": dialogs.confirm_remove,
        "conflict": merge_dialog.conflict,
    }
    show[waiting.kind](page, waiting)
