"""Every tab of every page has its own content, no error, and nothing serious that axe finds.

Tried on the sample project and, page by page, on an empty workspace, light on a desk and dark on a
phone.

Pages are found by the links of the navigation and tabs by their role, so that a page or a tab that
is added later is visited as well; what is known of the content of some is looked for besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from adapted_run import make_adapted_run
from axe import serious
from playwright.sync_api import Locator, Page, expect
from studio_process import studio

from radu_core.workflows.evaluate.evaluation import evaluate
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample
from radu_core.workflows.schema.edits import change_module
from radu_core.workflows.schema.module import save_schema

pytestmark = pytest.mark.e2e
TRAVEL = "aurora_travel_en"
MINUTES = 60_000
MEASURED = ("Coverage", "Overlap")  # pages whose tabs are there after Measure
# What only that tab shows; a tab that isn't named here must differ from the page's others.
CONTENT = {
    ("Load", "Utterances"): "JSONL, CSV",
    ("Load", "Outcome"): "Resolved by",
    ("Load", "Export"): "Download",
    ("Schema", "Functions"): "All 6 functions",
    ("Schema", "Recognizers"): "Try it on",
    ("Schema", "Module"): "Reference date",
    ("Schema", "JSON"): "Schema as JSON",
    ("Schema", "Versions"): "Restore version 1",
    ("Prompts", "Preview"): "Which function does the user want?",
    ("Train", "2 Launch"): "Base model",
    ("Evaluate", "Result"): "Per function",
    ("Playground", "Ask"): "Run or directory",
    ("Playground", "Use it in an app"): "radu serve",
}


@pytest.fixture
def used(home: Path, tmp_path: Path) -> Path:
    """A home with the travel module: an earlier schema, a dataset, and a run that was measured."""
    space = Workspace(home)
    load_sample(space, only=("travel",))
    schema = space.store.schema(TRAVEL)
    assert schema.reference_date is not None
    save_schema(space, TRAVEL, change_module(schema, description="Travel."), who="bob")
    run = make_adapted_run(space, TRAVEL, tmp_path / "tiny")
    evaluate(space, run.id, module=TRAVEL, split="test", limit=2)
    space.store.close()
    return home


def settled(page: Page) -> None:
    """The script has run to its end."""
    page.wait_for_timeout(300)  # until it has begun
    expect(page.locator('[data-test-script-state="notRunning"]')).to_be_visible(timeout=MINUTES)


def no_error(page: Page, where: str) -> None:
    """No traceback and no error box, whatever it says."""
    for found in ("stException", "stAlertContentError"):
        boxes = page.get_by_test_id(found)
        said = [box.inner_text() for box in boxes.all()]
        assert said == [], f"{where}: {said}"
    assert "Traceback (most recent call last)" not in page.locator("body").inner_text(), where


def no_barrier(page: Page, where: str) -> None:
    """Nothing is what axe calls serious, light at 1440 pixels and dark at 390.

    At 390 nothing scrolls sideways either.
    """
    assert serious(page) == [], where
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_test_id("stExpandSidebarButton")).to_be_visible()
    page.wait_for_timeout(600)  # until colours have changed, which takes a transition
    assert serious(page) == [], f"{where}, dark, on a phone"
    wide = page.get_by_test_id("stMain").evaluate("at => at.scrollWidth - at.clientWidth")
    assert wide <= 0, f"{where} scrolls sideways on a phone, by {wide} pixels"
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(300)


def tabs(page: Page) -> list[Locator]:
    """The page's own tabs: the row that ``open_tab`` makes, or Streamlit's."""
    row = page.get_by_role("radiogroup", name="Tabs", exact=True)
    if row.count():
        return row.first.get_by_role("radio").all()
    return page.get_by_role("tablist").first.get_by_role("tab").all()


def page_names(page: Page) -> list[str]:
    """What the links of the navigation say."""
    links = page.get_by_test_id("stSidebarNav").get_by_role("link")
    expect(links.first).to_be_visible(timeout=MINUTES)
    return [link.inner_text().split()[-1] for link in links.all()]  # after its icon


def open_page(page: Page, name: str) -> None:
    """By its link in the sidebar."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_test_id("stMain").get_by_role("heading").first).to_be_visible()
    settled(page)


def visited(page: Page, name: str) -> Iterator[tuple[str, str]]:
    """Each tab's label and what the page says while it is open."""
    for number, label in enumerate([tab.inner_text().strip() for tab in tabs(page)]):
        tabs(page)[number].click()
        settled(page)
        no_error(page, f"{name}, {label}")
        no_barrier(page, f"{name}, {label}")
        main = page.get_by_test_id("stMain")
        fields = main.locator("input, textarea")
        values = [f.input_value() for f in fields.all() if f.is_visible()]
        yield label, "\n".join([main.inner_text(), *values])


def test_every_tab_of_every_page(page: Page, used: Path) -> None:
    page.set_default_timeout(MINUTES)
    seen: dict[str, list[str]] = {}
    with studio(used) as address:
        page.goto(f"{address}/load?module={TRAVEL}")
        names = page_names(page)
        for name in names:
            open_page(page, name)
            no_error(page, name)
            if name in MEASURED or not tabs(page):  # else its tabs are looked at
                no_barrier(page, name)
            if name in MEASURED:
                page.get_by_role("button", name="Measure", exact=True).click()
                row = page.get_by_role("radiogroup", name="Tabs", exact=True)
                expect(row.first).to_be_visible(timeout=3 * MINUTES)
                settled(page)
            texts: dict[str, str] = {}
            for label, text in visited(page, name):
                texts[re.sub(r" \(.*\)$", "", label)] = text
            seen[name] = list(texts)
            assert len(set(texts.values())) == len(texts), f"two tabs of {name} are the same"
            for (of, tab), words in CONTENT.items():
                if of == name and tab in texts:
                    assert words in texts[tab], f"{name}, {tab}: {texts[tab][:500]}"
    assert len(names) >= 10
    for name in ("Load", "Schema", *MEASURED, "Prompts", "Train", "Evaluate"):
        assert len(seen[name]) >= 3, f"{name} has the tabs {seen[name]}"


def test_every_page_of_an_empty_workspace(page: Page, home: Path) -> None:
    page.set_default_timeout(MINUTES)
    with studio(home) as address:
        page.goto(address)
        for name in page_names(page):
            open_page(page, name)
            no_error(page, name)
            no_barrier(page, name)
