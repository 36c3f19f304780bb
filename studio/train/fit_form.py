"""The Fit tab of the Train page: one button from labels to a measured model."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from radu_core.workflows.train import fit
from radu_core.workflows.train.fit import FitReport
from studio.frame import jobs
from studio.frame.markdown import plain
from studio.frame.page import Page
from studio.frame.result import show_result

__all__ = ["FIT", "show_fit_form"]

FIT = "Fit"


def show_fit_form(here: Page) -> None:
    """What it does, the button, and what came out."""
    st.markdown(
        "Places values, builds the index and the dataset, tunes the embedding model with a head "
        "and a tagger, and measures the result beside the free baselines. No language model is "
        "needed: an answer takes milliseconds."
    )
    key = ("fit", here.module)
    job = jobs.job(key)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        minutes = st.number_input(
            "Time limit (minutes)",
            min_value=0.0,
            value=0.0,
            step=1.0,
            format="%g",
            key="fit minutes",
            width=200,
            help="Time limit of the training (0 = no limit).",
        )
        generator = st.number_input(
            "Language model (minutes)",
            min_value=0.0,
            value=0.0,
            step=5.0,
            format="%g",
            key="fit generator minutes",
            width=200,
            help="Also trains a language model for this long and measures what it adds where the "
            "fast model is unsure (0 = none).",
        )
        is_pressed = st.button(
            "Fit this module",
            type="primary",
            icon=":material/bolt:",
            disabled=job is not None and job.running,
            help="A run that was stopped continues; a finished one with the same labels is kept.",
        )
    if is_pressed:
        jobs.start(
            key,
            "Fitting the module",
            lambda progress: fit.fit(
                here.workspace,
                here.module,
                who=here.who,
                minutes=minutes or None,
                generator_minutes=generator or None,
                progress=progress,
            ),
        )
        st.rerun()
    report = jobs.show(key)
    if isinstance(report, FitReport):
        _report(report)


def _report(report: FitReport) -> None:
    steps = [
        {"step": s.name, "result": s.figure, "why": s.why, "s": s.seconds} for s in report.steps
    ]
    st.dataframe(pd.DataFrame(steps), hide_index=True)
    if report.retrieval:
        text = " · ".join(report.retrieval)
        st.caption(
            plain(f"Its encoder as the module's retriever, on held-out parts (out of fold): {text}")
        )
    for note in report.notes:
        st.warning(plain(note))
    if report.evaluation is not None:
        show_result(report.evaluation)
    st.caption(plain(f"Run {report.run}: see it in “3 Runs”, ask it on Evaluate."))
