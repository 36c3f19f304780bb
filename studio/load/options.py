"""How a file is read: its encoding, its sheet, what its columns hold, and unlabelled rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from radu_core.errors import InputError
from radu_core.files import content_hash, readable
from radu_core.formats.traces import BELOW, UNLIKE
from radu_core.workflows.load import file_view
from studio.frame.markdown import plain
from studio.frame.page import Page

__all__ = ["choose_options"]

_NOT_READ = "(not imported)"


def choose_options(here: Page, path: Path, format: str) -> dict[str, Any]:
    """The options of an import, shown with what they lead to."""
    if format == "traces":
        return _of_traces(path)
    if format not in ("jsonl", "csv"):
        return {}
    options: dict[str, Any] = {}
    text = path.suffix.lower() != ".xlsx"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if text and (encoding := _encoding(path)):
            options["encoding"] = encoding
        if not text and (sheet := _sheet(here, path, format)):
            options["sheet"] = sheet
        unlabelled = st.selectbox(
            "Rows without a function",
            list(file_view.UNLABELLED),
            format_func=file_view.UNLABELLED.__getitem__,
            width=300,
            help="Unlabelled rows are not indexed or trained on until a person labels them. "
            "Values such as none or oos always mean out of scope.",
        )
    if unlabelled != "keep":
        options["unlabelled"] = unlabelled
    view = _view(here, path, format, options)
    if view.likely:
        st.warning(
            f"The file isn't UTF-8. It is likely {file_view.ENCODINGS[view.likely]}: choose it "
            "under Encoding."
        )
    if format == "csv":
        options["mapping"] = _mapping(here, view)
        _say_what_is_lost(view, options["mapping"], unlabelled)
    return options


def _of_traces(path: Path) -> dict[str, Any]:
    """What of a server's traces is worth a look."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        below = st.number_input(
            "Unsure below (%)",
            0.0,
            100.0,
            100 * BELOW,
            5.0,
            format="%g",
            width=180,
            help="Answers with less confidence than this are imported as unsure.",
        )
        unlike = st.number_input(
            "Unlike anything seen from (%)",
            0.0,
            100.0,
            100 * UNLIKE,
            1.0,
            format="%g",
            width=240,
            help="Answers that look less in scope than this share of the utterances in scope are "
            "imported, too.",
        )
        model = st.text_input(
            "Model",
            key=f"traces model {path}",
            placeholder="the only one",
            width=220,
            help="The name of this module's model, if the server had several.",
        )
    options_chosen: dict[str, Any] = {"below": below / 100, "unlike": unlike / 100}
    return options_chosen | ({"model": model.strip()} if model and model.strip() else {})


def _view(here: Page, path: Path, format: str, options: dict[str, Any]) -> file_view.FileView:
    """What is known of the file; not looked at again in every rerun."""
    with readable(path):
        stamp = path.stat().st_mtime_ns
    state = (str(path), stamp, here.module, here.workspace.schema(here.module).hash)
    return _view_file(here, path, format, options, state)


@st.cache_data(max_entries=20, show_spinner=False)
def _view_file(
    _here: Page, _path: Path, format: str, chosen: dict[str, Any], state: tuple[Any, ...]
) -> file_view.FileView:
    return file_view.view_file(_here.workspace, _here.module, _path, format=format, options=chosen)


def _encoding(path: Path) -> str | None:
    names = ["", *file_view.ENCODINGS]
    encoding_chosen = st.selectbox(
        "Encoding",
        names,
        format_func=lambda n: file_view.ENCODINGS[n] if n else "Automatic (UTF-8)",
        key=f"encoding {path}",
        width=260,
        help="Automatic: UTF-8, or what the byte order mark says.",
    )
    return str(encoding_chosen or "") or None


def _sheet(here: Page, path: Path, format: str) -> str | None:
    view = _view(here, path, format, {})
    if len(view.sheets) < 2:
        return None
    return st.selectbox("Sheet", view.sheets, key=f"sheet {path}", width=260)


def _mapping(here: Page, view: file_view.FileView) -> dict[str, str]:
    """Which column holds what, guessed and to be corrected.

    What was chosen for a column holds for its name, in the next file too; the table is another one
    for other columns, since Streamlit keeps what was edited by its position.
    """
    st.dataframe(pd.DataFrame(list(view.first), columns=list(view.columns)), hide_index=True)
    guessed = {column: field for field, column in (view.mapping or {}).items()}
    mapping_kept: dict[str, str] = st.session_state.setdefault(f"columns {here.module}", {})
    fields = file_view.fields(here.workspace, here.module)
    begins = f"{here.module} {content_hash([list(view.columns), fields])}"
    first: dict[str, list[str]] = st.session_state.setdefault("columns as shown", {})
    if begins not in first:  # an editor must begin with the same table in every rerun
        first[begins] = [
            mapping_kept[c]
            if mapping_kept.get(c) in (*fields, _NOT_READ)
            else guessed.get(c, _NOT_READ)
            for c in view.columns
        ]
    frame = pd.DataFrame({"column": list(view.columns), "holds": first[begins]})
    mapping_frame = st.data_editor(
        frame,
        hide_index=True,
        disabled=["column"],
        column_config={
            "holds": st.column_config.SelectboxColumn(
                "holds", options=[_NOT_READ, *fields], required=True
            )
        },
        key=f"mapping {begins}",
    )
    mapping = dict.fromkeys([*(view.mapping or {}), "function"], "")  # what isn't chosen isn't read
    for column, holds in zip(mapping_frame["column"], mapping_frame["holds"], strict=True):
        if guessed.get(column, _NOT_READ) != holds or column in mapping_kept:
            mapping_kept[column] = holds
        if holds == _NOT_READ:
            continue
        if mapping.get(holds):
            raise InputError(
                f"Two columns hold {holds}", value=column, remedy="Choose another field for one."
            )
        mapping[holds] = column
    return mapping


def _say_what_is_lost(view: file_view.FileView, mapping: dict[str, str], unlabelled: str) -> None:
    unread = [column for column in view.columns if column not in mapping.values()]
    if unread:
        st.caption(plain(f"Not read: {', '.join(unread)}."))
    if not mapping.get("function"):
        meaning = "unlabelled" if unlabelled == "keep" else "out of scope"
        st.warning(
            f"No column holds the function, so every row will be {meaning}. If one does, choose "
            "function beside its name."
        )
