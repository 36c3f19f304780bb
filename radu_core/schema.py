"""Functions, slots, types and recognizers of one module, and lint of what a module assumes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import cached_property
from typing import Annotated, Any, Literal

import regex
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from radu_core.errors import InputError, SchemaError, shorten
from radu_core.fields import field_problem
from radu_core.files import check_finite, content_hash
from radu_core.numbers import number_problem

__all__ = [
    "LONGEST_NAME",
    "OUT_OF_SCOPE",
    "Arguments",
    "Function",
    "LintFinding",
    "ListRecognizer",
    "PatternRecognizer",
    "Recognition",
    "Recognizer",
    "Scalar",
    "Schema",
    "Slot",
    "SlotType",
    "Value",
    "argument_problems",
    "as_values",
    "check_module_id",
    "fits_type",
    "lint",
    "name_problem",
    "parse_schema",
    "recognize",
    "require_function",
]


def _storable(value: Any) -> Any:
    problem = next(filter(None, map(number_problem, as_values(value))), "")
    if problem:
        raise PydanticCustomError("number", "{problem}", {"problem": problem})
    return value


_Plain = bool | int | float | str
Scalar = Annotated[_Plain, AfterValidator(_storable)]
Value = Annotated[_Plain | list[_Plain], AfterValidator(_storable)]
Arguments = dict[str, Value]
SlotType = Literal["string", "integer", "number", "boolean", "date", "time"]

OUT_OF_SCOPE = "none"  # what is asked and answered instead of a function; none has this name

_MODULE_ID = re.compile(r"[a-z0-9]+_[a-z0-9-]+_[a-z]{2,3}")
LONGEST_NAME = 100  # characters of a function's or slot's name: what the database's columns hold
_PATTERN_SECONDS = 0.1


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Slot(_Model):
    """A parameter of a function. Filled by its recognizer or by the LLM, never by both.

    ``path``: the keys that lead to its value in a nested call; empty: its own name. Values aren't
    checked against ``constraints``, keywords of JSON Schema that a tool gave and gets back.
    """

    name: str
    description: str = ""
    type: SlotType = "string"
    required: bool = False
    multi_value: bool = False
    possible_values: tuple[Scalar, ...] = ()
    recognizer: str | None = None
    path: tuple[str, ...] = ()
    constraints: Annotated[dict[str, Any], AfterValidator(check_finite)] = {}

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What few slots have is left out where it is empty: a schema's hash stays what it was."""
        data: dict[str, Any] = handler(self)
        return {k: v for k, v in data.items() if v or k not in ("path", "constraints")}


class Function(_Model):
    """What the bot can do; also called intent or skill."""

    name: str
    description: str = ""
    slots: tuple[Slot, ...] = ()

    def slot(self, name: str) -> Slot | None:
        """The slot of that name, or None."""
        return next((slot for slot in self.slots if slot.name == name), None)


class ListRecognizer(_Model):
    """Labels, each with the expressions that stand for it in an utterance."""

    name: str
    kind: Literal["list"] = "list"
    labels: dict[str, tuple[str, ...]]


class PatternRecognizer(_Model):
    """A regular expression; a match longer than 0.1 s of work counts as no match."""

    name: str
    kind: Literal["pattern"] = "pattern"
    pattern: str

    @cached_property
    def expression(self) -> regex.Pattern[str]:
        """The compiled expression."""
        return regex.compile(self.pattern)


Recognizer = Annotated[ListRecognizer | PatternRecognizer, Field(discriminator="kind")]


