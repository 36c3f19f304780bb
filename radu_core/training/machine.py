"""What this machine has a use for."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["beyond", "most_processes"]


def most_processes() -> int:
    """How many processes this machine has a use for: one for each GPU, else one for each core."""
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))  # a page asks, and needn't load torch
    return gpus or len(os.sched_getaffinity(0))


def beyond(processes: int) -> str:
    """Why so many processes are too many for this machine; empty if they aren't."""
    most = most_processes()
    if processes <= most:
        return ""
    return f"this machine has a use for {most} (one for each GPU, else one for each core)"
