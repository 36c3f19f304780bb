"""``text.js`` against Python: offsets, signs and tokens of what breaks annotation tools."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page
from unicode_cases import edges, texts

pytestmark = pytest.mark.e2e

CASES = texts(300)
_MEASURE = """async (cases) => {
  const { Offsets, cuts, tokens, pieces } = await import("/text.js");
  return cases.map((text) => {
    const offsets = new Offsets(text);
    const units = [...Array([...text].length + 1).keys()].map((p) => offsets.toUnits(p));
    const words = tokens(text, "en");
    return {
      units,
      back: units.map((u) => offsets.toPoints(u)),
      cuts: cuts(text).map((u) => offsets.toPoints(u)),
      tokens: words.map((t) => [offsets.toPoints(t.start), offsets.toPoints(t.end)]),
      pieces: pieces(text, words, words.slice(0, 1)).map((p) => text.slice(p.start, p.end)),
    };
  });
}"""


@pytest.fixture(scope="module")
def measured(modules: Page) -> list[dict[str, Any]]:
    return list(modules.evaluate(_MEASURE, CASES))


def test_offsets_are_those_of_python(measured: list[dict[str, Any]]) -> None:
    for text, found in zip(CASES, measured, strict=True):
        assert found["units"] == [
            len(text[:n].encode("utf-16-le")) // 2 for n in range(len(text) + 1)
        ]
        assert found["back"] == list(range(len(text) + 1))


def test_cuts_are_between_signs(measured: list[dict[str, Any]]) -> None:
    for text, found in zip(CASES, measured, strict=True):
        assert found["cuts"] == edges(text), ascii(text)


def test_tokens_never_split_a_sign_and_leave_only_white_space(
    measured: list[dict[str, Any]],
) -> None:
    for text, found in zip(CASES, measured, strict=True):
        allowed, at, left = set(edges(text)), 0, ""
        for start, end in found["tokens"]:
            assert {start, end} <= allowed, ascii(text)
            assert at <= start < end
            left += text[at:start]
            at = end
        left += text[at:]
        assert not left.strip(" \t\u200b\ufeff"), ascii(left)


def test_pieces_are_the_text(measured: list[dict[str, Any]]) -> None:
    assert ["".join(found["pieces"]) for found in measured] == CASES


def test_words_without_spaces_are_tokens(modules: Page) -> None:
    found = modules.evaluate(
        """async () => {
          const { tokens } = await import("/text.js");
          const text = "明天从北京飞到上海";
          return tokens(text, "zh").map((t) => text.slice(t.start, t.end));
        }"""
    )
    assert "北京" in found
    assert "上海" in found


def test_an_occurrence_never_splits_a_sign(modules: Page) -> None:
    found = modules.evaluate(
        """async () => {
          const { occurrences } = await import("/text.js");
          return [
            occurrences("cafe\\u0301 cafe", "cafe").map((p) => p.start),
            occurrences("👩‍👧 and 👩", "👩").map((p) => p.start),
            occurrences("to Boston, from boston", "BOSTON").map((p) => p.start),
            occurrences("aaa", "aa").map((p) => p.start),
          ];
        }"""
    )
    assert found == [[6], [10], [3, 16], [0, 1]]
