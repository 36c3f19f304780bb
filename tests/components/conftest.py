"""The component's modules in a real Chromium, without a studio around them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page

from components.span_marker import DIRECTORY


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Iterator[Page]:
    """A page of the directory that holds the modules: ``import("/text.js")`` works in it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(DIRECTORY)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/span_marker.html")
    yield page
    page.close()
    server.shutdown()
