"""What a module retrieves with, on the Runs tab: a run's encoder by one click, and the way back."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from radu_core.terms import TERMS, describe_point, label
from radu_core.training.joint.guard import Guard
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.coverage.indexing import retrieval_before
from radu_core.workflows.train import retriever
from radu_core.workflows.train.retriever import Standing, Switch
from studio.frame import jobs, show
from studio.frame.markdown import plain
from studio.frame.page import Page, messages

__all__ = ["guard_table", "show_retriever"]


def show_retriever(here: Page, run: RunDirectory) -> None:
    """What the module retrieves with; for a run that has tuned an encoder, how good that is."""
    if not here.module:
        return
    with messages():
        is_tuned = retriever.has_encoder(run) and run.state()[0] == "finished"
        if not (is_tuned or retrieval_before(here.workspace, here.module)):
            return
        standing = retriever.standing(here.workspace, here.module)
        with st.container(border=True, key="retriever"):
            st.markdown(f"**Retriever of {plain(here.module)}**")
            st.caption(plain(_now(standing, run, is_tuned=is_tuned)))
            _buttons(here, standing, run, is_tuned=is_tuned and standing.embedder != run.id)
            for line in standing.stale:
                st.caption(f":material/history: {plain(line)}")


def _now(standing: Standing, run: RunDirectory, *, is_tuned: bool) -> str:
    now = "this run's encoder" if is_tuned and standing.embedder == run.id else standing.embedder
    return f"Index, prompts and datasets retrieve with {now}." + (
        f" Before: {standing.before}." if standing.before else ""
    )


def _buttons(here: Page, standing: Standing, run: RunDirectory, *, is_tuned: bool) -> None:
    key = ("retriever", here.module)
    job = jobs.job(key)
    last = job.result if job is not None and isinstance(job.result, Switch) else None
    refusal = last.guard if last and not last.done and last.now == run.id else None
    with st.container():  # what comes and goes in it doesn't move the button
        allowed, anyway = _permission(run, refusal) if is_tuned else (False, False)
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed_name = _switch_button(standing, run, is_tuned=is_tuned, allowed=allowed)
        back = is_tuned and standing.before and _back(standing, "retriever restore")
        st.caption("Index, k and datasets are built again.", width="content")
    if pressed_name == "use":
        jobs.start(
            key,
            "Changing the retriever",
            lambda p: retriever.use(
                here.workspace, run.id, who=here.who, anyway=anyway, progress=p
            ),
        )
    if back or pressed_name == "back":
        jobs.start(
            key,
            "Bringing the retriever back",
            lambda p: retriever.restore(here.workspace, here.module, who=here.who, progress=p),
        )
    _show_switch(jobs.show(key, passing=True))


def _permission(run: RunDirectory, refusal: Guard | None) -> tuple[bool, bool]:
    """Whether the run's encoder can be used, and whether that is against the guard."""
    guard = refusal or retriever.kept_guard(run)
    if guard is None:
        st.caption("This run didn't measure its encoder on held-out rows.")
    else:
        guard_table(guard)
        if guard.ok:
            return True, False
    anyway = st.checkbox("Use it anyway", key=f"retriever anyway {run.id}")
    return anyway, anyway


def _switch_button(standing: Standing, run: RunDirectory, *, is_tuned: bool, allowed: bool) -> str:
    """One button for both, so that the keyboard's focus stays on it when the retriever has changed.

    A press counts as what the button said when it was pressed.
    """
    can = "use" if is_tuned else "back" if standing.before else ""
    notice = st.session_state.get("retriever action")
    st.session_state["retriever action"] = (run.id, can)
    if not can:
        return ""
    if can == "back":
        is_pressed = _back(standing, "retriever use")
    else:
        is_pressed = st.button(
            "Use for this module",
            icon=":material/move_up:",
            key="retriever use",
            disabled=not allowed,
            help="Retrieve with this run's encoder.",  # with help as “Bring back”: it is one button
        )
    return can if is_pressed and notice == (run.id, can) else ""


def _back(standing: Standing, key: str) -> bool:
    return st.button(
        "Bring back",
        icon=":material/undo:",
        key=key,
        help=plain(f"Retrieve with {standing.before} again."),
    )


def _show_switch(switch: object) -> None:
    if not isinstance(switch, Switch):
        return
    if not switch.done:
        st.warning(plain(f"{switch.module} still retrieves with {switch.before}."))
        return
    st.success(
        plain(f"{switch.module} retrieves with {switch.now}."), icon=":material/check_circle:"
    )
    for step in switch.steps:
        st.caption(plain(f"Built again: {step.name}: {step.figure}"))
    for line in switch.stale:
        st.caption(f":material/history: {plain(line)}")


def guard_table(guard: Guard) -> None:
    """An encoder beside what the module has, on rows that neither has learnt, and what follows."""
    rows = [
        {
            label("out_of_fold"): m.measure,
            "rows": m.rows,
            "before": m.shares[0],
            "tuned": m.shares[1],
            "gained": m.gained,
            "lost": m.lost,
            "p": m.p,
        }
        for m in guard.measures
    ]
    share = st.column_config.NumberColumn(format="percent")
    show.table(
        pd.DataFrame(rows),
        columns={
            "before": share,
            "tuned": share,
            "p": st.column_config.NumberColumn(format="%.2g", help=TERMS["mcnemar"].help),
        },
    )
    text = f"{guard.verdict} Coverage is measured with {describe_point(*guard.point)}."
    (st.caption if guard.ok else st.warning)(plain(text))
