"""Edits of many utterances on the Utterances page: choose, look at what changes, do it, undo it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from radu_core.progress import Progress
from radu_core.words import quantity
from radu_core.workflows.utterances import edit
from radu_core.workflows.utterances.table import Choices, Listing
from studio.frame import jobs, show
from studio.frame.markdown import plain
from studio.frame.page import Page, messages

__all__ = ["show_edit"]

_ACTIONS: dict[edit.Kind, str] = {
    "function": "Set function",
    "split": "Set split",
    "add tag": "Add tag",
    "remove tag": "Remove tag",
    "discard": "Discard",
    "keep": "Take discard back",
    "unlabel": "Remove label",
    "delete": "Move to trash",
}
_SPLITS = ("train", "validation", "test")
_NONE = "none"  # the name of no function
_LOOKING = "Looking at the edit"
_LISTED = 200


def show_edit(
    here: Page, filter_: Listing, total: int, ticked: Sequence[str], choices: Choices
) -> None:
    """Choose an edit of the ticked rows, or of all that the filters find; a preview comes first."""
    result = jobs.show(_key(here), passing=True)
    with messages():
        if isinstance(result, edit.EditPlan):
            _plan(here, result)
        elif isinstance(result, edit.EditReport):
            _report(here, result)
        elif isinstance(result, edit.Undone):
            _show_undone(here, result)
    if not total:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.selectbox(
            "Edit",
            list(_ACTIONS),
            format_func=_ACTIONS.__getitem__,
            index=None,
            key="edit kind",
            placeholder="choose what to change",
            width=240,
        )
        if kind is None:
            return
        value = _value(here, kind, choices)
        which = _which(total, ticked)
        request = edit.Edit(kind, value)
        selection = {"ids": list(ticked)} if which == "ticked" else {"filter_": filter_}
        st.button(
            "Preview",
            icon=":material/visibility:",
            key="edit preview",
            help="Shows what would change. Nothing is changed yet.",
            disabled=_is_changing(here),
            on_click=_preview,
            args=(here, partial(_make_plan, here, request, selection)),
        )


def _make_plan(
    here: Page, request: edit.Edit, selection: dict[str, Any], progress: Progress
) -> edit.EditPlan:
    return edit.plan_edit(here.workspace, here.module, request, progress=progress, **selection)


def _key(here: Page) -> tuple[str, str, str]:
    return ("edit utterances", here.module, here.who)


def _is_changing(here: Page) -> bool:
    """Whether an edit is being done or undone: its report mustn't be lost."""
    job = jobs.job(_key(here))
    return job is not None and job.running and job.title != _LOOKING


def _preview(here: Page, work: Callable[[Progress], Any]) -> None:
    """Look at another edit, in the place of what is shown."""
    if not _is_changing(here):
        jobs.start(_key(here), _LOOKING, work, restart=True)


def _start(here: Page, title: str, work: Callable[[Progress], Any]) -> None:
    """Do or undo an edit; what becomes of it is shown in the place of what is shown."""
    jobs.start(_key(here), title, work)


def _close(here: Page) -> None:
    if not _is_changing(here):
        jobs.forget(_key(here))


def _value(here: Page, kind: str, choices: Choices) -> str:
    """What an edit of that kind needs to know."""
    if kind == "function":
        names = edit.function_names(here.workspace, here.module)
        return str(
            st.selectbox(
                "New function",
                [*names, _NONE],
                format_func=lambda name: "out of scope" if name == _NONE else name,
                key=f"edit function {here.module}",
                width=260,
            )
        )
    if kind == "split":
        return str(st.selectbox("New split", _SPLITS, key="edit split", width=160))
    if kind == "remove tag":
        tags = [tag for tag in choices.tags if tag != "discarded"]
        return str(st.selectbox("Tag to remove", tags, key="edit old tag", width=200) or "")
    if kind == "add tag":
        return str(st.text_input("Tag to add", key="edit tag", max_chars=100, width=200) or "")
    if kind == "discard":
        return str(st.text_input("Reason", key="edit reason", max_chars=200, width=260) or "")
    return ""


