"""What an exported model needs that isn't in its directory and can't be fetched by a name."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from radu_core.errors import RaduError
from radu_core.files import read_json
from radu_core.models import RECORD
from radu_core.training.joint.files import HEAD_FILE, read_head
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["needs_outside"]


def needs_outside(
    workspace: Workspace, run: RunDirectory, *, adapter_only: bool = False
) -> tuple[str, ...]:
    """What the export of ``run`` depends on here, in sentences with the remedy.

    Its index, and a fast model's head, are of an embedding model, and an adapter is of a base
    model. Those that have a name (the studio's own, a hub's) are fetched wherever they are missing;
    a run's model or a directory of this machine isn't.
    """
    needs = [
        f"It needs the embedding model {name} to answer, which is {place} and no part of the "
        f"export. Copy {_where(workspace, path)} to the same place where you use it, or train on "
        "an embedding model that can be fetched."
        for name in _embedders(run)
        if (place := _place(workspace, name)) and (path := _directory(workspace, name))
    ]
    base = run.config().base_model
    there = _directory(workspace, base)
    is_recorded = there is not None and (there / RECORD).is_file()  # named as the hub does
    if adapter_only and not is_recorded and (place := _place(workspace, base)):
        needs.append(
            f"The adapter needs its base model {base}, which is {place} and no part of the export. "
            f"Export the merged model instead: radu export-model {run.id} DIR."
        )
    return tuple(needs)


def _embedders(run: RunDirectory) -> list[str]:
    """The names by which the export asks for embedding models."""
    names: list[Any] = []
    for path in sorted((run.path / "serving").glob("**/manifest.json")):
        with suppress(RaduError, AttributeError):
            names.append(read_json(path).get("embedder"))
    if (run.model / HEAD_FILE).is_file():
        with suppress(RaduError, KeyError):
            names.append(read_head(run.model)["embedder"])
    return list(dict.fromkeys(str(n) for n in names if n))


def _place(workspace: Workspace, name: str) -> str:
    """Where a model lies that can't be fetched by its name; "" for one that can be."""
    directory = _directory(workspace, name)
    if directory is None:
        return ""
    if directory.is_relative_to(workspace.runs.resolve()):
        return f"a model of run {directory.relative_to(workspace.runs.resolve()).parts[0]}"
    return "a directory of this machine"


def _directory(workspace: Workspace, name: str) -> Path | None:
    """The directory that a run's id or a path names; None for any other name."""
    try:
        if Path(name).name == name and (workspace.runs / name).is_dir():
            return (workspace.runs / name / "model").resolve()
        path = Path(name).expanduser()
        return path.resolve() if path.is_dir() else None
    except (OSError, RuntimeError):  # too long a name, no such user's home
        return None


def _where(workspace: Workspace, directory: Path) -> str:
    home = workspace.home.resolve()
    if directory.is_relative_to(home):
        return f"{directory.relative_to(home)} of the workspace"
    return str(directory)
