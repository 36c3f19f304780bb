"""The Utterances page, without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODULE
from streamlit.testing.v1 import AppTest

from radu_core.schema import parse_schema
from radu_core.workflows.frame.workspace import Workspace

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
