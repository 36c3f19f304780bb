"""The tabs of the Evaluate page; the open one alone is made."""

from __future__ import annotations

import streamlit as st

from radu_core.evaluation import EvaluationReport
from studio.evaluate import views
from studio.evaluate.errors import check_address, errors
from studio.evaluate.functions import functions
from studio.evaluate.slots import slots
from studio.frame.layout import open_tab
from studio.frame.page import Page
from studio.frame.result import show_result

__all__ = ["choose", "show"]

_TABS = ("Result", "Errors", "Functions", "Slots", "Try it")


def choose() -> str:
    """The open tab. A link may ask for one; it asks once."""
    return open_tab(_TABS, key="evaluate tab")


def show(here: Page, tab: str, run: str, report: EvaluationReport | None) -> None:
    """What is in a tab."""
    if tab == "Try it":
        views.ask(here, run)
        return
    if report is None:
        st.info("This run hasn't been measured on this split yet.")
        return
    check_address(report)
    if tab == "Errors":
        errors(here, report)
    elif tab == "Functions":
        functions(here, report)
    elif tab == "Slots":
        slots(here, report)
    else:
        show_result(report)
        views.sources(report)
        views.scope(here, report)
