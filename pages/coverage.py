"""Coverage: is the right function in the prompt, and how much must be retrieved for that?"""

import streamlit as st

from radu_core.workflows.coverage import coverage_report
from studio import coverage_charts as charts
from studio import jobs
from studio.page import page

with page(
    "Coverage",
    "How often the right function is among those retrieved. What isn't retrieved can't be "
    "learnt: its rows are left out of training.",
) as here:
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
    split = first.selectbox("Measure on", ["validation", "test", "train"], key="coverage split")
    target = second.slider("Target", 0.80, 0.995, 0.99, 0.005, format="percent")
    key = ("coverage", here.module)
    if third.button("Measure", type="primary", icon=":material/search:", width="stretch"):
        jobs.start(
            key,
            "Measuring coverage",
            lambda progress: coverage_report(
                here.workspace, here.module, split=split, target=target, progress=progress
            ),
        )
    report = jobs.show(key)
    if report is not None:
        charts.measured_on(report)
        charts.recommendation(report)
        left, right = st.columns([3, 2], gap="medium")
        with left:
            point = charts.surface(report)
        with right:
            charts.per_function(report, point)
        charts.misses(here, report, point)
    elif jobs.job(key) is None:
        st.info("Press Measure: the index is built if it isn't there, then every point is counted.")
