"""What is wrong with a value for a field of a pydantic model, in words: what would be right."""

from __future__ import annotations

import difflib
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from radu_core.errors import shorten
from radu_core.numbers import NUMBER_REMEDY
from radu_core.words import join_words

__all__ = ["expectation", "field_problem", "wrong_fields", "wrong_lines"]

_LONGEST_VALUE = 60


def wrong_fields(error: ValidationError, model: type[BaseModel]) -> dict[str, str]:
    """What is wrong, by field, each once; ``""`` is the field of what is no settings at all."""
    return {name: problem for name, problem, _ in _wrong(error, model)}


def wrong_lines(error: ValidationError, model: type[BaseModel], *, most: int = 5) -> str:
    """Field, what would be right, and the value, of the first ``most`` fields, in one line."""
    faults = _wrong(error, model)
    lines = [
        f"{f'{name}: ' if name else ''}{problem}{value}" for name, problem, value in faults[:most]
    ]
    more = len(faults) - most
    return "; ".join([*lines, *([f"and {more} more"] if more > 0 else [])])


def field_problem(error: ErrorDetails) -> str:
    """What is wrong with a field of a file, in words, and what was given."""
    value = shorten(error["input"], _LONGEST_VALUE)
    name = repr(str(error["loc"][-1])) if error["loc"] else ""
    if error["type"] == "number":
        return f"{error['msg']}. {NUMBER_REMEDY}"
    if error["type"] == "missing":
        return f"the field {name} is missing (in {value})"
    if error["type"] == "union_tag_not_found":
        return f"the field {error['ctx']['discriminator']} is missing (in {value})"
    if error["type"] == "extra_forbidden":
        return f"there is no such field as {name} (it has {value})"
    return f"{error['msg']} (got {value})"


def _wrong(error: ValidationError, model: type[BaseModel]) -> list[tuple[str, str, str]]:
    """Field, what would be right, and the value that was given, if one was."""
    problems: dict[str, tuple[str, str, str]] = {}
    for each in error.errors(include_url=False):
        names, field, of = _place(each["loc"], model)
        name = names[-1] if names else ""
        missing = each["type"] == "missing"
        text = "" if missing else f" (got {shorten(each['input'], _LONGEST_VALUE)})"
        problems.setdefault(name, (name, _problem(each, name, field, of), text))
    return list(problems.values())


def _place(
    path: Sequence[int | str], model: type[BaseModel]
) -> tuple[list[str], FieldInfo | None, type[BaseModel]]:
    """The names on the way to a field, the field if there is one, and the model that has it.

    What comes behind a field's name is a place in a list, or which kind of value was tried.
    """
    names: list[str] = []
    field: FieldInfo | None = None
    for part in path:
        if field is not None:
            inner = field.annotation
            if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
                break
            model = inner
        names.append(str(part))
        field = model.model_fields.get(str(part))
        if field is None:
            break
    return names, field, model


def _problem(each: Any, name: str, field: FieldInfo | None, model: type[BaseModel]) -> str:
    if each["type"] == "value_error":  # our own words
        return str(each["msg"]).removeprefix("Value error, ")
    if not name:
        return "settings are needed, each as name: value"
    if field is None:
        near = difflib.get_close_matches(name, model.model_fields, n=1)
        return f"there is no such setting{f'; did you mean {near[0]}?' if near else ''}"
    missing = "it is missing; " if each["type"] == "missing" else ""
    return f"{missing}give {expectation(field)}"


def expectation(field: FieldInfo) -> str:
    """What a field takes: "a whole number from 1 to 512", "lora, full or qlora"."""
    kinds = _kinds(field.annotation)
    kinds_text = dict.fromkeys(_kind(kind, field) for kind in kinds if kind is not type(None))
    return join_words([*kinds_text], "or") + (", or nothing" if type(None) in kinds else "")


def _kinds(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for inner in get_args(annotation) for kind in _kinds(inner)]
    return [annotation]


def _kind(kind: Any, field: FieldInfo) -> str:
    if get_origin(kind) is Literal:
        return join_words([str(value) for value in get_args(kind)], "or")
    if kind is bool:
        return "true or false"
    if kind is int:
        return f"a whole number{_bounds(field)}"
    if kind is float:
        return f"a number{_bounds(field)}"
    if kind is Path:
        return "a path"
    if kind is str:
        least = any(isinstance(m, annotated_types.MinLen) and m.min_length for m in field.metadata)
        return "text that isn't empty" if least else "text"
    if get_origin(kind) in (tuple, list) or kind in (tuple, list):
        return "a list of words"
    return "another value"


def _bounds(field: FieldInfo) -> str:
    """ " from 1 to 512", " above 0", " of at least 1", or nothing."""
    low = high = ""
    for bound in field.metadata:
        if isinstance(bound, annotated_types.Ge):
            low = f"from {bound.ge:,}"
        elif isinstance(bound, annotated_types.Gt):
            low = f"above {bound.gt:,}"
        elif isinstance(bound, annotated_types.Le):
            high = f"to {bound.le:,}"
        elif isinstance(bound, annotated_types.Lt):
            high = f"below {bound.lt:,}"
    if low.startswith("from") and not high:
        return f" of at least {low.removeprefix('from ')}"
    if low.startswith("above") and high.startswith("to"):
        high = high.replace("to", "and at most", 1)
    elif low and high.startswith("below"):
        high = f"{'to' if low.startswith('from') else 'and'} {high}"
    return "".join(f" {part}" for part in (low, high) if part)
