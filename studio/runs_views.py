"""The Runs tab of the Train page: all runs, the chosen one live, and what is done with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st
import yaml

from radu_core.errors import InputError, RaduError
from radu_core.training import RunDirectory, RunEvent
from radu_core.training.runs import FINAL
from radu_core.workflows import runs as workflow
from radu_core.workflows import train
from radu_core.workflows.run_figures import SHARES, last_figures
from radu_core.workflows.runs import About
from radu_core.workflows.train import RunView
from studio import jobs
from studio.markdown import plain
from studio.navigation import link
from studio.page import Page, messages
from studio.runs_compare import compare

__all__ = ["RUNS", "TAB", "is_field", "lead_to", "under_way", "watch"]

RUNS, TAB = "3 Runs", "train tab"

_COLOURS = {
    "finished": "green", "failed": "red", "lost": "red", "damaged": "red", "stopped": "orange",
    "queued": "gray",
}  # fmt: skip
_COLUMNS = ("run", "state", "started", "steps", "of", "loss", "where", "tags", "notes")
_TIME = "YYYY-MM-DD HH:mm"
_AT_A_GLANCE = 4  # runs; the one at work has to be on the screen below them
_STYLE = """<style>
.st-key-newest-runs code { white-space: nowrap; }
</style>"""  # when a run was started is in its id
_MOST_POINTS = 200  # of a curve: more can't be told apart, and slow the browser down
_MOST_DOTS = 40
_DOT = 30  # its area in pixels
_FIELDS = (
    "run chosen", "all runs", "settings and log ", "fork changes ", "notes ", "tags ",
    "runs compared", "compare split", "trash chosen",
)  # fmt: skip
_ACTIONS = {"stop": ("Stop", ":material/stop:"), "resume": ("Resume", ":material/play_arrow:")}


def lead_to(name: str) -> None:
    """Show a run in its tab; in a callback, before the tabs are drawn."""
    st.session_state[TAB], st.session_state["run wanted"] = RUNS, name


def is_field(key: str) -> bool:
    """Whether a key of the session is one of this tab's fields."""
    return key.startswith(_FIELDS)


def watch(here: Page, found: Sequence[RunDirectory]) -> None:
    """All runs of the module, the chosen one live, a comparison, and the trash."""
    if found:
        _table(here, tuple(run.id for run in found))
        runs = {run.id: run for run in found}
        wanted = st.session_state.pop("run wanted", None)  # by a fork
        if wanted in runs:
            st.session_state["run chosen"] = wanted
        names = list(runs)
        at_work = next((n for n in names if _at_work(runs[n])), names[0])
        chosen = runs[
            st.selectbox("Run", names, index=names.index(at_work), key="run chosen", width=480)
        ]
        _live(here, chosen)
        _manage(here, chosen)
        if len(found) > 1:
            compare(here, found)
    else:
        st.info("No run of this module yet.")
    _trash(here)


def under_way(found: Sequence[RunDirectory]) -> bool:
    """Whether one of these runs hasn't ended."""
    return any(row["state"] not in FINAL for row in map(_row, found) if row)


def _at_work(run: RunDirectory) -> bool:
    row = _row(run)
    return row is not None and row["state"] in ("loading", "running", "saving")


@st.fragment(run_every=2.0)
def _table(here: Page, names: tuple[str, ...]) -> None:
    """The table alone is drawn anew; the page is only when there is another run or one less."""
    with messages():
        found = train.runs(here.workspace, here.module)
        if tuple(run.id for run in found) != names:
            st.rerun(scope="app")
        rows = [row for row in map(_row, found) if row]
        _newest(rows[:_AT_A_GLANCE])
        if len(rows) > _AT_A_GLANCE:
            every = st.expander(f"All {len(rows):,} runs", key="all runs", on_change="rerun")
            if every.open:
                with every:
                    _sortable(rows)


def _newest(rows: Sequence[Mapping[str, Any]]) -> None:
    """As text, not as a grid: a browser has it on the screen 0.3 s earlier."""
    told = [
        {
            "run": f"`{row['run']}`",
            "state": f":{_COLOURS.get(row['state'], 'blue')}-badge[{row['state']}]",
            "where": plain(row["where"]),
            "steps": _of(row["steps"], row["of"]),
            "loss": "–" if row["loss"] is None else f"{row['loss']:.3f}",
            "tags": plain(", ".join(row["tags"])),
        }
        for row in rows
    ]
    frame = pd.DataFrame(told)
    empty = [n for n in ("where", "tags") if not any(frame[n])]
    st.html(_STYLE)
    with st.container(key="newest-runs"):
        st.table(frame.drop(columns=empty), border="horizontal", hide_index=True)


