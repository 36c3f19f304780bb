"""All modules with their funnels and newest runs, or the ways in where there are none."""

from __future__ import annotations

from functools import partial
from typing import Literal

import streamlit as st

from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.home.newest_runs import newest_runs
from radu_core.workflows.load.sample import load_sample
from studio.frame import jobs
from studio.frame.funnel import explain_funnel
from studio.frame.page import Page, messages
from studio.home.empty import begin, welcome
from studio.home.parts import show_module
from studio.home.runs import show_runs

__all__ = ["show_modules"]

_SAMPLE = ("sample",)


def show_modules(here: Page) -> None:
    """Each module, the newest runs of all, and the sample project where it isn't loaded."""
    module_funnels = funnels(here.workspace)
    modules = [item.module for item in module_funnels]
    if module_funnels:
        for item in module_funnels:
            show_module(item)
        explain_funnel()
        with messages():
            show_runs(newest_runs(here.workspace, modules))
        if not any(name.startswith("aurora_") for name in modules):
            _offer_sample(here, "secondary")
    else:
        welcome()
        begin(here, lambda: _offer_sample(here, "primary"))
    if jobs.show(_SAMPLE):
        jobs.forget(_SAMPLE)
        st.rerun()


def _offer_sample(here: Page, type: Literal["primary", "secondary"]) -> None:
    if st.button("Load the sample project", type=type):
        work = partial(load_sample, here.workspace)
        jobs.start(_SAMPLE, "Loading the sample project", lambda p: work(progress=p))
