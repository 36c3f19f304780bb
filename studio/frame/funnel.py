"""What the funnel of a module counts, in the same words wherever its figures stand."""

from __future__ import annotations

import streamlit as st

from radu_core.terms import OUTCOMES, STAGES
from studio.frame.show import table_html

__all__ = ["explain_funnel"]


def explain_funnel() -> None:
    """What each stage counts and why a later one may hold fewer, and what the outcomes mean."""
    with st.expander("What the funnel counts", icon=":material/help:"):
        st.html(table_html(("stage", "what it counts"), STAGES.items()))
        st.html(table_html(("outcome", "what it means"), OUTCOMES.items()))
