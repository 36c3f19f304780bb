"""The parts of the Train page."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from radu_core.training import RunDirectory
from radu_core.training.runs import FINAL
from radu_core.workflows import train
from radu_core.workflows.train import RunView
from studio.markdown import plain
from studio.navigation import link
from studio.page import Page, messages

__all__ = ["watch"]

_COLOURS = {
    "finished": "green", "failed": "red", "lost": "red", "damaged": "red", "stopped": "orange",
}  # fmt: skip


def watch(here: Page, found: Sequence[RunDirectory]) -> None:
    """All runs of the module; the chosen one live."""
    if not found:
        st.info("No run of this module yet.")
        return
    runs = {run.id: run for run in found}
    _live(here, runs[st.selectbox("Run", list(runs))])


@st.fragment(run_every=1.0)
def _live(here: Page, run: RunDirectory) -> None:
    with messages():
        if not run.exists:
            st.error("This run's directory is gone. Nothing of it can be shown any more.")
            return
        view = train.run_view(run)
        _state(here, run, view)
        if view.steps:
            _curve(view)
        with st.expander("Settings and log"):
            st.code(view.settings, language="yaml")
            st.code(view.log_tail or "(the log is empty)", language=None)


def _state(here: Page, run: RunDirectory, view: RunView) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(view.state, color=_COLOURS.get(view.state, "blue"))  # type: ignore[arg-type]
        st.caption(plain(run.path))
        if view.state not in FINAL and st.button("Stop", icon=":material/stop:", key="stop run"):
            with st.spinner("It saves what it has learnt …"):
                train.stop_run(here.workspace, run.id)
            st.rerun(scope="app")
        if view.state in ("stopped", "failed", "lost") and st.button(
            "Resume", icon=":material/play_arrow:", key="resume run"
        ):
            train.resume(here.workspace, run.id)
            st.rerun(scope="app")
        if view.state == "finished":
            link("evaluate", "Evaluate")
    if view.reason:
        bad = view.state in ("failed", "lost", "damaged")
        (st.error if bad else st.info)(plain(view.reason))
    latest = view.latest
    if not latest:
        if view.state not in FINAL:
            st.progress(0.0, text="Loading the model and tokenizing every row …")
        return
    done, total = int(latest["step"]), int(latest["steps"])
    ended = view.state in FINAL
    left = "" if ended else f" · {latest['eta_seconds'] / 60:.1f} min left"
    text = f"step {done} of {total} · {latest['tokens_per_second']:,.0f} tokens/s{left}"
    st.progress(1.0 if view.state == "finished" else done / total, text=text)
    columns = st.columns(4)
    columns[0].metric("loss", f"{latest['loss']:.3f}")
    best = min((float(e.data["loss"]) for e in view.validations), default=None)
    columns[1].metric("best validation loss", "–" if best is None else f"{best:.3f}")
    columns[2].metric("learning rate", f"{latest.get('learning_rate') or 0:.1e}")
    columns[3].metric("memory", f"{latest.get('memory_gb', 0):.1f} GB")


def _curve(view: RunView) -> None:
    rows = [{"step": e.data["step"], "loss": e.data["loss"], "on": "training"} for e in view.steps]
    rows += [
        {"step": e.data["step"], "loss": e.data["loss"], "on": "validation"}
        for e in view.validations
    ]
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(point={"size": 15})
        .encode(
            x=alt.X("step:Q", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("loss:Q", scale=alt.Scale(type="sqrt")),
            color=alt.Color("on:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=["on", "step", alt.Tooltip("loss:Q", format=".4f")],
        )
        .properties(height=260)
    )
    st.altair_chart(chart, alt="Loss by step")
