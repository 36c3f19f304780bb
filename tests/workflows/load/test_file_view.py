"""What is shown of a file before it is imported."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from conftest import MODULE

from radu_core.errors import FormatError
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.file_view import fields, view_file


def test_a_table_with_a_column_of_functions(loaded: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("kind,Text,CITY,note\nbook_hotel,a room in Paris,Paris,x\n,hm,,\n")
    view = view_file(loaded, MODULE, path, format="csv")
    assert view.columns == ("kind", "Text", "CITY", "note")
    assert view.mapping == {"function": "kind", "utterance": "Text", "arguments.city": "CITY"}
    assert view.first[0] == {
        "kind": "book_hotel",
        "Text": "a room in Paris",
        "CITY": "Paris",
        "note": "x",
    }
    assert (view.likely, view.sheets) == (None, ())


def test_two_columns_of_functions_are_left_to_a_person(loaded: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,gold,said\na,book_hotel,book_flight\n")
    assert view_file(loaded, MODULE, path, format="csv").mapping == {"utterance": "text"}


def test_the_encoding_a_file_likely_has(loaded: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("text,intent\nà Genève,book_hotel\n".encode("cp1252"))
    assert view_file(loaded, MODULE, path, format="csv").likely == "cp1252"
    chosen = view_file(loaded, MODULE, path, format="csv", options={"encoding": "cp1252"})
    assert (chosen.likely, chosen.first[0]["text"]) == (None, "à Genève")
    (tmp_path / "t.jsonl").write_text('{"utterance": "à"}\n')
    assert view_file(loaded, MODULE, tmp_path / "t.jsonl", format="jsonl").likely is None


def test_the_sheets_of_a_workbook(loaded: Workspace, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = "One"
    book.active.append(["text"])
    book.create_sheet("Two").append(["query", "intent"])
    book.save(tmp_path / "t.xlsx")
    view = view_file(loaded, MODULE, tmp_path / "t.xlsx", format="csv")
    assert (view.sheets, view.columns) == (("One", "Two"), ("text",))
    other = view_file(
        loaded,
        MODULE,
        tmp_path / "t.xlsx",
        format="csv",
        options={"sheet": "Two", "unlabelled": "x"},
    )
    assert other.mapping == {"utterance": "query", "function": "intent"}


def test_files_that_cant_be_looked_at(loaded: Workspace, tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_text("text\n")
    with pytest.raises(FormatError, match="isn't an XLSX workbook"):
        view_file(loaded, MODULE, tmp_path / "t.xlsx", format="csv")
    (tmp_path / "t.csv").write_text("\n\n")
    with pytest.raises(FormatError, match="is empty"):
        view_file(loaded, MODULE, tmp_path / "t.csv", format="csv")


def test_what_a_column_may_hold(loaded: Workspace) -> None:
    assert {"utterance", "function", "spans", "arguments.city"} <= set(fields(loaded, MODULE))
