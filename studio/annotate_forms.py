"""The parts of the Annotate page: plain widgets, every decision one key."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from radu_core.errors import InputError
from radu_core.exemplars import Span
from radu_core.files import parse_json
from radu_core.schema import Schema
from radu_core.store import StoredExemplar
from radu_core.workflows import annotate
from studio import show
from studio.markdown import plain
from studio.navigation import link
from studio.page import Page, messages

__all__ = [
    "correction",
    "filters",
    "labels",
    "last_decision",
    "marking",
    "nothing_left",
    "progress",
    "readings",
    "skip",
]

_IMPLIED = "implied (meant, not written)"
_OUTCOMES = ("ambiguous", "unlocated", "invalid", "flagged")


def filters() -> tuple[list[str], str]:
    """Which outcomes to work on, and a search in the utterances."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    chosen = left.pills("Only", _OUTCOMES, selection_mode="multi", key="annotate only")
    search = right.text_input("Search", key="annotate search", placeholder="words of the utterance")
    return list(chosen or []), search or ""


def progress(here: Page, waiting: annotate.Queue, left: int, skipped: list[str]) -> None:
    """How far the module is."""
    share = waiting.resolved / waiting.total if waiting.total else 0.0
    text = f"{waiting.resolved:,} of {waiting.total:,} resolved · {left:,} in this queue"
    st.progress(share, text=text + (f" · {len(skipped)} skipped" if skipped else ""))


def last_decision(here: Page) -> None:
    """What was decided last, so that a slip is seen and can be taken back."""
    last = st.session_state.get("decided")
    if not last or last["module"] != here.module:
        return
    if st.button("Undo", shortcut="u", icon=":material/undo:"):
        with messages():
            annotate.undo(here.workspace, last["module"], last["id"], who=here.who)
            st.session_state.pop("decided")
            st.rerun()
    st.caption(plain(f"✓ {last['what']}: “{last['utterance']}”"))


def nothing_left(filtered: bool, skipped: list[str]) -> None:
    """The empty state."""
    if filtered:
        st.info("Nothing matches. Clear the filter or the search.")
    elif skipped:
        st.info(f"Only the {len(skipped)} skipped ones are left.")
        if st.button("Show them again", type="primary"):
            skipped.clear()
            st.rerun()
    else:
        st.success("Everything is decided.", icon=":material/task_alt:")
        link("coverage", "See coverage")


def labels(here: Page, item: StoredExemplar) -> None:
    """The utterance and what it is labelled with."""
    exemplar = item.exemplar
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(plain(exemplar.function or "out of scope"), color="primary")
        st.badge(exemplar.outcome or "new", color="orange")
        st.caption(f"{exemplar.split} · {plain(exemplar.id)}")
        if exemplar.context:
            st.caption(f"the bot had asked for {plain(exemplar.context)}")
    if item.flag:
        _flag(here, item, item.flag)
    show.utterance(exemplar.utterance)
    st.caption(plain(exemplar.reason))


def _flag(here: Page, item: StoredExemplar, why: str) -> None:
    """Why it was sent here, and a key that says that its labels are right all the same."""
    st.warning(plain(why), icon=":material/flag:")
    st.caption(plain(f"labelled {item.exemplar.function or 'out of scope'} "
                     f"{show.as_json(item.exemplar.arguments)}"))  # fmt: skip
    if st.button(
        "Label is right", shortcut="k", icon=":material/thumb_up:", key=f"keep {item.exemplar.id}"
    ):
        with messages():
            annotate.keep(here.workspace, here.module, item, who=here.who)
            _decided(here, item, "label kept")


def readings(here: Page, item: StoredExemplar, schema: Schema) -> None:
    """The readings that place every value, each accepted by its number, with its probability."""
    slots = list(item.exemplar.arguments)
    if item.exemplar.outcome not in ("ambiguous", "unlocated"):
        return
    for number, reading in enumerate(item.readings[:9]):
        if not reading["confidence"]:
            continue  # it leaves a value out
        spans = [Span.model_validate(s) for s in reading["spans"]]
        button, text, likely = st.columns([3, 11, 2], vertical_alignment="center")
        likely.caption(f"{reading['confidence']:.0%}")
        if button.button(
            "Accept",
            key=f"accept {item.exemplar.id} {number}",
            shortcut=str(number + 1),
            type="primary" if number == 0 else "secondary",
            width="stretch",
        ):
            with messages():
                annotate.accept_reading(here.workspace, here.module, item, number, who=here.who)
                _decided(here, item, f"reading {number + 1}")
        with text:
            show.utterance(item.exemplar.utterance, spans, slots)


def marking(here: Page, item: StoredExemplar, schema: Schema) -> None:
    """Say for each value where it stands, or that it is implied."""
    exemplar = item.exemplar
    if not exemplar.arguments:
        return
    states = annotate.argument_states(schema, item)
    missing = [s for s in states if not s.places]
    if missing and len(missing) == len({s.slot for s in missing}):
        names = ", ".join(f"{s.slot} = {s.value}" for s in missing)
        if st.button(f"Implied: {plain(names)}", shortcut="i", key=f"implied {exemplar.id}"):
            with messages():
                _all_implied(here, item, states, [s.slot for s in missing])
    st.markdown("**Mark by hand**")
    with st.form(f"marks {exemplar.id}", border=True):
        marks = [_mark(exemplar.id, exemplar.utterance, n, s) for n, s in enumerate(states)]
        if st.form_submit_button("Save marks", icon=":material/check:"):
            _save(here, item, states, marks)


