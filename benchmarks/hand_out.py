"""How long handing out takes, with 100,000 exemplars in the module of which 50,000 wait.

Synthetic: 60 functions of 8 slots, combinations drawn at random, rows as wide as real ones. Whole
requests: leases renewed, ten items picked, leased and read, progress counted. Milliseconds, SQLite.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import text

from radu_core.exemplars import AnnotatedExemplar, Outcome
from radu_core.schema import parse_schema
from radu_core.store import Store
from radu_core.workflows.annotate import annotation
from radu_core.workflows.annotate.request import Filter, Request
from radu_core.workflows.frame.workspace import Workspace

MODULE = "acme_travel_en"
OUTCOMES: tuple[Outcome, ...] = ("ambiguous", "unlocated", "invalid")
WORDS = ("please", "fly", "me", "from", "the", "old", "town", "to", "a", "quiet", "place", "sea")

COMBOS = [c for n in (1, 2, 3, 4) for c in list(combinations(range(8), n))[:8]]


def exemplar(number: int, chance: random.Random) -> AnnotatedExemplar:
    """One of a hundred thousand: every second one waits."""
    function = f"function_{min(int(chance.expovariate(0.08)), 59)}"
    slots = COMBOS[min(int(chance.expovariate(0.3)), len(COMBOS) - 1)]
    arguments = {f"slot_{s}": f"value {chance.randrange(900)}" for s in slots}
    words = " ".join(chance.choices(WORDS, k=14))
    waits = number % 2
    return AnnotatedExemplar(
        id=f"e{number:06d}",
        utterance=f"{words} {' '.join(arguments.values())}",
        function=function,
        arguments={**arguments},
        split="train" if chance.random() < 0.8 else "test",
        outcome=OUTCOMES[number // 2 % 3] if waits else "resolved",
        resolved_by=None if waits else "unique",
        reason="A value occurs twice.",
    )


def fill(store: Store, count: int) -> None:
    """Store the exemplars, each waiting one with readings of the usual size."""
    names = [f"function_{n}" for n in range(60)]
    slots = [{"name": f"slot_{s}"} for s in range(8)]
    functions = [{"name": name, "slots": slots} for name in names]
    store.put_schema(parse_schema({"module": MODULE, "functions": functions}), who="b")
    chance = random.Random(0)
    rows = (exemplar(n, chance) for n in range(count))
    store.put_exemplars(MODULE, rows, who="b", source="b")
    span = {"slot": "slot_1", "start": 3, "end": 9, "value": "value"}
    reading = {"template": "x" * 120, "confidence": 0.5, "spans": [span, span]}
    with store.writing(MODULE, who="b") as w:
        wide = text("update exemplar set readings = :r, details = :d where queue is not null")
        w.connection.execute(
            wide, {"r": json.dumps([reading] * 4), "d": json.dumps({"a": "x" * 900})}
        )


def measure(what: Callable[[], object], times: int = 30) -> dict[str, float]:
    """Wall clock of ``what`` and the CPU's share of it, in milliseconds."""
    milliseconds = []
    cpu = time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        what()
        milliseconds.append(1000 * (time.perf_counter() - start))
    cpu = 1000 * (time.process_time() - cpu) / times
    figures = {
        "least": min(milliseconds),
        "median": median(milliseconds),
        "max": max(milliseconds),
        "cpu": cpu,
    }
    return {name: round(value, 1) for name, value in figures.items()}


def hand_out(
    space: Workspace, client: str, *, who: str = "ann", want: int = 10, **filters: Any
) -> dict[str, Any]:
    """What a request does to be given items."""
    request = Request(token="", client=client, want=want, filter=Filter(**filters))
    return annotation.serve(space, who=who, module=MODULE, request=request)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        space = Workspace(Path(home))
        start = time.perf_counter()
        fill(space.store, options.count)
        print("fill", round(time.perf_counter() - start, 1), "s")
        cases: dict[str, dict[str, Any]] = {
            "any queue": {},
            "one queue": {"queue": "invalid"},
            "one function": {"function": "function_3"},
            "search, common": {"search": "quiet place"},
            "search, one": {"search": "E099998"},
            "search, none": {"search": "zzz"},
            "all of a function": {"queue": "all", "function": "function_40"},
        }
        print("no items", measure(lambda: hand_out(space, "client-0001", want=0)))
        for name, filters in cases.items():
            print(name, measure(partial(hand_out, space, "client-0001", **filters)))
        for number in range(20):
            hand_out(space, f"other-{number:04d}", who=f"w{number}")
        print("twenty others", measure(lambda: hand_out(space, "client-0001")))
        fill_history(space.store)
        print("10,000 skipped, 10,000 opinions", measure(lambda: hand_out(space, "client-0001")))
        print("counts", measure(lambda: space.store.waiting(MODULE)))
        space.store.close()


def fill_history(store: Store) -> None:
    """Let the annotator have skipped ten thousand, and have an opinion of as many."""
    with store.writing(MODULE, who="b") as w:
        skipped = (
            "insert into skip (module, who, exemplar, at) select module, 'ann', id, updated"
            " from exemplar where queue is not null order by id limit 10000"
        )
        w.connection.execute(text(skipped))
        statement = (
            "insert into opinion (module, exemplar, who, at, data, standing)"
            " select module, id, 'ann', updated, data, 1 from exemplar"
            " where queue = 'unlocated' order by id limit 10000"
        )
        w.connection.execute(text(statement))


if __name__ == "__main__":
    main()
