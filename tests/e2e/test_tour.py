"""The tour in a browser: from page to page by keyboard, what it points at is there, and left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe import serious
from focus import to
from playwright.sync_api import Page, expect
from studio_process import studio

from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample
from studio.frame.tour_steps import TOURS

pytestmark = pytest.mark.e2e
TRAVEL = "aurora_travel_en"
MINUTES = 60_000
RUN_NEEDED = ("evaluate", "playground")  # without one the page says so, and has no tabs


def test_the_tour_leads_through_all_pages(page: Page, home: Path) -> None:
    page.set_default_timeout(MINUTES)
    with studio(home) as address:
        page.goto(address)
        page.get_by_role("button", name="Take the tour").click()
        card = page.locator(".st-key-tour")
        expect(card).to_contain_text(TOURS["home"][0].title, timeout=MINUTES)
        load_sample(Workspace(home), only=("travel",))
        for name, steps in TOURS.items():
            for step in steps:
                expect(card).to_contain_text(step.title, timeout=MINUTES)
                if name not in RUN_NEEDED and name != "home":
                    expect(page.locator(step.at).first).to_be_visible(timeout=MINUTES)
                to(page, "button (Next.*|Done)")
                if step is steps[0]:
                    assert serious(page, ".st-key-tour") == []
                page.keyboard.press("Enter")
        expect(card).to_have_count(0, timeout=MINUTES)
        again = page.get_by_role("button", name="Tour of this page")
        again.click()
        expect(card).to_be_visible(timeout=MINUTES)

        page.goto(f"{address}/annotate?module={TRAVEL}")
        page.get_by_role("button", name="Tour of this page").click()
        expect(card).to_be_visible(timeout=MINUTES)
        page.locator(".utterance").click()
        page.keyboard.press("Escape")
        page.keyboard.press("?")  # the annotator's keys work beside it
        expect(page.get_by_text("the value is implied: meant, not written")).to_be_visible()
        page.keyboard.press("Escape")
        to(page, "button .*Leave the tour", key="Shift+Tab")
        page.keyboard.press("Enter")
        expect(card).to_have_count(0, timeout=MINUTES)
        page.reload()
        expect(page.locator(".utterance")).to_be_visible(timeout=MINUTES)
        expect(page.get_by_text(re.compile("1 of 3"))).to_have_count(0)
