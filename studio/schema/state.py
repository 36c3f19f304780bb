"""What the Schema page keeps in a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

import streamlit as st

from radu_core.errors import ConflictError
from radu_core.files import content_hash
from radu_core.schema import Schema
from radu_core.store import SchemaVersion
from radu_core.words import quantity
from radu_core.workflows.load.schema_cost import schema_cost
from radu_core.workflows.schema.module import SchemaView, save_schema
from radu_core.workflows.schema.rename import Target
from studio.frame.markdown import plain
from studio.frame.page import Page

__all__ = [
    "BASE",
    "LINK",
    "PENDING",
    "SAID",
    "TAB",
    "Pending",
    "Shown",
    "ask",
    "close",
    "conflict",
    "finish",
    "keep_base",
    "propose",
    "save",
    "saved_by",
    "start",
    "widget_key",
]

TAB = "schema tab"
BASE = "schema base"
PENDING = "schema pending"
SAID = "schema said"
LINK = "schema link"  # the function that the address named and that was opened


@dataclass(frozen=True)
class Shown:
    """The page as it is: ``base`` is the version that this browser tab works on."""

    here: Page
    base: Schema
    view: SchemaView


@dataclass(frozen=True)
class Pending:
    """What waits to be confirmed.

    ``mine`` is a schema to save, made from ``base``; ``target`` is what is renamed (to ``new``) or
    removed. ``number`` tells two of them apart: a button that was drawn for one never confirms
    another.
    """

    kind: Literal["save", "rename", "remove", "conflict"]
    number: str
    note: str = ""
    base: Schema | None = None
    mine: Schema | None = None
    target: Target | None = None
    new: str = ""


def widget_key(*parts: object) -> str:
    """A key for fields that show ``parts``: where these change, the fields begin again.

    Where another part of the page is saved, what was typed stays.
    """
    return content_hash([str(part) for part in parts])[:16]


def keep_base(here: Page, schema: Schema) -> None:
    """Make this version the one that is worked on."""
    st.session_state[BASE] = (here.module, schema)


def saved_by(version: SchemaVersion, here: Page) -> str:
    """Who saved a version: somebody else, or the same person in another tab."""
    if version.who == here.who:
        return f"You saved version {version.number} in another tab or browser"
    return f"{version.who} saved version {version.number}"


def finish(here: Page, message: str) -> None:
    """Something was saved: show the module as it is now, and say so."""
    keep_base(here, here.workspace.schema(here.module))
    st.session_state.pop(PENDING, None)
    st.session_state[SAID] = message
    st.toast(plain(message))
    st.rerun()


def ask(pending: Pending) -> None:
    """Let something be confirmed in a dialog; another one that waited is dropped."""
    st.session_state[PENDING] = pending
    st.rerun()


def close() -> None:
    """Drop what waits to be confirmed."""
    st.session_state.pop(PENDING, None)


def start(kind: Literal["rename", "remove"], target: Target, *, new: str = "") -> None:
    """Ask about a rename or a removal."""
    ask(Pending(kind, uuid4().hex, target=target, new=new))


def propose(page: Shown, mine: Schema, note: str, *, show: bool = False) -> None:
    """Save a changed schema at once where nothing is lost by it.

    Otherwise ask first, as well as where ``show`` wants its diff looked at.
    """
    if mine.model_dump_json() == page.base.model_dump_json():
        st.info("Nothing has changed.", icon=":material/info:")
        return
    here = page.here
    pending = Pending("save", uuid4().hex, note=note, base=page.base, mine=mine)
    if here.workspace.schema(here.module).hash != page.base.hash:
        conflict(pending)
    if show or schema_cost(here.workspace, mine):
        ask(pending)
    save(here, pending, mine, page.base.hash)


def conflict(pending: Pending) -> None:
    """Show both versions: another one has been saved meanwhile."""
    ask(Pending("conflict", uuid4().hex, pending.note, pending.base, pending.mine))


def save(here: Page, pending: Pending, schema: Schema, expected: str) -> None:
    """Save a schema over the version ``expected``; where there is a newer one, show both."""
    try:
        report = save_schema(
            here.workspace,
            here.module,
            schema,
            who=here.who,
            expected=expected,
            note=pending.note,
        )
    except ConflictError:
        conflict(pending)
        return
    text = f"{quantity(report.funnel.changed, 'utterance')} changed outcome."
    finish(here, f"Saved. {text}" if report.changed else "Nothing had changed.")
