"""The parts of the Coverage page."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from radu_core.workflows.coverage import CoverageReport
from studio import show
from studio.markdown import plain
from studio.navigation import link
from studio.page import Page

__all__ = ["measured_on", "misses", "per_function", "recommendation", "surface"]


def measured_on(report: CoverageReport) -> None:
    """What was counted: the page's choices may have moved on since."""
    st.caption(
        f"Measured on {report.grid.total:,} utterances of {report.split}"
        + (
            f"; left out: {', '.join(f'{n} {why}' for why, n in report.left_out.items())}."
            if report.left_out
            else "."
        )
    )


def recommendation(report: CoverageReport) -> None:
    """The cheapest point that reaches the target."""
    choice = report.choice
    columns = st.columns(4)
    columns[0].metric("descriptions (k_desc)", choice.k_desc)
    columns[1].metric("exemplars (k_exemplar)", choice.k_exemplar)
    columns[2].metric(
        "coverage", f"{choice.share:.1%}", help=f"{choice.low:.1%} to {choice.high:.1%}"
    )
    columns[3].metric("tokens a prompt", f"{choice.cost:.0f}", help="Estimated from the templates.")
    (st.success if choice.reached else st.warning)(
        f"{plain(choice.note)} 95 % interval: {choice.low:.1%} to {choice.high:.1%}."
    )


def surface(report: CoverageReport) -> tuple[int, int]:
    """Coverage over the grid as a heat map; returns the point that is looked at."""
    grid = report.grid
    points = [
        {
            "descriptions": d,
            "exemplars": e,
            "coverage": grid.share(d, e),
            "low": grid.interval(d, e)[0],
            "functions in the prompt": float(grid.mean_functions[d, e]),
        }
        for d in range(grid.max_desc + 1)
        for e in range(grid.max_exemplar + 1)
    ]
    frame = pd.DataFrame(points)
    base = alt.Chart(frame).encode(
        x=alt.X("exemplars:O", title="exemplars retrieved (k_exemplar)"),
        y=alt.Y("descriptions:O", title="descriptions retrieved (k_desc)", sort="descending"),
    )
    cells = base.mark_rect().encode(
        color=alt.Color(
            "coverage:Q",
            scale=alt.Scale(scheme="viridis", domain=[_lowest(frame), 1.0]),
            legend=alt.Legend(format=".0%"),
        ),
        tooltip=[
            "descriptions",
            "exemplars",
            alt.Tooltip("coverage:Q", format=".1%"),
            alt.Tooltip("low:Q", format=".1%", title="lower bound"),
            alt.Tooltip("functions in the prompt:Q", format=".1f"),
        ],
    )
    choice = report.choice
    here = (alt.datum.descriptions == choice.k_desc) & (alt.datum.exemplars == choice.k_exemplar)
    mark = base.transform_filter(here).mark_rect(fillOpacity=0, stroke="#ff4d4d", strokeWidth=3)
    st.altair_chart((cells + mark).properties(height=320), alt="Coverage by k_desc and k_exemplar")
    left, right = st.columns(2)
    k_desc = left.number_input("Look at k_desc", 0, grid.max_desc, choice.k_desc)
    k_exemplar = right.number_input("and k_exemplar", 0, grid.max_exemplar, choice.k_exemplar)
    return int(k_desc), int(k_exemplar)


def _lowest(frame: pd.DataFrame) -> float:
    some = frame[(frame["descriptions"] > 0) | (frame["exemplars"] > 0)]
    return float(some["coverage"].min())


def per_function(report: CoverageReport, point: tuple[int, int]) -> None:
    """Which functions are missed at a point."""
    rows = [
        {"function": name, "coverage": hits / total, "covered": f"{hits} of {total}"}
        for name, (hits, total) in report.grid.per_function(*point).items()
    ]
    frame = pd.DataFrame(rows).sort_values(["coverage", "function"])
    st.markdown(f"**Per function** at ({point[0]}, {point[1]})")
    st.dataframe(
        frame,
        hide_index=True,
        height=380,
        column_config={
            "coverage": st.column_config.ProgressColumn(
                "coverage", format="percent", min_value=0.0, max_value=1.0
            )
        },
    )


def misses(here: Page, report: CoverageReport, point: tuple[int, int]) -> None:
    """Every utterance whose right function isn't retrieved, and a way to the annotators."""
    found = report.grid.misses(*point)
    st.markdown(f"**{len(found)} missed** at ({point[0]}, {point[1]})")
    if not found:
        return
    rows = [
        {
            "id": m.id,
            "utterance": m.utterance,
            "right function": m.function,
            "retrieved instead": ", ".join(m.retrieved),
        }
        for m in found
    ]
    show.rows(rows, name=f"{here.module}-misses.csv", key="misses", label="misses")
    if st.button(f"Send {len(found)} to annotation", icon=":material/flag:"):
        flags = {m.id: f"Coverage: {m.function} wasn't retrieved" for m in found}
        sent = here.workspace.store.flag(here.module, flags, who=here.who, kind="suspected")
        st.success(f"{sent} utterances wait on the Annotate page.")
        link("annotate", "Look at them", module=here.module, queue="suspected")
