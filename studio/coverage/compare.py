"""Two embedders or two weights side by side, with a paired test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from radu_core.exemplars import Split
from radu_core.retrieval import RetrievalSettings
from radu_core.terms import label
from radu_core.words import quantity
from radu_core.workflows.coverage.report import CoverageReport, curve_rows, retrieval_settings
from radu_core.workflows.coverage.what_if import (
    Compared,
    compare_reports,
    compare_retrieval,
    function_changes,
    telling_point,
)
from studio.coverage.curves import NAMES, chart
from studio.coverage.index import choose, use
from studio.coverage.what_if import moved_figures, moved_table
from studio.frame import jobs, show
from studio.frame.layout import side_by_side
from studio.frame.markdown import plain
from studio.frame.page import Page, messages

__all__ = ["compare"]

_CLEAR = 0.05


def compare(here: Page, report: CoverageReport, point: tuple[int, int]) -> None:
    """Choose two settings, measure both on the same utterances, see who is better and where."""
    own = retrieval_settings(here.workspace, here.module)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**First**")
        one = choose(here, f"coverage compare one {here.module}", own)
    with right:
        st.markdown("**Second**")
        other = own.model_copy(update={"dense_weight": 1.0 if own.dense_weight < 0.95 else 0.5})
        two = choose(here, f"coverage compare two {here.module}", other)
    key = ("coverage compare", here.module)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Compare",
            icon=":material/compare_arrows:",
            disabled=one == two,
            key="coverage do compare",
        ):
            _start(here, key, one, two, report)
        st.caption(
            "Both are the same. Change one of them."
            if one == two
            else f"On the utterances of {report.split}. Nothing is saved."
        )
    job_shown = jobs.show(key)
    if job_shown is not None:
        with messages():
            _result(here, job_shown, point)


def _start(
    here: Page,
    key: tuple[str, str],
    one: RetrievalSettings,
    two: RetrievalSettings,
    report: CoverageReport,
) -> None:
    split: Split = report.split
    jobs.start(
        key,
        "Comparing",
        lambda progress: compare_retrieval(
            here.workspace,
            here.module,
            one,
            two,
            split=split,
            target=report.target,
            progress=progress,
        ),
    )


def _result(here: Page, comparison: Compared, point: tuple[int, int]) -> None:
    reports = (comparison.one, comparison.two)
    names = (
        f"first: {_settings_text(reports[0].settings)}",
        f"second: {_settings_text(reports[1].settings)}",
    )
    at = _points(comparison, point)
    comparison = compare_reports(comparison.one, comparison.two, at)
    moved_figures(comparison.difference, ("first", "second"))
    st.markdown(_verdict(comparison, names))
    left, right = side_by_side([3, 2], key="coverage-compare")
    with left:
        _curves(reports, names)
    with right:
        _functions(comparison)
    moved_table(comparison.one.grid.queries, comparison.difference, "compare")
    own = retrieval_settings(here.workspace, here.module)
    with st.container(horizontal=True):
        for word, one in zip(("first", "second"), reports, strict=True):
            if st.button(
                f"Save the {word} for the module",
                icon=":material/save:",
                disabled=one.settings == own,
                key=f"coverage do use {word}",
            ):
                use(here, one.settings)


def _settings_text(settings: RetrievalSettings) -> str:
    return f"{settings.embedder}, weight of meaning {settings.dense_weight:g}"


def _points(
    comparison: Compared, point: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where each is looked at: both at the page's point, unless they are to have their own."""
    apart = st.toggle("A separate point for each", key="coverage apart")
    if not apart:
        at, note = telling_point(comparison.one, comparison.two, _within(comparison.one, point))
        if note:
            st.info(note, icon=":material/info:")
        return at, _within(comparison.two, at)
    points = []
    columns = st.columns(4, vertical_alignment="bottom")
    for n, one in enumerate((comparison.one, comparison.two)):
        word = ("first", "second")[n]
        for name, best in (("k_desc", one.choice.k_desc), ("k_exemplar", one.choice.k_exemplar)):
            most = one.grid.max_desc if name == "k_desc" else one.grid.max_exemplar
            key = f"coverage {word} {name} {id(one)}"
            st.session_state.setdefault(key, best)
            column = columns[2 * n + (name == "k_exemplar")]
            points.append(
                int(column.number_input(f"{word.capitalize()}: {label(name)}", 0, most, key=key))
            )
    return (points[0], points[1]), (points[2], points[3])


def _within(report: CoverageReport, point: tuple[int, int]) -> tuple[int, int]:
    return min(point[0], report.grid.max_desc), min(point[1], report.grid.max_exemplar)


def _verdict(comparison: Compared, names: tuple[str, str]) -> str:
    difference, (one, two) = comparison.difference, comparison.points
    where = f"at {one}" if one == two else f"at {one} and {two}"
    if difference.p >= _CLEAR or difference.before == difference.after:
        on = quantity(difference.total, "utterance")
        return f"**No clear difference** {where} on {on} (p = {difference.p:.3g})."
    better = names[difference.after > difference.before]
    return f"**{plain(better)}** is better {where} (p = {difference.p:.3g})."


def _curves(reports: Sequence[CoverageReport], names: Sequence[str]) -> None:
    which = st.segmented_control(
        "Ranking",
        ["fused", "together", "dense", "lexical", "descriptions"],
        required=True,
        format_func=lambda name: NAMES[name],
        key="coverage compare curve",
    )
    rows: list[dict[str, Any]] = [
        {**row, "curve": name}
        for name, report in zip(names, reports, strict=True)
        for row in curve_rows(report)
        if row["curve"] == which
    ]
    both = show.with_percent(chart(rows, "k", names, bands=True, title="k"))
    st.altair_chart(both, alt="Both curves")


def _functions(comparison: Compared) -> None:
    rows = function_changes(comparison.one.grid, comparison.difference)
    st.markdown("**Per function**")
    if not rows:
        st.caption("No function gains or loses an utterance.")
        return
    st.dataframe(
        pd.DataFrame(rows, columns=["function", "gained", "lost", "of"]),
        hide_index=True,
        key="coverage do compare functions",
    )
