"""The docs in a real browser: from a page to its own, on to a section, found by search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from studio_process import studio

pytestmark = pytest.mark.e2e


def test_from_a_page_to_its_docs_and_on(page: Page, home: Path) -> None:
    with studio(home) as address:
        page.goto(f"{address}/load")
        with page.expect_popup() as popup:
            page.get_by_test_id("stMain").get_by_role("link", name="Docs", exact=True).click()
        docs = popup.value
        expect(docs.get_by_role("heading", name="Load your own data")).to_be_visible(timeout=60_000)
        docs.get_by_role("link", name="alignment knows").click()
        languages = docs.get_by_role("heading", name="Languages", exact=True)
        expect(languages).to_be_in_viewport(timeout=60_000)
        docs.go_back()
        expect(docs.get_by_role("heading", name="Load your own data")).to_be_visible()
        docs.get_by_role("textbox", name="Search the docs").fill("half-open unicode")
        docs.keyboard.press("Enter")
        docs.get_by_role("link", name="The annotation protocol: Request").click()
        expect(docs.get_by_role("heading", name="Request", exact=True)).to_be_in_viewport(
            timeout=60_000
        )
        assert len(page.context.pages) == 2  # links within the docs stay in their tab


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, home: Path, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    with studio(home) as address:
        for name in ("index", "reference/formats"):
            page.goto(f"{address}/docs?page={name}")
            expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=60_000)
            page.wait_for_timeout(1_000)
            found = Axe().run(page).response["violations"]
            serious = [v["id"] for v in found if v["impact"] in ("serious", "critical")]
            assert serious == [], name
