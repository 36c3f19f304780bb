"""What a run is doing at this moment, by its events."""

from __future__ import annotations

from collections.abc import Sequence

from radu_core.training.run.directory import RunEvent
from radu_core.words import quantity

__all__ = ["stage"]


def stage(events: Sequence[RunEvent]) -> str:
    """What a run does before its first step since it was launched or resumed; else empty.

    From then on its newest step says how far it is. ``loading`` events name the parts of loading.
    """
    at = next((i for i in range(len(events) - 1, -1, -1) if events[i].kind == "state"), None)
    if at is None:
        return ""
    state, since = events[at].data.get("state"), events[at + 1 :]
    last = since[-1] if since else None
    if state == "created":
        return "Starting its process"
    if state == "loading":
        stages_told = [str(e.data.get("what")) for e in since if e.kind == "loading"]
        return stages_told[-1] if stages_told else "Starting"
    if state != "running" or any(e.kind == "step" for e in since):
        return ""
    if last is not None and last.kind == "evaluating":
        return f"Evaluating {quantity(int(last.data.get('rows', 0)), 'row')}"
    first = not any(e.kind == "step" for e in events)
    return "Making the first step" if first else "Making the next step"
