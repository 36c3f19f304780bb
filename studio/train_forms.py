"""The parts of the Train page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

<<<<<<< HEAD
from radu_core.models import DEFAULT_GENERATOR
from radu_core.training import TrainConfig
from radu_core.workflows import train
from radu_core.workflows.dataset import DatasetView
from radu_core.workflows.prompt_tokens import generators
from studio import jobs
=======
from radu_core.training import RunDirectory
from radu_core.training.runs import FINAL
from radu_core.workflows import train
from radu_core.workflows.train import RunView
>>>>>>> launch
from studio.markdown import plain
from studio.page import Page

<<<<<<< HEAD
__all__ = ["launch"]


def launch(here: Page, built: Sequence[DatasetView]) -> None:
    """The settings of a run and the button."""
    if not built:
        st.info("Build a dataset first.")
        return
    with st.form("launch"):
        left, middle, right = st.columns(3)
        titles = {v.title: " (out of date)" if v.outdated else "" for v in built}
        name = left.selectbox(
            "Dataset", list(titles), format_func=lambda title: title + titles[title]
        )
        model = middle.selectbox(
            "Base model", generators(here.workspace) or [DEFAULT_GENERATOR],
            accept_new_options=True,
            help="One that is installed, a hub's owner/name, or a directory.",
        )  # fmt: skip
        method = right.segmented_control("Method", ["lora", "full"], default="lora", required=True)
        left, middle, right = st.columns(3)
        epochs = left.number_input("Epochs", 0.1, 100.0, 1.0, 0.5)
        minutes = middle.number_input("At most minutes (0: no limit)", 0.0, 10_000.0, 30.0)
        batch = right.number_input("Batch size", 1, 512, 8)
        with st.expander("More"):
            a, b, c = st.columns(3)
            rate = a.text_input("Learning rate", placeholder="1e-3 for LoRA, 5e-5 for full")
            steps = b.number_input("At most steps (0: no limit)", 0, 10_000_000, 0)
            length = c.number_input("max_length (tokens)", 16, 131_072, 512)
            skip = a.checkbox("Leave over-long rows out (they are listed)")
            rank = b.number_input("LoRA rank", 1, 512, 16)
            seed = c.number_input("Seed", 0, 10_000, 0)
        pressed = st.form_submit_button("Launch", type="primary", icon=":material/rocket_launch:")
    key = ("launch", here.module)
    if pressed:
        directory = next(v.directory for v in built if v.title == name)
        config = TrainConfig.checked(
            {
                "dataset": directory,
                "base_model": model or "",
                "method": method,
                "epochs": epochs,
                "max_minutes": minutes or None,
                "max_steps": steps or None,
                "batch_size": batch,
                "learning_rate": (rate or "").strip() or None,
                "max_length": length,
                "skip_overlong": skip,
                "lora_rank": rank,
                "seed": seed,
            }
        )
        jobs.start(
            key,
            "Launching",
            lambda progress: train.start(here.workspace, config, progress=progress),
        )
    started = jobs.show(key)
    if started is not None:
        st.success(f"Run {plain(started.id)} is on its way: see “3 Runs”. You can close this tab.")
=======
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
>>>>>>> launch
