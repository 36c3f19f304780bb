"""A schema as text that people edit: JSON, and values and labels one per line."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Any

from pydantic import ValidationError

from radu_core.errors import InputError, SchemaError
from radu_core.fields import field_problem
from radu_core.files import RepeatedKeyError, parse_json
from radu_core.numbers import NUMBER_REMEDY, NumberError
from radu_core.schema import Scalar, Schema, SlotType, parse_schema

__all__ = [
    "as_text",
    "check_text",
    "diff",
    "labels_as_lines",
    "labels_from_lines",
    "position_of",
    "values_as_lines",
    "values_from_lines",
]

# A surrogate without its pair, and an integer that Python doesn't read.
_UNREADABLE = re.compile(
    r"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]|\d{4301}"
)
_BLANK = re.compile(r"[ \t\n\r]*")
_MOST_PROBLEMS = 5
_SEPARATOR = "|"


def as_text(schema: Schema) -> str:
    """The schema as indented JSON, without fields at their defaults."""
    data = {
        "module": schema.module,
        **schema.model_dump(mode="json", exclude_defaults=True),
    }
    for recognizer, source in zip(data.get("recognizers", ()), schema.recognizers, strict=False):
        recognizer["kind"] = source.kind
    return json.dumps(data, ensure_ascii=False, indent=2)


def diff(before: Schema, after: Schema) -> list[str]:
    """The lines of a unified diff of two schemas' JSON; empty when they are the same."""
    lines = difflib.unified_diff(
        as_text(before).splitlines(),
        as_text(after).splitlines(),
        "stored",
        "edited",
        lineterm="",
        n=3,
    )
    return list(lines)


def check_text(text: str, *, module: str) -> Schema:
    """Parse schema JSON that somebody edited; ``SchemaError`` says line, column and field."""
    try:
        data = parse_json(text)
    except RepeatedKeyError as error:
        at = _twin(text, _skip(text, 0))
        where = "" if at is None else f" (line {_line(text, at)})"
        raise SchemaError(
            f"An object has the key {error.key!r} twice{where}",
            remedy="Remove or rename one of them; nothing was saved.",
        ) from error
    except NumberError as error:
        where = _place(text, error.path)
        raise SchemaError(
            f"The schema isn't valid: {where}: {_number_text(text, error.path)} isn't a number "
            "that can be stored",
            remedy=f"{NUMBER_REMEDY} Nothing was saved.",
        ) from error
    except ValueError as error:
        raise SchemaError(
            f"The schema isn't JSON ({_place_problem(text, str(error))})",
            remedy="Correct it; nothing was saved.",
        ) from error
    _refuse_other_module(data, module)
    try:
        return parse_schema(data, module=module)
    except SchemaError as error:
        raise _locate_error(error, text, data) from error


def _place_problem(text: str, problem: str) -> str:
    """What is wrong, with the line where ``parse_json`` leaves it out."""
    if problem.startswith("line "):
        return problem
    if problem.startswith("column"):
        return f"line 1, {problem}" if text.strip() else "it is empty"
    match = _UNREADABLE.search(text)
    return problem if match is None else f"line {_line(text, match.start())}: {problem}"


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _twin(text: str, at: int) -> int | None:
    """Where the first key stands that its object has already; None if there is none."""
    names: set[int | str] = set()
    for name, start in _members(text, at):
        inner = _twin(text, start)
        if inner is not None:
            return inner
        if name in names:
            return start
        names.add(name)
    return None


def _number_text(text: str, path: Sequence[int | str]) -> str:
    """The number at a place, as somebody wrote it: 1e999 is Infinity for Python."""
    line, column = position_of(text, path)
    match = re.match(r"[-+.\w]+", text.split("\n")[line - 1][column - 1 :])
    return match[0] if match else ""


def _refuse_other_module(data: Any, module: str) -> None:
    module_given = data.get("module", module) if isinstance(data, Mapping) else module
    if module_given != module:
        raise SchemaError(
            f"This is the schema of another module, not of {module}",
            value=module_given,
            remedy=f'Write "module": "{module}", or choose the other module on the left.',
        )


