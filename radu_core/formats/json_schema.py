"""The places of a JSON Schema, each with what it says once its references are resolved.

``$ref``, ``allOf``, ``anyOf`` and ``oneOf`` are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from radu_core.formats.common import RowError
from radu_core.numbers import NUMBER_REMEDY, number_problem

__all__ = [
    "SCALARS",
    "SPLIT",
    "Part",
    "Spec",
    "SpecReader",
    "TooLargeError",
    "both_texts",
    "is_of_kind",
    "kind_of_values",
]

_KINDS = {
    "string": ("str", "text"),
    "integer": ("int", "long"),
    "number": ("float", "double", "decimal"),
    "boolean": ("bool",),
    "object": ("dict", "map"),
    "array": ("list",),
    "null": ("none",),
}
_NAMES = {alias: kind for kind, names in _KINDS.items() for alias in (kind, *names)}
SCALARS = ("string", "integer", "number", "boolean")
_UNDERSTOOD = ("$defs", "definitions", "defs", "$schema", "$id", "id", "$anchor")
_STRICTER: dict[str, Callable[[Any, Any], Any]] = {
    "minimum": max,
    "exclusiveMinimum": max,
    "minLength": max,
    "minItems": max,
    "maximum": min,
    "exclusiveMaximum": min,
    "maxLength": min,
    "maxItems": min,
}
_MOST_PLACES = 3_000  # in one tool: a few short definitions can name each other without end
SPLIT = "Flatten it into several parameters."
Part = tuple[Any, tuple[str, ...]]  # a schema as it is written, and the references that led to it


@dataclass
class Spec:
    """What a place of a schema says, with all that it refers to. ``kind`` None: it gives none."""

    kind: str | None = None
    nullable: bool = False
    enum: list[Any] | None = None
    properties: dict[str, list[Part]] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    is_required: bool = False  # as the parameter says of itself
    items: list[Part] = field(default_factory=list)
    additional: Any = None
    description: str = ""
    title: str = ""
    rest: dict[str, Any] = field(default_factory=dict)

    @property
    def is_bare(self) -> bool:
        """Whether it says nothing of what a value looks like."""
        return not (self.kind or self.enum or self.properties or self.items)


class TooLargeError(RowError):
    """A tool has so many places that the rest of them isn't looked at."""


