"""Train: a dataset, one click, and a run that needs nobody to watch it."""

import streamlit as st

from radu_core.workflows.dataset import datasets
from radu_core.workflows.train import runs
from studio import dataset_forms, launch_form, runs_views
from studio.page import messages, page

with page(
    "Train",
    "A run is a process of its own: it goes on when this tab or the studio is closed, and is "
    "found again here.",
) as here:
    build, launch, watch = st.tabs(["1 Dataset", "2 Launch", "3 Runs"], key="train tab")
    built = datasets(here.workspace, here.module)
    with build, messages():
        dataset_forms.dataset(here, built)
    with launch, messages():
        launch_form.launch(here, built)
    with watch, messages():
        runs_views.watch(here, runs(here.workspace, here.module))
