"""A short tour of each page: opened when somebody asks for it, left at any step, found again.

Which pages have their tour open is remembered for each person in the workspace.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from radu_core.workflows.frame.people import recall, remember
from radu_core.workflows.frame.workspace import Workspace
from studio.frame.navigation import go_to
from studio.frame.tour_steps import TOURS

__all__ = ["offer_tour", "show_tour", "start_tour"]

_OPEN = "tours open"
# What a step points at may not be there yet: then its ``later`` is shown, which a page's parts
# arriving one by one would make flicker.
_OUTLINE = """<style>
:is({at}) {{
  outline: 3px solid light-dark(#0b6e69, #58c7bf); outline-offset: 2px; border-radius: 6px;
}}
.radu-later {{ margin: 0; font-style: italic; animation: radu-later 1.5s step-end; }}
@keyframes radu-later {{ from {{ visibility: hidden; }} }}
.stApp:has({at}) :is(.radu-later, [data-testid="stElementContainer"]:has(.radu-later)) {{
  display: none;
}}
</style>"""


def start_tour(workspace: Workspace, who: str) -> None:
    """Open the tour of every page; in a callback."""
    _remember(workspace, who, list(TOURS))


def offer_tour(workspace: Workspace, who: str, page: str) -> None:
    """The button in the sidebar that opens the tour of this page again."""
    if page not in TOURS or page in _open(workspace, who):
        return
    st.sidebar.button(
        "Tour of this page",
        key="tour offered",
        type="tertiary",
        icon=":material/explore:",
        on_click=_open_one,
        args=(workspace, who, page),
    )


def show_tour(workspace: Workspace, who: str, page: str) -> None:
    """The step of this page's tour, while it is open."""
    if page not in _open(workspace, who):
        return
    steps, key = TOURS[page], f"tour step {page}"
    number = min(int(st.session_state.get(key, 0)), len(steps) - 1)
    step, last = steps[number], number == len(steps) - 1
    following = _following(workspace, who, page)
    st.html(_OUTLINE.format(at=step.at))
    with st.container(border=True, key="tour"):
        st.markdown(f"**{step.title}** ({number + 1} of {len(steps)})  \n{step.text}")
        if step.later:
            st.html(f'<p class="radu-later">{escape(step.later)}</p>')
        with st.container(horizontal=True, gap="small"):
            # one button for both: the focus stays on it
            after = f"Next: {following.capitalize()}" if following else "Done"
            if st.button(after if last else "Next", key="tour next", type="primary"):
                _forward(workspace, who, page, number, last, following)
            if number:
                st.button("Back", key="tour back", on_click=_step, args=(key, number - 1))
            st.button(
                "Leave the tour",
                key="tour leave",
                icon=":material/close:",
                on_click=_remember,
                args=(workspace, who, []),
                help="“Tour of this page” in the sidebar brings it back.",
            )


def _forward(
    workspace: Workspace, who: str, page: str, number: int, last: bool, following: str
) -> None:
    """To the next step, or from the last one to the next page."""
    if not last:
        _step(f"tour step {page}", number + 1)
        st.rerun()
    _remember(workspace, who, [p for p in _open(workspace, who) if p != page])
    _step(f"tour step {page}", 0)
    if following:
        go_to(following)
    st.rerun()


def _following(workspace: Workspace, who: str, page: str) -> str:
    """The page after this one whose tour is open; empty where there is none."""
    names = list(TOURS)
    still = _open(workspace, who)
    return next((name for name in names[names.index(page) + 1 :] if name in still), "")


def _open_one(workspace: Workspace, who: str, page: str) -> None:
    _step(f"tour step {page}", 0)
    _remember(workspace, who, [*_open(workspace, who), page])


def _step(key: str, number: int) -> None:
    st.session_state[key] = number


def _open(workspace: Workspace, who: str) -> list[str]:
    names = recall(workspace, who).get(_OPEN)
    return [name for name in names if name in TOURS] if isinstance(names, list) else []


def _remember(workspace: Workspace, who: str, pages: list[str]) -> None:
    remember(workspace, who, {_OPEN: pages})
