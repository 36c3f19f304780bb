"""The workspace that the environment names: one per process, for the pages and the routes."""

from __future__ import annotations

import os
import threading

from radu_core.workflows.frame.workspace import Workspace

__all__ = ["workspace"]

_LOCK = threading.Lock()
_SPACES: dict[tuple[str, str], Workspace] = {}


def workspace() -> Workspace:
    """The workspace at ``RADU_HOME`` and ``RADU_DATABASE_URL``, shared by all threads."""
    key = (os.environ.get("RADU_HOME", ""), os.environ.get("RADU_DATABASE_URL", ""))
    with _LOCK:
        if key not in _SPACES:
            home, url = key
            environment = {"RADU_HOME": home, "RADU_DATABASE_URL": url}
            _SPACES[key] = Workspace.from_environment(environment)
        return _SPACES[key]
