"""OpenAI tools JSON ⇄ schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from radu_core.errors import FormatError, SchemaError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import parse_json, write_text
from radu_core.formats.common import Imported, Rejection, RowError
from radu_core.progress import Progress
from radu_core.schema import Function, Schema, Slot, SlotType, parse_schema

__all__ = ["read", "to_tools", "write"]

_TYPES: dict[str, SlotType] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}
_FORMATS: dict[str, SlotType] = {"date": "date", "time": "time"}


def read(
    path: Path,
    *,
    module: str,
    schema: Schema | None,
    options: Mapping[str, Any],
    progress: Progress,
) -> Imported:
    """Read a list of tools, ``{"tools": [...]}``, or bare function objects. A row is a tool."""
    try:
        data = parse_json(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise FormatError(f"{path.name} isn't JSON ({error})", remedy="Correct it.") from error
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
            functions.append(_function(tool))
        except RowError as error:
            rejections.append(error.at(number, path.name))
    found = parse_schema({"functions": functions}, module=module) if functions else None
    return Imported(
        found, (), tuple(rejections), len(tools), {"a tool, read as schema": len(functions)}
    )


def _function(tool: Any) -> dict[str, Any]:
    body = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        raise RowError("name", tool, "a tool needs a name", 'Write {"function": {"name": …}}.')
    parameters = body.get("parameters") or {}
    properties = parameters.get("properties") or {}
    required = parameters.get("required") or []
    slots = [_slot(body["name"], n, p, n in required) for n, p in properties.items()]
    function = {
        "name": body["name"], "description": body.get("description") or "", "slots": slots,
    }  # fmt: skip
    try:
        Function.model_validate(function)
    except (SchemaError, ValueError) as error:
        raise RowError("function", body["name"], str(error), "Correct this tool.") from error
    return function


def _slot(function: str, name: str, spec: Any, required: bool) -> dict[str, Any]:
    where = f"{function}.{name}"
    if not isinstance(spec, dict):
        raise RowError(where, spec, "isn't a JSON schema", 'Write {"type": "string"}.')
    multi = spec.get("type") == "array"
    inner = spec.get("items") or {} if multi else spec
    kind = inner.get("type", "string")
    if isinstance(kind, list):  # ["string", "null"]
        kind = next((k for k in kind if k != "null"), "string")
    if kind not in _TYPES:
        raise RowError(
            where, kind, "objects and nested lists can't be slots", "Flatten it into several slots."
        )
    return {
        "name": name,
        "description": spec.get("description") or "",
        "type": _FORMATS.get(str(inner.get("format")), _TYPES[kind]),
        "required": required,
        "multi_value": multi,
        "possible_values": [v for v in inner.get("enum") or [] if v is not None],
    }


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
