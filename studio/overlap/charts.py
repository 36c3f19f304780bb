"""The charts of the Overlap page: the confusion of functions, and their map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from radu_core.words import percent, quantity
from radu_core.workflows.overlap.report import OverlapReport, pairs_confused
from studio.frame import show
from studio.frame.page import Page

__all__ = ["confusion_chart", "function_map"]

_MOST_CELLS = 25  # functions in the heat map
_CELLS = 400  # pixels of the rows together, where they get at least 15 each: nearly squares
_MOST_COLOURS = 20
_COLOURED = 8
_OUT = "out of scope"


def confusion_chart(here: Page, report: OverlapReport) -> None:
    """What the neighbours of each function's exemplars mean: a heat map and the pairs."""
    c = report.confusion
    pairs = pairs_confused(report, most=10_000)
    names = [n or _OUT for n in c.functions]
    order = sorted(
        range(len(names)),
        key=lambda i: (-(c.mistaken[i].sum() + c.mistaken[:, i].sum() - 2 * c.mistaken[i, i]), i),
    )
    places = sorted(order[:_MOST_CELLS])
    st.caption(
        "The share of nearest exemplars of a row's function that belong to the column's function. "
        "The diagonal, in grey, is the rest."
        + (f" {_how_many(c.functions)}" if len(names) > len(places) else "")
    )
    cells = [
        {
            "function": names[a],
            "neighbours": names[b],
            "share": float(c.shares[a, b]),
            "mistaken": int(c.mistaken[a, b]),
            "of": int(c.totals[a]),
        }
        for a in places
        for b in places
    ]
    st.altair_chart(
        show.with_percent(_heat_map(pd.DataFrame(cells), [names[i] for i in places])),
        alt="Share of neighbours by function",
    )
    st.markdown("**Probably mislabelled**: most neighbours belong to another function")
    if not pairs:
        st.caption("None.")
        return
    show.rows(
        [
            {
                "function": p.function or _OUT,
                "mistaken for": p.mistaken_for or _OUT,
                "exemplars": p.exemplars,
                "of": p.of,
                "share": p.exemplars / p.of,
                "share of neighbours": p.neighbours,
            }
            for p in pairs
        ],
        name=f"{here.module}-confusion.csv",
        key="overlap confusion",
        label="pairs",
        columns={
            name: st.column_config.NumberColumn(name, format="percent")
            for name in ("share", "share of neighbours")
        },
    )


def _how_many(functions: Sequence[str | None]) -> str:
    """How many rows of the matrix are drawn; out of scope is a row, and no function."""
    count = sum(name is not None for name in functions)
    also = " and out of scope" if None in functions else ""
    return (
        f"The module has {quantity(count, 'function')}{also}: the {_MOST_CELLS} rows confused most "
        "are shown."
    )