def _mark(
    id: str, text: str, number: int, state: annotate.ArgumentState
) -> annotate.Place | str | None:
    """A place of the value, words that were typed, or ``_IMPLIED``."""
    names = _named(text, state.places)
    label = f"{state.slot} = {state.value} ({state.state})"
    st.caption(plain(label))  # a select box's own label is read aloud with its backslashes
    return st.selectbox(
        label,
        [*names, _IMPLIED],
        index=0 if len(names) == 1 else None,
        format_func=lambda mark: mark if isinstance(mark, str) else names[tuple(mark)],
        key=f"mark {id} {number}",
        label_visibility="collapsed",
        accept_new_options=True,
        placeholder="choose, or type the words as they stand in the utterance",
    )


def _named(text: str, places: Sequence[annotate.Place]) -> dict[annotate.Place, str]:
    """Places by the words that stand there, with some of the text around where they repeat."""
    words = [text[slice(*place)] for place in places]
    names = {}
    for place, name in zip(places, words, strict=True):
        start, end = place
        around = f"{text[max(0, start - 12) : start]}[{name}]{text[end : end + 12]}".strip()
        nth = sum(p[0] <= start for p, w in zip(places, words, strict=True) if w == name)
        names[place] = name if words.count(name) == 1 else f"{name} · no. {nth}: {around}"
    return names


def _save(
    here: Page,
    item: StoredExemplar,
    states: list[annotate.ArgumentState],
    marks: list[annotate.Place | str | None],
) -> None:
    wanted: dict[tuple[str, int], annotate.Place | str] = {}
    implied = []
    numbers: dict[str, int] = {}
    for state, mark in zip(states, marks, strict=True):
        number = numbers.get(state.slot, 0)
        numbers[state.slot] = number + 1
        if mark is None:
            raise InputError(
                f"{state.slot} = {state.value} isn't marked", remedy="Mark it, or say implied."
            )
        if mark == _IMPLIED:
            implied.append(state.slot)
        else:
            wanted[state.slot, number] = mark
    spans = annotate.marked_spans(item, wanted)
    annotate.place(here.workspace, here.module, item, spans, implied=implied, who=here.who)
    _decided(here, item, "marked")


def _all_implied(
    here: Page, item: StoredExemplar, states: list[annotate.ArgumentState], slots: list[str]
) -> None:
    unclear = [s for s in states if s.places and len(s.places) > 1]
    if unclear:
        raise InputError(
            f"{unclear[0].slot} = {unclear[0].value} stands in several places",
            remedy="Mark it by hand.",
        )
    numbers: dict[str, int] = {}
    spans = []
    for state in states:
        number = numbers.get(state.slot, 0)
        numbers[state.slot] = number + 1
        if state.places:
            spans += annotate.marked_spans(item, {(state.slot, number): state.places[0]})
    annotate.place(here.workspace, here.module, item, spans, implied=slots, who=here.who)
    _decided(here, item, "implied")


def correction(here: Page, item: StoredExemplar, schema: Schema) -> None:
    """Correct the labels, or take the utterance out of use with a reason."""
    exemplar = item.exemplar
    names = ["out of scope", *(f.name for f in schema.functions)]
    with st.expander("Correct the label"), st.form(f"label {exemplar.id}", border=False):
        position = names.index(exemplar.function) if exemplar.function in names else 0
        function = st.selectbox("Function", names, index=position)
        arguments = st.text_area("Arguments (JSON)", show.as_json(exemplar.arguments), height=120)
        if st.form_submit_button("Correct"):
            annotate.correct(
                here.workspace, here.module, item,
                function=None if function == names[0] else function,
                arguments=_parsed(arguments or "{}"), who=here.who,
            )  # fmt: skip
            _decided(here, item, "corrected")
    with st.expander("Discard"), st.form(f"discard {exemplar.id}", border=False):
        reason = st.text_input("Why?", placeholder="not a request at all")
        if st.form_submit_button("Discard", icon=":material/delete:"):
            annotate.discard(here.workspace, here.module, item, reason=reason or "", who=here.who)
            _decided(here, item, "discarded")


def _parsed(text: str) -> dict[str, object]:
    try:
        value = parse_json(text)
    except ValueError as error:
        raise InputError(f"The arguments aren't JSON ({error})", remedy="Correct them.") from error
    if not isinstance(value, dict):
        raise InputError("The arguments must be one JSON object", value=text, remedy="Use {…}.")
    return value


def skip(item: StoredExemplar, skipped: list[str]) -> None:
    """Leave an utterance for later."""
    if st.button("Skip", shortcut="s", icon=":material/skip_next:"):
        skipped.append(item.exemplar.id)
        st.rerun()


def _decided(here: Page, item: StoredExemplar, what: str) -> None:
    st.session_state["decided"] = {
        "module": here.module,
        "id": item.exemplar.id,
        "utterance": item.exemplar.utterance,
        "what": what,
    }
    st.rerun()
