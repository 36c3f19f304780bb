"""The Schema page from the keyboard alone, and two tabs of it in real browsers."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from focus import to, write
from playwright.sync_api import Page, expect
from studio_process import studio

from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample

pytestmark = pytest.mark.e2e
TRAVEL = "aurora_travel_en"
MINUTES = 60_000


@pytest.fixture
def space(home: Path) -> Workspace:
    made = Workspace(home)
    load_sample(made, only=("travel",))
    return made


def test_add_rename_and_remove_from_the_keyboard(page: Page, space: Workspace) -> None:
    with studio(space.home) as address:
        page.goto(f"{address}/schema?module={TRAVEL}")
        expect(page.get_by_role("button", name="Add function")).to_be_visible(timeout=MINUTES)

        to(page, "input Name")
        write(page, "buy_insurance", then="Tab")
        to(page, "textarea Description")
        write(page, "Insure a trip against illness and delay.", then="Tab")
        to(page, "button .*Add function")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Saved.").first).to_be_visible(timeout=MINUTES)

        page.keyboard.press("Control+Home")
        to(page, "combobox .*Function", key="Shift+Tab")
        write(page, "buy_insurance")
        expect(page.get_by_role("button", name="Rename function")).to_be_visible(timeout=MINUTES)
        to(page, "button .*Rename function")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        to(page, "input New name")
        write(page, "insure_trip")
        expect(page.get_by_text("These follow: 0 exemplars")).to_be_visible(timeout=MINUTES)
        to(page, "button .*Rename")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0, timeout=MINUTES)
        assert space.store.schema(TRAVEL).functions[-1].name == "insure_trip"

        to(page, "combobox .*Function", key="Shift+Tab")
        write(page, "insure_trip")
        expect(page.get_by_text("This function has no slots")).to_be_visible(timeout=MINUTES)
        to(page, "button .*Remove function")
        page.keyboard.press("Enter")
        expect(page.get_by_text("0 exemplars name insure_trip")).to_be_visible(timeout=MINUTES)
        page.keyboard.press("Escape")  # which leaves everything as it is
        expect(page.get_by_role("dialog")).to_have_count(0, timeout=MINUTES)
        assert space.store.schema(TRAVEL).function("insure_trip") is not None


def test_two_browser_tabs_see_both_versions(page: Page, space: Workspace) -> None:
    with studio(space.home) as address:
        other = page.context.new_page()
        for tab in (page, other):
            tab.goto(f"{address}/schema?module={TRAVEL}&function=book_flight")
            expect(tab.get_by_role("button", name="Save slot")).to_be_visible(timeout=MINUTES)
        slot = page.get_by_role("textbox", name="Description").nth(1)
        slot.fill("where it starts")
        page.get_by_role("button", name="Save slot").click()
        expect(page.get_by_text("Saved.").first).to_be_visible(timeout=MINUTES)

        other.get_by_role("textbox", name="Description").first.fill("Buy a seat on a plane.")
        other.get_by_role("button", name="Save function").click()
        dialog = other.get_by_role("dialog")
        expect(dialog).to_contain_text("where it starts", timeout=MINUTES)
        expect(dialog).to_contain_text("Buy a seat on a plane.")
        other.get_by_role("button", name="Save both").click()
        expect(dialog).to_have_count(0, timeout=MINUTES)
        flight = space.store.schema(TRAVEL).function("book_flight")
        assert flight is not None
        assert flight.description == "Buy a seat on a plane."
        assert flight.slots[0].description == "where it starts"

        other.get_by_role("radio", name="JSON").click()
        text = other.get_by_role("textbox", name="Schema as JSON")
        expect(text).to_be_visible()
        text.fill(text.input_value().replace('"integer"', '"int"', 1))
        other.get_by_role("button", name="Check and save").click()
        expect(other.get_by_text("Input should be 'string'")).to_contain_text("line 26, column")
        found = Axe().run(other, options={"runOnly": ["wcag2a", "wcag2aa"]})
        mine = [v["id"] for v in found.response["violations"]]
        assert mine == [], found.generate_report()
