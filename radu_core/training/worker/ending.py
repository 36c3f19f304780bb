"""How a run ends: stopped, deleted or failed, and what its last event says of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from radu_core.errors import DiskFullError, RaduError, RunError
from radu_core.training.run.directory import RunDirectory, RunState
from radu_core.training.worker.checkpoints import clear

__all__ = ["RunGoneError", "Stopped", "reason_of", "tell_end"]


class RunGoneError(RunError):
    """The run's directory was deleted while it ran."""


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The run was asked to stop."""


def tell_end(run: RunDirectory, state: RunState, reason: str) -> None:
    """Write how the run ended.

    On a full disk in the room that was held for it, else in that of half a checkpoint, which may be
    what fills it.
    """
    rooms: tuple[Callable[[], object], ...] = (
        lambda: None,
        run.free_room,
        lambda: clear(run, run.checkpoints()),
    )
    for room in rooms:
        with suppress(OSError, DiskFullError):  # then the log has to do
            room()
            run.append("state", state=state, reason=reason)
            return


def reason_of(error: BaseException) -> str:
    """What went wrong and what to do about it, for the page."""
    text = str(error)
    if isinstance(error, RaduError):
        return text
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate" in text:
        return f"Out of memory ({text[:200]}). Use a smaller batch_size or max_length, or LoRA."
    if isinstance(error, OSError) and "No space left" in text:
        return str(DiskFullError("No space left while saving", remedy="Free some and resume."))
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "Its process was told to end."
    return f"{type(error).__name__}: {text[:300]}. The log has the details."
