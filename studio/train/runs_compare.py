"""Several runs side by side: settings that differ, curves, measurements, paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import altair as alt
import pandas as pd
import streamlit as st

from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.run_names import run_label
from radu_core.workflows.train.manage_runs import UNCORRECTED, Comparison, compare_runs
from studio.frame import show
from studio.frame.markdown import plain
from studio.frame.page import Page, messages
from studio.train import runs_curves

__all__ = ["compare"]

_SHARE = st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0)


def compare(here: Page, runs: Sequence[RunDirectory]) -> None:
    """Choose runs and see them side by side."""
    st.subheader("Compare", anchor=False)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    names = left.multiselect(
        "Runs to compare",
        [run.id for run in runs],
        format_func=partial(run_label, here.workspace),
        key="runs compared",
        persist_state="page",
        placeholder="Choose two or more",
    )
    split = right.selectbox(
        "Measured on", ["test", "validation", "train"], key="compare split", persist_state="page"
    )
    if len(names) < 2:
        st.caption("Choose at least two runs.")
        return
    with messages():
        comparison = compare_runs(here.workspace, names, split=split, module=here.module)
        labels = {run: run_label(here.workspace, run) for run in comparison.runs}
        _settings(comparison, labels)
        _curves(comparison, labels)
        _metrics(comparison, labels)
        _tests(comparison, labels)


def _settings(comparison: Comparison, labels: Mapping[str, str]) -> None:
    if not comparison.settings:
        st.caption("Their settings are the same.")
        return
    st.markdown("**Settings that differ**")
    rows = [
        {"setting": field, **{labels[name]: _text(values[name]) for name in comparison.runs}}
        for field, values in comparison.settings.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="compared settings")


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return show.as_json(value)
    return "–" if value is None else str(value)


def _curves(comparison: Comparison, labels: Mapping[str, str]) -> None:
    on = {"step": "training", "validation": "validation"}
    rows = [
        {"run": labels[name], "step": e.data["step"], "loss": e.data["loss"], "on": on[e.kind]}
        for name, events in comparison.losses.items()
        for e in events
        if e.data.get("loss") is not None
    ]
    if not rows:
        st.caption("None of them has made a step.")
        return
    scale = runs_curves.scale_choice("compared loss scale")
    points = runs_curves.drawable(rows, "loss", scale)
    chart = (
        alt.Chart(pd.DataFrame(points))
        .mark_line()
        .encode(
            x=alt.X("step:Q", axis=alt.Axis(tickMinStep=1, format="d")),
            y=runs_curves.loss_axis(scale, "loss"),
            color=alt.Color(
                "run:N", title=None, legend=alt.Legend(orient="top", columns=1, labelLimit=400)
            ),
            strokeDash=alt.StrokeDash("on:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=["run", "on", "step", alt.Tooltip("loss:Q", format=".4f")],
        )
        .properties(height=360)
    )
    st.altair_chart(chart, alt=f"Loss by step of each run, {scale} scale")
    runs_curves.tell_left_out(len(rows) - len(points))


def _metrics(comparison: Comparison, labels: Mapping[str, str]) -> None:
    rows = [
        {
            "run": labels[name],
            "system": m.system,
            "rows": report.rows,
            "function accuracy": m.function.share,
            "95 %": m.function.interval,
            "slot F1": m.slot_f1_measured,
            "exact match": m.exact_match.share,
            "95 % of it": m.exact_match.interval,
        }
        for name, report in comparison.reports.items()
        for m in report.ways
    ]
    if rows:
        st.markdown(f"**Measured on {comparison.split}**")
        shares = dict.fromkeys(("function accuracy", "slot F1", "exact match"), _SHARE)
        show.table(pd.DataFrame(rows), key="compared metrics", columns=shares)


def _tests(comparison: Comparison, labels: Mapping[str, str]) -> None:
    if comparison.paired:
        st.markdown("**The same rows, one by one**")
        rows = [
            {
                "measure": t.measure,
                "p": f"{t.p:.3g}",
                "only one right": t.only_one,
                "only the other right": t.only_two,
                "rows": t.rows,
                "one": labels[t.one],
                "the other": labels[t.two],
            }
            for t in comparison.paired
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="compared rows")
        st.caption(
            "p: how often chance alone would set them so far apart if both were equally good "
            f"(McNemar's test, exact). Below 0.05 the difference is clear. {UNCORRECTED}"
        )
    for why in (*comparison.unpaired, *comparison.unverified):
        st.caption(plain(why))
