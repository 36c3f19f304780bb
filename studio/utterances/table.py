"""The table of all utterances: filters above it, a page of rows, and the one that is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import streamlit as st

from radu_core.schema import OUT_OF_SCOPE
from radu_core.store import StoredExemplar
from radu_core.words import quantity
from radu_core.workflows.utterances import table
from studio.frame import show
from studio.frame.address import read_address, tell_unknown
from studio.frame.layout import expander, side_by_side
from studio.frame.markdown import plain
from studio.frame.navigation import link
from studio.frame.page import Page

if TYPE_CHECKING:
    from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

__all__ = ["choose_filter", "export", "find_choices", "one", "page_of_rows"]

_SIZE = 100  # rows of a page
_LONGEST = 200  # characters of a search
_DIGITS = 9  # of a page's number: Python refuses to read thousands
_FIXED = ("source", "state", "sort")  # choices that have no others than those listed
_LISTED = "utterances listed"  # in the session: the list whose page the address has
_LINKED = "utterances linked"  # in the session: the row that the address names
_NAMES = {
    OUT_OF_SCOPE: "out of scope",
    table.UNALIGNED: "not aligned yet",
}
_STATES = {
    "waiting": "Waiting for a person",
    "decided": "Decided by a person",
    "untouched": "As imported",
    "flagged": "Flagged",
    "discarded": "Discarded",
}
_SORTS = {
    "id": "Id",
    "utterance": "Utterance",
    "function": "Function",
    "split": "Split",
    "outcome": "Outcome",
    "updated": "Last change",
}


def find_choices(here: Page) -> table.Choices:
    """What the module can be filtered by."""
    return table.find_choices(here.workspace, here.module)


def choose_filter(here: Page, counts: table.Choices) -> table.Listing:
    """What to list, from the address or the widgets; each is part of the address."""
    left, right = side_by_side([3, 6], key="utterances-filters", gap="small")
    search = left.text_input(
        "Search",
        key="search",
        bind="query-params",
        icon=":material/search:",
        placeholder="words, a value, an id",
        max_chars=_LONGEST,
    )
    first, second, third = right.columns(3)
    with first:
        function = _choice("Function", "function", _with_counts(counts.functions))
    with second:
        outcome = _choice("Outcome", "outcome", _with_counts(counts.outcomes))
    with third:
        split = _choice("Split", "split", _with_counts(counts.splits))
    with _more_filters():
        left, right = side_by_side([7, 4], key="utterances-more-filters", gap="small")
        first, second, third = left.columns(3)
        with first:
            source = _choice("Source", "source", _sources(counts))
        with second:
            state = _choice("State", "state", _STATES)
        with third:
            tag = _choice("Tag", "tag", _with_counts(counts.tags))
        first, second = right.columns(2, vertical_alignment="bottom")
        with first:
            sort = _choice("Sort by", "sort", _SORTS, first="id")
        with second:
            descending = st.toggle("Descending", key="descending", bind="query-params")
    return table.Listing(
        outcome=outcome,
        function=function,
        split=split,
        tag=tag,
        state=state,
        source=int(source) if source else None,
        search=(search or "").strip()[:_LONGEST],
        sort=sort,
        descending=bool(descending),
    )


def _more_filters() -> ExpanderContainer:
    """The filters that fewer need: folded, so that a phone shows the table, unless one is set."""
    names = ("source", "state", "tag", "sort", "descending")
    is_set = any(name in st.query_params for name in names)
    return expander("More filters, order", key="utterances more filters", expanded=is_set)


def _with_counts(numbers: Mapping[str, int]) -> dict[str, str]:
    return {name: f"{_NAMES.get(name, name)} ({number:,})" for name, number in numbers.items()}


def _sources(counts: table.Choices) -> dict[str, str]:
    return {
        str(number): f"{_source(number, name)} ({rows:,})"
        for number, (name, rows) in counts.sources.items()
    }


def _source(number: int, name: str) -> str:
    return (
        "Written in the studio" if number == table.NOT_IMPORTED else f"{number}: {Path(name).name}"
    )


def _choice(label: str, name: str, options: Mapping[str, str], *, first: str = "") -> str:
    """A select box that the address follows; where ``first`` is "", that means any."""
    key = f"utterances {name}"
    names = {**({} if first else {"": "any"}), **options}
    if name in _FIXED and key not in st.session_state:
        read_address(name, names, what=label.lower(), remedy=f"Choose one under “{label}”.")
    if key not in st.session_state and (linked_value := st.query_params.get(name)) and not first:
        names.setdefault(
            linked_value, f"{_NAMES.get(linked_value, linked_value)} (0)"
        )  # its last row is gone
    wanted = st.session_state.get(key, st.query_params.get(name, first))
    st.session_state[key] = wanted if wanted in names else first  # another module, another choice
    choice = str(st.selectbox(label, list(names), format_func=names.__getitem__, key=key) or "")
    if choice != first:
        st.query_params[name] = choice
    elif name in st.query_params:
        del st.query_params[name]
    return choice


def page_of_rows(
    here: Page, filter_: table.Listing, counts: table.Choices
) -> tuple[table.TablePage, list[StoredExemplar], StoredExemplar | None]:
    """A page of what the filter finds, the rows that are ticked, and the one that is opened."""
    key = f"utterances page {here.module} {filter_}"  # another list begins with its first page
    is_new = key not in st.session_state
    if is_new:
        is_same = st.session_state.get(_LISTED, key) == key
        st.session_state[key] = _page_asked_for() if is_same else 1
    st.session_state[_LISTED] = key
    page = table.find_page(
        here.workspace, here.module, filter_, page=st.session_state[key], size=_SIZE
    )
    pages = max(1, -(-page.total // _SIZE))
    if is_new and st.session_state[key] > pages:
        wanted_page, ends = st.session_state[key], quantity(pages, "page")
        st.session_state[key] = pages
        tell_unknown("page", f"There is no page {wanted_page:,} of the list.", f"It has {ends}.")
    last = page.first + len(page.items)
    with st.container(horizontal=True, vertical_alignment="center"):
        rows = f"{page.first + 1:,} to {last:,} of " if pages > 1 else ""
        st.markdown(f"**{rows}{quantity(page.total, 'utterance')}**")
        st.session_state[key] = 1 + page.first // _SIZE
        if pages > 1:
            st.pagination(pages, key=key)
    _put_in_address(1 + page.first // _SIZE)
    if not page.items:
        if counts.splits:
            st.info("No utterance fits these filters. Set some of them to “any”.")
        else:
            st.info("There are no utterances yet.")
            link("load", "Load utterances")
        return page, [], None
    ticked, opened = _rows(here, page, counts)
    return page, ticked, opened


def _page_asked_for() -> int:
    """The page in the address."""
    number = st.query_params.get("page", "")
    if number and not number.isdecimal():
        tell_unknown("page", f"There is no page {number[:_DIGITS]} of the list.", "Use a number.")
    return int(number[:_DIGITS]) if number else 1


def _put_in_address(number: int) -> None:
    if number > 1:
        st.query_params["page"] = str(number)
    else:
        st.query_params.pop("page", None)


def _rows(
    here: Page, page: table.TablePage, counts: table.Choices
) -> tuple[list[StoredExemplar], StoredExemplar | None]:
    rows = [_row(item, page, counts) for item in page.items]
    places = {item.exemplar.id: n for n, item in enumerate(page.items)}
    row = st.query_params.get("row", "")
    if row and row not in places and row == st.session_state.get(_LINKED):
        row = ""  # it was there: another page or filter was chosen since
        del st.query_params["row"]
    if row and row not in places:
        text = f"The utterance {row[:_LONGEST]} isn't on this page of the list."
        tell_unknown("row", text, "Search for its id to find it.")
    st.session_state[_LINKED] = row
    first = places.get(row)
    chosen = show.choose(
        rows,
        key=f"utterances {here.module}",
        alt="Utterances; tick rows to edit them, choose a cell to see its row in full",
        columns={"utterance": st.column_config.TextColumn(width="large")},
        first=first,
        with_ticks=True,
    )
    ticked = [page.items[n] for n in chosen.ticked]
    return ticked, None if chosen.opened is None else page.items[chosen.opened]


def _row(item: StoredExemplar, page: table.TablePage, counts: table.Choices) -> dict[str, Any]:
    e = item.exemplar
    number = page.sources.get(e.id)
    name = counts.sources.get(number, ("", 0))[0] if number is not None else ""
    return {
        "utterance": e.utterance,
        "function": "" if e.unlabelled else e.label,
        "split": e.split,
        "outcome": _NAMES.get(e.outcome or table.UNALIGNED, e.outcome),
        "waits in": item.queue or "",
        "tags": ", ".join(e.tags),
        "values": show.as_json(e.arguments) if e.arguments else "",
        "source": _source(number or table.NOT_IMPORTED, name),
        "changed (UTC)": f"{item.updated:%Y-%m-%d %H:%M}",
        "id": e.id,
    }


def one(here: Page, item: StoredExemplar | None) -> None:
    """The row that is opened: its text with spans, why it is as it is, and a link to Annotate."""
    if item is None:
        st.caption("Choose a cell to see its row in full and to open it in Annotate.")
        return
    e = item.exemplar
    with st.container(border=True):
        show.utterance(e.utterance, e.spans or (), list(e.arguments))
        values = "; ".join(f"{slot}: {show.as_json(v)}" for slot, v in e.arguments.items())
        st.caption(plain(" · ".join(filter(None, (e.label, values, e.reason, item.flag)))))
        query = {name: st.query_params[name] for name in st.query_params if name != "row"}
        back = {**query, "module": here.module, "row": e.id}
        link(
            "annotate", "Open in Annotate", module=here.module, item=e.id, back=("utterances", back)
        )


def export(here: Page, filter_: table.Listing, total: int) -> None:
    """All that the filter finds, as a file that Load reads again."""
    with st.container(horizontal=True):
        for format in ("csv", "jsonl"):
            name = f"{here.module}-utterances.{format}"
            st.download_button(
                f"Download {quantity(total, 'utterance')} as {format.upper()}",
                partial(_export, here, filter_, format, name),
                file_name=name,
                icon=":material/download:",
                key=f"export {format}",
                on_click="ignore",
            )


def _export(here: Page, filter_: table.Listing, format: str, name: str) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        table.export_listing(here.workspace, here.module, filter_, format, path)
        return path.read_bytes()
