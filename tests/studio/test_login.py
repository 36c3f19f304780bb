"""The gate of every page: with a login nobody passes without one; without, a name is enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from conftest import MODULE
from streamlit.testing.v1 import AppTest

from radu_core.files import content_hash
from radu_core.workflows.frame.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(p.stem for p in (ROOT / "pages").glob("*.py"))
AUTH = {"auth": {"client_id": "x", "client_secret": "y"}}


@pytest.fixture
def space(loaded: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)
    monkeypatch.delenv("RADU_USER", raising=False)
    st.cache_resource.clear()
    return loaded


def opened(name: str, /, *, secrets: dict[str, Any] | None = None, **user: Any) -> AppTest:
    """A page alone, as a deep link on a fresh server may run it."""
    script = f"""
import streamlit as st
st.navigation([st.Page({str(ROOT / "pages" / f"{name}.py")!r}, default=True)],
              position="hidden").run()
"""
    at = AppTest.from_string(script, default_timeout=30)
    at.secrets.update(secrets or {})
    at.user = user
    return at.run()


def texts(at: AppTest) -> str:
    return " ".join([e.value for e in (*at.header, *at.title, *at.caption, *at.markdown)])


@pytest.mark.parametrize("name", PAGES)
def test_no_page_shows_anything_before_the_login(space: Workspace, name: str) -> None:
    at = opened(name, secrets=AUTH, is_logged_in=False)
    assert [b.label for b in at.button] == ["Log in"]
    assert not at.header
    assert not at.selectbox
    assert MODULE not in texts(at)


def test_several_providers_have_a_button_each(space: Workspace) -> None:
    secrets = {"auth": {"cookie_secret": "s", "a": {"client_id": "1"}, "*b*": {"client_id": "2"}}}
    at = opened("home", secrets=secrets)
    assert [b.label for b in at.button] == ["Log in with a", "Log in with \\*b\\*"]


@pytest.mark.parametrize(
    ("claims", "who"),
    [
        ({"email": "ann@x.org", "name": "Ann", "sub": "1"}, "ann\\@x\\.org"),
        ({"email": "ann@x.org", "email_verified": True, "sub": "1"}, "ann\\@x\\.org"),
        ({"email": "ann@x.org", "email_verified": "true", "sub": "1"}, "ann\\@x\\.org"),
        ({"email": "b@x", "email_verified": False, "name": "Ann", "sub": "1"}, "Ann \\(1\\)"),
        ({"email": "b@x", "email_verified": "false", "name": "Ann", "sub": "2"}, "Ann \\(2\\)"),
        ({"email": "b@x", "email_verified": 0, "name": "b@x", "sub": "3"}, "b\\@x \\(3\\)"),
        ({"email": "b@x", "email_verified": "", "sub": "b@x"}, "account \\(b\\@x\\)"),
        ({"name": "n" * 300, "sub": "4"}, "n" * 100 + " \\(4\\)"),
        ({"name": "Ann", "sub": "s" * 255}, "Ann \\(" + content_hash("s" * 255)[:16] + "\\)"),
        ({"sub": "4711"}, "4711"),
    ],
)
def test_who_is_logged_in_stands_in_the_sidebar(
    space: Workspace, claims: dict[str, Any], who: str
) -> None:
    at = opened("home", secrets=AUTH, is_logged_in=True, **claims)
    assert at.sidebar.caption[0].value == who
    assert "Log out" in [b.label for b in at.sidebar.button]


def test_a_login_without_a_subject_opens_nothing(space: Workspace) -> None:
    at = opened("home", secrets=AUTH, is_logged_in=True, name="boss@x.org", email_verified=False)
    assert "neither an e\\-mail address that is verified nor a subject" in at.error[0].value
    assert MODULE not in texts(at)


@pytest.mark.parametrize("secrets", [{"auth": 1}, {"auth": {"cookie_secret": "s"}}])
def test_a_login_that_is_set_up_wrongly_opens_nothing(
    space: Workspace, secrets: dict[str, Any]
) -> None:
    at = opened("home", secrets=secrets)
    assert "secrets" in at.error[0].value
    assert MODULE not in texts(at)


def test_annotate_asks_for_the_name_on_the_page_itself(space: Workspace) -> None:
    """On a phone the sidebar is out of sight."""
    at = opened("annotate")
    assert [i.value for i in at.info] == [
        "Choose a name first: it is saved with every decision you make."
    ]
    assert not at.sidebar.text_input
    assert not at.get("bidi_component")
    field = at.main.text_input(key="name")
    assert field.value
    field.input(" \u0007 ")
    next(b for b in at.main.button if b.label == "Keep this name").click().run()
    assert [e.value for e in at.error] == ["A name needs at least one visible character."]
    at.main.text_input(key="name").input("Ann")
    next(b for b in at.main.button if b.label == "Keep this name").click().run()
    assert (at.sidebar.caption[0].value, list(at.info), list(at.error)) == ("Ann", [], [])


def test_without_a_login_a_name_is_chosen_once(space: Workspace) -> None:
    at = opened("home")
    at.sidebar.text_input(key="name").input("  *Ann*\u0007 ")
    next(b for b in at.sidebar.button if b.label == "Keep this name").click().run()
    assert at.sidebar.caption[0].value == "\\*Ann\\*"
    assert not at.sidebar.text_input
    next(b for b in at.sidebar.button if b.label == "Change name").click().run()
    assert at.sidebar.text_input(key="name").value == "*Ann*"
