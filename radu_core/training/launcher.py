"""Starting and stopping a run's process. Runs outlive the studio: they lead their own session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from radu_core.errors import DiskFullError, RunError
from radu_core.training.runs import FINAL, RunDirectory, RunState

__all__ = ["check_disk", "launch", "stop"]

_ROOT = Path(__file__).resolve().parents[2]
_POLL = 0.1


def check_disk(run_root: Path, model: Path) -> None:
    """``DiskFullError`` unless a run of this model fits: three copies of its weights and 200 MB."""
    needed = 3 * sum(f.stat().st_size for f in model.glob("*.safetensors")) + 200_000_000
    run_root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(run_root).free
    if free < needed:
        raise DiskFullError(
            f"A run needs about {needed / 1e9:.1f} GB, and {run_root} has {free / 1e9:.1f} GB left",
            remedy="Delete old runs or point RADU_HOME at a larger disk.",
        )


def launch(run: RunDirectory, *, model: Path, python: str = sys.executable) -> int:
    """Start the run's process, detached, with its output in ``log.txt``. Returns its pid."""
    import psutil

    check_disk(run.path.parent, model)
    for name in ("stop", "process.json"):  # of an earlier process
        (run.path / name).unlink(missing_ok=True)
    if run.state()[0] != "created":  # so that nobody resumes it a second time meanwhile
        run.append("state", state="created")
    command = [python, "-m", "radu_core.training.worker", str(run.path), str(model)]
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if run.config().processes == 1:  # Trainer would spread one process's batch over all GPUs
        environment.setdefault("CUDA_VISIBLE_DEVICES", "0")
    with (run.path / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
            cwd=run.path.parent,
        )
    try:
        with suppress(psutil.Error):  # it may have ended already; then the log says why
            run.write_process(process.pid, psutil.Process(process.pid).create_time())
    except BaseException:  # a run that can't be found again must not go on
        _signal(process.pid, signal.SIGKILL)
        process.wait()
        raise
    threading.Thread(target=process.wait, daemon=True).start()  # no zombie while we live
    return process.pid


def stop(run: RunDirectory, *, seconds: float = 9.0) -> RunState:
    """Ask the run to save what it has learnt and end; after ``seconds`` end its process group.

    Returns the state it ended in. Leaves no process behind.
    """
    state, _ = run.state()
    if state in FINAL:
        return state
    pid = run.pid()
    if pid is None or not run.alive():
        run.append("state", state="stopped", reason="Stopped before it began.")
        return "stopped"
    (run.path / "stop").touch()
    if not _ended(run, seconds):
        _signal(pid, signal.SIGKILL)
        if not _ended(run, 2.0):
            raise RunError(
                f"Run {run.id} (process {pid}) doesn't end", remedy="End the process by hand."
            )
    state, _ = run.state()
    if state == "lost":
        reason = f"Ended by force: it hadn't ended {seconds:g} s after it was asked. {run.kept()}"
        run.append("state", state="stopped", reason=reason)
        return "stopped"
    return state


def _ended(run: RunDirectory, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not run.alive():
            return True
        time.sleep(_POLL)
    return not run.alive()


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
