"""What a dataset would hold, before it is built: figures, charts, the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from radu_core.dataset import Preview, PreviewLine
from radu_core.terms import label, label_of_rows
from radu_core.words import percent, quantity
from studio.frame import show
from studio.frame.layout import side_by_side
from studio.frame.markdown import plain

__all__ = ["preview"]


def preview(previews: Sequence[Preview], max_length: int) -> None:
    """What the options would give, by a sample, before anything is built."""
    st.subheader("What this would give", anchor=False)
    rows = [_preview_row(line) for own_preview in previews for line in own_preview.lines]
    sample_size = sum(sum(p.looked_at.values()) for p in previews)
    exact = all(p.exact for p in previews)
    st.caption(
        f"From {quantity(sample_size, 'usable exemplar')}, all there are: the numbers are exact."
        if exact
        else f"Estimated from a sample of {quantity(sample_size, 'exemplar')}; "
        "± is the margin at 95 %."
    )
    columns = st.columns(4)
    for column, split in zip(columns, ("train", "validation", "test"), strict=False):
        about = [p.rows(split) for p in previews]
        count, error = sum(n for n, _ in about), sum(e for _, e in about)
        column.metric(f"{split} rows", f"{count:,}" + (f" ± {error:,}" if error else ""))
    train = [line for p in previews for line in p.lines if line.split == "train"]
    total = sum(line.rows for line in train)
    negatives = sum(line.rows * line.negatives for line in train)
    columns[3].metric("negatives in train", percent(negatives / total, 0) if total else "–")
    left, right = side_by_side([1, 1], key="dataset-preview")
    with left:
        _kinds(rows)
    with right:
        _lengths(previews, max_length)
    show.rows(rows, name="preview.csv", key="dataset preview", label="lines")
    for own_preview in previews:
        estimated = "" if own_preview.exact else "about "
        text = f"{own_preview.module}: " if len(previews) > 1 else ""
        for reason, count in own_preview.left_out.items():
            st.caption(plain(f"{text}{quantity(count, 'exemplar')} left out: {reason}"))
        for reason, count in own_preview.discards.items():
            st.caption(plain(f"{text}{estimated}{count:,} without a row: {reason}"))
        if own_preview.suspects:
            st.caption(
                plain(f"{text}{estimated}{own_preview.suspects:,} suspected labelling errors")
            )


def _preview_row(line: PreviewLine) -> dict[str, Any]:
    sizes = line.sizes
    return {
        "module": line.module,
        "split": line.split,
        "task and kind": label_of_rows(f"{line.task}/{line.kind}"),
        "about": line.rows,
        "±": line.error,
        "negatives": percent(line.negatives, 0),
        "median tokens": sizes.median if sizes else None,
        "95 %": sizes.p95 if sizes else None,
        "longest": sizes.max if sizes else None,
        "shortened to fit": percent(line.shortened),
    }


def _kinds(rows: Sequence[dict[str, Any]]) -> None:
    frame = pd.DataFrame(rows)
    frame = frame[frame["split"] == "train"]
    chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            y=alt.Y("task and kind:N", title=None, sort=None, axis=alt.Axis(labelLimit=320)),
            x=alt.X("about:Q", title="training rows"),
            color=alt.Color("module:N", title=None, legend=alt.Legend(orient="bottom", columns=1))
            if frame["module"].nunique() > 1
            else alt.value("#0b9e97"),
            tooltip=["module", "task and kind", "about", "±", "negatives"],
        )
        .properties(height=alt.Step(22))
    )
    st.altair_chart(chart, alt="Training rows by task and kind")


def _lengths(previews: Sequence[Preview], max_length: int) -> None:
    counts = [
        {"task": label(task), "tokens": length, "rows": n}
        for own_preview in previews
        for task, histogram in own_preview.lengths.items()
        for length, n in histogram.items()
    ]
    if not counts:
        st.info("Lengths aren't checked: no tokenizer was chosen.")
        return
    bars = (
        alt.Chart(pd.DataFrame(counts))
        .mark_bar(opacity=0.8)
        .encode(
            x=alt.X("tokens:Q", bin=alt.Bin(maxbins=40), title="tokens of a row"),
            y=alt.Y("sum(rows):Q", title="rows in the sample"),
            color=alt.Color("task:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=["task", alt.Tooltip("tokens:Q", bin=True), alt.Tooltip("sum(rows):Q")],
        )
    )
    longest = max(length for p in previews for lengths in p.lengths.values() for length in lengths)
    chart = bars
    if longest > 0.6 * max_length:
        limit = pd.DataFrame([{"tokens": max_length}])
        chart = bars + alt.Chart(limit).mark_rule(color="#ff4d4d", strokeWidth=2).encode(x="tokens")
    st.altair_chart(chart.properties(height=260), alt="Tokens of a row, by task")
