"""Text of people comes out of Markdown as it went in."""

from __future__ import annotations

import re

import pytest

from studio.frame.markdown import plain

HOSTILE = [
    "<org>_<bot>_<lang>",
    "*Bob* and __init__ and ~~gone~~",
    "![i](http://example.invalid/leak.png)",
    "[a link](javascript:alert(1)) <img src=x>",
    ":red[no] :material/home: :material_home: :streamlit: :smile: 12:30:45",
    "# no title",
    "- no item",
    "1. no item",
    "> no quote",
    "$46 and $50, `code`, \\*",
    "a -> b <- c -- d >= e",
    "&amp; &#42;",
    "| a | b |\n|---|---|",
    "    no code block",
    "👩🏽‍🚀 東京 Cafe\u0301",
]


def unescaped(text: str) -> str:
    """What Markdown makes of escaped text; nothing in it may be left that isn't escaped."""
    assert not re.search(r"(?<!\\)(?:\\\\)*[*_\[\]`$<>#|~!&:](?<!\\.)", re.sub(r"\\.", "", text))
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text.replace("\u2060", ""))


@pytest.mark.parametrize("text", HOSTILE)
def test_everything_is_escaped_and_comes_back(text: str) -> None:
    lines = [line.strip() for line in text.splitlines()]
    assert unescaped(plain(text)) == "  \n".join(lines)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a -> b", "a \\-\u2060\\> b"),
        (":material_home:", "\\:\u2060material\\_home\\:"),
        (":streamlit:", "\\:\u2060streamlit\\:"),
        ("a->b", "a\\-\\>b"),
        (12, "12"),
    ],
)
def test_what_streamlit_replaces_after_parsing_is_kept_apart(text: object, shown: str) -> None:
    assert plain(text) == shown
