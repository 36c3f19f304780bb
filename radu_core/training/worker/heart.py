"""A run's sign of life, and what it watches for while it trains."""

from __future__ import annotations

import os
import threading
import time

from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker.ending import RunGoneError, Stopped
from radu_core.training.worker.ranks import own_rank

__all__ = ["Heart"]

_HEARTBEAT_SECONDS = 0.2


class Heart(threading.Thread):
    """Touches ``heartbeat``, and notices a deleted directory or a request to stop."""

    def __init__(self, run: RunDirectory) -> None:
        super().__init__(daemon=True)
        self._run = run
        self.gone = False
        self.stop = threading.Event()
        # not getppid(): the one that watches may have been killed before we looked
        self._watcher = int(os.environ["RADU_RANKS"]) if own_rank() is not None else None
        (run.path / "heartbeat").touch()

    def run(self) -> None:
        """Beat until the process ends."""
        while not self.gone:
            if self._watcher not in (None, os.getppid()):
                os._exit(1)  # the process that watches was killed: nobody would end this one
            try:
                os.utime(self._run.path / "heartbeat")
            except FileNotFoundError:
                self.gone = True
            if (self._run.path / "stop").exists():
                self.stop.set()
            time.sleep(_HEARTBEAT_SECONDS)

    def check_gone(self) -> None:
        """Raise when the run has been deleted."""
        if self.gone:
            raise RunGoneError(
                f"Run {self._run.id} was deleted while it ran", remedy="Launch a new run."
            )

    def check(self) -> None:
        """Raise when the run has been deleted or is to stop. Cheap: it looks at no file."""
        self.check_gone()
        if self.stop.is_set():
            raise Stopped
