"""Trial steps of a run to come: starts their process, follows it, and reads what it measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from radu_core.errors import RunError
from radu_core.files import disk_errors, read_json, write_text
from radu_core.progress import Progress, silent
from radu_core.training.probe.measurements import Probe
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.machine import first_gpu

__all__ = ["probe"]

_ROOT = Path(__file__).resolve().parents[3]
_END_SECONDS = 60.0  # after that the process is ended, whatever it does
_POLL = 0.1


def probe(
    config: TrainConfig,
    model: Path,
    *,
    scratch: Path,
    progress: Progress = silent,
    seconds: float = _END_SECONDS,
    prepare: Callable[[Path], object] | None = None,
) -> Probe:
    """Measure in a process of its own.

    ``scratch`` is where it may write, and is left as it was. ``prepare`` puts into a directory of
    the process what a run would find in its own.

    Where not one step was done within ``seconds``, ``longest_seconds`` is 0.
    ``RunError`` says why nothing could be measured, and what to do. The process and all it began
    are gone when this returns or raises, whatever ``progress`` raises.
    """
    with disk_errors(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch, prefix=".probe-") as name:
            folder = Path(name)
            write_text(folder / "config.yaml", config.to_yaml())
            if prepare:
                prepare(folder)
            with (folder / "log.txt").open("wb") as log:
                process = _begin(folder, model, log)
            try:
                in_time = _follow(process, folder, progress, seconds)
            finally:
                _end(process)
            return _outcome(folder, process.returncode, seconds if not in_time else None)


def _begin(folder: Path, model: Path, log: Any) -> subprocess.Popen[bytes]:
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    names = [str(folder / "config.yaml"), str(model), str(folder / "out.json"), str(os.getpid())]
    return subprocess.Popen(
        [sys.executable, "-m", "radu_core.training.probe.process", *names],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={
            **os.environ,
            **first_gpu(os.environ),
            "PYTHONPATH": os.pathsep.join(paths),
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        },
    )


def _follow(
    process: subprocess.Popen[bytes], folder: Path, progress: Progress, seconds: float
) -> bool:
    """Wait for the process's end; whether it came within ``seconds``."""
    start = time.monotonic()
    while process.poll() is None:
        elapsed = time.monotonic() - start
        if elapsed > seconds:
            return False
        progress(_read(folder).stage, int(elapsed), int(seconds))
        time.sleep(_POLL)
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End its whole group: it leads one, so nobody else's process is in it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(folder: Path) -> Probe:
    if not (folder / "out.json").is_file():
        return Probe()
    data = read_json(folder / "out.json")
    values = {f.name: data[f.name] for f in fields(Probe) if f.name in data}
    return Probe(**{**values, "cut": tuple(values.get("cut", ()))})


def _outcome(folder: Path, code: int, overrun: float | None) -> Probe:
    probe = _read(folder)
    if probe.failure:
        raise RunError(probe.failure)
    if overrun is not None or code == 0:
        return probe  # what was measured until the time was over is enough to go by
    at = f"while it was at: {probe.stage}"
    if code == -signal.SIGKILL:
        raise RunError(
            f"The system ended the trial step, usually because memory ran out ({at})",
            remedy="Use a smaller batch_size or max_length, LoRA, or close other programs.",
        )
    last = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip()
    raise RunError(
        f"The trial step ended with code {code} {at} ({last[-300:]})",
        remedy="The same would happen to the run: correct the cause first.",
    )
