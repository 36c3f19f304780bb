"""The Load page's tabs on imports, splits and deletion, and Home's trash, without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from app_testing import run_until
from conftest import MODULE, ROWS
from streamlit.testing.v1 import AppTest

from radu_core.errors import InputError
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load import splitting, trash
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.imports import imports

PAGES = Path(__file__).resolve().parents[2] / "pages"


@pytest.fixture
def space(loaded: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    return pages_use(loaded, who="ann")


def opened(name: str, tab: str = "") -> AppTest:
    """A page as a session opens it, navigation included; ``tab`` is what its address asks for."""
    script = f"""
import streamlit as st
from pathlib import Path
from typing import Any
pages = [st.Page(p, title=p.stem, default=p.stem == "{name}")
         for p in sorted(Path({str(PAGES)!r}).glob("*.py"))]
st.navigation(pages).run()
"""
    at = AppTest.from_string(script, default_timeout=60)
    if tab:
        at.query_params["tab"] = tab
    return at.run()


def press(at: AppTest, label: str) -> AppTest:
    return next(b for b in at.button if b.label == label).click().run()


def words(at: AppTest) -> str:
    found = [e.value for e in (*at.markdown, *at.success, *at.error, *at.info, *at.caption)]
    return "\n".join(str(v) for v in found).replace("\\", "")


def confirm(at: AppTest) -> Any:
    return next(t for t in at.text_input if t.label == "Type the module's id to confirm")


def labels(at: AppTest) -> list[str]:
    return [b.label for b in at.button]


def test_an_import_is_taken_back_after_a_preview(space: Workspace) -> None:
    at = press(opened("load", "Earlier imports"), "Preview undo")
    run_until(at, lambda at: "Undo import 1" in labels(at))
    assert f"Go to the trash: {len(ROWS)} exemplars" in words(at)
    assert len(space.store.exemplars(MODULE)) == len(ROWS)
    press(at, "Undo import 1")
    run_until(at, lambda at: "Done." in words(at))
    assert space.store.exemplars(MODULE) == []
    assert "Preview redo" in labels(at)
    press(at, "Preview redo")
    run_until(at, lambda at: "Redo import 1" in labels(at))
    press(at, "Redo import 1")
    run_until(at, lambda at: "Come back from the trash" in words(at) and "Done." in words(at))
    assert len(space.store.exemplars(MODULE)) == len(ROWS)
    press(at, "Close")
    assert "Come back from the trash" not in words(at)


def test_a_split_is_previewed_and_made(space: Workspace) -> None:
    at = opened("load", "Splits")
    next(c for c in at.checkbox if c.label == "From scratch").check().run()
    press(at, "Preview the split")
    run_until(at, lambda at: any(label.startswith("Move ") for label in labels(at)))
    assert not [i for i in imports(space, MODULE) if i.kind == "split"]
    press(at, next(label for label in labels(at) if label.startswith("Move ")))
    run_until(at, lambda at: "Split 2 is done" in words(at))
    assert [i.kind for i in imports(space, MODULE)] == ["split", "import"]
    press(at, "Check the splits")
    run_until(at, lambda at: "No text and no template is in several splits." in words(at))


def test_only_what_was_offered_is_deleted_for_good(space: Workspace) -> None:
    trash.delete(space, MODULE, ["h00", "h01"], who="ann")
    at = opened("load", "Delete")
    assert "Delete all 2 for good" in labels(at)
    trash.restore(space, MODULE, ["h01"], who="bob")
    trash.delete(space, MODULE, ["f00"], who="bob")  # as many as before, but others
    press(at, "Delete all 2 for good")
    assert "No exemplar of acme_travel_en in the trash has that id" in words(at)
    assert trash.list_trash(space, MODULE).ids == ("f00", "h00")


def test_exemplars_are_found_deleted_and_deleted_for_good(space: Workspace) -> None:
    at = opened("load", "Delete")
    search = next(t for t in at.text_input if t.key == "delete search")
    search.input("no such thing").run()
    assert "Nothing was found." in words(at)
    search.input("hotel").run()
    press(at, "Delete all 5 found")
    assert "5 exemplars moved to the trash" in words(at)
    assert trash.list_trash(space, MODULE).total == 5
    press(at, "Delete all 5 for good")
    assert "5 exemplars of acme_travel_en deleted for good" in words(at)
    assert trash.list_trash(space, MODULE).total == 0


def test_a_module_is_deleted_by_its_name_and_restored_on_home(space: Workspace) -> None:
    at = opened("load", "Delete")
    confirm(at).input("acme")
    press(at, "Delete the module")
    assert f"That isn't {MODULE}" in words(at)
    assert space.store.modules() == [MODULE]
    confirm(at).input(MODULE)
    press(at, "Delete the module")
    assert not at.exception
    assert space.store.modules() == []
    at = opened("home")
    assert "Modules in the trash (1)" in [e.label for e in at.expander]
    press(at, "Delete for good")
    assert f"That isn't {MODULE}" in words(at)
    press(at, "Restore")
    assert space.store.modules() == [MODULE]


def test_the_tabs_are_there_without_a_module(
    workspace: Workspace, pages_use: Callable[..., Workspace]
) -> None:
    pages_use(workspace)
    for tab in ("Utterances", "Outcome", "Splits", "Export", "Earlier imports", "Delete"):
        at = opened("load", tab)
        assert not at.exception
        assert at.button_group(key="load tab").value == tab
    assert "Nothing has been imported yet." in words(opened("load", "Earlier imports"))


def test_the_import_that_can_be_taken_back_is_chosen(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"utterance": "a", "function": "no_such"}\n')
    report = import_file(space, "jsonl", path, module=MODULE, who="t")
    assert (report.stored, report.number) == (False, 2)
    at = opened("load", "Earlier imports")
    choice = next(s for s in at.selectbox if s.label == "Import")
    assert (choice.value, choice.options[0][-12:]) == (1, "(not stored)")
    choice.select(2).run()
    assert "It stored nothing, so there is nothing to undo." in words(at)
    assert next(b for b in at.button if b.label == "Preview undo").disabled


def test_what_went_wrong_is_gone_with_the_next_choice(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise InputError("It can't be done")

    splitting.split(space, MODULE, splitting.Wanted(0.1, 0.1, 0, True), who="t")
    monkeypatch.setattr("radu_core.workflows.load.imports.undo", refuse)
    at = press(opened("load", "Earlier imports"), "Preview undo")
    run_until(at, lambda at: "It can't be done" in words(at))
    next(s for s in at.selectbox if s.label == "Import").select(1).run()
    assert "It can't be done" not in words(at)
    press(at, "Preview undo")
    run_until(at, lambda at: "It can't be done" in words(at))
    press(at, "Close")
    assert "It can't be done" not in words(at)


def test_exemplars_are_chosen_by_their_ids(space: Workspace) -> None:
    at = opened("load", "Delete")
    next(t for t in at.text_input if t.key == "delete search").input("hotel").run()
    assert "Delete 0 chosen" in labels(at)
    choice = at.multiselect(key="delete ids")
    assert choice.options[1] == "h01: a hotel bed in New York"
    choice.set_value(["h01", "h03"]).run()
    press(at, "Delete 2 chosen")
    assert trash.list_trash(space, MODULE).ids == ("h01", "h03")
    at.multiselect(key="trash ids").set_value(["h03"]).run()
    press(at, "Restore 1 chosen")
    assert trash.list_trash(space, MODULE).ids == ("h01",)
    assert at.multiselect(key="trash ids").value == []
