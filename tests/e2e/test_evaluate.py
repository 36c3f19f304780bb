"""Evaluate in a real browser: from a figure to its rows, to Annotate, and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from adapted_run import make_adapted_run
from evaluated import make_report
from playwright.sync_api import Locator, Page, expect
from studio_process import studio

from radu_core.evaluation import EvaluationReport
from radu_core.workflows.evaluate.mistakes import find_confusion, find_errors_of, find_slot_results
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample

pytestmark = pytest.mark.e2e
TRAVEL = "aurora_travel_en"
MINUTES = 60_000


@pytest.fixture
def report(home: Path, tmp_path: Path) -> EvaluationReport:
    """A finished run of the travel module, with a report of made-up answers."""
    space = Workspace(home)
    load_sample(space, only=("travel",))
    run = make_adapted_run(space, TRAVEL, tmp_path / "tiny")
    rows = labelled_rows(space, TRAVEL, "test").exemplars
    made = make_report(run, TRAVEL, space.store.schema(TRAVEL), rows, seed=1)
    space.store.close()
    return made


def settled(page: Page) -> None:
    page.wait_for_timeout(300)
    expect(page.locator('[data-test-script-state="notRunning"]')).to_be_visible(timeout=MINUTES)


def open_tab(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/evaluate?module={TRAVEL}")
    row = page.get_by_role("radiogroup", name="Tabs", exact=True)
    row.get_by_role("radio", name=name).click(timeout=MINUTES)
    settled(page)


def choose_first(page: Page, table: Locator) -> None:
    """Choose the first row of a table by the keyboard alone."""
    table.locator("canvas").first.focus()
    page.keyboard.press("ArrowDown")
    settled(page)


def test_an_error_is_opened_in_annotate_by_keyboard_and_one_comes_back(
    page: Page, home: Path, report: EvaluationReport
) -> None:
    with studio(home) as address:
        open_tab(page, address, "Errors")
        main = page.get_by_test_id("stMain")
        choose_first(page, main.get_by_test_id("stDataFrame").first)
        link = main.get_by_role("link", name="Open in Annotate")
        expect(link).to_be_visible()
        link.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Annotate")).to_be_visible(timeout=MINUTES)
        shown = next(e for e in report.errors if f"item={e.exemplar_id}" in page.url)
        word = max(shown.utterance.split(), key=len)
        expect(main.get_by_text(word).first).to_be_visible()
        main.get_by_role("link", name="Back to Evaluate").click()
        expect(page.get_by_role("heading", name="Evaluate")).to_be_visible(timeout=MINUTES)
        settled(page)
        expect(main.get_by_text(shown.utterance, exact=True).last).to_be_visible()  # not the grid
        expect(main.get_by_role("link", name="Open in Annotate")).to_be_visible()


def test_a_cell_of_the_matrix_shows_its_rows(
    page: Page, home: Path, report: EvaluationReport
) -> None:
    pair = find_confusion(report).pairs[0]
    [*behind] = find_errors_of(report, pair.expected, pair.predicted)
    with studio(home) as address:
        open_tab(page, address, "Functions")
        main = page.get_by_test_id("stMain")
        choose_first(page, main.get_by_test_id("stDataFrame").first)
        expect(main.get_by_text("taken for").last).to_be_visible()
        main.get_by_role("radio", name="Matrix", exact=True).click()
        settled(page)
        label = f"label {pair.expected}, answer {pair.predicted}: {pair.rows}"
        main.locator(f'[aria-label="{label}"]').click()
        settled(page)
        heading = f"{pair.expected}, taken for {pair.predicted}: {pair.rows} row"
        expect(main.get_by_text(heading)).to_be_visible()
        expect(main.get_by_text(f"Download {len(behind)} error")).to_be_visible()


def test_a_slot_shows_the_rows_behind_its_figures(
    page: Page, home: Path, report: EvaluationReport
) -> None:
    results = find_slot_results(report)
    with studio(home) as address:
        open_tab(page, address, "Slots")
        main = page.get_by_test_id("stMain")
        choose_first(page, main.get_by_test_id("stDataFrame").first)
        heading = main.locator("strong", has_text=" of ").last
        expect(heading).to_be_visible()
        slot, function = heading.inner_text().split(" of ")
        result = next(r for r in results if (r.function, r.slot) == (function, slot))
        expect(main.get_by_text(f"Download {len(result.mistakes)} error")).to_be_visible()
        missing = result.count("missing")
        if missing:
            main.get_by_text(f"missing ({missing} value").click()
            settled(page)
            rows = len(result.of_kind("missing"))
            expect(main.get_by_text(f"Download {rows} error")).to_be_visible()
