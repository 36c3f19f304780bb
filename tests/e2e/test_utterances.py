"""The table of all utterances in a real browser: filter, open in Annotate by keyboard, and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from studio_process import studio

from radu_core.files import parse_json
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample

pytestmark = pytest.mark.e2e
TRAVEL = "aurora_travel_en"
MINUTES = 60_000


@pytest.fixture
def loaded_home(home: Path) -> Path:
    """A home with the travel module: 348 utterances."""
    space = Workspace(home)
    load_sample(space, only=("travel",))
    space.store.close()
    return home


def settled(page: Page) -> None:
    page.wait_for_timeout(300)
    expect(page.locator('[data-test-script-state="notRunning"]')).to_be_visible(timeout=MINUTES)


def open_page(page: Page, address: str, query: str = "") -> None:
    page.goto(f"{address}/utterances?module={TRAVEL}{query}")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible(timeout=MINUTES)
    settled(page)


def test_pages_filters_and_the_way_to_annotate_and_back(page: Page, loaded_home: Path) -> None:
    with studio(loaded_home) as address:
        open_page(page, address)
        main = page.get_by_test_id("stMain")
        expect(main.get_by_text("1 to 100 of 348 utterances")).to_be_visible()
        main.get_by_role("button", name="Page 4", exact=True).click()
        expect(main.get_by_text("301 to 348 of 348 utterances")).to_be_visible()
        assert "page=4" in page.url
        search = main.get_by_role("textbox", name="Search")
        search.fill("marseille")
        search.press("Enter")
        expect(main.get_by_text("utterances", exact=False).first).to_be_visible()
        settled(page)
        assert "search=marseille" in page.url
        main.get_by_test_id("stDataFrame").locator("canvas").first.focus()
        page.keyboard.press("ArrowDown")
        settled(page)
        link = main.get_by_role("link", name="Open in Annotate")
        link.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Annotate")).to_be_visible(timeout=MINUTES)
        expect(main.get_by_text("Marseille").first).to_be_visible()
        main.get_by_role("link", name="Back to Utterances").click()
        expect(page.get_by_role("heading", name="Utterances")).to_be_visible(timeout=MINUTES)
        settled(page)
        expect(main.get_by_role("textbox", name="Search")).to_have_value("marseille")
        expect(main.get_by_role("link", name="Open in Annotate")).to_be_visible()


def test_what_is_found_is_downloaded(page: Page, loaded_home: Path) -> None:
    with studio(loaded_home) as address:
        open_page(page, address, "&split=test&function=book_flight")
        with page.expect_download() as download:
            page.get_by_role("button", name="as JSONL").click()
        rows = [parse_json(x) for x in Path(download.value.path()).read_text("utf-8").splitlines()]
    assert rows
    assert {(row["function"], row["split"]) for row in rows} == {("book_flight", "test")}


def press(page: Page, name: str) -> None:
    page.get_by_test_id("stMain").get_by_role("button", name=name).click()
    settled(page)


def test_ticked_rows_are_edited_after_a_preview_and_the_edit_is_undone(
    page: Page, loaded_home: Path
) -> None:
    with studio(loaded_home) as address:
        open_page(page, address, "&search=marseille")
        main = page.get_by_test_id("stMain")
        canvas = main.get_by_test_id("stDataFrame").first.locator("canvas").first
        canvas.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Shift+Space")  # ticks the row
        settled(page)
        main.get_by_role("combobox", name="Edit").click()
        page.get_by_role("option", name="Add tag").click()
        settled(page)
        expect(main.get_by_text("Ticked (1)")).to_be_visible()
        tag = main.get_by_role("textbox", name="Tag to add")
        tag.fill("south")
        tag.press("Enter")
        settled(page)
        press(page, "Preview")
        expect(main.get_by_text("Add tag: 1 utterance of 1 would change")).to_be_visible()
        press(page, "Change 1 utterance")
        expect(main.get_by_text("Add tag: 1 utterance changed.")).to_be_visible()
        space = Workspace(loaded_home)
        assert len(tagged(space)) == 1
        press(page, "Undo")
        expect(main.get_by_text("1 utterance is as before the edit.")).to_be_visible()
        assert tagged(space) == []


def tagged(space: Workspace) -> list[str]:
    return [i.exemplar.id for i in space.store.exemplars(TRAVEL) if "south" in i.exemplar.tags]
