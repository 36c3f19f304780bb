"""Accepting likely readings in bulk, and taking them back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS
from deciding import decide, reading

from radu_core.errors import InputError, NotFoundError
from radu_core.store import Store
from radu_core.store import bulk as stored
from radu_core.workflows.annotate import bulk
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load import trash
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve

# "to" before the second one: the module's exemplars say where a destination stands.
HARD: list[dict[str, Any]] = [
    {
        "id": f"b{n}",
        "utterance": f"{city}, I mean fly me to {city} please",
        "function": "book_flight",
        "arguments": {"destination": city},
    }
    for n, city in enumerate(("Oslo", "Rome", "Bonn"))
] + [
    {
        "id": "c0",
        "utterance": "a hotel bed in Paris, yes, Paris",
        "function": "book_hotel",
        "arguments": {"city": "Paris"},
    },
    {
        "id": "i0",
        "utterance": "Rome, I mean fly me to Rome please",
        "function": "book_flight",
        "arguments": {"destination": "Rome", "passengers": 2},
        "implied": ["passengers"],
    },
]


@pytest.fixture
def space(loaded: Workspace, write_jsonl: Callable[..., Path]) -> Workspace:
    path = write_jsonl([*ROWS, *HARD], "hard.jsonl")
    import_file(loaded, "jsonl", path, module=MODULE, who="test")
    resolve(loaded, MODULE, who="test")
    return loaded


def state(space: Workspace) -> dict[str, Any]:
    """All but the revisions and times."""
    return {
        i.exemplar.id: (i.exemplar, i.readings, i.flag, i.details)
        for i in space.store.exemplars(MODULE)
    }


def ids(preview: bulk.Preview) -> list[str]:
    return sorted(i.id for i in preview.items)


def test_a_preview_says_what_and_how_much_of_it_is_wrong(space: Workspace) -> None:
    found = bulk.preview(space, MODULE, from_=0.5)
    assert set(ids(found)) >= {"b0", "b1", "b2", "i0"}
    likely = [i.confidence for i in found.items]
    assert likely == sorted(likely)
    assert min(likely) >= 0.5
    assert found.expected_wrong == pytest.approx(sum(1 - c for c in likely))
    assert sum(found.functions.values()) == len(found.items)
    first = next(i for i in found.items if i.id == "b0")
    assert first.template == "Oslo, I mean fly me to <destination> please"
    middle = likely[len(likely) // 2]
    assert ids(bulk.preview(space, MODULE, from_=middle)) == sorted(
        i.id for i in found.items if i.confidence >= middle
    )


def test_a_reading_that_leaves_a_value_out_is_not_offered(space: Workspace) -> None:
    """u00 has a reading with the city alone: two passengers are nowhere in the text."""
    assert space.store.exemplar(MODULE, "u00").readings
    assert "u00" not in ids(bulk.preview(space, MODULE, from_=0.5, queue="unlocated"))
    report = bulk.accept(
        space, MODULE, {"u00": space.store.exemplar(MODULE, "u00").revision}, who="ann"
    )
    assert report.accepted == ()
    assert "no reading that places every value" in report.skipped["u00"]


def test_flagged_ones_are_left_to_a_person(space: Workspace) -> None:
    space.store.flag(MODULE, {"b0": "the model said none"}, who="e")
    assert "b0" not in ids(bulk.preview(space, MODULE, from_=0.5))


@pytest.mark.parametrize(("threshold", "queue"), [(0.4, "ambiguous"), (1.1, "ambiguous"), (1, "x")])
def test_a_wrong_threshold_or_queue_is_said(space: Workspace, threshold: float, queue: str) -> None:
    with pytest.raises(InputError):
        bulk.preview(space, MODULE, from_=threshold, queue=queue)


def test_several_annotators_per_item_are_not_passed_over(space: Workspace) -> None:
    space.store.change_settings(MODULE, {"annotators": 2}, who="t")
    with pytest.raises(InputError, match="2 people decide about each"):
        bulk.preview(space, MODULE)
    with pytest.raises(InputError, match="2 people decide about each"):
        bulk.accept(space, MODULE, {"b0": 1}, who="ann")


def test_accepted_is_resolved_by_suggestion_and_stays_so(space: Workspace) -> None:
    found = bulk.preview(space, MODULE, from_=0.5)
    report = bulk.accept(space, MODULE, found.revisions, who="ann", batch="b1")
    assert (list(report.accepted), report.skipped, report.batch) == (ids(found), {}, "b1")
    for candidate in found.items:
        now = space.store.exemplar(MODULE, candidate.id).exemplar
        assert (now.outcome, now.resolved_by) == ("resolved", "suggestion")
        assert (now.spans, now.template) == (candidate.spans, candidate.template)
        event = space.store.history(MODULE, candidate.id)[-1]
        assert (event.who, event.kind.split(" b1")[0]) == ("ann", stored.KIND)
    assert space.store.exemplar(MODULE, "i0").exemplar.implied == ("passengers",)
    before = state(space)
    resolve(space, MODULE, who="t")
    assert state(space) == before
    assert bulk.preview(space, MODULE, from_=0.5).items == ()


def test_what_was_changed_meanwhile_is_left_and_listed(space: Workspace) -> None:
    found = bulk.preview(space, MODULE, from_=0.5)
    decide(space, "decide", "b0", who="bob", **reading(space, "b0", 1))
    decided = space.store.exemplar(MODULE, "b0")
    report = bulk.accept(space, MODULE, {**found.revisions, "gone": 1}, who="ann")
    assert report.skipped == {
        "b0": "It was changed in the meantime.",
        "gone": f"{MODULE} has no such exemplar.",
    }
    assert space.store.exemplar(MODULE, "b0") == decided
    assert "b1" in report.accepted


def test_what_is_changed_in_the_very_last_moment_is_left_too(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = bulk.preview(space, MODULE, from_=0.5)
    accept = Store.accept_in_bulk

    def late(store: Store, *args: Any, **more: Any) -> Any:
        decide(space, "decide", "b0", who="bob", **reading(space, "b0", 1))
        return accept(store, *args, **more)

    monkeypatch.setattr(Store, "accept_in_bulk", late)
    report = bulk.accept(space, MODULE, found.revisions, who="ann")
    assert list(report.skipped) == ["b0"]
    assert "b0" not in report.accepted
    assert space.store.exemplar(MODULE, "b0").exemplar.resolved_by == "annotator"


def test_all_or_nothing_is_stored(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    found, before = bulk.preview(space, MODULE, from_=0.5), state(space)
    change, calls = stored.change_all, []

    def fail(*args: Any, **more: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise sqlite3.OperationalError("the power went")
        change(*args, **more)

    monkeypatch.setattr(stored, "change_all", fail)
    monkeypatch.setattr(stored, "_PART", 1)
    with pytest.raises(sqlite3.OperationalError):
        bulk.accept(space, MODULE, found.revisions, who="ann")
    assert state(space) == before


def test_undo_takes_all_back_but_what_was_decided_since(space: Workspace) -> None:
    found, before = bulk.preview(space, MODULE, from_=0.5), state(space)
    done = bulk.accept(space, MODULE, found.revisions, who="ann")
    decide(space, "discard", "b0", who="bob", reason="no")
    decide(space, "discard", "b1", who="bob", reason="no")
    decide(space, "undo", "b1", who="bob")  # then the acceptance stands again
    decide(space, "undo", "b2", who="bob")  # and this one is taken back already
    report = bulk.undo_bulk(space, MODULE, done.batch, who="ann")
    assert report.decided_since == ("b0",)
    assert set(report.undone) == set(done.accepted) - {"b0", "b2"}
    after = state(space)
    assert {k: v for k, v in after.items() if k != "b0"} == {
        k: v for k, v in before.items() if k != "b0"
    }
    assert after["b0"][0].reason == "Discarded by bob: no"
    again = bulk.undo_bulk(space, MODULE, done.batch, who="ann")
    assert (again.undone, again.decided_since) == ((), ("b0",))
    assert ids(bulk.preview(space, MODULE, from_=0.5)) == sorted({*done.accepted} - {"b0"})


def test_undo_leaves_alone_what_was_deleted_since(space: Workspace) -> None:
    found, before = bulk.preview(space, MODULE, from_=0.5), state(space)
    done = bulk.accept(space, MODULE, found.revisions, who="ann")
    decide(space, "undo", "b2", who="bob")  # taken back already, so its deletion isn't told of
    trash.delete(space, MODULE, ["b0", "b2"], who="eve")
    report = bulk.undo_bulk(space, MODULE, done.batch, who="ann")
    assert (report.deleted_since, report.decided_since) == (("b0",), ())
    assert set(report.undone) == set(done.accepted) - {"b0", "b2"}
    assert state(space) == {k: v for k, v in before.items() if k not in ("b0", "b2")}


def test_a_batch_that_is_not_there_is_said(space: Workspace) -> None:
    done = bulk.accept(space, MODULE, bulk.preview(space, MODULE, from_=0.5).revisions, who="ann")
    for batch in ("", "x", done.batch[:-1]):
        with pytest.raises(NotFoundError, match="No bulk decision in"):
            bulk.undo_bulk(space, MODULE, batch, who="ann")
