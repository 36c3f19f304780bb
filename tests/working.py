"""Doing a run in the test's own process."""

from __future__ import annotations

import signal

from radu_core.training import RunDirectory, worker


def again(run: RunDirectory) -> int:
    """The worker's own main, whose signal handler doesn't stay."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        return worker.main([str(run.path), run.config().base_model])
    finally:
        signal.signal(signal.SIGTERM, handler)
