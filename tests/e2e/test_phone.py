"""Annotating on a phone, by touch: filters, decisions and the name are within a thumb's reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe import serious
from playwright.sync_api import Browser, expect
from studio_process import studio

from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample

pytestmark = pytest.mark.e2e
TRAVEL = "aurora_travel_en"
MINUTES = 60_000


def test_an_utterance_is_decided_by_touch(browser: Browser, home: Path) -> None:
    load_sample(Workspace(home), only=("travel",))
    with studio(home) as address:
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
        )
        page = context.new_page()
        page.goto(f"{address}/annotate?module={TRAVEL}&queue=ambiguous")
        expect(page.locator(".utterance")).to_be_visible(timeout=MINUTES)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        touched = page.locator(".actions button, .label, .reading")
        for part in touched.all():
            box = part.bounding_box()
            assert box is not None
            assert box["height"] >= 44, part.inner_text()
        accept = page.get_by_role("button", name="Accept", exact=True)
        box = accept.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 844  # in sight, however long the utterance is
        left, right = (page.get_by_role("combobox", name=n) for n in ("Queue", "Function"))
        boxes = [choice.bounding_box() for choice in (left, right)]
        assert boxes[0] is not None
        assert boxes[1] is not None
        assert boxes[0]["y"] == boxes[1]["y"]  # side by side
        assert serious(page) == []

        page.locator(".reading").first.tap()
        accept.tap()
        expect(page.get_by_text("324 of 348 resolved")).to_be_visible(timeout=MINUTES)
        last = page.get_by_role("button", name="Keys", exact=True)
        last.tap()  # the row is swiped to it
        expect(page.get_by_text("the value is implied: meant, not written")).to_be_visible()
        page.get_by_role("button", name="Close").tap()

        expand = page.get_by_test_id("stExpandSidebarButton")
        box = expand.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
        expand.tap()
        page.get_by_role("button", name="Change name").tap()
        name = page.get_by_role("textbox", name="Your name")
        expect(name).to_be_visible(timeout=MINUTES)
        name.fill("Thumb")
        page.get_by_role("button", name="Keep this name").tap()
        expect(page.get_by_test_id("stSidebar").get_by_text("Thumb")).to_be_visible(timeout=MINUTES)
        context.close()
