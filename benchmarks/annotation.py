"""The Annotate page in Chromium: keys per item, time to the next item, and what gets lost.

Each part makes a workspace of its own, starts a real studio and drives it in a real browser. The
reference for keys are the documented flows of Label Studio and doccano, counted over the same
script (``flows``); for time it is the frame itself: what the browser takes to paint after a key
that changes one character of an otherwise empty page.

    python benchmarks/annotation.py [PART …] [--times N]
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import conftest  # noqa: E402
from annotation_driver import (  # noqa: E402
    EMPTY_PAGE,
    INVISIBLE,
    MIDDLES,
    MODULE,
    SCHEMA,
    SLOWER,
    chromium,
    decisions,
    item_on_table,
    open_page,
    pending,
    quantiles,
    report,
    running,
    until,
    workspace,
)
from annotation_script import check  # noqa: E402
from annotation_script.person import DOCCANO, LABEL_STUDIO, Person, elsewhere  # noqa: E402
from databases import new_database, postgres_server  # noqa: E402
from deciding import Clock, fill  # noqa: E402
from interleaving import ROWS, play  # noqa: E402
from playwright.sync_api import BrowserContext, Page  # noqa: E402
from studio_process import Studio  # noqa: E402
from unicode_cases import edges, texts  # noqa: E402

from radu_core.exemplars import AnnotatedExemplar  # noqa: E402
from radu_core.schema import parse_schema  # noqa: E402
from radu_core.store import Store  # noqa: E402
from radu_core.workflows.frame.workspace import Workspace  # noqa: E402
from radu_core.workflows.load.files import export, import_file  # noqa: E402
from radu_core.workflows.load.outcomes import resolve  # noqa: E402

# What is measured


def latency(times: int) -> None:
    """Enter → next item painted."""
    reference = frame(times)
    for number in (10_000, 100_000):
        with workspace(number) as space, running(space) as server:
            for slower in (False, True):
                with chromium() as context:
                    if slower:
                        context.add_init_script(SLOWER)
                    page = open_page(context, server)
                    for _ in range(times):
                        page.keyboard.press("Enter")
                        page.wait_for_timeout(100)
                    until(lambda page=page: not pending(page))  # type: ignore[misc]
                    values = page.evaluate("() => window.painted")
                name = f"latency, {number:,} items{', 300 ms added' if slower else ''}"
                ratio = statistics.median(values) / reference
                report(name, n=len(values), **quantiles(values), ratio_to_a_frame=f"{ratio:.1f}")


def frame(times: int) -> float:
    """The reference: milliseconds from a key to one changed character painted (median)."""
    with chromium() as context:
        page = context.new_page()
        page.goto("data:text/html," + quote(EMPTY_PAGE))
        page.evaluate("() => { window.findMarker = () => document.querySelector('.marker'); }")
        for _ in range(times):
            page.keyboard.press("Enter")
            page.wait_for_timeout(30)
        values = page.evaluate("() => window.painted")
    report("latency, an empty page", n=len(values), **quantiles(values))
    return float(statistics.median(values))


def first(times: int) -> None:
    """First paint of the page with 100,000 items: from navigation to an utterance on the table.

    The reference is a Streamlit script of two lines in a server of its own: what it takes is
    Streamlit's and Chromium's.
    """
    seconds: dict[str, list[float]] = {"page": [], "two_lines": []}
    with workspace(100_000) as space, running(space) as server, chromium() as context:
        script = space.home / "two_lines.py"
        script.write_text('import streamlit as st\nst.button("Ready")\n', encoding="utf-8")
        other = Studio(space.home, script=str(script))
        other.start()
        for _ in range(max(6, times // 20)):
            for name, address, ready in (
                ("page", f"{server.address}/annotate?module={MODULE}", ".token"),
                ("two_lines", other.address, "button:has-text('Ready')"),
            ):
                page = context.new_page()
                start = time.monotonic()
                page.goto(address)
                page.locator(ready).first.wait_for()
                seconds[name].append(time.monotonic() - start)
                page.close()
        other.end()
    mine, reference = (values[1:] for values in seconds.values())  # the first fills the cache
    report(
        "first paint, 100,000 items",
        n=len(mine),
        median=f"{statistics.median(mine):.2f} s",
        most=f"{max(mine):.2f} s",
        two_lines=f"{statistics.median(reference):.2f} s",
        ratio=f"{statistics.median(mine) / statistics.median(reference):.2f}",
    )


def steady(times: int) -> None:
    """Decisions at 10/s under forced reruns, remounts and lost connections."""
    dice = random.Random(4)
    target = 5 * times
    with workspace(4 * target) as space, running(space) as server, chromium() as context:
        page = open_page(context, server)
        decided_ids: list[str] = []
        events: Counter[str] = Counter()
        while len(decided_ids) < target:
            start = time.monotonic()
            item = item_on_table(page)
            if item:
                page.keyboard.press("Enter")
                if item_on_table(page) == item:
                    events.update(["not taken"])  # the page said why, and the item is still there
                else:
                    decided_ids.append(item)
            if dice.random() < 0.05:
                events.update([disturb(context, page, dice)])
            time.sleep(max(0.0, 0.1 - (time.monotonic() - start)))
        context.set_offline(False)
        until(lambda: not pending(page))
        compare("steady", decided_ids, decisions(space), disturbances=dict(events))


def disturb(context: BrowserContext, page: Page, dice: random.Random) -> str:
    """A rerun, a remount, or the network away or back."""
    kind = dice.choice(("rerun", "remount", "offline", "online"))
    if kind == "rerun":
        page.get_by_test_id("stButtonGroup").get_by_text("Guidelines").click()
        page.evaluate("() => document.activeElement?.blur()")
    elif kind == "remount":
        context.set_offline(False)
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Schema").click()
        page.get_by_role("heading", name="Schema", exact=True).wait_for()
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Annotate").click()
        page.locator(".token").first.wait_for()
    else:
        context.set_offline(kind == "offline")
    return kind


def compare(name: str, decided_ids: list[str], stored_ids: list[str], **more: Any) -> None:
    """What was decided in the browser against what the store holds."""
    lost_ids = [i for i in decided_ids if i not in set(stored_ids)]
    doubled = [i for i, n in Counter(stored_ids).items() if n > 1]
    report(
        name,
        decisions=len(decided_ids),
        lost=len(lost_ids),
        doubled=len(doubled),
        in_order=decided_ids == stored_ids,
        **more,
    )
    for sort, ids in (("lost", lost_ids), ("doubled", doubled)):
        if ids:
            print(f"  {sort}: {ids[:10]}")


def kills(times: int) -> None:
    """Kill the server at random moments (kill −9) while decisions continue."""
    dice = random.Random(5)
    with workspace(60 * times) as space, running(space) as server, chromium() as context:
        page = open_page(context, server)
        decided_ids: list[str] = []
        broken_promises = 0
        for _ in range(times):
            end = time.monotonic() + dice.uniform(0.2, 1.2)
            while time.monotonic() < end:
                decide(page, decided_ids)
            saved_ids = set(decided_ids) - set(pending(page))
            server.end(signal.SIGKILL)
            broken_promises += len(saved_ids - set(decisions(space)))
            for _ in range(3):
                decide(page, decided_ids)
            server.start()
            until(lambda: not pending(page), 30)
        until(lambda: not pending(page))
        compare(
            "kill -9",
            decided_ids,
            decisions(space),
            kills=times,
            shown_as_saved_but_gone=broken_promises,
        )


def tabs(times: int) -> None:
    """Closing the tab at random moments."""
    dice = random.Random(6)
    with workspace(60 * times) as space, running(space) as server, chromium() as context:
        decided_ids: list[str] = []
        broken_promises = 0
        for _ in range(times):
            page = open_page(context, server)
            end = time.monotonic() + dice.uniform(0.0, 0.7)
            while time.monotonic() < end:
                decide(page, decided_ids)
            saved_ids = set(decided_ids) - set(pending(page))
            page.close()
            broken_promises += len(saved_ids - set(decisions(space)))
        page = open_page(context, server)
        until(lambda: not pending(page))
        stored_ids = decisions(space)
        same = sorted(decided_ids) == sorted(stored_ids)
        compare(
            "closed tabs",
            decided_ids,
            stored_ids,
            tabs=times,
            shown_as_saved_but_gone=broken_promises,
            same=same,
        )


def decide(page: Page, decided_ids: list[str]) -> None:
    item = item_on_table(page)
    if item:
        page.keyboard.press("Enter")
        decided_ids.append(item)
    page.wait_for_timeout(60)


def keys(times: int) -> None:
    """Keys per item over the fixed script of 200 hard items, without a mouse."""
    script = check.items()
    gold = {i["id"]: {**i["gold"], "utterance": i["utterance"]} for i in script}
    with tempfile.TemporaryDirectory() as scratch:
        space = Workspace(Path(scratch) / "home")
        check.load_script(space)
        best = {i.exemplar.id: i.readings[:1] for i in space.store.exemplars(check.MODULE)}
        with running(space) as server, chromium() as context:
            page = open_page(context, server, module=check.MODULE)
            person = Person(page, gold)
            for _ in script:
                until(lambda: bool(item_on_table(page)))
                person.work()
            until(lambda: not pending(page))
        right = [i for i in script if as_scripted(space, i)]
    report_keys(person.keys, script, "all", lambda _: True)
    for kind in sorted({i["id"].partition("-")[0] for i in script}):
        report_keys(person.keys, script, kind, lambda i, kind=kind: i["id"].startswith(kind))
    print(f"  as scripted: {len(right)} of {len(script)}")
    for item in script:
        if item not in right:
            print(f"  not: {item['id']}")
    mine = statistics.mean(person.keys[i["id"]] for i in script)
    for name in (LABEL_STUDIO, DOCCANO):
        counts = [elsewhere(i, prefilled=(best[i["id"]] or (None,))[0])[name] for i in script]
        report(
            f"keys, {name}'s flow",
            median=statistics.median(counts),
            mean=f"{statistics.mean(counts):.2f}",
            ratio=f"{statistics.mean(counts) / mine:.1f}",
        )


def report_keys(
    key_counts: Counter[str],
    script: list[dict[str, Any]],
    name: str,
    is_counted: Callable[..., bool],
) -> None:
    values = [key_counts[i["id"]] for i in script if is_counted(i)]
    report(
        f"keys, {name}",
        items=len(values),
        median=statistics.median(values),
        mean=f"{statistics.mean(values):.2f}",
        most=max(values),
    )


def as_scripted(space: Workspace, item: dict[str, Any]) -> bool:
    """Whether the store holds what the script says of an item."""
    exemplar, gold = space.store.exemplar(check.MODULE, item["id"]).exemplar, item["gold"]
    if gold["discard"]:
        return "discarded" in exemplar.tags
    spans = [s.model_dump() for s in exemplar.spans or ()]
    return (
        exemplar.outcome == "resolved"
        and exemplar.function == gold["function"]
        and exemplar.arguments == gold["arguments"]
        and spans == gold["spans"]
        and set(exemplar.implied) == set(gold["implied"])
    )


def people(times: int) -> None:
    """Two people with two tabs each, random interleavings, on both databases."""
    for name in ("SQLite", "PostgreSQL"):
        start, operations = time.monotonic(), 0
        faults: Counter[str] = Counter()
        with databases(name) as fresh:
            for seed in range(5 * times):
                space, clock = fresh()
                try:
                    operations += len(play(space, clock, seed, steps=40).answers)
                except AssertionError as error:  # what ``interleaving.check`` found
                    faults.update([str(error) or "an event, a revision or an answer is wrong"])
                space.store.close()
        report(
            f"two people, two tabs each, {name}",
            interleavings=5 * times,
            operations=operations,
            broken=dict(faults) or 0,
            seconds=f"{time.monotonic() - start:.0f}",
        )


@contextmanager
def databases(name: str) -> Iterator[Callable[[], tuple[Workspace, Clock]]]:
    """What makes a workspace on a database that holds the rows of the interleavings."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        home = Path(scratch)
        rows = home / "rows.jsonl"
        rows.write_text("".join(json.dumps(r) + "\n" for r in ROWS), encoding="utf-8")
        server = stack.enter_context(postgres_server()) if name == "PostgreSQL" else None
        numbers = itertools.count()

        def url(like: str = "") -> str:
            if server:
                return str(new_database(server, like=like))
            path = home / f"{next(numbers)}.db"
            if like:
                shutil.copyfile(like.removeprefix("sqlite:///"), path)
            return f"sqlite:///{path}"

        def at(place: str) -> tuple[Workspace, Clock]:
            clock = Clock()
            space = Workspace(home / "home", database_url=place)
            space.__dict__["store"] = Store.open(place, clock=clock)
            return space, clock

        first = url()
        space, _ = at(first)
        fill(space, parse_schema(conftest.SCHEMA), rows)
        space.store.close()

        def fresh() -> tuple[Workspace, Clock]:
            return at(url(like=first))

        yield fresh