def _locate_error(error: SchemaError, text: str, data: Any) -> SchemaError:
    """The error with the line and column of every field that is wrong."""
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        details = cause.errors(include_url=False)
        lines = [
            f"{_place(text, list(_steps(data, each['loc'])))}: {field_problem(each)}"
            for each in details[:_MOST_PROBLEMS]
        ]
        if len(details) > _MOST_PROBLEMS:
            lines.append(f"and {len(details) - _MOST_PROBLEMS} more")
        what = "The schema isn't valid: " + "; ".join(lines)
        return SchemaError(what, remedy="Correct these fields; nothing was saved.")
    line = _line_of_value(text, error.value)
    return SchemaError(error.what + line, value=error.value, remedy=error.remedy)


def _line_of_value(text: str, value: object) -> str:
    """The last line on which a value stands: of two of the same it is the second."""
    if not isinstance(value, str) or not value:
        return ""
    at = text.rfind(json.dumps(value, ensure_ascii=False))
    return "" if at < 0 else f" (line {text.count(chr(10), 0, at) + 1})"


def _place(text: str, steps: Sequence[int | str]) -> str:
    dotted = ".".join(map(str, steps)) or "schema"
    position = position_of(text, steps)
    return f"line {position[0]}, column {position[1]}, {dotted}"


def _steps(data: Any, path: Sequence[int | str]) -> Iterator[int | str]:
    """The steps of a path that lead somewhere in the data: pydantic names kinds as well."""
    for step in path:
        inside = isinstance(step, int) if isinstance(data, list) else isinstance(data, Mapping)
        if not inside:
            return
        if isinstance(data, list):
            data = data[int(step)] if int(step) < len(data) else None
            yield step
        elif step in data:
            data = data[step]
            yield step


def position_of(text: str, path: Sequence[int | str]) -> tuple[int, int]:
    """Line and column (from 1) of the value at ``path`` in JSON text.

    Of as much of the path as there is.
    """
    at = _BLANK.match(text, 0).end()  # type: ignore[union-attr]
    for step in path:
        start_found = next((start for key, start in _members(text, at) if key == step), None)
        if start_found is None:
            break
        at = start_found
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _members(text: str, at: int) -> Iterator[tuple[int | str, int]]:
    """Key (or number) and start of each value in the object or list that begins at ``at``."""
    if text[at : at + 1] not in ("{", "["):
        return
    decode = JSONDecoder().raw_decode
    is_object = text[at] == "{"
    at, number = _skip(text, at + 1), 0
    try:
        while text[at] not in "}]":
            key: int | str = number
            if is_object:
                key, at = decode(text, at)
                at = _skip(text, _skip(text, at) + 1)  # the colon
            yield key, at
            _, at = decode(text, at)
            at, number = _skip(text, at), number + 1
            if text[at] == ",":
                at = _skip(text, at + 1)
    except (JSONDecodeError, IndexError):
        return


def _skip(text: str, at: int) -> int:
    return _BLANK.match(text, at).end()  # type: ignore[union-attr]


# Values and labels, one per line.


def values_as_lines(values: Sequence[Scalar], type: SlotType) -> str:
    """Possible values, one per line.

    They are as they are where ``values_from_lines`` reads them back so, as JSON otherwise.
    """
    return "\n".join(_as_line(value, type) for value in values)


def _as_line(value: Scalar, type: SlotType) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if _reads_back(text, value, type) else json.dumps(value, ensure_ascii=False)


def _is_one_line(text: str) -> bool:
    return bool(text.strip()) and text == text.strip() and not {"\n", "\r"} & set(text)


def _reads_back(text: str, value: Scalar, kind: SlotType) -> bool:
    if not _is_one_line(text):
        return False
    try:
        value_read = _value(text, kind)
    except ValueError:
        return False
    return type(value_read) is type(value) and value_read == value


