"""The annotation page's requests: done once, nothing overwritten, nobody given another's item."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS
from deciding import Clock, Tab, fill, reading

from radu_core.errors import InputError, StoreLockedError
from radu_core.schema import Schema
from radu_core.store import Store
from radu_core.workflows import annotation, annotation_views
from radu_core.workflows.annotation import Reconsidered
from radu_core.workflows.annotation_request import Request
from radu_core.workflows.load import import_file
from radu_core.workflows.outcomes import resolve, unresolved
from radu_core.workflows.workspace import Workspace

MORE = [
    {"id": f"a{i:02d}", "utterance": f"from {city}, lovely {city}, to Rome", "split": "train",
     "function": "book_flight", "arguments": {"origin": city, "destination": "Rome"}}
    for i, city in enumerate(["Lund", "Kiel", "Graz", "Pisa", "Nice", "Bath", "Cork"], 1)
]  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def space(
    tmp_path: Path, url: str, schema: Schema, write_jsonl: Callable[..., Path], clock: Clock
) -> Iterator[Workspace]:
    """The small module with more that is ambiguous, on either database."""
    opened = Workspace(tmp_path / "home", database_url=url)
    opened.__dict__["store"] = Store.open(url, clock=clock, busy_seconds=20)
    fill(opened, schema, write_jsonl([*ROWS, *MORE]))
    yield opened
    opened.store.close()


# Handing out


def test_an_item_says_all_that_is_shown(space: Workspace) -> None:
    reply = Tab(space, "ann").send(want=2)
    assert reply["counts"] == {
        "ambiguous": 8, "unlocated": 1, "invalid": 0, "suspected": 0, "disagreement": 0,
        "evaluation": 0,
    }  # fmt: skip
    assert reply["progress"] == {"resolved": 13, "total": 22, "today": 0, "mine": 0}
    assert reply["others"] == {"items": 0, "seconds": None}
    [item] = [i for i in Tab(space, "bob").send(want=1, item="u00")["items"] if i["id"] == "u00"]
    assert item | {"arguments": [], "readings": []} == {
        "id": "u00", "revision": 2, "utterance": "a seat for my wife and me to Bonn",
        "function": "book_flight", "description": "Buy a plane ticket between two cities.",
        "outcome": "unlocated", "queue": "unlocated", "split": "train", "context": None,
        "reason": "no 2 in the text for passengers.", "flag": None, "held": None,
        "arguments": [], "spans": [], "implied": [], "readings": [], "opinions": [],
        "comments": [],
    }  # fmt: skip
    assert [(a["slot"], a["type"], a["value"], a["state"]) for a in item["arguments"]] == [
        ("destination", "string", "Bonn", "once"), ("passengers", "integer", 2, "missing"),
    ]  # fmt: skip
    [place] = item["arguments"][0]["places"]
    assert (place["start"], place["end"], place["kind"]) == (29, 33, "exact")
    assert item["readings"] == []


def test_readings_are_the_whole_ones(space: Workspace) -> None:
    [item] = Tab(space, "ann").send(want=1, item="a00")["items"][:1]
    assert [(r["template"], len(r["spans"])) for r in item["readings"]] == [
        (r["template"], 2) for r in space.store.exemplar(MODULE, "a00").readings
    ]
    assert [(a["slot"], a["state"]) for a in item["arguments"]] == [
        ("origin", "repeated"), ("destination", "once"),
    ]  # fmt: skip


def test_who_works_alone_gets_all_and_others_share(space: Workspace) -> None:
    ann, bob = Tab(space, "ann"), Tab(space, "bob")
    assert len(ann.ids(50)) == 9
    ann.hold = ["a00", "a01"]
    ann.send()
    second = bob.send(want=50)
    assert [i["id"] for i in second["items"]] == ["a02", "a03"]  # a quarter of nine
    assert second["others"] == {"items": 2, "seconds": 600}
    bob.hold = ["a02", "a03"]
    ann.hold += ann.ids(50)
    assert ann.hold == ["a00", "a01", "a04"]  # one at a time from then on
    while new := ann.ids(50):
        ann.hold += new
    assert len(ann.hold) == 7  # but what is free is never kept from anybody


def test_the_most_valuable_come_first(space: Workspace, write_jsonl: Callable[..., Path]) -> None:
    rare = [
        {"id": "z0", "utterance": "a hotel in NYC or NYC", "function": "book_hotel",
         "arguments": {"city": "New York"}, "split": "train"},
        {"id": "z1", "utterance": "with pool or pool", "function": "book_hotel",
         "arguments": {"extras": ["pool"]}, "split": "train"},
        {"id": "z2", "utterance": "to Oslo or Oslo", "function": "book_flight",
         "arguments": {"destination": "Oslo"}, "split": "train"},
    ]  # fmt: skip
    import_file(space, "jsonl", write_jsonl(rare), module=MODULE, who="t")
    resolve(space, MODULE, who="t")
    ann = Tab(space, "ann")
    order = []
    while ids := ann.ids(1):
        order += ids
        ann.do("discard", ids[0], space.store.exemplar(MODULE, ids[0]).revision, reason="done")
    # nothing resolved has an origin or extras; 3 hotels and 4 flights are resolved
    assert order == [*(f"a{n:02d}" for n in range(8)), "z1", "z0", "z2", "u00"]


def test_flags_have_queues_of_their_own(space: Workspace) -> None:
    space.store.flag(MODULE, {"f00": "wrong?"}, who="e", kind="suspected")
    space.store.flag(MODULE, {"f01": "the model said none"}, who="e", kind="evaluation")
    ann = Tab(space, "ann")
    assert ann.ids(5, queue="suspected") == ["f00"]
    [item] = ann.send(want=5, queue="evaluation")["items"]
    assert (item["id"], item["queue"], item["flag"]) == ("f01", "evaluation", "the model said none")
    assert [a["state"] for a in item["arguments"]] == ["placed"]
    kept = ann.do("keep", "f01", item["revision"])
    assert (kept["status"], space.store.exemplar(MODULE, "f01").queue) == ("stored", None)
    again = ann.do("keep", "f01", kept["revision"])
    assert (again["status"], again["message"]) == (
        "refused", "Nobody has flagged this exemplar: 'f01'. Go on.",
    )  # fmt: skip


def test_an_item_named_comes_first_whoever_holds_it(space: Workspace) -> None:
    ann, bob = Tab(space, "ann"), Tab(space, "bob")
    assert ann.ids(1, item="f03") == ["f03"]
    shown = bob.send(want=2, item="f03")["items"]
    assert [(i["id"], i["held"]) for i in shown] == [("f03", "ann"), ("a00", None)]
    assert bob.ids(1, item="no such") == ["a00"]
    ann.do("discard", "f03", 2, reason="x")
    assert ann.ids(1, item="f03") == ["a01"]  # the address still names it
    assert ann.ids(1, item="f03", since=ann.seq) == ["f03"]


def test_two_tabs_are_never_given_the_same(space: Workspace) -> None:
    tabs = [Tab(space, who, n) for who in ("ann", "bob") for n in (1, 2)]
    given: list[str] = []
    lock = threading.Lock()
    barrier = threading.Barrier(len(tabs))

    def work(tab: Tab) -> None:
        barrier.wait()
        for _ in range(5):
            new = tab.ids(2)
            tab.hold += new
            with lock:
                given.extend(new)

    with ThreadPoolExecutor(len(tabs)) as pool:
        list(pool.map(work, tabs))
    assert len(given) == len(set(given)) >= 8


def test_leases_are_renewed_given_back_and_expire(space: Workspace, clock: Clock) -> None:
    ann, bob = Tab(space, "ann"), Tab(space, "bob")
    ann.hold = ann.ids(2)
    assert ann.hold == ["a00", "a01"]
    clock.go(9)
    ann.hold = ["a01"]
    ann.send()  # a00 is given back, a01 renewed
    clock.go(9)
    assert bob.ids(1) == ["a00"]
    bob.hold = ["a00"]
    assert bob.ids(1) == ["a02"]
    clock.go(2)
    assert bob.ids(1) == ["a01"]  # ann's has expired
    bob.hold = ["a00", "a01"]
    bob.send()
    late = ann.send(want=1)  # it still shows a01: whoever saves first decides
    assert [i["id"] for i in late["items"]] == ["a02"]
    assert late["others"]["items"] == 2


def test_the_page_before_takes_nothing_from_the_one_after_a_reload(space: Workspace) -> None:
    before, after = Tab(space, "ann"), Tab(space, "ann")
    before.opened, after.opened = 1_000, 2_000
    before.hold = before.ids(2)
    before.hold = []  # the page is left
    after.hold = after.ids(2)
    late = before.send(before.op("skip", "a05", 2), want=2)  # what it sent then comes only now
    assert (late["acks"][0]["status"], late["items"]) == ("stored", [])
    assert after.hold == ["a00", "a01"]
    bob = Tab(space, "bob")
    assert bob.ids(1) == ["a02"]
    after.opened = 3_000  # and a reload later
    after.hold = ["a01"]
    after.send()
    before.opened = 2_000
    before.send()
    bob.hold = ["a02"]
    assert [*bob.ids(1)] == ["a00"]
    bob.hold = ["a02", "a00"]
    assert bob.ids(1) == ["a03"]


def test_what_is_skipped_comes_last(space: Workspace) -> None:
    ann, bob = Tab(space, "ann"), Tab(space, "bob")
    assert ann.do("skip", "a00", 2)["status"] == "stored"
    assert ann.ids(1) == ["a01"]
    assert bob.ids(1) == ["a00"]
    bob.send()
    assert ann.ids(5, skipped=True) == ["a00"]
    for number in range(1, 8):
        ann.do("skip", f"a{number:02d}", 2)
    ann.do("skip", "u00", 2)
    assert ann.ids(1) == ["a00"]  # nothing else is left: the longest ago first
    ann.do("skip", "a00", 2)
    assert ann.ids(1) == ["a01"]


def test_a_skip_is_taken_back_alone(space: Workspace) -> None:
    ann, bob = Tab(space, "ann"), Tab(space, "bob")
    decided = ann.do("decide", "a00", 2, **reading(space, "a00"))
    skip = ann.op("skip", "a00", decided["revision"])
    said = ann.op("undo", "a00", decided["revision"], after=skip["seq"])
    skipped, back = ann.send(skip, said)["acks"]
    assert (skipped["status"], back["status"], back["revision"]) == ("stored", "stored", 3)
    assert (back["item"]["id"], back["item"]["outcome"]) == ("a00", "resolved")
    assert [e.kind for e in space.store.history(MODULE, "a00")] == ["placed"]
    bob.do("skip", "a01", 2)
    skip = ann.op("skip", "a01", 2)
    ann.send(skip)
    assert ann.ids(5, skipped=True) == ["a01"]
    assert ann.do("undo", "a01", 2, after=skip["seq"])["status"] == "stored"
    assert ann.ids(5, skipped=True) == []
    assert ann.ids(1) == ["a01"]
    ann.send()
    assert bob.ids(5, skipped=True) == ["a01"]
    bad = ann.op("skip", "a00", 3, more=1)
    undo = ann.op("undo", "a00", 3, after=bad["seq"])
    assert [a["status"] for a in ann.send(bad, undo)["acks"]] == ["refused", "refused"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("LOVELY oslo", ["a00"]),
        ("oslo lovely", ["a00"]),
        ("ſee straße", ["s0"]),
        ("STRASSE", ["s0"]),
        ("café", ["s0"]),
        ("%", ["s1"]),
        ("100_", ["s1"]),
        ("_", ["s1", "s2"]),
        ("a\\b", ["s2"]),
        ("book_hotel paris", ["h00", "h02", "h04"]),
        ("f03", ["f03"]),
        ("oslo%lovely", []),
    ],
)
def test_search(
    space: Workspace, write_jsonl: Callable[..., Path], words: str, found: list[str]
) -> None:
    texts = ["see die Straße, Cafe\u0301", "a 100% of 100_", "a\\b_c"]
    rows = [{"id": f"s{n}", "utterance": t, "function": None} for n, t in enumerate(texts)]
    import_file(space, "jsonl", write_jsonl(rows), module=MODULE, who="t")
    ids = Tab(space, "ann").ids(50, search=words)
    if words in ("_", "book_hotel paris"):  # the functions' names have one too
        ids = [i for i in ids if i in found]
    assert ids == found


def test_a_search_finds_what_a_correction_made_of_it(space: Workspace) -> None:
    ann = Tab(space, "ann")
    [item] = ann.send(want=1, search="h00")["items"]
    new = {"function": None, "arguments": {}, "spans": [], "implied": []}
    assert ann.do("decide", "h00", item["revision"], **new)["status"] == "stored"
    assert "h00" not in ann.ids(50, search="book_hotel", since=ann.seq)
    assert ann.ids(1, search="h00") == []  # this tab has just decided it
    assert ann.ids(1, search="h00", since=ann.seq) == ["h00"]
    assert "h00" in ann.ids(50, queue="all", function="none", since=ann.seq)
    assert ann.ids(50, queue="all", function="book_hotel") == ["h01", "h02", "h03", "h04"]


# What can't be shown


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first three of the queue can't be shown."""
    real = annotation.item_json

    def fails(aligner: Any, item: Any, **more: Any) -> Any:
        if item.exemplar.id in ("a00", "a01", "a02"):
            raise ZeroDivisionError
        return real(aligner, item, **more)

    monkeypatch.setattr(annotation, "item_json", fails)


