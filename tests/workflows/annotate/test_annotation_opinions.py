"""Several annotators for each item: agreeing, disagreeing, and settling it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODULE
from deciding import MORE, Clock, Tab, reading

from radu_core.errors import InputError
from radu_core.workflows.annotate import annotation
from radu_core.workflows.annotate import views as annotation_views
from radu_core.workflows.annotate.annotation import Reconsidered
from radu_core.workflows.frame.annotators import annotators
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve


@pytest.fixture
def double(space: Workspace) -> Workspace:
    annotation.set_annotators(space, MODULE, 2, who="t")
    return space


def test_two_who_agree_decide(double: Workspace) -> None:
    ann, bob = Tab(double, "ann"), Tab(double, "bob")
    choice = reading(double, "a00")
    assert ann.do("decide", "a00", 2, **choice) | {"seq": 0} == {
        "seq": 0,
        "status": "stored",
        "revision": 2,
        "message": "",
        "item": None,
    }
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
        ("ann", "opinion"),
        ("bob", "opinion"),
        ("bob", "agreed"),
    ]
    assert events[-1].note == "ann, bob"
    assert ann.send()["progress"] == {"resolved": 14, "total": 22, "today": 2, "mine": 1}


def test_an_opinion_taken_back_isnt_counted_today(double: Workspace) -> None:
    ann, bob = Tab(double, "ann"), Tab(double, "bob")
    choice = reading(double, "a00")
    ann.do("decide", "a00", 2, **choice)
    done = bob.do("decide", "a00", 2, **choice)
    assert ann.send()["progress"]["today"] == 2
    bob.do("undo", "a00", done["revision"])  # the agreement and bob's opinion, not ann's
    progress = ann.send()["progress"]
    assert (progress["resolved"], progress["today"], progress["mine"]) == (13, 1, 1)
    ann.do("undo", "a00", double.store.exemplar(MODULE, "a00").revision)
    assert ann.send()["progress"] == {"resolved": 13, "total": 22, "today": 0, "mine": 0}


def test_two_who_dont_agree_are_settled_by_one_key(double: Workspace) -> None:
    ann, bob, eve = Tab(double, "ann"), Tab(double, "bob"), Tab(double, "eve")
    templates = [r["template"] for r in double.store.exemplar(MODULE, "a00").readings]
    ann.do("decide", "a00", 2, **reading(double, "a00", 0))
    assert bob.do("decide", "a00", 2, **reading(double, "a00", 1))["revision"] == 3
    [item] = eve.send(want=1, queue="disagreement")["items"]
    assert [(o["who"], o["template"]) for o in item["opinions"]] == [
        ("ann", templates[0]),
        ("bob", templates[1]),
    ]
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
        "stored",
        "disagreement",
        "ambiguous",
    )


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
        ("ambiguous", "disagreement", ["opinion"]),
        ("ambiguous", "ambiguous", ["opinion"]),
    ]


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
    assert again["message"].startswith("This waits for opinions")
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
        ("agreed", False, None, False),
        *[("opinion", False, None, False)] * 2,
        hm,
    ]
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
    assert annotators(space, MODULE) == 1
    space.store.change_settings(MODULE, {"accept_from": 0.9}, who="t")
    annotation.set_annotators(space, MODULE, 3, who="t")
    assert space.store.settings(MODULE) == {"accept_from": 0.9, "annotators": 3}
    for number in (0, 6):
        with pytest.raises(InputError, match="1 to 5"):
            annotation.set_annotators(space, MODULE, number, who="t")
