"""A run that ends while somebody is on another page: a message, and a mark until it is seen."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from axe import serious
from playwright.sync_api import Browser, expect
from studio_process import studio

from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample
from radu_core.workflows.train.manage_runs import rename

pytestmark = pytest.mark.e2e
TRAVEL = "aurora_travel_en"
MINUTES = 60_000


def test_a_finished_run_is_announced_wherever_one_is(browser: Browser, home: Path) -> None:
    space = Workspace(home)
    load_sample(space, only=("travel",))
    config = TrainConfig(dataset=Path("d") / TRAVEL, base_model="m")
    run = RunDirectory.create(space.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    run.write_process(os.getpid(), psutil.Process().create_time())
    run.append("state", state="running")
    rename(space, run.id, "first try")
    space.store.close()
    with studio(home) as address:
        desk = browser.new_page(viewport={"width": 1440, "height": 900})
        desk.goto(f"{address}/annotate?module={TRAVEL}")
        utterance = desk.locator(".utterance")
        expect(utterance).to_be_visible(timeout=MINUTES)
        expect(utterance).not_to_be_empty(timeout=MINUTES)
        before = utterance.inner_text()
        phone = browser.new_page(viewport={"width": 390, "height": 844})
        phone.goto(f"{address}/schema?module={TRAVEL}")
        heading = phone.get_by_role("heading", name="Schema", exact=True)
        expect(heading).to_be_visible(timeout=MINUTES)
        button = phone.get_by_test_id("stExpandSidebarButton")
        dot = "e => getComputedStyle(e, '::after').content"
        assert button.evaluate(dot) == "none"

        run.append("state", state="finished")
        for page in (desk, phone):
            told = page.get_by_test_id("stToast")
            expect(told).to_contain_text("first try has finished.", timeout=MINUTES)
        assert button.evaluate(dot) != "none"
        assert utterance.inner_text() == before  # the annotator's page wasn't drawn again
        assert serious(desk, "[data-testid=stSidebar]") == []

        desk.reload()  # another visit: not told again, still marked
        mark = desk.get_by_role("link", name="first try has finished")
        expect(mark).to_be_visible(timeout=MINUTES)
        expect(desk.get_by_test_id("stToast")).to_have_count(0)
        mark.click()
        chosen = desk.get_by_role("combobox", name="Run", exact=True)
        expect(chosen).to_have_value(f"first try · {run.id}", timeout=MINUTES)
        expect(mark).to_have_count(0)
        desk.close()
        phone.close()
