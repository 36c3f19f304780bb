"""How many of a module's exemplars can't be used, for what, and why; and which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from radu_core.eligibility import Purpose, Reason, key_of, why_not
from radu_core.exemplars import AnnotatedExemplar
from radu_core.workflows.workspace import Workspace

__all__ = ["left_out", "left_out_rows"]

_HELD = "left out"  # one place in memory for all modules


def left_out(workspace: Workspace, module: str) -> dict[Purpose, dict[str, int]]:
    """Purpose → reason → exemplars of ``module``; kept until the module changes."""
    state = (workspace.store.schema(module).hash, *workspace.store.state(module))
    held = workspace.held(_HELD)
    known = dict(held) if isinstance(held, dict) else {}
    if known.get(module, (None,))[0] != state:
        found: dict[Purpose, Counter[str]] = {p: Counter() for p in Purpose}
        for _, purpose, why in _reasons(workspace, module, tuple(Purpose)):
            found[purpose][why.value] += 1
        known[module] = (state, {p: dict(sorted(n.items())) for p, n in found.items()})
    workspace.hold(_HELD, known)
    counts: dict[Purpose, dict[str, int]] = known[module][1]
    return counts


def left_out_rows(workspace: Workspace, module: str, purpose: Purpose) -> list[dict[str, str]]:
    """The exemplars that can't be used for ``purpose``, each with the reason; for export."""
    return [
        {
            "id": e.id,
            "utterance": e.utterance,
            "function": e.function or "none",
            "split": e.split,
            "reason": why.value,
        }
        for e, _, why in _reasons(workspace, module, (purpose,))
    ]


def _reasons(
    workspace: Workspace, module: str, purposes: tuple[Purpose, ...]
) -> Iterator[tuple[AnnotatedExemplar, Purpose, Reason]]:
    """By id, as batches come: memory stays flat but for the keys of duplicates."""
    schema = workspace.store.schema(module)
    seen = set()
    for batch in workspace.store.batches(module):
        for exemplar in (i.exemplar for i in batch):
            for purpose in purposes:
                why = why_not(schema, exemplar, purpose)
                if why is None and purpose == Purpose.INDEX:
                    key = key_of(exemplar)
                    why = Reason.DUPLICATE if key in seen else None
                    seen.add(key)
                if why is not None:
                    yield exemplar, purpose, why
