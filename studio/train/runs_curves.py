"""A run's curves: losses and task metrics by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, get_args

import altair as alt
import pandas as pd
import streamlit as st

from radu_core.training.run.directory import RunEvent
from radu_core.words import quantity
from radu_core.workflows.runs.figures import SHARES
from radu_core.workflows.runs.launch import RunView
from studio.frame import show

__all__ = ["drawable", "loss_axis", "losses", "scale_choice", "shares", "tell_left_out"]

Scale = Literal["linear", "log"]

_MOST_POINTS = 200  # of a curve: more can't be told apart, and slow the browser down
_MOST_DOTS = 40
_DOT = 30  # its area in pixels


def scale_choice(key: str) -> Scale:
    """Let people choose the scale of a loss axis; on a log one late progress can be seen."""
    scale = st.segmented_control(
        "Loss scale",
        get_args(Scale),
        default="linear",
        key=key,
        persist_state="page",
        required=True,
    )
    return "log" if scale == "log" else "linear"


def loss_axis(scale: Scale, field: str) -> alt.Y:
    """The axis of a loss; its title says how it is scaled."""
    return alt.Y(
        f"{field}:Q",
        scale=alt.Scale(type=scale),
        axis=alt.Axis(tickCount=5),
        title=f"loss ({scale} scale)",
    )


def losses(view: RunView) -> None:
    """The training loss and that on validation rows, by step."""
    scale = scale_choice("loss scale")
    size = -(-len(view.steps) // _MOST_POINTS)
    rows = _thin(view.steps, size)
    rows += [_point(e, "loss", "validation") for e in view.validations if "loss" in e.data]
    points = drawable(rows, "value", scale)
    y = loss_axis(scale, "value")
    st.altair_chart(_chart(points, y, ".4f", height=320), alt=f"Loss by step, {scale} scale")
    tell_left_out(len(rows) - len(points))
    if size > 1:
        st.caption(f"A point of the training loss is the mean of {size} steps.")
    models = view.steps[-1].data.get("parts", 1) if view.steps else 1
    if models > 1:
        folds = quantity(models - 1, "model")
        st.caption(
            f"The first {folds} left out a part of the labels each, to be measured on it (out of "
            "fold); the last one learns them all. The loss starts over with each."
        )


def shares(view: RunView) -> None:
    """Task metrics on validation rows, by step, once there are any."""
    points = [
        _point(e, name, label)
        for name, label in SHARES.items()
        for e in view.validations
        if e.data.get(name) is not None
    ]
    if points:
        y = alt.Y(
            "value:Q",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format="%", tickCount=5),
            title="share",
        )
        chart = _chart(points, y, ".1%", height=240)
        st.altair_chart(show.with_percent(chart), alt="Function accuracy and slot F1 by step")


def _thin(steps: Sequence[RunEvent], size: int) -> list[dict[str, Any]]:
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


def drawable(rows: list[dict[str, Any]], field: str, scale: Scale) -> list[dict[str, Any]]:
    """The rows that the scale can show: a logarithm has no place for a loss of 0."""
    return [row for row in rows if row[field] > 0] if scale == "log" else rows


def tell_left_out(number: int) -> None:
    """Say how many losses of 0 a log scale leaves out."""
    if number:
        points = "1 point" if number == 1 else f"{number:,} points"
        st.caption(f"{points} with a loss of 0 can't be shown on a log scale.")


def _chart(rows: list[dict[str, Any]], y: alt.Y, form: str, *, height: int) -> alt.LayerChart:
    names = list(dict.fromkeys(row["on"] for row in rows))
    colours = alt.Scale(domain=names, range=[show.colour(name, names) for name in names])
    lines = alt.Chart(pd.DataFrame(_with_dots(rows))).encode(
        x=alt.X("step:Q", axis=alt.Axis(tickMinStep=1, format="d", tickCount=8, grid=False)),
        y=y,
        color=alt.Color("on:N", title=None, scale=colours, legend=alt.Legend(orient="top")),
    )
    dots = lines.transform_filter("isValid(datum.dot)").encode(
        opacity=alt.Opacity("dot:Q", scale=None),
        tooltip=["on", "step", alt.Tooltip("value:Q", format=form)],
    )
    return alt.layer(lines.mark_line(), dots.mark_circle(size=_DOT), height=height)


def _with_dots(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add ``dot``, how visible each point is, to the points of a curve.

    Those of a short curve, or of a long one enough invisible ones to read its values at the mouse.
    Each takes a browser's time.
    """
    counts = Counter(row["on"] for row in rows)
    count_by_curve: Counter[str] = Counter()
    points = []
    for row in rows:
        every = -(-counts[row["on"]] // _MOST_DOTS)
        dot = None if count_by_curve[row["on"]] % every else float(every == 1)
        count_by_curve[row["on"]] += 1
        points.append({**row, "dot": dot})
    return points
