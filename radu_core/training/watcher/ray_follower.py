"""A Ray run's process on this machine.

``python -m radu_core.training.watcher.ray_follower RUN MODEL_DIRECTORY``

It sends the run to the cluster as a job (``ray_job``), follows it, and brings back what it writes:
log and events as they come, checkpoints, and at the end the model. Killing it doesn't end the job;
resuming the run starts another one, which goes on where this one was.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sys
import tarfile
import tempfile
import time
import traceback
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from radu_core.errors import NotFoundError, RaduError, RunError
from radu_core.files import read_json, write_json
from radu_core.training.run import tokens
from radu_core.training.run.directory import FINAL, RunDirectory
from radu_core.training.watcher.ray_job import APPENDED, PLACE, relocate

__all__ = ["main", "sent_bytes"]

_ROOT = Path(__file__).resolve().parents[2]
_JOB = "ray.json"
_POLL = 0.5  # seconds
_PATIENCE = 600.0  # seconds that a cluster may be out of reach while its job runs
_STARTING_SECONDS = 120.0
_STOP_SECONDS = 300  # that a stopped job has to end its step and save


class _GoneError(RunError):
    """The run's directory was deleted."""


def sent_bytes(run: RunDirectory, model: Path | None) -> int:
    """How much is sent to the cluster: dataset, checkpoints, and the base model unless None."""
    parts = [run.config().dataset, run.path / "checkpoints", *filter(None, [model])]
    return sum(f.stat().st_size for part in parts for f in part.rglob("*") if f.is_file())


def main(arguments: list[str]) -> int:
    """Follow the run to its end; 0 when it finished or was stopped, 1 if it failed, 3 if gone."""
    run = RunDirectory(Path(arguments[0]))
    (run.path / "heartbeat").touch()
    try:
        _Follower(run, Path(arguments[1])).follow()
    except BaseException as error:  # whatever it was, the run must say so
        if not run.exists:
            print("The run's directory was deleted.", file=sys.stderr)
            return 3
        traceback.print_exc()
        said = str(error) if isinstance(error, RaduError) else f"{type(error).__name__}: {error}"
        run.append("state", state="failed", reason=said[:2000])
        return 1
    return 1 if run.state()[0] == "failed" else 0


