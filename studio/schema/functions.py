"""Functions: what lint says, descriptions and slots in forms, adding, renaming, removing."""

from __future__ import annotations

import streamlit as st

from radu_core.schema import Function, LintFinding
from radu_core.words import quantity
from radu_core.workflows.schema import edits
from radu_core.workflows.schema.remove import FATES, Fate, fates, relabel
from radu_core.workflows.schema.rename import Target
from studio.frame import show
from studio.frame.address import asked
from studio.frame.markdown import plain
from studio.schema.slots import slots
from studio.schema.state import LINK, Shown, finish, propose, start, widget_key

__all__ = ["functions"]

_ALL = ""  # the overview; no function has that name
_CHOSEN = "schema function"


def functions(shown: Shown) -> None:
    """All functions at a glance, or one of them with its slots."""
    names = [f.name for f in shown.base.functions]
    _follow_link(names)
    if st.session_state.get(_CHOSEN) not in (_ALL, *names):
        st.session_state[_CHOSEN] = _ALL
    name = st.selectbox(
        "Function",
        [_ALL, *names],
        key=_CHOSEN,
        format_func=lambda n: n or f"All {quantity(len(names), 'function')}",
        help="Type to search.",
        persist_state="page",
    )
    if name == _ALL:
        _overview(shown)
    else:
        function = shown.base.function(name)
        assert function is not None
        _function(shown, function)


def _follow_link(names: list[str]) -> None:
    """Open the function that a link names, once."""
    function_asked = st.query_params.get("function")
    if function_asked and st.session_state.get(LINK) != function_asked:
        st.session_state[LINK] = function_asked
        if asked("function", names, what="function", remedy="Choose one under “Function”."):
            st.session_state[_CHOSEN] = function_asked


def finding(found: LintFinding) -> None:
    """What lint says, where it belongs."""
    mark = st.warning if found.level == "warning" else st.info
    mark(plain(f"{found.where}: {found.what}. {found.remedy}"))


def _overview(shown: Shown) -> None:
    rows = []
    for f in shown.base.functions:
        findings = shown.view.findings_by_function[f.name]
        rows.append(
            (
                f.name,
                f.description or "–",
                ", ".join(s.name for s in f.slots) or "–",
                f"{shown.view.labelled[f.name]:,}",
                "; ".join(dict.fromkeys(_short(f.name, x) for x in findings)) or "–",
            )
        )
    st.html(show.table_html(("function", "description", "slots", "exemplars", "to do"), rows))
    _strays(shown)
    _add(shown)


def _short(function: str, found: LintFinding) -> str:
    slot = found.where.removeprefix(f"{function}.")
    return found.what if slot == found.where else f"{slot} {found.what}"


def _strays(shown: Shown) -> None:
    """Exemplars labelled with functions that aren't there, and where they may go."""
    if not shown.view.strays:
        return
    st.subheader("Labelled with functions that the schema lacks", anchor=False)
    text = ", ".join(f"{name} ({n:,})" for name, n in shown.view.strays.items())
    st.warning(plain(f"These exemplars are invalid: {text}."), icon=":material/warning:")
    here = shown.here
    with st.form("strays", border=True):
        name = st.selectbox("Exemplars of", list(shown.view.strays))
        options: list[Fate] = [f for f in fates(Target(name)) if f != "keep"]
        fate = st.radio("What to do with them", options, format_func=FATES.__getitem__)
        to = st.selectbox("To function", [f.name for f in shown.base.functions])
        if st.form_submit_button("Relabel"):
            goes = to if fate == "move" else None
            count = relabel(here.workspace, here.module, name, who=here.who, fate=fate, to=goes)
            finish(here, f"{quantity(count, 'exemplar')} of {name} relabelled.")


def _add(shown: Shown) -> None:
    st.subheader("Add a function", anchor=False)
    function_count = len(shown.base.functions)
    with st.form(f"add function {function_count}", border=True):
        name = st.text_input(
            "Name", placeholder="book_flight", help="The name that your application uses."
        )
        description = st.text_area(
            "Description",
            placeholder="Buy a plane ticket between two cities.",
            height=80,
            help="One sentence on what it does and doesn't do. Retrieval finds the function by it.",
        )
        if st.form_submit_button("Add function", icon=":material/add:"):
            function = Function(name=name.strip(), description=description.strip())
            mine = edits.add_function(shown.base, function)
            propose(shown, mine, f"Added function {function.name}")


def _function(shown: Shown, function: Function) -> None:
    for found in shown.view.findings_by_function[function.name]:
        if found.where == function.name:
            finding(found)
    count = shown.view.labelled[function.name]
    st.caption(f"{quantity(count, 'exemplar')} · {quantity(len(function.slots), 'slot')}")
    names = [f.name for f in shown.base.functions]
    position = names.index(function.name)
    key = widget_key(function.name, function.description, position, len(names))
    with st.form(f"function {key}", border=True):
        description = st.text_area(
            "Description",
            function.description,
            height=100,
            key=f"description {key}",
            help="One sentence on what it does and doesn't do. Retrieval finds the function by it.",
        )
        place = st.number_input(
            f"Position (1 to {len(names)})", 1, len(names), position + 1, key=f"place {key}"
        )
        if st.form_submit_button("Save function"):
            mine = edits.change_function(shown.base, function.name, description=description.strip())
            mine = edits.move_function(mine, function.name, int(place) - 1)
            propose(shown, mine, f"Changed function {function.name}")
    with st.container(horizontal=True):
        target = Target(function.name)
        if st.button("Rename function", icon=":material/edit:", key=f"rename {function.name}"):
            start("rename", target)
        if st.button("Remove function", icon=":material/delete:", key=f"remove {function.name}"):
            edits.remove_function(shown.base, function.name)  # the only one is refused here
            start("remove", target)
    slots(shown, function)
