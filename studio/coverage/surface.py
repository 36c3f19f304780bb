"""The surface of coverage over (k_desc, k_exemplar), and each function at a point."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from radu_core.terms import label
from radu_core.words import quantity
from radu_core.workflows.coverage.report import CoverageReport, surface_rows
from studio.coverage.head import set_point
from studio.frame import show
from studio.frame.layout import side_by_side
from studio.frame.page import Page

__all__ = ["surface"]

_HEIGHT = 380
_NOTHING = "#8a8a8a"  # (0, 0) retrieves nothing: no measurement, and no colour of one
_MARKS = ["", "looked at", "recommended"]


def surface(here: Page, report: CoverageReport, point: tuple[int, int]) -> None:
    """The heat map, whose cells can be clicked, beside the functions at the point."""
    left, right = side_by_side([3, 2], key="coverage-surface")
    rows = surface_rows(report)
    with left:
        _heat_map(rows, report, point)
        show.download(rows, name=f"{here.module}-surface.csv", key="surface", label="the surface")
    with right:
        _functions(here, report, point)


def _heat_map(rows: list[dict[str, Any]], report: CoverageReport, point: tuple[int, int]) -> None:
    """Coverage as colour. A click on a cell looks at its point."""
    best = (report.choice.k_desc, report.choice.k_exemplar)
    frame = pd.DataFrame(rows)
    frame["mark"] = [
        "looked at" if at == point else "recommended" if at == best else ""
        for at in zip(frame["k_desc"], frame["k_exemplar"], strict=True)
    ]
    frame = frame.sort_values("mark")  # marked cells last: their borders lie above the others
    st.altair_chart(
        show.with_percent(
            _cells(frame).properties(height=_HEIGHT, padding={"left": 0, "right": 0})
        ),
        key="coverage do surface",
        on_select=_take_click,
        selection_mode="cell",
        alt="Coverage by descriptions and exemplars retrieved",
    )
    st.caption(
        "Click a cell to show its point. Red border: the point shown. Purple: the recommended "
        "point. Grey: nothing is retrieved. Point at a cell for its figures."
    )


def _cells(frame: pd.DataFrame) -> alt.Chart:
    some = frame[(frame["k_desc"] > 0) | (frame["k_exemplar"] > 0)]
    lowest = min(float(some["coverage"].min()), 0.99)
    nothing = (alt.datum.k_desc == 0) & (alt.datum.k_exemplar == 0)
    cell = alt.selection_point(name="cell", fields=["k_desc", "k_exemplar"])
    shares = [
        alt.Tooltip(f"{n}:Q", format=".1%", title=t)
        for n, t in (("coverage", "covered"), ("low", "at least"), ("high", "at most"))
    ]
    return (
        alt.Chart(frame)
        .mark_rect(strokeWidth=0)
        .encode(
            x=alt.X(
                "k_exemplar:O",
                title=label("k_exemplar"),
                axis=alt.Axis(labelAngle=0),
            ),
            y=alt.Y(
                "k_desc:O",
                title=label("k_desc"),
                sort="descending",
                axis=alt.Axis(labelFlush=False, labelBound=False, labelBaseline="middle"),
            ),
            color=alt.condition(
                nothing,
                alt.value(_NOTHING),
                alt.Color(
                    "coverage:Q",
                    scale=alt.Scale(scheme="viridis", domain=[lowest, 1.0], clamp=True),
                    legend=alt.Legend(format=".0%", title="covered", orient="top"),
                ),
            ),
            stroke=alt.Stroke(
                "mark:N",
                legend=None,
                scale=alt.Scale(domain=_MARKS, range=["transparent", "#ff3b30", "#d400c8"]),
            ),
            strokeWidth=alt.condition(alt.datum.mark != "", alt.value(3.5), alt.value(0)),
            tooltip=[
                alt.Tooltip("k_desc:O", title=label("k_desc")),
                alt.Tooltip("k_exemplar:O", title=label("k_exemplar")),
                *shares,
                alt.Tooltip("accuracy:Q", format=".1%", title="right by vote"),
                alt.Tooltip("functions:Q", format=".1f"),
                alt.Tooltip("tokens:Q", format=".0f", title="tokens a prompt"),
            ],
        )
        .add_params(cell)
    )


def _take_click() -> None:
    cells_chosen = st.session_state["coverage do surface"].selection.get("cell") or []
    if cells_chosen:
        set_point(cells_chosen[0]["k_desc"], cells_chosen[0]["k_exemplar"])


def _functions(here: Page, report: CoverageReport, point: tuple[int, int]) -> None:
    """Coverage of each function at the point, the worst first."""
    rows = [
        {"function": name, "coverage": hits / total, "covered": hits, "of": total}
        for name, (hits, total) in report.grid.per_function(*point).items()
    ]
    frame = pd.DataFrame(rows).sort_values(["coverage", "function"])
    share = st.column_config.ProgressColumn(
        "coverage", format="percent", min_value=0.0, max_value=1.0, width=105
    )
    number = st.column_config.NumberColumn(width=60)
    show.table(
        frame,
        height=min(_HEIGHT, 38 + 35 * len(rows)),
        key="coverage do functions",
        columns={
            "function": st.column_config.TextColumn(width=135),
            "coverage": share,
            "covered": number,
            "of": number,
        },
    )
    show.download(frame, name=f"{here.module}-functions.csv", key="functions", label="this table")
    rest = len(report.grid.index.functions) - len(rows)
    if rest:
        st.caption(f"{quantity(rest, 'more function')} without an utterance in {report.split}.")
