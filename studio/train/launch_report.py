"""What a check before a launch found, as the launch tab shows it."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from radu_core.training.run.config import TrainConfig
from radu_core.training.watcher.launcher import Launcher
from radu_core.words import quantity
from radu_core.workflows.train.prediction import Prediction
from radu_core.workflows.train.preflight import PreflightReport, command, duration
from studio.frame import show
from studio.frame.markdown import plain
from studio.frame.page import Page

__all__ = ["report_view", "same_elsewhere"]


def report_view(report: PreflightReport) -> None:
    """Problems first, then what the run needs, then the rows."""
    with st.container(border=True):
        if report.ok:
            st.success("Ready to launch.", icon=":material/check_circle:")
        for problem in report.problems:
            st.error(plain(f"{problem.what} {problem.remedy}"), icon=":material/error:")
        for note in report.notes:
            st.warning(plain(note), icon=":material/hourglass:")
        if report.prediction is not None:
            _needs(report, report.prediction)
        elif report.problems:
            st.caption("Correct these first; memory and time are measured then.")
        _rows(report)


def _needs(report: PreflightReport, need: Prediction) -> None:
    time, memory, disk, speed = st.columns(4)
    time.metric("Time", duration(need.seconds))
    memory.metric(f"Memory of {need.memory_free / 1e9:.1f} GB", f"{need.memory_bytes / 1e9:.1f} GB")
    disk.metric(f"Disk of {report.disk_free / 1e9:.1f} GB", f"{need.disk_bytes / 1e9:.1f} GB")
    speed.metric("Tokens/s", f"{need.tokens_per_second:,.0f}")
    tunes = report.config.target == "retriever"
    looking = (
        ("embedding" if report.config.tunes_alone else "embedding and head")
        if tunes
        else "evaluations"
    )
    parts = [
        f"{quantity(need.steps, 'step')}: {duration(need.training_seconds)}",
        f"{looking}: {duration(need.evaluation_seconds)}",
        f"saving: {duration(need.saving_seconds)}",
    ]
    if need.asking_seconds:
        parts.insert(0, f"asking the teacher: {duration(need.asking_seconds)}")
    if need.gpu_bytes:
        parts.append(f"GPU memory: {need.gpu_bytes / 1e9:.1f} GB")
    if need.capped:
        parts.append("stops at its time limit")
    if not tunes and report.config.task_metrics:
        parts.append("answers for task metrics not included")
    st.caption(plain(" · ".join(parts)))


def _rows(report: PreflightReport) -> None:
    if report.rows:
        sizes = [
            quantity(rows, f"{split} row")
            + (f" ({quantity(report.tokens[split], 'token')})" if split in report.tokens else "")
            for split, rows in report.rows.items()
        ]
        hashed = [f"tokens hash {report.tokens_hash[:12]}"] if report.tokens_hash else []
        st.caption(plain(" · ".join([*sizes, *hashed])))
    if report.listed:
        st.markdown(f"**{quantity(len(report.listed), 'row')} not learnt as given**")
        show.rows([asdict(row) for row in report.listed], name="rows.csv", key="launch listed")
    example = report.example
    if example is not None:
        with st.expander("A row as the model reads it"):
            st.caption(
                f"{quantity(example.prompt_tokens, 'prompt token')}, "
                f"{quantity(example.completion_tokens, 'completion token')} to learn · hash "
                f"{example.hash[:16]}"
            )
            st.code(example.prompt, language=None, wrap_lines=True)
            st.code(example.completion, language=None, wrap_lines=True)


def same_elsewhere(here: Page, config: TrainConfig, where: Launcher) -> None:
    """The same run in a shell: the config as a file, and the command."""
    text = config.to_yaml()
    with st.expander("The same run in a shell", icon=":material/terminal:"):
        st.download_button(
            "Download run.yaml",
            text,
            file_name="run.yaml",
            mime="application/yaml",
            icon=":material/download:",
            on_click="ignore",
        )
        shell = command("run.yaml", home=here.workspace.home)
        how = "" if where.name == "local" else f" --launcher {where.name}"
        st.code(f"{shell} --check\n{shell}{how}", language="bash", wrap_lines=True)
        st.code(text, language="yaml")
