"""A row is read as it was written, and what isn't a row is refused with the line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from radu_core.dataset.rows import DatasetRow, parse_row, read_rows, row_id
from radu_core.errors import DatasetError

ROW = DatasetRow(
    id="rag/positive/é1/0",
    module="acme_travel_en",
    prompt="say “hi” ->",
    completion=" book_flight",
    task="rag",
    kind="positive",
    function="book_flight",
    slot=None,
    exemplar_id="é1",
    exemplar_hash="0123456789ab",
    negative=False,
    candidates=("book_flight", "book_hotel"),
    exemplar_ids=("e2",),
    answer_present=True,
)


@pytest.mark.parametrize("more", [{}, {"tokens": 12}, {"tokens": 0, "copy": 2}])
def test_a_row_is_read_as_it_was_written(more: dict[str, int]) -> None:
    row = replace(ROW, **more)
    assert parse_row(row.line()) == row
    assert row.as_json().keys() - ROW.as_json().keys() == more.keys()
    assert row.line().endswith("}\n")


@pytest.mark.parametrize(
    "line",
    ["", "[]", "1", '{"id": "x"}', "{", json.dumps({**ROW.as_json(), "extra": 1}), b"\xff\xfe"],
)
def test_a_line_that_is_no_row_is_refused(line: str | bytes) -> None:
    with pytest.raises(DatasetError, match="A line of a dataset isn't a row"):
        parse_row(line)


def test_a_split_without_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(ROW.line() * 2, encoding="utf-8")
    assert list(read_rows(tmp_path, "train")) == [ROW, ROW]
    with pytest.raises(DatasetError, match="No such split"):
        next(read_rows(tmp_path, "test"))


def test_an_id_says_what_a_row_is() -> None:
    assert row_id("single", "filled", "e1", "city", 0) == "single/filled/e1/city/0"
    assert row_id("rag", "zero", "e1", None, 1) == "rag/zero/e1/1"
