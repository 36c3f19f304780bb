"""Deleting on the pages: exemplars and modules, their trash, and deleting for good."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import streamlit as st

from radu_core.words import quantity
from radu_core.workflows.load import trash
from studio.frame import show
from studio.frame.markdown import plain
from studio.frame.page import Page, messages

__all__ = ["delete", "trashed_modules"]

_DONE = "deletion done"
_OFFERED = "trash offered"
_SHOWN = 200


def delete(here: Page) -> None:
    """Find exemplars and delete them; what lies in the trash; delete the module."""
    if not here.module:
        st.info("Nothing is loaded yet.")
        return
    for line in st.session_state.pop(_DONE, ()):
        st.success(plain(line))
    with messages():
        _exemplars(here)
    with messages():
        _trash(here)
    with messages():
        _module(here)


def _tell(*lines: str) -> None:
    st.session_state[_DONE] = lines
    st.rerun()


def _exemplars(here: Page) -> None:
    st.subheader("Exemplars", anchor=False)
    with st.container(horizontal=True):
        words = st.text_input(
            "Search", key="delete search", placeholder="text, function, value or id"
        )
        tag = st.text_input("Tag", key="delete tag", help="Finds all exemplars with this tag.")
    if not words.strip() and not tag.strip():
        st.caption("Search for exemplars, or name a tag, then choose those to delete.")
        return
    ids = trash.choose(here.workspace, here.module, tag=tag.strip(), search=words)
    if not ids:
        st.info("Nothing was found.")
        return
    items = trash.read(here.workspace, here.module, ids[:_SHOWN])
    rows = [
        {
            "id": i.id,
            "utterance": i.utterance,
            "function": i.label,
            "split": i.split,
            "tags": ", ".join(i.tags),
        }
        for i in items
    ]
    ids_chosen = _choose(rows, key="delete")
    if len(ids) > _SHOWN:
        st.caption(f"{_SHOWN} of {len(ids):,} are shown.")
    with st.container(horizontal=True):
        if st.button(
            f"Delete {len(ids_chosen):,} chosen", disabled=not ids_chosen, key="delete chosen"
        ):
            _delete(here, ids_chosen)
        if st.button(f"Delete all {len(ids):,} found", key="delete found"):
            _delete(here, ids)


def _choose(rows: list[dict[str, Any]], *, key: str) -> list[str]:
    """Show a table of exemplars, and return those that are chosen.

    In the table, or by their ids below it, since its boxes can't be reached with the keyboard.
    """
    ids = [str(row["id"]) for row in rows]
    texts = {str(row["id"]): str(row["utterance"]) for row in rows}
    ids_kept = [id_ for id_ in st.session_state.get(f"{key} ids", ()) if id_ in texts]
    st.session_state[f"{key} ids"] = ids_kept  # one that is gone can't be chosen
    st.dataframe(
        rows,
        hide_index=True,
        key=f"{key} rows",
        on_select=partial(_take_rows, ids, key),
        selection_mode="multi-row",
    )
    return st.multiselect(
        "Chosen",
        ids,
        key=f"{key} ids",
        format_func=lambda id_: f"{id_}: {texts[id_]}",
        placeholder="Choose here, or in the table",
    )


def _take_rows(ids: list[str], key: str) -> None:
    rows = st.session_state[f"{key} rows"].selection.rows
    st.session_state[f"{key} ids"] = [ids[n] for n in rows]


def _delete(here: Page, ids: list[str]) -> None:
    report = trash.delete(here.workspace, here.module, ids, who=here.who)
    _tell(f"{quantity(len(report.ids), 'exemplar')} moved to the trash below.")


def _trash(here: Page) -> None:
    contents = trash.list_trash(here.workspace, here.module, limit=_SHOWN)
    if not contents.total:
        return
    with st.expander(f"Trash ({contents.total:,})", expanded=True):
        rows = [
            {
                "id": t.exemplar.id,
                "utterance": t.exemplar.utterance,
                "when (UTC)": f"{t.at:%Y-%m-%d %H:%M}",
                "who": t.who,
                "why": t.note,
            }
            for t in contents.items
        ]
        ids_chosen = _choose(rows, key="trash")
        if contents.total > _SHOWN:
            st.caption(f"The newest {_SHOWN} are shown.")
        with st.container(horizontal=True):
            if st.button(
                f"Restore {len(ids_chosen):,} chosen",
                icon=":material/restore_from_trash:",
                disabled=not ids_chosen,
                key="restore exemplars",
            ):
                back = trash.restore(here.workspace, here.module, ids_chosen, who=here.who)
                _tell(f"{quantity(len(back), 'exemplar')} restored.")
            _for_good(here, ids_chosen, contents)


def _for_good(here: Page, ids_chosen: list[str], contents: trash.Trash) -> None:
    what = f"{len(ids_chosen):,} chosen" if ids_chosen else f"all {contents.total:,}"
    key = f"{_OFFERED} of {here.module}"
    ids_shown = st.session_state.get(
        key, contents.ids
    )  # what there was when the button was pressed
    st.session_state[key] = contents.ids
    with st.popover("Delete for good", icon=":material/delete_forever:"):
        st.markdown(
            f"Deletes exemplars in the trash ({what}) with history, opinions and judgements, and "
            "rewrites the database. The index and the cache of embeddings are built again. "
            "This can't be undone."
        )
        if st.button(f"Delete {what} for good", type="primary", key="erase exemplars"):
            erasure = trash.empty(
                here.workspace,
                here.module,
                ids_chosen or ids_shown,
                who=here.who,
                now=datetime.now(UTC),
            )
            _tell(*erasure.sentences)


def _module(here: Page) -> None:
    st.subheader("Module", anchor=False)
    st.caption(
        "Moves the whole module to the trash, with its exemplars, templates and settings. Its "
        "datasets and runs stay. Home shows the trash."
    )
    with st.form("delete module", border=False):
        typed_id = st.text_input("Type the module's id to confirm", placeholder=here.module)
        if st.form_submit_button("Delete the module", icon=":material/delete:"):
            if typed_id.strip() != here.module:
                st.error(plain(f"That isn't {here.module}. Nothing was deleted."))
                return
            trash.delete_module(here.workspace, here.module, who=here.who)
            st.session_state.pop("module", None)
            st.query_params.pop("module", None)
            _tell(f"{here.module} is in the trash. Restore it on the Home page.")


def trashed_modules(here: Page) -> None:
    """The modules in the trash, on Home: restore one, or delete it for good."""
    modules = trash.modules_in_trash(here.workspace)
    for line in st.session_state.pop(_DONE, ()):
        st.success(plain(line))
    if not modules:
        return
    with st.expander(f"Modules in the trash ({len(modules)})"), messages():
        rows = [
            {"module": name, "when (UTC)": f"{at:%Y-%m-%d %H:%M}", "who": who}
            for name, (at, who) in modules.items()
        ]
        show.rows(rows, name="trash.csv", key="trashed modules", label="modules")
        name = st.selectbox("Module in the trash", list(modules), key="trashed module")
        if st.button("Restore", icon=":material/restore_from_trash:", key="restore module"):
            trash.restore_module(here.workspace, name, who=here.who)
            _tell(f"{name} is restored.")
        with st.popover("Delete for good", icon=":material/delete_forever:"):
            st.markdown(f"Deletes {plain(name)} with all that is in it. This can't be undone.")
            typed_id = st.text_input("Type the module's id to confirm", key="erase typed")
            if st.button("Delete for good", type="primary", key="erase module"):
                if typed_id.strip() != name:
                    st.error(plain(f"That isn't {name}. Nothing was deleted."))
                    return
                erasure = trash.erase_module(
                    here.workspace, name, who=here.who, now=datetime.now(UTC)
                )
                _tell(*erasure.sentences)
