"""What Ray runs, in the directory that was sent.

``python -m radu_core.training.watcher.ray_job OUTBOX``

It does the run as a worker does anywhere, and puts what is new of it into numbered packets (tar
files) beneath the directory of Ray's logs, from where Ray's state API hands them out. The follower
(``ray_follower``) takes them one by one. ``last`` says how many there are once all are written.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from radu_core.files import read_json, write_json, write_text
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import FINAL, RunDirectory
from radu_core.training.run.machine import first_gpu

__all__ = ["APPENDED", "PLACE", "Outbox", "main", "relocate"]

PLACE = "place.json"
APPENDED = ("log.txt", "events.jsonl")
_RESULTS = ("adapter", "model", "README.md", "model_check.json", "report.json", "trackers")
_TEXT = (".json", ".md")
_SECONDS, _LATER_SECONDS = 1.0, 10.0  # between packets: of the first 300, and after
_FIRST = 300


def relocate(directory: Path, places: dict[str, str]) -> None:
    """Change paths of one machine to those of another in the JSON and Markdown files below."""
    for path in directory.rglob("*"):
        if path.suffix in _TEXT and path.is_file():
            text = before = path.read_text(encoding="utf-8")
            for old, new in places.items():
                text = text.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1])
                text = text.replace(old, new)
            if text != before:
                write_text(path, text)


class Outbox:
    """Packets of what is new of a run: log and events by their new bytes, checkpoints whole."""

    def __init__(self, directory: Path, run: RunDirectory, model: Path) -> None:
        """``directory`` mustn't exist; ``model`` is the base model's, as it lies here."""
        self._directory = directory
        self._run = run
        self._count = 0
        self._sent = {name: self._size(name) for name in APPENDED}
        self._checkpoints = set(run.checkpoints())
        dataset = str(run.config().dataset)
        place = {"run": str(run.path), "model": str(model), "dataset": dataset}
        self._place = json.dumps(place).encode()
        directory.mkdir(parents=True)

    def _size(self, name: str) -> int:
        path = self._run.path / name
        return path.stat().st_size if path.exists() else 0

    @property
    def seconds(self) -> float:
        """How long to wait until the next packet: a long run shouldn't leave ten thousands."""
        return _SECONDS if self._count < _FIRST else _LATER_SECONDS

    def put(self, *, last: bool = False) -> None:
        """Write what is new as a packet, if anything is; the results with the ``last`` one."""
        new = {name: self._new(name, whole=last) for name in APPENDED}
        whole = self._run.checkpoints()
        files = [path for step, path in whole.items() if step not in self._checkpoints]
        if last:
            files += [p for name in _RESULTS if (p := self._run.path / name).exists()]
        if any(new.values()) or files:
            temporary = self._directory / ".packet"
            try:
                with tarfile.open(temporary, "w") as tar:
                    self._add(tar, "checkpoints.json", json.dumps(sorted(whole)).encode())
                    self._add(tar, PLACE, self._place)
                    for path in files:
                        tar.add(path, str(path.relative_to(self._run.path)))
                    for name, data in new.items():
                        self._add(tar, name, data)
            except FileNotFoundError:  # a newer checkpoint has just taken the place of one
                return self.put(last=last)
            os.replace(temporary, self._directory / f"{self._count:06d}.tar")
            self._count += 1
            self._checkpoints = set(whole)
            for name, data in new.items():
                self._sent[name] += len(data)
        if last:
            end = {"packets": self._count, "directory": str(self._directory)}
            write_json(self._directory / "last", end)
        return None

    def _new(self, name: str, *, whole: bool) -> bytes:
        """New lines of a file; of the events not its end, as long as results are to come."""
        path = self._run.path / name
        if not path.exists():
            return b""
        with path.open("rb") as file:
            file.seek(self._sent[name])
            data = file.read()
        if whole:
            return data
        content_kept = b""
        for line in data.splitlines(keepends=True):
            if not line.endswith(b"\n") or (name == "events.jsonl" and _is_end(line)):
                break
            content_kept += line
        return content_kept

    @staticmethod
    def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))


def _is_end(line: bytes) -> bool:
    event = json.loads(line)
    return event.get("kind") == "state" and event.get("state") in FINAL


def _unpack(place: dict[str, str]) -> tuple[RunDirectory, Path]:
    """The run's directory and the model's as they lie here, with the paths of here in them."""
    here = Path.cwd()
    run = RunDirectory(here / "runs" / place["id"])
    model = Path(place["cluster_model"] or here / "model")
    relocate(run.path, {place["run"]: str(run.path), place["model"]: str(model)})
    config = TrainConfig.from_file(run.path / "config.yaml")
    dataset = here / "dataset" / config.dataset.parent.name / config.dataset.name
    text = config.model_copy(update={"dataset": dataset}).to_yaml()
    write_text(run.path / "config.yaml", text)
    return run, model


def main(arguments: list[str]) -> int:
    """Do the run that was sent; 0 when it has an end, whichever, and all packets are written."""
    logs = Path("/proc/self/fd/1").readlink().parent  # Ray writes our output among its logs
    place = read_json(Path(PLACE))
    run, model = _unpack(place)
    for name in ("stop", "process.json"):
        (run.path / name).unlink(missing_ok=True)
    outbox = Outbox(logs / arguments[0], run, model)
    # Ray stops a job by this signal, sent to all its processes: the worker knows it as a request
    signal.signal(signal.SIGTERM, lambda *_: (run.path / "stop").touch())
    command = [sys.executable, "-m", "radu_core.training.worker.process", str(run.path), str(model)]
    if threads := os.environ.get("RADU_THREADS"):
        os.environ["OMP_NUM_THREADS"] = threads
    else:  # Ray's is 1, whatever the machine has
        os.environ.pop("OMP_NUM_THREADS", None)
    if run.config().processes == 1:
        os.environ.update(first_gpu(os.environ))
    with (run.path / "log.txt").open("ab") as log:
        worker = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    print(f"{run.id}: process {worker.pid}, packets in {logs / arguments[0]}", flush=True)
    code = worker.poll()
    while code is None:
        outbox.put()
        time.sleep(outbox.seconds)
        code = worker.poll()
    states = [e.data.get("state") for e in run.events() if e.kind == "state"]
    if not states or states[-1] not in FINAL:
        run.append("state", state="failed", reason=_killed_text(run, code))
    outbox.put(last=True)
    return 0


def _killed_text(run: RunDirectory, code: int) -> str:
    how = f"by signal {-code}" if code < 0 else f"with code {code}"
    return (
        f"Its process on the cluster ended {how}, without a word. {run.describe_kept()} As a rule "
        "that is want of memory: use a smaller batch_size or a larger machine; or resume."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
