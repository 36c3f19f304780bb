"""Single changes of a schema, each as a new schema that was checked. Nothing is stored here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from radu_core.errors import InputError
from radu_core.schema import (
    Function,
    ListRecognizer,
    PatternRecognizer,
    Schema,
    Slot,
    parse_schema,
    require_function,
)

__all__ = [
    "add_function",
    "add_slot",
    "change_function",
    "change_module",
    "change_slot",
    "move",
    "move_function",
    "move_slot",
    "put_recognizer",
    "remove_function",
    "remove_recognizer",
    "remove_slot",
    "rename_function",
    "rename_recognizer",
    "rename_slot",
    "require_slot",
    "validate",
]

_T = TypeVar("_T")


def validate(schema: Schema) -> Schema:
    """The schema, checked; ``SchemaError`` says what is wrong."""
    return parse_schema(schema.model_dump(mode="json", warnings=False))


def _with(schema: Schema, **fields: Any) -> Schema:
    return validate(schema.model_copy(update=fields))


def require_slot(schema: Schema, function: str, slot: str) -> Slot:
    """The slot of that name; ``InputError`` with the known names otherwise."""
    owner = require_function(schema, function)
    slot_found = owner.slot(slot)
    if slot_found is None:
        names = ", ".join(s.name for s in owner.slots) or "none"
        raise InputError(
            f"{function} has no slot of that name", value=slot, remedy=f"Its slots: {names}."
        )
    return slot_found


def change_module(schema: Schema, **fields: Any) -> Schema:
    """Another description or reference date."""
    return _with(schema, **fields)


def add_function(schema: Schema, function: Function) -> Schema:
    """One function more, at the end."""
    return _with(schema, functions=(*schema.functions, function))


def change_function(schema: Schema, name: str, /, **fields: Any) -> Schema:
    """A function with other fields; its name is changed by ``rename_function``."""
    require_function(schema, name)
    return _functions(schema, name, lambda f: f.model_copy(update=fields))


def _functions(schema: Schema, name: str, change: Callable[[Function], Function]) -> Schema:
    functions = tuple(change(f) if f.name == name else f for f in schema.functions)
    return _with(schema, functions=functions)


def rename_function(schema: Schema, old: str, new: str) -> Schema:
    """A function with another name."""
    return change_function(schema, old, name=new)


def remove_function(schema: Schema, name: str) -> Schema:
    """Without the function; a module keeps at least one."""
    require_function(schema, name)
    if len(schema.functions) == 1:
        raise InputError(
            f"{name} is the only function of {schema.module}",
            remedy="Add another one first: a module has at least one.",
        )
    return _with(schema, functions=tuple(f for f in schema.functions if f.name != name))


def move_function(schema: Schema, name: str, position: int) -> Schema:
    """A function at another position, from 0."""
    function = require_function(schema, name)
    return _with(schema, functions=move(schema.functions, function, position))


def move(items: Sequence[_T], item: _T, position: int) -> tuple[_T, ...]:
    """The items in their order, with one of them at ``position`` (from 0)."""
    others = [i for i in items if i is not item]
    return (*others[:position], item, *others[position:])


def add_slot(schema: Schema, function: str, slot: Slot) -> Schema:
    """One slot more, at the end."""
    require_function(schema, function)
    return _functions(schema, function, lambda f: f.model_copy(update={"slots": (*f.slots, slot)}))


def change_slot(schema: Schema, function: str, name: str, /, **fields: Any) -> Schema:
    """A slot with other fields; its name is changed by ``rename_slot``."""
    require_slot(schema, function, name)

    def change(owner: Function) -> Function:
        slots = tuple(s.model_copy(update=fields) if s.name == name else s for s in owner.slots)
        return owner.model_copy(update={"slots": slots})

    return _functions(schema, function, change)


def rename_slot(schema: Schema, function: str, old: str, new: str) -> Schema:
    """A slot with another name."""
    return change_slot(schema, function, old, name=new)


def remove_slot(schema: Schema, function: str, name: str) -> Schema:
    """Without the slot."""
    require_slot(schema, function, name)
    return _functions(
        schema,
        function,
        lambda f: f.model_copy(update={"slots": tuple(s for s in f.slots if s.name != name)}),
    )


def move_slot(schema: Schema, function: str, name: str, position: int) -> Schema:
    """A slot at another position, from 0."""
    slot = require_slot(schema, function, name)
    return _functions(
        schema,
        function,
        lambda f: f.model_copy(update={"slots": move(f.slots, slot, position)}),
    )


def put_recognizer(schema: Schema, recognizer: ListRecognizer | PatternRecognizer) -> Schema:
    """A recognizer in place of the one of its name, or at the end."""
    if schema.recognizer(recognizer.name) is None:
        return _with(schema, recognizers=(*schema.recognizers, recognizer))
    recognizers = tuple(recognizer if r.name == recognizer.name else r for r in schema.recognizers)
    return _with(schema, recognizers=recognizers)


def rename_recognizer(schema: Schema, old: str, new: str) -> Schema:
    """A recognizer with another name; the slots that it fills follow."""
    _require_recognizer(schema, old)
    renamed = tuple(
        r.model_copy(update={"name": new}) if r.name == old else r for r in schema.recognizers
    )
    return _with(schema, recognizers=renamed, functions=_with_recognizer(schema, old, new))


def remove_recognizer(schema: Schema, name: str) -> Schema:
    """Without the recognizer; the model fills its slots."""
    _require_recognizer(schema, name)
    recognizers = tuple(r for r in schema.recognizers if r.name != name)
    return _with(schema, recognizers=recognizers, functions=_with_recognizer(schema, name, None))


def _require_recognizer(schema: Schema, name: str) -> None:
    if schema.recognizer(name) is None:
        text = ", ".join(r.name for r in schema.recognizers) or "none"
        raise InputError(
            f"{schema.module} has no recognizer of that name",
            value=name,
            remedy=f"It has: {text}.",
        )


def _with_recognizer(schema: Schema, old: str, new: str | None) -> tuple[Function, ...]:
    def change(slot: Slot) -> Slot:
        return slot.model_copy(update={"recognizer": new}) if slot.recognizer == old else slot

    return tuple(
        f.model_copy(update={"slots": tuple(change(s) for s in f.slots)}) for f in schema.functions
    )
