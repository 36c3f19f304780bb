"""Who is annotating: a real OpenID Connect login, and a name that the browser keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from oidc import CLIENT, EMAIL, SECRET, provider
from playwright.sync_api import BrowserContext, Page, expect
from studio_process import studio

from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample

pytestmark = pytest.mark.e2e
MODULE = "aurora_travel_en"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace with the sample project; nothing here needs a model."""
    space = Workspace(tmp_path / "home")
    load_sample(space)
    space.store.close()
    return space.home


@pytest.fixture
def address(home: Path, tmp_path: Path) -> Iterator[str]:
    """A studio that has just begun, with a login."""
    with provider() as issuer:
        secrets = tmp_path / "secrets.toml"
        secrets.write_text(f"""
[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
""")
        with studio(home, "--secrets.files", str(secrets)) as found:
            yield found


def test_a_deep_link_shows_nothing_before_the_login_and_is_there_after_it(
    page: Page, address: str
) -> None:
    deep = f"{address}/coverage?module={MODULE}"
    page.goto(deep)
    button = page.get_by_role("button", name="Log in")
    expect(button).to_be_visible()
    before = page.content() + page.title()
    for name in ("Annotate", "Coverage", MODULE, "ann@", "Change name"):
        assert name not in before, name
    assert page.get_by_role("dialog").count() == 0
    button.click()
    expect(page.get_by_test_id("stSidebar").get_by_text(EMAIL)).to_be_visible()
    expect(page.get_by_role("heading", name="Coverage", exact=True)).to_be_visible()
    assert page.url == deep
    page.reload()
    expect(page.get_by_test_id("stSidebar").get_by_text(EMAIL)).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.goto(deep)
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    assert MODULE not in page.content()


def test_a_login_that_cant_be_read_opens_nothing(page: Page, home: Path, tmp_path: Path) -> None:
    (tmp_path / "secrets.toml").write_text("[auth")
    with studio(home, "--secrets.files", str(tmp_path / "secrets.toml")) as address:
        page.goto(f"{address}/coverage")
        expect(page.get_by_role("alert")).to_contain_text("secrets")
        assert MODULE not in page.content()
        assert "Coverage" not in page.content()


def test_a_name_is_chosen_once_for_a_browser(page: Page, home: Path) -> None:
    name = 'Zoë "*x*" 東京; path=/'
    with studio(home, RADU_USER="") as address:
        page.goto(address)
        field = page.get_by_role("textbox", name="Your name")
        expect(field).not_to_have_value("")
        field.fill(name)
        field.press("Enter")
        expect(page.get_by_role("button", name="Change name")).to_be_visible()
        page.wait_for_function("document.cookie.includes('radu_who=Zo')")
        page.reload()
        expect(page.get_by_test_id("stSidebar").get_by_text(name)).to_be_visible()
        context: BrowserContext = page.context
        other = context.new_page()
        other.goto(f"{address}/coverage")
        expect(other.get_by_test_id("stSidebar").get_by_text(name)).to_be_visible()
        other.get_by_role("button", name="Change name").click()
        other.get_by_role("textbox", name="Your name").fill("Bob")
        other.get_by_role("button", name="Keep this name").click()
        expect(other.get_by_test_id("stSidebar").get_by_text("Bob")).to_be_visible()
        other.wait_for_function("document.cookie.includes('radu_who=Bob')")
        page.reload()
        expect(page.get_by_test_id("stSidebar").get_by_text("Bob")).to_be_visible()
