"""Accepting likely readings at once: a threshold, what it would accept, and a way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import streamlit as st

from radu_core.errors import RaduError
from radu_core.words import percent, quantity
from radu_core.workflows.annotate import bulk
from studio.frame import show
from studio.frame.layout import side_by_side
from studio.frame.markdown import plain
from studio.frame.page import Page, messages

__all__ = ["show_bulk"]

_LISTED = 20
_NAMES = {"ambiguous": "Ambiguous", "unlocated": "Unlocated"}


@st.fragment
def show_bulk(here: Page) -> None:
    """Choose how likely a reading must be, look at what that accepts, accept it, take it back."""
    _result(here)
    with messages():
        _choice_form(here)


def _choice_form(here: Page) -> None:
    left, right = side_by_side([3, 2], key="annotate-bulk")
    least = left.slider(
        "Accept readings with at least this confidence",
        50,
        100,
        90,
        format="%d %%",
        key="bulk from",
        on_change=_leave,
        args=(here,),
    )
    previews = {
        queue: bulk.preview(here.workspace, here.module, from_=least / 100, queue=queue)
        for queue in bulk.QUEUES
    }
    # one that holds something, and then the one that was chosen; as a default it would be lost when
    # the numbers in the labels change
    st.session_state["bulk queue"] = st.session_state.get("bulk queue") or _first(previews)
    queue = right.segmented_control(
        "Queue",
        bulk.QUEUES,
        required=True,
        key="bulk queue",
        format_func=lambda q: f"{_NAMES[q]} ({len(previews[q].items):,})",
        on_change=_leave,
        args=(here,),
    )
    if previews[str(queue)].items:
        _preview(here, previews[str(queue)])
    elif other := _first(previews, otherwise=""):
        st.info(
            f"No reading here has this confidence. “{_NAMES[other]}” has some, and a lower "
            "threshold finds more."
        )
    else:
        st.info("No reading has this confidence. Lower the threshold, or decide one by one.")


def _first(previews: Mapping[str, bulk.Preview], otherwise: str = bulk.QUEUES[0]) -> str:
    """The first queue with a reading to accept."""
    return next((queue for queue, preview in previews.items() if preview.items), otherwise)


def _preview(here: Page, preview: bulk.Preview) -> None:
    number = len(preview.items)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(  # the arguments are those of the table below, not of one made after the press
            f"Accept {number:,}",
            type="primary",
            icon=":material/done_all:",
            key="bulk accept",
            on_click=_accept,
            args=(here, preview.revisions),
        )
        wrong = f"about {preview.expected_wrong:.1f} will be wrong"
        st.write(f"{quantity(number, 'reading')}, of which {wrong}.")
    counts = ", ".join(f"{plain(name)} {count:,}" for name, count in preview.functions.items())
    st.caption(counts)
    show.rows(
        [
            {
                "likely": percent(i.confidence),
                "utterance": i.utterance,
                "reading": i.template,
                "function": i.function or "out of scope",
                "id": i.id,
            }
            for i in preview.items
        ],
        name=f"{here.module}-bulk.csv",
        key="bulk",
        label="readings",
    )


def _accept(here: Page, revisions: dict[str, int]) -> None:
    with _keeping_errors(here):
        _state(here)["done"] = bulk.accept(here.workspace, here.module, revisions, who=here.who)


def _undo(here: Page, batch: str) -> None:
    with _keeping_errors(here):
        _state(here)["done"] = bulk.undo_bulk(here.workspace, here.module, batch, who=here.who)


@contextmanager
def _keeping_errors(here: Page) -> Iterator[None]:
    """Keep an error to show it: what a callback writes has no place on the page."""
    state = _state(here)
    state.pop("error", None)
    try:
        yield
    except RaduError as error:
        state["error"] = error


def _leave(here: Page) -> None:
    """Something else is looked at: what went wrong before is read."""
    _state(here).pop("error", None)


def _state(here: Page) -> dict[str, object]:
    state: dict[str, object] = st.session_state.setdefault(f"bulk {here.module}", {})
    return state


def _result(here: Page) -> None:
    """What was accepted or taken back last."""
    state = _state(here)
    if error := state.get("error"):
        st.error(plain(error), icon=":material/error:")
    report = state.get("done")
    if isinstance(report, bulk.BulkReport):
        st.success(f"{len(report.accepted):,} accepted.", icon=":material/done_all:")
        _show_left("unchanged", {plain(i): plain(why) for i, why in report.skipped.items()})
        if report.accepted:
            st.button(
                f"Undo all {len(report.accepted):,}",
                icon=":material/undo:",
                key="bulk undo",
                on_click=_undo,
                args=(here, report.batch),
            )
    elif isinstance(report, bulk.UndoReport):
        st.success(_as_before(len(report.undone)), icon=":material/undo:")
        why = "decided again since"
        _show_left("kept", dict.fromkeys(map(plain, report.decided_since), why))
        _show_left("kept deleted", dict.fromkeys(map(plain, report.deleted_since), "deleted since"))


def _as_before(number: int) -> str:
    return quantity(number, "is as it was before.", "are as they were before.")


def _show_left(what: str, reasons: dict[str, str]) -> None:
    if reasons:
        lines = [f"- {id_}: {why}" for id_, why in list(reasons.items())[:_LISTED]]
        lines += ["- …"] if len(reasons) > _LISTED else []
        st.warning(f"{len(reasons):,} {what}:\n" + "\n".join(lines))
