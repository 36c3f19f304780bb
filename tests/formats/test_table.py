"""Tables: no row is lost, what can't be read is said where it stands, and all of it comes back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from conftest import MODULE, SCHEMA
from hypothesis import given, settings
from hypothesis import strategies as st

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.files import canonical_json
from radu_core.formats import Imported, read, write
from radu_core.formats.table import guess_mapping
from radu_core.instructions import instruct
from radu_core.schema import Schema, parse_schema


def load(path: Path, schema: Schema | None, **options: Any) -> Imported:
    found = read("csv", path, module=MODULE, schema=schema, options=options)
    skipped = sum(found.skipped.values())
    assert found.rows == len(found.exemplars) + len(found.rejections) + skipped
    return found


@pytest.fixture
def table(tmp_path: Path, schema: Schema) -> Callable[..., Imported]:
    def made(text: str | bytes, **options: Any) -> Imported:
        path = tmp_path / "t.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(path, schema, **options)

    return made


def texts(found: Imported) -> list[str]:
    return [e.utterance for e in found.exemplars]


def lines(found: Imported) -> list[int]:
    return [r.line for r in found.rejections]


def test_a_quote_inside_an_unquoted_cell_is_a_quote(table: Callable[..., Imported]) -> None:
    found = table(
        "id,utterance,function\n"
        '1,a 5" pipe in Oslo,book_flight\n2,a 6" pipe in Rome,book_flight\n3,a 7" pipe,\n'
    )
    assert [(e.id, e.utterance) for e in found.exemplars] == [
        ("1", 'a 5" pipe in Oslo'),
        ("2", 'a 6" pipe in Rome'),
        ("3", 'a 7" pipe'),
    ]
    assert found.rejections == ()


@pytest.mark.parametrize(
    "opened",
    ['2,"never closed,', '2,"says "hi" twice",', '2,"a" b,'],
    ids=["unclosed", "undoubled", "text after the quote"],
)
def test_a_bad_quote_rejects_its_own_row_only(table: Callable[..., Imported], opened: str) -> None:
    found = table(f'id,utterance,function\n1,one,\n{opened}\n3,"three, quoted",\n4,four,\n')
    assert texts(found) == ["one", "three, quoted", "four"]
    (rejection,) = found.rejections
    assert (rejection.line, rejection.field) == (3, "line")
    assert rejection.value == repr(opened)
    assert "isn't CSV" in rejection.problem
    assert "double the quotes" in rejection.remedy


def test_a_quote_that_is_never_closed_in_a_long_file(table: Callable[..., Imported]) -> None:
    rows = "".join(f"{i},{'x' * 100} {i},\n" for i in range(5000))
    found = table(f'id,utterance,function\na,"open,\n{rows}')
    assert lines(found) == [2]
    assert "isn't closed" in found.rejections[0].problem
    assert len(found.exemplars) == 5000


def test_two_bad_quotes_dont_take_the_rows_between(table: Callable[..., Imported]) -> None:
    found = table('id,utterance,function\n1,"open,\n2,two,\n3,three,\n4,four,"\n5,five,\n')
    assert [e.id for e in found.exemplars] == ["2", "3", "5"]
    assert lines(found) == [2, 5]
    assert found.rejections[0].problem == "has 2 cells on several lines for 3 columns"


def test_lines_are_those_of_the_file(table: Callable[..., Imported]) -> None:
    found = table(
        'id,utterance,function\r\n\r\n1,"two\r\n\r\nlines",\r\n2,x,nope\r\n3,y,nope\r\n,,\r\n4,z,\r\n'
    )
    assert texts(found) == ["two\r\n\r\nlines", "z"]
    assert lines(found) == [6, 7]


def test_bytes_that_arent_text_reject_their_own_row(table: Callable[..., Imported]) -> None:
    found = table(b'id,utterance\n1,a\n2,\xff\n3,"b\n\xfe\nc"\n4,d\n')
    assert texts(found) == ["a", "d"]
    assert [(r.line, r.problem) for r in found.rejections] == [
        (3, "byte 3 isn't UTF-8"),
        (5, "byte 1 isn't UTF-8"),
    ]


def test_a_long_line_in_a_quoted_cell_takes_no_other_row(table: Callable[..., Imported]) -> None:
    found = table('id,utterance\n1,a\n2,"b\n' + "x" * 2_000_000 + '\n3,c\n4,"d\ne"\n')
    assert texts(found) == ["a", "c", "d\ne"]
    assert lines(found) == [3, 4]
    assert found.rejections[1].problem == "longer than 1 MB"


def test_a_line_of_50_mb_is_rejected_without_being_held(tmp_path: Path, schema: Schema) -> None:
    import tracemalloc

    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.write(b"id,utterance\n1,")
        for _ in range(50):
            file.write(b"x" * 1_000_000)
        file.write(b"\n2,good\n")
    tracemalloc.start()
    found = load(path, schema)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (texts(found), lines(found)) == (["good"], [2])
    assert peak < 10_000_000


def test_a_cell_that_is_too_long_is_said(table: Callable[..., Imported]) -> None:
    found = table(f"id,utterance\n1,{'x' * 200_000}\n2,b\n")
    assert (texts(found), lines(found)) == (["b"], [2])
    assert "a cell is longer than 131072" in found.rejections[0].problem


def test_rows_with_other_than_a_cell_for_each_column_are_rejected(
    table: Callable[..., Imported],
) -> None:
    found = table("utterance,intent,city\na table in Oslo please\nhi,,\nx,,,y\n")
    assert texts(found) == ["hi"]
    assert [(r.line, r.problem) for r in found.rejections] == [
        (2, "has 1 cell for 3 columns"),
        (4, "has 4 cells for 3 columns"),
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delimtre": ";"}, "no such option: 'delimtre'. It has mapping, delimiter, sheet"),
        ({"delimiter": "abc"}, "is one character: 'abc'"),
        ({"delimiter": '"'}, "is one character"),
        ({"delimiter": 5}, "is one character: 5"),
        ({"mapping": 5}, "names a column for each field: 5"),
        ({"mapping": {"utterance": 1}}, "names a column"),
        ({"mapping": {"utterence": "utterance"}}, "No such field: 'utterence'"),
    ],
)
def test_options_that_cant_be_are_refused(
    table: Callable[..., Imported], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        table("id,utterance\n1,a\n", **options)


def test_a_column_can_be_left_out_and_a_tab_named(table: Callable[..., Imported]) -> None:
    found = table("utterance\tfunction\na\tnope\n", delimiter="\\t", mapping={"function": ""})
    assert texts(found) == ["a"]


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("extras", "[abc", "isn't a JSON list"),
        ("tags", "[1", "isn't a JSON list"),
        ("spans", "{}", "isn't a JSON list"),
        ("arguments", "[]", "isn't a JSON object"),
        ("arguments", '"x"', "isn't a JSON object"),
        ("extras", '[{"a": 1}]', "isn't a text, a number"),
    ],
)
def test_cells_that_should_be_json_are_said(
    table: Callable[..., Imported], column: str, cell: str, words: str
) -> None:
    quoted = cell.replace('"', '""')
    found = table(f'utterance,function,{column}\na,book_hotel,"{quoted}"\nb,,\n')
    (rejection,) = found.rejections
    assert words in rejection.problem
    assert rejection.line == 2
    assert texts(found) == ["b"]


def test_lists_in_cells(table: Callable[..., Imported]) -> None:
    found = table(
        "utterance,function,extras,tags\n"
        'a,book_hotel,wifi | pool,x|y\nb,book_hotel,"[""a|b"", ""c""]",[]\n'
    )
    assert [(e.arguments, e.tags) for e in found.exemplars] == [
        ({"extras": ["wifi", "pool"]}, ("x", "y")),
        ({"extras": ["a|b", "c"]}, ()),
    ]


def test_slots_named_like_a_field() -> None:
    data = {
        "functions": [
            {"name": "cancel", "slots": [{"name": "reason"}, {"name": "tags"}, {"name": "mode"}]}
        ]
    }
    schema = parse_schema(data, module=MODULE)
    assert guess_mapping(["text", "reason", "tags", "mode"], schema) == {
        "utterance": "text",
        "arguments.reason": "reason",
        "arguments.tags": "tags",
        "mode": "mode",
    }
    written = ["tags", "arguments.tags", "outcome", "resolved_by", "reason", "exact"]
    assert guess_mapping([*written, "arguments.reason"], schema) == {
        **{name: name for name in written},
        "arguments.reason": "arguments.reason",
    }
    assert "outcome" not in guess_mapping(["utterance", "outcome", "reason"], None)


def test_the_case_of_possible_values_and_functions_named_like_none(tmp_path: Path) -> None:
    slot = {"name": "where", "possible_values": ["US", "us", 1, True]}
    data = {"functions": [{"name": "oos", "slots": [slot, {"name": "n", "type": "number"}]}]}
    schema = parse_schema(data, module=MODULE)
    rows = [
        AnnotatedExemplar(id=str(i), utterance="u", function="oos", arguments={"where": v, "n": n})
        for i, (v, n) in enumerate([("US", 1), ("us", 1.0), (1, 2.5), (True, 2**53 - 1)])
    ]
    write("csv", tmp_path / "t.csv", schema=schema, exemplars=rows)
    again = load(tmp_path / "t.csv", schema).exemplars
    assert [e.model_dump_json() for e in again] == [e.model_dump_json() for e in rows]


SAMPLES = [
    "=1+1",
    "@x",
    "#N/A",
    "[abc",
    '["a"]',
    "a|b",
    " x ",
    "",
    "none",
    "null",
    "TRUE",
    "1",
    "1.0",
    "007",
    "2024-01-02",
    '"',
    '""',
    "a\n\nb",
    "\r\n",
    "\r",
    ",",
    ";",
    "\t",
    "'",
    "_x000D_",
    "a\u2028b",
    "\x85",
    "\ufeffa",
    "😀",
    "{}",
    "\\t",
]
NASTY = st.one_of(
    st.sampled_from(SAMPLES),
    st.text(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
        max_size=12,
    ),
)
CONTROLS = st.one_of(NASTY, st.text(st.characters(exclude_categories=["Cs"]), max_size=4))


@st.composite
def exemplars(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> list[AnnotatedExemplar]:
    full = texts.filter(str.strip)
    rows = []
    for id_ in draw(st.lists(st.one_of(full, st.just(" ")), min_size=1, max_size=4, unique=True)):
        text = draw(full)
        arguments, function = draw(
            st.one_of(
                st.tuples(st.just({}), st.none()),
                st.tuples(
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "city": full,
                            "extras": st.one_of(full, st.lists(full, max_size=3)),
                        },
                    ),
                    st.just("book_hotel"),
                ),
                st.tuples(
                    st.fixed_dictionaries(
                        {"origin": full},
                        optional={
                            "passengers": st.integers(-(2**53) + 1, 2**53 - 1),
                            "refundable": st.booleans(),
                        },
                    ),
                    st.just("book_flight"),
                ),
            )
        )
        span = Span(slot="city", start=0, end=1, value=draw(texts))
        rows.append(
            AnnotatedExemplar(
                id=id_,
                utterance=text,
                function=function,
                arguments=arguments,
                spans=draw(st.sampled_from([None, (), (span,)])),
                implied=tuple(draw(st.sets(st.sampled_from(sorted(arguments)))))
                if arguments
                else (),
                mode=draw(st.sampled_from(["normal", "extended", "negative"])),
                context=draw(st.one_of(st.none(), texts)),
                split=draw(st.sampled_from(["train", "validation", "test"])),
                tags=tuple(draw(st.lists(texts, max_size=3))),
                outcome=draw(st.sampled_from([None, "resolved", "invalid"])),
                resolved_by=draw(st.sampled_from([None, "annotator"])),
                reason=draw(texts),
            )
        )
    return rows


def check_back(rows: list[AnnotatedExemplar], name: str) -> None:
    schema = parse_schema(SCHEMA)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        assert write("csv", path, schema=schema, exemplars=rows) == len(rows)
        found = load(path, schema)
    assert found.rejections == ()
    back, there = ([canonical_json(e.model_dump()) for e in x] for x in (found.exemplars, rows))
    assert back == there


@settings(max_examples=150, deadline=None)
@given(exemplars(CONTROLS), st.sampled_from(["t.csv", "t.tsv"]))
def test_a_written_csv_comes_back_exactly(rows: list[AnnotatedExemplar], name: str) -> None:
    check_back(rows, name)


@settings(max_examples=60, deadline=None)
@given(exemplars(NASTY))
def test_a_written_workbook_comes_back_exactly(rows: list[AnnotatedExemplar]) -> None:
    check_back(rows, "t.xlsx")


def test_formulas_are_written_as_text(tmp_path: Path, schema: Schema) -> None:
    rows = [
        AnnotatedExemplar(id="=1+1", utterance='=HYPERLINK("http://x")', tags=("#N/A",)),
        AnnotatedExemplar(id="2", utterance="=A1"),
    ]
    path = tmp_path / "t.xlsx"
    write("csv", path, schema=schema, exemplars=rows)
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    written = [cell for row in sheet.iter_rows(min_row=2, max_col=2) for cell in row]
    assert [(c.value, c.data_type, c.quotePrefix) for c in written] == [
        ("=1+1", "s", True),
        ('=HYPERLINK("http://x")', "s", True),
        ("2", "s", False),
        ("=A1", "s", True),
    ]
    assert load(path, schema).exemplars == tuple(rows)


def test_a_workbook_that_cant_hold_a_cell_is_refused(tmp_path: Path, schema: Schema) -> None:
    for row in (
        AnnotatedExemplar(id="7", utterance="a", reason="x" * 40_000),
        AnnotatedExemplar(id="7", utterance="a\ufffe"),
    ):
        with pytest.raises(FormatError, match=r"row 2: .*: '7'"):
            write("csv", tmp_path / "t.xlsx", schema=schema, exemplars=[row])
    assert list(tmp_path.iterdir()) == []


def test_short_rows_of_a_workbook_are_rows(tmp_path: Path, schema: Schema) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = "2024"
    for row in ([None], ["text", "intent", "city"], ["hi"], [None, None], ["a", "book_hotel", "x"]):
        book.active.append(row)
    book.active["E3"] = "beyond"
    book.save(tmp_path / "t.xlsx")
    found = load(tmp_path / "t.xlsx", schema, sheet=2024)
    assert [(e.utterance, e.arguments) for e in found.exemplars] == [("a", {"city": "x"})]
    assert [(r.line, r.problem) for r in found.rejections] == [(3, "has 5 cells for 3 columns")]


def test_a_damaged_workbook_is_said(tmp_path: Path, schema: Schema) -> None:
    import zipfile

    write("csv", tmp_path / "a.xlsx", schema=schema, exemplars=[])
    with (
        zipfile.ZipFile(tmp_path / "a.xlsx") as whole,
        zipfile.ZipFile(tmp_path / "b.xlsx", "w") as part,
    ):
        for name in whole.namelist():
            data = whole.read(name)
            part.writestr(name, data[: len(data) // 2] if "sheet1" in name else data)
    with pytest.raises(FormatError, match="isn't an XLSX workbook"):
        load(tmp_path / "b.xlsx", schema)


# Columns


LABELS = "text,{}\na flight to Oslo,book_flight\nhi there,book_hotel\n"


def test_names_of_columns_in_any_case(table: Callable[..., Imported]) -> None:
    found = table("UTTERANCE,Intent,City,ARGUMENTS.Extras\na,book_hotel,Paris,x|y\n")
    assert [(e.function, e.arguments) for e in found.exemplars] == [
        ("book_hotel", {"city": "Paris", "extras": ["x", "y"]})
    ]
    assert found.ignored == {}
    mapped = table("Sentence X,Intent\na,book_hotel\n", mapping={"utterance": "sentence x"})
    assert texts(mapped) == ["a"]


def test_columns_that_arent_read_are_named_and_counted(table: Callable[..., Imported]) -> None:
    found = table("text,intent,note,confidence,\na,book_hotel,x,0.4,\nb,book_hotel,,0.2,z\n")
    assert found.ignored == {"confidence": 2, "note": 1, "(column 5)": 1}


def test_a_table_without_labels_is_unlabelled_and_says_so(table: Callable[..., Imported]) -> None:
    found = table("text,note\na,x\nb,\n")
    assert [(e.unlabelled, e.outcome) for e in found.exemplars] == [(True, "unlabelled")] * 2
    assert "No column holds the function: the rows are unlabelled" in found.notes[0]


def test_a_column_that_looks_like_labels_isnt_passed_over(table: Callable[..., Imported]) -> None:
    with pytest.raises(
        FormatError, match="names functions: 'kind'.*" + instruct("map", "function", "kind")
    ):
        table(LABELS.format("kind"))
    mapped = table(LABELS.format("kind"), mapping={"function": "Kind"})
    assert [e.function for e in mapped.exemplars] == ["book_flight", "book_hotel"]
    assert all(
        e.unlabelled for e in table(LABELS.format("kind"), mapping={"function": ""}).exemplars
    )


def test_two_columns_of_one_name_matter_only_where_they_are_read(
    table: Callable[..., Imported],
) -> None:
    found = table("text,intent,note,note,,\na,book_hotel,x,y,,z\n")
    assert found.ignored == {"note": 1, "note (2)": 1, "(column 5)": 0, "(column 6)": 1}
    with pytest.raises(FormatError, match="two columns of the same name: 'text'"):
        table("text,text\na,b\n")


def test_blank_rows_and_empty_cells_beyond_are_counted(table: Callable[..., Imported]) -> None:
    found = table("text,intent\n\na,book_hotel,,\n,\n\nb,book_hotel\n\n\n")
    assert texts(found) == ["a", "b"]
    assert found.skipped == {"a blank row": 3}
    assert found.normalised["empty cells beyond the columns"].example == "line 3"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_marks_quotes_and_breaks(table: Callable[..., Imported], delimiter: str) -> None:
    rows = [["text", "intent", "city"], ['"a ""hotel""\nin Paris"', "book_hotel", "Paris"]]
    text = "\ufeff" + "".join(delimiter.join(row) + "\r\n" for row in rows)
    found = table(text)
    assert [(e.utterance, e.function, e.arguments) for e in found.exemplars] == [
        ('a "hotel"\nin Paris', "book_hotel", {"city": "Paris"})
    ]


def test_names_without_rows_are_said(table: Callable[..., Imported]) -> None:
    with pytest.raises(FormatError, match=r"t\.csv names columns, but has no rows"):
        table("text,intent\n")
