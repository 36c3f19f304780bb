"""A real Chromium, and a home for the studio it drives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from studio_process import ROOT


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty RADU_HOME that shares the real models that ``make models`` fetched."""
    models = Path(os.environ.get("RADU_HOME") or ROOT / "workspace").resolve() / "models"
    assert (models / "all-MiniLM-L6-v2").is_dir(), f"no models in {models}: make models"
    made = tmp_path / "home"
    made.mkdir()
    (made / "models").symlink_to(models)
    return made


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page; on failure a picture of it lies in ``test-failures/``."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    opened = context.new_page()
    yield opened
    failed = getattr(request.node, "failed", False)
    if failed:
        folder = ROOT / "test-failures"
        folder.mkdir(exist_ok=True)
        opened.screenshot(path=folder / f"{request.node.name}.png")
    context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):  # type: ignore[no-untyped-def]
    report = yield
    if report.when == "call" and report.failed:
        item.failed = True  # type: ignore[attr-defined]
    return report
