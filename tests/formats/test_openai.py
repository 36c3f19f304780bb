"""OpenAI tools: a schema and back, and what is wrong with a tool in its own words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE

from radu_core.errors import FormatError, InputError, SchemaError
from radu_core.formats import Imported, read, write


def load(path: Path, **options: Any) -> Imported:
    return read("openai", path, module=MODULE, schema=None, options=options)


def test_openai_tools_become_a_schema_and_come_back(tmp_path: Path) -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tell the weather somewhere.",
            "parameters": {
                "type": "object",
                "properties": {
                    "place": {"type": "string", "description": "where"},
                    "days": {"type": "integer"},
                    "units": {"type": "string", "enum": ["C", "F"]},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["place"],
            },
        },
    }
    path = tmp_path / "tools.json"
    path.write_text(json.dumps([tool]))
    found = load(path).schema
    assert found is not None
    function = found.function("get_weather")
    assert function is not None
    assert [(s.name, s.type, s.required, s.multi_value) for s in function.slots] == [
        ("place", "string", True, False),
        ("days", "integer", False, False),
        ("units", "string", False, False),
        ("tags", "string", False, True),
    ]
    assert function.slots[2].possible_values == ("C", "F")
    write("openai", tmp_path / "out.json", schema=found, exemplars=[])
    again = load(tmp_path / "out.json").schema
    assert again == found


def test_openai_files_that_arent_are_said(tmp_path: Path) -> None:
    path = tmp_path / "tools.json"
    path.write_text("[1,")
    with pytest.raises(FormatError):
        load(path)


def string(**more: Any) -> dict[str, Any]:
    return {"parameters": {"properties": {"a": {"type": "string", **more}}}}


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ({"parameters": [1]}, "f.parameters", "isn't an object"),
        ({"parameters": {"properties": ["x"]}}, "f.parameters.properties", "isn't an object"),
        ({"parameters": {"properties": {"a": 3}}}, "f.a", "isn't a JSON schema"),
        ({"parameters": {"required": 3}}, "f.parameters.required", "isn't a list"),
        ({"description": ["x"]}, "f.description", "isn't a text"),
        (string(type="array", items=5), "f.a.items", "isn't an object"),
        (string(type={}), "f.a", "isn't a type of JSON Schema"),
        (string(type=[["string"]]), "f.a", "isn't a type of JSON Schema"),
        (string(enum=5), "f.a.enum", "isn't a list"),
        (string(enum=[{"x": 1}]), "f.a.enum", "has values that are no texts or numbers"),
        (
            {"parameters": {"properties": {"a\nb": {}}}},
            "function",
            "Slot of f: name can't be used: it has a line break or control character (U+000A): "
            "'a\\nb'. Use another name.",
        ),
    ],
)
def test_what_is_wrong_with_a_tool(
    tmp_path: Path, body: dict[str, Any], field: str, problem: str
) -> None:
    path = tmp_path / "tools.json"
    path.write_text(json.dumps([{"name": "f", **body}, {"name": "g", "description": "x"}]))
    found = load(path)
    (rejection,) = found.rejections
    assert (rejection.line, rejection.field, rejection.problem) == (1, field, problem)
    assert found.schema is not None
    assert [f.name for f in found.schema.functions] == ["g"]
    assert found.rows == 2 == len(found.rejections) + sum(found.skipped.values())


def test_a_module_id_and_an_option_that_cant_be(tmp_path: Path) -> None:
    path = tmp_path / "tools.json"
    path.write_text('[{"name": "f"}]')
    with pytest.raises(SchemaError, match="Not a module id"):
        read("openai", path, module="x", schema=None)
    with pytest.raises(InputError, match=r"no such option: 'a'\. It takes none"):
        load(path, a=1)
