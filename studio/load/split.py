"""Splits on the Load page: making them, with a preview, and what is in two of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from radu_core.words import quantity
from radu_core.workflows.load import splitting
from studio.frame import jobs, show
from studio.frame.markdown import plain
from studio.frame.page import Page, messages

__all__ = ["splits"]


def splits(here: Page) -> None:
    """Choose shares, look at what would move, and do it; or see what is in several splits.

    Both look at the whole module, so they are jobs that a button starts, not part of every rerun.
    """
    if not here.module:
        st.info("Nothing is loaded yet.")
        return
    form = _split_form()
    with st.container(horizontal=True):
        st.button(
            "Preview the split",
            icon=":material/call_split:",
            help="Shows what would move. Nothing is changed yet.",
            on_click=_start,
            args=(here, "Looking at the split", partial(splitting.plan, request=form)),
        )
        st.button(
            "Check the splits",
            icon=":material/rule:",
            help="Lists texts and templates that are in several splits.",
            on_click=_start,
            args=(here, "Checking the splits", splitting.check),
        )
    job_shown = jobs.show(_key(here), passing=True)
    with messages():
        if isinstance(job_shown, splitting.SplitReport):
            _show(here, job_shown)
            _crossing(here, job_shown.crossing)
        elif isinstance(job_shown, list):
            _crossing(here, job_shown)


def _key(here: Page) -> tuple[str, str]:
    return ("split", here.module)


def _start(here: Page, title: str, work: Callable[..., Any]) -> None:
    """Start ``work`` on the module; what it finds is shown in the place of what was."""
    jobs.start(_key(here), title, lambda _: work(here.workspace, here.module), restart=True)


def _split_form() -> splitting.Wanted:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        validation = st.number_input("Validation (%)", 0, 90, 10, key="split validation")
        test = st.number_input("Test (%)", 0, 90, 10, key="split test")
        seed = st.number_input(
            "Seed",
            0,
            10**6,
            0,
            key="split seed",
            help="Seed of the split; another seed draws another split.",
        )
        again = st.checkbox(
            "From scratch",
            key="split again",
            help="Also move what is in validation or test already. Otherwise it stays there.",
        )
    return splitting.Wanted(validation / 100, test / 100, int(seed), again)


def _show(here: Page, report: splitting.SplitReport) -> None:
    rows = [
        {
            "function": f.function,
            "different templates": f.groups,
            **{f"{name} now": f.before[name] for name in splitting.SPLITS},
            **{f"{name} then": f.after[name] for name in splitting.SPLITS},
        }
        for f in report.functions
    ]
    if report.number is not None:
        st.success(f"Split {report.number} is done. Undo it under “Earlier imports”.")
    for line in report.sentences:
        st.markdown(plain(line))
    total = sum(report.moved.values())
    if total and report.number is None:
        st.button(
            f"Move {quantity(total, 'exemplar')}",
            type="primary",
            key="split do",
            help="Recorded as a batch, which you can undo.",
            on_click=_start,
            args=(
                here,
                "Splitting",
                partial(splitting.split, request=report.wanted, who=here.who),
            ),
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="split functions")


def _crossing(here: Page, crossing: Sequence[splitting.Crossing]) -> None:
    if not crossing:
        st.caption("No text and no template is in several splits.")
        return
    count_text = quantity(len(crossing), "text or template is", "texts and templates are")
    st.warning(
        f"{count_text} in several splits: what was learnt by heart "
        "counts as right in a test. Split from scratch, or delete the copies."
    )
    rows = [
        {
            "what": c.kind,
            "text": c.text,
            **{name: c.splits.get(name, 0) for name in splitting.SPLITS},
            "functions": ", ".join(c.functions),
            "ids": ", ".join(c.ids),
        }
        for c in crossing
    ]
    show.rows(rows, name=f"{here.module}-crossing.csv", key="crossing", label="of them")
