"""What every export of a run does: find a place, copy files, name the base model."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from radu_core.errors import InputError, RaduError
from radu_core.models import model_directory
from radu_core.training.run.config import TrainConfig
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["base_directory", "copy_files", "free_target"]


def free_target(out: Path) -> Path:
    """``out``, resolved; ``InputError`` where something lies there."""
    try:
        target = out.expanduser().resolve()
        is_taken = target.exists() and (not target.is_dir() or any(target.iterdir()))
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"Can't use that directory ({error})", remedy="Name another.") from error
    if is_taken:
        what = "That directory isn't empty" if target.is_dir() else "That is a file"
        raise InputError(what, value=str(target), remedy="Name a new or an empty directory.")
    return target


def base_directory(workspace: Workspace, config: TrainConfig) -> Path | None:
    """The base model's directory where it lies here; it isn't fetched for a card."""
    target = workspace.models / config.base_model.replace("/", "--")
    try:
        there = Path(config.base_model).expanduser().is_dir() or target.is_dir()
        return model_directory(config.base_model, workspace.models) if there else None
    except (OSError, RuntimeError, RaduError):
        return None


def copy_files(source: Path, target: Path, *, without: Sequence[str] = ()) -> None:
    """Files one by one, so that a full disk is met as such; none of a name in ``without``."""
    for file in sorted(p for p in source.rglob("*") if p.is_file() and p.name not in without):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
