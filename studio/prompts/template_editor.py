"""Editing a template: the source, what it changes on pinned examples, its versions."""

from __future__ import annotations

from typing import Any

import streamlit as st

from radu_core.errors import RaduError, TemplateError
from radu_core.files import content_hash
from radu_core.terms import label
from radu_core.workflows.prompts import templates
from radu_core.workflows.prompts.preview import PreviewRow
from radu_core.workflows.prompts.templates import Compared, TemplateView, Verdict
from studio.frame.markdown import plain
from studio.frame.page import Page, messages
from studio.prompts import html, template_pins
from studio.prompts.preview import retrieving, tell

__all__ = ["editor"]

_SIDES, _DIFF, _SHIPPED, _VERSIONS = "Side by side", "Difference", "Against shipped", "Versions"


@st.fragment
def editor(here: Page, settings: dict[str, Any]) -> None:
    """The editor of the module's templates. ``settings``: retrieval, base model and limit."""
    with messages():
        st.html(html.STYLE)
        names = templates.template_sources(here.workspace, here.module)
        left, right = st.columns([1, 1], vertical_alignment="bottom")
        name = left.selectbox(
            "Template", sorted(names, key=_order), key="template name", format_func=label
        )
        name = name or "rag"
        view = templates.template(here.workspace, here.module, name)
        with right:
            _state(here, view)
        text, wrong = _source(here, view)
        comparisons = _compare(here, view, view.text if wrong else text, settings, wrong)
        verdict = templates.verdict(comparisons or ())
        is_agreed = _verdict(here, view, text, verdict, len(comparisons or ()))
        _buttons(
            here, view, text, barred=wrong is not None or bool(verdict.failed) or not is_agreed
        )
        view_name = st.segmented_control(
            "Show",
            [_SIDES, _DIFF, _SHIPPED, _VERSIONS],
            default=_SIDES,
            required=True,
            key="template shown",
            label_visibility="collapsed",
        )
        if view_name == _SHIPPED:
            _against_shipped(view, text)
        elif view_name == _VERSIONS:
            _versions(here, view)
        else:
            _examples(comparisons, wrong, sides=view_name == _SIDES)


def _order(name: str) -> tuple[bool, str]:
    return name != "rag", name


def _state(here: Page, view: TemplateView) -> None:
    now = view.versions[0]
    if now.at is None:
        st.caption("In use: the shipped version.")
    else:
        same = "" if view.is_changed else ", same as shipped"
        by = f"by {now.who}, {now.at:%Y-%m-%d %H:%M}"
        st.caption(plain(f"In use: version {now.number}{same}, {by}."))
    notice = st.session_state.pop(_notice_key(here), None)
    if notice:
        st.success(plain(notice), icon=":material/check:")
    old = templates.old_datasets(here.workspace, here.module)
    if old:
        st.warning(
            plain(f"Build again, because templates changed: {', '.join(old)}."),
            icon=":material/warning:",
        )


def _notice_key(here: Page) -> str:
    return f"template told {here.module}"


def _draft(here: Page, view: TemplateView) -> str:
    """The key of the text being edited: one per module and template, kept over saves."""
    return f"template source {here.module} {view.name}"


def _load(here: Page, view: TemplateView) -> str:
    """Put the text being edited into the field of the key that is returned.

    It is the edit that was begun, or the version in use, also where somebody has saved another one
    meanwhile.
    """
    state, key = st.session_state, _draft(here, view)
    base = f"{key} base"
    text = state.get(key, state.get(f"{key} kept"))  # a field's own state goes while it's not shown
    if text is None or text == state.get(f"{base} text"):
        state[key], state[base], state[f"{base} text"] = view.text, view.number, view.text
    elif key not in state:
        state[key] = text
    return key


