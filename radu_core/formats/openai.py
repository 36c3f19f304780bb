"""OpenAI tools JSON ⇄ schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from radu_core.errors import FormatError, SchemaError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import write_text
from radu_core.formats.common import Imported, Rejection, RowError, check_options, load_json
from radu_core.progress import Progress
from radu_core.schema import Schema, Slot, SlotType, check_module_id, parse_schema

__all__ = ["read", "to_tools", "write"]

_TYPES: dict[str, SlotType] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}
_FORMATS: dict[str, SlotType] = {"date": "date", "time": "time"}
_KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}
T = TypeVar("T")


def read(
    path: Path,
    *,
    module: str,
    schema: Schema | None,
    options: Mapping[str, Any],
    progress: Progress,
) -> Imported:
    """Read a list of tools, ``{"tools": [...]}``, or bare function objects. A row is a tool."""
    check_options("openai", options, ())
    check_module_id(module)
    data = load_json(path)
    tools = data.get("tools", data.get("functions")) if isinstance(data, dict) else data
    if not isinstance(tools, list) or not tools:
        raise FormatError(
            f"{path.name} holds no tools",
            remedy='Use a list of {"type": "function", "function": {...}} objects.',
        )
    functions: list[dict[str, Any]] = []
    rejections: list[Rejection] = []
    for number, tool in enumerate(tools, start=1):
        try:
            functions.append(_function(tool, module))
        except RowError as error:
            rejections.append(error.at(number, path.name))
    found = parse_schema({"functions": functions}, module=module) if functions else None
    skipped = {"a tool: schema, no utterance": len(functions)} if functions else {}
    return Imported(found, (), tuple(rejections), len(tools), skipped)


def _function(tool: Any, module: str) -> dict[str, Any]:
    body = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        raise RowError("name", tool, "a tool needs a name", 'Write {"function": {"name": …}}.')
    name = body["name"]
    parameters = _member(name, body, "parameters", dict)
    required = _member(f"{name}.parameters", parameters, "required", list)
    properties = _member(f"{name}.parameters", parameters, "properties", dict)
    function = {
        "name": name,
        "description": _member(name, body, "description", str),
        "slots": [_slot(f"{name}.{n}", n, spec, n in required) for n, spec in properties.items()],
    }
    try:
        parse_schema({"functions": [function]}, module=module)
    except SchemaError as error:
        raise RowError("function", name, str(error), "Correct this tool.") from error
    return function


def _slot(where: str, name: str, spec: Any, required: bool) -> dict[str, Any]:
    if not isinstance(spec, dict):
        raise RowError(where, spec, "isn't a JSON schema", 'Write {"type": "string"}.')
    multi = spec.get("type") == "array"
    inner = _member(where, spec, "items", dict) if multi else spec
    values = [v for v in _member(where, inner, "enum", list) if v is not None]
    if not all(isinstance(v, str | int | float) for v in values):
        raise RowError(
            f"{where}.enum", values, "has values that are no texts or numbers", "Remove them."
        )
    return {
        "name": name,
        "description": _member(where, spec, "description", str),
        "type": _type(where, inner),
        "required": required,
        "multi_value": multi,
        "possible_values": values,
    }


def _type(where: str, spec: Mapping[str, Any]) -> SlotType:
    kind = spec.get("type", "string")
    if isinstance(kind, list):  # ["string", "null"]
        kind = next((k for k in kind if k != "null"), "string")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise RowError(
            where, kind, "objects and nested lists can't be slots", "Flatten it into several slots."
        )
    return _FORMATS.get(str(spec.get("format")), _TYPES[kind])


def _member(where: str, data: Mapping[str, Any], key: str, kind: type[T]) -> T:
    """``data[key]``, or an empty ``kind`` if it is absent or null."""
    value = data.get(key)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise RowError(f"{where}.{key}", value, f"isn't {_KINDS[kind]}", "Correct this tool.")
    return value


def to_tools(schema: Schema) -> list[dict[str, Any]]:
    """The schema as OpenAI tools."""
    return [
        {
            "type": "function",
            "function": {
                "name": f.name,
                "description": f.description,
                "parameters": {
                    "type": "object",
                    "properties": {s.name: _property(s) for s in f.slots},
                    "required": [s.name for s in f.slots if s.required],
                },
            },
        }
        for f in schema.functions
    ]


def _property(slot: Slot) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": slot.type}
    if slot.type in _FORMATS:
        inner = {"type": "string", "format": slot.type}
    if slot.possible_values:
        inner["enum"] = list(slot.possible_values)
    if slot.multi_value:
        return {"type": "array", "description": slot.description, "items": inner}
    return {**inner, "description": slot.description}


def write(path: Path, schema: Schema, exemplars: Iterable[AnnotatedExemplar]) -> int:
    """Write the schema as OpenAI tools; returns the number of tools. Utterances aren't written."""
    tools = to_tools(schema)
    write_text(path, json.dumps(tools, ensure_ascii=False, indent=2) + "\n")  # in slot order
    return len(tools)
