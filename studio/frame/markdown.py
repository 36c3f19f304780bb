"""Other people's text in places that Streamlit reads as Markdown: labels, captions, messages.

Most of it is shown as it is (``plain``); what is meant as Markdown keeps its marks
(``without_images``).
"""

from __future__ import annotations

import re

from studio.frame.words import on_page

__all__ = ["plain", "without_images"]

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Streamlit replaces these in the parsed text, where no backslash is left to stop it: icons, its
# logo, and arrows between spaces. A word joiner, which nobody sees, keeps them apart.
_JOINER = "\u2060"
_NAMED = re.compile(r":(?=material_|streamlit:)")
_ARROWS = re.compile(r"(?<!\S)(?:<->|->|<-|--|>=|<=|~=)(?!\S)")


def plain(text: object) -> str:
    """Text that Markdown shows as it is: utterances, values, names, reasons, errors.

    Every ASCII punctuation mark gets a backslash, so that nothing begins a list, a link, an image,
    a formula or a colour; lines stay lines. White space at the ends of lines is lost. Remedies
    in messages are worded for the pages.
    """
    apart = _NAMED.sub(":" + _JOINER, on_page(text))
    apart = _ARROWS.sub(lambda m: _JOINER.join(m[0]), apart)
    escaped = _PUNCTUATION.sub(r"\\\1", apart)
    return "  \n".join(line.strip() for line in escaped.splitlines())


def without_images(text: str) -> str:
    """Markdown that somebody wrote, without images: looking at it would tell their server.

    An image needs ``![`` as it stands, so a word joiner between the two leaves a link, however many
    backslashes are before it. HTML is shown as text: Streamlit escapes it.
    """
    return text.replace("![", f"!{_JOINER}[")
