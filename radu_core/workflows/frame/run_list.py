"""The runs of a workspace, and what each can be asked."""

from __future__ import annotations

from pathlib import Path

from radu_core.dataset import MIXTURE
from radu_core.errors import InputError, NotFoundError, RaduError
from radu_core.files import read_json
from radu_core.instructions import instruct
from radu_core.training.run.directory import RunDirectory, list_runs
from radu_core.workflows.frame.run_names import run_name
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "answers",
    "check_answers",
    "list_trash",
    "lives",
    "module_at_work",
    "modules_in",
    "of_mixture",
    "open_run",
    "run_modules",
    "runs",
    "trash_of_runs",
]


def run_modules(run: RunDirectory) -> list[str]:
    """The modules that a run can parse utterances of: one, or those of its mixture."""
    names = modules_in(run.path / "serving")
    return names or ([] if of_mixture(run) else [run.module])  # a dataset is named like its module


def modules_in(folder: Path) -> list[str]:
    """The modules that a folder holds something to parse with; none where it is damaged."""
    apart = sorted(folder.glob("*/manifest.json"))
    if apart:
        return [p.parent.name for p in apart]
    try:
        return [str(read_json(folder / "manifest.json")["module"])]
    except (RaduError, LookupError, TypeError):
        return []


def of_mixture(run: RunDirectory) -> bool:
    """Whether a run was on several modules, by what it keeps, whatever its dataset was called."""
    return any((run.path / "serving").glob("*/manifest.json")) or run.module == MIXTURE


def runs(workspace: Workspace, module: str | None = None) -> list[RunDirectory]:
    """All runs (trained on one module, maybe among others), newest first, damaged ones too."""
    all_runs = list_runs(workspace.runs)
    return [r for r in all_runs if module is None or module in (r.module, *run_modules(r))]


def module_at_work(workspace: Workspace) -> str | None:
    """The module of the run at work, or else of the newest run; None when there is no run."""
    all_runs = list_runs(workspace.runs)
    run = next((r for r in all_runs if lives(r)), all_runs[0] if all_runs else None)
    return None if run is None else next(iter(run_modules(run)), None)


def lives(run: RunDirectory) -> bool:
    """Whether a process does the run, as far as it says which."""
    try:
        return run.alive()
    except RaduError:  # damaged: it doesn't say which process does it
        return False


def open_run(workspace: Workspace, name: str) -> RunDirectory:
    """A run by its id, by the name that somebody gave it, or ``last`` for the newest."""
    if name == "last":
        all_runs = list_runs(workspace.runs)
        if not all_runs:
            raise NotFoundError("There are no runs yet", remedy=f"{instruct('launch')}.")
        return all_runs[0]
    directory = RunDirectory(workspace.runs / name)
    if name and not (Path(name).name == name and directory.exists):
        namesakes = [run for run in list_runs(workspace.runs) if run_name(run) == name]
        if len(namesakes) == 1:
            return namesakes[0]
    return RunDirectory.open(workspace.runs, name)


def answers(run: RunDirectory) -> bool:
    """Whether a run's model turns utterances into calls.

    Yes if its settings can't be read: asking the model reports that.
    """
    try:
        return not run.config().tunes_alone
    except RaduError:
        return True


def check_answers(run: RunDirectory) -> None:
    """``InputError`` for a run whose model turns no utterance into a call."""
    config = run.config()
    if config.tunes_alone:
        use = (
            instruct("index with", run.module, run.id)  # no guard has measured it
            if config.learns_by_teacher
            else instruct("use retriever", run.id)
        )
        raise InputError(
            f"Run {run.id} tuned the embedding model alone: it answers nothing by itself",
            remedy=f"{use}.",
        )


def list_trash(workspace: Workspace) -> list[RunDirectory]:
    """The runs in the trash, newest first."""
    return list_runs(trash_of_runs(workspace))


def trash_of_runs(workspace: Workspace) -> Path:
    """Where runs lie that were deleted."""
    return workspace.home / "trash" / "runs"
