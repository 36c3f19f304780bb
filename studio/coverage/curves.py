"""The five curves of coverage with their intervals, and the percentiles of first hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from radu_core.workflows.coverage.report import (
    CoverageReport,
    curve_rows,
    functions_rows,
    percentile_rows,
)
from studio.frame import show
from studio.frame.layout import side_by_side
from studio.frame.page import Page

__all__ = ["NAMES", "chart", "curves"]

NAMES = {
    "descriptions": "Descriptions",
    "dense": "Exemplars by meaning (dense)",
    "lexical": "Exemplars by words (BM25)",
    "fused": "Exemplars by both (RRF)",
    "together": "Descriptions and exemplars",
}
# After Okabe and Ito, lightened or darkened so that each is readable on white and on black; the
# dashes tell them apart without any colour.
_COLOURS = ("#3d8fd1", "#d98200", "#c86a9e", "#0f9d76", "#8c8c8c")
_DASHES = ([1, 0], [8, 3], [2, 2], [1, 0], [10, 3, 2, 3])
_K, _FUNCTIONS = "k", "functions in the prompt"


def curves(here: Page, report: CoverageReport) -> None:
    """One ranking alone each, and descriptions with fused exemplars."""
    left, right = side_by_side([3, 2], key="coverage-curves")
    with left:
        with st.container(horizontal=True, vertical_alignment="center"):
            over = st.segmented_control(
                "Horizontal axis", [_K, _FUNCTIONS], required=True, key="coverage over"
            )
            bands = st.toggle("95 % intervals", key="coverage bands")
        by_functions = over == _FUNCTIONS
        rows = functions_rows(report) if by_functions else curve_rows(report)
        named_rows = [{**r, "curve": NAMES[str(r["curve"])]} for r in rows]
        x = "functions" if by_functions else "k"
        st.altair_chart(
            show.with_percent(
                chart(named_rows, x, list(NAMES.values()), bands=bands, title=str(over))
            ),
            alt=f"Coverage over {over}",
        )
        show.download(rows, name=f"{here.module}-curves.csv", key="curves", label="the curves")
    with right:
        _percentiles(report)


def chart(
    rows: Sequence[Mapping[str, Any]], x: str, names: Sequence[str], *, bands: bool, title: str
) -> alt.LayerChart:
    """Lines of coverage over ``x``, told apart by colour and by dashes, with interval bands."""
    frame = pd.DataFrame(rows)
    present = [n for n in names if n in set(frame["curve"])]
    colours = [_COLOURS[list(names).index(n) % 5] for n in present]
    dashes = [_DASHES[list(names).index(n) % 5] for n in present]
    legend = alt.Legend(
        orient="bottom",
        title=None,
        columns=1,
        labelLimit=280,
        symbolType="stroke",
        symbolStrokeWidth=3,
        symbolSize=400,
        symbolOpacity=1,
    )
    colour = alt.Color("curve:N", scale=alt.Scale(domain=present, range=colours), legend=legend)
    dash = alt.StrokeDash("curve:N", scale=alt.Scale(domain=present, range=dashes), legend=legend)
    lowest = float(frame.loc[frame[x] > 0, "low"].min()) if (frame[x] > 0).any() else 0.0
    base = alt.Chart(frame[frame[x] > 0] if (frame[x] > 0).any() else frame).encode(
        x=alt.X(f"{x}:Q", title=title, axis=alt.Axis(tickMinStep=1, format="d"))
    )
    scale = alt.Scale(domain=[max(0.0, lowest - 0.02), 1.0], clamp=True)
    y = alt.Y("coverage:Q", title="covered", axis=alt.Axis(format=".0%"), scale=scale)
    shares = [alt.Tooltip(f"{n}:Q", format=".1%") for n in ("coverage", "low", "high")]
    lines = base.mark_line(strokeWidth=2.5).encode(y=y, color=colour, strokeDash=dash)
    dots = base.mark_circle(size=45).encode(
        y=y, color=colour, tooltip=["curve", x, *shares, "covered", "utterances"]
    )
    layers: list[Any] = [lines, dots]
    if bands:
        band = base.mark_area(opacity=0.13).encode(
            y=alt.Y("low:Q", title="covered", scale=scale), y2="high:Q", color=colour
        )
        layers.insert(0, band)
    return alt.layer(*layers).properties(height=400)


def _percentiles(report: CoverageReport) -> None:
    st.markdown("**Rank at which the right function comes first**")
    rows = [{**r, "ranking": NAMES[str(r["ranking"])]} for r in percentile_rows(report)]
    frame = pd.DataFrame([{k: "–" if v is None else str(v) for k, v in r.items()} for r in rows])
    st.dataframe(
        frame,
        hide_index=True,
        key="coverage do percentiles",
        column_config={
            "never": st.column_config.NumberColumn(
                help="Utterances whose function is not found at any rank measured."
            )
        },
    )
    grid = report.grid
    st.caption(
        "p90 is the rank by which 90 of 100 utterances have found their function; – means that "
        f"this share isn't reached within {grid.max_desc} descriptions or {grid.max_exemplar} "
        "exemplars. This table counts exemplars; the curve over “functions in the prompt” counts "
        "different functions, because these take room in a prompt."
    )
