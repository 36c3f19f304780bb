"""Two people with two tabs each, in random turns: nothing overwritten unseen, nothing twice."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

from deciding import MODULE, Clock, Tab, reading

from radu_core.workflows.frame.workspace import Workspace

__all__ = ["ROWS", "Turns", "check", "play"]

ROWS = [
    {
        "id": f"a{i:03d}",
        "utterance": f"from {c}, lovely {c}, to Rome",
        "split": "train",
        "function": "book_flight",
        "arguments": {"origin": c, "destination": "Rome"},
    }
    for i, c in enumerate(f"{a}{b}" for a in ["Lu", "Ki", "Gra", "Pi"] for b in ["nd", "el", "sa"])
]


class Browser(Tab):
    """A tab with a journal: what isn't acknowledged is sent again."""

    def __init__(self, space: Workspace, who: str, number: int) -> None:
        super().__init__(space, who, number)
        self.seen: dict[str, int] = {}  # id → revision as it was shown
        self.last: dict[str, int] = {}  # id → this tab's last operation on it since
        self.journal: list[dict[str, Any]] = []

    def add(self, kind: str, id: str, **more: Any) -> dict[str, Any]:
        if id in self.last:
            more["after"] = self.last[id]
        op = self.op(kind, id, self.seen[id], **more)
        self.last[id] = op["seq"]
        self.journal.append(op)
        return op

    def shown(self, item: dict[str, Any]) -> None:
        self.seen[item["id"]] = item["revision"]
        self.last.pop(item["id"], None)


class Turns:
    """What the tabs did, what was answered, and who holds what as far as the tabs know."""

    def __init__(self, space: Workspace, clock: Clock, seed: int) -> None:
        self.space, self.clock, self.chance = space, clock, random.Random(seed)
        self.tabs = [Browser(space, who, n) for who in ("ann", "bob") for n in (1, 2)]
        self.leased: dict[str, tuple[str, float]] = {}  # id → (client, until)
        self.ops: dict[tuple[str, int], dict[str, Any]] = {}
        self.answers: dict[tuple[str, int], dict[str, Any]] = {}
        self.written: dict[str, list[tuple[str, int]]] = {}  # id → stored changes, in order

    def turn(self) -> None:
        """One tab does something, or time goes by."""
        tab = self.chance.choice(self.tabs)
        act = self.chance.random()
        if act < 0.5 and tab.seen:
            self.work(tab)
        elif act < 0.55:
            self.clock.go(self.chance.choice([1, 5, 11]))
        else:
            cut = self.chance.randrange(len(tab.journal) + 1)
            lost = self.chance.random() < 0.3
            self.exchange(tab, tab.journal[:cut], self.chance.choice([0, 1, 2]), lost=lost)

    def work(self, tab: Browser) -> None:
        """A decision goes into the journal."""
        id_ = self.chance.choice(sorted(tab.seen))
        kind = self.chance.choice(["decide", "decide", "discard", "undo", "skip", "comment"])
        words = f"{tab.client} {tab.seq}"
        more: dict[str, dict[str, Any]] = {
            "decide": reading(self.space, id_, self.chance.randrange(2)),
            "discard": {"reason": words},
            "comment": {"text": words},
        }
        op = tab.add(kind, id_, **more.get(kind, {}))
        self.ops[tab.client, op["seq"]] = op
        if kind in ("decide", "discard", "skip") and id_ in tab.hold:
            tab.hold.remove(id_)

    def exchange(
        self, tab: Browser, sent: list[dict[str, Any]], want: int, *, lost: bool = False
    ) -> None:
        """Send a part of the journal; the answer may be lost on its way."""
        now = self.clock.now.timestamp()
        reply = tab.send(*sent, want=want)
        self.hold(tab, now)
        for item in reply["items"]:
            client, until = self.leased.get(item["id"], ("", 0.0))
            assert until <= self.clock.now.timestamp(), f"{item['id']} is {client}'s as well"
            self.leased[item["id"]] = (tab.client, now + 600)
        for op, ack in zip(sent, reply["acks"], strict=True):
            self.answered(tab, op, ack)
        if lost:
            return
        tab.journal = tab.journal[len(sent) :]
        tab.hold += [i["id"] for i in reply["items"]]
        for item in reply["items"]:
            tab.shown(item)
        for ack in reply["acks"]:
            if ack["item"] and ack["seq"] == tab.last.get(ack["item"]["id"]):
                tab.shown(ack["item"])

    def hold(self, tab: Browser, now: float) -> None:
        """The leases that a request renews, and those it gives back."""
        for id_ in [i for i, (client, _) in self.leased.items() if client == tab.client]:
            del self.leased[id_]
        for id_ in tab.hold:
            if self.leased.get(id_, ("", 0.0))[1] <= now:
                self.leased[id_] = (tab.client, now + 600)

    def answered(self, tab: Browser, op: dict[str, Any], ack: dict[str, Any]) -> None:
        """An answer counts once, and is the same every time."""
        key = (tab.client, op["seq"])
        plain = {name: ack[name] for name in ("status", "revision", "message")}
        if key in self.answers:
            assert plain == self.answers[key]
            return
        self.answers[key] = plain
        changes = op["kind"] in ("decide", "discard", "undo") and not self.unskips(tab, op)
        if ack["status"] == "stored" and changes:
            self.written.setdefault(op["id"], []).append(key)

    def unskips(self, tab: Browser, op: dict[str, Any]) -> bool:
        """Whether an operation takes a skip back, and so changes nothing."""
        before = (tab.client, op.get("after", -1))
        skipped = before in self.answers and self.ops[before]["kind"] == "skip"
        return op["kind"] == "undo" and skipped and self.answers[before]["status"] == "stored"


def play(space: Workspace, clock: Clock, seed: int, *, steps: int) -> Turns:
    """Random turns, after which every tab sends what it has left; then all is checked."""
    turns = Turns(space, clock, seed)
    for _ in range(steps):
        turns.turn()
    for tab in turns.tabs:
        turns.exchange(tab, tab.journal, 0)
        assert tab.journal == []
    for row in ROWS:
        check(turns, row["id"])
    return turns


def check(turns: Turns, id: str) -> None:
    """Every stored change is one event and one revision, of what its tab had seen or done."""
    keys = turns.written.get(id, [])
    history = turns.space.store.history(MODULE, id)
    changes = [e for e in history if e.kind != "commented"]
    assert [e.who for e in changes] == [client.split("-")[0] for client, _ in keys]
    writer = dict(enumerate((client for client, _ in keys), start=3))
    for (client, seq), revision in zip(keys, writer, strict=True):
        assert turns.answers[client, seq]["revision"] == revision
        unseen = range(turns.ops[client, seq]["revision"] + 1, revision)
        assert {writer[r] for r in unseen} <= {client}, "overwritten unseen"
    for earlier, later in pairwise(changes):
        assert later.before == earlier.after
    now = turns.space.store.exemplar(MODULE, id)
    if changes:
        assert (now.exemplar, now.revision) == (changes[-1].after, max(writer))
    said = [e.note for e in history if e.kind == "commented"]
    stored = [k for k, a in turns.answers.items() if a["status"] == "stored"]
    ops = [turns.ops[key] for key in stored if turns.ops[key]["id"] == id]
    assert sorted(said) == sorted(op["text"] for op in ops if op["kind"] == "comment")
