"""Annotate: one utterance at a time, decided from the keyboard."""

import streamlit as st

from components.span_marker import span_marker
from studio import annotate_page as parts
from studio.login import has_chosen
from studio.page import page

with page("Annotate", "One key each; press ? for all of them.", offline=True) as here:
    if not has_chosen():
        st.info(
            "Choose your name first, on the left: it stands beside everything you decide.",
            icon=":material/badge:",
        )
        st.stop()
    chosen = parts.filters(here)
    span_marker(
        key="span marker",
        who=here.who,
        module=here.module,
        language=here.module.rsplit("_", 1)[-1],
        token=parts.token(here),
        filter=chosen,
        version=parts.version(here),
    )
    parts.tools(here)
