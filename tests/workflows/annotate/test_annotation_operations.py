"""Operations of annotators: done once, nothing overwritten, everything taken back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS
from deciding import SEAT, Clock, Tab, reading, spans_of

from radu_core.errors import InputError, StoreLockedError
from radu_core.workflows.annotate import annotation
from radu_core.workflows.annotate import views as annotation_views
from radu_core.workflows.annotate.request import Request
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve, unresolved_rows


def test_an_operation_sent_twice_is_done_once(space: Workspace) -> None:
    ann = Tab(space, "ann")
    op = ann.op("decide", "a00", 2, **reading(space, "a00"), reading=0)
    first = ann.send(op)["acks"]
    assert first == [{"seq": 1, "status": "stored", "revision": 3, "message": "", "item": None}]
    assert ann.send(op)["acks"] == first
    done = space.store.exemplar(MODULE, "a00")
    assert (done.exemplar.resolved_by, done.revision, done.queue) == ("suggestion", 3, None)
    assert [e.kind for e in space.store.history(MODULE, "a00")] == ["placed"]
    assert ann.send()["progress"] == {"resolved": 14, "total": 22, "today": 1, "mine": 1}
    assert Tab(space, "bob").send()["progress"]["mine"] == 0


def test_what_was_taken_back_isnt_counted_today(space: Workspace) -> None:
    ann, bob = Tab(space, "ann"), Tab(space, "bob")

    def counted() -> tuple[int, int, int]:
        progress = ann.send()["progress"]
        return progress["resolved"], progress["today"], progress["mine"]

    one = ann.do("decide", "a00", 2, **reading(space, "a00"))
    ann.do("discard", "a01", 2, reason="a poem")
    assert counted() == (14, 2, 2)
    ann.do("undo", "a01", 3)
    back = ann.do("undo", "a00", one["revision"])
    assert counted() == (13, 0, 0)
    assert ann.do("undo", "a00", back["revision"])["status"] == "refused"  # takes nothing twice
    again = ann.do("decide", "a00", back["revision"], **reading(space, "a00"))
    assert counted() == (14, 1, 1)
    bob.do("undo", "a00", again["revision"])  # whoever takes it back, it was ann's
    assert counted() == (13, 0, 0)
    assert bob.send()["progress"]["mine"] == 0


def test_what_is_taken_back_of_yesterday_costs_today_nothing(
    space: Workspace, clock: Clock
) -> None:
    ann = Tab(space, "ann")
    ann.do("decide", "a00", 2, **reading(space, "a00"))
    clock.go(24 * 60)
    ann.do("discard", "a01", 2, reason="a poem")
    assert ann.do("undo", "a00", 3)["status"] == "stored"
    assert ann.send()["progress"] == {"resolved": 13, "total": 22, "today": 1, "mine": 1}


def test_an_operation_sent_twice_at_once_is_done_once(space: Workspace) -> None:
    ann = Tab(space, "ann")
    ops = [ann.op("comment", "a00", 2, text=f"no. {n}") for n in range(20)]
    barrier = threading.Barrier(4)

    def send(_: int) -> list[Any]:
        barrier.wait()
        return ann.send(*ops)["acks"]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    assert all(a == answers[0] for a in answers)
    said = [e.note for e in space.store.history(MODULE, "a00") if e.kind == "commented"]
    assert said == [f"no. {n}" for n in range(20)]
    [item] = ann.send(want=1, item="a00")["items"][:1]
    assert [c["text"] for c in item["comments"]] == said
    assert item["comments"][0]["who"] == "ann"


def test_decide_undo_decide_in_one_request(space: Workspace) -> None:
    ann = Tab(space, "ann")
    one = ann.op("decide", "a00", 2, **reading(space, "a00", 0))
    two = ann.op("undo", "a00", 2, after=one["seq"])
    three = ann.op("decide", "a00", 2, after=two["seq"], **reading(space, "a00", 1))
    wanted = space.store.exemplar(MODULE, "a00").readings[1]["template"]
    before = space.store.exemplar(MODULE, "a00")
    acks = ann.send(one, two, three)["acks"]
    assert [(a["status"], a["revision"]) for a in acks] == [("stored", r) for r in (3, 4, 5)]
    assert [a["item"] and a["item"]["revision"] for a in acks] == [None, 4, None]
    assert len(acks[1]["item"]["readings"]) == len(before.readings)  # it is asked again
    assert space.store.exemplar(MODULE, "a00").exemplar.template == wanted
    kinds = [e.kind for e in space.store.history(MODULE, "a00")]
    assert kinds == ["placed", "restored", "placed"]


def test_a_stale_save_overwrites_nothing(space: Workspace) -> None:
    ann, bob = Tab(space, "ann"), Tab(space, "bob")
    bob.do("discard", "a00", 2, reason="a poem")
    before = space.store.exemplar(MODULE, "a00")
    ack = ann.do("decide", "a00", 2, **reading(space, "a01"))
    assert (ack["status"], ack["revision"]) == ("conflict", 3)
    assert ack["message"] == (
        "bob discarded it at 12:00 UTC on 2026-03-01, after you were shown it. "
        "Nothing was overwritten."
    )
    assert ack["item"]["reason"] == "Discarded by bob: a poem"
    assert space.store.exemplar(MODULE, "a00") == before


def test_nothing_built_on_a_stale_save_overwrites_either(space: Workspace) -> None:
    ann, bob = Tab(space, "ann"), Tab(space, "bob")
    bob.do("discard", "a00", 2, reason="a poem")
    one = ann.op("decide", "a00", 2, **reading(space, "a00"))
    said = ann.op("comment", "a00", 2, after=one["seq"], text="hm")
    two = ann.op("undo", "a00", 2, after=said["seq"])
    three = ann.op("decide", "a00", 2, after=two["seq"], **reading(space, "a00"))
    acks = ann.send(one, said, two, three)["acks"]
    assert [a["status"] for a in acks] == ["conflict", "stored", "conflict", "conflict"]
    assert space.store.exemplar(MODULE, "a00").exemplar.reason == "Discarded by bob: a poem"


def test_a_comment_doesnt_make_a_later_save_newer_than_what_was_seen(space: Workspace) -> None:
    ann, bob = Tab(space, "ann"), Tab(space, "bob")
    bob.do("discard", "a00", 2, reason="a poem")
    said = ann.op("comment", "a00", 2, text="hm")
    later = ann.op("decide", "a00", 2, after=said["seq"], **reading(space, "a00"))
    acks = ann.send(said, later)["acks"]
    assert [(a["status"], a["revision"]) for a in acks] == [("stored", 2), ("conflict", 3)]


def test_undo_of_what_was_refused_takes_nothing_back(space: Workspace) -> None:
    ann = Tab(space, "ann")
    good = ann.do("decide", "a00", 2, **reading(space, "a00"))
    bad = ann.op("decide", "a00", good["revision"], function="no_such")
    undo = ann.op("undo", "a00", good["revision"], after=bad["seq"])
    acks = ann.send(bad, undo)["acks"]
    assert [a["status"] for a in acks] == ["refused", "refused"]
    assert acks[1]["message"].startswith("The decision to undo wasn't stored")
    assert space.store.exemplar(MODULE, "a00").exemplar.outcome == "resolved"


def test_a_new_alignment_is_a_conflict_too(space: Workspace) -> None:
    old = space.store.schema(MODULE)
    slots = tuple(s for s in old.functions[0].slots if s.name != "origin")
    changed = old.functions[0].model_copy(update={"slots": slots})
    newer = old.model_copy(update={"functions": (changed, *old.functions[1:])})
    space.store.put_schema(newer, who="t")
    resolve(space, MODULE, who="t")
    ack = Tab(space, "ann").do("decide", "a00", 2, function=None)
    assert ack["status"] == "conflict"
    assert ack["message"].startswith("Its values were placed again at 12:00 UTC")
    assert (ack["item"]["queue"], ack["item"]["outcome"]) == ("invalid", "invalid")


FLIGHT = {"function": "book_flight", "arguments": {"destination": "Bonn", "passengers": 2}}
BONN = ("destination", 29, 33, "Bonn")
PARTY = ("passengers", 11, 25, 2)


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        ({"function": "no_such"}, "The schema has no such function: 'no_such'"),
        ({"function": "book_flight", "arguments": {"seat": "1"}}, "book_flight has no slot 'seat'"),
        ({"function": None, "arguments": {"seat": "1"}}, "out-of-scope utterance has no argum"),
        ({**FLIGHT, "arguments": {"passengers": "two"}}, "slot 'passengers' takes a value of type"),
        ({**FLIGHT, "spans": spans_of(SEAT, BONN)}, "The arguments say passengers=2"),
        ({**FLIGHT, "spans": spans_of("X" + SEAT, BONN, PARTY)}, "aren't what stands at"),
        ({**FLIGHT, "spans": spans_of(SEAT, BONN, ("passengers", 25, 31, 2))}, "overlaps the one"),
        ({**FLIGHT, "spans": spans_of(SEAT, BONN, ("passengers", 50, 60, 2))}, "isn't inside"),
        (
            {**FLIGHT, "spans": spans_of(SEAT, BONN), "implied": ["origin", "passengers"]},
            "slot 'origin' is marked as implied, but has no argument",
        ),
        (
            {**FLIGHT, "spans": spans_of(SEAT, BONN, PARTY), "implied": ["passengers"]},
            "A span says passengers=2",
        ),
        ({**FLIGHT, "spans": [], "more": 1}, "decide.more: Extra inputs are not permitted"),
        ({**FLIGHT, "arguments": {"destination": {}}}, "That isn't an operation"),
    ],
)
def test_what_contradicts_itself_is_refused(
    space: Workspace, decision: dict[str, Any], message: str
) -> None:
    before = space.store.exemplar(MODULE, "u00")
    ann = Tab(space, "ann")
    ack = ann.do("decide", "u00", 2, **decision)
    assert (ack["status"], ack["revision"]) == ("refused", 2)
    assert message in ack["message"]
    assert ack["item"]["id"] == "u00"
    assert space.store.exemplar(MODULE, "u00") == before
    assert space.store.history(MODULE, "u00") == []
    ok = {**FLIGHT, "spans": spans_of(SEAT, BONN, PARTY)}
    assert ann.do("decide", "u00", 2, after=ann.seq, **ok)["status"] == "stored"


def test_a_decision_is_labels_and_places_in_one(space: Workspace) -> None:
    ann = Tab(space, "ann")
    labels = {"function": "book_flight", "arguments": {"destination": "Bonn", "passengers": 2.0}}
    spans = spans_of(SEAT, ("destination", 29, 33, "Bonn"))
    ack = ann.do("decide", "u00", 2, **labels, spans=spans, implied=["passengers"])
    done = space.store.exemplar(MODULE, "u00").exemplar
    assert (ack["status"], done.template) == (
        "stored",
        "a seat for my wife and me to <destination>",
    )
    assert (done.implied, done.resolved_by) == (("passengers",), "annotator")
    assert repr(done.arguments["passengers"]) == "2"  # a browser has one kind of number
    assert [e.kind for e in space.store.history(MODULE, "u00")] == ["placed"]
    out = ann.do("decide", "u00", ack["revision"], function=None)
    done = space.store.exemplar(MODULE, "u00").exemplar
    assert (done.function, done.arguments, done.spans, done.outcome) == (None, {}, (), "resolved")
    assert [e.kind for e in space.store.history(MODULE, "u00")] == ["placed", "corrected"]
    assert ann.do("undo", "u00", out["revision"])["status"] == "stored"
    assert space.store.exemplar(MODULE, "u00").exemplar.implied == ("passengers",)


def test_a_discarded_one_is_out_of_every_queue_and_comes_back(space: Workspace) -> None:
    ann = Tab(space, "ann")
    assert ann.do("discard", "a00", 2, reason=" ")["message"].startswith("A discard needs a reason")
    gone = ann.do("discard", "a00", 2, reason="a poem")
    space.store.flag(MODULE, {"a00": "?"}, who="e", kind="suspected")
    assert space.store.exemplar(MODULE, "a00").queue is None
    back = ann.do("decide", "a00", gone["revision"], **reading(space, "a00"))
    assert (back["status"], space.store.exemplar(MODULE, "a00").exemplar.tags) == ("stored", ())


def test_any_state_can_be_restored_and_that_taken_back(space: Workspace) -> None:
    ann = Tab(space, "ann")
    first = space.store.exemplar(MODULE, "a00").exemplar
    one = ann.do("decide", "a00", 2, **reading(space, "a00"))
    second = space.store.exemplar(MODULE, "a00").exemplar
    two = ann.do("discard", "a00", one["revision"], reason="a poem")
    event = space.store.history(MODULE, "a00")[0]
    three = ann.do("restore", "a00", two["revision"], event=event.id)
    assert space.store.exemplar(MODULE, "a00").exemplar == first
    assert space.store.exemplar(MODULE, "a00").queue == "ambiguous"
    four = ann.do("undo", "a00", three["revision"])
    assert space.store.exemplar(MODULE, "a00").exemplar.reason == "Discarded by ann: a poem"
    five = ann.do("undo", "a00", four["revision"])
    assert space.store.exemplar(MODULE, "a00").exemplar == second
    six = ann.do("undo", "a00", five["revision"])
    assert space.store.exemplar(MODULE, "a00").exemplar == first
    assert ann.do("undo", "a00", six["revision"])["message"].startswith("There is nothing to undo")
    assert ann.do("restore", "a00", six["revision"], event=9999)["status"] == "refused"


def test_a_bug_is_refused_and_stops_nothing_else(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("radu_core.workflows.annotate.operations.argument_problems", broken)
    ann = Tab(space, "ann")
    bad = ann.op("decide", "a00", 2, **reading(space, "a00"))
    acks = ann.send(bad, ann.op("skip", "a00", 2))["acks"]
    assert [a["status"] for a in acks] == ["refused", "stored"]
    assert "ZeroDivisionError" in acks[0]["message"]


def test_a_locked_database_keeps_what_came_before(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = Tab(space, "ann")
    ops = [ann.op("comment", "a00", 2, text=str(n)) for n in range(3)]
    writing, calls = space.store.writing, iter(range(99))

    def third_fails(*args: Any, **more: Any) -> Any:
        if next(calls) == 2:
            raise StoreLockedError("locked")
        return writing(*args, **more)

    monkeypatch.setattr(space.store, "writing", third_fails)
    with pytest.raises(StoreLockedError):
        ann.send(*ops)
    assert [a["status"] for a in ann.send(*ops)["acks"]] == ["stored"] * 3
    said = [e.note for e in space.store.history(MODULE, "a00")]
    assert said == ["0", "1", "2"]


def test_operations_without_a_number_arent_a_request(space: Workspace) -> None:
    for seq in (None, "1", -1, True, 2**31):
        with pytest.raises(InputError, match="without a number"):
            Tab(space, "ann").send({"seq": seq, "kind": "skip", "id": "a00", "revision": 2})
    unknown = Tab(space, "ann").do("explode", "a00", 2)
    assert (unknown["status"], unknown["item"]["id"]) == ("refused", "a00")
    missing = Tab(space, "bob").do("skip", "no such", 2)
    assert (missing["status"], missing["item"]) == ("refused", None)


def test_a_number_used_twice_is_said(space: Workspace) -> None:
    ann = Tab(space, "ann")
    ann.do("skip", "a00", 2)
    ann.seq = 0
    ack = ann.do("skip", "a01", 2)
    assert (ack["status"], ack["item"]["id"]) == ("refused", "a01")
    assert ack["message"] == "Number 1 of this tab was another operation. Reload the page."
    other = space.store.schema(MODULE).model_copy(update={"module": "other_x_en"})
    space.store.put_schema(other, who="t")
    op = {"seq": 1, "kind": "skip", "id": "a00", "revision": 2}
    request = Request(token="", client=ann.client, ops=(op,))
    with pytest.raises(InputError, match="belongs to acme_travel_en"):
        annotation.serve(space, who="ann", module="other_x_en", request=request)


def test_after_an_undo_nobody_has_decided(
    space: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    ann = Tab(space, "ann")
    ack = ann.do("decide", "a00", 2, **reading(space, "a00"))
    newer = [{**r, "utterance": "from Oslo to Rome"} for r in ROWS if r["id"] == "a00"]
    path = write_jsonl(newer, "newer.jsonl")
    assert import_file(space, "jsonl", path, module=MODULE, who="t").kept == 1
    newest = annotation_views.history(space, who="ann", module=MODULE, id="a00")[0]
    assert (newest["kind"], newest["restorable"]) == ("not imported", False)
    assert newest["note"] == "A person had decided: the decision stays, and nothing was changed."
    assert "in the file: utterance: from Oslo to Rome" in newest["changes"]
    ann.do("undo", "a00", ack["revision"])
    assert import_file(space, "jsonl", path, module=MODULE, who="t").changed == 1
    assert space.store.exemplar(MODULE, "a00").exemplar.utterance == "from Oslo to Rome"
    assert Tab(space, "bob").ids(5, search="lovely oslo") == []


def test_undo_brings_labels_readings_flag_and_queue_back(space: Workspace) -> None:
    space.store.flag(MODULE, {"a00": "the model said none"}, who="e", kind="evaluation")
    before = space.store.exemplar(MODULE, "a00")
    ann = Tab(space, "ann")
    ack = ann.do("decide", "a00", 2, function=None)
    assert space.store.exemplar(MODULE, "a00").flag is None
    ann.do("undo", "a00", ack["revision"])
    after = space.store.exemplar(MODULE, "a00")
    assert (after.exemplar, after.readings, after.flag, after.queue) == (
        before.exemplar,
        before.readings,
        "the model said none",
        "evaluation",
    )


def test_a_discarded_one_stays_so_and_is_exported_with_its_reason(space: Workspace) -> None:
    Tab(space, "ann").do("discard", "a00", 2, reason="a poem")
    rows = {r["id"]: r["reason"] for r in unresolved_rows(space, MODULE)}
    assert rows["a00"] == "Discarded by ann: a poem"
    resolve(space, MODULE, who="t")
    assert space.store.exemplar(MODULE, "a00").exemplar.outcome == "invalid"
    assert space.store.exemplar(MODULE, "a00").queue is None
