"""The table of all utterances: what a filter finds, a page at a time, and all of it as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from radu_core.errors import InputError
from radu_core.formats import write
from radu_core.store import StoredExemplar, changes, listing
from radu_core.store.listing import NOT_IMPORTED, SORTS, STATES, UNALIGNED, Choices, Listing
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "NOT_IMPORTED",
    "SORTS",
    "STATES",
    "UNALIGNED",
    "Choices",
    "Listing",
    "TablePage",
    "export_listing",
    "find_choices",
    "find_page",
]

_PART = 1_000


@dataclass(frozen=True)
class TablePage:
    """Some of the ``total`` exemplars that a filter finds, in its order.

    They begin with the place ``first``; ``sources`` has the number of the import that each came
    from, if any.
    """

    items: tuple[StoredExemplar, ...]
    first: int
    total: int
    sources: Mapping[str, int]


def find_choices(workspace: Workspace, module: str) -> Choices:
    """What the module's exemplars can be filtered by."""
    workspace.store.schema(module)
    with workspace.store.reading() as connection:
        return listing.choices(connection, module)


def find_page(
    workspace: Workspace, module: str, filter_: Listing, *, page: int, size: int
) -> TablePage:
    """Page ``page`` (from 1) of what the filter finds; the last one where there are fewer."""
    _check(filter_)
    with workspace.store.reading() as connection:
        total = listing.count(connection, module, filter_)
        pages = max(1, -(-total // size))
        first = size * (min(max(page, 1), pages) - 1)
        ids = listing.find_ids(connection, module, filter_, offset=first, limit=size)
        items = changes.items_of(connection, module, ids)
        return TablePage(tuple(items), first, total, listing.sources_of(connection, module, ids))


def _check(filter_: Listing) -> None:
    if filter_.sort not in SORTS:
        raise InputError(
            "The table can't be sorted by that",
            value=filter_.sort,
            remedy=f"Use {', '.join(SORTS)}.",
        )
    if filter_.state and filter_.state not in STATES:
        raise InputError("No such state", value=filter_.state, remedy=f"Use {', '.join(STATES)}.")


def export_listing(
    workspace: Workspace, module: str, filter_: Listing, format: str, path: Path
) -> int:
    """Write all that the filter finds, in its order, in ``format``; returns how many."""
    _check(filter_)
    schema = workspace.store.schema(module)
    with workspace.store.reading() as connection:
        ids = listing.find_ids(connection, module, filter_)
        matching = [
            item.exemplar
            for start in range(0, len(ids), _PART)
            for item in changes.items_of(connection, module, ids[start : start + _PART])
        ]
    write(format, path, schema=schema, exemplars=matching)
    return len(matching)
