"""The tour: opened by a button, step by step, left at any, remembered for each person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from conftest import MODULE
from streamlit.testing.v1 import AppTest

from radu_core.workflows.frame.workspace import Workspace
from studio.frame.tour_steps import TOURS

ROOT = Path(__file__).resolve().parents[2]


def opened(page: str) -> AppTest:
    """A page as a session opens it, navigation included."""
    script = f"""
import streamlit as st
from pathlib import Path
pages = [st.Page(p, title=p.stem, default=p.stem == "{page}")
         for p in sorted(Path({str(ROOT / "pages")!r}).glob("*.py"))]
st.navigation(pages).run()
"""
    at = AppTest.from_string(script, default_timeout=30)
    at.query_params["module"] = MODULE
    return at.run()


def titles(at: AppTest) -> list[str]:
    """The title of the step that is shown, if any is."""
    every = [step.title for steps in TOURS.values() for step in steps]
    return [t for t in every if any(f"**{t}**" in m.value for m in at.markdown)]


def labels(at: AppTest) -> list[str]:
    return [b.label for b in at.button if str(b.key).startswith("tour ")]


def test_every_page_has_a_tour_of_a_few_short_steps() -> None:
    pages = {path.stem for path in (ROOT / "pages").glob("*.py")}
    assert set(TOURS) == pages - {"docs"}  # which explains itself
    for page, steps in TOURS.items():
        assert 1 <= len(steps) <= 3, page
        assert all(len(step.text) < 220 and step.text.endswith(".") for step in steps), page
        assert all(step.later == "" or step.later.endswith(".") for step in steps), page


@pytest.mark.parametrize("page", ["home", "load", "annotate", "utterances", "train"])
def test_a_tour_is_opened_walked_through_and_found_again(
    loaded: Workspace, pages_use: Callable[..., Workspace], page: str
) -> None:
    pages_use(loaded)
    at = opened(page)
    assert (titles(at), labels(at)) == ([], ["Tour of this page"])
    at.button(key="tour offered").click().run()
    steps = [step.title for step in TOURS[page]]
    assert labels(at) == ["Next", "Leave the tour"]
    for title in steps[:-1]:
        assert titles(at) == [title]
        at.button(key="tour next").click().run()
    assert titles(at) == [steps[-1]]
    assert at.button(key="tour next").label == "Done"
    at.button(key="tour back").click().run()
    assert titles(at) == [steps[-2]]
    at.button(key="tour next").click().run()
    at.button(key="tour next").click().run()
    assert (titles(at), labels(at)) == ([], ["Tour of this page"])
    assert not at.exception


def test_it_is_remembered_for_each_person(
    loaded: Workspace, workspace: Workspace, pages_use: Callable[..., Workspace]
) -> None:
    pages_use(loaded, who="ann")
    opened("load").button(key="tour offered").click().run()
    pages_use(loaded, who="bob")
    assert titles(opened("load")) == []
    pages_use(loaded, who="ann")
    at = opened("load")  # another visit: still open
    assert titles(at) == [TOURS["load"][0].title]
    at.button(key="tour leave").click().run()
    assert titles(opened("load")) == []


def test_an_empty_workspace_offers_the_tour_of_all_pages(
    workspace: Workspace, pages_use: Callable[..., Workspace]
) -> None:
    pages_use(workspace)
    at = opened("home")
    next(b for b in at.button if b.label == "Take the tour").click().run()
    assert titles(at) == [TOURS["home"][0].title]
    at.button(key="tour next").click().run()
    assert at.button(key="tour next").label == "Next: Load"
    at.button(key="tour leave").click().run()
    assert titles(opened("load")) == []


def test_a_page_without_a_tour_offers_none(
    loaded: Workspace, pages_use: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages_use(loaded)
    monkeypatch.delitem(cast("dict[str, Any]", TOURS), "utterances")
    assert labels(opened("utterances")) == []
