"""How good each slot is, and the rows with values that are missing, wrong or spurious."""

from __future__ import annotations

from typing import Any

import streamlit as st

from radu_core.evaluation import EvaluationReport
from radu_core.words import quantity
from radu_core.workflows.evaluate.mistakes import MISTAKES, SlotResult, find_slot_results
from studio.evaluate.errors import choose_from, error_rows
from studio.frame.markdown import plain
from studio.frame.page import Page

__all__ = ["slots"]

_HELP = {
    "F1": "The harmonic mean of precision and recall.",
    "precision": "Of the values that the model said, the share that is labelled.",
    "recall": "Of the labelled values, the share that the model said.",
    "95 % of precision": "Wilson interval.",
    "95 % of recall": "Wilson interval.",
    "labelled": "Values in the labels (support). Each value of a list counts.",
    "said": "Values in the model's answers.",
    "missing": "Labelled, and not said.",
    "wrong value": "Labelled, and said with another value.",
    "spurious": "Said, and not labelled.",
}


def slots(here: Page, report: EvaluationReport) -> None:
    """A row for each slot; the one that is chosen with its mistakes."""
    results = find_slot_results(report)
    if report.trained.per_slot is None:
        st.info(
            "This report was made before slots had scores: it lists mistakes only. Evaluate again "
            "to get the scores.",
            icon=":material/history:",
        )
    if not results:
        st.caption("No label and no answer has a value.")
        return
    st.caption(
        "Under a wrong function, every labelled value is missing and every value said is spurious."
    )
    functions = sorted({r.function for r in results})
    only = st.multiselect("Functions", functions, key="slot functions", placeholder="all")
    results_shown = [r for r in results if not only or r.function in only]
    linked_slot = tuple(st.query_params.get(name, "") for name in ("function", "slot"))
    place = choose_from(
        report,
        [_row(r) for r in results_shown],
        one="slot",
        columns=_columns(scored=report.trained.per_slot is not None),
        first=next(
            (n for n, r in enumerate(results_shown) if (r.function, r.slot) == linked_slot), None
        ),
    )
    if place is not None:
        _behind(here, report, results_shown[place])


def _columns(*, scored: bool) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name: st.column_config.Column(help=words) for name, words in _HELP.items()
    }
    if scored:
        for name in ("F1", "precision", "recall"):
            columns[name] = st.column_config.NumberColumn(help=_HELP[name], format="percent")
    return columns


def _row(result: SlotResult) -> dict[str, Any]:
    row: dict[str, Any] = {"function": result.function, "slot": result.slot}
    score = result.score
    if score is not None:
        row |= {
            "F1": score.f1,
            "precision": score.precision.value_if_any,
            "recall": score.recall.value_if_any,
            "labelled": score.labelled,
            "said": score.said,
        }
    row |= {kind: result.count(kind) for kind in MISTAKES}
    if score is not None:
        row["95 % of precision"] = score.precision.interval
        row["95 % of recall"] = score.recall.interval
    return row


def _behind(here: Page, report: EvaluationReport, result: SlotResult) -> None:
    """The rows in which the slot is wrong, of one kind or all."""
    st.markdown(f"**{plain(result.slot)} of {plain(result.function)}**")
    kinds = [kind for kind in MISTAKES if result.count(kind)]
    if not kinds:
        st.success("No value is missing, wrong or spurious.")
        return
    kind = st.pills(
        "Mistakes",
        kinds,
        format_func=lambda k: f"{k} ({quantity(result.count(k), 'value')})",
        key=f"mistakes of {result.function} {result.slot}",
    )
    mistakes = [m for m in result.mistakes if kind is None or m.counts[kind]]
    error_rows(
        here,
        report,
        [m.error for m in mistakes],
        tab="Slots",
        chosen_by={"function": result.function, "slot": result.slot},
        more=[
            {
                "mistake": ", ".join(k for k in MISTAKES if m.counts[k]),
                "labelled": ", ".join(map(str, m.labelled)),
                "said": ", ".join(map(str, m.said)),
            }
            for m in mistakes
        ],
    )
