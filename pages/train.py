"""Train: a dataset, one click, and a run that needs nobody to watch it."""

import streamlit as st

from studio.frame import jobs
from studio.frame.layout import open_tab
from studio.frame.page import messages, page
from studio.train import bundle, dataset_forms, fit_form, launch_form, runs_list, runs_views

BUILD, LAUNCH = "1 Dataset", "2 Launch"

with page(
    "Train",
    "A run is a separate process. It continues when you close this tab or the studio, and you "
    "find it here again.",
    opens_on_run=True,
) as here:
    module_runs = runs_views.list_runs(here)
    runs_views.lead_by_address(module_runs)
    if runs_views.TAB not in st.session_state and (
        runs_list.under_way(module_runs) or bundle.in_preparation(here, module_runs)
    ):
        st.session_state[runs_views.TAB] = runs_views.RUNS  # what who comes back wants to see
    # the open tab alone: who comes back to a run at work doesn't wait for fields of the others
    tab = open_tab((BUILD, LAUNCH, runs_views.RUNS, fit_form.FIT), key=runs_views.TAB)
    with messages():
        if tab == BUILD:
            dataset_forms.show_dataset(here)
        elif tab == LAUNCH:
            launch_form.show_launch_form(here)
        elif tab == fit_form.FIT:
            fit_form.show_fit_form(here)
        else:
            runs_views.watch(here, module_runs)
    for other, name in ((BUILD, "dataset"), (LAUNCH, "launch"), (fit_form.FIT, "fit")):
        if tab != other:
            jobs.rerun_after((name, here.module))
