"""What tests of alignment share: utterances with marked values, and a schema for them."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema, parse_schema

MARK = re.compile(r"\[([^\]]*)\]\((\w+)\)")
TYPES: dict[str, dict[str, Any]] = {
    "guests": {"type": "integer"},
    "nights": {"type": "integer"},
    "rooms": {"type": "integer"},
    "above": {"type": "number"},
    "check_in": {"type": "date"},
    "at": {"type": "time"},
    "pets": {"type": "boolean"},
    "has_wifi": {"type": "boolean"},
    "high_chair": {"type": "boolean"},
    "toppings": {"multi_value": True},
    "cabin": {"possible_values": ["economy", "business"]},
    "town": {"recognizer": "town"},
}
REFERENCE = date(2026, 3, 2)  # a Monday


def schema_for(arguments: dict[str, Any], language: str = "en") -> Schema:
    slots = [{"name": name, **TYPES.get(name, {})} for name in arguments]
    if "nights" in arguments:
        slots += [{"name": "rooms", "type": "integer"}] if "rooms" not in arguments else []
    recognizers = [
        {"name": "town", "kind": "list", "labels": {"New York": ["NYC", "the Big Apple"]}}
    ]
    functions = [{"name": "f", "slots": slots}]
    return parse_schema(
        {"module": f"a_b_{language}", "functions": functions, "recognizers": recognizers}
    )


def exemplar(utterance: str, arguments: dict[str, Any]) -> AnnotatedExemplar:
    return AnnotatedExemplar(id="x", utterance=utterance, function="f", arguments=arguments)


def unmarked(text: str) -> str:
    return MARK.sub(r"\1", text)
