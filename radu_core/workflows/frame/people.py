"""What the studio remembers of each person in a workspace: small things, none of them data."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radu_core.errors import RaduError
from radu_core.files import content_hash, disk_errors, read_json, write_json
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["recall", "remember"]

_LOCK = threading.Lock()


def recall(workspace: Workspace, who: str) -> dict[str, Any]:
    """What is remembered of a person; nothing where that can't be read."""
    try:
        memory = read_json(_path(workspace, who))
    except (RaduError, OSError):
        return {}
    return memory if isinstance(memory, dict) else {}


def remember(workspace: Workspace, who: str, values: Mapping[str, Any]) -> None:
    """Remember these of a person; what else is remembered stays."""
    path = _path(workspace, who)
    with _LOCK:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {**recall(workspace, who), **values, "who": who})


def _path(workspace: Workspace, who: str) -> Path:
    """A name may hold anything, so its hash names the file."""
    return workspace.home / "people" / f"{content_hash(who)[:16]}.json"
