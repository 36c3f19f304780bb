"""The list of runs on the Train page: the newest at a glance, all of them to sort and search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from radu_core.errors import RaduError
from radu_core.training.run.directory import FINAL, RunDirectory
from radu_core.workflows.frame import run_list
from radu_core.workflows.runs import launch
from radu_core.workflows.train import manage_runs
from radu_core.workflows.train.manage_runs import About
from studio.frame.layout import expander
from studio.frame.markdown import plain
from studio.frame.page import Page, messages
from studio.frame.run_badge import run_badge

__all__ = ["about_of", "at_work", "note_states", "same_state", "table", "under_way"]

_COLUMNS = ("name", "run", "state", "started", "steps", "of", "loss", "where", "tags", "notes")
_TIME = "YYYY-MM-DD HH:mm"
_DRAWN = "run states drawn"
_AT_A_GLANCE = 4  # runs; the one at work has to be on the screen below them
_TAKEN = "run taken from the table"


def under_way(runs: Sequence[RunDirectory]) -> bool:
    """Whether one of these runs hasn't ended."""
    return any(row["state"] not in FINAL for row in map(_row, runs) if row)


def at_work(run: RunDirectory) -> bool:
    """Whether its process has begun, and goes on."""
    row = _row(run)
    return row is not None and row["state"] in ("loading", "running", "saving")


def note_states(runs: Sequence[RunDirectory]) -> None:
    """Keep the states that the page is drawn with."""
    rows = filter(None, map(_row, runs))
    st.session_state[_DRAWN] = {row["run"]: row["state"] for row in rows}


def same_state(name: str, state: str) -> None:
    """Draw the whole page again where a run's state has changed since.

    Its parts are drawn at different times, and would show two states of the same run.
    """
    if st.session_state.get(_DRAWN, {}).get(name, state) != state:
        st.rerun(scope="app")


@st.fragment(run_every=2.0)
def table(here: Page, names: tuple[str, ...], choose: Callable[[str], None]) -> None:
    """Draw only the table again, unless the page must be.

    That is when a run was added or removed, or is to be shown (``choose``).
    """
    with messages():
        all_runs = run_list.runs(here.workspace, here.module)
        if tuple(run.id for run in all_runs) != names:
            st.rerun(scope="app")
        rows = [row for row in map(_row, all_runs) if row]
        if not rows:
            st.info("No run of this module yet.")
            return
        for row in rows:
            same_state(row["run"], row["state"])
        _newest(rows[:_AT_A_GLANCE], choose)
        if len(rows) > _AT_A_GLANCE:
            every = expander("All runs", key="all runs")
            if every.open:
                with every:
                    st.caption(f"{len(rows):,} runs. A column's name sorts; a row's box shows it.")
                    _sortable(rows, choose)


def _newest(rows: Sequence[Mapping[str, Any]], choose: Callable[[str], None]) -> None:
    """The newest runs, a line each, with a button that shows the run below.

    It isn't a grid: a browser has it on the screen 0.3 s earlier, and a keyboard reaches it.
    """
    with st.container(key="newest-runs", gap="xxsmall"):
        for row in rows:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if st.button(
                    plain(row["name"] or row["run"]),
                    key=f"show run {row['run']}",
                    type="tertiary",
                    icon=":material/chevron_right:",
                    on_click=choose,
                    args=(row["run"],),
                ):
                    st.rerun(scope="app")
                run_badge(row["state"])
                st.caption(plain(_about(row)), width="content")


def _about(row: Mapping[str, Any]) -> str:
    """How far a run is, and what people say of it."""
    parts = [
        row["run"] if row["name"] else "",
        row["where"],
        _of(row["steps"], row["of"]),
        "" if row["loss"] is None else f"loss {row['loss']:.3f}",
        ", ".join(row["tags"]),
    ]
    return " · ".join(part for part in parts if part)


def _of(done: int | None, total: int | None) -> str:
    return "" if done is None or total is None else f"step {done:,} of {total:,}"


def _sortable(rows: Sequence[Mapping[str, Any]], choose: Callable[[str], None]) -> None:
    """All runs; the row that is taken is shown below the table."""
    hidden = [n for n in ("where", "name") if not any(row[n] for row in rows)]
    selection = st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_order=[n for n in _COLUMNS if n not in hidden],
        key="runs table",
        on_select="rerun",
        selection_mode="single-row",
        placeholder="–",
        height="content" if len(rows) <= 10 else 390,
        column_config={
            "run": st.column_config.TextColumn(width=290),
            "where": st.column_config.TextColumn(width=220),
            "started": st.column_config.DatetimeColumn("started (UTC)", format=_TIME),
            "loss": st.column_config.NumberColumn(format="%.3f"),
            "tags": st.column_config.ListColumn(),
        },
    )
    run = next((rows[n]["run"] for n in selection.selection.rows), "")
    if run != st.session_state.get(_TAKEN, ""):  # a row stays taken; it leads there once
        st.session_state[_TAKEN] = run
        if run:
            choose(run)
            st.rerun(scope="app")


@st.cache_resource
def _rows() -> dict[tuple[object, ...], dict[str, Any]]:
    """The rows of runs that have ended, by their files' times: they needn't be read each time."""
    return {}


def _row(run: RunDirectory) -> dict[str, Any] | None:
    """A run's row; None if it was deleted since it was found."""
    files = ("events.jsonl", "config.yaml", "about.json")
    key = (str(run.path), *(_change_time(run.path / name) for name in files))
    cells = _rows().get(key)
    if cells is not None:
        return cells
    try:
        view, about = launch.run_view(run), about_of(run)
    except RaduError:
        if run.exists:
            raise
        return None
    cells = {
        "run": run.id,
        "name": about.name,
        "state": view.state,
        "where": view.where,
        "started": _start_time(run),
        "steps": view.latest.get("step"),
        "of": view.latest.get("steps"),
        "loss": view.latest.get("loss"),
        "tags": list(about.tags),
        "notes": about.notes,
    }
    if view.state in FINAL and view.state != "lost" and run.exists:  # its files may come late
        _rows()[key] = cells
    return cells


def _change_time(path: Path) -> int:
    """When a file was changed, in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _start_time(run: RunDirectory) -> datetime | None:
    first = next(iter(run.events()), None)
    return None if first is None else datetime.fromtimestamp(first.at, UTC)


def about_of(run: RunDirectory) -> About:
    """What people say of it; in its notes why that can't be read."""
    try:
        return manage_runs.about(run)
    except RaduError as error:
        return About(notes=str(error))
