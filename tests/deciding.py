"""Tabs of annotators, as tests drive them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from conftest import MODULE

from radu_core.schema import Schema
from radu_core.store import Store
from radu_core.workflows.annotate import annotation
from radu_core.workflows.annotate.request import Request, parse_request
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve

MORE = [
    {
        "id": f"a{i:02d}",
        "utterance": f"from {city}, lovely {city}, to Rome",
        "split": "train",
        "function": "book_flight",
        "arguments": {"origin": city, "destination": "Rome"},
    }
    for i, city in enumerate(["Lund", "Kiel", "Graz", "Pisa", "Nice", "Bath", "Cork"], 1)
]

SEAT = "a seat for my wife and me to Bonn"


class Clock:
    """A time that moves when it is told to, and a little with every look."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def go(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


class Tab:
    """A browser tab of one person."""

    def __init__(self, space: Workspace, who: str, number: int = 1) -> None:
        self.space, self.who, self.client = space, who, f"{who}-tab-{number:04d}"
        self.seq = 0
        self.hold: list[str] = []
        self.opened = 0

    def op(self, kind: str, id: str, revision: int, **more: Any) -> dict[str, Any]:
        self.seq += 1
        return {"seq": self.seq, "kind": kind, "id": id, "revision": revision, **more}

    def send(self, *ops: dict[str, Any], want: int = 0, **filter: Any) -> dict[str, Any]:
        request = parse_request(
            Request,
            {
                "token": "t",
                "client": self.client,
                "ops": list(ops),
                "hold": self.hold,
                "opened": self.opened,
                "want": want,
                "filter": filter,
            },
        )
        return annotation.serve(self.space, who=self.who, module=MODULE, request=request)

    def ids(self, want: int, **filter: Any) -> list[str]:
        return [i["id"] for i in self.send(want=want, **filter)["items"]]

    def do(self, kind: str, id: str, revision: int, **more: Any) -> dict[str, Any]:
        [ack] = self.send(self.op(kind, id, revision, **more))["acks"]
        return ack


def fill(space: Workspace, schema: Schema, path: Path) -> None:
    space.store.put_schema(schema, who="test")
    import_file(space, "jsonl", path, module=MODULE, who="test")
    resolve(space, MODULE, who="test")


def reading(space: Workspace, id: str, number: int = 0) -> dict[str, Any]:
    """What a decision for a stored reading says."""
    item = space.store.exemplar(MODULE, id)
    text = item.exemplar.utterance
    spans = [{**s, "text": text[s["start"] : s["end"]]} for s in item.readings[number]["spans"]]
    return {
        "function": item.exemplar.function,
        "arguments": item.exemplar.arguments,
        "spans": spans,
        "implied": [],
    }


def decide(space: Workspace, kind: str, id: str, *, who: str = "ann", **more: Any) -> None:
    """Let somebody do something about an exemplar as it is now; it must be stored."""
    tab = Tab(space, who)
    tab.client = f"{who}-{uuid4()}"
    ack = tab.do(kind, id, space.store.exemplar(MODULE, id).revision, **more)
    assert ack["status"] == "stored", ack["message"]


def spans_of(text: str, *places: tuple[str, int, int, Any]) -> list[dict[str, Any]]:
    return [
        {"slot": s, "start": a, "end": b, "value": v, "text": text[a:b]} for s, a, b, v in places
    ]


@contextmanager
def annotating(
    home: Path, url: str, clock: Clock, schema: Schema, rows: Path
) -> Iterator[Workspace]:
    """A workspace whose time is ``clock``, with a module of these rows, aligned."""
    opened = Workspace(home, database_url=url)
    opened.__dict__["store"] = Store.open(url, clock=clock, busy_seconds=20)
    fill(opened, schema, rows)
    yield opened
    opened.store.close()
