"""The parts of the Evaluate page."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from radu_core.evaluation import EvaluationReport
from radu_core.exemplars import Split
from radu_core.training.joint.files import HEAD_FILE
from radu_core.training.run.directory import RunDirectory
from radu_core.words import percent
from radu_core.workflows.evaluate.evaluation import SPLITS, damaged_reports, reports
from radu_core.workflows.evaluate.parse import parse
from radu_core.workflows.frame.run_names import run_label
from radu_core.workflows.runs.scope import set_kept, share_kept_by
from studio.frame import show
from studio.frame.address import position
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.page import Page

__all__ = [
    "ask",
    "choose_extras",
    "choose_run",
    "choose_split",
    "report_of",
    "scope",
    "sources",
    "warn_of_damage",
]

_TOO = {
    "untrained": "the model before training",
    "generated": "values it generates freely",
    "ensemble": "a prompt for each exemplar",
}
_OTHER_RUN = "Choose one under “Run”, or look under “3 Runs” on the Train page."
_MIXED = "With a prompt for each exemplar, the function is the weighted mean of their answers."


def choose_run(here: Page, ids: list[str]) -> str:
    """The run that is looked at: the one that the address names, or the newest."""
    return st.selectbox(
        "Run",
        ids,
        index=position("run", ids, what="finished run", remedy=_OTHER_RUN),
        format_func=partial(run_label, here.workspace),
    )


def choose_split() -> Split:
    """The split that is measured: the one that the address names, or test."""
    first = position("split", SPLITS, what="split", remedy="Choose one under “Split”.")
    return st.selectbox("Split", SPLITS, index=first)


def report_of(here: Page, run: RunDirectory, split: Split) -> EvaluationReport | None:
    """The newest evaluation of a run on a split."""
    return reports(run, here.module).get(split)


def warn_of_damage(here: Page, run: RunDirectory) -> None:
    """Say which evaluations of a run can't be read, and why."""
    for why in damaged_reports(run, here.module).values():
        st.warning(why, icon=":material/error:")


def choose_extras(here: Page, run: RunDirectory, others: list[RunDirectory]) -> dict[str, Any]:
    """What else is measured on the same rows.

    Of a language model's run what it was before and what it generates, of a retriever's run it and
    one of ``others`` together.
    """
    if (run.model / HEAD_FILE).is_file():
        models = [r.id for r in others if not (r.model / HEAD_FILE).is_file()]
        if not models:
            return {}
        generator = st.selectbox(
            "Beside a language model",
            [None, *models],
            format_func=lambda name: run_label(here.workspace, name) if name else "none",
            help="It is asked where this model is unsure. Its weight is chosen on validation.",
        )
        if generator is None:
            return {}
        mixed = st.checkbox("A prompt for each exemplar", help=_MIXED)
        return {"generator": generator, "ensemble": mixed}
    extras = st.pills(
        "Measure as well",
        list(_TOO),
        format_func=_TOO.__getitem__,
        selection_mode="multi",
        help="Each of these takes as long again. Values are chosen among those that the utterance "
        "and the schema have. Generated values are written freely; those that don't fit are left "
        "out. " + _MIXED,
    )
    return {name: name in extras for name in _TOO}


def scope(here: Page, report: EvaluationReport) -> None:
    """The curve of what isn't in scope, and the share of what is in scope that the run keeps."""
    if report.scope is None:
        return
    st.markdown("**Out of scope** (after training)")
    if (curve := report.scope.curve) is not None:
        kept_title, found_title = "in scope, kept (%)", "out of scope, found (%)"
        points = 100 * pd.DataFrame({kept_title: curve.kept, found_title: curve.recall})
        alt = "Share of out of scope found, by share of in scope kept"
        st.line_chart(points, x=kept_title, y=found_title, height=220, alt=alt)
    st.caption(plain(str(report.scope)))
    first, second = st.columns([4, 2], vertical_alignment="bottom")
    now = share_kept_by(here.workspace, report.run)
    keep = first.slider(
        "In scope, kept (%)",
        50.0,
        100.0,
        100 * now,
        0.5,
        format="%g",
        key=f"scope {report.run} {now}",
        help="The share of utterances in scope that the model is to keep. It refuses what looks "
        "less in scope. With 100, it refuses only what the head takes for out of scope.",
    )
    if second.button("Save for the run", icon=":material/save:", width="stretch"):
        set_kept(here.workspace, report.run, keep / 100)
        st.success(f"Saved: {keep:g} %. Evaluate again to see its effect.")


def sources(report: EvaluationReport) -> None:
    """What each source of the head is worth."""
    if not report.sources:
        return
    st.markdown("**What the function is chosen by** (after training)")
    frame = pd.DataFrame(
        [
            {
                "source": s.name,
                "weight": s.weight,
                "log loss without it": s.adds_rounded,
                "function accuracy without it": s.without,
                "ms": s.milliseconds,
            }
            for s in report.sources
        ]
    )
    columns = {
        "weight": st.column_config.NumberColumn(format="%.2f"),
        "log loss without it": st.column_config.NumberColumn(format="%+.3f"),
        "function accuracy without it": st.column_config.NumberColumn(format="percent"),
        "ms": st.column_config.NumberColumn(format="%.1f"),
    }
    show.table(frame, columns=columns)
    whole = (
        f" Right with all of them: {percent(report.head_accuracy)}."
        if report.head_accuracy is not None
        else ""
    )
    st.caption(
        f"Measured on labels held out of training; the other sources are weighed again.{whole} "
        "joint is the tuned encoder; all sources but joint and words use the untuned one."
    )


def ask(here: Page, run: str) -> None:
    """Type an utterance, see the call."""
    link("playground", "See why, and compare, in the Playground", module=here.module, run=run)
    with st.form("ask"):
        text = st.text_input("Utterance", placeholder="book me a table for two at eight")
        is_pressed = st.form_submit_button("Parse", type="primary")
    if is_pressed:
        with st.spinner("Asking the model …"):
            call = parse(here.workspace, run, text or "", module=here.module)
        st.json(call.model_dump(mode="json"), expanded=2)
