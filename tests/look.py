"""Screenshots of every page, tab and dialog of the studio, to look at: ``make look``.

Each is taken at 1440x900, 1024x768 and 390x844, light and dark, as long as the page is, of four
workspaces: an empty one, the sample project with a run that ``radu fit`` made, a module whose data
has every shape that a page may break on, and addresses and files that are wrong. Beside the
pictures, ``findings.txt`` lists what a browser can measure: pages that scroll sideways, text that
is cut off, and on the phone what a finger can't hit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from odd_module import ODD, load_odd_module  # noqa: E402
from playwright.sync_api import Browser, Error, Locator, Page, sync_playwright  # noqa: E402
from studio_process import CHROMIUM, ROOT, studio  # noqa: E402

from radu_core.workflows.frame.workspace import Workspace  # noqa: E402
from radu_core.workflows.load.sample import load_sample  # noqa: E402
from studio.frame.navigation import DOCS  # noqa: E402

SIZES = {"wide": (1440, 900), "middle": (1024, 768), "phone": (390, 844)}
PAGES = tuple(name for name in DOCS if name != "home")
MEASURED = ("coverage", "overlap")  # pages whose tabs are there after Measure
TRAVEL = "aurora_travel_en"
WAIT = 120_000  # ms
TALLEST = 6_000  # pixels

# What is wrong by measure: sideways scrolling, cut text, targets under 24 pixels.
MEASURE = """(touch) => {
  const found = [];
  const say = (kind, at) => found.push(
    `${kind}: <${at.tagName.toLowerCase()} ${at.dataset.testid || at.className || ""}> `
    + (at.getAttribute("aria-label") || at.innerText || at.value || "").trim()
      .replace(/\\s+/g, " ").slice(0, 70)
  );
  const all = [];
  const walk = (root) => {
    for (const at of root.querySelectorAll("*")) {
      all.push(at);
      if (at.shadowRoot) walk(at.shadowRoot);
    }
  };
  walk(document);
  const scrolls = (at) => {
    for (let up = at.parentElement; up; up = up.parentElement) {
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(up).overflowX)) {
        return up.dataset.testid !== "stMain" && up !== document.body;
      }
    }
    return false;
  };
  const main = document.querySelector("[data-testid=stMain]") || document.body;
  for (const at of [document.documentElement, main]) {
    if (at.scrollWidth > at.clientWidth) {
      found.push(`scrolls sideways: ${at.tagName} ${at.scrollWidth} > ${at.clientWidth}`);
    }
  }
  for (const at of all) {
    const box = at.getBoundingClientRect();
    const style = getComputedStyle(at);
    const shown = box.width && box.height && style.visibility !== "hidden" && box.right > 0;
    if (!shown || style.opacity === "0" || at.closest("[data-testid=stSkipToContent]")) continue;
    if (box.right > innerWidth + 1 && !scrolls(at) && at.children.length === 0) say("outside", at);
    const own = [...at.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const hides = ["hidden", "clip"].includes(style.overflowX) && box.width > 2;
    if ((own || at.tagName === "INPUT") && hides && at.scrollWidth > at.clientWidth + 1) {
      say("cut", at);
    }
    const roles = "button, a, input, select, textarea, summary, [role=radio], [role=tab]";
    if (touch && at.matches(roles)) {
      const inline = style.display === "inline" && at.closest("p, li, td");
      const hidden = at.matches("input[type=range]") || (at.matches("input") && box.width < 20);
      if (Math.min(box.width, box.height) < 24 && !inline && !hidden) {
        say(`small ${Math.round(box.width)}x${Math.round(box.height)}`, at);
      }
    }
  }
  return [...new Set(found)];
}"""


@dataclass(frozen=True)
class View:
    """What one picture shows: an address, and what is done there first."""

    name: str
    path: str
    then: Callable[[Page], object] | None = None


def settle(page: Page) -> None:
    """Wait until the script has ended and nothing is under way."""
    page.wait_for_timeout(300)
    page.locator('[data-test-script-state="notRunning"]').wait_for(timeout=WAIT)
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")
    page.wait_for_timeout(500)  # charts draw themselves after the script has ended


def click(role: str, name: str, *, exact: bool = True) -> Callable[[Page], None]:
    """Press what has this role and name."""

    def press(page: Page) -> None:
        page.get_by_role(role, name=name, exact=exact).first.click()  # type: ignore[arg-type]

    return press


def upload(name: str, text: str, *, tab: str = "") -> Callable[[Page], None]:
    """Give a file to the last upload field of the page."""

    def give(page: Page) -> None:
        field = page.locator("input[type=file]").last
        field.set_input_files({"name": name, "mimeType": "text/plain", "buffer": text.encode()})
        settle(page)
        button = page.get_by_role("button", name=tab or "Import", exact=True)
        if button.count() and button.first.is_enabled():
            button.first.click()

    return give


def tabs(page: Page) -> list[Locator]:
    """The page's own tabs: the row that ``open_tab`` makes, or Streamlit's."""
    row = page.get_by_role("radiogroup", name="Tabs", exact=True)
    if row.count():
        return row.first.get_by_role("radio").all()
    lists = page.get_by_role("tablist")
    return lists.first.get_by_role("tab").all() if lists.count() else []


def views(home: str) -> Iterator[View]:
    """The views of a workspace that aren't a page or one of its tabs."""
    if home == "sample":
        at = f"module={TRAVEL}"
        unfold = lambda page: [e.click() for e in page.locator("summary").all()]  # noqa: E731
        yield View("home-funnel", "", unfold)
        yield View("home-tour", "", _open_tour)
        yield View("load-imports", f"load?{at}&tab=Earlier imports")
        yield View(
            "schema-rename", f"schema?{at}&function=book_flight", click("button", "Rename function")
        )
        yield View(
            "schema-remove", f"schema?{at}&function=book_flight", click("button", "Remove function")
        )
        yield View("utterances-filters", f"utterances?{at}&outcome=ambiguous", unfold)
        yield View("utterances-row", f"utterances?{at}&row=travel-001")
        for queue in ("ambiguous", "unlocated"):
            yield View(f"annotate-{queue}", f"annotate?{at}&queue={queue}")
        yield View("annotate-keys", f"annotate?{at}", click("button", "Keys", exact=False))
        for number, tool in enumerate(("bulk", "add", "guidelines", "agreement")):
            yield View(f"annotate-{tool}", f"annotate?{at}", _press_tool(number))
        for popover in ("Fork", "Name and notes", "Delete"):
            name = popover.split()[0].lower()
            yield View(
                f"train-{name}", f"train?{at}&tab=3 Runs", click("button", popover, exact=False)
            )
        for strategy in ("knn", "single", "all"):
            yield View(f"prompts-{strategy}", f"prompts?{at}&strategy={strategy}")
        yield View("train-more", f"train?{at}&tab=1 Dataset", unfold)
        yield View("train-launch-more", f"train?{at}&tab=2 Launch", unfold)
        yield View("evaluate-row", f"evaluate?{at}&tab=Errors", unfold)
        yield View("playground-asked", f"playground?{at}", _ask)
        yield View("docs", "docs")
        for name in ("reference/cli", "how-to/annotate", "reference/terms", "tutorial"):
            yield View(f"docs-{name.replace('/', '-')}", f"docs?page={name}")
        yield View("docs-search", "docs", _search)
        yield View("sidebar", "", _open_sidebar)  # the last: it stays open
    if home == "errors":
        yield View("module", "annotate?module=no_such_en")
        yield View("item", f"annotate?module={TRAVEL}&item=nobody")
        yield View("row", f"utterances?module={TRAVEL}&row=nobody&function=nothing&page=99")
        yield View("exemplar", f"prompts?module={TRAVEL}&exemplar=nobody")
        yield View("run", f"train?module={TRAVEL}&run=nobody&tab=3 Runs")
        yield View("evaluate", f"evaluate?module={TRAVEL}&run=nobody")
        yield View("docs", "docs?page=nowhere")
        yield View("nowhere", "nowhere")
        damaged = '{"id": "1", "utterance": \n{"id": "2"}\nnot json at all\n' + "x" * 400
        yield View("damaged-file", f"load?module={TRAVEL}", upload("damaged.jsonl", damaged))
        yield View("coverage", f"coverage?module={TRAVEL}", click("button", "Measure"))
        yield View("prompts", f"prompts?module={TRAVEL}")
        yield View("schema", f"schema?module={TRAVEL}&tab=JSON", _break_schema)


