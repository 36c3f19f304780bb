"""Overlap: do the functions exclude each other, and which labels are doubtful?"""

import streamlit as st

from studio import jobs
from studio import overlap_views as views
from studio.page import messages, page

with page(
    "Overlap",
    "Functions of a module exclude each other, and each means one thing. What breaks that teaches "
    "the model that the same sentence means two things.",
) as here:
    key = ("overlap", here.module)
    views.measure(here, key)
    report = jobs.show(key)
    if report is None:
        if jobs.job(key) is None:
            st.info("Press Measure: every training exemplar is compared with all others.")
    else:
        views.measured(report)
        found, confused, drawn, judged = st.tabs(views.labels(report), key="overlap tab")
        with found, messages():
            views.findings(here, report)
        with confused, messages():
            views.confusion(here, report)
        with drawn, messages():
            views.function_map(here, report)
        with judged, messages():
            views.judged(here)
