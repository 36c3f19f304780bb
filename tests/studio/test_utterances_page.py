"""The Utterances page, without a browser."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from app_testing import run_until
from conftest import MODULE
from streamlit.testing.v1 import AppTest

from radu_core.schema import parse_schema
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.utterances import edit as workflow
from studio.utterances import table

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "utterances.py")


@pytest.fixture
def space(loaded: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    return pages_use(loaded, who="ann")


def opened(**query: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    assert not at.error
    return at


def texts(at: AppTest) -> str:
    found = [e.value for e in (*at.markdown, *at.caption, *at.info, *at.success, *at.warning)]
    return "\n".join(str(v) for v in found).replace("\\", "")


def test_everything_is_listed_and_what_the_address_asks_for(space: Workspace) -> None:
    at = opened()
    assert "15 utterances" in texts(at)
    assert len(at.dataframe[0].value) == 15
    at = opened(function="book_hotel", split="train", search="Paris")
    assert list(at.dataframe[0].value["id"]) == ["h00", "h04"]
    assert list(at.dataframe[0].value["source"]) == ["1: rows.jsonl"] * 2


def test_filters_follow_one_another_and_say_when_nothing_fits(space: Workspace) -> None:
    at = opened(outcome="ambiguous")
    assert list(at.dataframe[0].value["waits in"]) == ["ambiguous"]
    at.selectbox(key="utterances function").select("book_hotel").run()
    assert "No utterance fits these filters." in texts(at)
    assert at.query_params["function"] == "book_hotel"


@pytest.mark.parametrize(("name", "value"), [("tag", "gone"), ("function", "cancel_flight")])
def test_a_filter_whose_last_row_is_gone_stays(space: Workspace, name: str, value: str) -> None:
    """After a reload, "any" would list what nobody asked for; a bulk edit would take it along."""
    at = opened(**{name: value})
    assert "No utterance fits these filters." in texts(at)
    assert "0 utterances" in texts(at)
    assert at.query_params[name] in (value, [value])


def test_a_row_that_the_address_names_is_opened(space: Workspace) -> None:
    at = opened(row="h01")
    html = "".join(h.proto.body for h in at.get("html"))
    assert "New York<small" in html
    assert "book_hotel" in texts(at)


def test_a_module_without_utterances(
    workspace: Workspace, pages_use: Callable[..., Workspace]
) -> None:
    pages_use(workspace)
    workspace.store.put_schema(
        parse_schema({"module": MODULE, "functions": [{"name": "f"}]}), who="t"
    )
    at = opened()
    assert "0 utterances" in texts(at)
    assert "There are no utterances yet" in texts(at)


def test_without_a_module(workspace: Workspace, pages_use: Callable[..., Workspace]) -> None:
    pages_use(workspace)
    assert "There is no module yet" in texts(opened())


def press(at: AppTest, label: str) -> AppTest:
    return next(b for b in at.button if b.label == label).click().run()


def labels(at: AppTest) -> list[str]:
    return [b.label for b in at.button]


def test_an_edit_of_all_that_is_found_is_previewed_done_and_undone(space: Workspace) -> None:
    at = opened(function="book_hotel")
    at.selectbox(key="edit kind").select("split").run()
    at.selectbox(key="edit split").select("test").run()
    assert "All 5 utterances found" in texts(at)
    press(at, "Preview")
    run_until(at, lambda at: "Change 4 utterances" in labels(at))
    assert "Set split: 4 utterances of 5 would change" in texts(at)
    assert "3: train → test" in texts(at)
    assert "1 left alone: already in test." in texts(at)
    assert space.store.exemplar(MODULE, "h00").exemplar.split == "train"
    press(at, "Change 4 utterances")
    run_until(at, lambda at: "Set split: 4 utterances changed." in texts(at))
    assert space.store.exemplar(MODULE, "h00").exemplar.split == "test"
    press(at, "Undo")
    run_until(at, lambda at: "4 utterances are as before the edit." in texts(at))
    assert space.store.exemplar(MODULE, "h00").exemplar.split == "train"
    press(at, "Close")
    assert "as before" not in texts(at)


def test_values_that_an_edit_would_remove_are_named(space: Workspace) -> None:
    at = opened(function="book_hotel")
    at.selectbox(key="edit kind").select("function").run()
    at.selectbox(key=f"edit function {MODULE}").select("book_flight").run()
    press(at, "Preview")
    run_until(at, lambda at: "Change 5 utterances" in labels(at))
    assert "5 values would be removed: book_hotel.city (5)." in texts(at)


def test_an_edit_that_cant_be_done_says_so(space: Workspace) -> None:
    at = opened()
    at.selectbox(key="edit kind").select("discard").run()
    press(at, "Preview")
    run_until(at, lambda at: bool(at.error))
    assert "The edit names no reason" in at.error[0].value


def test_another_list_begins_with_its_first_page(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "_SIZE", 2)
    at = opened(page="3")
    assert "5 to 6 of 15 utterances" in texts(at)
    at.selectbox(key="utterances function").select("book_hotel").run()
    assert "1 to 2 of 5 utterances" in texts(at)
    assert list(at.dataframe[0].value["id"]) == ["h00", "h01"]
    assert "page" not in at.query_params


@pytest.mark.parametrize(("page", "first"), [("9" * 5_000, 15), ("²", 1), ("-1", 1), ("2", 3)])
def test_any_page_number_in_the_address(
    space: Workspace, monkeypatch: pytest.MonkeyPatch, page: str, first: int
) -> None:
    monkeypatch.setattr(table, "_SIZE", 2)
    assert f"**{first} to " in texts(opened(page=page))


def test_an_edit_at_work_keeps_its_report(
    space: Workspace, pages_use: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, apply = threading.Event(), workflow.apply_edit

    def apply_later(*args: Any, **more: Any) -> workflow.EditReport:
        may_end.wait(30)
        return apply(*args, **more)

    monkeypatch.setattr(workflow, "apply_edit", apply_later)
    at = opened(row="h00")
    at.selectbox(key="edit kind").select("add tag").run()
    at.text_input(key="edit tag").input("web").run()
    press(at, "Preview")
    run_until(at, lambda at: "Change 15 utterances" in labels(at))
    press(at, "Change 15 utterances")
    assert at.button(key="edit preview").disabled
    other = opened()  # the same person's second tab
    other.selectbox(key="edit kind").select("unlabel").run()
    assert other.button(key="edit preview").disabled
    pages_use(space, who="bob")
    bobs = opened()
    bobs.selectbox(key="edit kind").select("unlabel").run()
    press(bobs, "Preview")
    run_until(bobs, lambda at: "Change 15 utterances" in labels(at))
    pages_use(space, who="ann")
    may_end.set()
    run_until(at, lambda at: "Add tag: 15 utterances changed." in texts(at))
    number = space.store.history(MODULE, "h00")[-1].note
    assert f"shows it as edit {number}" in texts(at)
    assert not at.button(key="edit preview").disabled
