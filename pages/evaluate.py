"""Evaluate: a run beside what one has for nothing, and its errors back to annotation."""

import streamlit as st

from radu_core.workflows.evaluate.evaluation import damaged_reports, evaluate, reports
from radu_core.workflows.frame.run_list import answers, module_at_work, runs
from studio.evaluate import tabs, views
from studio.frame import jobs
from studio.frame.navigation import link
from studio.frame.page import messages, page

with page(
    "Evaluate",
    "The model beside free baselines that learn from the same labels, on the same utterances.",
    opens_on=module_at_work,
) as here:
    answering = [r for r in runs(here.workspace, here.module) if r.model.is_dir() and answers(r)]
    if not answering:
        st.info("No run of this module that answers utterances has finished yet.")
        link("train", "Launch one")
        st.stop()
    first, second, third, fourth = st.columns([4, 2, 2, 2], vertical_alignment="bottom")
    with first:
        id = views.choose_run(here, [r.id for r in answering])
    with second:
        split = views.choose_split()
    limit = third.number_input(
        "Row limit", 0, 1_000_000, 0, help="Measures a fixed sample of this many rows (0 = all)."
    )
    run = next(r for r in answering if r.id == id)
    more = views.choose_extras(here, run, answering)
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
    report = reports(run, here.module).get(split)
    tab = tabs.choose()
    with messages():
        if tab == "Result":
            for why in damaged_reports(run, here.module).values():
                st.warning(why, icon=":material/error:")
        tabs.show(here, tab, id, report)
