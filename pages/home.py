"""Home: the funnel of each module, and the next thing to do."""

from functools import partial

import streamlit as st

from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.load.sample import load_sample
from studio.frame import jobs, trash
from studio.frame.navigation import link
from studio.frame.page import page
from studio.home.parts import show_module

SAMPLE = ("sample",)


with page(
    "Radu Studio",
    "From labelled utterances to a small, evaluated function-calling model. "
    "Exemplars of each module, stage by stage.",
    needs_module=False,
) as here:
    for item in (found := funnels(here.workspace)):
        show_module(item)
    if not found:
        st.info("Nothing is loaded yet. Begin with the sample project or with your own data.")
    if not any(item.module.startswith("aurora_") for item in found) and st.button(
        "Load the sample project", type="secondary" if found else "primary"
    ):
        work = partial(load_sample, here.workspace)
        jobs.start(SAMPLE, "Loading the sample project", lambda p: work(progress=p))
    if not found:
        link("load", "Load your own data")
    if jobs.show(SAMPLE):
        jobs.forget(SAMPLE)
        st.rerun()
    trash.trashed_modules(here)
