"""The Train page opened again during a run: time until step, curve and time left are visible.

``python benchmarks/training_reopened.py [--events 5000] [--times 10]``: a real run of a tiny model
that runs all the while, and has reported so many steps; a real studio and Chromium. From navigation
to the first frame in which all three are on the screen, each time in a new page: of a browser that
has shown the studio before, as who comes back has it (its files are cached, the session is new),
and of one that hasn't. The very first time is printed apart: the studio has just started. Ends with
1 when one of those that come back is above 2 seconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "tests")]

from conftest import MODULE  # noqa: E402
from playwright.sync_api import Browser, BrowserContext, sync_playwright  # noqa: E402
from studio_process import CHROMIUM, Studio  # noqa: E402
from training_kills import make_home  # noqa: E402

from radu_core.training.run.config import TrainConfig  # noqa: E402
from radu_core.training.run.directory import RunDirectory  # noqa: E402
from radu_core.training.watcher.launcher import launch, stop  # noqa: E402

LIMIT = 2.0
WATCH = """() => {
  const seen = (element) => {
    if (!element) return false;
    const box = element.getBoundingClientRect();
    return box.width > 50 && box.height > 5 && box.top < innerHeight && box.bottom > 0;
  };
  const look = () => {
    const bar = document.querySelector("[data-testid=stProgress]");
    const chart = document.querySelector(
      "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg.marks");
    const told = bar && /step [\\d,]+ of .* left/.test(bar.innerText);
    if (told && seen(bar) && seen(chart)) {
      window.seenAll = performance.now();
    } else {
      requestAnimationFrame(look);
    }
  };
  requestAnimationFrame(look);
}"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        config = make_home(home, real=False) | {
            "max_steps": 1_000_000,
            "eval_every": 1000,
            "save_every": 1000,
        }
        run = at_work(home, config, options.events)
        studio = Studio(home)
        try:
            studio.start()
            with sync_playwright() as playwright:
                chromium = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=CHROMIUM
                )
                first = open_seconds(browser_used := browser(chromium), studio.address)
                back = [open_seconds(browser_used, studio.address) for _ in range(options.times)]
                new = [
                    open_seconds(browser(chromium), studio.address) for _ in range(options.times)
                ]
        finally:
            studio.end()
            stop(run)
        events = sum(e.kind == "step" for e in run.events())
    print(f"{options.events:,} to {events:,} steps told; the very first time {first:.2f} s; then")
    for what, times in (("a browser that comes back", back), ("a new browser", new)):
        print(
            f"{what}: median {statistics.median(times):.2f} s, {min(times):.2f} to "
            f"{max(times):.2f} s of {len(times)}"
        )
    raise SystemExit(0 if max(back) <= LIMIT else 1)


def at_work(home: Path, config: dict[str, object], events: int) -> RunDirectory:
    """A run at work that has told ``events`` steps: all but its last ones were made up."""
    run_config = TrainConfig.validate_data(config)
    ended_run = RunDirectory.create(
        home / "runs", run_config, now=datetime.now(UTC) - timedelta(days=1)
    )
    ended_run.append("state", state="stopped", reason="")
    run = RunDirectory.create(home / "runs", run_config, now=datetime.now(UTC))
    launch(run, model=Path(str(config["base_model"])))
    while not any(e.kind == "step" for e in run.events()):
        if not run.alive():
            raise SystemExit(f"the run ended: {run.state()}\n{run.log_tail()}")
        time.sleep(0.1)
    first = next(e for e in run.events() if e.kind == "step")
    with (run.path / "events.jsonl").open("a") as file:
        for step in range(events):
            event = {"kind": "step", "at": first.at, **first.data, "step": step}
            file.write(json.dumps(event) + "\n")
    return run


def browser(chromium: Browser) -> BrowserContext:
    """One that has cached nothing yet."""
    return chromium.new_context(viewport={"width": 1440, "height": 900})


def open_seconds(context: BrowserContext, address: str) -> float:
    """Seconds from navigation until all is on the screen."""
    page = context.new_page()
    page.add_init_script(f"({WATCH})()")
    page.goto(f"{address}/train?module={MODULE}", wait_until="commit")
    page.wait_for_function("window.seenAll", timeout=60_000)
    seconds = float(page.evaluate("window.seenAll")) / 1000
    page.close()
    return seconds


if __name__ == "__main__":
    main()
