"""Importers and exporters: round trips, and bad input with line, field, value and remedy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from conftest import MODULE, ROWS
from hypothesis import given, settings
from hypothesis import strategies as st

from radu_core.errors import FormatError, InputError, NotFoundError, StoreError
from radu_core.exemplars import DISCARDED, UNLABELLED, AnnotatedExemplar, Span, make_template
from radu_core.files import parse_json, read_json
from radu_core.formats import FORMATS, Imported, guess_format, read, write
from radu_core.schema import Schema, parse_schema

Write = Callable[..., Path]


def load(path: Path, schema: Schema | None, format: str = "jsonl", **options: Any) -> Imported:
    return read(format, path, module=MODULE, schema=schema, options=options)


def balanced(found: Imported) -> bool:
    return found.rows == len(found.exemplars) + len(found.rejections) + sum(found.skipped.values())


def test_rows_in_are_rows_accounted_for(schema: Schema, write_jsonl: Write) -> None:
    found = load(write_jsonl([*ROWS, {"utterance": ""}, {"id": "f00", "utterance": "x"}]), schema)
    assert (len(found.exemplars), len(found.rejections)) == (len(ROWS), 2)
    assert balanced(found)


@pytest.mark.parametrize(
    ("row", "field", "value", "words"),
    [
        ({"function": "book_flight"}, "utterance", "None", "missing"),
        ({"utterance": "x", "function": "fly"}, "function", "'fly'", "not in the schema"),
        ({"utterance": "x", "intent": "y"}, "function", "'y'", "not in the schema"),
        (
            {"utterance": "x", "function": "book_flight", "arguments": {"seat": "1"}},
            "arguments",
            "{'seat': '1'}",
            "has no slot 'seat'",
        ),
        (
            {"utterance": "x", "function": "book_flight", "arguments": {"passengers": "two"}},
            "arguments",
            "{'passengers': 'two'}",
            "type integer",
        ),
        (
            {
                "utterance": "fly",
                "function": "book_flight",
                "arguments": {"origin": "Oslo"},
                "spans": [{"slot": "origin", "start": 2, "end": 9, "value": "Oslo"}],
            },
            "spans",
            "[{'slot': 'origin'",
            "isn't inside",
        ),
        (
            {
                "utterance": "fly",
                "function": "book_flight",
                "arguments": {"origin": "Oslo"},
                "template": "to <origin>",
            },
            "template",
            "'to <origin>'",
            "doesn't fit",
        ),
        (
            {"utterance": "x", "function": "book_flight", "arguments": {"origin": {"a": 1}}},
            "arguments.origin",
            "{'a': 1}",
            "isn't a text, a number",
        ),
        ({"utterance": "x", "split": "eval"}, "split", "'eval'", "input should be"),
        (
            {"utterance": "x", "function": None, "arguments": {"a": 1}},
            "arguments",
            "{'a': 1}",
            "out-of-scope",
        ),
        ({"utterance": "x", "arguments": {"a": 1}}, "arguments", "{'a': 1}", "has none"),
        (
            {"utterance": "x", "spans": [{"slot": "a", "start": 0, "end": 1, "value": "x"}]},
            "spans",
            "[{'slot': 'a'",
            "has none",
        ),
        (
            {"utterance": "x", "function": ["book_flight", "book_hotel"]},
            "function",
            "['book_flight",
            "several",
        ),
        (
            {"utterance": "x", "function": "book_flight", "arguments": {"passengers": 1e999}},
            "arguments.passengers",
            '\'{"utterance"',
            "finite",
        ),
    ],
)
def test_a_bad_row_says_where_what_and_what_to_do(
    schema: Schema, write_jsonl: Write, row: dict[str, Any], field: str, value: str, words: str
) -> None:
    found = load(write_jsonl([ROWS[0], row]), schema)
    (rejection,) = found.rejections
    assert (rejection.line, rejection.field) == (2, field)
    assert rejection.value.startswith(value[:20])
    assert words in rejection.problem
    assert rejection.remedy
    assert rejection.source == "rows.jsonl"


def test_an_id_that_is_taken_names_the_first_line(schema: Schema, write_jsonl: Write) -> None:
    other = {**ROWS[0], "split": "test"}
    (rejection,) = load(write_jsonl([ROWS[0], other]), schema).rejections
    assert (rejection.field, rejection.problem) == ("id", "the same as in line 1")


def test_bytes_that_arent_text_reject_their_own_line_only(schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"utterance": "a"}\n{"utterance": "\xff"}\nnot json\n{"utterance": "b"}\n')
    found = load(path, schema)
    assert [e.utterance for e in found.exemplars] == ["a", "b"]
    assert [(r.line, r.problem) for r in found.rejections] == [
        (2, "byte 16 isn't UTF-8"),
        (3, found.rejections[1].problem),
    ]
    assert balanced(found)


def test_a_bom_and_crlf_are_understood(schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"utterance": "a"}\r\n\r\n{"utterance": "b"}\r\n')
    found = load(path, schema)
    assert [e.utterance for e in found.exemplars] == ["a", "b"]


def test_a_line_of_50_mb_is_rejected_without_being_held(schema: Schema, tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        file.write(b'{"utterance": "')
        for _ in range(50):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"utterance": "good"}\n')
    tracemalloc.start()
    found = load(path, schema)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (rejection,) = found.rejections
    assert (rejection.line, rejection.problem) == (1, "longer than 1 MB")
    assert [e.utterance for e in found.exemplars] == ["good"]
    assert peak < 10_000_000


@pytest.mark.parametrize(("name", "format"), [("a.jsonl", "jsonl"), ("a.csv", "csv")])
def test_an_empty_file_is_said(schema: Schema, tmp_path: Path, name: str, format: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(FormatError, match=r"is empty"):
        load(tmp_path / name, schema, format)


def test_missing_files_and_formats_are_said(schema: Schema, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="No such file"):
        load(tmp_path / "no.jsonl", schema)
    with pytest.raises(InputError, match="No such format"):
        load(tmp_path, schema, "xml")
    with pytest.raises(NotFoundError, match=r"No such file: .*a\.doc"):
        guess_format(tmp_path / "a.doc")
    (tmp_path / "a.doc").write_text("x")
    with pytest.raises(FormatError, match=r"by the file's name: 'a\.doc'\. Rename it to end in"):
        guess_format(tmp_path / "a.doc")
    (tmp_path / "sub").mkdir()
    with pytest.raises(
        FormatError, match=r"sub isn't a part of .* no dialogues_\*\.json and no sch"
    ):
        guess_format(tmp_path / "sub")


def test_a_directory_of_parts_names_them(schema: Schema, tmp_path: Path) -> None:
    for name in ("train", "dev"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dialogues_001.json").write_text("[]")
    with pytest.raises(FormatError, match=r"Name one of its parts: .*/dev, .*/train\."):
        guess_format(tmp_path)
    with pytest.raises(FormatError, match=r"Name one of its parts"):
        load(tmp_path, schema, "sgd")
    (tmp_path / "schema.json").write_text("[]")  # one for all parts
    assert guess_format(tmp_path / "dev") == "sgd"


SLOT_VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@settings(max_examples=30)
@given(SLOT_VALUES, SLOT_VALUES)
def test_jsonl_comes_back_with_its_state(before: str, value: str) -> None:
    import tempfile

    from conftest import SCHEMA

    from radu_core.schema import parse_schema

    text = f"{before} {value}!"
    start = len(before) + 1
    span = Span(slot="origin", start=start, end=start + len(value), value=value)
    row = AnnotatedExemplar(
        id="1",
        utterance=text,
        function="book_flight",
        arguments={"origin": value},
        spans=(span,),
        template=make_template(text, [span]),
        outcome="resolved",
        resolved_by="annotator",
        reason="Decided by a person.",
        tags=("a",),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.jsonl"
        write("jsonl", path, schema=parse_schema(SCHEMA), exemplars=[row])
        assert load(path, parse_schema(SCHEMA)).exemplars == (row,)


def test_csv_with_a_mapping(schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "Satz;intent;passengers;city;split\n"
        "zwei bitte;book_flight;2;;train\n"
        '"a room; quiet\nplease";book_hotel;;Paris;test\n'
        "hi;;;;train\nno;book_flight;two;;train\n",
        encoding="utf-8-sig",
    )
    found = load(path, schema, "csv", mapping={"utterance": "Satz"})
    assert [(e.utterance, e.function, e.arguments, e.split) for e in found.exemplars] == [
        ("zwei bitte", "book_flight", {"passengers": 2}, "train"),
        ("a room; quiet\nplease", "book_hotel", {"city": "Paris"}, "test"),
        ("hi", None, {}, "train"),
    ]
    (rejection,) = found.rejections
    assert (rejection.line, "'two'" in rejection.value) == (6, True)


def test_csv_says_which_columns_there_are(schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(FormatError, match="no column holds the utterance"):
        load(path, schema, "csv")
    with pytest.raises(FormatError, match="Its columns are a, b"):
        load(path, schema, "csv", mapping={"utterance": "c"})


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.xlsx"])
def test_tables_come_back(schema: Schema, tmp_path: Path, write_jsonl: Write, name: str) -> None:
    rows = load(write_jsonl(ROWS), schema).exemplars
    assert write("csv", tmp_path / name, schema=schema, exemplars=rows) == len(rows)
    again = load(tmp_path / name, schema, "csv")
    assert again.rejections == ()
    assert again.exemplars == rows


def test_xlsx_cells_have_types(schema: Schema, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["text", "intent", "passengers", "refundable"])
    book.active.append(["two please", "book_flight", 2, True])
    book.save(tmp_path / "t.xlsx")
    (row,) = load(tmp_path / "t.xlsx", schema, "csv").exemplars
    assert row.arguments == {"passengers": 2, "refundable": True}


ENDINGS = [
    (info.name, ending)
    for info in FORMATS.values()
    if info.writer and info.carries_exemplars
    for ending in info.endings or ("",)
]


@pytest.mark.parametrize(("format", "ending"), ENDINGS)
@pytest.mark.parametrize("name", ["pay", "NONE", "None", "unlabelled"])
def test_unlabelled_never_comes_back_as_out_of_scope(
    tmp_path: Path, format: str, ending: str, name: str
) -> None:
    module = parse_schema({"module": MODULE, "functions": [{"name": name, "description": "Pay."}]})
    bare = AnnotatedExemplar(
        id="a", utterance="u", unlabelled=True, outcome="unlabelled", reason=UNLABELLED
    )
    taken_out = {"id": "b", "outcome": "invalid", "reason": "Bad", "tags": (DISCARDED,)}
    rows = (
        bare,
        bare.model_copy(update=taken_out),
        bare.model_copy(update={"id": "c", "split": "test", "context": name}),
        AnnotatedExemplar(id="d", utterance="v"),
        AnnotatedExemplar(id="e", utterance="w", outcome="resolved", resolved_by="annotator"),
        AnnotatedExemplar(id="f", utterance="x", function=name),
    )
    path = tmp_path / f"out{ending}"
    assert write(format, path, schema=module, exemplars=rows) == len(rows)
    found = load(path, module, format)
    assert (found.exemplars, found.rejections, found.skipped) == (rows, (), {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "4300 digits"),
        ("{", "column 2"),
        ('{\n"a": }', "line 2"),
        (r'{"a": ["x \ud800"]}', "ud800 is a surrogate"),
    ],
)
def test_what_isnt_json_is_said_in_a_few_words(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        parse_json(text)
    path = tmp_path / "rows.jsonl"
    path.write_text(text.replace("\n", " "))
    with contextlib.suppress(FormatError):
        imported = read("jsonl", path, module=MODULE, schema=None)
        assert imported.rejections
    path.write_text(text)
    with pytest.raises(StoreError, match=words):
        read_json(path)


@pytest.mark.parametrize("format", ["jsonl", "csv", "openai"])
def test_a_directory_in_place_of_a_file_is_said(format: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory"):
        read(format, tmp_path, module=MODULE, schema=None)
    with pytest.raises(NotFoundError, match="No such file"):
        read(format, tmp_path / "nope", module=MODULE, schema=None)


def test_a_control_character_in_a_workbook_is_said(schema: Schema, tmp_path: Path) -> None:
    row = AnnotatedExemplar(id="7", utterance="a\x00b", function=None)
    with pytest.raises(FormatError, match="control character: '7'"):
        write("csv", tmp_path / "x.xlsx", schema=schema, exemplars=[row])
    assert not (tmp_path / "x.xlsx").exists()
