"""What the last measurement of a module's coverage found, kept for who didn't see it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from radu_core.errors import RaduError
from radu_core.files import disk_errors, read_json, write_json
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["Measured", "forget_measured", "keep_measured", "last_measured"]


class Measured(BaseModel):
    """Coverage at the recommended point, with its 95 % interval; shares are 0 to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    split: str
    utterances: int
    target: float
    k_desc: int
    k_exemplar: int
    share: float
    low: float

    @property
    def reaches_target(self) -> bool:
        """Whether the lower bound reaches the target."""
        return self.low >= self.target


def keep_measured(workspace: Workspace, module: str, figures: Measured) -> None:
    """Keep the figures of a report, in place of those before: Home measures nothing itself."""
    path = _path(workspace, module)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, figures.model_dump(mode="json"))


def last_measured(workspace: Workspace, module: str) -> Measured | None:
    """What was measured last; None where nothing was, or its file can't be read."""
    try:
        return Measured.model_validate(read_json(_path(workspace, module)))
    except (RaduError, ValidationError):
        return None


def forget_measured(workspace: Workspace, module: str) -> None:
    """Delete the figures: a module of the same name may be another."""
    path = _path(workspace, module)
    with disk_errors(path):
        path.unlink(missing_ok=True)


def _path(workspace: Workspace, module: str) -> Path:
    return workspace.home / "coverage" / f"{module}.json"
