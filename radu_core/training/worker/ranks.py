"""Several processes for one run: the run's process starts them, watches over them and ends them.

accelerate (through transformers' Trainer) finds in the environment which of them it is, as under
``torchrun``, and adds their gradients up. The run's own process holds the machine and the
heartbeat; the process of rank 0 writes events, checkpoints and the model.
"""

from __future__ import annotations

import math
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from radu_core.errors import RaduError, RunError
from radu_core.files import read_json, write_json
from radu_core.hardware import usable_cores
from radu_core.training.run.directory import RunDirectory

__all__ = ["Muted", "distribute", "of_first", "own_rank", "tell"]

_POLL, _GRACE = 0.05, 2.0  # seconds
# what gloo, NCCL and torch's store say in a process whose peer has ended
_LOST = re.compile(r"^Dist\w*Error\b|\bgloo\b|\bby peer\b|ncclRemoteError|Broken pipe")


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
    is_gone: Callable[[], bool],
    stopping: Callable[[], bool],
) -> None:
    """Do the run in so many processes; returns once that of rank 0 has ended well.

    ``RunError`` with the reason when one has failed before. None is left at the end: the others get
    a moment to end by themselves, and to say why if they failed. ``is_gone`` says that the run was
    deleted: they are ended, too. ``stopping`` says that this process was told to end: they are
    asked to stop, by the file that they look for.
    """
    for old in run.path.glob("rank-*.json"):
        old.unlink()
    with _reserved_port() as port:
        rank_processes = _start(run, model, processes, port)
        try:
            codes = _codes(run, rank_processes, is_gone=is_gone, stopping=stopping)
        finally:
            for process in rank_processes:
                process.kill()
                process.wait()
    if codes[0] != 0 and any(codes):
        raise RunError(_reason(run, codes))


def _codes(
    run: RunDirectory,
    rank_processes: Sequence[subprocess.Popen[bytes]],
    *,
    is_gone: Callable[[], bool],
    stopping: Callable[[], bool],
) -> list[int | None]:
    """The exit codes, by rank, once the run is over; None of one that hasn't ended."""
    end = math.inf
    while True:
        codes = [process.poll() for process in rank_processes]
        if None not in codes or is_gone() or time.monotonic() > end:
            return codes
        if math.isinf(end) and (codes[0] == 0 or any(codes)):
            end = time.monotonic() + _GRACE
        if stopping():
            (run.path / "stop").touch()
        time.sleep(_POLL)


@contextmanager
def _reserved_port() -> Iterator[int]:
    """A port of this machine that no other program is given meanwhile.

    It stays bound here, without listening. Whoever asks for any port gets another one, and rank 0
    can listen on it, as both sides set ``SO_REUSEADDR`` (torch does for its store).
    """
    with socket.socket() as probe_socket:
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe_socket.bind(("", 0))
        yield probe_socket.getsockname()[1]


def _start(
    run: RunDirectory, model: Path, processes: int, port: int
) -> list[subprocess.Popen[bytes]]:
    threads = max(1, usable_cores() // processes)
    common = {
        **os.environ,
        "RADU_RANKS": str(os.getpid()),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
    }
    if not common.get("GLOO_SOCKET_IFNAME") and Path("/sys/class/net/lo").exists():
        common["GLOO_SOCKET_IFNAME"] = "lo"  # all of them are on this machine
    command = [sys.executable, "-m", "radu_core.training.worker.process", str(run.path), str(model)]
    rank_processes: list[subprocess.Popen[bytes]] = []
    for rank in range(processes):
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        rank_processes.append(
            subprocess.Popen(command, stdin=subprocess.DEVNULL, env={**common, **place})
        )
    return rank_processes


def tell(run: RunDirectory, rank: int, reason: str) -> None:
    """Leave the reason for which this process ends, for the one that watches."""
    record = {"at": time.time(), "reason": reason}
    try:
        write_json(run.path / f"rank-{rank}.json", record)
    except (OSError, RaduError):  # the disk may be full
        with suppress(OSError, RaduError):  # then the exit code has to do
            run.free_room()
            write_json(run.path / f"rank-{rank}.json", record)


def _reason(run: RunDirectory, codes: Sequence[int | None]) -> str:
    """Why the run failed: what went wrong first, not what the others made of it.

    That is the earliest reason told, unless it only says that another process was lost; then a
    process that was ended by a signal, which can't tell anything.
    """
    reasons = _reasons(run)
    if any("EADDRINUSE" in reason for reason in reasons):
        return "Another program took the port that the run's processes meet at. Resume the run."
    own = [reason for reason in reasons if not _LOST.search(reason)]
    if own:
        return own[0]
    for rank, code in enumerate(codes):
        if code is not None and code < 0:
            return (
                f"Process {rank + 1} of the run's {len(codes)} was ended by signal {-code}. As a "
                "rule that is want of memory: use fewer processes or a smaller batch_size; or "
                "resume."
            )
    if reasons:
        return reasons[0]
    rank, code = next((rank, code) for rank, code in enumerate(codes) if code)
    return (
        f"Process {rank + 1} of the run's {len(codes)} ended with code {code}. The log has the "
        "details."
    )


def _reasons(run: RunDirectory) -> list[str]:
    """The reasons that the processes left, in the order of time."""
    reasons = []
    for path in sorted(run.path.glob("rank-*.json")):
        with suppress(RaduError, KeyError, TypeError, ValueError):
            data = read_json(path)
            reasons.append((float(data["at"]), str(data["reason"])))
    return [reason for _, reason in sorted(reasons)]


def of_first(value: Any) -> Any:
    """What the process of rank 0 says, in all of them: they have to decide alike."""
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return value
    message = [value]
    distributed.broadcast_object_list(message, src=0)
    return message[0]