def _of(done: int | None, total: int | None) -> str:
    return "–" if done is None or total is None else f"{done:,} of {total:,}"


def _sortable(rows: Sequence[Mapping[str, Any]]) -> None:
    elsewhere = any(row["where"] for row in rows)
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_order=[n for n in _COLUMNS if elsewhere or n != "where"],
        key="runs table",
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


@st.cache_resource
def _rows() -> dict[tuple[object, ...], dict[str, Any]]:
    """The rows of runs that have ended, by their files' times: they needn't be read each time."""
    return {}


def _row(run: RunDirectory) -> dict[str, Any] | None:
    """A run's row; None if it was deleted since it was found."""
    files = ("events.jsonl", "config.yaml", "about.json")
    key = (str(run.path), *(_changed(run.path / name) for name in files))
    kept = _rows().get(key)
    if kept is not None:
        return kept
    try:
        view, about = train.run_view(run), _about(run)
    except RaduError:
        if run.exists:
            raise
        return None
    kept = {
        "run": run.id,
        "state": view.state,
        "where": view.where,
        "started": _started(run),
        "steps": view.latest.get("step"),
        "of": view.latest.get("steps"),
        "loss": view.latest.get("loss"),
        "tags": list(about.tags),
        "notes": about.notes,
    }
    if view.state in FINAL and run.exists:
        _rows()[key] = kept
    return kept


def _changed(path: Path) -> int:
    """When a file was changed, in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _started(run: RunDirectory) -> datetime | None:
    first = next(iter(run.events()), None)
    return None if first is None else datetime.fromtimestamp(first.at, UTC)


def _about(run: RunDirectory) -> About:
    try:
        return workflow.about(run)
    except RaduError as error:
        return About(notes=str(error))


@st.fragment(run_every=1.0)
def _live(here: Page, run: RunDirectory) -> None:
    with messages():
        if not run.exists:
            st.error("This run's directory is gone. Nothing of it can be shown any more.")
            return
        view = train.run_view(run)
        # each in a place of its own: what comes and goes in one doesn't move the next
        with st.container():
            _actions(here, run, view)
        with st.container():
            _state(run, view)
        with st.container():
            if view.written is not None:
                (st.warning if view.written.coarse else st.caption)(plain(view.written.text))
        with st.container():
            if view.steps:
                _losses(view)
        with st.container():
            if view.latest:
                _figures(view)
                if view.padded:
                    st.caption(plain(f"Rows are padded, not packed: {view.padded}."))
        with st.container():
            _shares(view)
        _settings_and_log(run, view)


def _settings_and_log(run: RunDirectory, view: RunView) -> None:
    """Drawn when it is open: what is hidden needn't be sent each second, or highlighted."""
    shown = st.expander("Settings and log", key=f"settings and log {run.id}", on_change="rerun")
    if shown.open:
        with shown:
            st.caption(plain(run.path))
            st.code(view.settings, language="yaml")
            st.code(view.log_tail or "(the log is empty)", language=None)


def _actions(here: Page, run: RunDirectory, view: RunView) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(view.state, color=_COLOURS.get(view.state, "blue"))  # type: ignore[arg-type]
        if view.where:
            st.badge(plain(f"on {view.where}"), color="violet", icon=":material/cloud:")
        _stop_or_resume(here, run, view)
        if view.state == "finished":
            link("evaluate", "Evaluate")


def _stop_or_resume(here: Page, run: RunDirectory, view: RunView) -> None:
    """One button for both, so that the keyboard's focus stays on it when the run has stopped.

    A press counts as what the button said when it was pressed: the run may have ended since.
    """
    can = "" if view.state in FINAL else "stop"
    can = "resume" if view.state in ("stopped", "failed", "lost") else can
    said = st.session_state.get("run action")
    st.session_state["run action"] = (run.id, can)
    if not can:
        return
    label, icon = _ACTIONS[can]
    if not st.button(label, icon=icon, key="run action button") or said != (run.id, can):
        return
    if can == "stop":
        with st.spinner("It saves what it has learnt …"):
            train.stop_run(here.workspace, run.id)
    else:
        train.resume(here.workspace, run.id)
    st.rerun(scope="app")


