"""What alignment knows of each language: the lines of ``languages.jsonl``, and the docs' table.

A line has the utterance with its values marked as ``[words](slot)``, and the arguments a labeller
gave. ``what`` names the column of the table in ``docs/reference/alignment.md`` that it stands for;
"asked" lines are those where alignment must not decide.
"""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from radu_core.alignment import align
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema, parse_schema

MARK = re.compile(r"\[([^\]]*)\]\((\w+)\)")
TYPES = {
    **dict.fromkeys(
        (
            "guests",
            "nights",
            "rooms",
            "seats",
            "minutes",
            "hours",
            "days",
            "stars",
            "人数",
            "部屋数",
            "晚数",
        ),
        "integer",
    ),
    **dict.fromkeys(("above", "rate"), "number"),
    "day": "date",
    "at": "time",
}
REFERENCE = date(2026, 3, 2)  # a Monday
LINES = Path(__file__).with_name("languages.jsonl").read_text(encoding="utf-8").splitlines()
CASES: list[dict[str, Any]] = [json.loads(line) for line in LINES]
FOUND = [c for c in CASES if c["what"] != "asked"]
ASKED = [c for c in CASES if c["what"] == "asked"]
DOCS = Path(__file__).parents[2] / "docs/reference/alignment.md"


def name(case: dict[str, Any]) -> str:
    return f"{case['language']} {case['text']}"


def make_schema(arguments: dict[str, Any], language: str) -> Schema:
    slots = [{"name": slot, "type": TYPES.get(slot, "string")} for slot in arguments]
    functions = [{"name": "f", "slots": slots}]
    return parse_schema({"module": f"a_b_{language}", "functions": functions})


def align_case(case: dict[str, Any]) -> Any:
    arguments = case["arguments"]
    row = AnnotatedExemplar(
        id="x", utterance=MARK.sub(r"\1", case["text"]), function="f", arguments=arguments
    )
    return align(make_schema(arguments, case["language"]), row, reference=REFERENCE)


@pytest.mark.parametrize("case", FOUND, ids=name)
def test_it_is_found(case: dict[str, Any]) -> None:
    result = align_case(case)
    assert result.outcome == "resolved", result.reason
    assert result.template == MARK.sub(r"<\2>", case["text"])


@pytest.mark.parametrize("case", ASKED, ids=name)
def test_it_is_not_decided_or_doubted(case: dict[str, Any]) -> None:
    """Figures that stand there once are never denied; a doubt stands in the reason."""
    result = align_case(case)
    if result.outcome == "resolved":
        assert result.inferred_kinds == ("doubted",), result.template
        [span] = result.spans or ()
        assert case["text"][span.start : span.end] == str(span.value)
    else:
        assert result.outcome in ("unlocated", "ambiguous")


def read_table() -> set[tuple[str, str]]:
    """The cells of the docs' table of languages that promise something: (code, column)."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in DOCS.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    start = next(i for i, row in enumerate(rows) if row[0] == "language")
    columns = rows[start][1:]
    promised = set()
    for row in rows[start + 2 :]:
        code = re.search(r"`(\w+)`", row[0])
        if code is None:
            break
        promised |= {(code[1], c) for c, cell in zip(columns, row[1:], strict=True) if cell != "–"}
    return promised


def test_the_docs_promise_what_cases_show_and_no_more() -> None:
    assert read_table() == {(c["language"], c["what"]) for c in FOUND}


def test_a_language_nothing_is_known_of_asks() -> None:
    case = {"language": "sw", "text": "meza ya watu wawili", "arguments": {"guests": 2}}
    assert align_case(case).outcome == "unlocated"