def _open_sidebar(page: Page) -> None:
    button = page.get_by_test_id("stExpandSidebarButton")
    if button.count():
        button.click()
        page.wait_for_timeout(500)


def _open_tour(page: Page) -> None:
    _open_sidebar(page)
    offered = page.get_by_role("button", name="Tour of this page")
    if offered.count():  # else it is open
        offered.click()
    collapse = page.get_by_test_id("stSidebarCollapseButton").get_by_role("button")
    if page.viewport_size and page.viewport_size["width"] < 700:
        collapse.click()


def _press_tool(number: int) -> Callable[[Page], None]:
    def press(page: Page) -> None:
        row = page.get_by_test_id("stButtonGroup").last
        row.locator("button[data-variant]").nth(number).click()

    return press


def _measure(page: Page) -> None:
    page.get_by_role("button", name="Measure", exact=True).first.click()
    row = page.get_by_role("radiogroup", name="Tabs", exact=True)
    row.or_(page.get_by_test_id("stAlertContentError")).first.wait_for(timeout=WAIT)


def _ask(page: Page) -> None:
    box = page.get_by_test_id("stChatInput").get_by_role("textbox")
    box.fill("book me a flight from Oslo to Lisbon on March 14 for four people")
    box.press("Enter")
    page.wait_for_timeout(3_000)


def _search(page: Page) -> None:
    box = page.get_by_role("textbox").first
    box.fill("index")
    box.press("Enter")


def _break_schema(page: Page) -> None:
    page.get_by_role("textbox", name="Schema as JSON").fill('{"module": 1, "functions": [{}')
    page.get_by_role("button", name="Check and save").click()


