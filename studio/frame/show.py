"""Renderings that several pages share. HTML is always made from escaped text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

import pandas as pd
import streamlit as st

from radu_core.exemplars import Span
from radu_core.files import content_hash
from radu_core.instructions import reword
from radu_core.words import quantity
from studio.frame.words import WORDS, on_page

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

__all__ = [
    "TABLE_STYLE",
    "Chosen",
    "as_json",
    "choose",
    "colour",
    "download",
    "highlight",
    "rows",
    "table",
    "table_html",
    "utterance",
    "with_percent",
]

# Translucent, so that one palette is readable on light and dark ground.
_COLOURS = ("#0b9e97", "#d08700", "#7c6cff", "#d14d72", "#3f8fd2", "#6d9b1f", "#b65fcf", "#c2562d")
_MOST, _TALLEST = 10, 400  # rows of a table that doesn't scroll; pixels of one that does
_BOUNDS = ("min_value", "max_value", "step")  # of a column of numbers
# How numbers are written in charts: Vega's own writing has no space before the sign.
_LOCALE = {
    "decimal": ".",
    "thousands": ",",
    "grouping": [3],
    "currency": ["$", ""],
    "percent": " %",
}

_SHORT = 24  # characters of a cell that is always shown whole
_CHARACTER, _PADDING = 7.4, 22  # pixels of a grid's text


def colour(name: str, among: Sequence[str]) -> str:
    """A colour for ``name``, the same wherever it stands ``among`` the same names."""
    position = among.index(name) if name in among else 0
    return _COLOURS[position % len(_COLOURS)]


def highlight(text: str, spans: Iterable[Span], slots: Sequence[str]) -> str:
    """The utterance as HTML with its spans marked and labelled."""
    pieces, position = [], 0
    for span in spans:
        shade = colour(span.slot, slots)
        pieces.append(escape(text[position : span.start]))
        pieces.append(
            f'<mark style="background:{shade}33;color:inherit;border-bottom:2px solid {shade};'
            f'border-radius:3px;padding:0 2px">{escape(text[span.start : span.end])}'
            '<small style="opacity:.75;margin-inline-start:4px">'  # at the word's end, either way
            f'<bdi dir="ltr">{escape(span.slot)}</bdi></small></mark>'
        )
        position = span.end
    pieces.append(escape(text[position:]))
    return "".join(pieces)


def utterance(text: str, spans: Iterable[Span] = (), slots: Sequence[str] = ()) -> None:
    """An utterance, large, in its own writing direction, with its spans marked."""
    body = highlight(text, spans, slots)
    st.html(
        '<div dir="auto" style="unicode-bidi:plaintext;font-size:1.3rem;line-height:1.7;'
        f'overflow-wrap:anywhere">{body}</div>'
    )


TABLE_STYLE = """
.radu-table { width: 100%; border-collapse: collapse; font-size: .9rem; }
.radu-table :is(th, td) {
  padding: 4px 10px 4px 0; vertical-align: top; text-align: start; overflow-wrap: break-word;
}
.radu-table tr { border-bottom: 1px solid #8884; }
@media (max-width: 640px) {
  .radu-table :is(tr, td) { display: block; overflow-wrap: anywhere; }
  .radu-table thead { display: none; }
  .radu-table tr { padding: 6px 0; }
  .radu-table td { padding: 1px 0; }
  .radu-table td::before { content: attr(data-column) ": "; opacity: .75; }
  .radu-table td:first-child { font-weight: 600; }
  .radu-table td:first-child::before { content: none; }
}
"""


def table_html(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A small table as HTML: text wraps, and a screen reader reads it cell by cell.

    On a phone each row is a paragraph, with the columns' names before its cells.
    """
    head = "".join(f'<th scope="col" role="columnheader">{escape(c)}</th>' for c in columns)
    body = "".join(
        '<tr role="row">'
        + "".join(
            f'<td role="cell" dir="auto" data-column="{escape(column)}">'
            f"{_breakable(on_page(cell))}</td>"
            for column, cell in zip(columns, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<table class="radu-table" role="table"><thead><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table>'
    )


def _breakable(text: object) -> str:
    """Escaped, with places where a long word may be broken: a name has up to 100 characters."""
    words = re.split(r"([!-~]{25,})", str(text))  # other scripts break by themselves
    for n in range(1, len(words), 2):
        words[n] = "\0".join(re.findall(r".{1,19}[_./-]|.{1,20}", words[n]))
    return escape("".join(words)).replace("\0", "<wbr>")


def _widths(frame: pd.DataFrame, columns: Mapping[str, Any] | None) -> dict[str, ColumnConfig]:
    """The configuration of the columns, with a width for those whose texts are all short.

    The grid measures the first rows alone, and would cut longer ones below by a letter or two.
    """
    widths: dict[str, ColumnConfig] = {}
    for name in frame.columns:
        cells = [name, *frame[name]]
        if all(isinstance(cell, str) for cell in cells):
            longest = max(_width(cell) for cell in cells)
            if longest <= _SHORT:
                widths[str(name)] = {"width": _PADDING + round(_CHARACTER * longest)}
    if len(widths) == len(frame.columns):  # nothing else would take up the rest of the line
        widths = {}
    return {**widths, **(columns or {})}


def _width(text: str) -> int:
    """In characters, of which those of East Asia take two."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def rows(
    data: Sequence[Mapping[str, Any]] | pd.DataFrame,
    *,
    name: str,
    key: str,
    label: str = "rows",
    columns: Mapping[str, Any] | None = None,
) -> None:
    """A table with a download of all of it as CSV; ``columns`` configures what isn't plain."""
    frame = data if isinstance(data, pd.DataFrame) else pd.DataFrame(_flat(data))
    table(frame, columns=columns, key=f"{key} table")
    download(frame, name=name, key=key, label=quantity(len(frame), label.removesuffix("s"), label))


def table(frame: pd.DataFrame, *, columns: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """``st.dataframe`` where a column with the format "percent" reads "98.4 %", as in sentences.

    ``options`` go to it as they are; what it returns is returned.
    """
    columns_shown = frame.copy(deep=False)
    configured: dict[str, Any] = {**_widths(frame, columns)}
    for name, column in configured.items():
        kind = (column.get("type_config") or {}) if isinstance(column, dict) else {}
        if name in columns_shown and kind.get("format") == "percent":
            bounds = {k: 100 * kind[k] for k in _BOUNDS if kind.get(k) is not None}
            configured[name] = {**column, "type_config": {**kind, **bounds, "format": "%.1f %%"}}
            columns_shown[name] = 100 * columns_shown[name].astype(float)
    options = {"placeholder": "–", **options}
    return st.dataframe(columns_shown, hide_index=True, column_config=configured, **options)


@dataclass(frozen=True)
class Chosen:
    """What is chosen in a table, as places of rows: the one ``opened``, and the ``ticked``."""

    opened: int | None
    ticked: tuple[int, ...] = ()


def choose(
    data: Sequence[Mapping[str, Any]],
    *,
    key: str,
    alt: str,
    columns: Mapping[str, Any] | None = None,
    first: int | None = None,
    with_ticks: bool = False,
) -> Chosen:
    """A table where one row can be opened, by any of its cells; ``first`` is open at the start.

    ``with_ticks``, rows can be ticked besides. A long one scrolls, so that what is opened is seen.
    What was chosen is forgotten once the table holds other rows.
    """
    frame = pd.DataFrame(_flat(data))
    begins: dict[str, Any] = {"rows": [first]}
    if with_ticks and first is not None:
        begins = {"cells": [(first, frame.columns[0])]}
    selection = table(
        frame,
        columns=columns,
        key=f"{key} table {content_hash(frame.to_csv())[:12]}",
        on_select="rerun",
        selection_mode=["multi-row" if with_ticks else "single-row", "single-cell"],
        selection_default=None if first is None else {"selection": begins},
        height=_TALLEST if len(frame) > _MOST else "auto",
        alt=alt,
    ).selection
    ticked_places = tuple(row for row in selection["rows"] if row < len(frame))
    cells = [row for row, _ in selection["cells"] if row < len(frame)]
    opened_places = cells if with_ticks else [*ticked_places, *cells]
    return Chosen(opened_places[0] if opened_places else None, ticked_places)


def with_percent(chart: Any) -> Any:
    """An Altair chart whose shares read "98.4 %", as in sentences."""
    return chart.configure(locale={"number": _LOCALE})


def download(
    data: Sequence[Mapping[str, Any]] | pd.DataFrame, *, name: str, key: str, label: str
) -> None:
    """A download of all of the data as CSV."""
    frame = data if isinstance(data, pd.DataFrame) else pd.DataFrame(_flat(data))
    st.download_button(
        f"Download {label} as CSV",
        frame.to_csv(index=False).encode("utf-8-sig"),
        file_name=name,
        mime="text/csv",
        icon=":material/download:",
        key=f"{key} download",
        on_click="ignore",
    )


def _flat(data: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {k: as_json(v) if isinstance(v, dict | list | tuple) else _cell(v) for k, v in row.items()}
        for row in data
    ]


def _cell(value: Any) -> Any:
    return on_page(value) if isinstance(value, str) else value


def as_json(value: Any) -> str:
    """A value as compact JSON that keeps its letters, its messages in the words of the pages."""
    return json.dumps(reword(value, WORDS), ensure_ascii=False)
