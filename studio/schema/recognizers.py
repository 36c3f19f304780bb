"""Recognizers in forms: labels with their expressions, or a pattern, each with a test field."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from radu_core.errors import InputError
from radu_core.exemplars import Span
from radu_core.schema import ListRecognizer, PatternRecognizer
from radu_core.workflows.schema import edits
from radu_core.workflows.schema.recognizers import matches
from radu_core.workflows.schema.rename import Target
from radu_core.workflows.schema.text import labels_as_lines, labels_from_lines
from studio.frame import show
from studio.frame.markdown import plain
from studio.schema.state import Shown, propose, start, widget_key

__all__ = ["recognizers"]

_NEW = ""  # no recognizer has that name
_KINDS = {"list": "list: labels with expressions", "pattern": "pattern: a regular expression"}


def recognizers(page: Shown) -> None:
    """One recognizer, or a new one, with the slots that it fills."""
    names = [r.name for r in page.base.recognizers]
    if not names:
        st.info("This module has no recognizers: the model fills every slot.")
    key = "schema recognizer"
    if st.session_state.get(key) not in (_NEW, *names):
        st.session_state[key] = names[0] if names else _NEW
    name_chosen = st.selectbox(
        "Recognizer",
        [*names, _NEW],
        key=key,
        format_func=lambda n: n or "Add a recognizer",
        help="Type to search.",
        persist_state="page",
    )
    recognizer = page.base.recognizer(name_chosen) if name_chosen else None
    if recognizer is None:
        _new(page)
    else:
        _recognizer(page, recognizer)


def _recognizer(page: Shown, recognizer: ListRecognizer | PatternRecognizer) -> None:
    slots_filled = [
        f"{f.name}.{s.name}"
        for f in page.base.functions
        for s in f.slots
        if s.recognizer == recognizer.name
    ]
    for lint in page.view.findings:
        if lint.where == f"recognizer {recognizer.name}":
            st.info(plain(f"{lint.where}: {lint.what}. {lint.remedy}"))
    if slots_filled:
        st.caption(plain(f"{recognizer.kind}, fills {', '.join(slots_filled)}"))
    key = widget_key(recognizer.model_dump_json())
    fields = _fields(recognizer.name, recognizer.kind, recognizer, key)
    with st.container(horizontal=True):
        if st.button("Save recognizer", key=f"save {key}", disabled=fields is None):
            assert fields is not None
            mine = edits.put_recognizer(page.base, fields)
            propose(page, mine, f"Changed recognizer {recognizer.name}")
        target = Target(recognizer.name, recognizer=True)
        if st.button("Rename recognizer", icon=":material/edit:", key=f"rename {key}"):
            start("rename", target)
        if st.button("Remove recognizer", icon=":material/delete:", key=f"remove {key}"):
            start("remove", target)


def _new(page: Shown) -> None:
    key = widget_key("new", len(page.base.recognizers))
    name = st.text_input("Name", key=f"name {key}", help="Slots refer to it by this name.").strip()
    kind: Literal["list", "pattern"] = st.radio(
        "Kind",
        ["list", "pattern"],
        format_func=_KINDS.__getitem__,
        horizontal=True,
        key=f"kind {key}",
    )
    fields = _fields(name or "new", kind, None, f"{key} {kind}")
    if st.button(
        "Add recognizer", icon=":material/add:", key=f"add {key}", disabled=fields is None
    ):
        assert fields is not None
        if not name:
            raise InputError("A recognizer needs a name", remedy="Name it, e.g. city.")
        if page.base.recognizer(name) is not None:
            raise InputError(
                "There is a recognizer of that name", value=name, remedy="Choose another name."
            )
        mine = edits.put_recognizer(page.base, fields)
        propose(page, mine, f"Added recognizer {name}")


def _fields(
    name: str,
    kind: Literal["list", "pattern"],
    recognizer: ListRecognizer | PatternRecognizer | None,
    key: str,
) -> ListRecognizer | PatternRecognizer | None:
    """The fields of a recognizer with its test; None while they can't be one, with the reason."""
    try:
        if kind == "list":
            labels = recognizer.labels if isinstance(recognizer, ListRecognizer) else {}
            text = st.text_area(
                "Labels with expressions, one per line",
                labels_as_lines(labels),
                key=f"labels {key}",
                height=240,
                placeholder="New York | NYC | Big Apple",
                help=plain("Write label | expression | expression. The label is the value."),
            )
            if not text.strip() and recognizer is None:
                return None
            fields: ListRecognizer | PatternRecognizer = ListRecognizer(
                name=name, labels=labels_from_lines(text)
            )
        else:
            pattern = recognizer.pattern if isinstance(recognizer, PatternRecognizer) else ""
            text = st.text_input(
                "Pattern",
                pattern,
                key=f"pattern {key}",
                placeholder=r"[A-Z]{3}\d{3}",
                help="A regular expression; what it matches is the value.",
            )
            if not text:
                return None
            fields = PatternRecognizer(name=name, pattern=text)
        _test(fields, key)
    except InputError as error:
        st.error(plain(error), icon=":material/error:")
        return None
    return fields


def _test(recognizer: ListRecognizer | PatternRecognizer, key: str) -> None:
    text = st.text_input("Try it on", key=f"try {key}", placeholder="An utterance")
    matches_found = matches(recognizer, text)  # without a text, too: a pattern may not compile
    if not text:
        return
    spans = [Span(slot=m.value, start=m.start, end=m.end, value=m.value) for m in matches_found]
    show.utterance(text, spans, [s.slot for s in spans])
    st.caption(f"{len(matches_found)} found." if matches_found else "Nothing found.")
