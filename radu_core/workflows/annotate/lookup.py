"""Whether an utterance that a link names is there."""

from __future__ import annotations

from radu_core.store import changes
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["has_exemplar"]


def has_exemplar(workspace: Workspace, module: str, id: str) -> bool:
    """Whether ``module`` has an exemplar of this id."""
    with workspace.store.reading() as connection:
        return bool(changes.items_of(connection, module, [id]))
