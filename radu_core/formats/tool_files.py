"""Where functions stand in a file of tools: OpenAI, MCP, Anthropic, Gemini, Bedrock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from radu_core.files import parse_json
from radu_core.formats.common import RowError

__all__ = ["Tool", "find_tools", "read_tool"]

_ENVELOPE = ("jsonrpc", "id")  # of an answer to MCP's tools/list
_LISTS = ("tools", "functions", "functionDeclarations", "function_declarations")
_INNER = ("function", "toolSpec", "tool_spec")
_PARAMETERS = (
    "parameters",
    "inputSchema",
    "input_schema",
    "parametersJsonSchema",
    "parameters_json_schema",
    "parameter_definitions",
)
_READ = ("type", "name", "description", "title")


@dataclass(frozen=True)
class Tool:
    """A function as a tool declares it. ``roots``: what its references may point into."""

    name: str
    description: str
    title: str
    parameters: Any
    roots: tuple[Any, ...]


def find_tools(data: Any, left_out: Counter[str]) -> list[Any]:
    """Everything in the file that should be a tool; what else stands there goes to ``left_out``."""
    if isinstance(data, list):
        return [tool for item in data for tool in _tools_in(item, left_out)]
    if not isinstance(data, Mapping):
        return []
    if _is_tool(data):
        return [data]
    for key in ("result", "toolConfig", "tool_config"):
        if isinstance(data.get(key), Mapping | list):
            _count(data, (key, *_ENVELOPE), left_out)
            return find_tools(data[key], left_out)
    inner = next((k for k in _LISTS if isinstance(data.get(k), list | Mapping)), None)
    if inner is None:
        return []
    _count(data, (inner,), left_out)
    inner_list = data[inner]
    if isinstance(inner_list, Mapping):  # by name
        entries = inner_list.items()
        return [{"name": n, **t} if isinstance(t, Mapping) else t for n, t in entries]
    return find_tools(inner_list, left_out)


def _tools_in(item: Any, left_out: Counter[str]) -> Iterator[Any]:
    """A tool of a list, or those that it holds."""
    if isinstance(item, Mapping) and not _is_tool(item):
        inner = next((k for k in _LISTS if isinstance(item.get(k), list)), None)
        if inner is not None:
            _count(item, (inner,), left_out)
            yield from find_tools(item[inner], left_out)
            return
    yield item


def _is_tool(data: Mapping[str, Any]) -> bool:
    if any(isinstance(data.get(key), Mapping) for key in _INNER):
        return True
    return isinstance(data.get("name"), str) and not any(
        isinstance(data.get(key), list) for key in _LISTS
    )


def _count(data: Mapping[str, Any], read: tuple[str, ...], left_out: Counter[str]) -> None:
    for key in data:
        if key == "nextCursor" and data[key]:
            left_out["nextCursor: the server has further tools, which aren't in this file"] += 1
        elif key not in read and key != "nextCursor":
            left_out[f"the key {key!r} of the file, which isn't read"] += 1


def read_tool(tool: Any, document: Any, left_out: Counter[str]) -> Tool:
    """A tool's name and parameters; ``RowError`` if it isn't a function's."""
    body = tool
    if isinstance(tool, Mapping):
        key = next((k for k in _INNER if isinstance(tool.get(k), Mapping)), None)
        if key is not None:
            body = tool[key]
            _count_keys(tool, ("type", key), left_out)
    if not isinstance(body, Mapping):
        raise RowError(
            "name", tool, "is missing: a tool needs one", 'Write {"function": {"name": …}}.'
        )
    keys_given = [key for key in _PARAMETERS if body.get(key) is not None]
    kind = tool.get("type", body.get("type"))
    if not keys_given and kind not in (None, "function"):
        what = f"{kind!r} is a tool of the provider's own, not a function with parameters"
        raise RowError("type", kind, what, "Remove it.")
    name = body.get("name")
    if not isinstance(name, str):
        if body is tool and len(body) == 1 and not keys_given:  # {"googleSearch": {}}
            what = f"{next(iter(body))!r} is the provider's own, not a function with parameters"
            raise RowError("key", tool, what, "Remove it.")
        raise RowError(
            "name", tool, "is missing: a tool needs one", 'Write {"function": {"name": …}}.'
        )
    _count_keys(
        body, (*_READ, *keys_given[:1], *(k for k in _PARAMETERS if k not in keys_given)), left_out
    )
    parameters = _parameters(f"{name}.{keys_given[0]}", body[keys_given[0]]) if keys_given else {}
    return Tool(
        name,
        _text(name, body, "description"),
        _text(name, body, "title"),
        parameters,
        (parameters, body, tool, document),
    )


def _count_keys(tool: Mapping[str, Any], read: tuple[str, ...], left_out: Counter[str]) -> None:
    for key in tool:
        if key not in read:
            left_out[f"the key {key!r} of a tool, which isn't read"] += 1


def _parameters(where: str, value: Any) -> Any:
    """The JSON Schema of the arguments, out of what some put it into."""
    if isinstance(value, str):  # JSON as a text
        try:
            value = parse_json(value)
        except ValueError as error:
            raise RowError(where, value, f"isn't JSON ({error})", "Write an object.") from error
    if not isinstance(value, Mapping):
        raise RowError(where, value, "isn't an object", "Correct this tool.")
    if set(value) == {"json"}:  # Bedrock
        return _parameters(where, value["json"])
    plain = value and all(isinstance(spec, Mapping) for spec in value.values())
    if plain and not any(key == "properties" or key[:1] == "$" for key in value):
        return {"type": "object", "properties": dict(value)}  # the parameters, and nothing around
    return value


def _text(name: str, body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise RowError(f"{name}.{key}", value, "isn't a text", "Correct this tool.")
    return value or ""
