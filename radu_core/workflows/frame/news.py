"""Runs that have ended since somebody was told: for everyone who has this workspace open.

What each person was told and has seen lies in ``people/`` of the workspace. Whoever comes for the
first time gets news of later ends, not of the past.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from radu_core.errors import RaduError
from radu_core.training.run.directory import FINAL, RunDirectory, RunState, list_runs
from radu_core.workflows.frame.people import recall, remember
from radu_core.workflows.frame.run_list import run_modules
from radu_core.workflows.frame.run_names import run_name
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["News", "RunEnd", "is_at_work", "mark_seen", "take_news"]

_TOLD: tuple[RunState, ...] = ("finished", "failed", "lost")  # who stops a run knows it
_SINCE, _WAS_TOLD, _UNSEEN = "news since", "runs told", "runs unseen"
_LOCK = threading.Lock()
_ENDS: dict[tuple[Path, int], tuple[RunState, float]] = {}


@dataclass(frozen=True)
class RunEnd:
    """A run that has ended, and how.

    ``name`` is what somebody called it, ``key`` tells this end from another of the same run, which
    may be resumed.
    """

    key: str
    run: str
    name: str
    module: str
    state: RunState

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        how = {"finished": "has finished", "failed": "has failed"}.get(self.state, "is lost")
        return f"{self.name or self.run} {how}"


@dataclass(frozen=True)
class News:
    """The runs that have ended since somebody looked.

    ``new`` ends are told now and not again; ``unseen`` ones, new or not, stay marked until they are
    seen.
    """

    new: tuple[RunEnd, ...]
    unseen: tuple[RunEnd, ...]


def take_news(
    workspace: Workspace,
    who: str,
    *,
    open_since: float = math.inf,
    told_here: Collection[str] = (),
    now: float | None = None,
) -> News:
    """What has ended that ``who`` wasn't told, noted as told.

    A tab gives the time since when it is open and the keys that it was told: each open tab gets the
    news, as the one that got it first may be out of sight.
    """
    ends, _ = _ends(workspace)
    with _LOCK:
        memory = recall(workspace, who)
        since = memory.get(_SINCE)
        if not isinstance(since, float):
            remember(workspace, who, {_SINCE: time.time() if now is None else now})
            return News((), ())
        told_keys, unseen = set(_keys(memory.get(_WAS_TOLD))), set(_keys(memory.get(_UNSEEN)))
        first = {key for key, end in ends.items() if end.at > since and key not in told_keys}
        unseen_keys = [key for key in ends if key in unseen or key in first]
        if first:  # all that still exist: an end that is forgotten would be told again
            was_told = [key for key in ends if key in told_keys or key in first]
            remember(workspace, who, {_WAS_TOLD: was_told, _UNSEEN: unseen_keys})
    new = [
        key
        for key in unseen_keys
        if key in first or (ends[key].at > open_since and key not in told_here)
    ]
    return News(
        tuple(_describe(key, ends[key]) for key in new),
        tuple(_describe(key, ends[key]) for key in unseen_keys),
    )


def is_at_work(workspace: Workspace) -> bool:
    """Whether a run is under way, so that there may soon be news."""
    return _ends(workspace)[1]


def mark_seen(workspace: Workspace, who: str, runs: Iterable[str] | None = None) -> None:
    """Note that ``who`` has seen how these runs ended, or how all did."""
    with _LOCK:
        unseen = _keys(recall(workspace, who).get(_UNSEEN))
        seen_runs = None if runs is None else set(runs)
        rest = (
            [] if seen_runs is None else [k for k in unseen if k.partition(" ")[0] not in seen_runs]
        )
        if rest != unseen:
            remember(workspace, who, {_UNSEEN: rest})


def _keys(value: object) -> list[str]:
    return [str(key) for key in value] if isinstance(value, list) else []


@dataclass(frozen=True)
class _End:
    run: RunDirectory
    state: RunState
    at: float


def _describe(key: str, end: _End) -> RunEnd:
    modules = (*run_modules(end.run), end.run.module)
    return RunEnd(key, end.run.id, run_name(end.run), modules[0], end.state)


def _ends(workspace: Workspace) -> tuple[dict[str, _End], bool]:
    """The ends of runs by their keys, newest first; and whether a run is under way."""
    ends: dict[str, _End] = {}
    at_work = False
    for run in list_runs(workspace.runs):
        try:
            state, at = _end(run)
        except (RaduError, OSError):  # deleted meanwhile, or it can't be read
            continue
        if state in _TOLD:
            ends[f"{run.id} {at:.3f}"] = _End(run, state, at)
        at_work = at_work or state not in FINAL
    return ends, at_work


def _end(run: RunDirectory) -> tuple[RunState, float]:
    """A run's state, and since when. Of one that has ended only the time of a file is asked."""
    events = run.path / "events.jsonl"
    key = (events, events.stat().st_mtime_ns)
    end = _ENDS.get(key)
    if end is not None:
        return end
    state, _ = run.state()
    at = next((e.at for e in reversed(run.events()) if e.kind == "state"), 0.0)
    if state == "lost":  # nobody wrote when: it lived until its last heartbeat
        with suppress(OSError):
            at = max(at, (run.path / "heartbeat").stat().st_mtime)
    elif state in FINAL:  # a lost run may be found again
        _ENDS[key] = (state, at)
    return state, at
