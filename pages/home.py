"""Home: what there is, what needs attention, and the next thing to do."""

from functools import partial

import streamlit as st

from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.home.newest_runs import newest_runs
from radu_core.workflows.load.sample import load_sample
from studio.frame import jobs, trash
from studio.frame.funnel import explain_funnel
from studio.frame.page import messages, page
from studio.home import empty, parts, runs

SAMPLE = ("sample",)


with page(
    "Radu Studio",
    "From labelled utterances to a small, evaluated function-calling model.",
    needs_module=False,
) as here:
    module_funnels = funnels(here.workspace)
    modules = [item.module for item in module_funnels]

    def sample() -> None:
        """The button that loads the sample project."""
        if st.button("Load the sample project", type="secondary" if module_funnels else "primary"):
            work = partial(load_sample, here.workspace)
            jobs.start(SAMPLE, "Loading the sample project", lambda p: work(progress=p))

    if not module_funnels:
        empty.welcome()
        empty.begin(here, sample)
    for item in module_funnels:
        parts.show_module(item)
    if module_funnels:
        explain_funnel()
        with messages():
            runs.show_runs(newest_runs(here.workspace, modules))
        if not any(name.startswith("aurora_") for name in modules):
            sample()
    if jobs.show(SAMPLE):
        jobs.forget(SAMPLE)
        st.rerun()
    trash.trashed_modules(here)