class Looker:
    """Takes the pictures of one workspace at one size."""

    def __init__(self, browser: Browser, home: str, size: str, out: Path, address: str) -> None:
        width, height = SIZES[size]
        phone = size == "phone"
        context = browser.new_context(
            viewport={"width": width, "height": height}, has_touch=phone, is_mobile=phone
        )
        self.page = context.new_page()
        self.page.set_default_timeout(20_000)
        self.home, self.size, self.out, self.address = home, size, out, address
        self.found: list[str] = []

    def look(self, view: View, *, is_open: bool = False) -> None:
        """Open a view, unless it is open, and take its two pictures."""
        page, (width, height) = self.page, SIZES[self.size]
        name = f"{self.home}-{view.name}-{self.size}"
        try:
            if not is_open:
                page.goto(f"{self.address}/{view.path}")
                page.get_by_test_id("stMain").wait_for(timeout=WAIT)
                settle(page)
            if view.then:
                view.then(page)
                settle(page)
            main = "document.querySelector('[data-testid=stMain]').scrollHeight"
            tall = max(height, min(TALLEST, int(page.evaluate(main))))
            findings = page.evaluate(MEASURE, self.size == "phone")
            self.found += [f"{name}: {finding}" for finding in findings]
            page.set_viewport_size({"width": width, "height": tall})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                page.wait_for_timeout(1_200)  # colours change in steps
                page.screenshot(path=self.out / f"{name}-{scheme}.png")
            page.emulate_media(color_scheme="light")
        except Error as error:
            self.found.append(f"{name}: NOT TAKEN: {str(error)[:300]}")
            page.screenshot(path=self.out / f"{name}-failed.png")
        page.set_viewport_size({"width": width, "height": height})
        print(name, flush=True)

    def look_at_page(self, name: str, module: str) -> None:
        """A page, and each of its tabs."""
        path = f"{name}?module={module}" if module else name
        self.look(View(name, path))
        if module and name in MEASURED:
            button = self.page.get_by_role("button", name="Measure", exact=True)
            if button.count():
                self.look(View(f"{name}-measured", path, _measure), is_open=True)
        labels = [tab.inner_text().strip() for tab in tabs(self.page)]
        for number, label in enumerate(labels):
            if number == 0 and name not in MEASURED:
                continue  # the page itself
            short = label.split("(")[0].strip().lower().replace(" ", "-")
            press = lambda page, n=number: tabs(page)[n].click()  # noqa: E731
            self.look(View(f"{name}-{short}", path, press), is_open=True)

    def look_at_all(self, module: str, only: str) -> None:
        """Every view whose name has ``only`` in it."""
        if self.home != "errors":
            if only in "home":
                self.look(View("home", ""))
            for name in PAGES:
                if only in name or not only:
                    self.look_at_page(name, module)
        for view in views(self.home):
            if only in view.name:
                self.look(view)


def prepare(homes: Path, models: Path) -> None:
    """Make the workspaces that aren't there yet; the sample's run takes some minutes of CPU."""
    for name in ("empty", "sample", "odd", "errors"):
        home = homes / name
        home.mkdir(parents=True, exist_ok=True)
        if name != "errors" and not (home / "models").exists():
            (home / "models").symlink_to(models.resolve())
        space = Workspace(home)
        modules = space.store.modules()
        if name in ("sample", "errors") and TRAVEL not in modules:
            load_sample(space)
        if name == "odd" and ODD not in modules:
            load_odd_module(space, homes)
        space.store.close()
        if name == "sample" and not any((home / "runs").glob("*")):
            environment = {**os.environ, "RADU_HOME": str(home), "PYTHONPATH": str(ROOT)}
            for words in (["fit", TRAVEL, "--minutes", "2"], ["build-dataset", "--module", TRAVEL]):
                command = [sys.executable, "-m", "radu_core", *words]
                subprocess.run(command, env=environment, check=True)


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--homes", type=Path, default=ROOT / "build" / "look")
    options.add_argument("--home", choices=["empty", "sample", "odd", "errors"], action="append")
    options.add_argument("--size", choices=list(SIZES), action="append")
    options.add_argument("--only", default="", help="views whose name has this in it")
    chosen = options.parse_args(arguments)
    out = chosen.homes / "pictures"
    out.mkdir(parents=True, exist_ok=True)
    prepare(chosen.homes, ROOT / "workspace" / "models")
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM
        )
        for home in chosen.home or ["empty", "sample", "odd", "errors"]:
            module = {"sample": TRAVEL, "odd": ODD}.get(home, "")
            with studio(chosen.homes / home, HF_HUB_OFFLINE="1") as address:
                for size in chosen.size or SIZES:
                    looker = Looker(browser, home, size, out, address)
                    looker.look_at_all(module, chosen.only)
                    looker.page.context.close()
                    found += looker.found
        browser.close()
    (out / "findings.txt").write_text("\n".join(found) + "\n", encoding="utf-8")
    print(f"{len(found)} findings in {out / 'findings.txt'}")


if __name__ == "__main__":
    main()
