"""From a run's page to a bundle that answers: prepared, downloaded by a real browser, loaded."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from fitted_run import fit_fast
from playwright.sync_api import Page, expect
from studio_process import studio

import radu
from radu_core.inference.answers import Question
from radu_core.inference.asking import answer_questions
from radu_core.workflows.evaluate.parse import parser_of
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.load.sample import load_sample

pytestmark = pytest.mark.e2e
TRAVEL = "aurora_travel_en"
MINUTES = 60_000


def test_a_bundle_is_downloaded_and_answers_as_its_run(
    page: Page, home: Path, tmp_path: Path
) -> None:
    space = Workspace(home)
    load_sample(space, only=("travel",))
    resolve(space, TRAVEL, who="ann")
    texts = [e.exemplar.utterance for e in space.store.exemplars(TRAVEL)]
    run = fit_fast(space, TRAVEL, tmp_path, texts)
    rows = labelled_rows(space, TRAVEL, "validation").exemplars
    assert rows
    with studio(home) as address:
        page.goto(f"{address}/train?module={TRAVEL}")
        page.get_by_role("radio", name="3 Runs").click()
        page.get_by_text("Bundle for an app").click()
        button = page.get_by_role("button", name="Prepare a bundle")
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        page.reload()  # whoever comes back finds it at work, or done
        page.get_by_role("radio", name="3 Runs").click()
        equal = f"{len(rows)} of {len(rows)} validation rows calls are equal to the run's."
        expect(page.get_by_text(equal)).to_be_visible(timeout=3 * MINUTES)
        link = page.get_by_role("link", name="Download")
        link.focus()
        with page.expect_download() as started:
            page.keyboard.press("Enter")
        assert started.value.suggested_filename == f"{run}.zip"
        started.value.save_as(tmp_path / "bundle.zip")
        assert page.get_by_test_id("stException").count() == 0
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    wanted = answer_questions(parser_of(space, run), [Question(r.utterance) for r in rows])
    space.store.close()
    answers = radu.load(tmp_path / "unpacked" / run).parse_many([r.utterance for r in rows])
    assert [(a.function, a.arguments) for a in answers] == [
        (a.function, a.arguments) for a in wanted
    ]
    assert len({a.function for a in answers}) > 1
