"""How long handing out takes, with 100,000 exemplars in the module of which 50,000 wait.

Synthetic: 60 functions of 8 slots, combinations drawn at random, rows as wide as real ones. One
writing transaction: leases renewed, ten items picked, leased and read. In milliseconds, SQLite.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from statistics import median

from sqlalchemy import text

from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import parse_schema
from radu_core.store import Store, leases, queues
from radu_core.store.changes import items_of

MODULE = "acme_travel_en"
OUTCOMES = ("ambiguous", "unlocated", "invalid")
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
        id=f"e{number:06d}", utterance=f"{words} {' '.join(arguments.values())}",
        function=function, arguments=arguments, split="train" if chance.random() < 0.8 else "test",
        outcome=OUTCOMES[number // 2 % 3] if waits else "resolved",
        resolved_by=None if waits else "unique", reason="A value occurs twice.",
    )  # fmt: skip


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


def measured(what: Callable[[], object], times: int = 30) -> dict[str, float]:
    """Median and worst wall clock of ``what``, in milliseconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        what()
        taken.append(1000 * (time.perf_counter() - start))
    return {"median": round(median(taken), 1), "max": round(max(taken), 1)}


def hand_out(store: Store, client: str, wanted: queues.Filter, *, who: str = "ann") -> list[str]:
    """What a request does to be given ten items."""
    with store.writing(MODULE, who=who) as w:
        leases.keep(w, client, [])
        held = leases.held_by_others(w.connection, MODULE, client, w.now)
        blocked = leases.blocked(w.connection, MODULE, held, who=who, annotators=1)
        apart = queues.Apart({h.exemplar for h in held}, blocked, (), client)
        ids = queues.pick(w, wanted, apart, 10).ids
        leases.take(w, client, ids)
        assert len(items_of(w.connection, MODULE, ids)) == len(ids)
        return ids


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        store = Store.open(f"sqlite:///{Path(home) / 'r.db'}")
        start = time.perf_counter()
        fill(store, options.count)
        print("fill", round(time.perf_counter() - start, 1), "s")
        cases = {
            "any queue": queues.Filter(),
            "one queue": queues.Filter(queue="invalid"),
            "one function": queues.Filter(function="function_3"),
            "search, common": queues.Filter(search="quiet place"),
            "search, one": queues.Filter(search="E099998"),
            "search, none": queues.Filter(search="zzz"),
            "all of a function": queues.Filter(queue="all", function="function_40"),
        }
        for name, wanted in cases.items():
            print(name, measured(lambda wanted=wanted: hand_out(store, "c1", wanted)))
        for number in range(20):
            hand_out(store, f"other{number}", queues.Filter(), who=f"w{number}")
        print("twenty others", measured(lambda: hand_out(store, "c1", queues.Filter())))
        with store.writing(MODULE, who="b") as w:
            w.connection.execute(
                text(
                    "insert into skip select module, 'ann', id, updated from exemplar"
                    " where queue is not null order by id limit 10000"
                )
            )
            w.connection.execute(
                text(
                    "insert into opinion select module, id, 'ann', updated, data, 1 from exemplar"
                    " where queue = 'unlocated' order by id limit 10000"
                )
            )
        print(
            "10,000 skipped, 10,000 opinions",
            measured(lambda: hand_out(store, "c1", queues.Filter())),
        )
        with store.writing(MODULE, who="b") as w:
            print("counts", measured(lambda: queues.waiting(w)))
        print("store.counts", measured(lambda: store.counts(MODULE)))
        store.close()


if __name__ == "__main__":
    main()