def test_what_cant_be_shown_is_passed_over(space: Workspace, broken: None) -> None:
    ann, bob = Tab(space, "ann"), Tab(space, "bob")
    assert ann.ids(1) == ["a03"]
    assert ann.ids(50, item="a01") == ["a03", "a04", "a05", "a06", "a07", "u00"]
    assert bob.send()["others"]["items"] == 6  # nobody has what isn't shown
    assert bob.ids(1, search="a02") == []


def test_an_operation_on_what_cant_be_shown_is_acknowledged(space: Workspace, broken: None) -> None:
    ann = Tab(space, "ann")
    one = ann.op("decide", "a00", 2, **reading(space, "a00"))
    two = ann.op("undo", "a00", 2, after=one["seq"])
    acks = ann.send(one, two)["acks"]
    assert [(a["status"], a["item"]) for a in acks] == [("stored", None), ("stored", None)]
    assert [e.kind for e in space.store.history(MODULE, "a00")] == ["placed", "restored"]
    assert ann.send(one, two)["acks"] == acks


# Operations


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
    assert acks[1]["message"].startswith("What this would take back wasn't stored")
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
    assert ack["message"].startswith("Its values were placed anew at 12:00 UTC")
    assert (ack["item"]["queue"], ack["item"]["outcome"]) == ("invalid", "invalid")


