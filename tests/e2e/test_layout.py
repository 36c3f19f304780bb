"""What every page has from the frame: focus that is seen, targets for a finger, fields that fit."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from focus import to
from odd_module import ODD, load_odd_module
from playwright.sync_api import Browser, Page, expect
from studio_process import studio

from radu_core.workflows.frame.workspace import Workspace

pytestmark = pytest.mark.e2e
MINUTES = 60_000
FINGER = 24  # pixels, WCAG 2.2's least
OUTLINE = "() => getComputedStyle(document.activeElement).outlineStyle"


@pytest.fixture
def odd(home: Path, tmp_path: Path) -> Path:
    """A home with the module whose names are long and whose texts are of many scripts."""
    space = Workspace(home)
    load_odd_module(space, tmp_path)
    space.store.close()
    return home


def test_focus_is_seen_on_links_and_tables(page: Page, odd: Path) -> None:
    with studio(odd) as address:
        page.goto(f"{address}/utterances?module={ODD}&row=odd-001")
        expect(page.get_by_role("link", name="Open in Annotate")).to_be_visible(timeout=MINUTES)
        page.get_by_role("textbox", name="Search", exact=True).focus()
        to(page, "canvas.*")
        assert page.evaluate(OUTLINE) == "solid"
        to(page, "a .*Open in Annotate")  # Tab leaves the table after the cells of its row
        assert page.evaluate(OUTLINE) == "solid"


def test_a_dialog_gives_the_focus_back(page: Page, odd: Path) -> None:
    with studio(odd) as address:
        page.goto(f"{address}/schema?module={ODD}&function=say_hello")
        for name in ("Rename function", "Remove function"):
            button = page.get_by_role("button", name=name)
            expect(button).to_be_visible(timeout=MINUTES)
            button.focus()
            page.keyboard.press("Enter")
            expect(page.get_by_role("dialog")).to_be_visible(timeout=MINUTES)
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0, timeout=MINUTES)
            expect(button).to_be_focused()


def test_the_fields_of_prompts_stand_on_one_row_of_a_desk(page: Page, odd: Path) -> None:
    with studio(odd) as address:
        page.goto(f"{address}/prompts?module={ODD}")
        fields = page.locator("[data-testid=stNumberInput], [data-testid=stSelectbox]")
        chat = fields.filter(has_text="Chat turns")
        expect(chat).to_be_visible(timeout=MINUTES)
        ends = []
        for name in ("Functions retrieved", "Exemplars retrieved", "Longest row", "Base", "Chat"):
            box = fields.filter(has_text=name).first.bounding_box()
            assert box is not None
            ends.append(box["y"] + box["height"])
        assert max(ends) - min(ends) < 2, f"the fields end at {ends}"


def test_tabs_that_wrap_do_not_touch(page: Page, odd: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    with studio(odd) as address:
        page.goto(f"{address}/load?module={ODD}")
        tabs = page.get_by_role("radiogroup", name="Tabs").first.locator("button[data-variant]")
        expect(tabs.first).to_be_visible(timeout=MINUTES)
        boxes = [box for tab in tabs.all() if (box := tab.bounding_box())]
        rows = sorted({box["y"] for box in boxes})
        assert len(rows) > 1
        for one, other in pairwise(boxes):
            if one["y"] == other["y"]:
                assert other["x"] - one["x"] - one["width"] >= 4
            else:
                assert other["y"] - one["y"] - one["height"] >= 4


def test_a_phone_shows_long_names_and_a_finger_hits_what_is_there(
    browser: Browser, odd: Path
) -> None:
    with studio(odd) as address:
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
        )
        page = context.new_page()
        for path in ("schema", "train", "utterances", "prompts", "load"):
            page.goto(f"{address}/{path}?module={ODD}")
            main = page.get_by_test_id("stMain")
            expect(main.get_by_role("heading").first).to_be_visible(timeout=MINUTES)
            help_icon = main.get_by_role("button", name="Help for").first
            if path != "utterances":
                expect(help_icon).to_be_visible(timeout=MINUTES)
            wide = main.evaluate("at => at.scrollWidth - at.clientWidth")
            assert wide <= 0, f"{path} scrolls sideways by {wide} pixels"
            for button in main.locator("button:visible").all():
                box = button.bounding_box()
                name = button.get_attribute("aria-label") or button.inner_text()
                if box is not None and box["width"] > 1:  # else it is a screen reader's
                    assert min(box["width"], box["height"]) >= FINGER, f"{path}: {name} {box}"
        context.close()
