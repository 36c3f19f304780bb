"""Tools as models are given them ⇄ schema: read whoever's they are, written as OpenAI's.

What a file of tools says and a schema can't hold is counted in ``left_out``; a tool that slots
can't hold is refused alone, with everything that is wrong with it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from radu_core.errors import FormatError, SchemaError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import write_text
from radu_core.formats.common import Imported, Rejection, RowError, check_options, load_json
from radu_core.formats.json_schema import kind_of_values
from radu_core.formats.tool_files import Tool, find_tools, read_tool
from radu_core.formats.tool_slots import FORMATS, SlotReader
from radu_core.progress import Progress
from radu_core.schema import Function, Schema, Slot, check_module_id, parse_schema

__all__ = ["function_names", "read", "to_tools", "write"]

_LONGEST_NAME = 64  # OpenAI's limits for a function's name
_NOT_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_NAME_NOTE = "Radu Studio: "  # before the name as given, in the parameters' $comment
_OWN = ("nullable", "required", "items")  # constraints that aren't keywords of the value's schema


def read(
    path: Path,
    *,
    module: str,
    schema: Schema | None,
    options: Mapping[str, Any],
    progress: Progress,
) -> Imported:
    """Read the tools of a file, in any of the usual envelopes. A row is a tool."""
    check_options("openai", options, ())
    check_module_id(module)
    data = load_json(path)
    left_out: Counter[str] = Counter()
    tools = find_tools(data, left_out)
    if not tools:
        raise FormatError(
            f"{path.name} holds no tools",
            remedy='Use a list of {"type": "function", "function": {...}} objects.',
        )
    functions: dict[str, dict[str, Any]] = {}
    rejections: list[Rejection] = []
    for number, tool in enumerate(tools, start=1):
        counts: Counter[str] = Counter()
        try:
            function = _function(read_tool(tool, data, counts), module, counts)
            _check_new(function["name"], functions)
        except RowError as error:
            rejections.append(error.at(number, path.name))
            continue
        functions[function["name"]] = function
        left_out += counts
    whole = {"functions": list(functions.values())}
    tool_schema = parse_schema(whole, module=module) if functions else None
    skipped = {"a tool: schema, no utterance": len(functions)} if functions else {}
    return Imported(tool_schema, (), tuple(rejections), len(tools), skipped, dict(left_out))


def _check_new(name: str, functions: Mapping[str, Any]) -> None:
    if name in functions:
        raise RowError("name", name, "is the name of a tool before it", "Rename one of them.")


def _function(tool: Tool, module: str, left_out: Counter[str]) -> dict[str, Any]:
    """The function of a tool, as a schema's JSON; ``RowError`` with all that is wrong with it."""
    comment = tool.parameters.get("$comment") if isinstance(tool.parameters, Mapping) else None
    parameters, name = tool.parameters, tool.name
    if isinstance(comment, str) and comment.startswith(_NAME_NOTE):  # see ``write``
        parameters = {k: v for k, v in parameters.items() if k != "$comment"}
        name = comment.removeprefix(_NAME_NOTE)
    reader = SlotReader(name, (parameters, *tool.roots))
    function = {
        "name": name,
        "slots": reader.slots(parameters),
        "description": _description(tool, reader, left_out),
    }
    if not reader.faults:
        _try(function, module, reader)
    if reader.faults:
        raise _together(name, reader.faults)
    left_out += reader.left_out
    return function


def _description(tool: Tool, reader: SlotReader, left_out: Counter[str]) -> str:
    """The tool's description; its title or what its parameters say where it has none."""
    descriptions = [
        text for text in (tool.description, tool.title, reader.description) if text.strip()
    ]
    left_out["a title or description beside the tool's description"] += sum(
        _letters(text) not in (_letters(descriptions[0]), _letters(tool.name))
        for text in descriptions[1:]
    )
    return descriptions[0] if descriptions else ""


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _try(function: dict[str, Any], module: str, reader: SlotReader) -> None:
    try:
        parse_schema({"functions": [function]}, module=module)
    except SchemaError as error:
        reader.faults.append(RowError("function", function["name"], str(error), "Correct it."))