def _source(here: Page, view: TemplateView) -> tuple[str, TemplateError | None]:
    key = _load(here, view)
    text = (
        st.text_area(
            "Template source (jinja)",
            help="Press Ctrl+Enter to apply it to the examples below.",
            key=key,
            height=260,
        )
        or ""
    )
    st.session_state[f"{key} kept"] = text
    can, must = ", ".join(view.variables), ", ".join(view.required)
    st.caption(plain(f"Variables: {can}, part(…). Required: {must}."))
    try:
        templates.try_template(here.workspace, here.module, view.name, text)
    except TemplateError as error:
        _wrong(error, text)
        return text, error
    return text, None


def _wrong(error: TemplateError, text: str) -> None:
    """What is wrong, and the line itself."""
    st.error(plain(error), icon=":material/error:")
    lines = text.splitlines()
    if error.line and error.line <= len(lines):
        st.code(f"{error.line}: {lines[error.line - 1]}", language=None)


def _compare(
    here: Page,
    view: TemplateView,
    text: str,
    settings: dict[str, Any],
    wrong: TemplateError | None,
) -> list[Compared] | None:
    """Compare the pinned examples with this text.

    None where nothing can be retrieved, or where the version in use is as wrong as the edit. Told,
    unless ``wrong`` has told it.
    """
    try:
        with retrieving(here) as progress:
            return templates.compare(
                here.workspace, here.module, view.name, text, progress=progress, **settings
            )
    except RaduError as error:
        if wrong and isinstance(error, TemplateError):
            return None
        st.error(plain(f"Not tried on the pinned examples: {error}"), icon=":material/error:")
        return None


def _verdict(here: Page, view: TemplateView, text: str, verdict: Verdict, pin_count: int) -> bool:
    """Say once what the pinned examples say of the edit, and return whether it may be saved.

    One that makes something wrong is saved only when a person agrees to just that.
    """
    for reason, ids in verdict.failed:
        sentence = (
            f"Can't be rendered on {len(ids)} of {pin_count} pinned examples, so it can't be saved."
        )
        st.error(plain(f"{sentence} {reason}"), icon=":material/error:")
    if verdict.failed or not verdict.errors:
        return not verdict.failed
    wrong = sorted({id for _, ids in verdict.errors for id in ids})
    kinds = dict.fromkeys(reason.split(".")[0] for reason, _ in verdict.errors)
    sentence = (
        f"The edit makes {len(wrong)} of {pin_count} pinned examples wrong: {', '.join(kinds)}. "
    )
    st.error(plain(sentence + f"{_SIDES} says it at each."), icon=":material/error:")
    verdict_key = content_hash([here.module, view.name, text, verdict.errors])[:16]
    return st.checkbox("Save it all the same", key=f"template agreed {verdict_key}")


def _buttons(here: Page, view: TemplateView, text: str, *, barred: bool) -> None:
    same = text == view.text
    with st.container(horizontal=True):
        st.button(
            "Save as a new version",
            type="primary",
            icon=":material/save:",
            disabled=same or barred,
            on_click=_save,
            args=(here, view, text),
            help="Becomes the version in use. Old versions are kept.",
        )
        st.button(
            "Discard the edit",
            icon=":material/undo:",
            disabled=same,
            on_click=_reset,
            args=(here, view),
        )
        st.button(
            "Back to the shipped version",
            icon=":material/restart_alt:",
            disabled=not view.is_changed,
            on_click=_restore,
            args=(here, view, 0),
            help="Saves it as a new version. Old versions are kept.",
        )
        template_pins.manage(here)
    failed = st.session_state.pop("template failed", None)
    if failed:
        st.error(plain(failed), icon=":material/error:")


def _save(here: Page, view: TemplateView, text: str) -> None:
    base = st.session_state.get(f"{_draft(here, view)} base")
    try:
        number = templates.save_template(
            here.workspace, here.module, view.name, text, who=here.who, based_on=base
        )
    except RaduError as error:
        st.session_state["template failed"] = str(error)  # the edit stays in the field
        return
    _finish_save(here, view, number)


def _restore(here: Page, view: TemplateView, number: int) -> None:
    try:
        template = templates.restore_template(
            here.workspace, here.module, view.name, number, who=here.who
        )
    except RaduError as error:
        st.session_state["template failed"] = str(error)
        return
    _finish_save(here, view, template)