def _which(total: int, ticked: Sequence[str]) -> str:
    if not ticked:
        st.caption(f"All {quantity(total, 'utterance')} found; tick rows to edit only those.")
        return "found"
    names = {"ticked": f"Ticked ({len(ticked):,})", "found": f"All found ({total:,})"}
    return str(
        st.segmented_control(
            "Rows",
            list(names),
            default="ticked",
            required=True,
            format_func=names.__getitem__,
            key="edit rows",
        )
    )


def _plan(here: Page, plan: edit.EditPlan) -> None:
    """What would change, and the button that does it."""
    number = len(plan.changes)
    with st.container(border=True):
        rows = quantity(number, "utterance")
        st.markdown(f"**{_ACTIONS[plan.edit.kind]}: {rows} of {plan.chosen:,} would change**")
        _counts(plan)
        if number:
            show.rows(
                [
                    {"utterance": c.utterance, "before": c.before, "after": c.after, "id": c.id}
                    for c in plan.changes[:_LISTED]
                ],
                name=f"{here.module}-edit.csv",
                key="edit preview rows",
                label="changes",
            )
            if number > _LISTED:
                st.caption(f"The first {_LISTED} are listed.")
        with st.container(horizontal=True):
            if number:
                st.button(
                    f"Change {rows}",
                    type="primary",
                    key="edit do",
                    on_click=_start,
                    args=(here, "Editing", partial(_apply, here, plan)),
                )
            st.button("Close", key="edit close", on_click=_close, args=(here,))


def _counts(plan: edit.EditPlan) -> None:
    for move, count in list(plan.moves.items())[:8]:
        st.markdown(f"- {count:,}: {plain(move)}")
    if len(plan.moves) > 8:
        st.markdown(f"- and {quantity(len(plan.moves) - 8, 'other change')}")
    for why, count in plan.left.items():
        st.caption(f"{count:,} left alone: {plain(why)}.")
    if plan.lost:
        values = quantity(sum(plan.lost.values()), "value")
        slots = ", ".join(f"{slot} ({count:,})" for slot, count in plan.lost.items())
        st.warning(f"{values} would be removed: {plain(slots)}.", icon=":material/warning:")


def _apply(here: Page, plan: edit.EditPlan, _: Progress) -> edit.EditReport:
    return edit.apply_edit(here.workspace, plan, who=here.who)


def _report(here: Page, report: edit.EditReport) -> None:
    """What was done, and the button that takes it back."""
    rows = quantity(len(report.ids), "utterance")
    with st.container(border=True):
        st.success(f"{_ACTIONS[report.edit.kind]}: {rows} changed.", icon=":material/check:")
        if report.changed_since:
            since = quantity(len(report.changed_since), "utterance was", "utterances were")
            st.warning(f"{since} changed by somebody else meanwhile and left alone.")
        if report.edit.kind == "split":
            st.caption(f"It is number {report.batch} on the Load page, under Earlier imports.")
        elif report.edit.kind == "delete":
            st.caption("They are in the trash, on the Load page under Delete.")
        elif report.ids:
            st.caption(f"The history of each utterance shows it as edit {report.batch}.")
        with st.container(horizontal=True):
            if report.ids:
                st.button(
                    "Undo",
                    icon=":material/undo:",
                    key="edit undo",
                    on_click=_start,
                    args=(here, "Undoing the edit", partial(_take_back, here, report)),
                )
            st.button("Close", key="edit close", on_click=_close, args=(here,))


def _take_back(here: Page, report: edit.EditReport, _: Progress) -> edit.Undone:
    return edit.undo_edit(here.workspace, report, who=here.who)


def _show_undone(here: Page, undone: edit.Undone) -> None:
    with st.container(border=True):
        st.success(
            f"{quantity(undone.back, 'utterance is', 'utterances are')} as before the edit.",
            icon=":material/undo:",
        )
        for why, count in undone.left.items():
            st.caption(f"{count:,} left alone: {plain(why)}.")
        st.button("Close", key="edit close", on_click=_close, args=(here,))
