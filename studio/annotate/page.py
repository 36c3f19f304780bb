"""What stands around the span marker on the Annotate page: filters above it, tools below."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from radu_core.errors import RaduError
from radu_core.files import content_hash
from radu_core.schema import OUT_OF_SCOPE
from radu_core.terms import OUTCOMES
from radu_core.workflows.annotate.lookup import has_exemplar
from radu_core.workflows.annotate.token import make_token
from radu_core.workflows.schema.guidelines import guidelines
from studio.annotate.add import show_add_form
from studio.annotate.agreement import agreement
from studio.annotate.bulk import show_bulk
from studio.annotate.guidelines import edit_guidelines
from studio.frame.address import read_address, tell_unknown
from studio.frame.markdown import plain
from studio.frame.navigation import link_back
from studio.frame.page import Page, messages

__all__ = ["MARKER", "filters", "token", "tools", "version"]

_SKIPPED = "skipped"
_QUEUES = {
    "": "Everything that waits",
    "ambiguous": "Ambiguous",
    "unlocated": "Unlocated",
    "invalid": "Invalid",
    "suspected": "Suspected errors",
    "disagreement": "Disagreements",
    "evaluation": "Errors in evaluation",
    "unlabelled": "Unlabelled",
    "all": "All utterances",
    _SKIPPED: "Skipped by me",
}
_WAITING = "  \n".join(
    f"**{_QUEUES[name]}**: {OUTCOMES[name]}"
    for name in ("ambiguous", "unlocated", "invalid", "unlabelled")
)
_TOOLS = {
    "bulk": ":material/done_all: Accept in bulk",
    "add": ":material/add: Add an utterance",
    "guidelines": ":material/menu_book: Guidelines",
    "agreement": ":material/group: Agreement",
}
# On a phone the two choices are side by side: the utterance is what the screen is for.
_STYLE = """<style>
@media (max-width: 640px) {
  .st-key-annotate-filters [data-testid="stColumn"] { min-width: calc(50% - 1rem); flex: 1 1 0; }
  .st-key-annotate-filters [data-testid="stColumn"]:last-child { min-width: 100%; }
}
</style>"""
MARKER = "span marker"  # the component's key
_LONGEST = 200  # characters of a search or an id
_FRESH = 3600.0  # seconds a token is used by new mounts; it is good for twelve hours


def filters(here: Page) -> dict[str, Any]:
    """What to work on, from the address or the widgets; each is part of the address."""
    st.query_params["module"] = here.module  # so that the address can be sent to somebody
    item = st.query_params.get("item", "")[:_LONGEST]
    link_back()
    if len(st.query_params.get("search", "")) > _LONGEST:
        st.query_params["search"] = st.query_params["search"][:_LONGEST]
    if item and not _is_there(here, item):
        tell_unknown("item", f"{here.module} has no utterance {item}.", "“Search” finds ids.")
    if item and item != getattr(st.session_state.get(MARKER), "left", None):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(plain(f"Starts with {item} from the link; the queue follows."))
            if st.button("Leave the link", icon=":material/close:"):
                del st.query_params["item"]
                st.rerun()
    st.html(_STYLE)
    with st.container(key="annotate-filters"):
        left, middle, right = st.columns([4, 3, 4], vertical_alignment="bottom")
    functions = {"": "All functions", OUT_OF_SCOPE: "Out of scope"} | {
        name: name for name in _functions(here)
    }
    with left:
        queue = _choice("Queue", "queue", _QUEUES, help=_WAITING)
    with middle:
        function = _choice("Function", "function", functions)
    search = right.text_input(
        "Search",
        key="search",
        bind="query-params",
        icon=":material/search:",
        placeholder="words, a value, an id",
        max_chars=_LONGEST,
        help="Searches all utterances in every queue.",
    )
    skipped = queue == _SKIPPED
    return {
        "queue": "" if skipped else queue,
        "function": function,
        "search": (search or "").strip()[:_LONGEST],
        "item": item,
        "skipped": skipped,
    }


def _choice(label: str, name: str, options: dict[str, str], *, help: str | None = None) -> str:
    """A select box that the address follows: by the option's own name, not by what is shown."""
    key = f"annotate {name}"
    if key in st.session_state:
        linked_value = st.session_state[key]
        st.session_state[key] = linked_value if linked_value in options else ""  # another module's
    else:
        st.session_state[key] = read_address(
            name, options, what=label.lower(), remedy=f"Choose one under “{label}”."
        )
    choice = str(
        st.selectbox(label, list(options), format_func=options.__getitem__, key=key, help=help)
        or ""
    )
    if choice:
        st.query_params[name] = choice
    elif name in st.query_params:
        del st.query_params[name]
    return choice


def _is_there(here: Page, id: str) -> bool:
    try:
        return has_exemplar(here.workspace, here.module, id)
    except RaduError:
        return True  # the marker says that the studio's database can't be reached


def _functions(here: Page) -> list[str]:
    try:
        return [f.name for f in here.workspace.schema(here.module).functions]
    except RaduError:
        return []  # the marker says that the studio's database can't be reached


def token(here: Page) -> str:
    """What lets this person's tab talk to the annotation route about this module."""
    memory = st.session_state.get("annotation token", {})
    renewal = getattr(st.session_state.get(MARKER), "renewed", None)
    owner = (here.who, here.module, renewal)
    if memory.get("owner") != owner or time.time() - memory["at"] > _FRESH:
        new_token = make_token(here.workspace, who=here.who, module=here.module)
        memory = {"owner": owner, "at": time.time(), "token": new_token}
        st.session_state["annotation token"] = memory
    return str(memory["token"])


def version(here: Page) -> str:
    """Changes when what the marker knows of the module does: functions or guidelines."""
    try:
        schema = here.workspace.schema(here.module)
        return f"{schema.hash} {content_hash(guidelines(here.workspace, here.module))}"
    except RaduError:
        return ""


def tools(here: Page) -> None:
    """One tool at a time below the marker: none is computed before it is asked for."""
    _begin_linked(here)
    name = st.pills(
        "Tools",
        list(_TOOLS),
        format_func=_TOOLS.__getitem__,
        label_visibility="collapsed",
        key="annotate tool",
    )
    parts = {
        "bulk": show_bulk,
        "add": show_add_form,
        "guidelines": edit_guidelines,
        "agreement": agreement,
    }
    if name:
        with st.container(border=True), messages():
            parts[name](here)


def _begin_linked(here: Page) -> None:
    """A link may ask for an utterance of a function to be added; it asks once."""
    function = read_address(
        "add",
        _functions(here),
        what="function",
        remedy="Choose one under “Add an utterance”.",
    )
    if function:
        del st.query_params["add"]
        st.session_state.update({"annotate tool": "add", "add function": function})
