"""The names that people give to runs: a run's id, its directory's name, stays as it is."""

from __future__ import annotations

from pathlib import Path

from radu_core.errors import RaduError
from radu_core.files import read_json
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["BESIDE", "label_with", "run_label", "run_name"]

BESIDE = " + "  # between a fast model's run and the run of the language model beside it


def run_name(run: RunDirectory) -> str:
    """The name that somebody gave to a run; empty where nobody did, or it can't be read."""
    try:
        about = read_json(run.path / "about.json")
    except (RaduError, OSError):
        return ""
    name = about.get("name") if isinstance(about, dict) else None
    return name if isinstance(name, str) else ""


def run_label(workspace: Workspace, run: str) -> str:
    """How a run is shown where it stands or is chosen: ``name · id``, or its id alone.

    Of two runs together, both; what isn't a run's id is shown as it is.
    """
    return BESIDE.join(_label_one(workspace, one) for one in run.split(BESIDE))


def label_with(run: str, name: str) -> str:
    """A run's id after the name that somebody gave it, if anybody did."""
    return f"{name} · {run}" if name else run


def _label_one(workspace: Workspace, run: str) -> str:
    if not run or Path(run).name != run:  # the path of a bundle
        return run
    return label_with(run, run_name(RunDirectory(workspace.runs / run)))
