"""The component's modules in a real Chromium, without a studio around them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, sync_playwright
from studio_process import CHROMIUM

from components.span_marker import DIRECTORY


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def modules() -> Iterator[Page]:
    """A page of the directory that holds the modules: ``import("/text.js")`` works in it."""
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is missing: make browser installs it"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(DIRECTORY)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/span_marker.html")
        yield page
        browser.close()
    server.shutdown()
