"""What an import says about spans that contradict their values, and a button to correct them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st

from radu_core.words import quantity
from radu_core.workflows.load.span_fixes import SpanReport
from studio.frame import jobs, show
from studio.frame.markdown import plain

__all__ = ["spans"]


def spans(report: SpanReport | None, key: Hashable) -> None:
    """Show how many rows have shifted spans and what explains them, with before and after.

    ``key`` is the import's job; what it is ``about`` imports the file again with its spans
    corrected.
    """
    if report is None:
        return
    wrong = quantity(report.contradicting, "row")
    lines = [f"{wrong} with spans or templates that contradict the values."]
    lines += [f"- {quantity(n, 'row')}: {plain(what)}." for what, n in report.shifts.items()]
    if report.left:
        more = "The list of unresolved utterances shows what was expected where."
        lines.append(f"- {quantity(report.left, 'row')}: not explained by a shift. {more}")
    rows = quantity(len(report.fixes), "row")
    if report.fixed:
        st.info("\n".join([*lines, "", f"{rows} corrected."]), icon=":material/build:")
    else:
        st.warning("\n".join(lines), icon=":material/warning:")
    job = jobs.job(key)
    if report.fixes and not report.fixed and job is not None and job.about is not None:
        st.button(
            f"Correct {rows} and import again",
            icon=":material/build:",
            on_click=_import_again,
            args=(key, job.about),
        )
    if report.fixes:
        order = ("id", "before", "after", "shift", "utterance")
        show.rows(
            [{name: getattr(fix, name) for name in order} for fix in report.fixes],
            name="spans.csv",
            key="spans",
            label="corrections",
        )


def _import_again(key: Hashable, work: Callable[..., Any]) -> None:
    jobs.start(key, "Importing with corrected spans", work)
