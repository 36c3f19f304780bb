"""Rows that a model got wrong: all of them, those behind a figure, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from radu_core.evaluation import CallError, EvaluationReport
from radu_core.schema import Arguments
from radu_core.words import quantity
from radu_core.workflows.evaluate.evaluation import send_errors
from radu_core.workflows.evaluate.mistakes import (
    change_since,
    find_errors_of,
    find_slot_results,
)
from studio.frame import show
from studio.frame.address import tell_unknown
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.page import Page

__all__ = ["OUT", "check_address", "choose_from", "error_rows", "errors"]

OUT = "out of scope"
_LONGEST = 80  # characters of what an address names
_SINCE = {
    "deleted": "It was deleted from the module since.",
    "discarded": "It was discarded since.",
    "labelled differently": "Its label was changed since: evaluate again to measure the new one.",
}


def check_address(report: EvaluationReport) -> None:
    """Say which row, pair or slot the address names that the report has nothing of."""
    query = st.query_params
    shown = {"run": report.run, "split": report.split}
    if any(query.get(name, value) != value for name, value in shown.items()):
        return  # another run or split was chosen since: the address is about that report
    row, pair = query.get("row", ""), (query.get("label", ""), query.get("answer", ""))
    slot = (query.get("function", ""), query.get("slot", ""))
    again = "It may be answered right by now, or its label has changed."
    if row and row not in {e.exemplar_id for e in report.errors}:
        tell_unknown("row", f"This report lists no error in utterance {row[:_LONGEST]}.", again)
    if any(pair) and not find_errors_of(report, *pair):
        query.pop("answer", None)
        text = f"In this report, {pair[0][:_LONGEST]} is never taken for {pair[1][:_LONGEST]}."
        tell_unknown("label", text, "Choose a pair under “Functions”.")
    if any(slot) and slot not in {(s.function, s.slot) for s in find_slot_results(report)}:
        query.pop("slot", None)
        text = f"This report has no slot {slot[1][:_LONGEST]} of {slot[0][:_LONGEST]}."
        tell_unknown("function", text, "Choose a slot under “Slots”.")


def errors(here: Page, report: EvaluationReport) -> None:
    """What is wrong, and a way to the annotators."""
    if not report.errors:
        st.success("No errors.")
        return
    kinds = sorted({e.kind for e in report.errors})
    kinds_chosen = st.pills("Only", kinds, selection_mode="multi", key="error kinds")
    errors_shown = [e for e in report.errors if not kinds_chosen or e.kind in kinds_chosen]
    error_rows(here, report, errors_shown, tab="Errors")
    if st.button(
        f"Send {quantity(len(errors_shown), 'error')} to annotation", icon=":material/flag:"
    ):
        part = report.model_copy(update={"errors": tuple(errors_shown)})
        sent_count = send_errors(here.workspace, part, who=here.who)
        st.success(
            f"{quantity(sent_count, 'utterance waits', 'utterances wait')} on the Annotate page."
        )
        link("annotate", "Look at them", module=here.module, queue="evaluation")


def error_rows(
    here: Page,
    report: EvaluationReport,
    call_errors: Sequence[CallError],
    *,
    tab: str,
    more: Sequence[Mapping[str, Any]] | None = None,
    chosen_by: Mapping[str, str] | None = None,
) -> None:
    """Show wrong rows as a table, and the one that is chosen in full.

    It has a link to Annotate and from there back to the ``tab``, where the address says by what
    (``chosen_by``) the rows were chosen. ``more`` columns come first.
    """
    rows = [
        {
            **(more[n] if more else {"kind": e.kind}),
            "utterance": e.utterance,
            "label": _call(e.expected_function, e.expected_arguments),
            "model": _call(e.predicted_function, e.predicted_arguments),
            "id": e.exemplar_id,
        }
        for n, e in enumerate(call_errors)
    ]
    linked_row = st.query_params.get("row")
    place = show.choose(
        rows,
        key=f"errors of {tab}",
        alt="Wrong rows; choose one to see it in full",
        columns={"utterance": st.column_config.TextColumn(width="large")},
        first=next((n for n, e in enumerate(call_errors) if e.exemplar_id == linked_row), None),
    ).opened
    if place is None:
        st.caption("Choose a row to see it in full and to open it in Annotate.")
    else:
        _one(here, report, call_errors[place], {**(chosen_by or {}), "tab": tab})
    show.download(
        rows,
        name=f"{report.run}-{report.split}-errors.csv",
        key=f"errors of {tab}",
        label=quantity(len(rows), "error"),
    )


def choose_from(
    report: EvaluationReport,
    rows: Sequence[Mapping[str, Any]],
    *,
    one: str,
    columns: Mapping[str, Any],
    first: int | None,
) -> int | None:
    """A table of figures with its download; the place of the row that is chosen, if any.

    ``one`` names what a row is: a slot, a pair.
    """
    place = show.choose(
        rows,
        key=f"{one}s",
        alt=f"Figures of each {one}; choose one to see the utterances behind them",
        columns=columns,
        first=first,
    ).opened
    show.download(
        rows,
        name=f"{report.run}-{report.split}-{one}s.csv",
        key=f"{one}s",
        label=quantity(len(rows), one),
    )
    if place is None:
        st.caption(f"Choose a {one} to see the utterances behind its figures.")
    return place


def _call(function: str | None, arguments: Arguments) -> str:
    return f"{function or OUT} {show.as_json(arguments)}"


def _one(here: Page, report: EvaluationReport, error: CallError, place: Mapping[str, str]) -> None:
    """One wrong row: the utterance, the label beside the answer, and where to correct it."""
    with st.container(border=True):
        show.utterance(error.utterance)
        slots = sorted({*error.expected_arguments, *error.predicted_arguments})
        st.html(
            show.table_html(
                ["", "label", "model"],
                [
                    ["function", error.expected_function or OUT, error.predicted_function or OUT],
                    *([s, *(_value(a.get(s)) for a in _both(error))] for s in slots),
                ],
            )
        )
        since = change_since(here.workspace, here.module, error)
        if since:
            st.caption(plain(_SINCE[since]))
        if since != "deleted":
            here_again = {
                "module": here.module,
                "run": report.run,
                "split": report.split,
                "row": error.exemplar_id,
                **place,
            }
            link(
                "annotate",
                "Open in Annotate",
                module=here.module,
                item=error.exemplar_id,
                back=("evaluate", here_again),
            )


def _both(error: CallError) -> tuple[Arguments, Arguments]:
    return error.expected_arguments, error.predicted_arguments


def _value(value: object) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else show.as_json(value)
