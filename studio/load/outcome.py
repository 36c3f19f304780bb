"""The outcome of alignment on the Load page: the funnel, what is missing, what isn't resolved."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from radu_core.eligibility import ENOUGH
from radu_core.terms import OUTCOMES, STAGES
from radu_core.words import percent, quantity
from radu_core.workflows.load import outcomes
from studio.frame import jobs, show
from studio.frame.funnel import explain_funnel
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.page import Page

__all__ = ["outcome"]

_NAMES = {"new": "not aligned yet"}
# How an utterance came to be resolved, in plain words.
_HOW = {
    "unique": "only one reading fits",
    "spans": "spans were given",
    "template": "a template was given",
    "annotator": "decided by a person",
    "suggestion": "suggested, and accepted by a person",
    "automatic": "likely, and accepted automatically",
}


def outcome(here: Page) -> None:
    """The funnel of the module, what is missing, and what isn't resolved."""
    if not here.module:
        st.info("Nothing is loaded yet.")
        return
    funnel = outcomes.funnel(here.workspace, here.module)
    with st.container(horizontal=True, gap="large"):  # what doesn't fit goes to the next line
        st.metric("loaded", f"{funnel.total:,}", help=STAGES["loaded"], width="content")
        for name, count in sorted(funnel.outcomes.items(), key=_place):
            rows_shown = _NAMES.get(name, name)
            st.metric(rows_shown, f"{count:,}", help=OUTCOMES.get(name), width="content")
    explain_funnel()
    _acceptance(here)
    if jobs.show(("resolve", here.module)):
        jobs.forget(("resolve", here.module))
        st.rerun()
    if funnel.costs:
        _costs(funnel)
    if funnel.thin:
        _thin(here, funnel.thin)
    if funnel.empty_slots:
        st.warning(f"No resolved exemplar fills {plain(', '.join(funnel.empty_slots))}.")
    unresolved = outcomes.unresolved_rows(here.workspace, here.module)
    if unresolved:
        name = f"{here.module}-unresolved.csv"
        show.rows(unresolved, name=name, key="unresolved", label="unresolved utterances")
        link("annotate", "Annotate them", module=here.module)


def _place(one: tuple[str, int]) -> int:
    """Where an outcome stands: resolved first."""
    names = list(OUTCOMES)
    return names.index(one[0]) if one[0] in names else len(names)


def _acceptance(here: Page) -> None:
    """Resolve again, and from which confidence the module decides by itself."""
    now = outcomes.acceptance(here.workspace, here.module)
    thresholds = {0.99, 0.95, 0.9, 0.8, *([] if now is None else [now])}
    options = [None, *sorted(thresholds, reverse=True)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        option = st.selectbox(
            "Accept likely readings automatically",
            options,
            index=options.index(now),
            format_func=lambda c: "never" if c is None else f"from {percent(c, 0)}",
            width=260,
            help="Readings with at least this confidence are accepted without a person. “never” "
            "takes all of them back.",
        )
        if st.button(
            "Resolve again",
            help="Use it after changing the schema or this confidence. People's decisions stay.",
        ):
            if option != now:
                outcomes.set_acceptance(here.workspace, here.module, option, who=here.who)
            jobs.start(
                ("resolve", here.module),
                "Placing values",
                lambda p: outcomes.resolve(here.workspace, here.module, who=here.who, progress=p),
            )


def _costs(funnel: outcomes.ResolveReport) -> None:
    """Why utterances aren't resolved, and which functions and slots lack them."""
    rows = [
        {
            "why not": c.reason,
            "utterances": c.exemplars,
            f"functions left with fewer than {ENOUGH}": ", ".join(c.functions),
            "slots kept empty": ", ".join(c.slots),
        }
        for c in funnel.costs
    ]
    frame = pd.DataFrame(rows)
    st.dataframe(frame.loc[:, (frame != "").any()], hide_index=True, width="content")
    by = "; ".join(f"{_HOW.get(how, how)} ({n:,})" for how, n in funnel.resolved_by.items())
    other = ", ".join(f"{kind} ({count:,})" for kind, count in funnel.inferred.items())
    st.caption(
        f"Resolved by: {by}."
        + (f" Found under other words than the value: {other}." if other else "")
    )


def _thin(here: Page, functions: Sequence[outcomes.Thin]) -> None:
    """The functions that have too few resolved training exemplars, each with its remedy."""
    count = quantity(len(functions), "function has", "functions have")
    st.warning(
        f"{count} fewer than {ENOUGH} resolved training exemplars. A function with few is hard to "
        "find and to tell apart."
    )
    rows = [
        {
            "function": thin.function,
            "resolved": thin.resolved,
            "waiting": thin.waiting,
            "what to do": thin.remedy,
        }
        for thin in functions
    ]
    show.rows(rows, name=f"{here.module}-few-exemplars.csv", key="thin", label="functions")
