"""Jobs: who is told how they ended."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from radu_core.errors import InputError
from studio.frame import jobs

SCRIPT = """
import streamlit as st
from studio.frame import jobs
st.write(f"result {jobs.show(('test',), passing=True)}")
"""


@pytest.fixture(autouse=True)
def no_job() -> Iterator[None]:
    yield
    jobs.forget(("test",))


def started(work: object = lambda _: 7) -> None:
    job = jobs.start(("test",), "Testing", work)  # type: ignore[arg-type]
    while job.running:
        pass


def told() -> AppTest:
    return AppTest.from_string(SCRIPT).run()


def test_a_tab_that_is_loaded_again_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_browser", lambda: "one")
    started()
    assert told().markdown[0].value == "result 7"
    assert told().markdown[0].value == "result 7"


def test_another_browser_isnt_told_what_it_didnt_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_browser", lambda: "one")
    started()
    monkeypatch.setattr(jobs, "_browser", lambda: "two")
    assert told().markdown[0].value == "result None"


@pytest.mark.parametrize("cookie", ["", "x", "2|0f|zz|1", "2|0f"])
def test_a_cookie_that_isnt_streamlits_tells_nothing(
    cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert browser(cookie, monkeypatch) == ""


def test_the_mask_of_the_cookie_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = "2|55f55569|302d7345|17", "2|00000000|65d8262c|17"
    assert browser(one, monkeypatch) == browser(two, monkeypatch) == "65d8262c"


def browser(cookie: str, monkeypatch: pytest.MonkeyPatch) -> str:
    context = SimpleNamespace(cookies={"_streamlit_xsrf": cookie})
    monkeypatch.setattr(jobs.st, "context", context)
    return jobs._browser()


def test_what_failed_can_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_browser", lambda: "one")

    def fail(_: object) -> None:
        raise InputError("It can't be done")

    started(fail)
    at = told()
    assert "can\\'t be done" in at.error[0].value
    at.button[0].click().run()
    assert not at.error
