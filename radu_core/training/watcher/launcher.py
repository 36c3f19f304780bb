"""Starting and stopping a run's process. Runs outlive the studio: they lead their own session.

A ``Launcher`` says where a run is done: by its process here, or elsewhere while that follows.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from radu_core.errors import DiskFullError, InputError, RunError
from radu_core.extras import missing_package
from radu_core.files import read_json, write_json
from radu_core.training.run.directory import FINAL, RunDirectory, RunState
from radu_core.training.run.machine import first_gpu
from radu_core.training.watcher.ray_follower import sent_bytes

__all__ = [
    "LAUNCHERS",
    "Launcher",
    "Local",
    "Ray",
    "check_disk",
    "launch",
    "launcher_of",
    "make_launcher",
    "stop",
]

LAUNCHERS = ("local", "ray")

_ROOT = Path(__file__).resolve().parents[3]
_POLL = 0.1
_MOST_SENT = 500_000_000  # bytes; Ray takes 512 MiB, zipped, and weights can't be zipped smaller


class Launcher(Protocol):
    """Where runs are done."""

    @property
    def name(self) -> str:
        """``local`` or ``ray``."""

    def unreachable(self) -> str:
        """Why it can't be used now; empty if it can."""

    def launch(self, run: RunDirectory, model: Path) -> int:
        """Start the run's process, detached, and remember the launcher; returns its pid."""


@dataclass(frozen=True)
class Local:
    """This machine."""

    name: str = "local"

    def unreachable(self) -> str:
        """Never."""
        return ""

    def launch(self, run: RunDirectory, model: Path) -> int:
        """Start the worker."""
        return launch(run, model=model)


@dataclass(frozen=True)
class Ray:
    """A Ray cluster, by the ``http://`` address of its job API (its dashboard's).

    ``model`` is the base model's directory as the cluster's machines see it; without one it is
    sent.
    """

    address: str
    model: str | None = None
    name: str = "ray"

    def unreachable(self) -> str:
        """Why the cluster can't be used; looks at it for up to 2 s."""
        if find_spec("ray") is None:
            return str(missing_package("ray"))
        if not self.address:
            return (
                "No cluster is named. Set RAY_ADDRESS, or name it: "
                "radu train CONFIG.yaml --launcher ray --ray-address http://HOST:8265."
            )
        if not self.address.startswith(("http://", "https://")):
            return (
                f"{self.address} isn't the address of a Ray cluster's job API. "
                "It begins with http://, and as a rule ends with :8265, the dashboard's port."
            )
        try:
            with urllib.request.urlopen(f"{self.address.rstrip('/')}/api/version", timeout=2) as f:
                f.read()
        except (OSError, ValueError) as error:
            return (
                f"No Ray cluster answers at {self.address} ({error}). Start one there with "
                "`ray start --head`, or correct the address."
            )
        return ""

    def launch(self, run: RunDirectory, model: Path) -> int:
        """Start the follower; it sends the run."""
        if reason := self.unreachable():
            raise RunError(f"The run can't be launched on Ray: {reason}")
        byte_count = sent_bytes(run, None if self.model else model)
        if byte_count > _MOST_SENT:
            raise RunError(
                f"Dataset, base model and checkpoints are {byte_count / 1e6:,.0f} MB, and a Ray "
                f"cluster takes at most {_MOST_SENT / 1e6:,.0f} MB",
                remedy="Put the base model where the cluster's machines see it, and name its "
                "directory there: radu train CONFIG.yaml --launcher ray --ray-model DIR.",
            )
        fields = {"launcher": self.name, "address": self.address.rstrip("/"), "model": self.model}
        write_json(run.path / "launcher.json", fields)
        return _start(run, "radu_core.training.watcher.ray_follower", model)


def make_launcher(name: str, *, address: str | None = None, model: str | None = None) -> Launcher:
    """The launcher of that name; Ray's address is that of the environment if none is given."""
    if name not in LAUNCHERS:
        raise InputError(
            "There is no such launcher", value=name, remedy=f"Choose {' or '.join(LAUNCHERS)}."
        )
    if name == "local":
        if address or model:
            raise InputError(
                "An address or a model can only be given for Ray",
                remedy="Leave it out, or launch on Ray: radu train CONFIG.yaml --launcher ray.",
            )
        return Local()
    return Ray(address or os.environ.get("RAY_ADDRESS", ""), model)


def launcher_of(run: RunDirectory) -> Launcher:
    """The launcher that a run was launched with."""
    if not run.elsewhere:
        return Local()
    data = read_json(run.path / "launcher.json")
    return Ray(str(data["address"]), data["model"])


def check_disk(run_root: Path, model: Path) -> None:
    """``DiskFullError`` unless a run of this model fits: three copies of its weights and 200 MB."""
    needed_bytes = 3 * sum(f.stat().st_size for f in model.glob("*.safetensors")) + 200_000_000
    run_root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(run_root).free
    if free < needed_bytes:
        raise DiskFullError(
            f"A run needs about {needed_bytes / 1e9:.1f} GB, and {run_root} has "
            f"{free / 1e9:.1f} GB left",
            remedy="Delete old runs or point RADU_HOME at a larger disk.",
        )


def launch(run: RunDirectory, *, model: Path, python: str = sys.executable) -> int:
    """Start the run's process here, detached, with its output in ``log.txt``. Returns its pid."""
    return _start(run, "radu_core.training.worker.process", model, python=python)


def _start(run: RunDirectory, module: str, model: Path, *, python: str = sys.executable) -> int:
    import psutil

    check_disk(run.path.parent, model)
    for name in ("stop", "process.json"):  # of an earlier process
        (run.path / name).unlink(missing_ok=True)
    if run.state()[0] != "created":  # so that nobody resumes it a second time meanwhile
        run.append("state", state="created")
    command = [python, "-m", module, str(run.path), str(model)]
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if run.config().processes == 1:
        environment |= first_gpu(environment)
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
    except BaseException:  # a run that can't be found again must not continue
        _signal(process.pid, signal.SIGKILL)
        process.wait()
        raise
    threading.Thread(target=process.wait, daemon=True).start()  # no zombie while we live
    return process.pid


def stop(run: RunDirectory, *, seconds: float | None = None) -> RunState:
    """Ask the run to save what it has learnt and end; after ``seconds`` end its process group.

    Returns the state it ended in. Leaves no process behind. It gets 9 s by default; one elsewhere
    gets 60, as what it has learnt comes back meanwhile (and is fetched by resuming it, if not).
    """
    if seconds is None:
        seconds = 60.0 if run.elsewhere else 9.0
    state, _ = run.state()
    if state in FINAL:
        return state
    pid = run.pid()
    if pid is None or not run.alive():
        run.append("state", state="stopped", reason="Stopped before it began.")
        return "stopped"
    (run.path / "stop").touch()
    if not _has_ended(run, seconds):
        _signal(pid, signal.SIGKILL)
        if not _has_ended(run, 2.0):
            raise RunError(
                f"Run {run.id} (process {pid}) doesn't end", remedy="End the process by hand."
            )
    state, _ = run.state()
    if state == "lost":
        late = f"it hadn't ended {seconds:g} s after it was asked"
        reason = f"Ended by force: {late}. {run.describe_kept()}"
        run.append("state", state="stopped", reason=reason)
        return "stopped"
    return state


def _has_ended(run: RunDirectory, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not run.alive():
            return True
        time.sleep(_POLL)
    return not run.alive()


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
