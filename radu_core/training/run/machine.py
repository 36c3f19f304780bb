"""What this machine has a use for."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from radu_core.hardware import usable_cores

__all__ = [
    "beyond",
    "first_gpu",
    "missing_for_qlora",
    "most_processes",
    "peak_memory",
    "stand_back",
]

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_NICE = 10


def most_processes() -> int:
    """How many processes this machine has a use for: one for each GPU, else one for each core.

    Of the GPUs those count that the environment lets be seen.
    """
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))  # a page asks, and needn't load torch
    return _count_visible(gpus, os.environ.get(_VISIBLE)) or usable_cores()


def _count_visible(gpus: int, names_text: str | None) -> int:
    """How many of the GPUs a list lets be seen: those before ``-1``, as CUDA reads it."""
    if names_text is None:
        return gpus
    names = [name.strip() for name in names_text.split(",") if name.strip()]
    return min(gpus, names.index("-1") if "-1" in names else len(names))


def first_gpu(environment: Mapping[str, str]) -> dict[str, str]:
    """What to set for a process that is alone: the first GPU that it may see is all that it sees.

    Trainer would spread one process's batch over all of them (``DataParallel``).
    """
    return {_VISIBLE: environment.get(_VISIBLE, "0").split(",")[0].strip()}


def stand_back() -> None:
    """Let what a person waits for, as the studio's pages, go before this process and its children.

    A machine that is otherwise idle is used as ever. Linux may weigh sessions instead of processes
    (``autogroup``, sched(7)); then this one's is made as light.
    """
    os.nice(_NICE - min(_NICE, os.nice(0)))
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICE), encoding="ascii")


def beyond(processes: int) -> str:
    """Why so many processes are too many for this machine; empty if they aren't."""
    most = most_processes()
    if processes <= most:
        return ""
    return f"this machine has a use for {most} (one for each GPU, else one for each core)"


def peak_memory() -> int:
    """Bytes. Not ``ru_maxrss`` where it can be helped: a child begins with its parent's."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def missing_for_qlora() -> str:
    """What this machine lacks for it; empty if nothing."""
    if find_spec("bitsandbytes") is None:
        return "qlora needs bitsandbytes, which isn't installed; pip install bitsandbytes, or lora"
    import torch

    if not torch.cuda.is_available():
        return "qlora needs a CUDA GPU, and there is none here; use lora"
    return ""
