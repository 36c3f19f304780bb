"""Coverage: is the right function in the prompt, and how much must be retrieved for that?"""

import streamlit as st

from studio.coverage import compare, curves, head, index, misses, surface, what_if
from studio.frame import jobs
from studio.frame.layout import open_tab
from studio.frame.page import messages, page

with page(
    "Coverage",
    "How often the right function is among those retrieved. What isn't retrieved can't be "
    "learnt: its rows are left out of training.",
) as here:
    key = ("coverage", here.module)
    head.keep_widgets()
    head.measuring(here, key)
    report = jobs.show(key)
    if report is None:
        index.first(here, key)
        st.stop()
    point = head.figures(here, report)
    views = {
        "Surface": lambda: surface.surface(here, report, point),
        "Curves": lambda: curves.curves(here, report),
        "Misses": lambda: misses.misses(here, report, point),
        "What if": lambda: what_if.show_what_if(here, report, point),
        "Compare": lambda: compare.compare(here, report, point),
        "Index": lambda: index.index(here, report),
    }
    tab = open_tab(list(views), key="coverage tab")
    with messages():
        views[tab]()
