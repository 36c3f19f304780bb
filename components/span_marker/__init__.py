"""The span marker: a queue of utterances in the browser, one keystroke each.

Plain files, no build step. ``loader.js`` is what Streamlit mounts; the modules beside it are served
by the studio's own route. What it says to the server: ``docs/reference/annotation.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

__all__ = ["DIRECTORY", "span_marker"]

DIRECTORY = Path(__file__).parent


@cache
def _component() -> Any:
    read = {name: (DIRECTORY / name).read_text("utf-8") for name in _FILES}
    html, css, js = (read[name] for name in _FILES)
    return st.components.v2.component("radu.span_marker", html=html, css=css, js=js)


_FILES = ("span_marker.html", "span_marker.css", "loader.js")


@cache
def _modules() -> list[str]:
    return sorted(p.name for p in DIRECTORY.glob("*.js") if p.name not in ("loader.js", "main.js"))


def span_marker(
    *,
    key: str,
    who: str,
    module: str,
    language: str,
    token: str,
    filter: Mapping[str, Any],
    version: str = "",
) -> None:
    """Mount the marker. ``filter`` is the protocol's; ``token`` lets the tab talk to the route.

    ``version`` changes when functions or guidelines do, so that the tab gets them again. When the
    token has expired, the component asks for a rerun. Its state ``left`` is the item of the
    filter once another one is shown.
    """
    _component()(
        key=key,
        data={
            "who": who,
            "module": module,
            "language": language,
            "token": token,
            "filter": dict(filter),
            "version": version,
            "route": "radu/annotate",
            "assets": "radu/span_marker/",
            "modules": _modules(),
        },
        on_renewed_change=lambda: None,
        on_left_change=lambda: None,
    )