class Schema(_Model):
    """One module: functions that exclude each other in meaning, indexed and trained together.

    ``reference_date`` is the day that relative dates in its utterances ("tomorrow") count from.
    """

    module: str
    description: str = ""
    reference_date: date | None = None
    functions: tuple[Function, ...]
    recognizers: tuple[Recognizer, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Schema:
        check_module_id(self.module)
        if not self.functions:
            raise SchemaError(
                f"Schema of {self.module} has no functions",
                remedy="Give it at least one.",
            )
        _unique("function", [f.name for f in self.functions])
        _unique("recognizer", [r.name for r in self.recognizers])
        recognizer_names = {r.name for r in self.recognizers}
        for function in self.functions:
            _check_name("Function", function.name)
            _not_reserved(function.name)
            _unique(f"slot of {function.name}", [s.name for s in function.slots])
            _check_paths(function)
            for slot in function.slots:
                _check_slot(function, slot, recognizer_names)
        for recognizer in self.recognizers:
            if isinstance(recognizer, PatternRecognizer):
                _check_pattern(recognizer)
        return self

    def function(self, name: str) -> Function | None:
        """The function of that name, or None."""
        return next((f for f in self.functions if f.name == name), None)

    def context_of(self, text: str) -> tuple[Function, str] | None:
        """The function and the slot that a context names.

        A context is ``function`` or ``function.slot``; the slot is "" if none is named, None stands
        where no function is.

        Names may have dots: what is a slot of its function goes first, then the longest function.
        """
        candidates = [f for f in self.functions if f"{text}.".startswith(f"{f.name}.")]
        context_pairs = [
            (f, text[len(f.name) + 1 :]) for f in sorted(candidates, key=lambda f: -len(f.name))
        ]
        whole = (pair for pair in context_pairs if not pair[1] or pair[0].slot(pair[1]))
        return next(whole, context_pairs[0] if context_pairs else None)

    def recognizer(self, name: str | None) -> ListRecognizer | PatternRecognizer | None:
        """The recognizer of that name, or None."""
        return next((r for r in self.recognizers if r.name == name), None)

    @property
    def language(self) -> str:
        """The module id's language part, e.g. ``en``."""
        return self.module.rsplit("_", 1)[1]

    @property
    def hash(self) -> str:
        """SHA-256 over the schema's canonical JSON."""
        return content_hash(self.model_dump(mode="json"))


@dataclass(frozen=True)
class LintFinding:
    """Something in a schema that will cost accuracy. ``where`` is ``function[.slot]``."""

    level: Literal["warning", "note"]
    where: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Recognition:
    """A recognizer's match: half-open code point offsets and the normalised value."""

    start: int
    end: int
    value: str


def check_module_id(module: str) -> str:
    """Return ``module`` if it is ``<org>_<bot>_<lang>``; raise ``SchemaError`` otherwise.

    Ids become directory names, so nothing else is let through (``../`` least of all).
    """
    if not isinstance(module, str) or not _MODULE_ID.fullmatch(module) or len(module) > 80:
        raise SchemaError(
            "Not a module id",
            value=module,
            remedy="Use <org>_<bot>_<lang> in lower-case letters and digits, e.g. acme_travel_en.",
        )
    return module


def parse_schema(data: Any, *, module: str | None = None) -> Schema:
    """A ``Schema`` from decoded JSON; ``module`` replaces the id in the data.

    Raises ``SchemaError`` naming each field that is wrong, its value and what was expected.
    """
    if not isinstance(data, Mapping):
        raise SchemaError(
            "A schema must be a JSON object",
            value=data,
            remedy='Start from {"functions": [...]}.',
        )
    if module is not None:
        data = {**data, "module": module}
    try:
        return Schema.model_validate(data)
    except ValidationError as error:
        raise SchemaError(
            "The schema isn't valid: " + "; ".join(_field_problems(error)),
            remedy="Correct these fields and load it again.",
        ) from error


def _field_problems(error: ValidationError) -> list[str]:
    details = error.errors()[:5]
    lines = [_field_problem(e) for e in details]
    more = error.error_count() - len(details)
    return [*lines, f"and {more} more"] if more else lines


def _field_problem(error: ErrorDetails) -> str:
    where = ".".join(map(str, error["loc"])) or "schema"
    return f"{where}: {field_problem(error)}"


def as_values(value: Value) -> list[Scalar]:
    """The value as a list: one element for a scalar."""
    return list(value) if isinstance(value, list) else [value]


def fits_type(value: Scalar, slot: Slot) -> bool:
    """Whether ``value`` is of the slot's type and among its possible values, if it has any.

    Dates are ISO ``YYYY-MM-DD`` and times ``HH:MM[:SS]``; booleans are never integers here. No slot
    takes a number that can't be stored (``number_problem``).
    """
    if slot.possible_values:
        return any(type(value) is type(p) and value == p for p in slot.possible_values)
    if slot.type == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool) or number_problem(value):
        return False
    if slot.type == "integer":
        return isinstance(value, int)
    if slot.type == "number":
        return isinstance(value, int | float)
    if not isinstance(value, str):
        return False
    return slot.type == "string" or _parses(value, slot.type)


