"""The table of all exemplars, filtered and sorted by the database, on either database."""

from __future__ import annotations

from typing import Any

from conftest import MODULE
from sqlalchemy import create_engine, text

from radu_core.schema import OUT_OF_SCOPE
from radu_core.store import listing
from radu_core.store.listing import NOT_IMPORTED, UNALIGNED, Listing
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load import trash
from radu_core.workflows.load.add import add
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.imports import imports, undo
from radu_core.workflows.utterances.edit import Edit, apply_edit, plan_edit

FLIGHTS = ["f00", "f01", "f02", "f03", "f04", "f05"]
HOTELS = ["h00", "h01", "h02", "h03", "h04"]


def found(space: Workspace, **wanted: Any) -> list[str]:
    asked = Listing(**wanted)
    with space.store.reading() as connection:
        ids = listing.find_ids(connection, MODULE, asked)
        assert listing.count(connection, MODULE, asked) == len(ids)
    return ids


def tag(space: Workspace, id: str, *tags: str) -> None:
    item = space.store.exemplar(MODULE, id)
    changed = item.exemplar.model_copy(update={"tags": tags})
    space.store.decide(MODULE, changed, who="ann", kind="placed", expected_revision=item.revision)


def test_each_filter(space: Workspace) -> None:
    everything = found(space)
    assert set(everything) >= {*FLIGHTS, *HOTELS, "n00", "n01", "a00", "u00"}
    assert found(space, function="book_hotel") == HOTELS
    assert found(space, function=OUT_OF_SCOPE) == ["n00", "n01"]
    assert found(space, split="test") == ["f04", "h03", "n01"]
    assert "a00" in found(space, outcome="ambiguous")
    assert "u00" in found(space, outcome="unlocated")
    assert found(space, outcome=UNALIGNED) == []
    assert found(space, search="HOTEL paris") == ["h00", "h02", "h04"]
    assert found(space, search="%") == []
    assert set(found(space, state="waiting")) == {
        *found(space, outcome="ambiguous"),
        *found(space, outcome="unlocated"),
    }
    assert found(space, state="untouched") == everything


def test_filters_narrow_each_other(space: Workspace) -> None:
    assert found(space, function="book_hotel", split="train", search="paris") == ["h00", "h04"]
    assert found(space, function="book_hotel", outcome="unlocated") == []


def test_tags_and_states(space: Workspace) -> None:
    tag(space, "f00", "web", "2025")
    tag(space, "f01", "web")
    tag(space, "f02", "we%b", "discarded")
    assert found(space, tag="web") == ["f00", "f01"]
    assert found(space, tag="2025") == ["f00"]
    assert found(space, tag="we%b") == ["f02"]
    assert found(space, tag='we"b') == []
    assert found(space, state="discarded") == ["f02"]
    assert found(space, state="decided") == ["f00", "f01", "f02"]
    space.store.flag(MODULE, {"h00": "look at it"}, who="ann")
    assert found(space, state="flagged") == ["h00"]
    with space.store.reading() as connection:
        choices = listing.choices(connection, MODULE)
    assert choices.tags == {"2025": 1, "discarded": 1, "we%b": 1, "web": 2}


def test_sources(space: Workspace, write_jsonl: Any) -> None:
    more = write_jsonl([{"id": "z0", "utterance": "one more", "function": None}], "more.jsonl")
    import_file(space, "jsonl", more, module=MODULE, who="t")
    added = add(space, MODULE, "by hand", function=None, typed={}, split="train", who="ann")
    new, old = (i.id for i in imports(space, MODULE))
    assert found(space, source=new) == ["z0"]
    assert len(found(space, source=old)) == len(found(space)) - 2
    assert found(space, source=NOT_IMPORTED) == [added.exemplar.id]
    with space.store.reading() as connection:
        choices = listing.choices(connection, MODULE)
        assert listing.sources_of(connection, MODULE, ["z0", "f00", added.exemplar.id]) == {
            "z0": new,
            "f00": old,
        }
    assert choices.sources[new][1] == 1
    assert choices.sources[NOT_IMPORTED] == ("", 1)
    undo(space, new, who="ann")
    assert found(space, source=new) == []


def test_sorting(space: Workspace) -> None:
    rows = {i.exemplar.id: i.exemplar for i in space.store.exemplars(MODULE)}
    by_text = found(space, sort="utterance")
    assert by_text == sorted(rows, key=lambda i: (rows[i].utterance.casefold(), i))
    by_function = found(space, sort="function", descending=True)
    assert by_function[0] == "h00"
    assert by_function[-2:] == ["n00", "n01"]  # without one, whatever the direction
    assert found(space, sort="function")[-2:] == ["n00", "n01"]
    assert found(space, sort="split")[0] == "f04"
    tag(space, "h04", "new")
    assert found(space, sort="updated", descending=True)[0] == "h04"
    assert found(space, descending=True)[-1] == min(rows)


def test_pages(space: Workspace) -> None:
    everything = found(space)
    with space.store.reading() as connection:
        pages = [
            listing.find_ids(connection, MODULE, Listing(), offset=n, limit=4)
            for n in range(0, len(everything), 4)
        ]
    assert [id_ for page in pages for id_ in page] == everything


def test_what_to_filter_by_is_counted(space: Workspace) -> None:
    with space.store.reading() as connection:
        choices = listing.choices(connection, MODULE)
        nothing = listing.choices(connection, "no_such_module")
    total = len(found(space))
    assert sum(choices.functions.values()) == total
    assert sum(choices.outcomes.values()) == sum(choices.splits.values()) == total
    assert list(choices.functions)[-1] == OUT_OF_SCOPE
    assert choices.functions["book_hotel"] == 5
    assert (nothing.functions, nothing.sources) == ({}, {})


def test_a_row_that_cant_be_read_has_no_tags(loaded: Workspace) -> None:
    engine = create_engine(loaded.database_url)
    with engine.begin() as connection:
        connection.execute(text("update exemplar set data = '[1,' where id = 'f00'"))
    engine.dispose()
    assert "f00" in found(loaded, function="book_flight")
    assert found(loaded, tag="web") == []


def test_an_unlabelled_one_that_is_discarded_is_not_out_of_scope(space: Workspace) -> None:
    for edit in (Edit("unlabel"), Edit("discard", "noise")):
        apply_edit(space, plan_edit(space, MODULE, edit, ids=["h00"]), who="ann")
    assert found(space, function=OUT_OF_SCOPE) == ["n00", "n01"]
    assert found(space, state="discarded") == ["h00"]
    with space.store.reading() as connection:
        functions = listing.choices(connection, MODULE).functions
    assert (functions[OUT_OF_SCOPE], functions["book_hotel"]) == (2, 4)


def test_sources_count_what_is_there(space: Workspace) -> None:
    (number,) = (i.id for i in imports(space, MODULE))
    total = len(found(space))
    trash.delete(space, MODULE, ["h00", "h01", "h02"], who="ann")
    with space.store.reading() as connection:
        sources = listing.choices(connection, MODULE).sources
    assert {n: count for n, (_, count) in sources.items()} == {number: total - 3}
    assert len(found(space, source=number)) == total - 3
