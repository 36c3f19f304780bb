"""Several processes for one run: the run's process starts them, watches over them and ends them.

accelerate (through transformers' Trainer) finds in the environment which of them it is, as under
``torchrun``, and adds their gradients up. The run's own process holds the machine and the
heartbeat; the process of rank 0 writes events, checkpoints and the model.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from radu_core.errors import RaduError, RunError
from radu_core.files import read_json, write_json
from radu_core.training.runs import RunDirectory

__all__ = ["Muted", "distribute", "own_rank", "tell"]

_POLL = 0.05


class Muted(RunDirectory):
    """A run as the processes above rank 0 see it: they tell nothing."""

    def append(self, kind: str, **data: object) -> None:
        """Nothing: rank 0 tells it."""


def own_rank() -> int | None:
    """Which of a run's processes this is; None for one that is alone or watches over others."""
    rank = os.environ.get("RANK", "")
    return int(rank) if rank.isdecimal() and "RADU_RANKS" in os.environ else None


def distribute(
    run: RunDirectory,
    model: Path,
    processes: int,
    *,
    gone: Callable[[], bool],
    stopping: Callable[[], bool],
) -> None:
    """Do the run in so many processes; returns once all have ended.

    ``RunError`` with the reason of the one that failed first; then the others have been ended.
    ``gone`` says that the run was deleted: they are ended, too. ``stopping`` says that this process
    was told to end: they are asked to stop, by the file that they look for.
    """
    for old in run.path.glob("rank-*.json"):
        old.unlink()
    started = _start(run, model, processes)
    codes: list[int | None] = []
    try:
        while not gone():
            codes = [process.poll() for process in started]
            if any(codes) or None not in codes:
                break
            if stopping():
                (run.path / "stop").touch()
            time.sleep(_POLL)
        failed = [(rank, code) for rank, code in enumerate(codes) if code]
    finally:
        for process in started:
            process.kill()
            process.wait()
    if failed:
        raise RunError(_reason(run, *failed[0], processes))


def _start(run: RunDirectory, model: Path, processes: int) -> list[subprocess.Popen[bytes]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    threads = max(1, len(os.sched_getaffinity(0)) // processes)
    common = {
        **os.environ, "RADU_RANKS": str(os.getpid()), "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
    }  # fmt: skip
    if not common.get("GLOO_SOCKET_IFNAME") and Path("/sys/class/net/lo").exists():
        common["GLOO_SOCKET_IFNAME"] = "lo"  # all of them are on this machine
    command = [sys.executable, "-m", "radu_core.training.worker", str(run.path), str(model)]
    started: list[subprocess.Popen[bytes]] = []
    for rank in range(processes):
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, env={**common, **place}))
    return started


def tell(run: RunDirectory, rank: int, reason: str) -> None:
    """Leave the reason for which this process ends, for the one that watches."""
    with suppress(OSError, RaduError):  # the disk may be full: then the exit code has to do
        write_json(run.path / f"rank-{rank}.json", {"reason": reason})


def _reason(run: RunDirectory, rank: int, code: int, processes: int) -> str:
    which = f"Process {rank + 1} of the run's {processes}"
    if code < 0:
        return (
            f"{which} was ended by signal {-code}. As a rule that is want of memory: use fewer "
            "processes or a smaller batch_size; or resume."
        )
    try:
        return str(read_json(run.path / f"rank-{rank}.json")["reason"])
    except (RaduError, KeyError, TypeError):
        return f"{which} ended with code {code}. The log has the details."
