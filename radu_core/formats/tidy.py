"""Rows as files have them, read as the fields of an exemplar: as tolerantly in every format.

What is read as something else than it is written is a change with a kind; keys that mean nothing
here are named. Neither is silent: both are counted in what an import gives.

A row without a function is *unlabelled*. It is out of scope only where the file says so: ``null``,
or a word such as ``none``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from radu_core.calls import flat_items
from radu_core.errors import shorten
from radu_core.exemplars import (
    DISCARDED,
    UNLABELLED,
    AnnotatedExemplar,
    Outcome,
    ResolvedBy,
    Span,
)
from radu_core.files import canonical_json
from radu_core.formats.common import RowError, row_json
from radu_core.formats.values import PLAIN, convert, is_blank, scalar_text, unclear
from radu_core.schema import Function, Schema, Slot, as_values

__all__ = ["ALIASES", "OUT_OF_SCOPE_WORDS", "Change", "Tidied", "known_function", "tidy"]

FIELDS = frozenset(AnnotatedExemplar.model_fields)
ALIASES = {
    "utterance": ("text", "query", "sentence", "message", "example"),
    "function": ("intent", "skill", "label"),
    "arguments": ("parameters", "params", "args"),
    "template": ("exemplar",),
}
OUT_OF_SCOPE_WORDS = frozenset(
    {"none", "null", "oos", "out_of_scope", "out-of-scope", "out of scope"}
)
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_FIELD_OF = {alias: name for name, aliases in ALIASES.items() for alias in aliases}
_STATE = {"outcome": get_args(Outcome), "resolved_by": get_args(ResolvedBy)}
_LISTS = ("implied", "tags")
_OPTIONAL = FIELDS - {"utterance", "function"}


@dataclass(frozen=True)
class Change:
    """Something that is read otherwise than it is written."""

    kind: str
    what: str


@dataclass
class Tidied:
    """A row's fields.

    ``changes`` and ``ignored`` say what isn't as it was written. ``language`` is the code of the
    language that values are written in.
    """

    language: str = "en"
    fields: dict[str, Any] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def note_change(self, kind: str, name: str, before: object, after: object) -> None:
        """Remember a change of a field or a slot."""
        self.changes.append(Change(kind, f"{name}: {shorten(before, 60)} → {shorten(after, 60)}"))


def tidy(
    row: Mapping[str, Any],
    schema: Schema | None,
    *,
    cells: bool = False,
    unlabelled_as_scope: bool = False,
) -> Tidied:
    """The row's fields, and what was changed and ignored; ``RowError`` for what means nothing.

    ``cells``: values are texts of a table, where a number can't be written otherwise;
    ``unlabelled_as_scope``: a row without a function is out of scope.
    """
    out = Tidied(schema.language if schema else "en")
    unknown = _gather_fields(row, out)
    _read_function(out, schema, unlabelled_as_scope)
    function = (
        schema.function(out.fields["function"]) if schema and out.fields.get("function") else None
    )
    _read_arguments(out, function, unknown, cells)
    if out.fields.get("unlabelled"):
        _refuse_label(out.fields.get("arguments"), "arguments")
    out.ignored += unknown
    for name in _OPTIONAL & out.fields.keys():
        if out.fields[name] is None:  # null: absent
            del out.fields[name]
    _read_spans(out, function)
    _read_rest(out)
    return out


def _gather_fields(row: Mapping[str, Any], out: Tidied) -> dict[str, Any]:
    """Put what is named like a field, in any case or by a usual name, there; give the rest."""
    unknown = {}
    for key, value in row.items():
        lower = str(key).strip().casefold()
        name = lower if lower in FIELDS else _FIELD_OF.get(lower, "")
        if key in FIELDS:
            out.fields[key] = value
        elif name and name not in row and name not in out.fields:
            out.fields[name] = value
            if key != "exemplar":  # the labellers' word for it
                out.changes.append(Change("a field by another name", f"{key!r} read as {name!r}"))
        else:
            unknown[str(key)] = value
    return unknown


# The function


def known_function(name: str, schema: Schema | None) -> str | None:
    """The schema's function of that name, whatever its case, or None."""
    if schema is None:
        return None
    if schema.function(name) is not None:
        return name
    folded = name.strip().casefold()
    alike = [f.name for f in schema.functions if f.name.casefold() == folded]
    return alike[0] if len(alike) == 1 else None