def argument_problems(function: Function, arguments: Arguments) -> list[str]:
    """Everything in ``arguments`` that contradicts ``function``; empty when it all fits."""
    problems = []
    for name, value in arguments.items():
        slot = function.slot(name)
        if slot is None:
            names = ", ".join(s.name for s in function.slots) or "no slots"
            problems.append(f"{function.name} has no slot {name!r} (it has {names})")
            continue
        if isinstance(value, list) and not slot.multi_value:
            problems.append(f"slot {name!r} takes one value, not a list: {shorten(value)}")
            continue
        for scalar in as_values(value):
            if number_problem(scalar):
                problems.append(f"slot {name!r}: {number_problem(scalar)}")
            elif not fits_type(scalar, slot):
                problems.append(f"slot {name!r} takes {_expectation(slot)}, not {shorten(scalar)}")
    return problems


def recognize(recognizer: ListRecognizer | PatternRecognizer, text: str) -> list[Recognition]:
    """All matches in ``text``, left to right, longest first where several start together.

    List expressions match whole words, whatever their case; overlapping matches are dropped.
    """
    if isinstance(recognizer, PatternRecognizer):
        return list(_pattern_matches(recognizer, text))
    recognitions = [
        Recognition(m.start(), m.end(), label)
        for label, expressions in sorted(recognizer.labels.items())
        for expression in dict.fromkeys((label, *expressions))
        for m in re.finditer(rf"(?<!\w){re.escape(expression)}(?!\w)", text, re.IGNORECASE)
    ]
    recognitions.sort(key=lambda r: (r.start, -r.end, r.value))
    accepted_ones: list[Recognition] = []
    for match in recognitions:
        if not accepted_ones or match.start >= accepted_ones[-1].end:
            accepted_ones.append(match)
    return accepted_ones


def _pattern_matches(recognizer: PatternRecognizer, text: str) -> Iterator[Recognition]:
    try:
        for match in recognizer.expression.finditer(text, timeout=_PATTERN_SECONDS):
            if match.end() > match.start():
                yield Recognition(match.start(), match.end(), match.group())
    except TimeoutError:
        return


def lint(schema: Schema) -> list[LintFinding]:
    """What in a schema will cost accuracy, worst first; never raises."""
    warnings: list[LintFinding] = []
    function_by_text: dict[str, str] = {}
    for function in schema.functions:
        text = " ".join(function.description.lower().split())
        if len(text.split()) < 3:
            warnings.append(
                LintFinding(
                    "warning",
                    function.name,
                    "has no description worth retrieving by"
                    if not text
                    else f"has a very short description ({function.description!r})",
                    "Say in one sentence what it does and doesn't do.",
                )
            )
        elif text in function_by_text:
            warnings.append(
                LintFinding(
                    "warning",
                    function.name,
                    f"has the same description as {function_by_text[text]}",
                    "Functions of a module must exclude each other; merge them or tell them apart.",
                )
            )
        function_by_text.setdefault(text, function.name)
        warnings += _lint_slots(function)
    return sorted(warnings, key=lambda f: (f.level != "warning", f.where, f.what))


