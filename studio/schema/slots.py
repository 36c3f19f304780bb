"""The slots of a function in forms: type, values, what fills them; adding, renaming, removing."""

from __future__ import annotations

from typing import Any, get_args

import streamlit as st

from radu_core.errors import InputError
from radu_core.schema import Function, Slot, SlotType
from radu_core.workflows.schema import edits
from radu_core.workflows.schema.rename import Target
from radu_core.workflows.schema.text import values_as_lines, values_from_lines
from studio.frame import show
from studio.frame.markdown import plain
from studio.schema.state import Shown, propose, start, widget_key

__all__ = ["slots"]

_NEW = ""  # no slot has that name
_MODEL = "the model"
_TYPES: dict[SlotType, str] = {
    "string": "string: text",
    "integer": "integer: a whole number",
    "number": "number",
    "boolean": "boolean: true or false",
    "date": "date: YYYY-MM-DD",
    "time": "time: HH:MM",
}


def slots(page: Shown, function: Function) -> None:
    """All slots of a function, and one of them, or a new one, in a form."""
    st.subheader("Slots", anchor=False)
    names = [s.name for s in function.slots]
    if names:
        st.html(
            show.table_html(
                ("slot", "description", "type", "required", "values", "filled by"),
                [_row(s) for s in function.slots],
            )
        )
    else:
        st.caption("This function has no slots: it takes no values.")
    key = f"schema slot {widget_key(function.name)}"
    if st.session_state.get(key) not in (_NEW, *names):
        st.session_state[key] = names[0] if names else _NEW
    name_chosen = st.selectbox(
        "Slot",
        [*names, _NEW],
        key=key,
        format_func=lambda n: n or "Add a slot",
        help="Type to search.",
        persist_state="page",
    )
    slot = function.slot(name_chosen) if name_chosen else None
    if slot is None:
        _new(page, function)
    else:
        _slot(page, function, slot)


def _row(slot: Slot) -> tuple[str, ...]:
    values = ", ".join(str(v) for v in slot.possible_values[:10])
    more = len(slot.possible_values) - 10
    return (
        slot.name,
        slot.description or "–",
        slot.type + (", several" if slot.multi_value else ""),
        "yes" if slot.required else "no",
        (values + (f" and {more} more" if more > 0 else "")) or "any",
        slot.recognizer or _MODEL,
    )


def _slot(page: Shown, function: Function, slot: Slot) -> None:
    where = f"{function.name}.{slot.name}"
    for finding in page.view.findings:
        if finding.where == where:
            st.info(plain(f"{finding.where}: {finding.what}. {finding.remedy}"))
    names = [s.name for s in function.slots]
    position = names.index(slot.name)
    key = widget_key(function.name, slot.model_dump_json(), position, len(names))
    with st.form(f"slot {key}", border=True):
        fields = _fields(page, slot, key)
        place = st.number_input(
            f"Position (1 to {len(names)})", 1, len(names), position + 1, key=f"place {key}"
        )
        if st.form_submit_button("Save slot"):
            mine = edits.change_slot(page.base, function.name, slot.name, **_read_fields(fields))
            mine = edits.move_slot(mine, function.name, slot.name, int(place) - 1)
            propose(page, mine, f"Changed slot {where}")
    with st.container(horizontal=True):
        target = Target(slot.name, function.name)
        if st.button("Rename slot", icon=":material/edit:", key=f"rename slot {key}"):
            start("rename", target)
        if st.button("Remove slot", icon=":material/delete:", key=f"remove slot {key}"):
            start("remove", target)


def _new(page: Shown, function: Function) -> None:
    key = widget_key(function.name, len(function.slots), "new")
    with st.form(f"slot {key}", border=True):
        name = st.text_input("Name", key=f"name {key}", help="The name that your application uses.")
        fields = _fields(page, Slot(name="new"), key)
        if st.form_submit_button("Add slot", icon=":material/add:"):
            slot = Slot(name=name.strip(), **_read_fields(fields))
            mine = edits.add_slot(page.base, function.name, slot)
            propose(page, mine, f"Added slot {function.name}.{slot.name}")


def _fields(page: Shown, slot: Slot, key: str) -> dict[str, Any]:
    """The fields of a slot, and what stands in them."""
    description = st.text_input(
        "Description",
        slot.description,
        key=f"description {key}",
        help="What the value is, in a few words for the model.",
    )
    left, right = st.columns(2)
    kinds = list(get_args(SlotType))
    kind = left.selectbox(
        "Type",
        kinds,
        index=kinds.index(slot.type),
        key=f"type {key}",
        format_func=lambda k: _TYPES.get(k, k),
    )
    fillers = [_MODEL, *(r.name for r in page.base.recognizers)]
    filler = right.selectbox(
        "Filled by",
        fillers,
        key=f"filled {key}",
        index=fillers.index(slot.recognizer) if slot.recognizer in fillers[1:] else 0,
        help="A recognizer finds the value by a list or a pattern; the model reads it from the "
        "text.",
    )
    required = left.checkbox("Required", slot.required, key=f"required {key}")
    several = right.checkbox(
        "Several values",
        slot.multi_value,
        key=f"several {key}",
        help="One utterance may give more than one.",
    )
    values = st.text_area(
        "Possible values, one per line",
        values_as_lines(slot.possible_values, slot.type),
        key=f"values {key}",
        height=100,
        help="Leave it empty to allow any value of the type.",
    )
    return {
        "description": description,
        "type": kind,
        "required": required,
        "multi_value": several,
        "possible_values": values,
        "recognizer": filler,
    }


def _read_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a slot as the schema has them; ``InputError`` if a value can't be one."""
    kind = fields["type"]
    if kind not in get_args(SlotType):
        raise InputError("No such type", value=kind, remedy=f"Use {', '.join(_TYPES)}.")
    recognizer = None if fields["recognizer"] == _MODEL else fields["recognizer"]
    return {
        **fields,
        "description": fields["description"].strip(),
        "possible_values": values_from_lines(fields["possible_values"], kind),
        "recognizer": recognizer,
    }
