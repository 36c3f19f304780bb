"""Coverage: is the right function in the prompt, and how much must be retrieved for that?"""

import streamlit as st

from studio import (
    coverage_compare,
    coverage_curves,
    coverage_head,
    coverage_index,
    coverage_misses,
    coverage_surface,
    coverage_what_if,
    jobs,
)
from studio.layout import open_tab
from studio.page import messages, page

with page(
    "Coverage",
    "How often the right function is among those retrieved. What isn't retrieved can't be "
    "learnt: its rows are left out of training.",
) as here:
    key = ("coverage", here.module)
    coverage_head.keep_widgets()
    coverage_head.measuring(here, key)
    report = jobs.show(key)
    if report is None:
        coverage_index.first(here, key)
        st.stop()
    point = coverage_head.figures(here, report)
    shown = {
        "Surface": lambda: coverage_surface.surface(here, report, point),
        "Curves": lambda: coverage_curves.curves(here, report),
        "Misses": lambda: coverage_misses.misses(here, report, point),
        "What if": lambda: coverage_what_if.what_if(here, report, point),
        "Compare": lambda: coverage_compare.compare(here, report, point),
        "Index": lambda: coverage_index.index(here, report),
    }
    tab = open_tab(list(shown), key="coverage tab")
    with messages():
        shown[tab]()
