"""Home: the funnel of each module, and the next thing to do."""

from functools import partial

import streamlit as st

from radu_core.workflows.home import ModuleFunnel, funnels
from radu_core.workflows.sample import load_sample
from studio import jobs
from studio.markdown import plain
from studio.navigation import go_to, link
from studio.page import page

SAMPLE = ("sample",)


def show_module(funnel: ModuleFunnel) -> None:
    with st.container(border=True):
        head, action = st.columns([3, 1], vertical_alignment="center")
        head.subheader(plain(funnel.module), anchor=False)
        if funnel.next is None:
            for note in funnel.notes:
                st.error(plain(note), icon=":material/error:")
            return
        head.caption(f"{funnel.functions} functions. {plain(funnel.description)}")
        if action.button(
            plain(funnel.next.label),
            key=f"next {funnel.module}",
            type="primary",
            help=plain(funnel.next.why),
            icon=":material/arrow_forward:",
            width="stretch",
        ):
            st.session_state["module"] = funnel.module
            go_to(funnel.next.page)
        for column, (stage, count) in zip(st.columns(5), funnel.stages, strict=True):
            column.metric(stage, f"{count:,}")
            column.progress(min(1.0, count / funnel.loaded) if funnel.loaded else 0.0)
        st.caption(f"Next: {plain(funnel.next.why)}")
        for note in funnel.notes:
            st.warning(plain(note), icon=":material/error:")


with page(
    "Radu Studio",
    "From labelled utterances to a small, evaluated function-calling model. "
    "Exemplars of each module, stage by stage.",
    needs_module=False,
) as here:
    found = funnels(here.workspace)
    for item in found:
        show_module(item)
    if not found:
        st.info("Nothing is loaded yet. Begin with the sample project or with your own data.")
    if not any(item.module.startswith("aurora_") for item in found) and st.button(
        "Load the sample project", type="secondary" if found else "primary"
    ):
        work = partial(load_sample, here.workspace)
        jobs.start(SAMPLE, "Loading the sample project", lambda p: work(progress=p))
    if not found:
        link("load", "Load your own data")
    if jobs.show(SAMPLE):
        jobs.forget(SAMPLE)
        st.rerun()
