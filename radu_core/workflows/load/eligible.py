"""How many of a module's exemplars can't be used, for what, and why; and which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from radu_core.eligibility import Key, Purpose, Reason, key_of, why_not
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema
from radu_core.store import StoredExemplar
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["COLUMNS", "left_out", "left_out_rows"]

COLUMNS = ("id", "utterance", "function", "split", "reason")

_HELD = "left out"  # one place in memory for all modules
_FETCHED_SINGLY = 500  # changed exemplars; more are read with all the others


@dataclass(frozen=True)
class _Seen:
    """Of one exemplar at a revision: why it can't be used for each purpose, and its key."""

    revision: tuple[int, Any]
    reasons: Mapping[Purpose, Reason]
    key: Key


@dataclass(frozen=True)
class _Module:
    """All of a module's, and what is counted of them; ``state`` changes when one of them does."""

    state: tuple[Any, ...]
    seen: Mapping[str, _Seen]
    counts: Mapping[Purpose, Mapping[str, int]]


def left_out(workspace: Workspace, module: str) -> Mapping[Purpose, Mapping[str, int]]:
    """Purpose → reason → exemplars of ``module``. After a change only what changed is read."""
    schema = workspace.store.schema(module)
    state = (schema.hash, *workspace.store.state(module))
    memory = workspace.recall(_HELD)
    modules: dict[str, _Module] = dict(memory) if isinstance(memory, dict) else {}
    before = modules.get(module)
    if before is None or before.state != state:
        same = before is not None and before.state[0] == schema.hash
        looks = _looked_at(workspace, schema, before.seen if before and same else {})
        modules[module] = _Module(state, looks, _count_reasons(looks))
    workspace.hold(_HELD, modules)
    return modules[module].counts


def _looked_at(
    workspace: Workspace, schema: Schema, before: Mapping[str, _Seen]
) -> dict[str, _Seen]:
    revisions = workspace.store.revisions(schema.module, outcome=None)
    looks_kept = {id: s for id, s in before.items() if revisions.get(id) == s.revision}
    changed_ids = [id for id in revisions if id not in looks_kept]
    if len(changed_ids) <= _FETCHED_SINGLY:
        items: Iterable[StoredExemplar] = (
            workspace.store.exemplars(schema.module, ids=changed_ids) if changed_ids else ()
        )
    else:
        items = (i for batch in workspace.store.batches(schema.module) for i in batch)
    for item in items:
        exemplar = item.exemplar
        if exemplar.id in revisions:  # others were added meanwhile: the state will differ
            reasons = {p: why for p in Purpose if (why := why_not(schema, exemplar, p))}
            looks_kept[exemplar.id] = _Seen(revisions[exemplar.id], reasons, key_of(exemplar))
    return looks_kept


def _count_reasons(candidates: Mapping[str, _Seen]) -> dict[Purpose, dict[str, int]]:
    counts_by_purpose: dict[Purpose, Counter[str]] = {p: Counter() for p in Purpose}
    for one in candidates.values():
        for purpose, why in one.reasons.items():
            counts_by_purpose[purpose][why.value] += 1
    counts_held = Counter(s.key for s in candidates.values() if Purpose.INDEX not in s.reasons)
    counts_by_purpose[Purpose.INDEX][Reason.DUPLICATE.value] += counts_held.total() - len(
        counts_held
    )
    return {
        purpose: dict(sorted((+counts).items())) for purpose, counts in counts_by_purpose.items()
    }


def left_out_rows(workspace: Workspace, module: str, purpose: Purpose) -> list[dict[str, str]]:
    """The exemplars that can't be used for ``purpose``, each with the reason; for export."""
    return [
        {
            "id": exemplar.id,
            "utterance": exemplar.utterance,
            "function": exemplar.label,
            "split": exemplar.split,
            "reason": why.value,
        }
        for exemplar, why in _left_out(workspace, module, purpose)
    ]


def _left_out(
    workspace: Workspace, module: str, purpose: Purpose
) -> Iterator[tuple[AnnotatedExemplar, Reason]]:
    """By id, as batches come: memory stays flat but for the keys of duplicates."""
    schema = workspace.store.schema(module)
    keys: set[Key] = set()
    for batch in workspace.store.batches(module):
        for exemplar in (i.exemplar for i in batch):
            why = why_not(schema, exemplar, purpose)
            if why is None and purpose == Purpose.INDEX:
                why = Reason.DUPLICATE if key_of(exemplar) in keys else None
                keys.add(key_of(exemplar))
            if why is not None:
                yield exemplar, why
