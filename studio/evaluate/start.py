"""The top of Evaluate: which run is measured on which rows, and the button that measures."""

from __future__ import annotations

import streamlit as st

from radu_core.exemplars import Split
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate.evaluation import evaluate
from radu_core.workflows.frame.run_list import answers, runs
from studio.evaluate.views import choose_extras, choose_run, choose_split
from studio.frame import jobs
from studio.frame.layout import side_by_side
from studio.frame.navigation import link
from studio.frame.page import Page

__all__ = ["choose_and_start"]


def choose_and_start(here: Page) -> tuple[RunDirectory, Split]:
    """The run and the split that are looked at. Ends the page where no run answers utterances."""
    answering = [r for r in runs(here.workspace, here.module) if r.model.is_dir() and answers(r)]
    if not answering:
        st.info("No run of this module that answers utterances has finished yet.")
        link("train", "Launch one")
        st.stop()
    first, rest = side_by_side([4, 6], key="evaluate-what", gap="small")
    with first:
        id = choose_run(here, [r.id for r in answering])
    second, third, fourth = rest.columns(3, vertical_alignment="bottom")
    with second:
        split = choose_split()
    limit = third.number_input(
        "Row limit", 0, 1_000_000, 0, help="Measures a fixed sample of this many rows (0 = all)."
    )
    run = next(r for r in answering if r.id == id)
    more = choose_extras(here, run, answering)
    key = ("evaluate", id, here.module, split)
    if fourth.button(
        "Evaluate",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        key="evaluate do",
    ):
        jobs.start(
            key,
            "Evaluating",
            lambda progress: evaluate(
                here.workspace,
                id,
                module=here.module,
                split=split,
                limit=int(limit) or None,
                **more,
                progress=progress,
            ),
        )
    jobs.show(key)
    return run, split
