"""Train: a dataset, one click, and a run that needs nobody to watch it."""

import streamlit as st

from radu_core.workflows.dataset import datasets
from radu_core.workflows.train import module_at_work, runs
from studio import dataset_forms, launch_form, runs_views
from studio.page import messages, page

TABS = ["1 Dataset", "2 Launch", runs_views.RUNS]

with page(
    "Train",
    "A run is a process of its own: it goes on when this tab or the studio is closed, and is "
    "found again here.",
    opens_on=module_at_work,
) as here:
    found = runs(here.workspace, here.module)
    first = TABS[2 if runs_views.under_way(found) else 0]
    kept = st.session_state.setdefault(
        f"first tab {here.module}", first
    )  # later runs don't move it
    build, launch, watch = st.tabs(TABS, default=kept, key=runs_views.TAB, on_change="rerun")
    with watch, messages():  # first: who comes back to a run at work wants to see it at once
        runs_views.watch(here, found)
    built = datasets(here.workspace, here.module)
    with build, messages():
        dataset_forms.dataset(here, built)
    with launch, messages():
        launch_form.launch(here, built)
