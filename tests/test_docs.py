"""The docs hold together: links lead somewhere, and each page begins with a question."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from studio_process import ROOT

DOCS = ROOT / "docs"
FENCE = re.compile(r"^ *```.*?^ *```$", re.M | re.S)
LINK = re.compile(r"\]\(((?!\w+:)[^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.M)
MENTION = re.compile(r"(?<![\w/.-])(docs/[\w/-]+\.md)(?:#([\w-]+))?")


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository, those that aren't committed yet too."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in names.splitlines() if (path := ROOT / name).is_file()]


def prose(path: Path) -> str:
    """The Markdown of a file without its blocks of code."""
    return FENCE.sub("", path.read_text("utf-8"))


@cache
def anchors(path: Path) -> frozenset[str]:
    """The anchors of a page's headings, as code hosts make them."""
    titles = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", t) for t in HEADING.findall(prose(path))]
    return frozenset(re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles)


PAGES = [p for p in tracked("docs/*.md") if "decisions/0" not in p.as_posix()]
MARKDOWN = tracked("*.md")
TEXTS = tracked("*.py", "*.js", "*.toml", "*.txt", "Dockerfile", "compose.yaml", "Makefile")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def broken(source: Path) -> Iterator[str]:
    """The links of a page that lead nowhere."""
    for target, anchor in LINK.findall(prose(source)):
        path = (source.parent / target).resolve() if target else source
        if not path.exists():
            yield f"{target}: no such file"
        elif anchor and path.suffix == ".md" and anchor not in anchors(path):
            yield f"{target}#{anchor}: no such heading"


@pytest.mark.parametrize("path", MARKDOWN, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    assert list(broken(path)) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` c?\n[x](#a-b-c) [y](#d) [z](z.md)\n```\n# d\n[n](n.md)\n```\n", "utf-8"
    )
    assert list(broken(page)) == ["#d: no such heading", "z.md: no such file"]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_page_begins_with_the_question_it_answers(path: Path) -> None:
    title, question = re.split(r"\n\s*\n", path.read_text("utf-8"), maxsplit=2)[:2]
    assert title.startswith("# ")
    assert "?" in question.split("\n")[0], question


def test_the_index_leads_to_every_page() -> None:
    index = DOCS / "index.md"
    linked = {(DOCS / target).resolve() for target, _ in LINK.findall(index.read_text("utf-8"))}
    assert [name(p) for p in PAGES if p != index and p not in linked] == []
    records = (DOCS / "decisions/index.md").read_text("utf-8")
    assert [p.name for p in DOCS.glob("decisions/0*.md") if f"({p.name})" not in records] == []


def test_a_page_of_the_docs_that_code_or_a_message_names_is_there() -> None:
    missing, count = [], 0
    for path in TEXTS:
        for target, anchor in MENTION.findall(path.read_text("utf-8")):
            count += 1
            page = ROOT / target
            if not page.is_file() or (anchor and anchor not in anchors(page)):
                missing.append(f"{name(path)}: {target}#{anchor}")
    assert missing == []
    assert count > 15
