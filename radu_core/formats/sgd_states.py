"""Dialogues in the published format that have no acts, such as MultiWOZ 2.2: acts from states.

What the acts would say stands in the dialogue's states: an intent is stated where it becomes the
active one, and a value is informed of where it is new, or where the frame has a span for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["FORMS", "with_acts"]

FORMS = "another form of a value (slot_values lists several)"
_NONE = "NONE"


def with_acts(turns: Sequence[Any]) -> tuple[list[Any], int] | None:
    """The turns with the acts that their states amount to.

    And how many forms of values that leaves out. None where the users' frames have acts, or nothing
    that acts could be made of.
    """
    frames = [frame for _, frame in _user_frames(turns)]
    if any(frame.get("actions") for frame in frames) or not any(map(_says_anything, frames)):
        return None
    before: dict[str, Mapping[str, Any]] = {}
    left_out = 0
    turns_with_acts = []
    for turn in turns:
        if not _is_user(turn):
            turns_with_acts.append(turn)
            continue
        new_frames = []
        for frame in turn.get("frames") or []:
            if not isinstance(frame, dict) or not isinstance(frame.get("state"), dict):
                new_frames.append(frame)
                continue
            service = str(frame.get("service"))
            acts, others = _acts(str(turn.get("utterance", "")), frame, before.get(service, {}))
            before[service] = frame["state"]
            left_out += others
            new_frames.append({**_without_read(frame), "actions": acts})
        turns_with_acts.append({**turn, "frames": new_frames})
    return turns_with_acts, left_out


def _without_read(frame: Mapping[str, Any]) -> dict[str, Any]:
    """A frame without what its acts were made of."""
    state = {name: value for name, value in frame["state"].items() if name != "slot_values"}
    spans = [
        {name: value for name, value in span.items() if name != "value"}
        if isinstance(span, dict)
        else span
        for span in frame.get("slots") or []
    ]
    return {**frame, "slots": spans, "state": state}


def _is_user(turn: Any) -> bool:
    return isinstance(turn, dict) and turn.get("speaker") != "SYSTEM"


def _user_frames(turns: Sequence[Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    for turn in turns:
        if _is_user(turn):
            for frame in turn.get("frames") or []:
                if isinstance(frame, dict):
                    yield turn, frame


def _says_anything(frame: Mapping[str, Any]) -> bool:
    state = frame.get("state")
    active = state.get("active_intent", _NONE) if isinstance(state, dict) else _NONE
    return bool(frame.get("slots")) or active != _NONE or bool(_values(state))


def _values(state: Any) -> dict[str, list[str]]:
    """The state's values by slot, each with its forms."""
    slot_values = state.get("slot_values") if isinstance(state, dict) else None
    if not isinstance(slot_values, dict):
        return {}
    return {slot: [str(v) for v in _as_list(values)] for slot, values in slot_values.items()}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _acts(
    utterance: str, frame: Mapping[str, Any], before: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], int]:
    """The acts of a frame, and how many forms of its values they leave out."""
    acts = []
    active = frame["state"].get("active_intent", _NONE)
    if active not in (_NONE, before.get("active_intent", _NONE)):
        acts.append(_act("INFORM_INTENT", "intent", active, active))
    old, now = _values(before), _values(frame["state"])
    informed: dict[str, None] = {}
    for span in frame.get("slots") or []:
        slot = str(span.get("slot")) if isinstance(span, dict) else ""
        forms = [str(v) for v in _as_list(span.get("value"))] if slot else []
        span_value = _span_value(utterance, span, forms) if slot else ""
        if span_value and slot not in informed:
            informed[slot] = None
            acts.append(_act("INFORM", slot, span_value, forms[0] if forms else span_value))
    left_out = 0
    for slot, forms in now.items():
        if forms and slot not in informed and not set(forms) & set(old.get(slot, ())):
            lower = utterance.casefold()
            span_value = next((form for form in forms if form.casefold() in lower), forms[0])
            acts.append(_act("INFORM", slot, span_value, forms[0]))
            left_out += len(forms) - 1
    return acts, left_out


def _span_value(utterance: str, span: Mapping[str, Any], forms: Sequence[str]) -> str:
    """The words of a span where they are its value, else the value that is given."""
    start, end = span.get("start"), span.get("exclusive_end")
    words = utterance[start:end] if isinstance(start, int) and isinstance(end, int) else ""
    folded = {form.casefold() for form in forms}
    return words if words and (not folded or words.casefold() in folded) else next(iter(forms), "")


def _act(act: str, slot: str, value: str, canonical: str) -> dict[str, Any]:
    return {"act": act, "slot": slot, "values": [value], "canonical_values": [canonical]}