def _heat_map(frame: pd.DataFrame, names: list[str]) -> Any:
    others = frame["share"][frame["function"] != frame["neighbours"]]
    top = max(0.1, float(others.max())) if len(others) else 0.1
    base = alt.Chart(frame).encode(
        x=alt.X(
            "neighbours:N",
            sort=names,
            title="its neighbours' function",
            axis=alt.Axis(orient="top", labelAngle=-90, labelLimit=170, labelOverlap=False),
        ),
        y=alt.Y(
            "function:N",
            sort=names,
            title="exemplars of",
            axis=alt.Axis(
                labelLimit=170,
                labelOverlap=False,
                labelFlush=False,
                labelBound=False,
                labelBaseline="middle",
            ),
        ),
        tooltip=[
            alt.Tooltip("function:N", title="exemplars of"),
            alt.Tooltip("neighbours:N", title="neighbours of"),
            alt.Tooltip("share:Q", format=".1%", title="share of neighbours"),
            alt.Tooltip("mistaken:Q", title="exemplars that lie there"),
            alt.Tooltip("of:Q"),
        ],
    )
    cells = base.mark_rect().encode(
        color=alt.condition(
            alt.datum.function == alt.datum.neighbours,
            alt.value("#8a8a8a"),
            alt.Color(
                "share:Q",
                scale=alt.Scale(scheme="viridis", domain=[0.0, top]),
                legend=alt.Legend(format=".0%", title="share", orient="bottom"),
            ),
        )
    )
    return cells.properties(height=alt.Step(max(15, min(26, _CELLS // len(names)))))


# Map


def function_map(here: Page, report: OverlapReport) -> None:
    """The functions in two dimensions: centres, descriptions and exemplars."""
    map_drawn = report.map
    if not map_drawn.points:
        st.info("There is nothing to draw.")
        return
    names = [n for n in report.confusion.functions if n is not None]
    many = len(names) > _MOST_COLOURS
    highlighted = st.multiselect(
        "Functions in colour",
        names,
        _most_confused(report) if many else None,
        key=f"overlap highlight {here.module}",
        placeholder="none" if many else "all",
    )
    sampled = (
        "" if map_drawn.sampled == map_drawn.total else f" {map_drawn.sampled:,} of them are drawn."
    )
    st.caption(
        f"Two axes show {percent(map_drawn.shown, 0)} of what tells the functions' centres apart: "
        "what is far apart here is far apart, what is near may not be. Diamond: the centre of a "
        "function's exemplars; square: its description; dots: "
        f"{quantity(map_drawn.total, 'exemplar')}.{sampled}"
    )
    rows = [
        {
            "kind": p.kind,
            "function": p.function or _OUT,
            "shown": _colour(p.function, names, highlighted),
            "x": p.x,
            "y": p.y,
            "text": p.text,
            "id": p.id,
        }
        for p in map_drawn.points
    ]
    st.altair_chart(_map_chart(pd.DataFrame(rows), names, highlighted), alt="Map of utterances")


def _most_confused(report: OverlapReport) -> list[str]:
    """The functions of the pairs that are mistaken most often, a handful."""
    pairs = pairs_confused(report)
    both = [n for p in pairs for n in (p.function, p.mistaken_for) if n is not None]
    return list(dict.fromkeys(both))[:_COLOURED]


def _colour(function: str | None, names: list[str], highlighted: list[str]) -> str:
    """The name in the legend: a function's own, or that of all the others."""
    name = function or _OUT
    many = len(names) > _MOST_COLOURS
    if highlighted:
        return name if name in highlighted else "others"
    return "exemplars" if many else name


def _map_chart(frame: pd.DataFrame, names: list[str], highlighted: list[str]) -> Any:
    domain = [n for n in [*names, _OUT, "exemplars", "others"] if n in set(frame["shown"])]
    grey = {"others", "exemplars", _OUT}
    coloured = [n for n in domain if n not in grey]
    palette = [show.colour(n, coloured) if n not in grey else "#888888" for n in domain]
    colour = alt.Color(
        "shown:N",
        scale=alt.Scale(domain=domain, range=palette),
        legend=alt.Legend(title=None, orient="bottom", columns=2, labelLimit=150)
        if len(domain) > 1
        else None,
    )
    base = alt.Chart(frame).encode(
        x=alt.X("x:Q", axis=alt.Axis(title=None, labels=False, ticks=False)),
        y=alt.Y("y:Q", axis=alt.Axis(title=None, labels=False, ticks=False)),
        color=colour,
        tooltip=["kind", "function", alt.Tooltip("text:N", title="template"), "id"],
    )
    layers = [
        base.transform_filter(alt.datum.kind == kind).mark_point(**mark)
        for kind, mark in (
            ("exemplar", {"filled": True, "size": 28, "opacity": 0.45}),
            ("description", {"shape": "square", "size": 90, "strokeWidth": 2}),
            ("function", {"shape": "diamond", "filled": True, "size": 180, "opacity": 1.0}),
        )
    ]
    labelled = highlighted or (names if len(names) <= _MOST_COLOURS else [])
    for names_of, away in ((labelled[::2], -20), (labelled[1::2], 20)):  # neighbours' stay apart
        centres = base.transform_filter(alt.datum.kind == "function")
        centres_chosen = centres.transform_filter(alt.FieldOneOfPredicate("function", names_of))
        text = centres_chosen.mark_text(dy=away, fontSize=11, fontWeight="bold")
        layers.append(text.encode(text="function:N"))
    return alt.layer(*layers).properties(height=520)


# Judged pairs
