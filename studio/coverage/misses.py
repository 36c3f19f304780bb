"""The list of misses: what was retrieved instead, why, and where to correct it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from radu_core.retrieval import Cause, ExplainedMiss
from radu_core.retrieval.misses import CAUSES, Near
from radu_core.words import ordinal, quantity
from radu_core.workflows.coverage.report import (
    MISS_COLUMNS,
    CoverageReport,
    explained_misses,
    flag_misses,
    miss_rows,
)
from radu_core.workflows.coverage.what_if import as_exemplar
from studio.coverage.what_if import ask_about
from studio.frame import show
from studio.frame.markdown import plain
from studio.frame.navigation import link, link_to_prompt
from studio.frame.page import Page, messages

__all__ = ["misses"]

_TOLD = "coverage told"
_CHOSEN = "coverage do miss"
_CAUSES = {
    "label": "doubtful label",
    "no exemplar": "no exemplar",
    "few exemplars": "few exemplars",
    "thin description": "short description",
    "overlap": "functions overlap",
    "unlike": "unusual wording",
    "description": "description too different",
    "just below": "rank just below",
}


def misses(here: Page, report: CoverageReport, point: tuple[int, int]) -> None:
    """Every miss at the point in a table; the chosen one with its causes and remedies."""
    explanations = _explanations(report, point)
    if not explanations:
        st.success(
            f"Nothing is missed at ({point[0]}, {point[1]}). At a cheaper point there may be "
            "misses: retrieve fewer descriptions or exemplars above.",
            icon=":material/check_circle:",
        )
        return
    with messages():
        _miss_list(here, report, explanations)


def _explanations(report: CoverageReport, point: tuple[int, int]) -> list[ExplainedMiss]:
    explanations_kept = st.session_state.get("coverage do explained")
    if (
        explanations_kept is None
        or explanations_kept[0] is not report
        or explanations_kept[1] != point
    ):
        explanations_kept = (report, point, explained_misses(report, *point))
        st.session_state["coverage do explained"] = explanations_kept
    explanations: list[ExplainedMiss] = explanations_kept[2]
    return explanations


@st.fragment
def _miss_list(here: Page, report: CoverageReport, explanations: list[ExplainedMiss]) -> None:
    if st.session_state.pop("coverage do go", False):
        st.rerun()  # to another tab, which lies outside of this fragment
    some = _filter(explanations)
    rows = miss_rows(some)
    columns = ["utterance", "function", "retrieved", "cause", "remedy"]
    frame = pd.DataFrame(rows, columns=list(MISS_COLUMNS))
    frame["cause"] = [_CAUSES[c] for c in frame["cause"]]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(some):,} of {len(explanations):,} missed**")
        show.download(
            pd.DataFrame(rows, columns=list(MISS_COLUMNS)),
            name=f"{here.module}-misses.csv",
            key="misses",
            label="misses with causes",
        )
        if st.button(
            f"Send {len(some):,} to annotation",
            icon=":material/flag:",
            disabled=not some,
            key="coverage do send",
        ):
            _send(here, some)
        _show_notice(here)
    st.dataframe(
        frame[columns],
        hide_index=True,
        on_select=_take_row,
        selection_mode="single-row",
        key="coverage do misses",
        height=min(318, 38 + 35 * max(1, len(some))),
        column_config={
            "utterance": st.column_config.TextColumn(width=300),
            "function": st.column_config.TextColumn("right function", width=140),
            "retrieved": st.column_config.TextColumn("retrieved instead", width=150),
            "cause": st.column_config.TextColumn("main cause", width=140),
            "remedy": st.column_config.TextColumn(width=270),
        },
    )
    if (st.session_state.get(_CHOSEN) or 0) >= len(some):
        st.session_state[_CHOSEN] = None  # it was of another list
    row_chosen = st.selectbox(
        "Miss",
        range(len(some)),
        index=None,
        key=_CHOSEN,
        disabled=not some,
        placeholder="Choose here, or in the table",
        format_func=lambda n: rows[n]["utterance"],
    )
    if row_chosen is not None:
        _detail(here, report, some[row_chosen])
    else:
        st.caption("Choose a miss to see what was nearer and how to correct it.")


def _take_row() -> None:
    """The row chosen in the table is chosen in the field below, which the keyboard reaches."""
    rows = st.session_state["coverage do misses"].selection.rows
    st.session_state[_CHOSEN] = rows[0] if rows else None


def _filter(explanations: list[ExplainedMiss]) -> list[ExplainedMiss]:
    causes = Counter(one.causes[0].kind for one in explanations)
    functions = Counter(one.miss.function for one in explanations)
    left, right = st.columns(2)
    some_causes = left.multiselect(
        "Main cause",
        [c for c in CAUSES if causes[c]],
        key="coverage causes",
        format_func=lambda c: f"{_CAUSES[c]} ({causes[c]})",
        placeholder="all",
    )
    some_functions = right.multiselect(
        "Right function",
        sorted(functions),
        key="coverage functions",
        format_func=lambda f: f"{f} ({functions[f]})",
        placeholder="all",
    )
    return [
        one
        for one in explanations
        if (not some_causes or one.causes[0].kind in some_causes)
        and (not some_functions or one.miss.function in some_functions)
    ]


def _send(here: Page, some: Sequence[ExplainedMiss]) -> None:
    sent_count = flag_misses(here.workspace, here.module, some, who=here.who)
    st.session_state[_TOLD] = (here.module, f"{sent_count:,} wait on the Annotate page.")


def _show_notice(here: Page) -> None:
    module, text = st.session_state.get(_TOLD, ("", ""))
    if module == here.module and text:
        st.markdown(f":material/check: {text}")
        link("annotate", "Look at them", module=here.module, queue="suspected")


def _detail(here: Page, report: CoverageReport, one: ExplainedMiss) -> None:
    with st.container(border=True):
        show.utterance(one.miss.utterance)
        st.caption(f"{plain(one.miss.id)} · meant: {plain(one.miss.function)}")
        left, right = st.columns([3, 2], gap="medium")
        with left:
            _neighbours(one)
        with right:
            for number, cause in enumerate(one.causes):
                st.markdown(_cause(cause, first=number == 0))
        _mend(here, report, one)


def _cause(cause: Cause, *, first: bool) -> str:
    kind = f"**{_CAUSES[cause.kind]}**" if first else _CAUSES[cause.kind]
    return f"- {kind}: {plain(cause.text)} *{plain(cause.remedy)}*"


def _neighbours(one: ExplainedMiss) -> None:
    """The right function's nearest exemplar and description beside what was nearer."""

    def row(near: Near, what: str) -> dict[str, object]:
        return {
            "": what,
            "cosine": near.similarity,
            "function": near.function or "none",
            "exemplar": near.template,
        }

    rows = [row(n, "instead") for n in one.nearest]
    if one.own is not None:
        rows.append(row(one.own, "nearest of the right function"))
    rows.sort(key=lambda r: -float(str(r["cosine"])))
    st.dataframe(
        pd.DataFrame(rows, columns=["", "cosine", "function", "exemplar"]),
        hide_index=True,
        key="coverage do nearest",
        column_config={
            "cosine": st.column_config.NumberColumn(format="%.3f", width=65),
            "function": st.column_config.TextColumn(width=130),
            "exemplar": st.column_config.TextColumn(width=330),
        },
    )
    ways = quantity(one.exemplars, "exemplar") if one.exemplars else "no exemplar"
    st.caption(
        f"{plain(one.miss.function)} has {ways}; for this utterance its description ranks "
        f"{ordinal(one.description_rank)} of all."
    )


def _mend(here: Page, report: CoverageReport, one: ExplainedMiss) -> None:
    """Each remedy where it is done, this miss and function in hand."""
    function, id_ = one.miss.function, one.miss.id
    template = as_exemplar(report.grid.queries[one.miss.number])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "What if: another description",
            icon=":material/science:",
            key="coverage do describe",
            on_click=ask_about,
            args=(function,),
        )
        st.button(
            "What if: add as exemplar",
            icon=":material/add:",
            key="coverage do add",
            on_click=ask_about,
            args=(function, template),
        )
        if st.button("Flag for annotation", icon=":material/flag:", key="coverage do flag"):
            _send(here, [one])
            st.rerun(scope="fragment")
    with st.container(horizontal=True, vertical_alignment="center"):
        link("schema", "Edit the description", module=here.module, function=function)
        link("annotate", "Add an exemplar", module=here.module, add=function)
        link("annotate", "Check its label", module=here.module, item=id_)
        link_to_prompt(here.module, id_, "See its prompt")
        link("overlap", "Overlap and merge", module=here.module, function=function)
