"""The parts of the Overlap page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import pandas as pd
import streamlit as st

from radu_core.retrieval.findings import ACTIONS, KINDS, Example, Finding
from radu_core.words import quantity
from radu_core.workflows.coverage import judgements
from radu_core.workflows.overlap.report import (
    OverlapReport,
    flag,
    has_changed_since,
    overlap_report,
    pairs_confused,
)
from radu_core.workflows.schema.merge_functions import MergePlan, merge_functions, merge_plan
from studio.frame import jobs, show
from studio.frame.layout import open_tab
from studio.frame.markdown import plain
from studio.frame.navigation import go_to, link
from studio.frame.page import Page, messages
from studio.overlap.charts import confusion_chart, function_map

__all__ = ["measure", "measurement_line", "tabs"]

_T = TypeVar("_T")
_A_PAGE = 10
_OUT = "out of scope"
_SAID = {"same": "really the same", "different": "really different"}
_ICONS = {
    "annotate": ":material/flag:",
    "describe": ":material/edit_note:",
    "add": ":material/add:",
    "merge": ":material/merge:",
}


def measure(here: Page, key: Hashable) -> None:
    """How much is enough and what is nearly the same, and the button."""
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
    enough = first.number_input(
        "Exemplars a function needs", 1, 1000, 10, help="Repeated exemplars count once."
    )
    near = second.slider(
        "Near duplicates from (cosine)",
        0.80,
        1.0,
        0.95,
        0.01,
        help="A lower value finds more pairs, but more of them really differ.",
    )
    if third.button(
        "Measure",
        type="primary",
        icon=":material/search:",
        width="stretch",
        key="overlap do measure",
    ):
        jobs.start(
            key,
            "Measuring overlap",
            lambda progress: overlap_report(
                here.workspace,
                here.module,
                enough=int(enough),
                near_duplicate=near,
                progress=progress,
            ),
        )


def measurement_line(here: Page, report: OverlapReport) -> None:
    """What was measured, and whether the module has moved on since."""
    st.caption(
        f"Measured on {quantity(report.distinct, 'distinct exemplar')} of {report.exemplars:,} "
        f"resolved training exemplars, each compared with its {report.k} nearest."
    )
    if has_changed_since(here.workspace, report):
        st.warning("The module has changed since. Measure again.", icon=":material/refresh:")


@st.fragment
def tabs(here: Page, report: OverlapReport) -> None:
    """The findings, the confusion, the map and the judged pairs; only the open one is made."""
    pair_count = len(pairs_confused(report, most=10_000))
    parts = {
        "Findings": _findings,
        "Confusion": confusion_chart,
        "Map": function_map,
        "Judged pairs": _judged_pairs,
    }
    counts = {"Findings": f"{len(report.findings):,}", "Confusion": quantity(pair_count, "pair")}
    tab = open_tab(
        list(parts),
        key=f"overlap tab {here.module}",
        label=lambda name: f"{name} ({counts[name]})" if name in counts else name,
    )
    with messages():
        parts[tab](here, report)


# Findings


def _findings(here: Page, report: OverlapReport) -> None:
    """Everything found, by kind, a few at a time, each with examples and what to do about it."""
    if not report.findings:
        st.success(
            "Nothing was found: no functions that overlap, no doubtful labels, no function with "
            "too few exemplars.",
            icon=":material/check:",
        )
        return
    counts = Counter(f.kind for f in report.findings)
    kinds = [k for k in KINDS if counts[k]]
    kinds_chosen = st.pills(
        "Only",
        kinds,
        selection_mode="multi",
        key=f"overlap kinds {report.module}",
        format_func=lambda k: f"{KINDS[k]} ({counts[k]:,})",
        label_visibility="collapsed",
    )
    findings = [f for f in report.findings if not kinds_chosen or f.kind in kinds_chosen]
    for number, finding in _page_of(findings, f"overlap page {report.module}"):
        _finding(here, finding, number)
    show.download(
        [_row(f, e) for f in findings for e in f.examples or (Example("", None, ""),)],
        name=f"{here.module}-overlap.csv",
        key="overlap findings",
        label=f"{quantity(len(findings), 'finding')} with their examples",
    )


def _page_of(items: Sequence[_T], key: str) -> list[tuple[int, _T]]:
    """One page of them with their numbers, and the choice of the page where there are several."""
    pages = -(-len(items) // _A_PAGE)
    number = 1
    if pages > 1:
        st.session_state[key] = min(st.session_state.get(key, 1), pages)
        number = int(st.number_input(f"Page (of {pages:,})", 1, pages, key=key, width=160))
    start = (number - 1) * _A_PAGE
    return list(enumerate(items[start : start + _A_PAGE], start=start))


def _row(finding: Finding, example: Example) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "functions": ", ".join(finding.functions),
        "finding": finding.what,
        "remedy": finding.remedy,
        **finding.figures,
        "id": example.id,
        "template": example.template,
        "other id": example.other_id,
        "other function": example.other_function or "",
        "other template": example.other_template,
        "similarity": example.similarity,
    }


def _finding(here: Page, finding: Finding, number: int) -> None:
    with st.container(border=True):
        st.markdown(f"**{plain(finding.what)}**")
        st.caption(plain(finding.remedy))
        if finding.kind in ("near duplicates", "outlier", "judged the same"):
            _two(finding.examples[0])
        elif finding.examples:
            with st.expander(quantity(len(finding.examples), "example")):
                st.dataframe(pd.DataFrame(_examples(finding)), hide_index=True)
        with st.container(horizontal=True, vertical_alignment="center"):
            for action in finding.actions:
                _action(here, finding, action, number)
        notice = st.session_state.get(_notice_key(here, finding))
        if notice:
            st.success(plain(notice), icon=":material/check:")


def _two(pair: Example) -> None:
    """The two of a pair below each other, so that a difference of one word is seen."""
    st.markdown(
        f"{plain(pair.template)} · *{plain(pair.function or _OUT)}*  \n"
        f"{plain(pair.other_template)} · *{plain(pair.other_function or _OUT)}*"
    )


def _examples(finding: Finding) -> list[dict[str, Any]]:
    rows = [
        {
            "function": e.function or _OUT,
            "template": e.template,
            "other function": e.other_function or "",
            "nearest of that function": e.other_template,
            "cosine": e.similarity,
            "id": e.id,
        }
        for e in finding.examples
    ]
    pairs = any(e.other_id for e in finding.examples)
    return [
        {k: v for k, v in r.items() if pairs or k in ("function", "template", "id")} for r in rows
    ]


def _action(here: Page, finding: Finding, action: str, number: int) -> None:
    key = f"overlap {action} {number} {finding.kind}"
    name = finding.functions[0] if finding.functions else ""
    if action == "judge":
        _judge_buttons(here, finding, key)
    elif action == "describe" and name:
        link("schema", ACTIONS["describe"], module=here.module, function=name)
    elif action == "annotate" and not finding.examples and name:
        link("annotate", "Open the queue", module=here.module, function=name)
    elif action == "annotate" and finding.examples:
        ids = {i for e in finding.examples for i in (e.id, e.other_id) if i}
        st.button(
            f"Send {len(ids)} to annotation",
            icon=_ICONS["annotate"],
            key=key,
            on_click=_flag,
            args=(here, finding),
        )
    elif action == "add" and name:
        st.button(ACTIONS["add"], icon=_ICONS["add"], key=key, on_click=_to_add, args=(name,))
        if st.session_state.get("overlap to add") == name:
            del st.session_state["overlap to add"]
            go_to("annotate")
    elif (
        action == "merge"
        and len(finding.functions) == 2
        and st.button("Merge …", icon=_ICONS["merge"], key=key, help=ACTIONS["merge"])
    ):
        _merge(here, finding.functions)


def _notice_key(here: Page, finding: Finding) -> str:
    ids = [i for e in finding.examples for i in (e.id, e.other_id)]
    return f"overlap told {here.module} {finding.kind} {finding.functions} {ids}"


def _flag(here: Page, finding: Finding) -> None:
    with messages():
        sent_count = flag(here.workspace, here.module, finding, who=here.who)
        st.session_state[_notice_key(here, finding)] = (
            f"{sent_count} sent: they wait on the Annotate page under “Suspected errors”."
        )


def _to_add(function: str) -> None:
    """Open the form of the Annotate page for this function."""
    st.session_state["annotate tool"] = "add"
    st.session_state["add function"] = function
    st.session_state["overlap to add"] = function


def _judge_buttons(here: Page, finding: Finding, key: str) -> None:
    pair = finding.examples[0]
    for verdict, label in _SAID.items():
        if finding.kind == "judged the same" and verdict == "same":
            continue
        st.button(
            label.capitalize(),
            key=f"{key} {verdict}",
            on_click=_judge,
            args=(here, finding, pair, verdict),
        )


def _judge(here: Page, finding: Finding, pair: Example, verdict: str) -> None:
    with messages():
        judgements.judge(here.workspace, here.module, pair.id, pair.other_id, verdict, who=here.who)
        then = {
            "same": "It is never used as a negative. Correct the label, or merge the functions.",
            "different": "It is used as a negative like any other.",
        }
        st.session_state[_notice_key(here, finding)] = f"Judged {_SAID[verdict]}. {then[verdict]}"


@st.dialog("Merge two functions")
def _merge(here: Page, functions: tuple[str, ...]) -> None:
    """Choose which one stays, see the effect, and merge."""
    keep = str(st.radio("Function to keep", functions, format_func=plain, key="merge keep"))
    away = next(f for f in functions if f != keep)
    with messages():
        plan = merge_plan(here.workspace, here.module, keep, away)
        _cost(plan)
        if plan.conflicts:
            st.error(
                "These functions can't be merged:\n"
                + "\n".join(f"- {plain(c)}" for c in plan.conflicts),
                icon=":material/block:",
            )
            link("schema", "Open the schema", module=here.module)
        elif st.button(
            f"Merge {quantity(plan.total, 'exemplar')} into {plain(keep)}", type="primary"
        ):
            merge_functions(here.workspace, here.module, keep, away, who=here.who)
            jobs.forget(("overlap", here.module))
            st.rerun()


def _cost(plan: MergePlan) -> None:
    text = ", ".join(f"{n:,} {plain(outcome)}" for outcome, n in plan.moved.items()) or "none"
    lines = [
        f"**{plan.total:,}** exemplars of {plain(plan.away)} move ({text}); each keeps its "
        "history.",
        f"Slots that both have: {plain(', '.join(plan.shared) or 'none')}.",
        f"Slots that move, as optional: {plain(', '.join(plan.added) or 'none')}.",
        *_opinion_lines(plan),
        f"{plain(plan.away)} is removed from the schema. The schema can be restored under "
        "“Versions” on the Schema page, but the exemplars stay moved.",
    ]
    st.markdown("\n".join(f"- {line}" for line in lines))


def _opinion_lines(plan: MergePlan) -> list[str]:
    if not plan.opinions:
        return []
    return [
        f"**{plan.opinions:,}** of them have opinions that wait for a decision. These no longer "
        "count: people are asked again, and the history keeps the old ones."
    ]


# Confusion


def _judged_pairs(here: Page, report: OverlapReport) -> None:
    """What people said of pairs, what follows from it, and a way to take it back."""
    pairs = judgements.judged_pairs(here.workspace, here.module)
    if not pairs:
        st.info(
            "No pair has been judged yet. Judge pairs under Findings, or on the Prompts page "
            "under Negatives."
        )
        return
    for number, pair in _page_of(pairs, f"overlap judged page {here.module}"):
        text, button = st.columns([5, 2], vertical_alignment="center")
        text.markdown(
            f"**{_SAID[pair.verdict].capitalize()}**, by {plain(pair.who)}, "
            f"{pair.at:%Y-%m-%d %H:%M}: {plain(pair.effect)}  \n"
            f"{plain(pair.first.template or pair.first.utterance)} · "
            f"*{plain(pair.first.function or _OUT)}*  \n"
            f"{plain(pair.second.template or pair.second.utterance)} · "
            f"*{plain(pair.second.function or _OUT)}*"
        )
        button.button(
            "Withdraw",
            key=f"withdraw {number} {pair.first.id} {pair.second.id}",
            icon=":material/undo:",
            on_click=_withdraw,
            args=(here, pair.first.id, pair.second.id),
        )
    show.rows(
        [
            {
                "judged": p.verdict,
                "by": p.who,
                "at": f"{p.at:%Y-%m-%d %H:%M}",
                "so": p.effect,
                "exemplar": p.first.utterance,
                "function": p.first.function or _OUT,
                "and": p.second.utterance,
                "its function": p.second.function or _OUT,
                "id": p.first.id,
                "other id": p.second.id,
                "open": f"annotate?module={quote(here.module)}&item={quote(p.first.id, safe='')}",
            }
            for p in pairs
        ],
        name=f"{here.module}-judged.csv",
        key="overlap judged",
        label="judged pairs",
        columns={"open": st.column_config.LinkColumn("open", display_text="open")},
    )


def _withdraw(here: Page, first: str, second: str) -> None:
    with messages():
        judgements.withdraw(here.workspace, here.module, first, second, who=here.who)
