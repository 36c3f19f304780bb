"""An exemplar on the annotation page: one JSON object, see docs/reference/annotation.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from radu_core.alignment import CONTRADICTED, Aligner
from radu_core.exemplars import DISCARDED, Span
from radu_core.schema import Function, Scalar, as_values
from radu_core.store import StoredExemplar
from radu_core.store.changes import comments_of
from radu_core.store.derived import DISAGREEMENT
from radu_core.store.opinions import Opinion, opinions_of
from radu_core.workflows.load.outcomes import PRESELECTED, place_json

__all__ = ["MOST_READINGS", "Around", "around", "item_json", "whole_readings"]

MOST_READINGS = 9


@dataclass(frozen=True)
class Around:
    """What is known around exemplars, by id: who holds them, opinions and comments."""

    held: Mapping[str, str] = field(default_factory=dict)
    opinions: Mapping[str, list[Opinion]] = field(default_factory=dict)
    comments: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)


def around(
    connection: Connection, module: str, ids: Sequence[str], *, holder_by_id: Mapping[str, str]
) -> Around:
    """What is known around the exemplars of these ids."""
    opinions: dict[str, list[Opinion]] = {}
    for opinion in opinions_of(connection, module, ids):
        opinions.setdefault(opinion.id, []).append(opinion)
    comments: dict[str, list[dict[str, Any]]] = {}
    for event in comments_of(connection, module, ids):
        note = {"who": event.who, "at": event.at.isoformat(), "text": event.note or ""}
        comments.setdefault(event.exemplar_id, []).append(note)
    return Around(holder_by_id, opinions, comments)


def item_json(
    aligner: Aligner, item: StoredExemplar, *, who: str, surroundings: Around | None = None
) -> dict[str, Any]:
    """The item ``who`` is shown.

    Others' opinions stand in it once they have to be settled only, so that they don't sway.
    """
    surroundings = surroundings or Around()
    item = _as_asked(item)
    exemplar = item.exemplar
    function = aligner.schema.function(exemplar.function or "")
    opinions = surroundings.opinions.get(exemplar.id, [])
    if item.queue != DISAGREEMENT:
        opinions = [o for o in opinions if o.who == who]
    return {
        "id": exemplar.id,
        "revision": item.revision,
        "utterance": exemplar.utterance,
        "function": exemplar.function,
        "unlabelled": exemplar.unlabelled,
        "description": function.description if function else "",
        "outcome": exemplar.outcome,
        "queue": item.queue,
        "reason": exemplar.reason,
        "split": exemplar.split,
        "context": exemplar.context,
        "flag": item.flag,
        "held": surroundings.held.get(exemplar.id),
        "arguments": _arguments(aligner, function, item),
        "spans": _spans(exemplar.spans),
        "implied": _implied_slots(item),
        "readings": [_reading_json(r, item) for r in whole_readings(item)],
        "opinions": [_opinion_json(o) for o in opinions],
        "comments": surroundings.comments.get(exemplar.id, []),
    }


def whole_readings(item: StoredExemplar) -> list[dict[str, Any]]:
    """The stored readings that place or imply every argument, best first, at most nine."""
    item = _as_asked(item)
    if item.exemplar.outcome not in ("ambiguous", "unlocated") and not _is_contradicted(item):
        return []
    whole = [r for r in item.readings if r["confidence"] > 0 and _says_all(r, item)]
    return whole[:MOST_READINGS]


def _says_all(reading: Mapping[str, Any], item: StoredExemplar) -> bool:
    implied_slots = {*_implied_slots(item), *reading.get("implied", ())}
    value_count = sum(
        len(as_values(v)) for s, v in item.exemplar.arguments.items() if s not in implied_slots
    )
    return len(reading["spans"]) == value_count


def _is_contradicted(item: StoredExemplar) -> bool:
    """Whether it is invalid because of where its labels were said to stand."""
    exemplar = item.exemplar
    is_contradicted = exemplar.outcome == "invalid" and item.details.get("kind") == CONTRADICTED
    return is_contradicted and DISCARDED not in exemplar.tags


def _as_asked(item: StoredExemplar) -> StoredExemplar:
    """The item without spans that contradict its values: nobody is to confirm them by habit."""
    if not _is_contradicted(item):
        return item
    return replace(item, exemplar=item.exemplar.model_copy(update={"spans": None}))


def _implied_slots(item: StoredExemplar) -> list[str]:
    by_rule = item.details.get("implied", ()) if item.exemplar.spans is None else ()
    return list(dict.fromkeys((*item.exemplar.implied, *by_rule)))


def _reading_json(reading: Mapping[str, Any], item: StoredExemplar) -> dict[str, Any]:
    return {
        "spans": reading["spans"],
        "implied": list(dict.fromkeys((*_implied_slots(item), *reading.get("implied", ())))),
        "template": reading["template"],
        "confidence": reading["confidence"],
        "preselected": reading["confidence"] >= PRESELECTED and not reading.get("implied"),
    }


def _opinion_json(opinion: Opinion) -> dict[str, Any]:
    exemplar = opinion.exemplar
    return {
        "who": opinion.who,
        "at": opinion.at.isoformat(),
        "function": exemplar.function,
        "arguments": exemplar.arguments,
        "spans": _spans(exemplar.spans),
        "implied": list(exemplar.implied),
        "template": exemplar.template,
        "discarded": DISCARDED in exemplar.tags,
    }


def _spans(spans: Iterable[Span] | None) -> list[dict[str, Any]]:
    return [span.model_dump(mode="json") for span in spans or ()]


def _arguments(
    aligner: Aligner, function: Function | None, item: StoredExemplar
) -> list[dict[str, Any]]:
    """Every value with its state and places; a list of values is several."""
    exemplar = item.exemplar
    implied_slots = set(_implied_slots(item))
    places_found = _places(aligner, item, implied_slots)
    spans_left = list(exemplar.spans or ())
    arguments = []
    for slot, value in exemplar.arguments.items():
        declared = function.slot(slot) if function else None
        for scalar in as_values(value):
            span = next((s for s in spans_left if _is(s, slot, scalar)), None)
            if span:
                spans_left.remove(span)
            state, places = places_found.get((slot, repr(scalar)), ("missing", []))
            places = _with(span, places)
            arguments.append(
                {
                    "slot": slot,
                    "description": declared.description if declared else "",
                    "type": declared.type if declared else "string",
                    "value": scalar,
                    "state": _state(
                        state, places, is_placed=span is not None, is_implied=slot in implied_slots
                    ),
                    "places": places,
                }
            )
    return arguments


def _is(span: Span, slot: str, scalar: Scalar) -> bool:
    return span.slot == slot and repr(span.value) == repr(scalar)


def _with(span: Span | None, places: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The places found, and the one that was given where it isn't among them."""
    if span is None or any((p["start"], p["end"]) == (span.start, span.end) for p in places):
        return places
    given_place = {"start": span.start, "end": span.end, "kind": "given", "score": 1.0}
    return sorted([*places, given_place], key=lambda p: (p["start"], p["end"]))