def _lint_slots(function: Function) -> list[LintFinding]:
    return [
        LintFinding(
            "note",
            f"{function.name}.{slot.name}",
            "has no description",
            "The prompt shows the name only; a few words help the model.",
        )
        for slot in function.slots
        if not slot.description.strip()
    ]


def _parses(value: str, kind: str) -> bool:
    try:
        if kind == "date":
            date.fromisoformat(value)
            return len(value) == 10
        time.fromisoformat(value)
        return bool(re.fullmatch(r"\d\d:\d\d(:\d\d)?", value))
    except ValueError:
        return False


def _expectation(slot: Slot) -> str:
    if slot.possible_values:
        return "one of " + ", ".join(repr(v) for v in slot.possible_values)
    forms = {
        "date": "a date (YYYY-MM-DD)",
        "time": "a time (HH:MM)",
        "boolean": "true or false",
    }
    return forms.get(slot.type, f"a value of type {slot.type}")


def _unique(what: str, names: list[str]) -> None:
    names_so_far: set[str] = set()
    for name in names:
        if name in names_so_far:
            raise SchemaError(f"Two of the same {what}", value=name, remedy="Rename one of them.")
        names_so_far.add(name)


def name_problem(name: str) -> str:
    """Why a function or slot can't have this name; "" if it can. Any characters do, but breaks."""
    if not name.strip():
        return "is empty"
    if len(name) > LONGEST_NAME:
        return f"has {len(name)} characters, more than {LONGEST_NAME}"
    odd = next((c for c in name if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")), "")
    return f"has a line break or control character (U+{ord(odd):04X})" if odd else ""


def _check_name(what: str, name: str) -> None:
    problem = name_problem(name)
    if problem:
        raise SchemaError(
            f"{what} name can't be used: it {problem}", value=name, remedy="Use another name."
        )


def _not_reserved(name: str) -> None:
    if name == OUT_OF_SCOPE:
        raise SchemaError(
            "Function name can't be used",
            value=name,
            remedy=f"{OUT_OF_SCOPE!r} means out of scope: leave the function out; utterances that "
            "are labelled with it have no function.",
        )


def _check_slot(function: Function, slot: Slot, recognizers: set[str]) -> None:
    _check_name(f"Slot of {function.name}:", slot.name)
    if slot.recognizer is not None and slot.recognizer not in recognizers:
        raise SchemaError(
            f"Slot {function.name}.{slot.name} names an unknown recognizer",
            value=slot.recognizer,
            remedy="Add it under 'recognizers' or remove it from the slot.",
        )


def _check_paths(function: Function) -> None:
    """No slot stands where another one's object does."""
    places = {slot.path or (slot.name,): slot.name for slot in function.slots}
    if len(places) < len(function.slots):
        raise SchemaError(
            f"Two slots of {function.name} have the same path", remedy="Give each one of its own."
        )
    for path, name in places.items():
        inside = next((n for p, n in places.items() if p != path and p[: len(path)] == path), None)
        if inside is not None:
            raise SchemaError(
                f"Slot {function.name}.{inside} stands inside {name}, which is a value",
                remedy="Correct its path.",
            )


def _check_pattern(recognizer: PatternRecognizer) -> None:
    try:
        regex.compile(recognizer.pattern)
    except regex.error as error:
        raise SchemaError(
            f"Pattern of recognizer {recognizer.name} doesn't compile ({error})",
            value=recognizer.pattern,
            remedy="Correct the regular expression.",
        ) from error


def require_function(schema: Schema, name: str) -> Function:
    """The function of that name; ``InputError`` with the known names otherwise."""
    function = schema.function(name)
    if function is None:
        raise InputError(
            f"{schema.module} has no function of that name",
            value=name,
            remedy="It has " + ", ".join(f.name for f in schema.functions) + ".",
        )
    return function
