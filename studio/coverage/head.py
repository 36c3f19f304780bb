"""The head of the Coverage page: what is measured, the point that is looked at, its figures."""

from __future__ import annotations

from collections.abc import Hashable

import streamlit as st

from radu_core.exemplars import Split
from radu_core.terms import TERMS, describe_point, label
from radu_core.words import percent, percent_range, quantity
from radu_core.workflows.coverage.indexing import choose_point, chosen_point
from radu_core.workflows.coverage.report import CoverageReport, measure, out_of_date
from studio.frame import jobs
from studio.frame.markdown import plain
from studio.frame.page import Page

__all__ = ["figures", "keep_widgets", "measuring", "set_point"]

_SPLITS: tuple[Split, ...] = ("validation", "test", "train")
_PREFIX = "coverage "
_BEGINNING = {
    "coverage target": 99.0,
    "coverage over": "k",
    "coverage bands": True,
    "coverage compare curve": "fused",
}
_D, _E = "coverage k_desc", "coverage k_exemplar"
_WIDE = 210  # pixels: the longest label takes two lines


def keep_widgets() -> None:
    """Keep what was entered in a tab that isn't open: Streamlit forgets widgets it doesn't draw."""
    for key, value in _BEGINNING.items():
        st.session_state.setdefault(key, value)
    fleeting = ("coverage do ", "coverage tab")  # setting a tab again would undo a newer choice
    for key in st.session_state:
        if isinstance(key, str) and key.startswith(_PREFIX) and not key.startswith(fleeting):
            st.session_state[key] = st.session_state[key]


def measuring(here: Page, key: Hashable) -> None:
    """What to measure it on, and the button; the job goes on when the tab is closed."""
    _as_measured(here, key)
    columns = st.columns([3, 4, 2], vertical_alignment="bottom")
    split = columns[0].selectbox("Measure on", _SPLITS, key="coverage split")
    target = columns[1].slider(
        "Target",
        80.0,
        99.5,
        step=0.5,
        format="%.1f %%",
        key="coverage target",
        help="The recommended point gives the shortest prompt whose coverage reaches this with "
        "confidence (lower end of the 95 % interval).",
    )
    running = (job := jobs.job(key)) is not None and job.state == "running"
    if columns[2].button(
        "Measure",
        type="primary",
        icon=":material/search:",
        width="stretch",
        disabled=running,
        key="coverage do measure",
    ):
        _start(here, key, split, target / 100)


def _as_measured(here: Page, key: Hashable) -> None:
    """Say of what is shown what it was measured on: once, so that something else can be chosen."""
    job = jobs.job(key)
    report = job.result if job is not None else None
    if report is None or st.session_state.get("coverage measured") == (here.module, id(report)):
        return
    st.session_state["coverage measured"] = (here.module, id(report))
    st.session_state["coverage split"] = report.split
    st.session_state["coverage target"] = 100 * report.target


def _start(here: Page, key: Hashable, split: Split, target: float) -> None:
    jobs.start(
        key,
        "Measuring coverage",
        lambda progress: measure(
            here.workspace,
            here.module,
            split=split,
            target=target,
            progress=progress,
        ),
    )


def set_point(k_desc: int, k_exemplar: int) -> None:
    """Look at another point; in a callback, before the widgets are drawn."""
    st.session_state[_D], st.session_state[_E] = int(k_desc), int(k_exemplar)


def figures(here: Page, report: CoverageReport) -> tuple[int, int]:
    """The point that is looked at and its figures; the recommended one until another is chosen."""
    choice, grid = report.choice, report.grid
    if st.session_state.get("coverage report of") != (here.module, id(report)):
        st.session_state["coverage report of"] = (here.module, id(report))
        set_point(choice.k_desc, choice.k_exemplar)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        d = int(
            st.number_input(
                label("k_desc"),
                0,
                grid.max_desc,
                key=_D,
                width=_WIDE,
                help=TERMS["k_desc"].help,
            )
        )
        e = int(
            st.number_input(
                label("k_exemplar"),
                0,
                grid.max_exemplar,
                key=_E,
                width=_WIDE,
                help=TERMS["k_exemplar"].help,
            )
        )
        best = (choice.k_desc, choice.k_exemplar)
        st.button(
            "Recommended point",
            disabled=(d, e) == best,
            on_click=set_point,
            args=best,
            key="coverage do best",
        )
        _use(here, (d, e))
        icon = ":material/info:" if choice.reached else ":material/warning:"
        with st.popover("Why", type="tertiary", icon=icon):
            _why(report)
    _line(report, d, e)
    _stale_banner(here, report)
    return d, e


def _use(here: Page, point: tuple[int, int]) -> None:
    """Prompts and datasets begin with the point that is in use."""
    is_used = chosen_point(here.workspace, here.module) == point
    if st.button(
        "In use" if is_used else "Use this point",
        disabled=is_used or point == (0, 0),
        key="coverage do point",
        help="New prompts and datasets of this module start with it.",
    ):
        choose_point(here.workspace, here.module, point, who=here.who)
        st.rerun()


def _line(report: CoverageReport, d: int, e: int) -> None:
    """The figures of a point in one line, and how many weren't measured."""
    grid, out = report.grid, sum(report.left_out.values())
    (low, high), missed = grid.interval(d, e), grid.total - int(grid.hits[d, e])
    st.markdown(
        f"**{percent(grid.share(d, e))} covered** :small[({percent_range(low, high)})] · "
        f"**{missed:,}** of {grid.total:,} missed"
        + (f" · {out:,} left out" if out else "")
        + f" · **{percent(report.accuracy[d, e])}** right by vote"
        + f" · **{grid.mean_functions[d, e]:.1f}** functions · **{report.cost(d, e):.0f}** tokens"
    )


def _why(report: CoverageReport) -> None:
    """Why that point is recommended, what wasn't measured, and what the figures are."""
    choice = report.choice
    reasons = ", ".join(f"{n:,} {plain(why)}" for why, n in report.left_out.items())
    st.markdown(
        f"Recommended: **{describe_point(choice.k_desc, choice.k_exemplar)}**. "
        f"{plain(choice.note)} "
        f"95 % interval: {percent_range(choice.low, choice.high)}."
    )
    st.markdown(
        "A vote of the retrieved exemplars and descriptions is right for "
        f"{percent(choice.accuracy)} of the utterances; at best for "
        f"{percent(choice.best_accuracy)}, with {describe_point(*choice.best)}."
    )
    st.markdown(
        f"Measured on {quantity(report.grid.total, 'utterance')} of {report.split}; "
        + (f"left out: {reasons}." if reasons else "none left out.")
    )
    st.caption(
        "95 % intervals (Wilson). Functions: how many different ones a prompt has on average. "
        "Tokens: the length of a prompt, estimated from the templates."
    )


def _stale_banner(here: Page, report: CoverageReport) -> None:
    if out_of_date(here.workspace, report):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning("The module has changed since this was measured.", icon=":material/update:")
            if st.button("Measure again", key="coverage do again", icon=":material/refresh:"):
                _start(here, ("coverage", here.module), report.split, report.target)
                st.rerun()