def _state(finding: str, places: Sequence[Any], *, is_placed: bool, is_implied: bool) -> str:
    """What the page says of a value: its decision, else what alignment ``finding``.

    The reason was made from that, too.
    """
    if is_implied:
        return "implied"
    if is_placed:
        return "placed"
    if finding in ("missing", "unsure"):
        return finding
    return "once" if len(places) == 1 else "repeated"


def _places(
    aligner: Aligner, item: StoredExemplar, implied_slots: set[str]
) -> dict[tuple[str, str], tuple[str, list[dict[str, Any]]]]:
    """Alignment's state of each (slot, value), and its places.

    What alignment stored of an open exemplar is taken as it is; one that it stored nothing of is
    looked at, unless every value is placed or implied already.
    """
    exemplar = item.exemplar
    arguments_stored = item.details.get("arguments")
    if arguments_stored is not None:
        return {(a["slot"], repr(a["value"])): (a["state"], a["places"]) for a in arguments_stored}
    slots = {span.slot for span in exemplar.spans or ()}
    if set(exemplar.arguments) <= slots | implied_slots:
        return {}
    bare = exemplar.model_copy(update={"spans": None, "template": None, "implied": ()})
    return {
        (a.slot, repr(a.value)): (a.state, [place_json(c) for c in a.candidates])
        for a in aligner.align(bare).arguments
    }