def _together(name: str, faults: list[RowError]) -> RowError:
    """One error of all that is wrong with a tool."""
    if len(faults) == 1:
        return faults[0]
    text = "; ".join(f"{fault.field} {fault.problem}" for fault in faults)
    return RowError(name, name, f"has {len(faults)} faults: {text}", faults[0].remedy)


def to_tools(schema: Schema) -> list[dict[str, Any]]:
    """The schema as OpenAI tools.

    A name that OpenAI doesn't take is changed: ``function_names`` says to what, and the name as
    given stands in the parameters' ``$comment``.
    """
    names = function_names(schema)
    return [
        {
            "type": "function",
            "function": {
                "name": names[f.name],
                "description": f.description,
                "parameters": _parameters(f, is_renamed=names[f.name] != f.name),
            },
        }
        for f in schema.functions
    ]


def function_names(schema: Schema) -> dict[str, str]:
    """Function → the name that its tool is written with, each one once."""
    safe_names = {f.name for f in schema.functions if _safe(f.name) == f.name}
    names: dict[str, str] = {}
    for function in schema.functions:
        plain = name = _safe(function.name)
        number = 1
        while name != function.name and name in safe_names:
            number += 1
            name = f"{plain[: _LONGEST_NAME - len(str(number)) - 1]}_{number}"
        safe_names.add(name)
        names[function.name] = name
    return names


def _safe(name: str) -> str:
    return _NOT_NAME.sub("_", name)[:_LONGEST_NAME]


def _parameters(function: Function, *, is_renamed: bool) -> dict[str, Any]:
    """The slots as a JSON Schema, those with a path inside their objects."""
    whole: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    if is_renamed:
        whole["$comment"] = _NAME_NOTE + function.name
    for slot in function.slots:
        *outer, last = slot.path or (slot.name,)
        place = whole
        for key in outer:
            _require(place, key, slot.required)
            place = place["properties"].setdefault(key, {"type": "object", "properties": {}})
        _require(place, last, slot.required or slot.constraints.get("required") is True)
        place["properties"][last] = _property(slot)
    return whole


def _require(place: dict[str, Any], key: str, required: bool) -> None:
    if required and key not in place.setdefault("required", []):
        place["required"].append(key)


def _property(slot: Slot) -> dict[str, Any]:
    rest = {k: v for k, v in slot.constraints.items() if k not in _OWN}
    nullable = slot.constraints.get("nullable") is True
    if not slot.multi_value:
        return {**_value(slot, rest, nullable), "description": slot.description}
    inner = dict(slot.constraints.get("items") or {})
    items = _value(slot, inner, inner.pop("nullable", None) is True)
    kind = ["array", "null"] if nullable else "array"
    return {"type": kind, **rest, "description": slot.description, "items": items}


def _value(slot: Slot, rest: Mapping[str, Any], nullable: bool) -> dict[str, Any]:
    """The schema of one value. Values to choose from that are of several types have none."""
    kind = "string" if slot.type in FORMATS else slot.type
    values = list(slot.possible_values)
    fields: dict[str, Any] = {"type": [kind, "null"] if nullable else kind}
    if values and kind == "string" and kind_of_values(values) != "string":
        fields = {}
    if slot.type in FORMATS:
        fields["format"] = slot.type
    if values:
        fields["enum"] = [*values, *([None] if nullable else [])]
    return {**fields, **rest}


def write(path: Path, schema: Schema, exemplars: Iterable[AnnotatedExemplar]) -> int:
    """Write the schema as OpenAI tools; returns the number of tools. Utterances aren't written."""
    tools = to_tools(schema)
    write_text(path, json.dumps(tools, ensure_ascii=False, indent=2) + "\n")  # in slot order
    return len(tools)
