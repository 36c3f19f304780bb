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
from studio.frame.tour_steps import TOURS, Step

pytestmark = pytest.mark.e2e
TRAVEL = "aurora_travel_en"
MINUTES = 60_000
LATER = ".radu-later"


def points_or_says_when(page: Page, step: Step) -> bool:
    """What the step points at is there; or it says when it will be, and not both."""
    there, later = page.locator(step.at), page.locator(LATER)
    expect(there.or_(later).first).to_be_attached(timeout=MINUTES)
    page.wait_for_timeout(2_000)  # parts arrive one by one
    points = there.first.is_visible()
    assert later.is_visible() is not points, step.title
    assert points or later.inner_text() == step.later
    return points


def test_on_an_empty_page_a_step_says_when_its_part_is_there(page: Page, home: Path) -> None:
    page.set_default_timeout(MINUTES)
    Workspace(home)
    with studio(home) as address:
        for name in ("home", "coverage", "evaluate"):
            page.goto(f"{address}/{'' if name == 'home' else name}")
            page.get_by_role("button", name="Tour of this page").click()
            card, points = page.locator(".st-key-tour"), []
            for step in TOURS[name]:
                expect(card).to_contain_text(step.title, timeout=MINUTES)
                points.append(points_or_says_when(page, step))
                page.get_by_role("button", name=re.compile("Next|Done")).click()
            assert points == ([True, False] if name == "home" else [False, False])
            expect(card).to_have_count(0, timeout=MINUTES)


def test_the_tour_leads_through_all_pages(page: Page, home: Path) -> None:
    page.set_default_timeout(MINUTES)
    with studio(home) as address:
        page.goto(address)
        page.get_by_role("button", name="Take the tour").click()
        card = page.locator(".st-key-tour")
        expect(card).to_contain_text(TOURS["home"][0].title, timeout=MINUTES)
        load_sample(Workspace(home), only=("travel",))
        for steps in TOURS.values():
            for step in steps:
                expect(card).to_contain_text(step.title, timeout=MINUTES)
                points_or_says_when(page, step)
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
