"""The docs as the studio shows them: Markdown files in sections, with links that lead on here.

The files lie beside ``pages/``, in a checkout and in the wheel, so that they can be read offline.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

__all__ = ["FIRST", "Document", "Section", "address", "documents", "search"]

FIRST = "index"
_PLACE = Path(__file__).parents[2] / "docs"
_CODE = re.compile(r"```.*?^ *```$|(`+)(?!`).+?(?<!`)\1(?!`)", re.M | re.S)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
_TITLE = re.compile(r"^(#{1,3}) (.+)$", re.M)
_HELD = re.compile("\0(\\d+)\0")


@dataclass(frozen=True)
class Section:
    """A heading (level 1 to 3) with its anchor, and the Markdown beneath it."""

    level: int
    title: str
    anchor: str
    text: str


@dataclass(frozen=True)
class Document:
    """A page of the docs; ``name`` is its path without the suffix, as in its address."""

    name: str
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """The title of the page."""
        return self.sections[0].title


def address(name: str, anchor: str = "") -> str:
    """The address of a page of the docs, from any page of the studio."""
    return f"docs?page={quote(name)}" + (f"#{quote(anchor)}" if anchor else "")


@cache
def documents() -> dict[str, Document]:
    """Every page of the docs, by name."""
    paths = {p.relative_to(_PLACE).with_suffix("").as_posix(): p for p in _PLACE.rglob("*.md")}
    return {name: _read(name, paths[name], frozenset(paths)) for name in sorted(paths)}


def search(words: str) -> Iterator[tuple[Document, Section]]:
    """The sections that hold every word, those with one in their title first; case is no matter."""
    terms = words.casefold().split()
    hits = [
        (document, section)
        for document in documents().values()
        for section in document.sections
        if terms and all(w in f"{section.title} {section.text}".casefold() for w in terms)
    ]
    yield from sorted(hits, key=lambda hit: not any(w in hit[1].title.casefold() for w in terms))


def _read(name: str, path: Path, names: frozenset[str]) -> Document:
    codes: list[str] = []

    def hold(code: re.Match[str]) -> str:
        codes.append(code[0])
        return f"\0{len(codes) - 1}\0"

    def put_back(text: str) -> str:
        return _HELD.sub(lambda m: codes[int(m[1])], text)

    _, *rest = _TITLE.split(_CODE.sub(hold, path.read_text("utf-8")))
    sections = []
    for marks, title, text in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        heading = put_back(title)
        body = put_back(_for_streamlit(text, name, names)).strip()
        sections.append(Section(len(marks), heading, _anchor(heading), body))
    return Document(name, tuple(sections))


def _anchor(title: str) -> str:
    """What code hosts make of a heading; ``tests/test_docs.py`` holds that links agree with it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _for_streamlit(text: str, name: str, names: frozenset[str]) -> str:
    """Markdown with what Streamlit reads as a formula or as HTML escaped, and with its own links.

    Streamlit opens links in a new tab unless they say otherwise, and only HTML can say it.
    """
    escaped = re.sub(r"<(?!https?:)", "&lt;", text.replace("$", r"\$"))
    return _LINK.sub(lambda link: _link(link, name, names), escaped)


def _link(link: re.Match[str], name: str, names: frozenset[str]) -> str:
    picture, label, target, anchor = link.groups()
    if re.match(r"\w+:", target):
        return link[0]
    path = (_PLACE / f"{name}.md").parent.joinpath(target).resolve() if target else None
    inside = path.is_relative_to(_PLACE.resolve()) if path else True
    page = (
        path.relative_to(_PLACE.resolve()).with_suffix("").as_posix() if path and inside else name
    )
    if picture:
        return ""  # of the studio, in which it is read
    if not inside or page not in names:
        return label  # a file of the repository that isn't shipped
    return f'<a href="{address(page, anchor or "")}" target="_self">{label}</a>'
