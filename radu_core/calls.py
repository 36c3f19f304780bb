"""Arguments by slot, and nested as the function's caller has them: one to the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from radu_core.schema import Function

__all__ = ["flat_arguments", "flat_items", "nested_arguments"]


def nested_arguments(function: Function, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as the function's caller wants them: the slots of a nested object inside it."""
    nested: dict[str, Any] = {}
    for name, value in arguments.items():
        slot = function.slot(name)
        *outer, last = (slot.path if slot else ()) or (name,)
        place = nested
        for key in outer:
            place = place.setdefault(key, {})
        place[last] = value
    return nested


def flat_arguments(function: Function, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by slot: what stands in a nested object goes to the slot of its path.

    What no slot's path leads to stays as it is, so that checking it says what is wrong. An object
    that is null, or holds nulls, has no values there.
    """
    return dict(flat_items(function, arguments))


def flat_items(
    function: Function, arguments: Mapping[str, Any], *, any_case: bool = False
) -> Iterator[tuple[str, Any]]:
    """What ``flat_arguments`` gives, a pair each: a slot given both nested and flat comes twice.

    ``any_case``: a key in another case leads to the same place, where it leads to one only.
    """
    names = {slot.path: slot.name for slot in function.slots if slot.path}
    objects = {path[:depth] for path in names for depth in range(1, len(path))}
    if not names:
        return iter(arguments.items())
    paths = (names.keys() | objects) if any_case else set()
    return _flatten(arguments, (), names, objects, paths)


def _flatten(
    mapping: Mapping[str, Any],
    outer: tuple[str, ...],
    names: Mapping[tuple[str, ...], str],
    objects: set[tuple[str, ...]],
    paths: Collection[tuple[str, ...]],
) -> Iterator[tuple[str, Any]]:
    for key, value in mapping.items():
        path = _known_path((*outer, str(key)), paths)
        if path in objects and isinstance(value, Mapping):
            yield from _flatten(value, path, names, objects, paths)
        elif not (outer or path in objects) or value is not None:
            yield names.get(path, ".".join(path)), value


def _known_path(path: tuple[str, ...], paths: Collection[tuple[str, ...]]) -> tuple[str, ...]:
    if path in paths:
        return path
    folded = [key.strip().casefold() for key in path]
    alike = [k for k in paths if [key.casefold() for key in k] == folded]
    return alike[0] if len(alike) == 1 else path
