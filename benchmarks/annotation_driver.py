"""Modules to annotate, and the Annotate page in a real browser; ``annotation.py`` measures it."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from playwright.sync_api import BrowserContext, Page, sync_playwright  # noqa: E402
from studio_process import CHROMIUM, Studio  # noqa: E402

from radu_core.exemplars import AnnotatedExemplar  # noqa: E402
from radu_core.schema import Function, Schema, Slot  # noqa: E402
from radu_core.workflows.frame.workspace import Workspace  # noqa: E402
from radu_core.workflows.load.outcomes import resolve  # noqa: E402

MODULE = "radu_bench_en"
INVISIBLE = " \t\u200b\u200d\ufeff\u00ad\u200f\u202c\u202e"
CITIES = ("Boston", "Denver", "Lisbon", "Oslo", "Quito", "Dakar", "Turin", "Osaka", "Perth", "Lima")
SCHEMA = Schema(
    module=MODULE,
    functions=tuple(
        Function(
            name=f"trip_{n}",
            description=f"Plan a trip of kind {n}",
            slots=(Slot(name="origin"), Slot(name="destination"), Slot(name="day")),
        )
        for n in range(12)
    ),
)
WATCH = """() => {
  window.painted = [];
  const marker = () => document.querySelector("[data-testid=stBidiComponentIsolated]")
    ?.shadowRoot?.querySelector(".marker") ?? window.findMarker();
  window.findMarker = () => {
    for (const host of document.querySelectorAll("*")) {
      const found = host.shadowRoot?.querySelector(".marker");
      if (found) return found;
    }
    return null;
  };
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const before = marker()?.dataset.item;
    const look = () => {
      if (marker()?.dataset.item === before) return requestAnimationFrame(look);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => window.painted.push(performance.now() - event.timeStamp);
      port2.postMessage(0);
    };
    requestAnimationFrame(look);
  }, true);
}"""
EMPTY_PAGE = """<!doctype html><title>frame</title><p class="marker" data-item="0">0</p><script>
addEventListener("keydown", () => {
  const p = document.querySelector("p");
  p.dataset.item = p.textContent = Number(p.textContent) + 1;
});</script>"""
MIDDLES = """(characters) => characters.map(([start, end]) => {
  for (const piece of window.findMarker().querySelectorAll("[data-start]")) {
    const first = Number(piece.dataset.start);
    if (first > start || end > Number(piece.dataset.end)) continue;
    const range = document.createRange();
    range.setStart(piece.firstChild, start - first);
    range.setEnd(piece.firstChild, end - first);
    const box = [...range.getClientRects()].sort((a, b) => b.width - a.width)[0];
    return [box.left + box.width / 2, box.top + box.height / 2];
  }
})"""
SLOWER = """(() => {
  const real = window.fetch;
  window.fetch = async (...all) => {
    const response = await real(...all);
    await new Promise((done) => setTimeout(done, 300));
    return response;
  };
})()"""


# Modules to annotate


def trips(number: int, kind: str, words: str, *, seed: int) -> Iterator[AnnotatedExemplar]:
    """``number`` utterances between two cities; ``words`` name them as {here} and {there}."""
    dice = random.Random(seed)
    for n in range(number):
        here, there = dice.sample(CITIES, 2)
        yield AnnotatedExemplar(
            id=f"{kind}{n:06d}",
            utterance=words.format(n=n, here=here, there=there),
            function=f"trip_{dice.randrange(12)}",
            arguments={"origin": here, "destination": there},
        )


def hard(number: int) -> Iterator[AnnotatedExemplar]:
    """Utterances that name one city twice, so that each is asked about."""
    return trips(number, "u", "trip {n}: from {here} airport to {there}, then {here} again", seed=0)


def easy(number: int) -> Iterator[AnnotatedExemplar]:
    """Utterances that resolve by themselves."""
    return trips(number, "e", "plan trip {n} from {here} to {there}", seed=1)


@contextmanager
def workspace(number: int) -> Iterator[Workspace]:
    """A workspace with ``number`` utterances, half of which wait for a person."""
    with tempfile.TemporaryDirectory() as scratch:
        space = Workspace(Path(scratch) / "home")
        space.store.put_schema(SCHEMA, who="benchmark")
        items = [*hard(number // 2), *easy(number - number // 2)]
        space.store.put_exemplars(MODULE, items, who="benchmark", source="benchmark")
        resolve(space, MODULE, who="benchmark")
        yield space


# Driving


@contextmanager
def chromium(**options: Any) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM
        )
        context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        context.add_init_script(f"({WATCH})()")  # before the page's own listeners
        yield context
        browser.close()


@contextmanager
def running(space: Workspace) -> Iterator[Studio]:
    server = Studio(space.home)
    server.start()
    try:
        yield server
    finally:
        server.end()


def open_page(context: BrowserContext, server: Studio, *, module: str = MODULE) -> Page:
    """The Annotate page, with an item on the table."""
    page = context.new_page()
    page.goto(f"{server.address}/annotate?module={module}")
    page.locator(".token").first.wait_for()
    return page


def item_on_table(page: Page) -> str:
    """The id of the item on the table; empty where there is none."""
    return str(page.evaluate("() => window.findMarker()?.dataset.item ?? ''"))


def pending(page: Page) -> list[str]:
    """The ids of decisions that the browser keeps, as not saved yet."""
    entries = page.evaluate(
        """() => Object.entries(localStorage)
          .filter(([key]) => key.startsWith("radu:annotate:op:"))
          .map(([, kept]) => JSON.parse(kept).op)
          .sort((a, b) => a.seq - b.seq).map((op) => op.id)"""
    )
    return list(entries)


def until(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise SystemExit(f"it didn't come true within {seconds} s")
        time.sleep(0.02)


def decisions(space: Workspace) -> list[str]:
    """The ids of all decisions in the store, in order."""
    from sqlalchemy import select

    from radu_core.store.engine import reading
    from radu_core.store.tables import events

    with reading(space.store._engine) as connection:
        query = select(events.c.exemplar).where(
            events.c.who == "ann", events.c.exemplar.is_not(None)
        )
        return list(connection.scalars(query.order_by(events.c.id)))


def report(name: str, **figures: Any) -> None:
    text = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in figures.items())
    print(f"{name}: {text} (load {os.getloadavg()[0]:.1f})", flush=True)


def quantiles(values: list[float]) -> dict[str, str]:
    sorted_values = sorted(values)
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {
        k: f"{sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * q))]:.0f} ms"
        for k, q in at.items()
    }
