"""What if: another description, exemplars more; the answer at once, nothing stored by asking."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pandas as pd
import streamlit as st

from radu_core.errors import RaduError
from radu_core.files import content_hash
from radu_core.words import percent, percent_range, quantity
from radu_core.workflows.coverage.report import CoverageReport
from radu_core.workflows.coverage.what_if import (
    Difference,
    WhatIf,
    keep_description,
    keep_exemplar,
    keep_exemplars,
    query_texts,
    slots_to_fill,
    what_if,
)
from radu_core.workflows.train.dataset import depending_datasets
from studio.frame.layout import side_by_side
from studio.frame.markdown import plain
from studio.frame.page import Page, messages

__all__ = ["ask_about", "moved_figures", "moved_table", "show_what_if"]

_FUNCTION = "coverage what function"
_EXEMPLARS = "coverage what exemplars"
_LEFT = "coverage do left"
_LONG = 160  # characters of an exemplar that are repeated below the field
_MOST = 20  # exemplars asked about at a time
_STORED = "coverage stored"


def ask_about(function: str, template: str | None = None) -> None:
    """Open this tab for a function, with an exemplar to add; in a callback."""
    st.session_state["coverage tab"] = "What if"
    st.session_state["coverage do go"] = True
    st.session_state[_FUNCTION] = function
    if template is not None:
        key = f"{_EXEMPLARS} {function}"
        before = str(st.session_state.get(key, "")).strip()
        text = " ".join(template.split())
        st.session_state[key] = f"{before}\n{text}".strip() if text not in before else before


@st.fragment
def show_what_if(here: Page, report: CoverageReport, point: tuple[int, int]) -> None:
    """A function's description and more exemplars of it, and what they would change."""
    names = [f.name for f in report.grid.index.schema.functions]
    if st.session_state.get(_FUNCTION) not in names:
        st.session_state[_FUNCTION] = _worst(report, point) or names[0]
    left, right = side_by_side([2, 3], key="coverage-what-if")
    with left:
        function = str(st.selectbox("Function", names, key=_FUNCTION))
        schema = here.workspace.schema(here.module)
        function_known = schema.function(function)
        description = function_known.description if function_known else ""
        new_description = _description(function, description)
        lines = _lines(function)
    answer = None
    with right, messages():
        _show_stored(here)
        descriptions = {function: new_description} if new_description != description else {}
        if not descriptions and not lines:
            st.info(
                f"Change the description or write an exemplar: the effect at ({point[0]}, "
                f"{point[1]}) is shown here. Nothing is saved until you keep it.",
                icon=":material/science:",
            )
            return
        answer, seconds = _answer(report, point, function, descriptions, lines)
        _show(answer, seconds)
    with left:
        if descriptions:
            with messages():
                alone = answer if not lines else _alone(report, point, descriptions)
                if alone is not None:  # otherwise the right side says what is wrong
                    _keep_description(here, function, new_description, alone.difference)
        fields = _slots_of(lines)
        if len(fields) > 1:
            _keep_exemplars(here, function, fields)
        else:
            for text, slots in fields.items():
                _keep_exemplar(here, function, text, slots)


def _worst(report: CoverageReport, point: tuple[int, int]) -> str | None:
    rows = report.grid.per_function(*point)
    return min(rows, key=lambda f: (rows[f][0] / rows[f][1], f), default=None)


def _description(function: str, stored_text: str) -> str:
    key = f"coverage what description {function} {stored_text}"  # a stored one is the new beginning
    st.session_state.setdefault(key, stored_text)
    text = st.text_area(
        "Description", key=key, height=110, help="Press Ctrl+Enter to see the effect."
    )
    return (text or "").strip()


def _lines(function: str) -> list[str]:
    key = f"{_EXEMPLARS} {function}"
    st.session_state.setdefault(key, "")
    if st.session_state.get(_LEFT, ("",))[0] == function:  # added from here: no longer asked about
        st.session_state[key] = st.session_state.pop(_LEFT)[1]
    text = st.text_area(
        "Exemplars to add, one per line",
        key=key,
        height=110,
        placeholder="book me a room in <city>",
        help="Write a slot as <name> and a literal < as \\<. Press Ctrl+Enter to see the effect.",
    )
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    if len(lines) > _MOST:
        st.caption(f"The first {_MOST} of {len(lines)} are measured.")
    return list(dict.fromkeys(lines))[:_MOST]


