"""Doing a run in the test's own process."""

from __future__ import annotations

import signal

from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker import process


def again(run: RunDirectory) -> int:
    """The worker's own main, whose signal handler doesn't stay."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        return process.main([str(run.path), run.config().base_model])
    finally:
        signal.signal(signal.SIGTERM, handler)