def occurrences(times: int) -> None:
    """What is picked in the browser is what is stored, exported and imported."""
    dice = random.Random(7)
    cases = {}
    for n, text in enumerate(texts(3 * times, seed=7)):
        at = edges(text)
        visible = [k for k in range(len(at) - 1) if text[at[k] : at[k + 1]].strip(INVISIBLE)]
        first = dice.choice(visible)
        last = dice.choice([k for k in visible if first <= k < first + 6])
        cases[f"u{n:04d}"] = (text, at[first], at[last + 1])
    report("occurrences", cases=len(cases), **pick(cases))


def pick(cases: dict[str, tuple[str, int, int]]) -> dict[str, Any]:
    """Drag from sign to sign with Alt held, as a person would; compare with Python's offsets."""
    with tempfile.TemporaryDirectory() as scratch:
        space = Workspace(Path(scratch) / "home")
        fill_with(space, cases)
        with running(space) as server, chromium() as context:
            page = open_page(context, server)
            for _ in cases:
                until(lambda: bool(item_on_table(page)))
                item = item_on_table(page)
                drag(page, *cases[item])
                page.keyboard.press("Enter")  # it is the value that is asked for
                if item_on_table(page) == item:  # a second one would decide the next item
                    page.keyboard.press("Enter")
            until(lambda: not pending(page))
        wrong = [i for i, case in cases.items() if stored_place(space, MODULE, i) != case[1:]]
        path = Path(scratch) / "out.jsonl"
        export(space, "jsonl", path, module=MODULE)
        other = SCHEMA.model_copy(update={"module": "radu_again_en"})
        space.store.put_schema(other, who="benchmark")
        import_file(space, "jsonl", path, module=other.module, who="benchmark")
        again = [i for i, case in cases.items() if stored_place(space, other.module, i) != case[1:]]
    for id_ in wrong:
        print(f"  wrong: {id_} {cases[id_]} {stored_place(space, MODULE, id_)}")
    return {"wrong_in_the_store": len(wrong), "wrong_after_export_and_import": len(again)}


