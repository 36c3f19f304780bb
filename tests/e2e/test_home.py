"""Home in a browser: an empty workspace says what to do; a loaded one what needs attention."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe import serious
from focus import to
from playwright.sync_api import Browser, Page, expect
from studio_process import studio

from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample

pytestmark = pytest.mark.e2e
TRAVEL, BANKING = "aurora_travel_en", "aurora_banking_en"
MINUTES = 60_000


def test_an_empty_workspace_says_what_this_is(browser: Browser, home: Path) -> None:
    with studio(home) as address:
        for scheme in ("light", "dark"):
            for size in ((1440, 900), (1024, 768), (390, 844)):
                viewport = {"width": size[0], "height": size[1]}
                page = browser.new_page(viewport=viewport, color_scheme=scheme)
                page.goto(address)
                picture = page.get_by_role("img", name=re.compile("path through the studio"))
                expect(picture).to_be_visible(timeout=MINUTES)
                box = picture.bounding_box()
                assert box is not None
                assert box["x"] + box["width"] <= size[0]
                assert (box["width"] > box["height"]) == (size[0] > 1200)  # wide, or tall
                colours = picture.evaluate(
                    "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
                )
                assert colours[0] == colours[1]  # the theme's own
                assert serious(page) == []
                page.close()
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        expect(page.get_by_role("link", name="Load your own data")).to_be_visible()
        to(page, "button Load the sample project")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=TRAVEL)).to_be_visible(timeout=MINUTES)
        expect(page.get_by_role("img", name=re.compile("path through"))).to_have_count(0)
        page.close()


def test_home_leads_to_what_needs_attention(page: Page, home: Path) -> None:
    space = Workspace(home)
    load_sample(space, only=("travel", "banking"))
    config = TrainConfig(dataset=Path("d") / TRAVEL, base_model="m")
    run = RunDirectory.create(space.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    run.append("state", state="failed", reason="The disk is full.")
    space.store.close()
    with studio(home) as address:
        page.goto(f"{address}/load?module={BANKING}")  # another one is open: the links say which
        heading = page.get_by_role("heading", name="Load", exact=True)
        expect(heading).to_be_visible(timeout=MINUTES)
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Home", exact=True).click()
        expect(page.get_by_text(f"Run {run.id} failed: The disk is full.")).to_be_visible(
            timeout=MINUTES
        )
        assert serious(page) == []
        page.get_by_role("link", name="Choose their readings").last.click()
        expect(page.get_by_role("combobox", name="Queue")).to_have_value(
            "Ambiguous", timeout=MINUTES
        )
        expect(page.get_by_role("combobox", name="Module")).to_have_value(TRAVEL)

        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Home", exact=True).click()
        link = page.get_by_role("link", name=run.id)
        expect(link).to_be_visible(timeout=MINUTES)
        to(page, f"a .*{run.id}", most=120)
        page.keyboard.press("Enter")
        chosen = page.get_by_role("combobox", name="Run", exact=True)
        expect(chosen).to_have_value(run.id, timeout=MINUTES)
        expect(page.get_by_role("radio", name="3 Runs")).to_be_checked()
        assert "run=" not in page.url  # it asks once
        assert page.get_by_test_id("stException").count() == 0
