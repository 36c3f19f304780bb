"""Accepting many likely readings at once: looked at before, and taken back in one step after."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from radu_core.alignment import align
from radu_core.errors import InputError
from radu_core.exemplars import AnnotatedExemplar, Span, make_template
from radu_core.schema import Schema, as_values
from radu_core.store import StoredExemplar
from radu_core.words import percent
from radu_core.workflows.frame.annotators import annotators
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "QUEUES",
    "BulkReport",
    "Candidate",
    "Preview",
    "UndoReport",
    "accept",
    "preview",
    "undo_bulk",
]

QUEUES = ("ambiguous", "unlocated")  # the others have no readings to accept
_IDS = 1_000  # read at a time


@dataclass(frozen=True)
class Candidate:
    """An exemplar with what would be accepted of it: its best reading, and how likely that is."""

    id: str
    revision: int
    utterance: str
    function: str | None
    spans: tuple[Span, ...]
    template: str
    confidence: float
    implied: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What would be accepted, least likely first; ``functions`` counts it by function.

    ``expected_wrong`` of them are wrong if the confidences are right (the sum of 1 − confidence).
    """

    items: tuple[Candidate, ...]
    functions: Mapping[str, int]
    expected_wrong: float

    @property
    def revisions(self) -> dict[str, int]:
        """Id → the revision that was looked at: what ``accept`` takes."""
        return {i.id: i.revision for i in self.items}


@dataclass(frozen=True)
class BulkReport:
    """What was accepted, and what was left as it is: id → why. ``batch`` takes it back."""

    batch: str
    accepted: tuple[str, ...]
    skipped: Mapping[str, str]


@dataclass(frozen=True)
class UndoReport:
    """What taking a batch of decisions back did.

    What is as it was before, what has been decided again since and therefore stays, and what was
    deleted since.
    """

    batch: str
    undone: tuple[str, ...]
    decided_since: tuple[str, ...]
    deleted_since: tuple[str, ...]


def preview(
    workspace: Workspace, module: str, *, from_: float = 0.9, queue: str = "ambiguous"
) -> Preview:
    """What there is to accept in a queue: best readings that are likely enough and say all.

    A reading says all when it places every value that isn't implied. Flagged exemplars are left
    to a person.
    """
    _check(from_, queue)
    _check_annotators(workspace, module)
    waiting = workspace.store.exemplars(module, outcomes=[queue])
    candidates = [
        c for i in waiting if i.queue == queue and (c := _candidate(i)) and c.confidence >= from_
    ]
    candidates.sort(key=lambda c: (c.confidence, c.id))
    functions = Counter(c.function or "out of scope" for c in candidates)
    wrong = sum(1 - c.confidence for c in candidates)
    return Preview(tuple(candidates), dict(sorted(functions.items())), wrong)


def _check(from_: float, queue: str) -> None:
    if not 0.5 <= from_ <= 1:
        raise InputError(
            "A confidence to accept from must lie between 0.5 and 1",
            value=from_,
            remedy="Use 0.95, for example: at least 19 of 20 accepted readings are right.",
        )
    if queue not in QUEUES:
        raise InputError(
            "That queue has no readings to accept",
            value=queue,
            remedy=f"Use {' or '.join(QUEUES)}.",
        )


def _check_annotators(workspace: Workspace, module: str) -> None:
    people = annotators(workspace, module)
    if people > 1:
        raise InputError(
            f"In {module}, {people} people decide about each exemplar, and accepting in bulk would "
            "decide without them",
            remedy="Set its annotators to 1 to use it.",
        )


def _candidate(item: StoredExemplar) -> Candidate | None:
    """What would be accepted of an exemplar; None if nothing can be."""
    exemplar = item.exemplar
    if not item.readings:
        return None
    best = item.readings[0]
    spans = tuple(Span.model_validate(s) for s in best["spans"])
    implied_slots = tuple(dict.fromkeys((*exemplar.implied, *item.details.get("implied", ()))))
    if Counter((s.slot, repr(s.value)) for s in spans) != _to_place(item, implied_slots):
        return None  # also where it takes a value as implied: that is for a person to say
    return Candidate(
        exemplar.id,
        item.revision,
        exemplar.utterance,
        exemplar.function,
        spans,
        best["template"],
        best["confidence"],
        implied_slots,
    )


def _to_place(item: StoredExemplar, implied_slots: Sequence[str]) -> Counter[tuple[str, str]]:
    arguments = item.exemplar.arguments.items()
    return Counter(
        (s, repr(v)) for s, value in arguments if s not in implied_slots for v in as_values(value)
    )


def accept(
    workspace: Workspace,
    module: str,
    revisions: Mapping[str, int],
    *,
    who: str,
    batch: str | None = None,
) -> BulkReport:
    """Accept the best reading of each exemplar (id → the revision looked at), all in one step.

    Each is an event of its own; ``batch`` (new by default) joins them. What was changed in between
    is left as it is and listed.
    """
    _check_annotators(workspace, module)
    batch = batch or uuid.uuid4().hex[:12]
    schema = workspace.store.schema(module)
    skipped = dict.fromkeys(revisions, f"{module} has no such exemplar.")
    decisions = []
    ids = sorted(revisions)
    for start in range(0, len(ids), _IDS):
        for item in workspace.store.exemplars(module, ids=ids[start : start + _IDS]):
            decision = _decide(schema, item, revisions[item.exemplar.id])
            if isinstance(decision, str):
                skipped[item.exemplar.id] = decision
            else:
                decisions.append((decision, item.revision))
                del skipped[item.exemplar.id]
    changed_ids = workspace.store.accept_in_bulk(module, decisions, who=who, batch=batch)
    skipped.update(dict.fromkeys(changed_ids, _CHANGED))
    accepted = tuple(e.id for e, _ in decisions if e.id not in skipped)
    return BulkReport(batch, accepted, dict(sorted(skipped.items())))


_CHANGED = "It was changed in the meantime."


def _decide(schema: Schema, item: StoredExemplar, revision: int) -> AnnotatedExemplar | str:
    """The exemplar, resolved by its best reading; or why it can't be."""
    if item.revision != revision:
        return _CHANGED
    best = _candidate(item)
    if best is None:
        return "It has no reading that places every value, or it is flagged."
    accepted = item.exemplar.model_copy(
        update={
            "spans": best.spans,
            "template": make_template(best.utterance, best.spans),
            "implied": best.implied,
            "resolved_by": "suggestion",
        }
    )
    result = align(schema, accepted)
    if result.outcome != "resolved":
        return result.reason
    reason = f"Accepted in bulk: {percent(best.confidence, 0)} likely."
    return accepted.model_copy(
        update={"outcome": "resolved", "resolved_by": "suggestion", "reason": reason}
    )


def undo_bulk(workspace: Workspace, module: str, batch: str, *, who: str) -> UndoReport:
    """Take back, in one step, all of a batch that hasn't been decided again since."""
    back, since, deleted_ids = workspace.store.undo_bulk(module, batch, who=who)
    return UndoReport(batch, tuple(back), tuple(since), tuple(deleted_ids))
