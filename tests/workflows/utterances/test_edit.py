"""Edits of many utterances: the preview says what happens, it happens, and it is taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS
from deciding import MORE, decide, reading

from radu_core.errors import ConflictError, InputError
from radu_core.schema import OUT_OF_SCOPE, Function
from radu_core.store import StoredExemplar
from radu_core.workflows.annotate.annotation import set_annotators
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load import trash
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.imports import imports
from radu_core.workflows.load.imports import redo as redo_import
from radu_core.workflows.load.imports import undo as undo_import
from radu_core.workflows.utterances.edit import (
    Edit,
    EditPlan,
    EditReport,
    Undone,
    apply_edit,
    plan_edit,
    undo_edit,
)
from radu_core.workflows.utterances.table import Listing, find_page

HOTELS = ["h00", "h01", "h02", "h03", "h04"]


def plan(space: Workspace, kind: Any, value: str = "", **which: Any) -> EditPlan:
    return plan_edit(space, MODULE, Edit(kind, value), **which)


def done(space: Workspace, planned: EditPlan) -> EditReport:
    return apply_edit(space, planned, who="ann")


def item(space: Workspace, id: str) -> StoredExemplar:
    return space.store.exemplar(MODULE, id)


def states(space: Workspace) -> dict[str, Any]:
    """All that an edit may change, by id."""
    return {i.exemplar.id: (i.exemplar, i.queue, i.flag) for i in space.store.exemplars(MODULE)}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("function", "book_flight"),
        ("function", OUT_OF_SCOPE),
        ("split", "validation"),
        ("add tag", "web"),
        ("discard", "too short"),
        ("unlabel", ""),
        ("delete", ""),
    ],
)
def test_an_edit_is_done_and_taken_back(space: Workspace, kind: Any, value: str) -> None:
    before = states(space)
    planned = plan(space, kind, value, filter_=Listing(function="book_hotel"))
    assert states(space) == before
    report = done(space, planned)
    assert list(report.ids) == [c.id for c in planned.changes]
    assert states(space) != before
    back = undo_edit(space, report, who="ann")
    assert (back.back, dict(back.left)) == (len(report.ids), {})
    assert states(space) == before


def test_another_function_keeps_the_values_that_fit(space: Workspace) -> None:
    planned = plan(space, "function", "book_flight", ids=HOTELS)
    assert planned.lost == {"book_hotel.city": 5}
    assert planned.moves == {"book_hotel, resolved → book_flight, resolved": 5}
    done(space, planned)
    e = item(space, "h00").exemplar
    assert (e.function, e.arguments, e.spans, e.outcome) == ("book_flight", {}, (), "resolved")
    assert e.template == e.utterance
    found = find_page(space, MODULE, Listing(search="book_flight hotel"), page=1, size=9)
    assert [i.exemplar.id for i in found.items] == HOTELS  # a search finds the new label


def test_what_is_so_already_is_counted(space: Workspace) -> None:
    planned = plan(space, "split", "test", ids=[*HOTELS, "gone"])
    assert planned.chosen == 6
    assert [c.id for c in planned.changes] == ["h00", "h01", "h02", "h04"]
    assert planned.moves == {"train → test": 3, "validation → test": 1}
    assert planned.left == {"already in test": 1, "not there any more": 1}
    report = done(space, planned)
    batch = imports(space, MODULE)[0]
    assert (batch.id, batch.kind, batch.source) == (
        int(report.batch),
        "split",
        "4 utterances to test",
    )
    assert item(space, "h00").exemplar.split == "test"


def test_tags_leave_labels_decisions_and_flags(space: Workspace) -> None:
    space.store.flag(MODULE, {"h00": "look at it"}, who="bob")
    report = done(space, plan(space, "add tag", " web ", ids=["h00", "h01"]))
    assert item(space, "h00").exemplar.tags == ("web",)
    assert item(space, "h00").flag == "look at it"
    assert plan(space, "add tag", "web", ids=["h00"]).left == {"already has the tag": 1}
    done(space, plan(space, "remove tag", "web", ids=["h00"]))
    back = undo_edit(space, report, who="ann")
    assert back.left == {"decided again since": 1}
    assert item(space, "h01").exemplar.tags == ()
    assert item(space, "h00").flag == "look at it"


def test_discarded_and_kept_again(space: Workspace) -> None:
    done(space, plan(space, "discard", "twice", ids=["h00"]))
    now = item(space, "h00")
    assert (now.exemplar.outcome, now.queue) == ("invalid", None)
    assert now.exemplar.reason == "Discarded in bulk: twice"
    assert plan(space, "function", "book_flight", ids=["h00"]).left == {"discarded": 1}
    planned = plan(space, "keep", ids=["h00", "h01"])
    assert planned.left == {"not discarded": 1}
    done(space, planned)
    e = item(space, "h00").exemplar
    assert (e.outcome, e.tags, [s.value for s in e.spans or ()]) == ("resolved", (), ["Paris"])


def test_without_a_label_it_waits_for_one(space: Workspace) -> None:
    done(space, plan(space, "unlabel", ids=["h00", "n00"]))
    assert item(space, "h00").queue == item(space, "n00").queue == "unlabelled"
    done(space, plan(space, "function", OUT_OF_SCOPE, ids=["h00"]))
    assert item(space, "h00").exemplar.out_of_scope


def test_what_was_changed_since_the_plan_stays(space: Workspace) -> None:
    plans = {
        kind: plan(space, kind, value, ids=["h00", "h01"])
        for kind, value in (
            ("function", "book_flight"),
            ("split", "test"),
            ("add tag", "web"),
            ("delete", ""),
        )
    }
    now = item(space, "h01")
    space.store.decide(
        MODULE,
        now.exemplar.model_copy(update={"resolved_by": "annotator"}),
        who="bob",
        kind="placed",
        expected_revision=now.revision,
    )
    report = done(space, plans["function"])
    assert (report.ids, report.changed_since) == (("h00",), ("h01",))
    for kind in ("split", "add tag", "delete"):
        report = done(space, plans[kind])
        assert (report.ids, report.changed_since) == ((), ("h00", "h01"))
    assert trash.list_trash(space, MODULE).total == 0


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        ("function", "no_such", "no such function"),
        ("function", " ", "names no function"),
        ("split", "tests", "No such split"),
        ("add tag", "discarded", "marks what was discarded"),
        ("discard", "", "names no reason"),
    ],
)
def test_what_cant_be_done_is_said(space: Workspace, kind: Any, value: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        plan(space, kind, value, ids=HOTELS)


def test_labels_that_several_decide_arent_edited_in_bulk(space: Workspace) -> None:
    set_annotators(space, MODULE, 2, who="ann")
    with pytest.raises(InputError, match="2 people decide about each exemplar"):
        plan(space, "discard", "why", ids=HOTELS)
    done(space, plan(space, "add tag", "web", ids=HOTELS))
    assert item(space, "h04").exemplar.tags == ("web",)


def test_a_plan_of_another_schema_is_not_applied(space: Workspace) -> None:
    schema = space.store.schema(MODULE)
    functions = (*schema.functions, Function(name="brand_new", description="x"))
    space.store.put_schema(schema.model_copy(update={"functions": functions}), who="ann")
    planned = plan(space, "function", "brand_new", ids=["h00"])
    space.store.put_schema(schema, who="bob")
    before = states(space)
    with pytest.raises(ConflictError, match="bob saved another schema"):
        done(space, planned)
    assert states(space) == before


def test_a_plan_is_not_applied_where_several_decide_by_now(space: Workspace) -> None:
    label, tag = (
        plan(space, "function", "book_flight", ids=["h00"]),
        plan(space, "add tag", "web", ids=["h00"]),
    )
    set_annotators(space, MODULE, 2, who="ann")
    with pytest.raises(InputError, match="2 people decide about each exemplar"):
        done(space, label)
    assert item(space, "h00").exemplar.function == "book_hotel"
    assert done(space, tag).ids == ("h00",)


def test_undoing_a_delete_brings_back_what_is_in_the_trash(space: Workspace) -> None:
    report = done(space, plan(space, "delete", ids=["h00", "h01", "h02"]))
    trash.restore(space, MODULE, ["h00"], who="bob")
    trash.empty(space, MODULE, ["h01"], who="bob", now=datetime.now(UTC))
    back = undo_edit(space, report, who="ann")
    assert (back.back, back.left) == (1, {"there again already": 1, "not in the trash any more": 1})
    assert item(space, "h02").exemplar.function == "book_hotel"
    again = undo_edit(space, report, who="ann")
    assert (again.back, again.left) == (
        0,
        {"there again already": 2, "not in the trash any more": 1},
    )


def test_undoing_a_tag_leaves_the_tags_that_came_since(
    space: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    first = done(space, plan(space, "add tag", "web", ids=["h00", "h01"]))
    rows = [{**r, "tags": ["file"]} if r["id"] == "h00" else r for r in [*ROWS, *MORE]]
    import_file(space, "jsonl", write_jsonl(rows), module=MODULE, who="t")
    second = done(space, plan(space, "add tag", "new", ids=["h00", "h01"]))
    assert item(space, "h00").exemplar.tags == ("file", "new")
    back = undo_edit(space, first, who="ann")
    assert (back.back, back.left) == (1, {"decided again since": 1})  # the file took h00's away
    assert item(space, "h00").exemplar.tags == ("file", "new")
    assert item(space, "h01").exemplar.tags == ("new",)
    assert undo_edit(space, second, who="ann").back == 2
    assert undo_edit(space, second, who="ann") == Undone(0, {})
    assert item(space, "h00").exemplar.tags == ("file",)
    assert item(space, "h01").exemplar.tags == ()


def test_a_removed_tag_comes_back_beside_the_others(space: Workspace) -> None:
    done(space, plan(space, "add tag", "web", ids=["h00"]))
    report = done(space, plan(space, "remove tag", "web", ids=["h00"]))
    done(space, plan(space, "add tag", "new", ids=["h00"]))
    assert undo_edit(space, report, who="ann").back == 1
    assert item(space, "h00").exemplar.tags == ("new", "web")


@pytest.mark.parametrize(("kind", "value"), [("discard", "noise"), ("function", "book_flight")])
def test_a_tag_does_not_keep_a_label_edit_from_being_undone(
    space: Workspace, kind: Any, value: str
) -> None:
    before = item(space, "h00").exemplar
    report = done(space, plan(space, kind, value, ids=["h00"]))
    tagged = done(space, plan(space, "add tag", "web", ids=["h00"]))
    assert undo_edit(space, report, who="ann") == Undone(1, {})
    assert item(space, "h00").exemplar == before.model_copy(update={"tags": ("web",)})
    assert undo_edit(space, tagged, who="ann") == Undone(1, {})
    assert item(space, "h00").exemplar == before


def test_a_tag_is_undone_under_a_later_decision(space: Workspace) -> None:
    before = item(space, "h00").exemplar
    tagged = done(space, plan(space, "add tag", "web", ids=["h00"]))
    report = done(space, plan(space, "function", "book_flight", ids=["h00"]))
    assert undo_edit(space, tagged, who="ann") == Undone(1, {})
    now = item(space, "h00").exemplar
    assert (now.function, now.tags) == ("book_flight", ())
    assert undo_edit(space, report, who="ann") == Undone(1, {})
    assert item(space, "h00").exemplar == before


def test_annotates_undo_leaves_a_tag_that_came_since(space: Workspace) -> None:
    before = item(space, "a00").exemplar
    decide(space, "decide", "a00", who="ann", **reading(space, "a00", 1))
    done(space, plan(space, "add tag", "web", ids=["a00"]))
    decide(space, "undo", "a00", who="ann")
    assert item(space, "a00").exemplar == before.model_copy(update={"tags": ("web",)})


def test_a_tag_does_not_keep_an_import_from_being_undone(
    space: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    rows = [{**r, "tags": ["file"]} if r["id"] == "h00" else r for r in [*ROWS, *MORE]]
    rows.append({"id": "z0", "utterance": "one more", "function": None})
    import_file(space, "jsonl", write_jsonl(rows), module=MODULE, who="t")
    done(space, plan(space, "add tag", "web", ids=["h00", "z0"]))
    number = imports(space, MODULE)[0].id
    undone = undo_import(space, number, module=MODULE, who="ann")
    assert (undone.removed, undone.returned, undone.kept) == (1, 1, ())
    assert item(space, "h00").exemplar.tags == ("web",)
    redo_import(space, number, module=MODULE, who="ann")
    assert item(space, "h00").exemplar.tags == ("file", "web")
    assert item(space, "z0").exemplar.tags == ("web",)