def _manage(here: Page, run: RunDirectory) -> None:
    """What is said of it and done with it. Not in the fragment, which runs every second."""
    about = _about(run)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover("Fork", icon=":material/fork_right:"):
            _fork(here, run)
        with st.popover("Notes and tags", icon=":material/edit_note:"):
            _describe(here, run)
        with st.popover("Delete", icon=":material/delete:"):
            _delete(here, run)
        for tag in about.tags:
            st.badge(plain(tag), color="gray")
    if about.notes:
        st.markdown(plain(about.notes))
    if about.forked_from:
        st.caption(f"Forked from {plain(about.forked_from)}.")


def _fork(here: Page, run: RunDirectory) -> None:
    """The settings that change, a line each; the rest is as in the run."""
    st.caption(f"A new run with the settings of {plain(run.id)} and your changes, from step 0.")
    text = st.text_area(
        "Changes (YAML, a setting a line)", placeholder="learning_rate: 0.0005\nseed: 1",
        key=f"fork changes {run.id}",
    )  # fmt: skip
    key = ("fork", run.id)
    with messages():
        with st.expander("Its settings"):
            st.code(run.config().to_yaml(), language="yaml")
        if st.button("Launch", type="primary", icon=":material/rocket_launch:", key="fork launch"):
            changes = _changes(text)
            workflow.changed_config(run, changes)  # says what is wrong before anything starts
            jobs.start(
                key,
                "Launching",
                lambda progress: workflow.fork(here.workspace, run.id, changes, progress=progress),
            )
        forked = jobs.show(key, passing=True)
        if forked is not None:
            st.success(f"Run {plain(forked.id)} is on its way.")
            if st.button("Show it", key="fork show"):
                jobs.forget(key)
                st.session_state["run wanted"] = forked.id
                st.rerun()


def _changes(text: str) -> dict[str, object]:
    try:
        data = yaml.safe_load(text) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError("The changes aren't YAML", value=text, remedy="Correct them.") from error
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise InputError(
            "The changes aren't settings", value=text, remedy="Write name: value, a line each."
        )
    return data


def _describe(here: Page, run: RunDirectory) -> None:
    with messages():
        about = workflow.about(run)
        notes = st.text_area("Notes", about.notes, key=f"notes {run.id}")
        tags = st.multiselect(
            "Tags", list(about.tags), list(about.tags), accept_new_options=True,
            key=f"tags {run.id}", help="Type one and press Enter.",
        )  # fmt: skip
        if st.button("Save", type="primary", key="describe save"):
            workflow.describe(here.workspace, run.id, notes=notes, tags=tags)
            st.rerun()


def _delete(here: Page, run: RunDirectory) -> None:
    st.markdown(f"{plain(run.id)} goes to the trash, from where it can be restored below.")
    with messages():
        if st.button("Move to the trash", type="primary", key="delete confirmed"):
            workflow.trash(here.workspace, run.id)
            st.rerun()


def _trash(here: Page) -> None:
    thrown = [run.id for run in workflow.list_trash(here.workspace)]
    if not thrown:
        return
    with st.expander(f"Trash ({len(thrown)})"), messages():
        name = st.selectbox("Deleted run", thrown, key="trash chosen")
        with st.container(horizontal=True):
            if st.button("Restore", icon=":material/restore_from_trash:", key="trash restore"):
                workflow.restore_run(here.workspace, name)
                st.rerun()
            with st.popover("Empty the trash", icon=":material/delete_forever:"):
                st.markdown(f"{len(thrown)} of all modules are deleted for good, models and all.")
                if st.button("Delete for good", key="trash empty"):
                    workflow.empty_trash(here.workspace)
                    st.rerun()


def _state(run: RunDirectory, view: RunView) -> None:
    if view.reason:
        bad = view.state in ("failed", "lost", "damaged")
        (st.error if bad else st.info)(plain(view.reason))
    if view.state == "queued":
        ahead = workflow.waits_for(run)
        said = f"It waits for {plain(', '.join(ahead))}." if ahead else "It is its turn."
        st.info(f"{said} One run at a time uses the machine.", icon=":material/hourglass:")
    latest = view.latest
    if view.state == "saving":
        _saving(view.saving)
    elif not latest and view.state not in (*FINAL, "queued"):
        st.progress(0.0, text="Loading the model and tokenizing every row …")
    elif latest:
        done, total = int(latest["step"]), int(latest["steps"])
        left = "" if view.state in FINAL else f" · {_duration(latest['eta_seconds'])} left"
        text = f"step {done:,} of {total:,} · {latest['tokens_per_second']:,.0f} tokens/s{left}"
        st.progress(1.0 if view.state == "finished" else min(1.0, done / total), text=text)