def _finish_save(here: Page, view: TemplateView, number: int) -> None:
    _reset(here, view)
    st.session_state[_notice_key(here)] = (
        f"Version {number} of {view.name} is saved for the module."
    )


def _reset(here: Page, view: TemplateView) -> None:
    """Forget the edit: the version in use is loaded at the next run."""
    for key in (_draft(here, view), f"{_draft(here, view)} kept"):
        st.session_state.pop(key, None)


def _against_shipped(view: TemplateView, text: str) -> None:
    lines = templates.diff(view.shipped, text, names=("shipped", "this text"))
    if lines:
        st.code("\n".join(lines), language="diff")
    else:
        st.info("This text is the shipped one.")


def _versions(here: Page, view: TemplateView) -> None:
    for position, old in enumerate(view.versions):
        by = f"{old.at:%Y-%m-%d %H:%M}, by {old.who}" if old.at else "shipped"
        text = " · in use" if position == 0 else ""
        with st.expander(plain(f"Version {old.number} · {by}{text}"), expanded=position == 0):
            lines = templates.diff(old.text, view.text, names=(f"version {old.number}", "in use"))
            st.code(old.text, language="jinja2")
            if position and lines:
                st.caption("Changes from this version to the one in use:")
                st.code("\n".join(lines), language="diff")
            if position:
                st.button(
                    f"Use version {old.number} again",
                    key=f"restore {view.name} {old.number}",
                    icon=":material/history:",
                    disabled=not lines,
                    on_click=_restore,
                    args=(here, view, old.number),
                    help="Saves it as a new version.",
                )


def _examples(
    comparisons: list[Compared] | None, wrong: TemplateError | None, *, sides: bool
) -> None:
    """The pinned examples with this text; with the version in use while it has an error."""
    if wrong and comparisons:
        st.caption("The edit has an error, so these show the version in use:")
    if comparisons == []:
        st.info("There is no resolved exemplar to show.")
    for one in comparisons or ():
        _show_comparison(one, sides=sides)


def _show_comparison(comparison: Compared, *, sides: bool) -> None:
    one = comparison.exemplar
    with st.container(border=True):
        st.markdown(f"**{plain(one.utterance[:200])}** · {plain(one.id)}{_sizes(comparison)}")
        if comparison.failed:
            st.caption("The edit fails on it; the reason is above.")
        elif comparison.after is None or comparison.before is None:
            st.info(plain(comparison.reason or "It gives no prompt of this kind."))
        for warning in comparison.warnings:
            tell(warning)
        if comparison.after is not None:
            _prompts(comparison.before, comparison.after, sides=sides)


def _prompts(before: PreviewRow | None, after: PreviewRow, *, sides: bool) -> None:
    """A prompt as it is and as it would be: one view where nothing changes."""
    if before is None or before.row.prompt == after.row.prompt:
        st.html(html.text_view(after.row, after.tokens))
    elif sides:
        left, right = st.columns(2)
        left.caption("Version in use")
        left.html(html.text_view(before.row, before.tokens))
        right.caption("With your edit")
        right.html(html.text_view(after.row, after.tokens))
    else:
        names = ("version in use", "with your edit")
        lines = templates.diff(before.row.prompt, after.row.prompt, names=names)
        st.code("\n".join(lines), language="diff", wrap_lines=True)


def _sizes(comparison: Compared) -> str:
    before, after = _tokens(comparison.before), _tokens(comparison.after)
    if before is None or after is None:
        return ""
    unit = "tokens" if comparison.after and comparison.after.tokens else "words"
    if before == after:
        return f" · {after} {unit}" + ("" if _is_changed(comparison) else ", no change")
    return f" · {before} → {after} {unit} ({after - before:+d})"


def _tokens(row: PreviewRow | None) -> int | None:
    return None if row is None else row.prompt_tokens + row.completion_tokens


def _is_changed(comparison: Compared) -> bool:
    return (comparison.before and comparison.before.row.prompt) != (
        comparison.after and comparison.after.row.prompt
    )