def values_from_lines(text: str, type: SlotType) -> tuple[Scalar, ...]:
    """Possible values from lines, of the slot's type; a line in double quotes is a JSON string.

    Blank lines don't count. ``InputError`` names the line that can't be one, or that is there
    twice.
    """
    scalars: list[Scalar] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = _value(line.strip(), type)
        except ValueError as error:
            raise InputError(
                f"Line {number} of the possible values isn't {_NAMED.get(type, 'text')}",
                value=line.strip(),
                remedy="Correct it, or choose another type.",
            ) from error
        if any(_same(value, other) for other in scalars):
            raise InputError(
                f"Line {number} of the possible values is there twice",
                value=line.strip(),
                remedy="Remove one of them.",
            )
        scalars.append(value)
    return tuple(scalars)


_NAMED = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}


def _same(value: Scalar, other: Scalar) -> bool:
    return type(value) is type(other) and value == other


def _value(line: str, kind: SlotType) -> Scalar:
    if line.startswith('"'):
        value = json.loads(line)
        if not isinstance(value, str):
            raise ValueError(line)
        return value
    if kind == "boolean":
        return (
            {"true": True, "false": False}[line.lower()]
            if line.lower() in ("true", "false")
            else _refuse(line)
        )
    if kind == "integer":
        return int(line) if re.fullmatch(r"[+-]?\d+", line) else _refuse(line)
    if kind == "number":
        if re.fullmatch(r"[+-]?\d+", line):
            return int(line)
        number = float(line)
        return number if math.isfinite(number) else _refuse(line)
    return line


def _refuse(line: str) -> Scalar:
    raise ValueError(line)


def labels_as_lines(labels: Mapping[str, Sequence[str]]) -> str:
    """A recognizer's labels, one per line, each with its expressions: ``New York | NYC | NY``."""
    return "\n".join(
        f" {_SEPARATOR} ".join(_part(text) for text in (label, *expressions))
        for label, expressions in labels.items()
    )


def _part(text: str) -> str:
    plain = _is_one_line(text) and _SEPARATOR not in text and text[0] != '"'
    return text if plain else json.dumps(text, ensure_ascii=False)


def labels_from_lines(text: str) -> dict[str, tuple[str, ...]]:
    """A recognizer's labels from lines; a part in double quotes is a JSON string.

    ``InputError`` names the line without a label, or with one that is there already.
    """
    labels: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        label, *expressions = _parts(line, number)
        if label in labels:
            raise InputError(
                f"Line {number} has a label that is there already",
                value=label,
                remedy="Put its expressions into one line.",
            )
        labels[label] = tuple(dict.fromkeys(expressions))
    if not labels:
        raise InputError("A list needs a label", remedy="Write one a line: New York | NYC | NY.")
    return labels


def _parts(line: str, number: int) -> list[str]:
    """The parts of a line; empty ones don't count unless they are in quotes."""
    parts, at = [], 0
    while at <= len(line):
        at = _skip(line, at)
        if line[at : at + 1] == '"':
            part, at = _read_string(line, at, number)
            parts.append(part)
        else:
            end = line.find(_SEPARATOR, at)
            end = len(line) if end < 0 else end
            part, at = line[at:end].strip(), end
            if part:
                parts.append(part)
            elif not parts:
                raise InputError(
                    f"Line {number} has no label",
                    value=line.strip(),
                    remedy="Begin it with the label.",
                )
        at += 1  # the separator
    return parts


def _read_string(line: str, at: int, number: int) -> tuple[str, int]:
    """The JSON string that begins at ``at``, and the place after it."""
    try:
        part, at = JSONDecoder().raw_decode(line, at)
    except JSONDecodeError as error:
        raise InputError(
            f"Line {number} has a quote that doesn't end",
            value=line.strip(),
            remedy='Close it, or write the quote as \\" between quotes.',
        ) from error
    at = _skip(line, at)
    if line[at : at + 1] not in ("", _SEPARATOR):
        raise InputError(
            f"Line {number} has text after a quote",
            value=line.strip(),
            remedy=f"Put {_SEPARATOR} between two expressions.",
        )
    return str(part), at
