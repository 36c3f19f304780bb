"""Overlap: do the functions exclude each other, and which labels are doubtful?"""

import streamlit as st

from studio.frame import jobs
from studio.frame.page import page
from studio.overlap import views

with page(
    "Overlap",
    "Functions of a module must exclude each other. Where they overlap, the model learns that one "
    "sentence means two things.",
) as here:
    key = ("overlap", here.module)
    views.measure(here, key)
    report = jobs.show(key)
    if report is None:
        if jobs.job(key) is None:
            st.info("Press Measure to compare every training exemplar with all others.")
    else:
        views.measurement_line(here, report)
        views.tabs(here, report)
