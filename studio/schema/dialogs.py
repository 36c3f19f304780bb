"""Dialogs of the Schema page: the effect of a change, before it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import streamlit as st

from radu_core.errors import ConflictError
from radu_core.schema import Schema
from radu_core.words import quantity
from radu_core.workflows.load.schema_cost import Broken, schema_cost, what_is_built
from radu_core.workflows.prompts import templates
from radu_core.workflows.schema.remove import FATES, Fate, fates, plan_remove, remove
from radu_core.workflows.schema.rename import RenamePlan, plan_rename, rename
from radu_core.workflows.schema.text import diff
from studio.frame import show
from studio.frame.markdown import plain
from studio.frame.page import messages
from studio.schema.state import Pending, Shown, close, finish, save, widget_key

__all__ = ["confirm_remove", "confirm_rename", "confirm_save", "effect", "show_diff"]


def effect(page: Shown, schema: Schema, *, key: str) -> None:
    """What saving a schema costs: what is gone, which exemplars become invalid, what was built."""
    here = page.here
    cost = schema_cost(here.workspace, schema)
    if cost:
        st.warning(
            f"{plain(cost)} The schema in use can be restored under “Versions”.",
            icon=":material/warning:",
        )
    elif cost.mended:
        st.info(f"{quantity(cost.mended, 'exemplar')} in conflict with the schema would fit it.")
    _exemplars(cost.broken, key=f"broken {key}", name=f"{here.module}-invalid.csv")
    what = str(what_is_built(here.workspace, here.module))
    if what:
        st.caption(plain(what))


def _exemplars(exemplars: Sequence[Broken], *, key: str, name: str) -> None:
    if exemplars:
        show.rows([asdict(b) for b in exemplars], name=name, key=key, label="exemplars")


def show_diff(before: Schema, after: Schema) -> None:
    """What is changed, line by line."""
    lines = diff(before, after)
    if lines:
        st.code("\n".join(lines[2:]), language="diff", height=min(360, 24 * len(lines) + 20))


def _buttons(
    label: str, pending: Pending, *, effect_text: str = "", disabled: bool = False
) -> bool:
    """Whether it was confirmed, as it was ``effect_text``; cancelling closes the dialog.

    What was looked at is part of the button's key: where it has changed since, the click is that
    of a button that is gone, and the new effect is shown instead.
    """
    key = f"{pending.number} {widget_key(effect_text)}"
    with st.container(horizontal=True):
        confirmed = st.button(label, type="primary", key=f"confirm {key}", disabled=disabled)
        if st.button("Cancel", key=f"cancel {pending.number}"):
            close()
            st.rerun()
    return confirmed


@st.dialog("Save this change?", width="large", on_dismiss=close)
def confirm_save(page: Shown, pending: Pending) -> None:
    """The effect of another schema, and its diff."""
    with messages():
        base, mine = pending.base, pending.mine
        assert base is not None
        assert mine is not None
        effect(page, mine, key=pending.number)
        show_diff(base, mine)
        if _buttons("Save", pending):
            save(page.here, pending, mine, base.hash)


@st.dialog("Rename", width="large", on_dismiss=close)
def confirm_rename(page: Shown, pending: Pending) -> None:
    """What follows a new name, then the renaming."""
    here, what = page.here, pending.target
    assert what is not None
    with messages():
        new = st.text_input(
            "New name",
            pending.new or what.name,
            key=f"new name {pending.number}",
            help="Press Enter to see the effect.",
        ).strip()
        texts = st.checkbox(
            "Rename it in texts, too",
            value=True,
            key=f"texts follow {pending.number}",
            disabled=what.recognizer,
            help="In prompt templates, guidelines and descriptions, where the name is unambiguous.",
        )
        if new == what.name:
            st.caption(plain(f"{what.kind} {what}: give it another name."))
            _buttons("Rename", pending, disabled=True)
            return
        plan = plan_rename(here.workspace, here.module, what, new, follow_texts=texts)
        _follows(plan)
        if _buttons(
            "Rename", pending, effect_text=f"{plan.expected} {plan}", disabled=bool(plan.conflicts)
        ):
            try:
                rename(
                    here.workspace,
                    here.module,
                    what,
                    new,
                    who=here.who,
                    follow_texts=texts,
                    expected=plan.expected,
                )
            except ConflictError as error:
                st.error(plain(error), icon=":material/error:")
                return
            followed = f"{quantity(len(plan.exemplars), 'exemplar')} followed."
            finish(here, f"Renamed {what.kind} {what} → {new}. {followed}")


def _follows(plan: RenamePlan) -> None:
    st.markdown(plain(plan))
    for why in plan.conflicts:
        st.error(plain(why), icon=":material/block:")
    if plan.parts:
        text = ", ".join(f"{part} {count:,}" for part, count in plan.parts.items())
        st.caption(plain(f"Exemplars by what follows in them: {text}."))
    for mention in plan.texts:
        names = (f"{mention.where}, now", f"{mention.where}, renamed")
        lines = templates.diff(mention.before, mention.after, names=names)
        st.code("\n".join(lines), language="diff", height=min(240, 24 * len(lines) + 20))
    for reason in plan.unchanged:
        st.warning(plain(f"Can't be renamed: {reason}"), icon=":material/warning:")
    st.caption(
        plain(
            f"{plan.built} Files imported before use the old name, so their rows would be "
            "rejected. Rename it back to undo this."
        )
    )


@st.dialog("Remove", width="large", on_dismiss=close)
def confirm_remove(page: Shown, pending: Pending) -> None:
    """Who names it and what becomes of them, then the removal."""
    here, what = page.here, pending.target
    assert what is not None
    with messages():
        fate: Fate = "keep"
        to = None
        options = fates(what)
        if len(options) > 1:
            fate = st.radio(
                "Its exemplars",
                options,
                format_func=FATES.__getitem__,
                key=f"fate {pending.number}",
            )
        if fate == "move":
            others = [f.name for f in page.base.functions if f.name != what.name]
            to = st.selectbox("To function", others, key=f"to {pending.number}")
        plan = plan_remove(here.workspace, here.module, what, fate=fate, to=to)
        st.warning(plain(f"Remove {what.kind} {what}. {plan}"), icon=":material/warning:")
        _exemplars(plan.exemplars, key=f"named {pending.number}", name=f"{here.module}-removed.csv")
        if plan.contexts:
            have = quantity(plan.contexts, "exemplar has", "exemplars have")
            st.caption(f"{have} it as context, which stays.")
        if plan.mentions:
            st.caption(plain(f"Still named in {', '.join(plan.mentions)}."))
        st.caption(plain(f"{plan.built} The schema in use can be restored under “Versions”."))
        if _buttons("Remove", pending, effect_text=f"{plan.expected} {fate} {to} {plan}"):
            try:
                remove(
                    here.workspace,
                    here.module,
                    what,
                    who=here.who,
                    fate=fate,
                    to=to,
                    expected=plan.expected,
                )
            except ConflictError as error:
                st.error(plain(error), icon=":material/error:")
                return
            exemplars_text = quantity(len(plan.exemplars), "exemplar")
            finish(here, f"Removed {what.kind} {what}. {exemplars_text} named it.")
