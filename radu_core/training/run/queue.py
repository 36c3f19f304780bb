"""One run at a time uses the machine: who waits, and for whom. No process but the runs' own.

A run holds a lock on ``<runs>/.machine.lock`` while it works. The kernel lets go of it when the
process ends, however it ends, so a killed run never holds up the others. (filelock's soft lock, a
file that stays, would: it is never used.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from radu_core.errors import RaduError, RunError
from radu_core.files import disk_errors
from radu_core.training.run.directory import RunDirectory, RunState, list_runs

__all__ = ["LOCK", "ahead", "turn"]

LOCK = ".machine.lock"
_POLL = 0.2  # seconds
_WORKING: tuple[RunState, ...] = ("loading", "running", "saving")
_WAITING: tuple[RunState, ...] = ("created", "queued")


@contextmanager
def turn(run: RunDirectory, *, stopped: Callable[[], bool]) -> Iterator[bool]:
    """Wait until the machine is this run's, and keep it until the end of the block.

    True once it is; False when ``stopped`` said so while it waited: then the run is already in the
    state ``stopped``. The run is ``queued`` while it waits; of several the one launched first goes
    on first. ``RunError`` when the run's directory is deleted meanwhile.
    """
    lock = FileLock(run.path.parent / LOCK, fallback_to_soft=False)
    try:
        mine = _wait_for_lock(run, lock, stopped)
        if not mine:
            run.append("state", state="stopped", reason=_stopped_early(run))
        yield mine
    finally:
        lock.release()


def _wait_for_lock(run: RunDirectory, lock: FileLock, stopped: Callable[[], bool]) -> bool:
    """Whether the lock was got before somebody stopped the run."""
    is_told, tries = False, 0
    while not _try_lock(run, lock):
        if not run.exists:
            raise RunError(f"Run {run.id} was deleted while it waited", remedy="Launch a new run.")
        if stopped():
            return False
        tries += 1  # at the first, a later run may only be about to let go of the lock
        if not is_told and (tries > 1 or ahead(run)):
            run.append("state", state="queued")
            is_told = True
        time.sleep(_POLL)
    return True


def _try_lock(run: RunDirectory, lock: FileLock) -> bool:
    """Try to get the lock; one that is free is left to those that were launched earlier.

    Looked at before, so that a later run doesn't hold the lock for a moment and bar an earlier one,
    and after, for one that came between.
    """
    if _earlier(run):
        return False
    try:
        with disk_errors(run.path.parent / LOCK):
            lock.acquire(blocking=False)
    except Timeout:
        return False
    if _earlier(run):
        lock.release()
        return False
    return True


def _stopped_early(run: RunDirectory) -> str:
    if run.checkpoints():
        return f"Stopped before it went on. {run.describe_kept()}"
    return "Stopped before it began."


def ahead(run: RunDirectory) -> tuple[str, ...]:
    """The ids of the runs that a waiting run waits for: the one at work, then the earlier ones."""
    if run.elsewhere:
        return ()
    working = [r.id for r in _living(run) if _state(r) in _WORKING]
    return (*working, *(r.id for r in _earlier(run)))


def _earlier(run: RunDirectory) -> list[RunDirectory]:
    """The living runs that wait as well and were launched before this one, in their order."""
    own = _launch_order(run)
    waiting = [(_launch_order(r), r) for r in _living(run) if _state(r) in _WAITING]
    return [r for launched, r in sorted(waiting, key=lambda pair: pair[0]) if launched < own]


def _living(run: RunDirectory) -> list[RunDirectory]:
    """The other runs that have a process and use this machine, oldest id first."""
    runs = []
    for other in reversed(list_runs(run.path.parent)):
        try:
            if other.id != run.id and not other.elsewhere and other.alive():
                runs.append(other)
        except RaduError:  # damaged: its place in the queue is unknown
            continue
    return runs


def _state(run: RunDirectory) -> str:
    states = [e.data.get("state") for e in run.events() if e.kind == "state"]
    return str(states[-1]) if states else ""


def _launch_order(run: RunDirectory) -> tuple[float, str]:
    """When the run was launched, the last time; ties go by id."""
    creations = [e for e in run.events() if e.kind == "state" and e.data.get("state") == "created"]
    return (creations[-1].at if creations else 0.0, run.id)
