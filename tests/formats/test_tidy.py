"""Rows read tolerantly, in every format alike: what is taken otherwise than written is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from shop import SHOP, load

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.formats import Imported, write
from radu_core.schema import Schema, parse_schema

Write = Callable[..., Path]


def in_language(code: str) -> Schema:
    return SHOP.model_copy(update={"module": f"acme_shop_{code}"})


def one(write_jsonl: Write, **row: Any) -> tuple[AnnotatedExemplar, set[str]]:
    found = load(write_jsonl([{"id": "1", "utterance": "u", **row}]))
    assert found.rejections == ()
    return found.exemplars[0], set(found.normalised)


@pytest.mark.parametrize(
    ("slot", "given", "taken", "kind"),
    [
        ("pieces", "2", 2, "a number as text"),
        ("pieces", 2.0, 2, "a whole number with a fraction of 0"),
        ("pieces", "2.0", 2, "a whole number with a fraction of 0"),
        ("price", "2.5", 2.5, "a number as text"),
        ("price", "15 %", 0.15, "a percentage as a share"),
        ("price", 3, 3, None),
        ("gift", "Yes", True, "yes or no as text"),
        ("gift", 0, False, "yes or no as text"),
        ("pieces", "1,599", 1599, "a number in another writing"),
        ("pieces", "1 599", 1599, "a number in another writing"),
        ("pieces", "1.599.000", 1599000, "a number in another writing"),
        ("price", "1.599,00", 1599, "a number in another writing"),
        ("price", "-1,599.50", -1599.5, "a number in another writing"),
        ("price", "1'599", 1599, "a number in another writing"),
        ("price", "48,60", 48.6, "a number in another writing"),
        ("price", "1,59,900", 159900, "a number in another writing"),
        ("price", "1.599", 1.599, "a number as text"),
        ("price", "12,5 %", 0.125, "a percentage as a share"),
        ("day", "13.3.2026", "2026-03-13", "a date in another writing"),
        ("day", "9 March 2026", "2026-03-09", "a date in another writing"),
        ("day", "Monday, March 9th, 2026", "2026-03-09", "a date in another writing"),
        ("day", "2026年3月9日", "2026-03-09", "a date in another writing"),
        ("at", "11:30 am", "11:30", "a time in another writing"),
        ("at", "12.15 a.m.", "00:15", "a time in another writing"),
        ("at", "7 PM", "19:00", "a time in another writing"),
        ("at", "18h30", "18:30", "a time in another writing"),
        ("at", "18.30", "18:30", "a time in another writing"),
        ("at", "18 Uhr", "18:00", "a time in another writing"),
        ("at", "午後6時半", "18:30", "a time in another writing"),
        ("at", "noon", "12:00", "a time in another writing"),
        ("day", "2026/3/9", "2026-03-09", "a date in another writing"),
        ("day", "2026.03.09", "2026-03-09", "a date in another writing"),
        ("day", "2026-03-09T00:00:00", "2026-03-09", "a date in another writing"),
        ("at", "8:05", "08:05", "a time in another writing"),
        ("at", "08:05:00.000", "08:05", "a time in another writing"),
        ("code", 2139, "2139", "a number or yes/no for a slot of text"),
        ("code", 2.0, "2", "a number or yes/no for a slot of text"),
        ("code", "007", "007", None),
        ("Größe", "GROSS", "Groß", "a possible value in another case"),
        ("Größe", " Klein ", "Klein", "outer spaces"),
        ("floor", "2", 2, "a possible value of another type"),
        ("floor", 2.0, 2, "a possible value of another type"),
        ("code", ["x"], "x", "a list for one value"),
        ("extras", ["a", None], ["a"], "null for a value: absent"),
        ("extras", [], [], None),
    ],
)
def test_values_become_what_their_slots_take(
    write_jsonl: Write, slot: str, given: Any, taken: Any, kind: str | None
) -> None:
    row, kinds = one(write_jsonl, function="order", arguments={slot: given})
    assert repr(row.arguments) == repr({slot: taken})
    assert kinds == ({kind} if kind else set())


@pytest.mark.parametrize("value", [None, "", "  ", [], [None]])
def test_a_value_that_is_none_is_absent_and_not_implied(write_jsonl: Write, value: Any) -> None:
    arguments = {"code": value, "pieces": 2}
    row, kinds = one(write_jsonl, function="order", arguments=arguments, implied=["code"])
    assert (row.arguments, row.implied) == ({"pieces": 2}, ())
    assert len(kinds) >= 1


@pytest.mark.parametrize(
    ("slot", "given"),
    [
        ("pieces", 2.5),
        ("pieces", True),
        ("pieces", "two"),
        ("price", "nan"),
        ("day", "3/9/2026"),
        ("day", "2026-02-30"),
        ("at", "25:00"),
        ("Größe", "mittel"),
        ("code", ["a", "b"]),
        ("day", "2026-03-09T08:00:00"),
        ("day", "9.3.26"),
        ("day", "March 2026"),
        ("day", "Tuesday, 9 March 2026"),
        ("at", "7"),
        ("at", "13 am"),
        ("at", "18:30Z"),
        ("at", "2 hours"),
        ("price", "1,2,3"),
        ("price", "$46"),
        ("pieces", "1.599"),
    ],
)
def test_what_fits_no_type_is_rejected_as_it_stands(
    write_jsonl: Write, slot: str, given: Any
) -> None:
    found = load(write_jsonl([{"utterance": "u", "function": "order", "arguments": {slot: given}}]))
    (rejection,) = found.rejections
    assert rejection.field == "arguments"
    assert repr(given) in rejection.value


@pytest.mark.parametrize(
    ("language", "slot", "given", "problem", "remedy"),
    [
        ("de", "price", "1,599", "may mean 1.599 or 1599", "Write 1.5990 or 1599."),
        ("de", "price", "1.599", "may mean 1599 or 1.599", "Write 1599 or 1.5990."),
        ("de", "pieces", "1,599", "may mean 1.599 or 1599", "Write 1599."),
        ("fr", "pieces", "2.000", "may mean 2000 or 2", "Write 2000 or 2."),
        (
            "en",
            "day",
            "3/9/2026",
            "may mean 2026-09-03 or 2026-03-09",
            "Write 2026-09-03 or 2026-03-09.",
        ),
        (
            "ja",
            "day",
            "9.3.2026",
            "may mean 2026-03-09 or 2026-09-03",
            "Write 2026-03-09 or 2026-09-03.",
        ),
        (
            "de",
            "day",
            "3/9/2026",
            "may mean 2026-09-03 or 2026-03-09",
            "Write 2026-09-03 or 2026-03-09.",
        ),
        ("de", "at", "8 Uhr", "may mean 08:00 or 20:00", "Write 08:00 or 20:00."),
        ("en", "at", "8 o'clock", "may mean 08:00 or 20:00", "Write 08:00 or 20:00."),
    ],
)
def test_what_may_mean_several_values_is_asked_about(
    write_jsonl: Write, language: str, slot: str, given: str, problem: str, remedy: str
) -> None:
    schema = in_language(language)
    row = {"utterance": "u", "function": "order", "arguments": {slot: given}}
    (rejection,) = load(write_jsonl([row]), schema).rejections
    assert rejection.problem == f"slot {slot!r}: {given!r} {problem}"
    assert rejection.remedy == remedy


@pytest.mark.parametrize(
    ("language", "slot", "given", "taken"),
    [
        ("de", "price", "1.599,00", 1599),
        ("de", "price", "1.5990", 1.599),
        ("de", "price", "1 599", 1599),
        ("de", "price", "0.125", 0.125),
        ("de", "pieces", "1.599", 1599),
        ("fr", "price", "1\u202f234,50", 1234.5),
        ("sv", "price", "1 234,5", 1234.5),
        ("ar", "price", "١٬٥٩٩", 1599),
        ("ja", "price", "１，５９９", 1599),
        ("de", "day", "9.3.2026", "2026-03-09"),
        ("de", "day", "9. März 2026", "2026-03-09"),
        ("fr", "day", "9/3/2026", "2026-03-09"),
        ("fr", "day", "1er mars 2026", "2026-03-01"),
        ("es", "day", "9 de marzo de 2026", "2026-03-09"),
        ("ru", "day", "9 марта 2026 г.", "2026-03-09"),
        ("ko", "day", "2026년 3월 9일", "2026-03-09"),
        ("zh", "day", "2026年3月9号", "2026-03-09"),
        ("fr", "at", "20 h", "20:00"),
        ("zh", "at", "下午6点30分", "18:30"),
        ("ko", "at", "오후 6시", "18:00"),
    ],
)
def test_values_are_read_as_the_language_writes_them(
    write_jsonl: Write, language: str, slot: str, given: str, taken: Any
) -> None:
    schema = in_language(language)
    row = {"utterance": "u", "function": "order", "arguments": {slot: given}}
    found = load(write_jsonl([row]), schema)
    assert [repr(e.arguments[slot]) for e in found.exemplars] == [repr(taken)]
    assert sum(tally.count for tally in found.normalised.values()) == 1


def test_a_point_in_a_table_is_a_program_s_and_is_told(tmp_path: Path) -> None:
    """In German "1.599" may be 1599: whoever reads the report sees how it was read."""
    path = tmp_path / "rows.csv"
    path.write_text("utterance,function,price\nu,order,1.599\nv,order,2.5\n", encoding="utf-8")
    found = load(path, in_language("de"))
    assert [e.arguments["price"] for e in found.exemplars] == [1.599, 2.5]
    kinds = {kind: tally.count for kind, tally in found.normalised.items()}
    assert kinds == {"a number with a point that may group thousands in the module's language": 1}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
@pytest.mark.parametrize("slot", ["price", "code", "extras"])
def test_numbers_without_an_end_are_refused(tmp_path: Path, number: str, slot: str) -> None:
    path = tmp_path / "rows.jsonl"
    row = '{"utterance": "u", "function": "order", "arguments": {"%s": %s}}\n'
    path.write_text(row % (slot, number))
    assert load(path).exemplars == ()


@pytest.mark.parametrize(
    ("row", "function", "unlabelled"),
    [
        ({}, None, True),
        ({"function": ""}, None, True),
        ({"function": []}, None, True),
        ({"function": None}, None, False),
        ({"function": "none"}, None, False),
        ({"intent": "OOS"}, None, False),
        ({"function": "out of scope"}, None, False),
        ({"function": "cancel_order"}, "Cancel_Order", False),
        ({"Intent": " order"}, "order", False),
        ({"function": ["order"]}, "order", False),
        ({"function": {"name": "order", "arguments": {}}}, "order", False),
        ({"unlabelled": True}, None, True),
        ({"unlabelled": True, "function": None}, None, True),
        ({"unlabelled": True, "function": "order"}, "order", False),
        ({"outcome": "unlabelled", "reason": "x", "function": "order"}, "order", False),
    ],
)
def test_unlabelled_is_not_out_of_scope(
    write_jsonl: Write, row: dict[str, Any], function: str | None, unlabelled: bool
) -> None:
    found, _ = one(write_jsonl, **row)
    assert (found.function, found.unlabelled) == (function, unlabelled)
    assert found.out_of_scope == (function is None and not unlabelled)
    assert found.outcome == ("unlabelled" if unlabelled else None)


def test_rows_without_a_function_are_out_of_scope_when_that_is_asked_for(
    write_jsonl: Write,
) -> None:
    path = write_jsonl([{"utterance": "a"}, {"utterance": "b", "function": "order"}])
    found = load(path, unlabelled="out-of-scope")
    assert [e.out_of_scope for e in found.exemplars] == [True, False]
    assert found.normalised["no function: out of scope, as asked for"].count == 1
    with pytest.raises(InputError, match="keep or out-of-scope"):
        load(path, unlabelled="maybe")


def test_a_function_named_like_out_of_scope_is_a_function(write_jsonl: Write) -> None:
    schema = parse_schema({"module": MODULE, "functions": [{"name": "oos"}]})
    (row,) = load(write_jsonl([{"utterance": "u", "function": "oos"}]), schema).exemplars
    assert row.function == "oos"


def test_keys_that_mean_nothing_are_named_and_counted(write_jsonl: Write) -> None:
    span = {"slot": "code", "start": 0, "end": 1, "value": "u", "text": "u"}
    rows = [
        {
            "utterance": "u",
            "function": "order",
            "arguments": {"code": "u"},
            "spans": [span],
            "meta": {"a": 1},
            "outcome": "success",
        },
        {"utterance": "v", "function": "order", "meta": None, "PIECES": 3},
    ]
    found = load(write_jsonl(rows))
    assert found.ignored == {"meta": 2, "outcome": 1, "spans.text": 1}
    assert [e.arguments for e in found.exemplars] == [{"code": "u"}, {"pieces": 3}]


@pytest.mark.parametrize(
    ("given", "split"),
    [
        ("dev", "validation"),
        ("VALID", "validation"),
        ("val", "validation"),
        ("testing", "test"),
        ("Training", "train"),
        (None, "train"),
        ("", "train"),
    ],
)
def test_usual_names_of_splits(write_jsonl: Write, given: Any, split: str) -> None:
    assert one(write_jsonl, function="order", split=given)[0].split == split


def test_numbers_as_ids_and_texts_for_lists(write_jsonl: Write) -> None:
    rows = [{"id": 7, "utterance": 42, "function": "order", "tags": "a|b", "context": None}]
    (row,) = load(write_jsonl(rows)).exemplars
    assert (row.id, row.utterance, row.tags, row.context) == ("7", "42", ("a", "b"), None)


def test_a_change_is_counted_with_its_first_place(write_jsonl: Write) -> None:
    rows = [
        {"utterance": str(n), "function": "order", "arguments": {"pieces": str(n)}}
        for n in range(3)
    ]
    tally = load(write_jsonl(rows)).normalised["a number as text"]
    assert (tally.count, tally.example) == (3, "line 1, pieces: '0' → 0")


def test_values_of_spans_are_read_as_those_of_arguments(write_jsonl: Write) -> None:
    span = {"slot": "pieces", "start": 0, "end": 1, "value": "2"}
    row, _ = one(
        write_jsonl,
        utterance="2 of them",
        function="order",
        arguments={"pieces": "2"},
        spans=[span],
    )
    assert row.spans is not None
    assert (row.arguments["pieces"], row.spans[0].value) == (2, 2)


# Rows that are there already


ROW = {"utterance": "two", "function": "order", "arguments": {"pieces": 2}}


def test_a_repeated_row_is_skipped_listed_and_counted(write_jsonl: Write) -> None:
    found = load(write_jsonl([ROW, {**ROW, "arguments": {"pieces": "2"}}, {"utterance": "x"}]))
    assert len(found.exemplars) == 2
    assert found.skipped == {"the same row as one before it": 1}
    (notice,) = found.notices
    assert (notice.line, notice.kind, notice.detail) == (2, "repeated", "the same as line 1")


def test_a_repeated_row_of_a_table_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,intent,pieces\ntwo,order,2\ntwo,order,2\nhi,,\nhi,,\n")
    found = load(path)
    assert (len(found.exemplars), found.skipped) == (2, {"the same row as one before it": 2})


def test_the_same_text_with_other_labels_is_kept_and_said(write_jsonl: Write) -> None:
    found = load(write_jsonl([ROW, {**ROW, "arguments": {"pieces": 3}}, {"utterance": "two"}]))
    assert len(found.exemplars) == 3
    (notice,) = found.notices
    assert (notice.line, notice.kind) == (2, "conflict")
    assert notice.detail == "order(pieces=3) here, order(pieces=2) in line 1"


def test_the_same_labels_in_another_split_are_kept_and_said(write_jsonl: Write) -> None:
    found = load(write_jsonl([ROW, {**ROW, "split": "test"}]))
    assert [e.split for e in found.exemplars] == ["train", "test"]
    assert len({e.id for e in found.exemplars}) == 2
    assert found.notices[0].detail == "the same text and labels as line 1, but another split"
    again = load(write_jsonl([ROW, {**ROW, "split": "test"}]))
    assert again.exemplars == found.exemplars


# Files


def test_a_list_of_rows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for text in (json.dumps([ROW, "x"]), json.dumps([ROW, "x"], indent=1)):
        path.write_text("\n " + text)
        found = load(path)
        assert ([e.utterance for e in found.exemplars], found.rejections[0].line) == (["two"], 2)
        assert found.notes == ("Read as one JSON list; lines count its items.",)


def test_one_object_over_several_lines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"functions": []}, indent=1))
    with pytest.raises(FormatError, match=r"one JSON object over several lines.*Write one"):
        load(path)


def test_blank_lines_between_rows_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"\n{json.dumps(ROW)}\n\n\n{json.dumps({'utterance': 'x'})}\n\n\n")
    assert load(path).skipped == {"a blank line": 3}


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.xlsx"])
def test_unlabelled_and_out_of_scope_come_back(tmp_path: Path, name: str) -> None:
    (unlabelled,) = load_rows(tmp_path, [{"id": "a", "utterance": "u"}]).exemplars
    rows = [
        unlabelled,
        AnnotatedExemplar(id="b", utterance="v"),
        AnnotatedExemplar(id="c", utterance="w", function="order"),
        unlabelled.model_copy(
            update={"id": "d", "outcome": "invalid", "reason": "Discarded", "tags": ("discarded",)}
        ),
    ]
    format = "jsonl" if name == "r.jsonl" else "csv"
    write(format, tmp_path / name, schema=SHOP, exemplars=rows)
    assert load(tmp_path / name).exemplars == tuple(rows)


def load_rows(tmp_path: Path, rows: list[dict[str, Any]]) -> Imported:
    path = tmp_path / "given.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load(path)
