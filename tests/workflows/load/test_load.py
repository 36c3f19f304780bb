"""Importing and exporting: whose schema holds, what is said, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.formats import write
from radu_core.schema import Schema, parse_schema
from radu_core.store import imports
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import export, import_file, init_module

OTHER: dict[str, Any] = {
    "functions": [
        {"name": "book_flight", "description": "Another text.", "slots": [{"name": "origin"}]},
        {"name": "sing", "description": "Sing a song."},
    ]
}


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    path = tmp_path / "tools.json"
    write("openai", path, schema=parse_schema(OTHER, module=MODULE), exemplars=[])
    return path


def test_a_module_keeps_its_schema(loaded: Workspace, schema: Schema, tools: Path) -> None:
    before = loaded.store.exemplars(MODULE)
    report = import_file(loaded, "openai", tools, module=MODULE, who="t")
    assert (report.schema_ignored, report.schema_changed) == (True, False)
    assert loaded.store.schema(MODULE) == schema
    assert loaded.store.exemplars(MODULE) == before


def test_the_schema_is_replaced_when_asked_for(loaded: Workspace, tools: Path) -> None:
    report = import_file(loaded, "openai", tools, module=MODULE, who="t", replace_schema=True)
    assert (report.schema_ignored, report.schema_changed) == (False, True)
    assert [f.name for f in loaded.store.schema(MODULE).functions] == ["book_flight", "sing"]
    again = import_file(loaded, "openai", tools, module=MODULE, who="t")
    assert (again.schema_ignored, again.schema_changed) == (False, False)


@pytest.mark.parametrize("new", [False, True])
def test_a_schema_and_its_rows_come_together_or_not_at_all(
    workspace: Workspace, schema: Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    other = parse_schema(OTHER, module=MODULE)
    row = AnnotatedExemplar(id="s", utterance="sing", function="sing", split="train")
    write("sgd", tmp_path / "sgd", schema=other, exemplars=[row])
    if not new:
        workspace.store.put_schema(schema, who="t")

    def broken(*_: object) -> None:
        raise RuntimeError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(imports, "put", broken)
        with pytest.raises(RuntimeError):
            import_file(
                workspace, "sgd", tmp_path / "sgd", module=MODULE, who="t", replace_schema=True
            )
    if new:
        assert workspace.store.modules() == []
    else:
        assert workspace.store.schema(MODULE) == schema
        assert len(workspace.store.schema_versions(MODULE)) == 1
    assert workspace.store.imports(MODULE) == []
    report = import_file(
        workspace, "sgd", tmp_path / "sgd", module=MODULE, who="t", replace_schema=True
    )
    assert (report.schema_changed, report.added) == (True, 1)


def test_a_new_module_takes_the_files_schema(workspace: Workspace, tools: Path) -> None:
    report = import_file(workspace, "openai", tools, module=MODULE, who="t")
    assert (report.schema_ignored, report.schema_changed) == (False, True)
    assert workspace.store.schema(MODULE) == parse_schema(OTHER, module=MODULE)


def test_sgd_rows_that_dont_fit_the_modules_schema_are_rejected(
    loaded: Workspace, schema: Schema, tmp_path: Path
) -> None:
    other = parse_schema(OTHER, module=MODULE)
    rows = [
        {"id": "s", "utterance": "sing", "function": "sing"},
        {
            "id": "f",
            "utterance": "from Rome",
            "function": "book_flight",
            "arguments": {"origin": "Rome"},
        },
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    theirs = Workspace(tmp_path / "theirs")
    theirs.store.put_schema(other, who="t")
    import_file(theirs, "jsonl", path, module=MODULE, who="t")
    assert export(theirs, "sgd", tmp_path / "sgd", module=MODULE).rows == 2
    theirs.store.close()

    report = import_file(loaded, "sgd", tmp_path / "sgd", module=MODULE, who="t")
    assert [r.problem for r in report.rejections] == ["not in the schema"]
    assert (report.stored, report.schema_ignored) == (False, True)
    report = import_file(loaded, "sgd", tmp_path / "sgd", module=MODULE, who="t", keep_good=True)
    assert (report.stored, report.added, report.schema_ignored) == (True, 1, True)
    assert loaded.store.schema(MODULE) == schema
    report = import_file(
        loaded, "sgd", tmp_path / "sgd", module=MODULE, who="t", replace_schema=True
    )
    assert (report.added, report.unchanged, report.rejections) == (1, 1, ())
    assert loaded.store.schema(MODULE).function("sing") is not None


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_format_without_a_schema_replaces_none(
    loaded: Workspace, write_jsonl: Callable[..., Path], format: str
) -> None:
    path = write_jsonl([{"utterance": "x", "function": "nope"}])
    with pytest.raises(InputError, match="carries no schema"):
        import_file(
            loaded, format, path, module=MODULE, who="t", keep_good=True, replace_schema=True
        )


@pytest.mark.parametrize("format", ["jsonl", "csv", "sgd"])
def test_an_export_is_taken_back_by_another_workspace(
    loaded: Workspace, tmp_path: Path, format: str
) -> None:
    path = tmp_path / f"out.{format}"
    assert export(loaded, format, path, module=MODULE).rows == len(ROWS)
    assert export(loaded, format, path, module=MODULE).exemplars == len(ROWS)
    other = Workspace(tmp_path / "other")
    other.store.put_schema(loaded.store.schema(MODULE), who="t")
    report = import_file(other, format, path, module=MODULE, who="t")
    assert (report.added, report.rejections, report.skipped) == (len(ROWS), (), {})
    states = [[i.exemplar for i in w.store.exemplars(MODULE)] for w in (loaded, other)]
    assert states[0] == states[1]
    other.store.close()


def test_exports_that_cant_be(loaded: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"No such outcome: 'weird'\. Use resolved, am"):
        export(loaded, "jsonl", tmp_path / "o", module=MODULE, outcomes=("resolved", "weird"))
    with pytest.raises(InputError, match="is a directory"):
        export(loaded, "jsonl", tmp_path, module=MODULE)
    with pytest.raises(InputError, match="is a file"):
        export(loaded, "sgd", tmp_path / "file", module=MODULE)
    outcomes = ("unlocated", "ambiguous", "invalid", "new")
    made = export(loaded, "jsonl", tmp_path / "o", module=MODULE, outcomes=outcomes)
    assert (made.rows, made.total) == (2, len(ROWS))
    assert made.left_out == {"not asked for: resolved": len(ROWS) - 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "schema.json isn't JSON .*choose another file"),
        ("\udcff", "schema.json isn't JSON"),
        ("5", "holds no tools"),
        ('[{"name": "f", "parameters": [1]}]', "f.parameters isn't an object"),
    ],
)
def test_files_that_are_no_schema(
    workspace: Workspace, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "schema.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(FormatError, match=words):
        init_module(workspace, MODULE, path, who="t")


def test_an_export_counts_what_it_loses_of_the_schema(workspace: Workspace, tmp_path: Path) -> None:
    functions = [
        {
            "name": "ship",
            "slots": [
                {"name": "city", "path": ["address", "city"]},
                {"name": "n", "type": "integer", "constraints": {"minimum": 1}},
            ],
        },
        {"name": "list", "slots": [{"name": "n", "multi_value": True}]},
    ]
    workspace.store.put_schema(parse_schema({"functions": functions}, module=MODULE), who="t")
    found = export(workspace, "sgd", tmp_path / "sgd", module=MODULE)
    assert found.left_out == {
        "a slot that another function has otherwise: written as that one's": 1,
        "the path of a nested slot": 1,
        "the constraints of a slot": 1,
    }
    assert export(workspace, "jsonl", tmp_path / "x.jsonl", module=MODULE).left_out == {}


def test_the_report_counts_values_that_were_left_out(
    workspace: Workspace, schema: Schema, tmp_path: Path, make_exemplar: Callable[..., Any]
) -> None:
    row = make_exemplar("a room", "book_hotel", arguments={"extras": ["wifi", "pool", "bar"]})
    write("sgd", tmp_path / "sgd", schema=schema, exemplars=[row])
    path = tmp_path / "sgd" / "schema.json"
    path.write_text(path.read_text().replace('"multi_value": true', '"multi_value": false'))
    report = import_file(workspace, "sgd", tmp_path / "sgd", module=MODULE, who="t")
    assert report.added == 1
    assert report.left_out == {"a further value of a slot that takes one": 2}
    assert workspace.store.exemplars(MODULE)[0].exemplar.arguments == {"extras": "wifi"}