def _answer(
    report: CoverageReport,
    point: tuple[int, int],
    function: str,
    descriptions: dict[str, str],
    lines: list[str],
) -> tuple[WhatIf, float]:
    """The answer, and the seconds it took; the last one is kept while the question is the same."""
    question = (point, function, descriptions, lines)
    answer_kept = st.session_state.get("coverage do answer")
    if answer_kept is None or answer_kept[0] is not report or answer_kept[1] != question:
        start = time.perf_counter()
        answer = what_if(
            report, point, descriptions=descriptions, added=[(function, text) for text in lines]
        )
        answer_kept = (report, question, answer, time.perf_counter() - start)
        st.session_state["coverage do answer"] = answer_kept
    return answer_kept[2], answer_kept[3]


def _alone(report: CoverageReport, point: tuple[int, int], descriptions: dict[str, str]) -> WhatIf:
    """The description without the exemplars, which aren't kept with it."""
    question = (point, descriptions)
    answer_kept = st.session_state.get("coverage do alone")
    if answer_kept is None or answer_kept[0] is not report or answer_kept[1] != question:
        answer_kept = (report, question, what_if(report, point, descriptions=descriptions))
        st.session_state["coverage do alone"] = answer_kept
    answer_alone: WhatIf = answer_kept[2]
    return answer_alone


def _show(answer: WhatIf, seconds: float) -> None:
    moved_figures(answer.difference, ("now", "then"))
    some = (
        f"{answer.measured:,} evenly spaced utterances of {answer.asked:,}"
        if answer.measured < answer.asked
        else quantity(answer.measured, "utterance")
    )
    st.caption(f"On {some}, in {seconds:.2f} s.")
    for text in answer.own:
        st.info(
            f"{plain(text)} is one of the utterances measured here. It doesn't find itself: the "
            "gain is in others. Write a similar exemplar instead, because in train it could no "
            "longer be measured.",
            icon=":material/info:",
        )
    for text in answer.repeated:
        st.warning(f"Already there, so nothing changes: {plain(text)}")
    moved_table(answer.before.queries, answer.difference, "what if")


def moved_figures(difference: Difference, names: tuple[str, str]) -> None:
    """Coverage of both with intervals, what is gained and lost, and McNemar's p."""
    counts = (difference.before, difference.after)
    change = (difference.after - difference.before) / max(1, difference.total)
    with st.container(horizontal=True, gap="small"):
        for place, (name, count, (low, high)) in enumerate(
            zip(names, counts, difference.intervals, strict=True)
        ):
            st.metric(
                name,
                percent(count / max(1, difference.total)),
                width=125,
                delta=f"{100 * change:+.1f} points" if place and change else None,
                help=f"{count:,} of {difference.total:,}; 95 %: {percent_range(low, high)} "
                "(Wilson)",
            )
        st.metric("gained", len(difference.gained), width=70)
        st.metric("lost", len(difference.lost), width=60)
        st.metric(
            "p",
            f"{difference.p:.3g}",
            width=100,
            help="How often chance alone would give a difference this large (McNemar's exact "
            "test). Below 0.05 is clear.",
        )
    st.caption(
        "95 % intervals: "
        + ", ".join(
            f"{name} {percent_range(*interval)}"
            for name, interval in zip(names, difference.intervals, strict=True)
        )
        + "."
    )


def moved_table(queries: Any, difference: Difference, key: str) -> None:
    """The utterances that are gained or lost."""
    rows = [
        {"": word, "utterance": text, "function": queries[n].function or "", "id": id_}
        for word, places in (("gained", difference.gained), ("lost", difference.lost))
        for n, (id_, text) in zip(places, query_texts(queries, places), strict=True)
    ]
    if not rows:
        st.caption("No utterance is gained or lost.")
        return
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key=f"coverage do moved {key}",
        column_config={
            "utterance": st.column_config.TextColumn(width="large"),
            "": st.column_config.TextColumn(width="small"),
        },
    )


def _keep_description(here: Page, function: str, text: str, alone: Difference) -> None:
    """Keep the description; an empty one is refused, one that covers less alone needs a tick."""
    if not text:
        st.caption("The description is empty. Say in one sentence what the user wants.")
        return
    index = depending_datasets(here.workspace, here.module)
    st.caption(
        "Keeping it saves a new version of the schema and updates the index. "
        + (f"Datasets to build again: {plain(', '.join(index))}." if index else "")
    )
    fewer = alone.before - alone.after
    is_agreed = fewer <= 0 or st.checkbox(
        f"Keep it although it covers {fewer:,} fewer on its own", key=f"coverage do agree {text}"
    )
    if st.button(
        "Keep this description",
        icon=":material/save:",
        key="coverage do keep",
        disabled=not is_agreed,
    ):
        with messages():
            has_changed = keep_description(
                here.workspace, here.module, function, text, who=here.who
            )
            _tell(
                here,
                f"The description of {plain(function)} is "
                + ("stored. Measure again to see it everywhere." if has_changed else "as it was."),
            )