class _Follower:
    def __init__(self, run: RunDirectory, model: Path) -> None:
        from ray.job_submission import JobSubmissionClient

        self._run, self._model = run, model
        answer = read_json(run.path / "launcher.json")
        self._address: str = answer["address"]
        self._cluster_model: str | None = answer["model"]
        self._client = JobSubmissionClient(self._address)
        self._told_to_stop = False
        for path in [*run.path.glob(".sent-*"), *run.path.glob(".taken-*")]:
            shutil.rmtree(path)  # by a follower that was killed

    def follow(self) -> None:
        """Continue with a job that was sent before, or send one; return once it has ended."""
        if self._has_job():
            self._watch()
            if self._state() == "finished" or self._is_stop_asked():
                return
            self._run.append("state", state="created")  # it had been stopped, or had failed
        self._submit()
        self._watch()

    def _has_job(self) -> bool:
        """Whether a job of this run isn't brought back yet and is still on the cluster."""
        try:
            job = read_json(self._run.path / _JOB)
            return not job["done"] and self._client.get_job_info(job["job"]) is not None
        except (NotFoundError, KeyError, RuntimeError):
            return False

    def _state(self) -> str:
        states = [e.data.get("state") for e in self._run.events() if e.kind == "state"]
        return str(states[-1]) if states else ""

    def _is_stop_asked(self) -> bool:
        return (self._run.path / "stop").exists()

    # --- there ---------------------------------------------------------------------------------

    def _submit(self) -> None:
        name = f"radu-{re.sub(r'[^A-Za-z0-9_-]', '_', self._run.id)}-{secrets.token_hex(3)}"
        write_json(self._run.path / _JOB, {"job": name, "packets": 0, "done": False})
        config = self._run.config()
        with tempfile.TemporaryDirectory(dir=self._run.path, prefix=".sent-") as directory:
            self._pack(Path(directory))
            try:
                self._send(name, directory, config.processes)
            except (OSError, RuntimeError) as error:
                raise RunError(
                    f"The cluster at {self._address} didn't take the job: {error}",
                    remedy="Check that it runs (ray status there), then resume.",
                ) from error
        print(f"Job {name} is sent to {self._address}.", flush=True)

    def _send(self, name: str, directory: str, processes: int) -> None:
        """Submit the job; a cluster that is only just starting is asked again for a while."""
        end = time.monotonic() + _STARTING_SECONDS
        while True:
            try:
                self._client.submit_job(
                    entrypoint=f"python -m radu_core.training.watcher.ray_job {name}",
                    submission_id=name,
                    runtime_env={"working_dir": directory, "env_vars": _environment()},
                    metadata={"run": self._run.id},
                    entrypoint_num_cpus=1,
                    entrypoint_num_gpus=processes if self._most_gpus() else None,
                )
                return
            except RuntimeError as error:
                starting = "try again later" in str(error)
                if not starting or self._is_stop_asked() or time.monotonic() > end:
                    raise
            self._pause(None)

    def _pack(self, there: Path) -> None:
        """What the job needs: the package, dataset, run, and base model."""
        run, dataset = self._run, self._run.config().dataset
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_ROOT, there / _ROOT.name, ignore=skip)
        _link(dataset, there / "dataset" / dataset.parent.name / dataset.name)
        if self._cluster_model is None:
            _link(self._model, there / "model")
        copy = there / "runs" / run.id
        copy.mkdir(parents=True)
        for name in ("config.yaml", "events.jsonl", tokens.FILE):
            if (run.path / name).exists():
                shutil.copy2(run.path / name, copy / name)
        for path in run.checkpoints().values():
            _link(path, copy / "checkpoints" / path.name)
        place = {"id": run.id, "cluster_model": self._cluster_model or "", **self._places()}
        write_json(there / PLACE, place)

    def _places(self) -> dict[str, str]:
        """The paths of here that a run's files name."""
        dataset = self._run.config().dataset
        return {"run": str(self._run.path), "model": str(self._model), "dataset": str(dataset)}

    def _most_gpus(self) -> int:
        """How many GPUs the cluster's machine with the most has."""
        nodes = json.loads(self._get("/api/v0/nodes", detail=1).read())["data"]["result"]["result"]
        return int(max((n["resources_total"].get("GPU", 0) for n in nodes), default=0))

    def _get(self, path: str, **query: Any) -> Any:
        return urllib.request.urlopen(f"{self._address}{path}?{urlencode(query)}", timeout=60)

    # --- and back ------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Bring back what the job writes until it has an end, and the run with it."""
        job: dict[str, Any] = read_json(self._run.path / _JOB)
        heard, has_ended = time.monotonic(), False
        end: dict[str, Any] | None = None
        node = ""
        while not has_ended:
            try:
                info = self._client.get_job_info(job["job"])
                self._stop_if_asked(job)
                node = info.driver_node_id
                end = self._take(job, node) if node else None
                heard = time.monotonic()
            except (OSError, RuntimeError, ValueError, tarfile.TarError) as error:
                self._check_patience(error, heard)
            else:
                has_ended = end is not None or self._is_over(info)
            if not has_ended:
                self._pause(job)
        write_json(self._run.path / _JOB, {**job, "done": True})
        if end is not None:
            self._tidy(end["directory"], node)

    def _check_patience(self, error: Exception, heard: float) -> None:
        """Raise what a cluster that doesn't answer means, if it means the end."""
        if "does not exist" in str(error):
            raise RunError(
                f"The cluster at {self._address} no longer knows the run's job: it was restarted, "
                f"or the job was deleted. {self._run.describe_kept()}",
                remedy="Resume it: that sends it again.",
            ) from error
        if time.monotonic() - heard > _PATIENCE:
            raise RunError(
                f"The cluster at {self._address} hasn't answered for "
                f"{_PATIENCE / 60:g} minutes ({error})",
                remedy="Resume when it is back: the run continues with its job if that is still "
                "running.",
            ) from error

    def _is_over(self, info: Any) -> bool:
        """Whether the job has ended without an end that it wrote itself."""
        if info.status.is_terminal():
            self._write_missing_end(info)
            return True
        if info.status == "PENDING":
            if self._told_to_stop:  # Ray keeps it until there is room, and ends it then
                reason = f"Stopped before it began. {self._run.describe_kept()}"
                self._run.append("state", state="stopped", reason=reason)
                return True
            if self._state() == "created":
                self._run.append("state", state="queued")
        return False

    def _stop_if_asked(self, job: dict[str, Any]) -> None:
        if self._is_stop_asked() and not self._told_to_stop:
            self._client.stop_job(job["job"])
            self._told_to_stop = True

    def _pause(self, job: dict[str, Any] | None) -> None:
        try:
            os.utime(self._run.path / "heartbeat")
        except FileNotFoundError:
            with suppress(Exception):
                if job is not None:
                    self._client.stop_job(job["job"])
            raise _GoneError(
                f"Run {self._run.id} was deleted while it ran", remedy="Launch."
            ) from None
        time.sleep(_POLL)

    def _write_missing_end(self, info: Any) -> None:
        """Say the end of a job that said none itself: it was killed, or couldn't begin."""
        if self._state() in FINAL:
            return
        if info.status == "STOPPED":
            by = "by request" if self._is_stop_asked() else "on the cluster"
            reason = f"Stopped {by}, before it could say more. {self._run.describe_kept()}"
            self._run.append("state", state="stopped", reason=reason)
            return
        with (self._run.path / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"{info.message}\n")
        began = info.driver_exit_code is not None
        raise RunError(
            "Its job on the cluster ended without a message: "
            f"{(info.message or '').strip()[-400:]}",
            remedy="The log has more. The cluster's machines need the packages of "
            "requirements.txt, for the `python` that runs Ray there."
            if began
            else "Look there (ray status) whether there is room for it, then resume.",
        )

    def _take(self, job: dict[str, Any], node: str) -> dict[str, Any] | None:
        """Take the packets that are there; the job's last words once it has no more."""
        name = job["job"]
        answer = json.loads(self._get("/api/v0/logs", node_id=node, glob=f"{name}/*").read())
        groups = answer["data"]["result"] if answer["result"] else {}
        names = {each for group in groups.values() for each in group}
        while (packet := f"{name}/{job['packets']:06d}.tar") in names:
            self._unpack(packet, node)
            job["packets"] += 1
            write_json(self._run.path / _JOB, job)
        if f"{name}/last" not in names:
            return None
        end: dict[str, Any] = json.loads(self._file(f"{name}/last", node).read())
        return end if job["packets"] == end["packets"] else None

    def _file(self, name: str, node: str) -> Any:
        return self._get("/api/v0/logs/file", node_id=node, filename=name, lines=-1, timeout=3600)

    def _unpack(self, packet: str, node: str) -> None:
        """Put a packet's files in their places: results first, then what was said of them."""
        run = self._run
        with tempfile.TemporaryDirectory(dir=run.path, prefix=".taken-") as directory:
            new = Path(directory)
            with self._file(packet, node) as source, (new / "packet").open("wb") as file:
                shutil.copyfileobj(source, file)
            _check_whole(new / "packet")
            with tarfile.open(new / "packet") as tar:
                tar.extractall(new / "files", filter="data")
            files = new / "files"
            checkpoints = read_json(files / "checkpoints.json")
            contents = {name: (files / name).read_bytes() for name in APPENDED}
            for name in ("checkpoints.json", *APPENDED):
                (files / name).unlink()
            self._relocate(files)
            for path in [*files.glob("checkpoints/*"), *files.glob("*")]:
                if path != files / "checkpoints":
                    _put(path, run.path / path.relative_to(files))
            for step, path in run.checkpoints().items():
                if step not in checkpoints:
                    shutil.rmtree(path)
            for name, data in contents.items():
                _append(run.path / name, data)

    def _relocate(self, files: Path) -> None:
        """Paths of the cluster's in what it wrote become those of here."""
        there = read_json(files / PLACE)
        (files / PLACE).unlink()
        relocate(files, {there[name]: here for name, here in self._places().items()})

    def _tidy(self, directory: str, node: str) -> None:
        """Delete the packets on the cluster; the log reports what can't be deleted."""
        if not Path(directory).name.startswith("radu-"):
            return
        try:
            self._client.submit_job(
                entrypoint=f"rm -rf -- '{directory}'",
                entrypoint_label_selector={"ray.io/node-id": node},
            )
        except Exception as error:
            print(f"{directory} on the cluster couldn't be deleted: {error}", file=sys.stderr)


def _environment() -> dict[str, str]:
    return {
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "RAY_JOB_STOP_WAIT_TIME_S": str(_STOP_SECONDS),
        "RADU_THREADS": os.environ.get("OMP_NUM_THREADS", ""),
    }


def _link(source: Path, target: Path) -> None:
    """A copy that needs no room where the disk is the same."""

    def link(one: str, other: str) -> None:
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)

    shutil.copytree(source, target, copy_function=link)


def _check_whole(packet: Path) -> None:
    """``TarError`` unless the file has a tar's end: two empty blocks."""
    with packet.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1024))
        if file.read() != bytes(1024):
            raise tarfile.ReadError(f"{packet} is cut off at {size} bytes")


def _put(new: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    os.replace(new, target)


def _append(path: Path, data: bytes) -> None:
    """Append, unless a follower that was killed just then had done so."""
    if not data:
        return
    before = path.read_bytes()[-2 * len(data) :] if path.exists() else b""
    if data not in before:
        with path.open("ab") as file:
            file.write(data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
