"""The newest runs of all modules, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from radu_core.errors import RaduError
from radu_core.training.run.directory import RunDirectory, RunState
from radu_core.workflows.frame.run_list import run_modules, runs
from radu_core.workflows.frame.run_names import run_name
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["RunLine", "newest_runs"]


@dataclass(frozen=True)
class RunLine:
    """A run at a glance.

    ``name`` is what somebody called it; ``module`` the first that it is of; ``step`` and ``steps``
    are 0 before its first step; ``reason`` says why it ended, where that isn't success.
    """

    run: str
    name: str
    module: str
    state: RunState
    reason: str
    started: datetime | None
    step: int
    steps: int


def newest_runs(workspace: Workspace, modules: Sequence[str], *, most: int = 5) -> list[RunLine]:
    """The newest runs of these modules, newest first; one deleted meanwhile is left out."""
    lines = (_line(run, modules) for run in runs(workspace))
    return list(islice((line for line in lines if line), most))


def _line(run: RunDirectory, modules: Sequence[str]) -> RunLine | None:
    try:
        state, reason = run.state()
        events = run.events()
    except RaduError:
        if run.exists:
            raise
        return None
    module = next((m for m in (*run_modules(run), run.module) if m in modules), None)
    if module is None:
        return None
    last = next((e.data for e in reversed(events) if e.kind == "step"), {})
    return RunLine(
        run.id,
        run_name(run),
        module,
        state,
        reason,
        datetime.fromtimestamp(events[0].at, UTC) if events else None,
        int(last.get("step", 0)),
        int(last.get("steps", 0)),
    )
