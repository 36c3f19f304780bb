"""The newest runs on Home, each a link to the run."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from radu_core.workflows.home.newest_runs import RunLine
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.run_badge import run_badge

__all__ = ["show_runs"]


def show_runs(lines: Sequence[RunLine]) -> None:
    """The runs, newest first: name, state, how far, when."""
    if not lines:
        return
    st.subheader("Newest runs", anchor=False)
    with st.container(border=True):
        for line in lines:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                link("train", plain(line.name or line.run), module=line.module, run=line.run)
                run_badge(line.state)
                st.caption(plain(_about(line)), width="content")
        link("train", "All runs", tab="3 Runs")


def _about(line: RunLine) -> str:
    parts = [line.run, line.module] if line.name else [line.module]
    if line.steps:
        parts.append(f"step {line.step:,} of {line.steps:,}")
    if line.started is not None:
        parts.append(f"started {line.started:%Y-%m-%d %H:%M} UTC")
    return " · ".join(parts)
