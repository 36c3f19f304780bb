"""Numbers in sentences."""

from __future__ import annotations

import ast
import itertools
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

from radu_core.words import join_words, ordinal, quantity

ROOT = Path(__file__).resolve().parents[1]


def test_ordinals() -> None:
    numbers = [1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 111, 1_001]
    assert [ordinal(n) for n in numbers] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "13th",
        "21st",
        "22nd",
        "103rd",
        "111th",
        "1,001st",
    ]


def test_one_is_not_many() -> None:
    assert quantity(1, "utterance") == "1 utterance"
    assert quantity(0, "utterance") == "0 utterances"
    assert quantity(2_000, "entry", "entries") == "2,000 entries"


def test_lists() -> None:
    assert [join_words("abc"[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert join_words(["a", "b"], "or") == "a or b"


NOUNS = re.compile(
    r" (?:[a-z-]+ )?(?:utterance|reading|row|exemplar|function|slot|run|dataset|import|module|"
    r"token|value|tool|version|file|column|cell|pair|label|template|negative|error|answer|word|character|"
    r"step|opinion|process|decision|epoch|text|finding|context)(?:s|es)\b(?!/)"
)
# Limits, numbers that are more than one where they stand, names, and what was counted already.
RIGHT = re.compile(
    r"[A-Z_]{4,}|limit|max_|n_gpu|quantity\(|choice\.cost|tokens_per_second|^tokens$|^size$|name$|"
    r"^key$|^split$|len\((?:utterance|text|name|names|cell\.ids|opinions|found|ids|rows)\)"
)


def bare_counts(path: Path) -> Iterator[str]:
    """Numbers put before a plural without asking whether there is one of it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, after in itertools.pairwise(node.values):
            if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant):
                what = ast.unparse(value.value)
                if NOUNS.match(str(after.value)) and not RIGHT.search(what):
                    yield f"{path}:{node.lineno}: {{{what}}}{str(after.value)[:30]}"


def test_no_text_says_one_rows() -> None:
    found = [
        each
        for room in ("radu_core", "studio", "pages")
        for path in sorted((ROOT / room).rglob("*.py"))
        for each in bare_counts(path)
    ]
    assert found == []


def test_no_phrase_that_has_to_be_read_twice() -> None:
    """``benchmarks/house.py`` counts them as well."""
    house = runpy.run_path(str(ROOT / "benchmarks" / "house.py"))["House"](ROOT)
    assert house.banned_places() == []