def _read_function(out: Tidied, schema: Schema | None, unlabelled_as_scope: bool) -> None:
    """Set ``function`` and ``unlabelled``, so that they don't contradict each other."""
    fields = out.fields
    value = fields.pop("unlabelled", False)
    function_value = fields.pop("function", "")
    function_value = _one_function(out, function_value)
    if isinstance(function_value, str) and function_value.strip():
        fields["function"] = _function_named(out, function_value, schema)
        if value in (True, "true"):
            out.note_change("labelled by now", "unlabelled", value, False)
    elif function_value is None and value not in (True, "true"):
        fields["function"] = None
    elif unlabelled_as_scope:
        fields["function"] = None
        out.changes.append(Change("no function: out of scope, as asked for", "function: none"))
    else:
        _set_unlabelled(out)
        return
    if fields.get("outcome") == "unlabelled":  # a label was written into an export
        fields.pop("outcome")
        fields.pop("reason", None)


def _one_function(out: Tidied, value: Any) -> Any:
    """The name in a list of one or in ``{"name": …, "arguments": …}``."""
    if isinstance(value, list) and len(value) < 2:
        name = value[0] if value else ""
        out.note_change("one function in a list", "function", value, name)
        value = name
    if isinstance(value, list):
        raise RowError(
            "function",
            value,
            "names several functions",
            "Give the row one function, or make a row for each.",
        )
    if isinstance(value, Mapping):
        name = value.get("name")
        out.note_change("a function with its arguments inside", "function", value, name)
        if "arguments" in value and out.fields.get("arguments") in (None, {}, ""):
            out.fields["arguments"] = value["arguments"]
        out.ignored += [f"function.{key}" for key in value if key not in ("name", "arguments")]
        value = name
    if value is not None and not isinstance(value, str):
        raise RowError("function", value, "isn't a name", "Write the function's name, or null.")
    return value


def _function_named(out: Tidied, text: str, schema: Schema | None) -> str | None:
    name_known = known_function(text, schema)
    if name_known is not None:
        if name_known != text:
            out.note_change("a function in another case", "function", text, name_known)
        return name_known
    if text.strip().casefold() in OUT_OF_SCOPE_WORDS:
        out.note_change("a word that means out of scope", "function", text, None)
        return None
    return text.strip()


def _set_unlabelled(out: Tidied) -> None:
    fields = out.fields
    for name in ("spans", "template", "implied"):
        _refuse_label(fields.pop(name, None), name)
    fields["unlabelled"] = True
    if DISCARDED not in as_values(fields.get("tags") or []):
        fields |= {"outcome": "unlabelled", "resolved_by": None, "reason": UNLABELLED}


def _refuse_label(value: Any, name: str) -> None:
    if value not in (None, "", {}, [], ()):
        problem = "a row without a function has none"
        raise RowError(name, value, problem, "Name its function, or leave them out.")


# Arguments


def _read_arguments(
    out: Tidied, function: Function | None, unknown: dict[str, Any], cells: bool
) -> None:
    arguments = out.fields.get("arguments")
    if isinstance(arguments, str):
        arguments = (
            _parse(arguments, "arguments", dict, "a JSON object") if arguments.strip() else {}
        )
        out.changes.append(Change("arguments as a text of JSON", shorten(arguments, 60)))
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, Mapping):
        raise RowError("arguments", arguments, "isn't an object", 'Write {"slot": value}.')
    items = list(flat_items(function, arguments, any_case=True) if function else arguments.items())
    names = {str(name) for name, _ in items}
    arguments_read: dict[str, Any] = {}
    for name, value in [*items, *_slots_among(unknown, function, names)]:
        slot, own = _slot_named(out, str(name), function)
        argument = _argument(out, own, value, slot, cells)
        if argument is not None:
            _put(arguments_read, own, argument)
    if arguments_read or "arguments" in out.fields:
        out.fields["arguments"] = arguments_read
    implied_slots = out.fields.get("implied")
    if isinstance(
        implied_slots, list | tuple
    ):  # what turned out to have no value isn't meant either
        absent = names - arguments_read.keys()
        out.fields["implied"] = [s for s in implied_slots if str(s) not in absent]


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    """Add a value; ``RowError`` if its slot has another one, given nested or in another case."""
    if name in fields and canonical_json(fields[name]) != canonical_json(value):
        raise RowError(
            f"arguments.{name}", [fields[name], value], "has two values", "Give the slot one value."
        )
    fields[name] = value


def _slots_among(
    unknown: dict[str, Any], function: Function | None, names: Collection[str]
) -> list[tuple[str, Any]]:
    """Keys of the row that are slots of its function, or ``arguments.<slot>``; taken out of it."""
    if not unknown:
        return []
    slots = {s.name.casefold() for s in function.slots} if function else set()
    have = {name.casefold() for name in names}
    values = []
    for key in list(unknown):
        name = key.strip()
        if name.casefold().startswith("arguments."):
            name = name[len("arguments.") :]
        elif name.casefold() not in slots:
            continue
        if name.casefold() not in have:
            values.append((name, unknown.pop(key)))
    return values


