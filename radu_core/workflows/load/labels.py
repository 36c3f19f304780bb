"""Replacing a module's schema, and what that does to the labels that people have decided."""

from __future__ import annotations

from radu_core.alignment import conflict
from radu_core.errors import ConflictError
from radu_core.schema import Schema
from radu_core.store import StoredExemplar
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["contradict", "put_schema"]

_KIND = "contradicted"  # the event


def put_schema(
    workspace: Workspace,
    schema: Schema,
    *,
    who: str,
    expected: str | None = None,
    note: str | None = None,
) -> bool:
    """Store a module's schema; returns whether it changed.

    ``ConflictError`` unless the schema in use has the hash ``expected`` ("": there is none yet).
    ``note`` says what was done, for the history. See ``contradict``.
    """
    has_changed = workspace.store.put_schema(schema, who=who, expected=expected, note=note)
    contradict(workspace, schema, who=who)
    return has_changed


def contradict(workspace: Workspace, schema: Schema, *, who: str) -> None:
    """Take back the decisions that a schema contradicts.

    A decided exemplar whose function is gone, or with an argument that doesn't fit, becomes
    ``invalid`` with the reason. The decision stays in its history, and its spans with it: once the
    function is back, ``resolve`` takes them as they were given. Nobody has decided about the
    others; ``resolve`` aligns them again.
    """
    for item in workspace.store.exemplars(schema.module, outcomes=["resolved"]):
        if item.exemplar.resolved_by in ("annotator", "suggestion"):
            _check(workspace, schema, item, who)


def _check(workspace: Workspace, schema: Schema, item: StoredExemplar, who: str) -> None:
    """Take the decision about ``item`` back if the schema contradicts it."""
    while item.exemplar.outcome == "resolved" and (reason := conflict(schema, item.exemplar)):
        update = {"outcome": "invalid", "resolved_by": None, "reason": reason}
        invalid = item.exemplar.model_copy(update=update)
        try:
            workspace.store.decide(
                schema.module, invalid, who=who, kind=_KIND, expected_revision=item.revision
            )
            return
        except ConflictError:  # somebody has just decided again: look at that decision
            item = workspace.store.exemplar(schema.module, item.exemplar.id)
