"""What an address asks for in vain: a message above the page says so, with the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODULE
from odd_module import ODD, load_odd_module
from streamlit.testing.v1 import AppTest

from radu_core.workflows.frame.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
SEARCH = "“Search” finds ids."

Opened = Callable[..., AppTest]


@pytest.fixture
def opened(loaded: Workspace, pages_use: Callable[..., Workspace]) -> Opened:
    pages_use(loaded, who="ann")

    def opened(page: str, /, **address: str) -> AppTest:
        at = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=30)
        at.query_params.update({"module": MODULE, **address})
        at.run()
        assert not at.exception
        return at

    return opened


def told(at: AppTest) -> list[str]:
    return [w.value.replace("\\", "") for w in at.warning if "link_off" in str(w.icon)]


@pytest.mark.parametrize(
    ("page", "name", "value", "text"),
    [
        ("load", "module", "zzz", "There is no module zzz here. Choose one under “Module”"),
        ("load", "tab", "zzz", "There is no tab zzz here. Choose one below the page's title."),
        ("prompts", "tab", "zzz", "There is no tab zzz here."),
        ("schema", "function", "zzz", "There is no function zzz here. Choose one under"),
        ("annotate", "queue", "zzz", "There is no queue zzz here. Choose one under “Queue”."),
        ("annotate", "function", "zzz", "There is no function zzz here."),
        ("annotate", "item", "zzz", f"{MODULE} has no utterance zzz. {SEARCH}"),
        ("annotate", "add", "zzz", "There is no function zzz here."),
        ("utterances", "state", "zzz", "There is no state zzz here. Choose one under “State”."),
        ("utterances", "source", "zzz", "There is no source zzz here."),
        ("utterances", "sort", "zzz", "Choose one under “Sort by”."),
        ("utterances", "page", "zzz", "There is no page zzz of the list. Use a number."),
        ("utterances", "page", "99", "There is no page 99 of the list. It has 1 page."),
        ("utterances", "row", "zzz", "The utterance zzz isn't on this page of the list."),
        ("prompts", "strategy", "zzz", "There is no strategy zzz here."),
        ("prompts", "exemplar", "zzz", f"{MODULE} has no exemplar zzz. Choose one under"),
        ("train", "run", "zzz", "There is no run zzz here. Choose one under “3 Runs”."),
    ],
)
def test_a_message_stays_until_it_is_closed(
    opened: Opened, page: str, name: str, value: str, text: str
) -> None:
    at = opened(page, **{name: value})
    [line] = told(at)
    assert line.startswith(text) or text in line
    assert at.query_params.get(name) not in (value, [value])
    at.run()
    assert len(told(at)) == 1  # it stays while something else on the page is used
    at.button(key="close unknown address").click().run()
    assert told(at) == []
    assert not at.exception


@pytest.mark.parametrize(
    ("page", "address"),
    [
        ("annotate", {"queue": "ambiguous", "function": "book_hotel", "item": "h01"}),
        ("utterances", {"state": "waiting", "sort": "split", "page": "1"}),
        ("utterances", {"row": "h01"}),
        ("prompts", {"strategy": "knn", "exemplar": "h01", "tab": "Preview"}),
        ("schema", {"function": "book_hotel"}),
        ("load", {"tab": "Outcome"}),
    ],
)
def test_what_is_there_is_opened_without_a_word(
    opened: Opened, page: str, address: dict[str, str]
) -> None:
    assert told(opened(page, **address)) == []


def test_several_are_said_together_and_another_page_says_none(opened: Opened) -> None:
    at = opened("annotate", queue="zzz", function="yyy")
    [lines] = told(at)
    assert "no queue zzz" in lines
    assert "no function yyy" in lines


@pytest.mark.parametrize(
    ("page", "address"),
    [
        ("annotate", {"item": "h01"}),
        ("prompts", {"exemplar": "h01"}),
        ("schema", {"function": "book_hotel"}),
        ("utterances", {"row": "h01"}),
    ],
)
def test_another_module_is_chosen_without_a_word(
    opened: Opened, loaded: Workspace, page: str, address: dict[str, str]
) -> None:
    load_odd_module(loaded, loaded.home)
    at = opened(page, **address)
    at.sidebar.selectbox[0].set_value(ODD).run()
    assert not at.exception
    assert at.query_params["module"] in (ODD, [ODD])
    assert told(at) == []


def test_another_filter_forgets_the_row_of_the_address(opened: Opened) -> None:
    at = opened("utterances", row="h01")
    at.selectbox(key="utterances function").set_value("book_flight").run()
    assert "row" not in at.query_params
    assert told(at) == []
    at.query_params["row"] = "h01"
    at.run()
    [line] = told(at)
    assert line.startswith("The utterance h01 isn't on this page of the list.")


@pytest.mark.parametrize("page", ["load", "utterances", "train", "coverage"])
def test_a_reload_shows_the_module_that_was_chosen(
    pages_use: Callable[..., Workspace], loaded: Workspace, page: str
) -> None:
    load_odd_module(loaded, loaded.home)
    pages_use(loaded, who="ann")
    file = str(ROOT / "pages" / f"{page}.py")
    at = AppTest.from_file(file, default_timeout=30).run()
    first = at.sidebar.selectbox[0].value
    [other] = {MODULE, ODD} - {first}
    at.sidebar.selectbox[0].set_value(other).run()
    again = AppTest.from_file(file, default_timeout=30)
    again.query_params["module"] = at.query_params["module"]
    again.run()
    assert not again.exception
    assert again.sidebar.selectbox[0].value == other
