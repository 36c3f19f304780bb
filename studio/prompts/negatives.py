"""The Negatives part of the Prompts page: what an utterance is set against, and how hard."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from radu_core.errors import RaduError
from radu_core.prompts import Negative, RowOptions
from radu_core.schema import OUT_OF_SCOPE
from radu_core.terms import label
from radu_core.words import quantity
from radu_core.workflows.coverage import judgements
from radu_core.workflows.prompts.choice import resolved_utterances, state
from radu_core.workflows.prompts.negatives import (
    Dial,
    Mined,
    Retrieval,
    dial,
    mine_negatives,
    retrieve,
)
from studio.frame import jobs, show
from studio.frame.markdown import plain
from studio.frame.page import Page, messages

__all__ = ["negatives"]

_TYPED = "(the typed one)"
_A_PAGE = 8
_LISTED = 200


@st.fragment
def negatives(here: Page) -> None:
    """Choose an utterance and the dial; see every negative, judge pairs; count over the module."""
    query = _choose(here)
    options = _dial_widgets()
    if query is None:
        st.info("Type an utterance and say what it means, or choose one that is loaded.")
    else:
        with messages():
            retrieval = _retrieve(here, query)
            _show(
                here,
                mine_negatives(here.workspace, here.module, retrieval, options=options),
                options,
            )
    with messages():
        _over_the_module(here, options)


def _choose(here: Page) -> dict[str, Any] | None:
    """What to mine for: the arguments of ``retrieve``, or None while nothing is chosen."""
    items = _utterances(here)
    if len(items) > _LISTED:
        sought = st.text_input(
            "Find an utterance",
            key=f"negatives search {here.module}",
            placeholder="words, or an id",
            icon=":material/search:",
        )
        items = _matching(items, (sought or "").strip())
    id_ = st.selectbox(
        "A resolved utterance",
        [_TYPED, *items],
        index=1 if items else 0,
        key=f"negatives of {here.module}",
        format_func=lambda i: i if i == _TYPED else f"{items.get(i, '')}  ·  {i}",
    )
    if id_ != _TYPED:
        return {"exemplar_id": id_}
    left, right = st.columns([3, 2])
    typed_text = left.text_input(
        "Any utterance", placeholder="I need a table for two", key="negatives typed"
    )
    names = [f.name for f in here.workspace.schema(here.module).functions]
    function = right.selectbox(
        "Right function",
        [*names, OUT_OF_SCOPE],
        index=None,
        key=f"negatives function {here.module}",
        placeholder="its function",
        help="none means out of scope.",
    )
    if not (typed_text or "").strip() or function is None:
        return None
    return {"text": typed_text, "function": function}


def _utterances(here: Page) -> dict[str, str]:
    """Id → utterance of the resolved ones, read again when their number changes."""
    now = (here.module, state(here.workspace, here.module))
    utterances_kept = st.session_state.get("negatives utterances")
    if utterances_kept is None or utterances_kept[0] != now:
        utterances_kept = (now, resolved_utterances(here.workspace, here.module))
        st.session_state["negatives utterances"] = utterances_kept
    utterances: dict[str, str] = utterances_kept[1]
    return utterances


def _matching(items: dict[str, str], sought: str) -> dict[str, str]:
    """The first few that hold what is sought; a long list would take seconds to send."""
    words = sought.casefold()
    ids = [i for i, text in items.items() if words in text.casefold() or sought == i]
    if len(ids) > _LISTED:
        st.caption(f"{len(ids):,} utterances; the first {_LISTED} are listed.")
    return {i: items[i] for i in ids[:_LISTED]}


def _dial_widgets() -> RowOptions:
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    hardness = left.slider(
        label("hardness"),
        0.0,
        1.0,
        1.0,
        0.1,
        key="negatives hardness",
        help="1 takes the most similar exemplars of other functions, 0 spreads them evenly.",
    )
    number = middle.number_input("Negatives per exemplar", 0, 20, 2, key="negatives number")
    near = right.slider(
        label("near_duplicate"),
        0.80,
        1.0,
        0.95,
        0.01,
        key="negatives near",
        help="Pairs at least this similar seem to mean the same and are not used.",
    )
    return RowOptions(hardness=hardness, knn_negatives=int(number), near_duplicate=near)


def _retrieve(here: Page, query: dict[str, Any]) -> Retrieval:
    """What is near the utterance, kept while the choice is the same: judging asks no index."""
    now = (here.module, tuple(query.items()), state(here.workspace, here.module))
    retrieval_kept = st.session_state.get("negatives kept")
    if retrieval_kept is None or retrieval_kept[0] != now:
        with st.spinner("Retrieving …"):
            retrieval_kept = (now, retrieve(here.workspace, here.module, **query))
        st.session_state["negatives kept"] = retrieval_kept
    retrieval: Retrieval = retrieval_kept[1]
    return retrieval


def _show(here: Page, mined: Mined, options: RowOptions) -> None:
    function = mined.function or "out of scope"
    st.markdown(f"**{plain(mined.utterance)}** · *{plain(function)}*")
    columns = st.columns(4)
    columns[0].metric("used", f"{mined.used_count} of {options.knn_negatives}")
    columns[1].metric("suspected", mined.suspected_count, help="Seem to mean the same: not used.")
    columns[2].metric("of other functions", len(mined.negatives))
    columns[3].metric("exemplars compared", mined.looked_at)
    _warnings(mined, options)
    if error := st.session_state.pop("negatives error", None):
        st.error(plain(error), icon=":material/error:")
    pages = -(-len(mined.negatives) // _A_PAGE)
    number = 1
    if pages > 1:
        key = f"negatives page {here.module} {mined.exemplar_id}"
        number = int(st.number_input(f"Page (of {pages})", 1, pages, key=key, width=160))
    for negative in mined.negatives[(number - 1) * _A_PAGE : number * _A_PAGE]:
        _row(here, mined, negative)
    if mined.negatives:
        show.download(
            [_as_row(n) for n in mined.negatives],
            name=f"{here.module}-negatives.csv",
            key="negatives",
            label=quantity(len(mined.negatives), "negative"),
        )


def _warnings(mined: Mined, options: RowOptions) -> None:
    if mined.mode == "negative":
        st.info(
            "A negative exemplar is compared with its own function: it looks like it but isn't."
        )
    if mined.used_count < options.knn_negatives:
        st.warning(
            f"Only {mined.used_count} of {options.knn_negatives} can be used: the other near "
            "exemplars are suspected or out of scope."
        )
    if mined.doubtful:
        st.warning(
            f"{plain(', '.join(mined.doubtful))} may be right as well. No prompt that shows it "
            "teaches the answer none for this utterance, unless the pair is judged really "
            "different."
        )


def _row(here: Page, mined: Mined, negative: Negative) -> None:
    hit = negative.hit
    with st.container(border=True):
        text, buttons = st.columns([5, 3], vertical_alignment="center")
        text.markdown(
            f"{_badge(negative)} {plain(hit.template)}  \n"
            f"*{plain(hit.function or 'out of scope')}* · cosine {hit.similarity:.3f}, rank "
            f"{negative.rank} (of all: by meaning {hit.dense_rank or '–'}, by words "
            f"{hit.lexical_rank or '–'})  \n{plain(negative.why[:1].upper() + negative.why[1:])}"
        )
        if mined.exemplar_id is not None and hit.function != mined.function:
            with buttons.container(horizontal=True, horizontal_alignment="right"):
                _judge_buttons(here, mined.exemplar_id, negative)


def _badge(negative: Negative) -> str:
    if negative.verdict is not None:
        colour = "red" if negative.verdict == "same" else "blue"
        return f":{colour}-badge[judged {negative.verdict}]"
    if negative.is_suspect:
        return ":orange-badge[suspected]"
    return ":green-badge[used]" if negative.use else ":gray-badge[not used]"


def _judge_buttons(here: Page, id_: str, negative: Negative) -> None:
    for verdict, name in (("same", "Really the same"), ("different", "Really different")):
        if negative.verdict != verdict:
            st.button(
                name,
                key=f"judge {verdict} {id_} {negative.hit.id}",
                on_click=_judge,
                args=(here, id_, negative.hit.id, verdict),
            )
    if negative.verdict is not None:
        st.button(
            "Withdraw",
            key=f"judge none {id_} {negative.hit.id}",
            on_click=_judge,
            args=(here, id_, negative.hit.id, None),
        )


def _judge(here: Page, one: str, other: str, verdict: str | None) -> None:
    """Store it; an error is kept to be shown, since what a callback writes has no place."""
    try:
        if verdict is None:
            judgements.withdraw(here.workspace, here.module, one, other, who=here.who)
        else:
            judgements.judge(here.workspace, here.module, one, other, verdict, who=here.who)
    except RaduError as error:
        st.session_state["negatives error"] = str(error)


def _as_row(negative: Negative) -> dict[str, Any]:
    hit = negative.hit
    return {
        "rank": negative.rank,
        "cosine": round(hit.similarity, 4),
        "rank by meaning": hit.dense_rank,
        "rank by words": hit.lexical_rank,
        "function": hit.function or OUT_OF_SCOPE,
        "template": hit.template,
        "used": negative.use,
        "suspected": ", ".join(negative.signs),
        "judged": negative.verdict or "",
        "why": negative.why,
        "id": hit.id,
    }


def _over_the_module(here: Page, options: RowOptions) -> None:
    """What every position of the dial would use over all training exemplars."""
    st.divider()
    key = ("dial", here.module, options.knn_negatives, options.near_duplicate)
    left, right = st.columns([5, 2], vertical_alignment="center")
    left.markdown("**Similarity of negatives over the whole module**")
    if right.button("Count", icon=":material/tune:", width="stretch", key="negatives count"):
        jobs.start(
            key,
            "Mining negatives",
            lambda progress: dial(here.workspace, here.module, options=options, progress=progress),
        )
        st.rerun()
    dial_made: Dial | None = jobs.show(key)
    if dial_made is None:
        if jobs.job(key) is None:
            st.caption("Press Count to see the effect of each setting.")
        return
    st.caption(
        f"Of {quantity(dial_made.exemplars, 'training exemplar')} {dial_made.full:,} with "
        f"{quantity(dial_made.count, 'negative')}, {dial_made.short:,} with fewer and "
        f"{dial_made.none:,} with "
        f"none. Suspected, and not used: {quantity(dial_made.suspected, 'pair')} of "
        f"{quantity(dial_made.suspected_exemplars, 'exemplar')}. Judged the same: "
        f"{dial_made.same:,}; "
        f"different: {dial_made.different:,}. Out of scope, with nothing to "
        f"compare: {dial_made.out_of_scope:,}."
    )
    frame = pd.DataFrame(
        [
            {
                "hardness": p.hardness,
                "mean cosine": p.similarity,
                "pairs": p.pairs,
                "different exemplars": p.distinct,
                "cosine 0.8 or more": p.close,
                "functions per exemplar": p.functions,
            }
            for p in dial_made.points
        ]
    )
    left, right = st.columns([2, 3], gap="medium")
    left.altair_chart(_curve(frame, options.hardness), alt="Negatives by hardness")
    right.dataframe(
        frame,
        hide_index=True,
        height=280,
        column_config={
            name: st.column_config.NumberColumn(name, format="%.2f")
            for name in ("hardness", "mean cosine", "functions per exemplar")
        },
    )


def _curve(frame: pd.DataFrame, hardness: float) -> Any:
    base = alt.Chart(frame).encode(
        x=alt.X("hardness:Q", scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("mean cosine:Q", scale=alt.Scale(zero=False), title="mean cosine"),
        tooltip=["hardness", alt.Tooltip("mean cosine:Q", format=".3f"), "pairs"],
    )
    here = alt.Chart(pd.DataFrame({"hardness": [hardness]})).mark_rule(color="#ff4d4d")
    return (base.mark_line(point=True) + here.encode(x="hardness:Q")).properties(height=280)
