"""The annotation page's requests: what is handed out, to whom, and what else can be asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from deciding import SEAT, Clock, Tab, reading, spans_of

from radu_core.workflows.annotate import annotation
from radu_core.workflows.annotate import views as annotation_views
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve

# Handing out


def test_an_item_says_all_that_is_shown(space: Workspace) -> None:
    reply = Tab(space, "ann").send(want=2)
    assert reply["counts"] == {
        "ambiguous": 8,
        "unlocated": 1,
        "invalid": 0,
        "suspected": 0,
        "disagreement": 0,
        "evaluation": 0,
        "unlabelled": 0,
    }
    assert reply["progress"] == {"resolved": 13, "total": 22, "today": 0, "mine": 0}
    assert reply["others"] == {"items": 0, "seconds": None}
    [item] = [i for i in Tab(space, "bob").send(want=1, item="u00")["items"] if i["id"] == "u00"]
    assert item | {"arguments": [], "readings": []} == {
        "id": "u00",
        "revision": 2,
        "utterance": "a seat for my wife and me to Bonn",
        "function": "book_flight",
        "unlabelled": False,
        "description": "Buy a plane ticket between two cities.",
        "outcome": "unlocated",
        "queue": "unlocated",
        "split": "train",
        "context": None,
        "reason": "no 2 in the text for passengers.",
        "flag": None,
        "held": None,
        "arguments": [],
        "spans": [],
        "implied": [],
        "readings": [],
        "opinions": [],
        "comments": [],
    }
    assert [(a["slot"], a["type"], a["value"], a["state"]) for a in item["arguments"]] == [
        ("destination", "string", "Bonn", "once"),
        ("passengers", "integer", 2, "missing"),
    ]
    [place] = item["arguments"][0]["places"]
    assert (place["start"], place["end"], place["kind"]) == (29, 33, "exact")
    [reading] = item["readings"]
    assert reading["template"] == "a seat for my wife and me to <destination>"
    assert (reading["implied"], reading["preselected"]) == (["passengers"], False)


def test_readings_are_the_whole_ones(space: Workspace) -> None:
    [item] = Tab(space, "ann").send(want=1, item="a00")["items"][:1]
    assert [(r["template"], len(r["spans"])) for r in item["readings"]] == [
        (r["template"], 2) for r in space.store.exemplar(MODULE, "a00").readings
    ]
    assert [(a["slot"], a["state"]) for a in item["arguments"]] == [
        ("origin", "repeated"),
        ("destination", "once"),
    ]


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
        {
            "id": "z0",
            "utterance": "a hotel in NYC or NYC",
            "function": "book_hotel",
            "arguments": {"city": "New York"},
            "split": "train",
        },
        {
            "id": "z1",
            "utterance": "with pool or pool",
            "function": "book_hotel",
            "arguments": {"extras": ["pool"]},
            "split": "train",
        },
        {
            "id": "z2",
            "utterance": "to Oslo or Oslo",
            "function": "book_flight",
            "arguments": {"destination": "Oslo"},
            "split": "train",
        },
    ]
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
        "refused",
        "Nobody has flagged this exemplar: 'f01'. Accept it with Enter.",
    )


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
    new: dict[str, Any] = {"function": None, "arguments": {}, "spans": [], "implied": []}
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
        "invalid",
        "The schema has no function 'no_such'.",
    )
    assert space.store.exemplar(MODULE, "a00") == before


def test_history_is_lines_for_people(space: Workspace) -> None:
    ann = Tab(space, "ann")
    old = space.store.exemplar(MODULE, "u00").exemplar
    one = ann.do(
        "decide",
        "u00",
        2,
        function="book_flight",
        arguments={"destination": "Bonn"},
        spans=spans_of(SEAT, ("destination", 29, 33, "Bonn")),
    )
    ann.do("comment", "u00", one["revision"], text="two people?")
    said, decided = annotation_views.history(space, who="bob", module=MODULE, id="u00")
    assert (said["kind"], said["note"], said["changes"]) == ("commented", "two people?", [])
    assert (decided["who"], decided["kind"], decided["at"][:16]) == (
        "ann",
        "corrected",
        "2026-03-01T12:00",
    )
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
        "name": "city",
        "description": "where it is",
        "type": "string",
        "required": False,
        "multi_value": False,
        "values": ["New York", "Paris"],
    }
    assert known["guidelines"] == ""