def _saving(told: Mapping[str, Any]) -> None:
    """How far the writing and checking of the model is."""
    done, total, seconds = (float(told.get(n) or 0) for n in ("done", "total", "seconds"))
    text = f"{told.get('what') or 'Saving'} …"
    if total:
        text += f" {done:,.0f} of {total:,.0f} rows"
    if done and seconds:
        text += f" · {done / seconds:,.1f} rows/s"
    st.progress(done / total if total else 0.0, text=text)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _figures(view: RunView) -> None:
    """The newest figures; under those on validation rows what they rest on."""
    latest = view.latest
    best = min((e.data["loss"] for e in view.validations if "loss" in e.data), default=None)
    shown = {
        "loss": (f"{latest['loss']:.3f}", ""),
        "learning rate": (f"{latest.get('learning_rate') or 0:.1e}", ""),
        "memory": (f"{latest.get('memory_gb', 0):.1f} GB", ""),
        "best validation loss": ("–" if best is None else f"{best:.3f}", ""),
    }
    for figure in last_figures(view.validations, view.asked):
        if figure.name == "loss":
            shown["best validation loss"] = (f"{best:.3f}", figure.basis)
        else:
            shown[figure.label] = (figure.text, figure.basis)
    with st.container(horizontal=True, gap="medium"):  # what doesn't fit goes to the next line
        for label, (value, basis) in shown.items():
            st.metric(
                label, value, basis or None, delta_color="off", delta_arrow="off", width="content"
            )


def _losses(view: RunView) -> None:
    size = -(-len(view.steps) // _MOST_POINTS)
    rows = _thinned(view.steps, size)
    rows += [_point(e, "loss", "validation") for e in view.validations if "loss" in e.data]
    st.altair_chart(_chart(rows, "loss", height=320), alt="Loss by step")
    if size > 1:
        st.caption(f"A point of the training loss is the mean of {size} steps.")


def _shares(view: RunView) -> None:
    shares = [
        _point(e, name, label)
        for name, label in SHARES.items()
        for e in view.validations
        if e.data.get(name) is not None
    ]
    if shares:
        chart = _chart(shares, "share", height=240, shares=True)
        st.altair_chart(chart, alt="Function accuracy and slot F1 by step")


def _thinned(steps: Sequence[RunEvent], size: int) -> list[dict[str, Any]]:
    """The means of each ``size`` steps' losses, at the last of them."""
    parts = [steps[i : i + size] for i in range(0, len(steps), size)]
    return [
        {
            "step": part[-1].data["step"],
            "value": sum(e.data["loss"] for e in part) / len(part),
            "on": "training",
        }
        for part in parts
    ]


def _point(event: RunEvent, name: str, on: str) -> dict[str, Any]:
    return {"step": event.data["step"], "value": event.data[name], "on": on}


def _chart(
    rows: list[dict[str, Any]], title: str, *, height: int, shares: bool = False
) -> alt.LayerChart:
    scale = alt.Scale(domain=[0, 1]) if shares else alt.Scale(type="sqrt")
    axis = alt.Axis(format="%", tickCount=5) if shares else alt.Axis(tickCount=5)
    lines = alt.Chart(pd.DataFrame(_dotted(rows))).encode(
        x=alt.X("step:Q", axis=alt.Axis(tickMinStep=1, format="d", tickCount=8, grid=False)),
        y=alt.Y("value:Q", scale=scale, axis=axis, title=title),
        color=alt.Color("on:N", title=None, legend=alt.Legend(orient="top")),
    )
    dots = lines.transform_filter("isValid(datum.dot)").encode(
        opacity=alt.Opacity("dot:Q", scale=None),
        tooltip=["on", "step", alt.Tooltip("value:Q", format=".1%" if shares else ".4f")],
    )
    return alt.layer(lines.mark_line(), dots.mark_circle(size=_DOT), height=height)


def _dotted(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """With ``dot``, how visible each point's is: those of a short curve, or of a long one enough
    invisible ones to read its values at the mouse. Each takes a browser's time."""
    counts = Counter(row["on"] for row in rows)
    seen: Counter[str] = Counter()
    found = []
    for row in rows:
        every = -(-counts[row["on"]] // _MOST_DOTS)
        dot = None if seen[row["on"]] % every else float(every == 1)
        seen[row["on"]] += 1
        found.append({**row, "dot": dot})
    return found