def spans_of(text: str, *places: tuple[str, int, int, Any]) -> list[dict[str, Any]]:
    return [
        {"slot": s, "start": a, "end": b, "value": v, "text": text[a:b]} for s, a, b, v in places
    ]


FLIGHT = {"function": "book_flight", "arguments": {"destination": "Bonn", "passengers": 2}}
SEAT = "a seat for my wife and me to Bonn"
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
        ({**FLIGHT, "spans": spans_of(SEAT, BONN), "implied": ["origin", "passengers"]},
         "slot 'origin' is marked as implied, but has no argument"),
        ({**FLIGHT, "spans": spans_of(SEAT, BONN, PARTY), "implied": ["passengers"]},
         "A span says passengers=2"),
        ({**FLIGHT, "spans": [], "more": 1}, "decide.more: Extra inputs are not permitted"),
        ({**FLIGHT, "arguments": {"destination": {}}}, "That isn't an operation"),
    ],
)  # fmt: skip
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
    assert ann.do("undo", "a00", six["revision"])["message"].startswith("There is nothing to take")
    assert ann.do("restore", "a00", six["revision"], event=9999)["status"] == "refused"


def test_a_bug_is_refused_and_stops_nothing_else(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("radu_core.workflows.annotation_operations.argument_problems", broken)
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
    with pytest.raises(InputError, match="was one on acme_travel_en"):
        annotation.serve(space, who="ann", module="other_x_en", request=request)


def test_after_an_undo_nobody_has_decided(
    space: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    ann = Tab(space, "ann")
    ack = ann.do("decide", "a00", 2, **reading(space, "a00"))
    newer = [{**r, "utterance": "from Oslo to Rome"} for r in ROWS if r["id"] == "a00"]
    path = write_jsonl(newer, "newer.jsonl")
    assert import_file(space, "jsonl", path, module=MODULE, who="t").kept == 1
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
        before.exemplar, before.readings, "the model said none", "evaluation",
    )  # fmt: skip


def test_a_discarded_one_stays_so_and_is_exported_with_its_reason(space: Workspace) -> None:
    Tab(space, "ann").do("discard", "a00", 2, reason="a poem")
    rows = {r["id"]: r["reason"] for r in unresolved(space, MODULE)}
    assert rows["a00"] == "Discarded by ann: a poem"
    resolve(space, MODULE, who="t")
    assert space.store.exemplar(MODULE, "a00").exemplar.outcome == "invalid"
    assert space.store.exemplar(MODULE, "a00").queue is None


# Several annotators


@pytest.fixture
def double(space: Workspace) -> Workspace:
    annotation.set_annotators(space, MODULE, 2, who="t")
    return space


def test_two_who_agree_decide(double: Workspace) -> None:
    ann, bob = Tab(double, "ann"), Tab(double, "bob")
    choice = reading(double, "a00")
    assert ann.do("decide", "a00", 2, **choice) | {"seq": 0} == {
        "seq": 0, "status": "stored", "revision": 2, "message": "", "item": None,
    }  # fmt: skip
    now = double.store.exemplar(MODULE, "a00")
    assert (now.queue, now.exemplar.outcome) == ("ambiguous", "ambiguous")
    assert "a00" not in ann.ids(1)
    [item] = bob.send(want=1)["items"]
    assert (item["id"], item["opinions"]) == ("a00", [])  # ann's mustn't sway
    ack = bob.do("decide", "a00", 2, **choice)
    now = double.store.exemplar(MODULE, "a00")
    assert (ack["revision"], now.queue, now.exemplar.outcome) == (3, None, "resolved")
    events = double.store.history(MODULE, "a00")
    assert [(e.who, e.kind) for e in events] == [
        ("ann", "opinion"), ("bob", "opinion"), ("bob", "agreed"),
    ]  # fmt: skip
    assert events[-1].note == "ann, bob"
    assert ann.send()["progress"] == {"resolved": 14, "total": 22, "today": 2, "mine": 1}


def test_two_who_dont_agree_are_settled_by_one_key(double: Workspace) -> None:
    ann, bob, eve = Tab(double, "ann"), Tab(double, "bob"), Tab(double, "eve")
    templates = [r["template"] for r in double.store.exemplar(MODULE, "a00").readings]
    ann.do("decide", "a00", 2, **reading(double, "a00", 0))
    assert bob.do("decide", "a00", 2, **reading(double, "a00", 1))["revision"] == 3
    [item] = eve.send(want=1, queue="disagreement")["items"]
    assert [(o["who"], o["template"]) for o in item["opinions"]] == [
        ("ann", templates[0]), ("bob", templates[1]),
    ]  # fmt: skip
    assert eve.do("adjudicate", "a00", 3, choice=2)["status"] == "refused"
    done = eve.do("adjudicate", "a00", 3, choice=1)
    assert double.store.exemplar(MODULE, "a00").exemplar.template == templates[1]
    assert double.store.exemplar(MODULE, "a00").queue is None
    assert eve.do("adjudicate", "a00", done["revision"], choice=1)["status"] == "refused"
    back = eve.do("undo", "a00", done["revision"])
    [item] = eve.send(want=1, queue="disagreement")["items"]
    assert len(item["opinions"]) == 2
    same = ann.do("decide", "a00", back["revision"], **reading(double, "a00", 1))
    now = double.store.exemplar(MODULE, "a00")
    assert (same["status"], now.queue, now.exemplar.template) == ("stored", None, templates[1])


def test_what_an_opinion_was_of_cant_change_under_an_adjudication(double: Workspace) -> None:
    ann, bob, eve = Tab(double, "ann"), Tab(double, "bob"), Tab(double, "eve")
    ann.do("decide", "a00", 2, **reading(double, "a00", 0))
    bob.do("decide", "a00", 2, **reading(double, "a00", 1))
    changed = ann.do("discard", "a00", 3, reason="a poem")
    assert changed["revision"] == 4
    assert eve.do("adjudicate", "a00", 3, choice=0)["status"] == "conflict"


def test_somebody_else_may_settle_it_differently(double: Workspace) -> None:
    ann, bob, eve = Tab(double, "ann"), Tab(double, "bob"), Tab(double, "eve")
    ann.do("decide", "a00", 2, **reading(double, "a00", 0))
    bob.do("decide", "a00", 2, **reading(double, "a00", 1))
    assert eve.do("decide", "a00", 3, function=None)["status"] == "stored"
    now = double.store.exemplar(MODULE, "a00")
    assert (now.exemplar.function, now.queue) == (None, None)
    assert double.store.history(MODULE, "a00")[-1].kind == "adjudicated"


def test_an_opinion_can_be_taken_back(double: Workspace) -> None:
    ann, bob = Tab(double, "ann"), Tab(double, "bob")
    ann.do("decide", "a00", 2, **reading(double, "a00", 0))
    assert ann.do("undo", "a00", 2)["revision"] == 2
    assert ann.ids(1) == ["a00"]
    ann.do("decide", "a00", 2, **reading(double, "a00", 0))
    bob.do("decide", "a00", 2, **reading(double, "a00", 1))
    assert double.store.exemplar(MODULE, "a00").queue == "disagreement"
    changed = bob.do("decide", "a00", 3, **reading(double, "a00", 0))
    assert double.store.exemplar(MODULE, "a00").queue is None  # agreed
    back = bob.do("undo", "a00", changed["revision"])  # what bob had said before counts again
    assert double.store.exemplar(MODULE, "a00").queue == "disagreement"
    gone = bob.do("undo", "a00", back["revision"])
    assert double.store.exemplar(MODULE, "a00").queue == "ambiguous"
    assert bob.ids(1) == ["a00"]
    agreed = bob.do("decide", "a00", gone["revision"], **reading(double, "a00", 0))
    assert double.store.exemplar(MODULE, "a00").queue is None
    disputed = Tab(double, "eve").do("undo", "a00", agreed["revision"])
    now = double.store.exemplar(MODULE, "a00")
    assert (disputed["status"], now.queue, now.exemplar.outcome) == (
        "stored", "disagreement", "ambiguous",
    )  # fmt: skip


def three_items_with_opinions(double: Workspace) -> None:
    """Of three who are asked: two agree on a00 and not on a01, one has said something of a02."""
    annotation.set_annotators(double, MODULE, 3, who="t")
    ann, bob = Tab(double, "ann"), Tab(double, "bob")
    for tab, choice in ((ann, 0), (bob, 1)):
        tab.do("decide", "a00", 2, **reading(double, "a00", 0))
        tab.do("decide", "a01", 2, **reading(double, "a01", choice))
    ann.do("discard", "a02", 2, reason="a poem")


def states(space: Workspace, *ids: str) -> list[tuple[str | None, str | None, list[str]]]:
    items = [space.store.exemplar(MODULE, i) for i in ids]
    kinds = [[e.kind for e in space.store.history(MODULE, i)] for i in ids]
    return [(i.exemplar.outcome, i.queue, k[-1:]) for i, k in zip(items, kinds, strict=True)]


def test_fewer_annotators_are_enough_at_once(double: Workspace) -> None:
    three_items_with_opinions(double)
    assert annotation.set_annotators(double, MODULE, 2, who="t") == Reconsidered(1, 1)
    assert states(double, "a00", "a01", "a02") == [
        ("resolved", None, ["agreed"]),
        ("ambiguous", "disagreement", ["disputed"]),
        ("ambiguous", "ambiguous", ["opinion"]),
    ]
    last = double.store.history(MODULE, "a00")[-1]
    assert (last.who, last.note) == ("bob", "ann, bob")
    stale = Tab(double, "eve").do("decide", "a01", 2, **reading(double, "a01"))
    assert stale["message"].startswith("t changed how many people are asked")
    assert annotation.set_annotators(double, MODULE, 2, who="t") == Reconsidered(0, 0)


def test_of_a_single_annotator_what_was_said_is_decided(double: Workspace) -> None:
    three_items_with_opinions(double)
    assert annotation.set_annotators(double, MODULE, 1, who="t") == Reconsidered(2, 1)
    assert states(double, "a00", "a01", "a02") == [
        ("resolved", None, ["agreed"]),
        ("ambiguous", "disagreement", ["disputed"]),
        ("invalid", None, ["agreed"]),
    ]
    last = double.store.history(MODULE, "a02")[-1]
    assert (last.who, last.note) == ("ann", "ann")
    ann = Tab(double, "ann", 2)
    back = ann.do("undo", "a02", double.store.exemplar(MODULE, "a02").revision)
    assert (back["status"], ann.ids(1)) == ("stored", ["a02"])  # it excludes nobody
    assert double.store.exemplar(MODULE, "a02").queue == "ambiguous"
    bob = Tab(double, "bob", 2)
    settled = bob.do("adjudicate", "a01", 3, choice=0)
    assert (settled["status"], double.store.exemplar(MODULE, "a01").queue) == ("stored", None)


def test_more_annotators_leave_what_there_is(double: Workspace) -> None:
    ann, bob = Tab(double, "ann"), Tab(double, "bob")
    for tab, choice in ((ann, 0), (bob, 1)):
        tab.do("decide", "a01", 2, **reading(double, "a01", choice))
    ann.do("decide", "a02", 2, **reading(double, "a02"))
    assert annotation.set_annotators(double, MODULE, 3, who="t") == Reconsidered(0, 0)
    assert states(double, "a01", "a02") == [
        ("ambiguous", "disagreement", ["opinion"]), ("ambiguous", "ambiguous", ["opinion"]),
    ]  # fmt: skip


def test_what_waits_for_opinions_isnt_restored(double: Workspace) -> None:
    ann, bob, eve = Tab(double, "ann"), Tab(double, "bob"), Tab(double, "eve")
    choice = reading(double, "a00")
    ann.do("decide", "a00", 2, **choice)
    agreed = bob.do("decide", "a00", 2, **choice)
    event = double.store.history(MODULE, "a00")[-1].id
    back = eve.do("restore", "a00", agreed["revision"], event=event)
    assert (back["status"], double.store.exemplar(MODULE, "a00").queue) == ("stored", "ambiguous")
    again = eve.do("restore", "a00", back["revision"], event=event)
    assert again["status"] == "refused"
    assert again["message"].startswith("People are being asked about this")
    assert ann.ids(1) == ["a00"]  # a new round, in which nobody has said anything yet


def test_of_two_annotators_each_is_given_an_item_once(double: Workspace) -> None:
    tabs = [Tab(double, "ann", 1), Tab(double, "ann", 2), Tab(double, "bob"), Tab(double, "eve")]
    given = []
    for tab in tabs:
        tab.hold = tab.ids(2)
        given.append(tab.hold)
    assert given == [["a00", "a01"], ["a02", "a03"], ["a00", "a01"], ["a02", "a03"]]


def test_three_people_arent_given_an_item_for_two(double: Workspace, clock: Clock) -> None:
    ann, bob, eve = Tab(double, "ann"), Tab(double, "bob"), Tab(double, "eve")
    ann.hold = ann.ids(1)
    clock.go(11)
    bob.hold = bob.ids(1)
    assert (ann.hold, bob.hold) == (["a00"], ["a00"])
    ann.send()  # hers had expired, and one more person was to be asked
    assert eve.ids(1) == ["a01"]
    clock.go(11)
    bob.send()
    eve.hold = eve.ids(1)
    assert eve.hold == ["a00"]
    ann.send()  # too late
    eve.hold = []
    eve.send()
    assert Tab(double, "dan").ids(1) == ["a00"]


def test_what_others_said_isnt_in_the_history_before(double: Workspace) -> None:
    def told(who: str) -> list[tuple[str, bool, str | None, bool]]:
        events = annotation_views.history(double, who=who, module=MODULE, id="a00")
        return [(e["kind"], bool(e["changes"]), e["note"], e["restorable"]) for e in events]

    ann, bob = Tab(double, "ann"), Tab(double, "bob")
    ann.do("comment", "a00", 2, text="hm")
    ann.do("decide", "a00", 2, **reading(double, "a00", 0))
    hm = ("commented", False, "hm", False)
    assert told("bob") == [("opinion", False, None, False), hm]
    assert told("ann") == [("opinion", True, None, False), hm]
    agreed = bob.do("decide", "a00", 2, **reading(double, "a00", 0))
    opinions = [("opinion", True, None, False)] * 2
    assert told("eve") == [("agreed", True, "ann, bob", True), *opinions, hm]
    bob.do("undo", "a00", agreed["revision"])
    assert told("eve")[-4:] == [
        ("agreed", False, None, False), *[("opinion", False, None, False)] * 2, hm,
    ]  # fmt: skip
    bob.do("decide", "a00", agreed["revision"] + 1, **reading(double, "a00", 1))
    assert double.store.exemplar(MODULE, "a00").queue == "disagreement"
    assert told("eve")[0] == ("opinion", True, None, False)


def test_a_label_kept_by_two_is_kept(double: Workspace) -> None:
    double.store.flag(MODULE, {"f00": "?"}, who="e", kind="suspected")
    ann, bob = Tab(double, "ann"), Tab(double, "bob")
    ann.do("keep", "f00", 2)
    assert double.store.exemplar(MODULE, "f00").flag == "?"
    bob.do("keep", "f00", 2)
    now = double.store.exemplar(MODULE, "f00")
    assert (now.flag, now.queue, now.exemplar.outcome) == (None, None, "resolved")
    double.store.flag(MODULE, {"f00": "again"}, who="e", kind="evaluation")
    assert ann.ids(1, queue="evaluation") == ["f00"]  # a new round


def test_what_was_decided_is_corrected_at_once(double: Workspace) -> None:
    ann = Tab(double, "ann")
    assert ann.do("decide", "f00", 2, function=None)["revision"] == 3
    assert double.store.exemplar(MODULE, "f00").exemplar.function is None


def test_a_new_import_begins_a_new_round(
    double: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    ann, bob = Tab(double, "ann"), Tab(double, "bob")
    ann.do("decide", "a01", 2, **reading(double, "a01"))
    newer = [{**MORE[0], "utterance": "from Lund, dear Lund, to Rome"}]
    import_file(double, "jsonl", write_jsonl(newer, "n.jsonl"), module=MODULE, who="t")
    resolve(double, MODULE, who="t")
    revision = double.store.exemplar(MODULE, "a01").revision
    assert bob.do("decide", "a01", revision, **reading(double, "a01"))["revision"] == revision
    assert double.store.exemplar(MODULE, "a01").queue == "ambiguous"
    assert "a01" in Tab(double, "ann", 2).ids(50, search="dear")


def test_the_number_of_annotators_is_checked(space: Workspace) -> None:
    assert annotation.annotators(space, MODULE) == 1
    space.store.change_settings(MODULE, {"accept_from": 0.9}, who="t")
    annotation.set_annotators(space, MODULE, 3, who="t")
    assert space.store.settings(MODULE) == {"accept_from": 0.9, "annotators": 3}
    for number in (0, 6):
        with pytest.raises(InputError, match="1 to 5"):
            annotation.set_annotators(space, MODULE, number, who="t")


# What else is asked


def test_a_preview_changes_nothing(space: Workspace) -> None:
    before = space.store.exemplar(MODULE, "a00")
    ask = {"who": "ann", "module": MODULE, "id": "a00"}
    arguments = {"origin": "Rome"}
    item = annotation_views.preview(space, **ask, function="book_flight", arguments=arguments)
    assert [(a["state"], a["places"][0]["start"]) for a in item["arguments"]] == [("placed", 27)]
    assert item["outcome"] == "resolved"
    assert [(s["slot"], s["start"], s["end"]) for s in item["spans"]] == [("origin", 27, 31)]
    item = annotation_views.preview(
        space, **ask, function="book_flight", arguments={"origin": "Oslo"}
    )
    assert [len(r["spans"]) for r in item["readings"]] == [1, 1]
    assert item["arguments"][0]["state"] == "repeated"
    item = annotation_views.preview(space, **ask, function="no_such", arguments={})
    assert (item["outcome"], item["reason"]) == (
        "invalid", "The schema has no function 'no_such'.",
    )  # fmt: skip
    assert space.store.exemplar(MODULE, "a00") == before


def test_history_is_lines_for_people(space: Workspace) -> None:
    ann = Tab(space, "ann")
    old = space.store.exemplar(MODULE, "u00").exemplar
    one = ann.do(
        "decide", "u00", 2, function="book_flight", arguments={"destination": "Bonn"},
        spans=spans_of(SEAT, ("destination", 29, 33, "Bonn")),
    )  # fmt: skip
    ann.do("comment", "u00", one["revision"], text="two people?")
    said, decided = annotation_views.history(space, who="bob", module=MODULE, id="u00")
    assert (said["kind"], said["note"], said["changes"]) == ("commented", "two people?", [])
    assert (decided["who"], decided["kind"], decided["at"][:16]) == (
        "ann", "corrected", "2026-03-01T12:00",
    )  # fmt: skip
    assert old.outcome == "unlocated"
    assert decided["changes"] == [
        "passengers: 2 → –",
        "outcome: unlocated → resolved",
        "spans: – → a seat for my wife and me to <destination>",
    ]


def test_about_says_what_a_tab_needs_once(space: Workspace) -> None:
    known = annotation_views.about(space, module=MODULE)
    assert [f["name"] for f in known["functions"]] == ["book_flight", "book_hotel"]
    assert known["functions"][1]["slots"][0] == {
        "name": "city", "description": "where it is", "type": "string", "required": False,
        "multi_value": False, "values": ["New York", "Paris"],
    }  # fmt: skip
    assert known["guidelines"] == ""
