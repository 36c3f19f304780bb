"""Functions: what lint says, descriptions and slots in forms, adding, renaming, removing."""

from __future__ import annotations

import streamlit as st

from radu_core.schema import Function, LintFinding
from radu_core.words import quantity
from radu_core.workflows.schema import edits
from radu_core.workflows.schema.remove import FATES, Fate, fates, relabel
from radu_core.workflows.schema.rename import Target
from studio.frame import show
from studio.frame.address import read_address
from studio.frame.markdown import plain
from studio.schema.slots import slots
from studio.schema.state import LINK, Shown, finish, propose, start, widget_key

__all__ = ["functions"]

_ALL = ""  # the overview; no function has that name
_CHOSEN = "schema function"


def functions(page: Shown) -> None:
    """All functions at a glance, or one of them with its slots."""
    names = [f.name for f in page.base.functions]
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
        _overview(page)
    else:
        function = page.base.function(name)
        assert function is not None
        _function(page, function)


def _follow_link(names: list[str]) -> None:
    """Open the function that a link names, once."""
    function_asked = st.query_params.get("function")
    if function_asked and st.session_state.get(LINK) != function_asked:
        st.session_state[LINK] = function_asked
        if read_address("function", names, what="function", remedy="Choose one under “Function”."):
            st.session_state[_CHOSEN] = function_asked


def finding(lint_finding: LintFinding) -> None:
    """What lint says, where it belongs."""
    mark = st.warning if lint_finding.level == "warning" else st.info
    mark(plain(f"{lint_finding.where}: {lint_finding.what}. {lint_finding.remedy}"))


def _overview(page: Shown) -> None:
    rows = []
    for f in page.base.functions:
        findings = page.view.findings_by_function[f.name]
        rows.append(
            (
                f.name,
                f.description or "–",
                ", ".join(s.name for s in f.slots) or "–",
                f"{page.view.labelled[f.name]:,}",
                "; ".join(dict.fromkeys(_short(f.name, x) for x in findings)) or "–",
            )
        )
    st.html(show.table_html(("function", "description", "slots", "exemplars", "to do"), rows))
    _strays(page)
    _add(page)


def _short(function: str, lint_finding: LintFinding) -> str:
    slot = lint_finding.where.removeprefix(f"{function}.")
    return lint_finding.what if slot == lint_finding.where else f"{slot} {lint_finding.what}"


def _strays(page: Shown) -> None:
    """Exemplars labelled with functions that aren't there, and where they may go."""
    if not page.view.strays:
        return
    st.subheader("Labelled with functions that the schema lacks", anchor=False)
    text = ", ".join(f"{name} ({n:,})" for name, n in page.view.strays.items())
    st.warning(plain(f"These exemplars are invalid: {text}."), icon=":material/warning:")
    here = page.here
    with st.form("strays", border=True):
        name = st.selectbox("Exemplars of", list(page.view.strays))
        options: list[Fate] = [f for f in fates(Target(name)) if f != "keep"]
        fate = st.radio("What to do with them", options, format_func=FATES.__getitem__)
        to = st.selectbox("To function", [f.name for f in page.base.functions])
        if st.form_submit_button("Relabel"):
            goes = to if fate == "move" else None
            count = relabel(here.workspace, here.module, name, who=here.who, fate=fate, to=goes)
            finish(here, f"{quantity(count, 'exemplar')} of {name} relabelled.")


def _add(page: Shown) -> None:
    st.subheader("Add a function", anchor=False)
    function_count = len(page.base.functions)
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
            mine = edits.add_function(page.base, function)
            propose(page, mine, f"Added function {function.name}")


def _function(page: Shown, function: Function) -> None:
    for lint_finding in page.view.findings_by_function[function.name]:
        if lint_finding.where == function.name:
            finding(lint_finding)
    count = page.view.labelled[function.name]
    st.caption(f"{quantity(count, 'exemplar')} · {quantity(len(function.slots), 'slot')}")
    names = [f.name for f in page.base.functions]
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
            mine = edits.change_function(page.base, function.name, description=description.strip())
            mine = edits.move_function(mine, function.name, int(place) - 1)
            propose(page, mine, f"Changed function {function.name}")
    with st.container(horizontal=True):
        target = Target(function.name)
        if st.button("Rename function", icon=":material/edit:", key=f"rename {function.name}"):
            start("rename", target)
        if st.button("Remove function", icon=":material/delete:", key=f"remove {function.name}"):
            edits.remove_function(page.base, function.name)  # the only one is refused here
            start("remove", target)
    slots(page, function)
