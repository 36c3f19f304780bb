"""A function's arguments as slots, from their JSON Schema.

The places are walked: a scalar is a slot, a list of scalars one with several values, and an
object's slots carry its name before theirs. What slots can't hold is a fault; what a schema says
besides is kept as constraints, or counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from radu_core.formats.common import RowError
from radu_core.formats.json_schema import (
    SCALARS,
    SPLIT,
    Spec,
    SpecReader,
    TooLargeError,
    both_texts,
    is_of_kind,
    kind_of_values,
)

__all__ = ["FORMATS", "SlotReader"]

FORMATS = {"date": "date", "time": "time"}  # of a string: slots have types for them
_TEXTUAL = ("pattern", "minLength", "maxLength", "format", "contentEncoding")
_NUMERIC = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_DEEPEST = 20


class SlotReader(SpecReader):
    """Reads one tool's parameters. ``description`` is what they say of themselves, once read."""

    description = ""

    def slots(self, parameters: Any) -> list[dict[str, Any]]:
        """The slots of a function whose arguments are ``parameters``, in order."""
        where = f"{self.tool}.parameters"
        try:
            spec = self.whole(where, [(parameters, ())])
            if spec.kind not in (None, "object"):
                raise RowError(where, spec.kind, "isn't an object", "Name its parameters.")
            self.description = self._description(spec, self.tool)
            return list(self._members(where, spec, (), "", required=True, optional=False))
        except TooLargeError as error:
            self.faults = [error]
        except RowError as error:
            self.faults.append(error)
        except RecursionError:
            self.faults.append(RowError(where, "…", "is nested too deeply", SPLIT))
        return []

    def _members(
        self,
        where: str,
        spec: Spec,
        path: tuple[str, ...],
        about: str,
        *,
        required: bool,
        optional: bool,
    ) -> Iterator[dict[str, Any]]:
        """The slots of an object, ``about`` which its description says something.

        ``required``: the object itself always has to be there; ``optional``: it may be null.
        """
        self._check_object(where, spec, path)
        if optional:
            self.left_out["an object that may be null: its slots may be missing instead"] += 1
        for name in spec.required:
            if name not in spec.properties:
                self.left_out[f"the required parameter {name!r}, which isn't described"] += 1
        for name, parts in spec.properties.items():
            place = f"{where.removesuffix('.parameters')}.{name}" if not path else f"{where}.{name}"
            try:
                inner = self.whole(place, parts)
                here = name in spec.required or inner.is_required
                yield from self._slots(
                    place,
                    inner,
                    (*path, name),
                    about,
                    here=here,
                    required=required and here and not optional,
                )
            except TooLargeError:
                raise
            except RowError as error:
                self.faults.append(error)

    def _check_object(self, where: str, spec: Spec, path: tuple[str, ...]) -> None:
        free = spec.additional not in (None, False)
        if "patternProperties" in spec.rest or (free and spec.additional not in (True, {})):
            keys = spec.rest.get("patternProperties", spec.additional)
            raise RowError(where, keys, "takes keys of any name (additionalProperties)", SPLIT)
        if not spec.properties and (free or (path and spec.additional is None)):
            what = "is an object of any form: it names no properties"
            raise RowError(where, "object", what, "Name its properties, or remove it.")
        if path and not spec.properties:
            self.left_out["an object that can hold nothing"] += 1
        if len(path) > _DEEPEST:
            raise RowError(where, len(path), f"is nested over {_DEEPEST} deep", SPLIT)
        if free:
            self.left_out["the key 'additionalProperties' of an object, which isn't read"] += 1
        for key in spec.rest:
            self.left_out[f"the key {key!r} of an object, which isn't read"] += 1

    def _slots(
        self,
        where: str,
        spec: Spec,
        path: tuple[str, ...],
        about: str,
        *,
        here: bool,
        required: bool,
    ) -> Iterator[dict[str, Any]]:
        """The slots that a parameter gives: one, or those of an object.

        ``here``: its object needs it; ``required``: the call does.
        """
        description = self._description(spec, path[-1])
        kind = spec.kind or self._guess(spec)
        if kind == "object":
            about = _prefix(about, description)
            yield from self._members(
                where, spec, path, about, required=required, optional=spec.nullable
            )
            return
        if kind == "null":
            raise RowError(where, "null", "is always null", "Give it a type, or remove it.")
        value, constraints = spec, dict(spec.rest)
        if kind == "array":
            value = self._item(where, spec)
            value.enum = value.enum or spec.enum  # often written one level too high
            description = both_texts(description, self._description(value, path[-1]))
            inner = {**value.rest, **({"nullable": True} if value.nullable else {})}
            constraints |= {"items": inner} if inner else {}
        if spec.nullable:
            constraints["nullable"] = True
        if here and not required:
            constraints["required"] = True  # wherever its object is given
        yield {
            "name": ".".join(path),
            "description": _prefix(about, description),
            "type": self._type(value, constraints if value is spec else constraints.get("items")),
            "required": required,
            "multi_value": kind == "array",
            "possible_values": value.enum or [],
            "path": path if len(path) > 1 else (),
            "constraints": {k: v for k, v in constraints.items() if (k, v) != ("items", {})},
        }

    def _item(self, where: str, spec: Spec) -> Spec:
        """What a list holds: scalars of one kind."""
        if not spec.items:
            self.left_out["a list that doesn't say what it holds: read as texts"] += 1
        item = self.whole(f"{where}.items", spec.items)
        kind = item.kind or (self._guess(item) if spec.items else "string")
        if kind not in SCALARS:
            holds = {"object": "objects", "array": "lists", "null": "nulls"}[kind]
            raise RowError(where, kind, f"is a list of {holds}", SPLIT)
        item.kind = kind
        return item

    def _guess(self, spec: Spec) -> str:
        """The kind of a place that gives none."""
        if spec.properties or spec.additional not in (None, False):
            return "object"
        if spec.items:
            return "array"
        if spec.enum:
            return kind_of_values(spec.enum) or "string"
        if any(key in spec.rest for key in _NUMERIC):
            return "number"
        if not any(key in spec.rest for key in _TEXTUAL):
            self.left_out["a parameter without a type: read as a text"] += 1
        return "string"

    def _type(self, spec: Spec, constraints: dict[str, Any] | None) -> str:
        """The slot's type. Values to choose from decide where they aren't of the type given."""
        kind = spec.kind or (kind_of_values(spec.enum) if spec.enum else None)
        kind = kind or ("number" if any(k in spec.rest for k in _NUMERIC) else "string")
        if spec.enum and not is_of_kind(spec.enum, kind):
            if spec.kind and kind_of_values(spec.enum):
                self.left_out["a type that its values aren't of: theirs is taken"] += 1
            kind = kind_of_values(spec.enum) or "string"
        format = str(spec.rest.get("format"))
        if kind == "string" and format in FORMATS:
            (constraints or {}).pop("format", None)
            return FORMATS[format]
        return kind

    def _description(self, spec: Spec, name: str) -> str:
        """The description, or a title that says more than the name does."""
        title = _plain_words(spec.title)
        if not title or title in (_plain_words(name), _plain_words(spec.description)):
            return spec.description
        if spec.description:
            self.left_out["the title of a parameter that has a description"] += 1
        return spec.description or spec.title


def _prefix(about: str, description: str) -> str:
    """A description after that of the object it is of."""
    return f"{about.rstrip('. ')}: {description}" if about and description else about or description


def _plain_words(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
