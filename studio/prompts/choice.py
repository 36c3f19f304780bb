"""What to preview: a stored exemplar or a typed utterance, a strategy, how much is retrieved."""

from __future__ import annotations

from typing import Any

import streamlit as st

from radu_core.exemplars import LONGEST, AnnotatedExemplar
from radu_core.prompts import STRATEGIES
from radu_core.schema import OUT_OF_SCOPE
from radu_core.terms import TERMS, label
from radu_core.workflows.coverage.indexing import chosen_point
from radu_core.workflows.coverage.prompt_tokens import BASE, generators
from radu_core.workflows.prompts.choice import offer
from radu_core.workflows.prompts.preview import LIMIT
from studio.frame.address import read_address, tell_unknown
from studio.frame.page import Page

__all__ = ["choose", "settings"]

_UNKNOWN = "(not known)"
_STORED, _TYPED = "An exemplar", "Any utterance"
_OFFERED = 25  # of a search; a select box with all of 20,000 would be sent again at every rerun
_LONGEST_SEARCH = 200
_ID = "prompt exemplar"
# Pixels: numbers, whose longest label takes two lines, a model, a choice. Together one row of 1440.
_NUMBER, _MODEL, _CHOICE = 175, 225, 160
_STRATEGY = "prompt strategy"


def choose(here: Page) -> dict[str, Any] | None:
    """The arguments of ``preview``, or None while nothing is chosen.

    The address follows, so that what is shown can be sent to somebody.
    """
    _from_address()
    with st.container(horizontal=True, gap="medium"):
        strategy = st.segmented_control(
            "Strategy", STRATEGIES, key=_STRATEGY, required=True, format_func=label
        )
        source = st.segmented_control(
            "Prompt of", [_STORED, _TYPED], key="prompt source", required=True
        )
    exemplar_chosen = _choose_stored(here) if source == _STORED else _type_own(here)
    query = {"strategy": strategy, **settings(here)}
    _to_address(here, strategy or "rag", exemplar_chosen)
    return None if exemplar_chosen is None else {**query, **exemplar_chosen}


def _from_address() -> None:
    """Take over the exemplar and the strategy that a link names.

    After that the widgets lead, and the address follows them. One that was written here isn't read
    again.
    """
    address = (st.query_params.get("exemplar", ""), st.query_params.get("strategy", ""))
    if address != st.session_state.get("prompt address"):
        st.session_state["prompt address"] = address
        if address[0]:
            st.session_state[_ID] = address[0]
            st.session_state["prompt source"] = _STORED
            st.session_state["prompt search"] = ""
        if read_address(
            "strategy", STRATEGIES, what="strategy", remedy="Choose one under “Strategy”."
        ):
            st.session_state[_STRATEGY] = address[1]
    st.session_state.setdefault(_STRATEGY, "rag")
    st.session_state.setdefault("prompt source", _STORED)


def _to_address(here: Page, strategy: str, choice: dict[str, Any] | None) -> None:
    id = (choice or {}).get("exemplar_id", "")
    st.query_params["module"] = here.module
    st.query_params["strategy"] = strategy
    if id:
        st.query_params["exemplar"] = id
    elif "exemplar" in st.query_params:
        del st.query_params["exemplar"]
    st.session_state["prompt address"] = (id, strategy)


def _choose_stored(here: Page) -> dict[str, Any] | None:
    left, right = st.columns([3, 5], vertical_alignment="bottom")
    search = left.text_input(
        "Search",
        key="prompt search",
        icon=":material/search:",
        max_chars=_LONGEST_SEARCH,
        placeholder="words, a value, an id",
        on_change=_forget,
    )
    items = _offer(here, search or "")
    if not items:
        st.info("No utterance has all of these words." if search else "No utterance is loaded yet.")
        return None
    if st.session_state.get(_ID) not in items:
        resolved = (i for i, e in items.items() if e.outcome == "resolved")
        st.session_state[_ID] = next(resolved, next(iter(items)))
    id = right.selectbox(
        f"Exemplar (the first {_OFFERED} found)" if len(items) >= _OFFERED else "Exemplar",
        list(items),
        key=_ID,
        format_func=lambda i: _label(items[i]) if i in items else i,
    )
    return {"exemplar_id": id}


