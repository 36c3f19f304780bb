"""The parts of Home."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from radu_core.terms import STAGES
from radu_core.words import percent, quantity
from radu_core.workflows.home.attention import Attention
from radu_core.workflows.home.funnels import ModuleFunnel
from radu_core.workflows.home.newest_result import Result
from radu_core.workflows.load.traces import Day
from studio.frame.markdown import plain
from studio.frame.navigation import go_to, link

__all__ = ["show_module"]

_ICONS = {"error": ":material/error:", "wait": ":material/person:", "warn": ":material/warning:"}


def show_module(funnel: ModuleFunnel) -> None:
    """A module's funnel and its next step, or what is wrong where it can't be read."""
    with st.container(border=True):
        head, action = st.columns([3, 1], vertical_alignment="center")
        head.subheader(plain(funnel.module), anchor=False)
        if funnel.next is None:
            for note in funnel.notes:
                st.error(plain(note), icon=":material/error:")
            return
        head.caption(f"{quantity(funnel.functions, 'function')}. {plain(funnel.description)}")
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
        _stages(funnel)
        st.caption(plain(f"{funnel.unused_text} {funnel.caption}"))
        if funnel.result is not None:
            _result(funnel.module, funnel.result)
        if funnel.drift:
            _drift(funnel.module, funnel.drift)
        for note in funnel.notes:
            st.warning(plain(note), icon=":material/error:")
        _attention(funnel.module, funnel.attention)


def _stages(funnel: ModuleFunnel) -> None:
    """The funnel: side by side, two in a row on a phone."""
    with st.container(key=f"funnel {funnel.module}"):
        for column, (stage, count) in zip(st.columns(5), funnel.stages, strict=True):
            column.metric(stage, f"{count:,}", help=STAGES[stage])
            column.progress(min(1.0, count / funnel.loaded) if funnel.loaded else 0.0)


def _attention(module: str, items: Sequence[Attention]) -> None:
    """What to look at, each with its link."""
    if not items:
        return
    st.markdown(f"**Needs attention** ({len(items)})")
    for number, one in enumerate(items):
        # the row wraps on a phone: the link goes below its sentence
        with st.container(
            horizontal=True,
            vertical_alignment="center",
            gap="small",
            key=f"attention {module} {number}",
        ):
            st.markdown(f"{_ICONS[one.level]} {plain(one.text)}", width="content")
            link(one.page, one.label, back=None, **one.query)


def _result(module: str, result: Result) -> None:
    """The newest result, each figure beside the best baseline's."""
    kind = "without a language model" if result.fast else "with the language model"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Newest result** · {plain(result.label)}", width="content")
        link("evaluate", "Evaluate", module=module, run=result.run, split=result.split)
    with st.container(horizontal=True, gap="medium"):  # what doesn't fit goes to the next line
        for figure in result.figures:
            beside = (
                f"{percent(figure.baseline_share)} {figure.baseline}" if figure.baseline else None
            )
            st.metric(
                figure.measure,
                percent(figure.share),
                beside and plain(beside),
                delta_color="off",
                delta_arrow="off",
                width="content",
            )
    st.caption(
        f"On {quantity(result.rows, 'utterance')} of {result.split}, {kind}. Below each figure: "
        "the baseline that is best in it."
    )


def _drift(module: str, days: Sequence[Day]) -> None:
    """What a server was asked: the share that is worth a look, day by day."""
    last = days[-1]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Traces** · {quantity(len(days), 'day')} to {last.day}", width="content")
        link("annotate", "Label them", module=module, queue="unlabelled")
    st.caption(
        f"Worth a look on {last.day}: {percent(last.share)} of "
        f"{quantity(last.asked, 'utterance')} asked. "
        + ", ".join(f"{percent(n / last.asked)} {reason}" for reason, n in last.reasons.items())
        + "."
    )
    if len(days) > 1:
        shares = [
            {"day": pd.Timestamp(d.day), "worth a look": 100 * d.share}
            | {reason: 100 * n / d.asked for reason, n in d.reasons.items()}
            for d in days
        ]
        st.line_chart(
            pd.DataFrame(shares).set_index("day"),
            x_label="",
            y_label="%",
            height=280,
            alt=f"Share of utterances worth a look, by day, {days[0].day} to {last.day}",
        )
