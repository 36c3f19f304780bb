"""What tests of alignment share: utterances with marked values, and a schema for them."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import Any

from radu_core.alignment.folding import is_boundary
from radu_core.exemplars import AnnotatedExemplar, Span
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


def by_rule(exemplar: AnnotatedExemplar) -> list[Span] | None:
    """Spans if every value occurs exactly once as it is and cuts no word, otherwise None."""
    spans, text = [], exemplar.utterance
    for slot, value in exemplar.arguments.items():
        if text.count(str(value)) != 1:
            return None
        start = text.index(str(value))
        end = start + len(str(value))
        if not (is_boundary(text, start) and is_boundary(text, end)):
            return None
        spans.append(Span(slot=slot, start=start, end=end, value=value))  # type: ignore[arg-type]
    spans.sort(key=lambda s: s.start)
    return None if any(a.end > b.start for a, b in pairwise(spans)) else spans