def _forget() -> None:
    """A new search shows the first that it finds."""
    st.session_state.pop(_ID, None)


def _offer(here: Page, search: str) -> dict[str, AnnotatedExemplar]:
    """The first that the search finds, and the one that is shown, by id."""
    id_kept = st.session_state.get(_ID)
    item_by_id, there = offer(here.workspace, here.module, search, limit=_OFFERED, current=id_kept)
    if not there and id_kept == st.query_params.get("exemplar"):
        tell_unknown(
            "exemplar",
            f"{here.module} has no exemplar {id_kept}.",
            "Choose one under “Exemplar”; “Search” finds ids.",
        )
    return item_by_id


def _label(one: AnnotatedExemplar) -> str:
    state = "" if one.outcome == "resolved" else f"  ·  {one.outcome or 'not aligned'}"
    function = one.function or (OUT_OF_SCOPE if one.out_of_scope else "?")
    return f"{one.utterance[:120]}  ·  {function}  ·  {one.id}{state}"


def _type_own(here: Page) -> dict[str, Any] | None:
    schema = here.workspace.schema(here.module)
    text = st.text_area(
        "Utterance",
        key="prompt text",
        height=80,
        max_chars=2 * LONGEST,  # the browser counts UTF-16 units, the preview code points
        placeholder="I need a table for two. Ctrl+Enter shows its prompt.",
    )
    left, right = st.columns(2)
    function = left.selectbox(
        "Right function",
        [_UNKNOWN, *(f.name for f in schema.functions), OUT_OF_SCOPE],
        key=f"prompt function {here.module}",
        help="Without it, prompts have no answer to learn. none means out of scope.",
    )
    contexts = [f"{f.name}.{s.name}" for f in schema.functions for s in f.slots]
    context = right.selectbox(
        "Bot's last question",
        contexts,
        index=None,
        placeholder="nothing",
        key=f"prompt context {here.module}",
        help="The function and slot that the bot asked about. Yes/no prompts need a slot of type "
        "boolean.",
    )
    if not (text or "").strip():
        return None
    return {
        "text": text,
        "function": None if function == _UNKNOWN else function,
        "context": context,
    }


def settings(here: Page) -> dict[str, Any]:
    """How much is retrieved, which base model tokenizes, and its longest row."""
    installed = generators(here.workspace) or [BASE]
    first_desc, first_exemplar = chosen_point(here.workspace, here.module)
    with st.container(horizontal=True, vertical_alignment="bottom"):  # wraps where it is narrow
        k_desc = st.number_input(
            label("k_desc"),
            0,
            50,
            first_desc,
            key="prompt k_desc",
            help=TERMS["k_desc"].help,
            width=_NUMBER,
        )
        k_exemplar = st.number_input(
            label("k_exemplar"),
            0,
            50,
            first_exemplar,
            key="prompt k_exemplar",
            help=TERMS["k_exemplar"].help,
            width=_NUMBER,
        )
        limit = st.number_input(
            label("max_length"),
            16,
            131_072,
            LIMIT,
            64,
            key="prompt limit",
            help=TERMS["max_length"].help,
            width=_NUMBER,
        )
        model = st.selectbox(
            "Base model",
            installed,
            key="prompt model",
            help="The model whose tokens are counted and shown.",
            width=_MODEL,
        )
        chat = st.selectbox(
            label("chat_template"),
            ["none", "auto"],
            key="prompt chat",
            width=_CHOICE,
            help="none: plain text. auto: the base model's own chat turns, if it has any.",
        )
    return {
        "k_desc": int(k_desc),
        "k_exemplar": int(k_exemplar),
        "model": model or BASE,
        "limit": int(limit),
        "chat_template": chat or "none",
    }
