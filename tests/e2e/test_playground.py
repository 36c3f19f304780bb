"""The Playground in a real browser: type, Enter, answers side by side, and one back to Annotate."""

from __future__ import annotations

from pathlib import Path

import pytest
from adapted_run import make_adapted_run
from playwright.sync_api import Page, expect
from studio_process import studio

from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample
from radu_core.workflows.playground.export_model import export_model

pytestmark = pytest.mark.e2e
TRAVEL = "aurora_travel_en"
MINUTES = 60_000
FIRST, SECOND = "a boat to the moon, quickly", "and back again, slowly"


@pytest.fixture
def run(home: Path, tmp_path: Path) -> RunDirectory:
    """A finished run of the travel module, without the training."""
    space = Workspace(home)
    load_sample(space, only=("travel",))
    made = make_adapted_run(space, TRAVEL, tmp_path / "tiny")
    export_model(space, made.id, tmp_path / "exported")
    space.store.close()
    return made


def typed(page: Page, utterance: str) -> None:
    """Type into whatever has the focus, press Enter, wait for both answers."""
    page.keyboard.type(utterance)
    page.keyboard.press("Enter")
    answers = page.locator(".st-key-playground-newest")
    expect(answers.get_by_text(utterance, exact=True)).to_have_count(2, timeout=2 * MINUTES)
    expect(page.locator('[data-test-script-state="notRunning"]')).to_be_visible(timeout=MINUTES)


def test_two_side_by_side_by_keyboard_and_one_back_to_annotation(
    page: Page, home: Path, tmp_path: Path, run: RunDirectory
) -> None:
    page.set_default_timeout(MINUTES)
    with studio(home) as address:
        page.goto(f"{address}/playground?module={TRAVEL}")
        beside = page.get_by_role("combobox", name="Compare with")
        beside.focus()
        page.keyboard.type(str(tmp_path / "exported"))
        page.keyboard.press("Enter")
        field = page.get_by_placeholder("Type an utterance and press Enter")
        field.focus()
        typed(page, FIRST)
        expect(field).to_be_focused()
        typed(page, SECOND)
        expect(field).to_be_focused()
        answers = page.locator(".st-key-playground-newest")
        calls = answers.get_by_test_id("stCode")
        assert calls.count() == 2
        assert calls.nth(0).inner_text() == calls.nth(1).inner_text()  # the same model
        expect(answers.get_by_text(run.id, exact=True)).to_be_visible()
        expect(page.get_by_text("Earlier · 1 question")).to_be_visible()
        page.get_by_role("button", name="Ask again").click()
        expect(answers.get_by_text(FIRST, exact=True)).to_have_count(2, timeout=MINUTES)
        answers.get_by_text("This is wrong").first.click()
        page.get_by_role("button", name="Send to annotation").click()
        expect(page.get_by_text("Added to the module: unlabelled.")).to_be_visible()
        page.get_by_role("link", name="Open it").click()
        expect(page.get_by_role("heading", name="Annotate")).to_be_visible()
        marker = page.get_by_test_id("stMain")
        expect(marker.get_by_text(FIRST.split(",")[0]).first).to_be_visible()
        expect(marker.get_by_text(f"Playground: {run.id} said").first).to_be_visible()
    [item] = Workspace(home).store.saying(TRAVEL, FIRST)
    assert (item.queue, item.exemplar.unlabelled) == ("evaluation", True)
