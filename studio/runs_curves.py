"""A run's curves: losses and task metrics by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from radu_core.training import RunEvent
from radu_core.workflows.run_figures import SHARES
from radu_core.workflows.train import RunView

__all__ = ["losses", "shares"]

_MOST_POINTS = 200  # of a curve: more can't be told apart, and slow the browser down
_MOST_DOTS = 40
_DOT = 30  # its area in pixels


def losses(view: RunView) -> None:
    """The training loss and that on validation rows, by step."""
    size = -(-len(view.steps) // _MOST_POINTS)
    rows = _thinned(view.steps, size)
    rows += [_point(e, "loss", "validation") for e in view.validations if "loss" in e.data]
    st.altair_chart(_chart(rows, "loss", height=320), alt="Loss by step")
    if size > 1:
        st.caption(f"A point of the training loss is the mean of {size} steps.")


def shares(view: RunView) -> None:
    """Task metrics on validation rows, by step, once there are any."""
    points = [
        _point(e, name, label)
        for name, label in SHARES.items()
        for e in view.validations
        if e.data.get(name) is not None
    ]
    if points:
        chart = _chart(points, "share", height=240, shares=True)
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