class SpecReader:
    """Reads the places of one tool's schema.

    ``faults`` and ``left_out`` (by reason) hold what it can't take.

    ``roots`` are the documents that a ``$ref`` may point into, the innermost first.
    """

    def __init__(self, tool: str, roots: Sequence[Any]) -> None:
        self.tool = tool
        self._roots = roots
        self._places = 0
        self.faults: list[RowError] = []
        self.left_out: Counter[str] = Counter()

    def whole(self, where: str, parts: Sequence[Part]) -> Spec:
        """All parts at once, as ``allOf`` means it."""
        specs = [self._one(where, raw, refs) for raw, refs in parts]
        whole = specs[0] if specs else Spec()
        for spec in specs[1:]:
            whole = self._both(where, whole, spec)
        return whole

    def _one(self, where: str, raw: Any, refs: tuple[str, ...]) -> Spec:
        self._places += 1
        if self._places > _MOST_PLACES:
            raise TooLargeError(self.tool, where, f"leads to over {_MOST_PLACES:,} places", SPLIT)
        if raw is True:
            return Spec()
        if not isinstance(raw, Mapping):
            raise RowError(where, raw, "isn't a JSON schema", 'Write {"type": "string"}.')
        own = {k: v for k, v in raw.items() if k not in ("$ref", "allOf", "anyOf", "oneOf")}
        spec = self._plain(where, own, refs)
        if "$ref" in raw:
            ref = raw["$ref"]
            if ref in refs:
                raise RowError(where, ref, "is recursive: it holds itself", SPLIT)
            spec = self._both(where, spec, self._one(where, self._target(where, ref), (*refs, ref)))
        for part in _list(where, raw, "allOf"):
            spec = self._both(where, spec, self._one(where, part, refs))
        for key in ("anyOf", "oneOf"):
            if key in raw:
                spec = self._both(where, spec, self._choice(where, key, raw, refs))
        return spec

    def _plain(self, where: str, raw: Mapping[str, Any], refs: tuple[str, ...]) -> Spec:
        spec = Spec()
        for key, value in raw.items():
            if key == "type" and value is not None:
                spec.kind, spec.nullable = _kind(where, value)
            elif key not in (*_READ, *_UNDERSTOOD):
                spec.rest[key] = value
        spec.nullable = spec.nullable or raw.get("nullable") is True
        spec.description = _text(where, raw, "description")
        spec.title = _text(where, raw, "title")
        spec.additional = raw.get("additionalProperties")
        if isinstance(raw.get("required"), bool):
            spec.is_required = raw["required"]
        else:
            spec.required = [str(name) for name in _list(where, raw, "required")]
        properties = raw.get("properties")
        if properties is not None and not isinstance(properties, Mapping):
            raise RowError(f"{where}.properties", properties, "isn't an object", _CORRECT)
        spec.properties = {name: [(part, refs)] for name, part in (properties or {}).items()}
        self._add_items(where, spec, raw, refs)
        self._add_values(where, spec, raw)
        return spec

    def _add_items(
        self, where: str, spec: Spec, raw: Mapping[str, Any], refs: tuple[str, ...]
    ) -> None:
        items = raw.get("items")
        if raw.get("prefixItems") or isinstance(items, list):
            schema = raw.get("prefixItems") or items
            raise RowError(where, schema, "is a tuple: each place has a meaning of its own", SPLIT)
        if items is not None and not isinstance(items, Mapping | bool):
            raise RowError(f"{where}.items", items, "isn't an object", _CORRECT)
        if items:
            spec.items = [(items, refs)]

    def _add_values(self, where: str, spec: Spec, raw: Mapping[str, Any]) -> None:
        values = [raw["const"]] if "const" in raw else None
        if "enum" in raw:
            values = _list(where, raw, "enum")
        if values is None:
            return
        if not all(v is None or isinstance(v, str | int | float) for v in values):
            what = "has values that are no texts or numbers"
            raise RowError(f"{where}.{'enum' if 'enum' in raw else 'const'}", values, what, SPLIT)
        problem = next(filter(None, map(number_problem, values)), "")
        if problem:
            raise RowError(f"{where}.enum", values, problem, NUMBER_REMEDY)
        spec.nullable = spec.nullable or None in values
        spec.enum = [v for v in values if v is not None]
        if values and not spec.enum:
            spec.kind = "null"

    def _target(self, where: str, ref: Any) -> Any:
        """What a reference points to, within the file."""
        if not isinstance(ref, str):
            raise RowError(f"{where}.$ref", ref, "isn't a text", _CORRECT)
        for root in self._roots:
            target = _resolve_reference(root, ref)
            if target is not None:
                return target
        what = "points to nothing in this file"
        if not ref.startswith("#"):
            what = "points outside of this file"
        raise RowError(f"{where}.$ref", ref, what, "Put the definition into the file's $defs.")

    def _choice(self, where: str, key: str, raw: Mapping[str, Any], refs: tuple[str, ...]) -> Spec:
        """``anyOf`` or ``oneOf``: null among others, values to choose from, or kinds that agree."""
        options = [self._one(where, option, refs) for option in _list(where, raw, key)]
        nullable = any(o.nullable or o.kind == "null" for o in options)
        options = [o for o in options if o.kind != "null"]
        if len(options) == 1:
            options[0].nullable = options[0].nullable or nullable
            return options[0]
        if all(o.is_bare for o in options):
            self.left_out[f"the key {key!r} of a parameter, which isn't read"] += bool(options)
            return Spec("null" if nullable and not options else None, nullable)
        kinds = {o.kind or kind_of_values(o.enum or []) for o in options}
        if all(o.enum for o in options):
            values = [v for o in options for v in o.enum or ()]
            texts = [_option_text(o) for o in options if o.description or o.title]
            return Spec(kind_of_values(values), nullable, values, description="; ".join(texts))
        kind = "number" if kinds == {"integer", "number"} else next(iter(kinds))
        if kind not in SCALARS or not (len(kinds) == 1 or kind == "number"):
            kind_names = ", ".join(sorted(str(k or "any") for k in kinds))
            what = f"is a union ({key}) of {kind_names}"
            raise RowError(where, kind_names, what, "Give it one type, or several parameters.")
        return Spec(kind, nullable, rest={key: [_as_json(o) for o in options]})

    def _both(self, where: str, one: Spec, other: Spec) -> Spec:
        """What both say: ``one`` is nearer to the parameter, so its words come first."""
        kinds = {one.kind, other.kind} - {None}
        kind = next(iter(kinds), None) if len(kinds) < 2 else None
        if len(kinds) == 2:
            if kinds != {"integer", "number"}:
                kind_names = " and ".join(sorted(map(str, kinds)))
                raise RowError(
                    where, kind_names, f"has to be {kind_names} at once", "Give it one type."
                )
            kind = "integer"
        enum = one.enum if other.enum is None else other.enum
        if one.enum is not None and other.enum is not None:
            enum = [v for v in one.enum if v in other.enum]
        properties = {n: list(parts) for n, parts in one.properties.items()}
        for name, parts in other.properties.items():
            properties[name] = [*properties.get(name, []), *parts]
        return Spec(
            kind,
            one.nullable or other.nullable,
            enum,
            properties,
            [*one.required, *other.required],
            one.is_required or other.is_required,
            [*one.items, *other.items],
            other.additional if one.additional is None else one.additional,
            both_texts(one.description, other.description),
            one.title or other.title,
            self._merge(one.rest, other.rest),
        )

    def _merge(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
        merged = {**other, **one}
        for key in one.keys() & other.keys():
            if one[key] == other[key]:
                continue
            if key in _STRICTER and all(isinstance(v[key], int | float) for v in (one, other)):
                merged[key] = _STRICTER[key](one[key], other[key])
            elif key != "default":  # the nearer one is the parameter's own
                self.left_out[f"a second {key!r} of a parameter"] += 1
        return merged


_CORRECT = "Correct this tool."
_READ = (
    "type",
    "nullable",
    "enum",
    "const",
    "properties",
    "required",
    "items",
    "prefixItems",
    "additionalProperties",
    "description",
    "title",
)


def kind_of_values(values: Sequence[Any]) -> str | None:
    """The kind that all values are of; None if they are of several, or there are none."""
    return next(
        (k for k in ("boolean", "integer", "number", "string") if is_of_kind(values, k)), None
    )


def is_of_kind(values: Sequence[Any], kind: str) -> bool:
    """Whether there are values, and all are of that kind of scalar."""
    types = {"boolean": bool, "integer": int, "number": int | float, "string": str}
    type_ = types.get(kind, str)
    return bool(values) and all(
        isinstance(v, type_) and (kind == "boolean" or not isinstance(v, bool)) for v in values
    )


def _kind(where: str, value: Any) -> tuple[str | None, bool]:
    """(kind, whether it may be null) of a ``type``."""
    names = value if isinstance(value, list) else [value]
    kinds: list[str] = []
    for name in names:
        kind = _NAMES.get(name.strip().casefold()) if isinstance(name, str) else None
        if kind is None:
            what = "isn't a type of JSON Schema"
            if isinstance(name, str) and name.casefold() in ("tuple", "any"):
                what = f"is a {name.casefold()}" if name.casefold() == "tuple" else "is of any type"
            raise RowError(where, value, what, f"Use one of {', '.join(_KINDS)}.")
        kinds.append(kind)
    others = list(dict.fromkeys(k for k in kinds if k != "null"))
    if set(others) == {"integer", "number"}:
        others = ["number"]
    if len(others) > 1:
        kind_names = ", ".join(others)
        what = f"is a union of {kind_names}"
        raise RowError(where, value, what, "Give it one type, or several parameters.")
    return (others[0] if others else "null" if kinds else None), "null" in kinds


def _list(where: str, raw: Mapping[str, Any], key: str) -> list[Any]:
    value = raw.get(key)
    if value is not None and not isinstance(value, list):
        raise RowError(f"{where}.{key}", value, "isn't a list", _CORRECT)
    return value or []


def _text(where: str, raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    if value is not None and not isinstance(value, str):
        raise RowError(f"{where}.{key}", value, "isn't a text", _CORRECT)
    return value or ""


def _resolve_reference(root: Any, ref: str) -> Any:
    """What a reference points to in a document; None if to nothing."""
    pointer, fragment = unquote(ref.removeprefix("#")), ref
    if pointer.startswith("/"):
        return _follow(root, pointer)
    if not isinstance(root, Mapping):
        return None
    if ref == "#":
        return root
    fragment = pointer
    for key in ("$defs", "definitions", "defs"):
        definitions = root.get(key)
        for name, spec in definitions.items() if isinstance(definitions, Mapping) else ():
            marks = [spec.get("$anchor"), spec.get("$id")] if isinstance(spec, Mapping) else []
            if fragment == name or fragment in marks:
                return spec
    return None


def _follow(root: Any, pointer: str) -> Any:
    node = root
    for escaped in pointer.split("/")[1:]:
        step = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping):
            node = node.get(step)
        elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        else:
            return None
    return node


def _as_json(spec: Spec) -> dict[str, Any]:
    """A scalar's spec as a schema again."""
    data: dict[str, Any] = {"type": spec.kind} if spec.kind else {}
    data |= {"enum": spec.enum} if spec.enum else {}
    data |= {"description": spec.description} if spec.description else {}
    return {**data, **spec.rest}


def _option_text(option: Spec) -> str:
    return f"{', '.join(map(str, option.enum or ()))}: {option.description or option.title}"


def both_texts(one: str, other: str) -> str:
    """Two descriptions of the same, the nearer one first."""
    if not one or not other or other in one:
        return one or other
    return f"{one} {other}" if one[-1] in ".!?:;。" else f"{one}. {other}"