def _slot_named(out: Tidied, name: str, function: Function | None) -> tuple[Slot | None, str]:
    slot = function.slot(name) if function else None
    if slot is not None or function is None:
        return slot, name
    alike = [s for s in function.slots if s.name.casefold() == name.strip().casefold()]
    if len(alike) != 1:
        return None, name
    out.note_change("a slot in another case", "arguments", name, alike[0].name)
    return alike[0], alike[0].name


def _argument(out: Tidied, name: str, value: Any, slot: Slot | None, cells: bool) -> Any:
    """A value as its slot takes it; None if there is none."""
    several = value if isinstance(value, list) else [value]
    filled_values = [v for v in several if not is_blank(v)]
    if len(filled_values) < len(several) and not cells:
        kind = "null" if None in several else "an empty text"
        out.note_change(f"{kind} for a value: absent", name, value, filled_values or None)
    scalars = [_scalar(out, name, v, slot, cells) for v in filled_values]
    if not isinstance(value, list):
        return scalars[0] if scalars else None
    if slot is None or slot.multi_value:
        return scalars if scalars or not several else None
    if len(scalars) > 1:
        return scalars
    out.note_change("a list for one value", name, value, scalars[0] if scalars else None)
    return scalars[0] if scalars else None


def _scalar(out: Tidied, name: str, value: Any, slot: Slot | None, cells: bool) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise RowError(
            f"arguments.{name}", value, "isn't a finite number", "Write a number, or null."
        )
    if slot is None or not isinstance(value, str | int | float | bool):
        return value
    problem, remedy = unclear(value, slot, out.language, program=cells)
    if problem:
        raise RowError("arguments", {name: value}, f"slot {name!r}: {value!r} {problem}", remedy)
    new, kind = convert(value, slot, out.language, program=cells)
    if kind and not (cells and kind in PLAIN):
        out.note_change(kind, name, value, new)
    return new


# Everything else


def _read_spans(out: Tidied, function: Function | None) -> None:
    """Spans with values as the arguments have them, and without what a span doesn't say."""
    spans = out.fields.get("spans")
    if isinstance(spans, str):
        spans = _parse(spans, "spans", list, "a JSON list")
    if not isinstance(spans, list | tuple):
        return
    out.fields["spans"] = [
        _span(out, span, function) if isinstance(span, Mapping) else span for span in spans
    ]


def _span(out: Tidied, span: Mapping[str, Any], function: Function | None) -> dict[str, Any]:
    fields = {}
    for key, value in span.items():
        if key in Span.model_fields:
            fields[key] = value
        else:
            out.ignored.append(f"spans.{key}")
    slot = function.slot(str(fields.get("slot"))) if function else None
    value = fields.get("value")
    if isinstance(value, float) and not math.isfinite(value):
        raise RowError("spans", value, "isn't a finite number", "Write a number.")
    if slot is not None and isinstance(value, str | int | float | bool):
        fields["value"] = convert(value, slot, out.language)[0]  # counted with the argument
    return fields


def _read_rest(out: Tidied) -> None:
    fields = out.fields
    for name in ("id", "utterance", "context"):
        value = fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            fields[name] = scalar_text(value)
            out.note_change("a number for a text", name, value, fields[name])
    for name in _LISTS:
        if isinstance(fields.get(name), str):
            out.note_change("a text for a list", name, fields[name], [fields[name]])
            fields[name] = [part.strip() for part in fields[name].split("|") if part.strip()]
    for name in ("split", "mode"):
        _read_word(out, name, _SPLITS if name == "split" else {})
    for name, words in _STATE.items():
        if name in fields and fields[name] not in (*words, None):
            del fields[name]  # a word of somebody else's
            out.ignored.append(name)
    if "reason" in fields and not isinstance(fields["reason"], str):
        del fields["reason"]
        out.ignored.append("reason")


def _read_word(out: Tidied, name: str, words: Mapping[str, str]) -> None:
    word = out.fields.get(name)
    if not isinstance(word, str):
        return
    lower = word.strip().casefold()
    if not lower:
        del out.fields[name]
        return
    out.fields[name] = words.get(lower, lower)
    if out.fields[name] != word:
        out.note_change(f"another word for a {name}", name, word, out.fields[name])


def _parse(text: str, name: str, kind: type, what: str) -> Any:
    remedy = f"Write {what}, or leave it out."
    value = row_json(text, name, what, remedy)
    if not isinstance(value, kind):
        raise RowError(name, text, f"isn't {what}", remedy)
    return value
