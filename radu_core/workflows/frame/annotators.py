"""How many people label each item of a module."""

from __future__ import annotations

from radu_core.workflows.frame.workspace import Workspace

__all__ = ["annotators"]


def annotators(workspace: Workspace, module: str) -> int:
    """How many people are asked about each item of ``module``; 1 by default."""
    return int(workspace.store.settings(module).get("annotators", 1))
