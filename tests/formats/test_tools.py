"""Tools of every provider: nothing of them is lost without a word, and all comes back."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from hypothesis import given
from hypothesis import strategies as st

from radu_core.formats import Imported, read, write
from radu_core.schema import Slot


def load(tmp_path: Path, data: Any) -> Imported:
    path = tmp_path / "tools.json"
    path.write_text(json.dumps(data))
    return read("openai", path, module=MODULE, schema=None)


def slots(tmp_path: Path, properties: dict[str, Any], **more: Any) -> dict[str, Slot]:
    """The slots of one tool; written and read again they are the same, with nothing left out."""
    parameters = {"type": "object", "properties": properties, **more}
    found = load(tmp_path, [{"name": "f", "description": "d", "parameters": parameters}])
    assert found.rejections == ()
    assert found.schema is not None
    write("openai", tmp_path / "out.json", schema=found.schema, exemplars=[])
    again = read("openai", tmp_path / "out.json", module=MODULE, schema=None)
    assert (again.schema, again.left_out) == (found.schema, {})
    return {slot.name: slot for slot in found.schema.functions[0].slots}


SPEC = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
BODY = {"name": "f", "description": "d"}


@pytest.mark.parametrize(
    "data",
    [
        [{"type": "function", "function": {**BODY, "parameters": SPEC}}],
        {"type": "function", "function": {**BODY, "parameters": SPEC}},
        [{"type": "function", **BODY, "parameters": SPEC}],
        {**BODY, "parameters": SPEC},
        [{**BODY, "parameters": json.dumps(SPEC)}],
        {"functions": [{**BODY, "parameters": SPEC}]},
        {"tools": {"f": {"description": "d", "parameters": SPEC}}},
        {"tools": [{**BODY, "inputSchema": SPEC}]},
        {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{**BODY, "inputSchema": SPEC}]}},
        [{**BODY, "input_schema": SPEC}],
        [{**BODY, "type": "custom", "input_schema": SPEC}],
        [{"functionDeclarations": [{**BODY, "parameters": SPEC}]}],
        {"function_declarations": [{**BODY, "parametersJsonSchema": SPEC}]},
        {"tools": [{"functionDeclarations": [{**BODY, "parameters": SPEC}]}]},
        {"toolConfig": {"tools": [{"toolSpec": {**BODY, "inputSchema": {"json": SPEC}}}]}},
        [{**BODY, "parameters": {"city": {"type": "str", "required": True}}}],
        [{**BODY, "parameters": {"$ref": "#/$defs/A", "$defs": {"A": SPEC}}}],
        {"tools": [{**BODY, "parameters": {"$ref": "#/shared/A"}}], "shared": {"A": SPEC}},
        [{**BODY, "parameters": {"allOf": [SPEC, {"type": "object"}]}}],
        [
            {
                **BODY,
                "parameters": {
                    "type": "OBJECT",
                    "properties": {"city": {"type": "STRING"}},
                    "required": ["city"],
                },
            }
        ],
    ],
)
def test_every_envelope(tmp_path: Path, data: Any) -> None:
    found = load(tmp_path, data)
    assert found.rejections == ()
    assert set(found.left_out) <= {"the key 'shared' of the file, which isn't read"}
    assert found.schema is not None
    (function,) = found.schema.functions
    assert (function.name, function.description) == ("f", "d")
    assert function.slots == (Slot(name="city", required=True),)


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"type": "string"}, {}),
        ({"type": "Float"}, {"type": "number"}),
        ({"type": "int"}, {"type": "integer"}),
        ({"type": ["integer", "null"]}, {"type": "integer", "constraints": {"nullable": True}}),
        (
            {"anyOf": [{"type": "boolean"}, {"type": "null"}], "default": None},
            {"type": "boolean", "constraints": {"default": None, "nullable": True}},
        ),
        (
            {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/Size"}]},
            {
                "possible_values": ("s", "m"),
                "constraints": {"nullable": True},
                "description": "S or M",
            },
        ),
        (
            {"type": "INTEGER", "nullable": True},
            {"type": "integer", "constraints": {"nullable": True}},
        ),
        ({"type": ["integer", "number"]}, {"type": "number"}),
        (
            {"anyOf": [{"type": "integer"}, {"type": "number"}]},
            {"type": "number", "constraints": {"anyOf": [{"type": "integer"}, {"type": "number"}]}},
        ),
        ({"const": "hybrid"}, {"possible_values": ("hybrid",)}),
        ({"enum": [1, 2]}, {"type": "integer", "possible_values": (1, 2)}),
        ({"enum": [0.5, 1]}, {"type": "number", "possible_values": (0.5, 1)}),
        ({"enum": [True, False]}, {"type": "boolean", "possible_values": (True, False)}),
        ({"enum": [1, "auto", True]}, {"possible_values": (1, "auto", True)}),
        (
            {"type": ["string", "null"], "enum": ["a", None]},
            {"possible_values": ("a",), "constraints": {"nullable": True}},
        ),
        (
            {"oneOf": [{"const": "s", "title": "Small"}, {"const": "l", "description": "Big"}]},
            {"possible_values": ("s", "l"), "description": "s: Small; l: Big"},
        ),
        (
            {"$ref": "#/$defs/Size", "description": "Room size", "default": "m"},
            {
                "possible_values": ("s", "m"),
                "description": "Room size. S or M",
                "constraints": {"default": "m"},
            },
        ),
        (
            {"allOf": [{"type": "integer", "minimum": 1}, {"minimum": 3, "maximum": 9}]},
            {"type": "integer", "constraints": {"minimum": 3, "maximum": 9}},
        ),
        ({"type": "string", "format": "date"}, {"type": "date"}),
        (
            {"anyOf": [{"type": "string", "format": "time"}, {"type": "null"}]},
            {"type": "time", "constraints": {"nullable": True}},
        ),
        (
            {"type": "string", "format": "email", "minLength": 3, "pattern": "@"},
            {"constraints": {"format": "email", "minLength": 3, "pattern": "@"}},
        ),
        (
            {"type": "integer", "maximum": 2**64, "x-unit": "km"},
            {"type": "integer", "constraints": {"maximum": 2**64, "x-unit": "km"}},
        ),
        ({"type": "array", "items": {"type": "integer"}}, {"type": "integer", "multi_value": True}),
        (
            {"type": "array", "minItems": 1, "items": {"type": "string", "format": "date"}},
            {"type": "date", "multi_value": True, "constraints": {"minItems": 1}},
        ),
        (
            {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Size"}}, {"type": "null"}]},
            {
                "multi_value": True,
                "possible_values": ("s", "m"),
                "constraints": {"nullable": True},
                "description": "S or M",
            },
        ),
        (
            {"type": "array", "items": {"type": "number", "minimum": 0}},
            {"type": "number", "multi_value": True, "constraints": {"items": {"minimum": 0}}},
        ),
        ({"type": "string", "title": "What guests eat"}, {"description": "What guests eat"}),
        ({"type": "string", "title": "X"}, {}),
    ],
)
def test_what_a_parameter_says_is_kept(
    tmp_path: Path, spec: dict[str, Any], wanted: dict[str, Any]
) -> None:
    size = {"type": "string", "enum": ["s", "m"], "description": "S or M"}
    found = slots(tmp_path, {"x": spec}, **{"$defs": {"Size": size}})["x"]
    assert found == Slot(name="x", **wanted)


def test_nested_objects_are_slots_with_a_path(tmp_path: Path) -> None:
    place = {
        "type": "object",
        "description": "Where to deliver",
        "properties": {
            "city": {"type": "string", "description": "The town"},
            "geo": {
                "anyOf": [
                    {
                        "type": "object",
                        "required": ["lat"],
                        "properties": {"lat": {"type": "number"}},
                    },
                    {"type": "null"},
                ]
            },
        },
        "required": ["city", "geo"],
    }
    found = slots(tmp_path, {"to": place, "a.b": {"type": "integer"}}, required=["to"])
    assert list(found) == ["to.city", "to.geo.lat", "a.b"]
    city, lat, flat = found.values()
    assert (city.path, city.required, city.description) == (
        ("to", "city"),
        True,
        "Where to deliver: The town",
    )
    assert (lat.path, lat.required, lat.constraints) == (
        ("to", "geo", "lat"),
        False,
        {"required": True},
    )
    assert (flat.path, flat.required) == ((), False)
    tool = json.loads((tmp_path / "out.json").read_text())[0]["function"]["parameters"]
    assert tool["required"] == ["to"]
    assert tool["properties"]["to"]["required"] == ["city"]
    assert tool["properties"]["to"]["properties"]["geo"]["required"] == ["lat"]


NODE = {"type": "object", "properties": {"v": {"type": "string"}, "next": {"$ref": "#/$defs/Node"}}}
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("spec", "where", "problem"),
    [
        (
            {"type": "array", "items": {"type": "object", "properties": {"y": TEXT}}},
            "f.x",
            "is a list of objects",
        ),
        ({"type": "array", "items": {"type": "array", "items": TEXT}}, "f.x", "is a list of lists"),
        ({"type": "array", "prefixItems": [TEXT, TEXT]}, "f.x", "is a tuple"),
        ({"type": "array", "items": [TEXT, TEXT]}, "f.x", "is a tuple"),
        ({"type": "tuple", "items": TEXT}, "f.x", "is a tuple"),
        ({"type": "object"}, "f.x", "is an object of any form"),
        ({"type": "object", "additionalProperties": True}, "f.x", "is an object of any form"),
        ({"type": "object", "additionalProperties": TEXT}, "f.x", "takes keys of any name"),
        (
            {"type": "object", "properties": {"a": TEXT}, "additionalProperties": TEXT},
            "f.x",
            "takes keys of any name",
        ),
        ({"type": "object", "patternProperties": {"^a": TEXT}}, "f.x", "takes keys of any name"),
        ({"type": ["string", "integer"]}, "f.x", "is a union of string, integer"),
        ({"anyOf": [TEXT, {"type": "integer"}]}, "f.x", "is a union (anyOf) of integer, string"),
        ({"oneOf": [NODE, TEXT]}, "f.x", "is a union (oneOf) of object, string"),
        ({"allOf": [TEXT, {"type": "integer"}]}, "f.x", "has to be integer and string at once"),
        ({"$ref": "#/$defs/Node"}, "f.x.next", "is recursive: it holds itself"),
        ({"$ref": "#"}, "f.x.x", "is recursive: it holds itself"),
        ({"$ref": "#/$defs/Gone"}, "f.x.$ref", "points to nothing in this file"),
        ({"$ref": "https://x.org/y.json"}, "f.x.$ref", "points outside of this file"),
        ({"type": "any"}, "f.x", "is of any type"),
        ({"type": "null"}, "f.x", "is always null"),
        ({"enum": [None]}, "f.x", "is always null"),
        ({"enum": ["a", ["b"]]}, "f.x.enum", "has values that are no texts or numbers"),
    ],
)
def test_what_slots_cant_hold_is_refused_by_name_for_that_tool_alone(
    tmp_path: Path, spec: dict[str, Any], where: str, problem: str
) -> None:
    parameters = {"properties": {"x": spec}, "$defs": {"Node": NODE}}
    found = load(tmp_path, [{"name": "f", "parameters": parameters}, {"name": "g"}])
    (rejection,) = found.rejections
    assert (rejection.line, rejection.field) == (1, where)
    assert problem in rejection.problem
    assert rejection.remedy
    assert found.schema is not None
    assert [f.name for f in found.schema.functions] == ["g"]


def test_all_faults_of_a_file_are_listed_one_tool_at_a_time(tmp_path: Path) -> None:
    bad = {"a": {"type": "any"}, "b": TEXT, "c": {"type": "null"}, "d": {"$ref": "#/gone"}}
    tools = [{"name": f"f{i}", "parameters": {"properties": bad}} for i in range(9)]
    tools += [{"name": "ok"}, {"name": "ok"}, {"type": "web_search"}]
    found = load(tmp_path, tools)
    assert [r.line for r in found.rejections] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]
    assert found.rejections[0].problem == (
        "has 3 faults: f0.a is of any type; f0.c is always null; f0.d.$ref points to nothing in "
        "this file"
    )
    assert found.rejections[9].problem == "is the name of a tool before it"
    assert found.rejections[10].problem.startswith("'web_search' is a tool of the provider's own")
    assert found.rows == 12


def test_keys_that_arent_read_are_named_and_counted(tmp_path: Path) -> None:
    tool = {
        "name": "f",
        "title": "The f",
        "description": "d",
        "strict": True,
        "outputSchema": {},
        "parameters": {
            "type": "object",
            "title": "Args of it",
            "if": {},
            "required": ["gone"],
            "additionalProperties": True,
            "properties": {
                "x": {},
                "y": {"type": "array"},
                "z": {"type": "string", "enum": [1], "title": "T", "description": "D"},
            },
        },
    }
    found = load(tmp_path, {"model": "m", "tools": [tool], "nextCursor": "c"})
    assert found.left_out == {
        "the key 'model' of the file, which isn't read": 1,
        "nextCursor: the server has further tools, which aren't in this file": 1,
        "the key 'strict' of a tool, which isn't read": 1,
        "the key 'outputSchema' of a tool, which isn't read": 1,
        "the key 'if' of an object, which isn't read": 1,
        "the key 'additionalProperties' of an object, which isn't read": 1,
        "the required parameter 'gone', which isn't described": 1,
        "a parameter without a type: read as a text": 1,
        "a list that doesn't say what it holds: read as texts": 1,
        "a type that its values aren't of: theirs is taken": 1,
        "the title of a parameter that has a description": 1,
        "a title or description beside the tool's description": 2,
    }


def test_short_definitions_that_name_each_other_without_end_are_refused(tmp_path: Path) -> None:
    names = "ABCDEFGH"
    defs = {
        a: {"type": "object", "properties": {str(i): {"$ref": f"#/$defs/{b}"} for i in range(9)}}
        for a, b in pairwise(names)
    }
    parameters = {"properties": {"x": {"$ref": "#/$defs/A"}}, "$defs": {**defs, "H": TEXT}}
    deep: dict[str, Any] = TEXT
    for _ in range(200):
        deep = {"type": "object", "properties": {"a": deep}}
    tools = [{"name": "f", "parameters": parameters}, {"name": "g", "parameters": deep}]
    first, second = load(tmp_path, tools).rejections
    assert "leads to over 3,000 places" in first.problem
    assert "is nested over 20 deep" in second.problem


SCALARS = st.one_of(
    st.sampled_from([{"type": t} for t in ("string", "integer", "number", "boolean")]),
    st.builds(
        lambda values: {"enum": values},
        st.lists(
            st.one_of(st.booleans(), st.integers(-9, 9), st.text(max_size=3)),
            min_size=1,
            max_size=3,
        ),
    ),
    st.sampled_from(
        [
            {"type": "string", "format": "date"},
            {"type": "string", "format": "uuid"},
            {"type": "integer", "minimum": 0, "default": 3},
            {"type": ["number", "null"]},
            {"type": "string", "pattern": "^a", "examples": ["a"]},
        ]
    ),
)
KEYS = st.text(st.characters(categories=["L", "Nd", "P", "S"]), min_size=1, max_size=4)
SPECS = st.recursive(
    st.one_of(SCALARS, SCALARS.map(lambda s: {"type": "array", "items": s})),
    lambda inner: st.one_of(
        st.dictionaries(KEYS, inner, min_size=1, max_size=3).map(
            lambda p: {"type": "object", "properties": p, "required": [next(iter(p))]}
        ),
        inner.map(lambda s: {"anyOf": [s, {"type": "null"}]}),
    ),
    max_leaves=6,
)


@given(st.dictionaries(KEYS, SPECS, min_size=1, max_size=4), st.data())
def test_what_is_read_is_written_and_read_as_the_same(
    tmp_path_factory: pytest.TempPathFactory, properties: dict[str, Any], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("tools")
    required = data.draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
    found = load(
        folder,
        [
            {
                "name": "f",
                "parameters": {"type": "object", "properties": properties, "required": required},
            }
        ],
    )
    if found.rejections:  # "a.b" beside an object a with b, or a name of over 100 characters
        assert "Two of the same slot" in found.rejections[0].problem or (
            "characters" in found.rejections[0].problem
        )
        return
    assert found.schema is not None
    write("openai", folder / "out.json", schema=found.schema, exemplars=[])
    again = read("openai", folder / "out.json", module=MODULE, schema=None)
    assert again.schema == found.schema
    assert again.left_out == {}


@pytest.mark.parametrize("own", [{"googleSearch": {}}, {"cachePoint": {"type": "default"}}])
def test_what_is_the_providers_own_is_refused_by_its_key(
    tmp_path: Path, own: dict[str, Any]
) -> None:
    found = load(tmp_path, [{**BODY, "parameters": SPEC}, own])
    [rejection] = found.rejections
    assert repr(next(iter(own))) in str(rejection)
    assert "provider's own" in str(rejection)


def test_keywords_that_say_nothing_stay_beside_those_that_need_them(tmp_path: Path) -> None:
    rule = {"if": {"minLength": 3}, "then": {}, "else": {"pattern": "a"}}
    found = slots(tmp_path, {"x": {"type": "string", "description": "d", **rule}})
    assert found["x"].constraints == rule


def test_an_object_that_may_be_null_is_counted(tmp_path: Path) -> None:
    inner = {**SPEC, "description": "d"}
    either = {"anyOf": [inner, {"type": "null"}]}
    parameters = {"type": "object", "properties": {"place": either}}
    found = load(tmp_path, [{**BODY, "parameters": parameters}])
    assert found.left_out["an object that may be null: its slots may be missing instead"] == 1
