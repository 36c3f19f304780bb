"""Home of an empty workspace: what this is, the path as a picture, the ways in."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from html import escape
from pathlib import Path

import streamlit as st

from studio.frame.layout import side_by_side
from studio.frame.navigation import link
from studio.frame.page import Page
from studio.frame.tour import start_tour

__all__ = ["begin", "welcome"]

_ASSETS = Path(__file__).parents[2] / "assets"
_NARROW = 1200  # pixels of the window: below, the wide picture's letters are too small to read
_ALTERNATIVE = (
    "The path through the studio in seven steps. 1: load your functions and labelled utterances. "
    "2: annotate what can't be placed without guessing. 3: Coverage, is the right function in the "
    "prompt? 4: look at the prompts that the model will read. 5: train a small model on this "
    "machine. 6: evaluate it beside what you get for nothing. 7: ask it in the Playground, then "
    "use it in your app. What the model gets wrong goes back from step 6 to step 2."
)
# As stencils, the pictures have the colour of the page's text in either theme: Streamlit leaves no
# SVG in HTML, and one in an image can't know the theme.
_STYLE = """
.radu-path {{
  width: 100%; background: currentColor; mask: url("{wide_url}") no-repeat left top / contain;
  aspect-ratio: {wide};
}}
@media (max-width: {narrow}px) {{
  .radu-path {{ max-width: 26rem; mask-image: url("{tall_url}"); aspect-ratio: {tall}; }}
}}
@media (forced-colors: active) {{
  .radu-path {{ forced-color-adjust: none; background: CanvasText; }}
}}
"""


def welcome() -> None:
    """What the studio is for, and the path through it."""
    st.markdown(
        "Bring a bot's functions and labelled utterances: sentences, each with the function it "
        "calls and the values it gives. The studio makes a small language model of them that turns "
        "an utterance into a function call, and measures it beside what you would get without "
        "training. Everything stays on this machine."
    )
    st.html(_picture())


def begin(here: Page, sample: Callable[[], None]) -> None:
    """The ways in; ``sample`` draws the button that loads the sample project."""
    left, right, tour = side_by_side([1, 1, 1], key="ways-in", gap="small", border=True)
    with left:
        st.markdown("**With the sample project**")
        st.markdown(
            "Three modules of a company that doesn't exist: 1,091 utterances of 18 functions. It "
            "loads in seconds, and can be deleted again."
        )
        sample()
    with right:
        st.markdown("**With your own file**")
        st.markdown(
            "A schema (JSON, or your OpenAI tools) and utterances as JSONL, CSV or XLSX. Import "
            "reports each row it can't read, with its line and a remedy."
        )
        link("load", "Load your own data")
    with tour:
        st.markdown("**With a tour**")
        st.markdown(
            "Two or three sentences on each page. Leave it at any step; “Tour of this page” in the "
            "sidebar brings it back."
        )
        st.button(
            "Take the tour",
            icon=":material/explore:",
            on_click=start_tour,
            args=(here.workspace, here.who),
        )


def _picture() -> str:
    """The path, wide or tall as the window is, with its text alternative."""
    parts = {"narrow": str(_NARROW)}
    for name in ("wide", "tall"):
        text = (_ASSETS / f"path-{name}.svg").read_bytes()
        size = re.search(rb'viewBox="0 0 (\d+) (\d+)"', text)
        assert size is not None, name
        parts[name] = f"{int(size[1])} / {int(size[2])}"
        parts[f"{name}_url"] = f"data:image/svg+xml;base64,{b64encode(text).decode()}"
    style = _STYLE.format(**parts)
    return (
        f"<style>{style}</style>"
        f'<div class="radu-path" role="img" aria-label="{escape(_ALTERNATIVE)}"></div>'
    )