def fill_with(space: Workspace, cases: dict[str, tuple[str, int, int]]) -> None:
    """A module of these utterances, each with a value that isn't in it."""
    space.store.put_schema(SCHEMA, who="benchmark")
    items = [
        AnnotatedExemplar(id=i, utterance=text, function="trip_0", arguments={"day": "?!"})
        for i, (text, _, _) in cases.items()
    ]
    space.store.put_exemplars(MODULE, items, who="benchmark", source="benchmark")
    resolve(space, MODULE, who="benchmark")


def drag(page: Page, text: str, start: int, end: int) -> None:
    """From the middle of the character at ``start`` to the middle of the one before ``end``."""
    at = edges(text)
    characters = [(start, at[at.index(start) + 1]), (at[at.index(end) - 1], end)]
    units = [[len(text[:n].encode("utf-16-le")) // 2 for n in sign] for sign in characters]
    (x1, y1), (x2, y2) = page.evaluate(MIDDLES, units)
    page.keyboard.down("Alt")
    page.mouse.move(x1, y1)
    page.mouse.down()
    page.mouse.move((x1 + x2) / 2, (y1 + y2) / 2)
    page.mouse.move(x2, y2)
    page.mouse.up()
    page.keyboard.up("Alt")


def stored_place(space: Workspace, module: str, id: str) -> tuple[int, int] | None:
    spans = space.store.exemplar(module, id).exemplar.spans or ()
    return (spans[0].start, spans[0].end) if len(spans) == 1 else None


PARTS: dict[str, tuple[Callable[[int], None], int]] = {
    "keys": (keys, 200),
    "latency": (latency, 200),
    "first": (first, 200),
    "steady": (steady, 200),
    "kills": (kills, 200),
    "tabs": (tabs, 200),
    "people": (people, 200),
    "occurrences": (occurrences, 100),
}


def main() -> None:
    if not shutil.which("chromium"):
        print("skipped: it needs Chromium (make browser)")
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[*PARTS, []])
    parser.add_argument("--times", type=int, help="how often (200 by default)")
    options = parser.parse_args()
    for name in options.parts or PARTS:
        part, times = PARTS[name]
        part(options.times or times)


if __name__ == "__main__":
    main()