def _slots_of(lines: Sequence[str]) -> dict[str, list[str]]:
    """Each exemplar's slots; the answer's side says what is wrong with one that isn't here."""
    slots = {}
    for text in lines:
        with suppress(RaduError):
            slots[text] = slots_to_fill(text)
    return slots


def _keep_exemplar(here: Page, function: str, text: str, slots: Sequence[str]) -> None:
    """A form with a field for each slot: an utterance has words there."""
    with st.form(f"coverage do form {function} {content_hash([text])}", border=True):
        st.markdown(plain(_short(text)))
        values = {
            slot: st.text_input(plain(slot), placeholder="words that a user would say")
            for slot in slots
        }
        is_pressed = st.form_submit_button("Add this exemplar", icon=":material/add:")
    if is_pressed:
        with messages():
            item = keep_exemplar(
                here.workspace, here.module, function, text, values, who=here.who
            ).exemplar
            state = (
                "resolved"
                if item.outcome == "resolved"
                else (f"{item.outcome}, so it isn't retrieved yet: {plain(item.reason)}")
            )
            _tell(here, f"Added as {plain(item.id)}: {state}.")


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG].rstrip()} … ({len(text):,} characters)"


def _keep_exemplars(here: Page, function: str, fields: Mapping[str, Sequence[str]]) -> None:
    """Several in one table, with a column for each slot; those that are ticked are added."""
    slots = list(dict.fromkeys(s for some in fields.values() for s in some))
    frame = pd.DataFrame(
        [
            {"add": True, "exemplar": text, **{f"slot {s}": "" if s in own else "–" for s in slots}}
            for text, own in fields.items()
        ]
    )
    configured = {f"slot {s}": st.column_config.TextColumn(s, width=110) for s in slots}
    with st.form(f"coverage do forms {function} {content_hash(list(fields))}", border=True):
        if slots:
            st.caption("For each slot, write the words that a user would say.")
        edited_table = st.data_editor(
            frame,
            hide_index=True,
            disabled=["exemplar"],
            height=min(318, 38 + 35 * len(frame)),
            key=f"coverage do table {function} {content_hash(list(fields))}",
            column_config={
                "add": st.column_config.CheckboxColumn(width=75),
                "exemplar": st.column_config.TextColumn(width=210),
                **configured,
            },
        )
        is_pressed = st.form_submit_button("Add the ticked ones", icon=":material/add:")
    if is_pressed:
        with messages():
            values_chosen = {
                str(row["exemplar"]): {s: str(row[f"slot {s}"] or "") for s in fields[text]}
                for (_, row), text in zip(edited_table.iterrows(), fields, strict=True)
                if row["add"]
            }
            _add_all(here, function, values_chosen)


def _add_all(
    here: Page, function: str, values_by_template: Mapping[str, Mapping[str, str]]
) -> None:
    """Add them and keep in the field those that weren't, with the reasons."""
    exemplars = keep_exemplars(
        here.workspace, here.module, function, values_by_template, who=here.who
    )
    added_lines = set(values_by_template) - set(exemplars.refused)
    field = str(st.session_state.get(f"{_EXEMPLARS} {function}", ""))
    lines_left = [line for line in field.splitlines() if line.strip() not in added_lines]
    st.session_state[_LEFT] = (function, "\n".join(lines_left))
    counts = ", ".join(f"{n:,} {outcome}" for outcome, n in exemplars.outcomes.items()) or "none"
    refusals = [f"- {plain(_short(text))}: {plain(why)}" for text, why in exemplars.refused.items()]
    _tell(here, "\n".join([f"Added: {counts}. Not added: {len(refusals):,}.", *refusals]))


def _tell(here: Page, text: str) -> None:
    st.session_state[_STORED] = (here.module, text)
    st.rerun()


def _show_stored(here: Page) -> None:
    module, text = st.session_state.pop(_STORED, ("", ""))
    if module == here.module and text:
        st.success(text, icon=":material/check_circle:")
