"""The docs in the studio: every page links to its own, links lead on, search finds sections."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from streamlit.testing.v1 import AppTest
from studio_process import ROOT

from studio.docs import library
from studio.docs.library import address, documents, search
from studio.frame.navigation import DOCS

PAGE = str(ROOT / "pages" / "docs.py")
LINK = re.compile(r'href="docs\?page=([^"#]+)(?:#([^"]+))?"')


def opened(page: str | None = None) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=30)
    if page is not None:
        at.query_params["page"] = page
    return at.run()


def said(at: AppTest) -> str:
    return "\n".join(element.value for element in at.markdown)


def test_each_page_of_the_studio_has_a_page_of_the_docs() -> None:
    pages = {path.stem for path in (ROOT / "pages").glob("*.py")} - {"docs"}
    assert set(DOCS) == pages
    assert set(DOCS.values()) <= set(documents())


@pytest.mark.parametrize("name", sorted(documents()))
def test_every_link_in_the_studio_leads_to_a_heading(name: str) -> None:
    for section in documents()[name].sections:
        for page, anchor in LINK.findall(section.text):
            anchors = {s.anchor for s in documents()[unquote(page)].sections}
            assert not anchor or unquote(anchor) in anchors, f"{section.title}: {page}#{anchor}"


def test_what_streamlit_would_read_as_a_formula_or_html_is_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.md").write_text(
        "# A\n\n$1 to $2, <b>, `<c> $3`, [x](b.md#two), [y](../no.md), ![p](p.png)\n\n"
        "```\n# no heading $4 [z](b.md)\n```\n\n## `Two` of <https://e.org>\n",
        "utf-8",
    )
    (tmp_path / "b.md").write_text("# B\n", "utf-8")
    monkeypatch.setattr(library, "_PLACE", tmp_path)
    first, second = library._read("a", tmp_path / "a.md", frozenset({"a", "b"})).sections
    assert first.text == (
        r"\$1 to \$2, &lt;b>, `<c> $3`, "
        '<a href="docs?page=b#two" target="_self">x</a>, y, \n\n'
        "```\n# no heading $4 [z](b.md)\n```"
    )
    assert (second.level, second.title) == (2, "`Two` of <https://e.org>")


def test_search_wants_every_word_and_puts_titles_first() -> None:
    hits = [(document.name, section.title) for document, section in search("RUNS resume")]
    assert hits[0][0] == "how-to/runs"
    assert all(
        "resume" in f"{section.title} {section.text}".lower()
        for _, section in search("RUNS resume")
    )
    assert list(search("")) == []
    assert list(search("xyzzy")) == []


def test_the_index_is_what_opens_and_a_page_that_is_asked_for() -> None:
    at = opened()
    assert at.title[0].value == documents()["index"].title
    assert address("how-to/annotate") in said(at)
    at = opened("how-to/annotate")
    assert at.title[0].value == "Annotate from the keyboard"
    assert not at.exception


def test_a_page_that_is_not_there_is_named() -> None:
    at = opened("how-to/nothing")
    assert "how\\-to\\/nothing" in at.warning[0].value
    assert at.title[0].value == documents()["index"].title


def test_searching_lists_links_to_sections() -> None:
    at = opened()
    at.text_input[0].set_value("lease ten minutes").run()
    assert address("explanation/annotation", "leases") in said(at)
    at.text_input[0].set_value("xyzzy").run()
    assert "xyzzy" in at.info[0].value
