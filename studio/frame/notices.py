"""Announcing on every page that a run has ended: a message once, and a mark until it is seen."""

from __future__ import annotations

import time
from contextlib import suppress

import streamlit as st

from radu_core.errors import RaduError
from radu_core.workflows.frame.news import RunEnd, is_at_work, mark_seen, take_news
from radu_core.workflows.frame.workspace import Workspace
from studio.frame.markdown import plain
from studio.frame.navigation import link

__all__ = ["announce"]

_SOON, _LATER = 3.0, 20.0  # seconds between looks, while a run is under way and otherwise
_OPEN_SINCE, _TOLD = "news since", "news told"  # in this tab
_MOST = 3  # marks; the rest are counted
_ICONS = {"finished": ":material/check_circle:", "failed": ":material/error:"}
# Where the sidebar is closed, as on a phone, its button carries a dot.
_STYLE = """<style>
.st-key-run-news a :is(span, p) { white-space: normal; overflow-wrap: anywhere; }
[data-testid="stExpandSidebarButton"] { position: relative; }
[data-testid="stExpandSidebarButton"]::after {
  content: ""; position: absolute; top: 2px; right: 2px; width: 10px; height: 10px;
  border-radius: 50%; background: light-dark(#b3261e, #ff8f87);
}
</style>"""


def announce(workspace: Workspace, who: str) -> None:
    """Look for runs that have ended, now and every few seconds, without drawing the page again."""
    run = st.query_params.get("run")
    if run:
        with suppress(RaduError):  # as below
            mark_seen(workspace, who, [run])  # the address leads to it
    every = _SOON if is_at_work(workspace) else _LATER
    with st.sidebar:
        st.fragment(_news, run_every=every)(workspace, who)


def _news(workspace: Workspace, who: str) -> None:
    with suppress(RaduError):  # what somebody was told can't be written: the page is shown anyway
        _show_news(workspace, who)


def _show_news(workspace: Workspace, who: str) -> None:
    since = st.session_state.setdefault(_OPEN_SINCE, time.time())
    told_keys = st.session_state.setdefault(_TOLD, set())
    news = take_news(workspace, who, open_since=since, told_here=told_keys)
    for end in news.new:
        told_keys.add(end.key)
        st.toast(plain(f"{end.sentence}."), icon=_icon(end), duration="long")
    if not news.unseen:
        return
    st.html(_STYLE)
    with st.container(key="run-news", gap="xxsmall"):
        for end in news.unseen[:_MOST]:
            link("train", plain(end.sentence), icon=_icon(end), module=end.module, run=end.run)
        if len(news.unseen) > _MOST:
            st.caption(f"and {len(news.unseen) - _MOST:,} more")
        if st.button("Mark as seen", type="tertiary", icon=":material/done_all:"):
            mark_seen(workspace, who)
            st.rerun(scope="fragment")


def _icon(end: RunEnd) -> str:
    return _ICONS.get(end.state, ":material/help:")
