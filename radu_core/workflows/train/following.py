"""Waiting for a run in a shell, or as a part of something longer."""

from __future__ import annotations

import time

from radu_core.errors import RunError
from radu_core.progress import Progress, silent
from radu_core.training.run.directory import FINAL, RunDirectory
from radu_core.training.run.stages import stage

__all__ = ["follow"]


def follow(run: RunDirectory, *, progress: Progress = silent, poll: float = 0.5) -> None:
    """Wait for a run to end, telling its steps; ``RunError`` unless it finished."""
    while True:
        state, reason = run.state()
        events = run.events()
        last = next((e for e in reversed(events) if e.kind == "step"), None)
        now = stage(events)
        if last is not None and state == "running" and not now:
            figures = last.data
            what = (
                f"Training (loss {figures['loss']:.3f}, "
                f"{figures['tokens_per_second']:.0f} tokens/s, "
                f"{figures['eta_seconds']:.0f} s left)"
            )
            progress(what, int(figures["step"]), int(figures["steps"]))
        else:
            progress(now or f"Run is {state}", 0, 0)
        if state in FINAL:
            if state != "finished":
                raise RunError(
                    f"Run {run.id} is {state}: {reason}", remedy=f"See {run.path / 'log.txt'}."
                )
            return
        time.sleep(poll)
