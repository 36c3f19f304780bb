"""Pages of the table of all utterances, and what a filter finds as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MODULE

from radu_core.errors import InputError, NotFoundError
from radu_core.files import parse_json
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.utterances.table import (
    Listing,
    TablePage,
    export_listing,
    find_choices,
    find_page,
)


def ids(page: TablePage) -> list[str]:
    return [item.exemplar.id for item in page.items]


def test_pages_hold_everything_once(loaded: Workspace) -> None:
    everything = [i.exemplar.id for i in loaded.store.exemplars(MODULE)]
    pages = [find_page(loaded, MODULE, Listing(), page=n, size=4) for n in (1, 2, 3, 4)]
    assert [id_ for page in pages for id_ in ids(page)] == everything
    assert [(p.first, p.total, len(p.items)) for p in pages] == [
        (0, 15, 4),
        (4, 15, 4),
        (8, 15, 4),
        (12, 15, 3),
    ]
    assert set(pages[0].sources.values()) == {1}


@pytest.mark.parametrize(("asked", "first"), [(0, 0), (-3, 0), (99, 12)])
def test_a_page_that_isnt_there_is_the_nearest(loaded: Workspace, asked: int, first: int) -> None:
    assert find_page(loaded, MODULE, Listing(), page=asked, size=4).first == first


def test_nothing_found_is_an_empty_page(loaded: Workspace) -> None:
    page = find_page(loaded, MODULE, Listing(search="no such thing"), page=3, size=4)
    assert (page.items, page.first, page.total) == ((), 0, 0)


def test_what_is_found_is_exported_in_its_order(loaded: Workspace, tmp_path: Path) -> None:
    wanted = Listing(function="book_hotel", sort="utterance", descending=True)
    path = tmp_path / "found.jsonl"
    assert export_listing(loaded, MODULE, wanted, "jsonl", path) == 5
    rows = [parse_json(line) for line in path.read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["h02", "h03", "h00", "h04", "h01"]
    assert rows[0]["outcome"] == "resolved"
    assert export_listing(loaded, MODULE, wanted, "csv", tmp_path / "found.csv") == 5


def test_what_cant_be_asked_is_said(loaded: Workspace) -> None:
    with pytest.raises(InputError, match="can't be sorted"):
        find_page(loaded, MODULE, Listing(sort="colour"), page=1, size=4)
    with pytest.raises(InputError, match="No such state"):
        find_page(loaded, MODULE, Listing(state="asleep"), page=1, size=4)
    with pytest.raises(NotFoundError):
        find_choices(loaded, "no_such_module")
