"""The Train page from the keyboard alone: settings, Check, Launch, Stop, Resume; and its tabs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import make_tiny_model
from focus import to, write
from playwright.sync_api import Page, expect
from studio_process import studio

from radu_core.dataset import DatasetConfig
from radu_core.training.run.directory import list_runs
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample
from radu_core.workflows.train.dataset import build

pytestmark = pytest.mark.e2e
TRAVEL = "aurora_travel_en"
MINUTES = 60_000


def test_from_settings_to_a_resumed_run(page: Page, home: Path, tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    space = Workspace(home)
    load_sample(space, only=("travel",))
    few = DatasetConfig.of(strategies=("rag",), k_desc=2, k_exemplar=2)
    build(space, TRAVEL, config=few)  # the tiny model's tokens are short
    with studio(home) as address:
        page.goto(f"{address}/train?module={TRAVEL}")
        expect(page.get_by_role("button", name="Preview")).to_be_visible(timeout=MINUTES)
        to(page, "radio 1 Dataset")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Check")).to_be_visible()
        to(page, "combobox .*Base model")
        write(page, str(model))
        to(page, "input Epochs")
        write(page, "60")
        expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value("60")

        # another tab and back: what was entered is there
        to(page, "radio 2 Launch", key="Shift+Tab")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        expect(page.get_by_text("No run of this module yet.")).to_be_visible()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Space")
        expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value("60")
        expect(page.get_by_role("combobox", name="Base model")).to_have_value(str(model))

        to(page, "button .*Check")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Ready to launch.")).to_be_visible(timeout=2 * MINUTES)
        to(page, "button .*Launch")
        page.keyboard.press("Enter")
        expect(page.get_by_text("has started")).to_be_visible(timeout=2 * MINUTES)
        to(page, "button .*Show it")
        page.keyboard.press("Enter")
        stepping = page.get_by_text(re.compile(r"step \d+ of"))
        expect(stepping.first).to_be_visible(timeout=2 * MINUTES)

        to(page, "button .*Stop")
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=MINUTES)
        to(page, "button .*Resume", most=1)  # the focus stayed on it
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=MINUTES)
        to(page, "button .*Stop", most=1)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=MINUTES)
    [run] = list_runs(space.runs)
    assert run.config().epochs == 60
    assert run.state()[0] == "stopped"
    assert sum(e.kind == "state" and e.data["state"] == "stopped" for e in run.events()) == 2
