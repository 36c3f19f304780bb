"""A run is a directory; its state is read from its files and its process, never remembered."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Literal, get_args

from radu_core.errors import NotFoundError, RaduError, RunError, StoreError
from radu_core.files import (
    content_hash,
    disk_errors,
    read_json,
    whole_directory,
    write_json,
    write_text,
)
from radu_core.training.run.config import TrainConfig

__all__ = ["FINAL", "RunDirectory", "RunEvent", "RunState", "list_runs"]

RunState = Literal[
    "created",
    "queued",
    "loading",
    "running",
    "saving",
    "finished",
    "stopped",
    "failed",
    "lost",
    "damaged",
]
FINAL: tuple[RunState, ...] = ("finished", "stopped", "failed", "lost", "damaged")
_PARTS = ("config.yaml", "events.jsonl")
_ROOM, _ROOM_BYTES = "room-for-last-words", 2**16
_NAME = re.compile(r"\d{8}-\d{6}-(?P<module>.+)-(?:lora|full|qlora)-[0-9a-f]{4}")
_LAUNCH_SECONDS = 60.0  # from a run's creation to its process


@dataclass(frozen=True)
class RunEvent:
    """One line of ``events.jsonl``: what happened, when (seconds since the epoch), and figures."""

    kind: str
    at: float
    data: Mapping[str, Any]


@dataclass
class _Read:
    """What was read of an event file: up to ``end``, which is behind a line's end."""

    inode: int
    size: int
    changed: int  # nanoseconds
    end: int
    head: bytes
    tail: bytes
    events: list[RunEvent]


_READ: OrderedDict[Path, _Read] = OrderedDict()
_READ_LOCK = threading.Lock()
_READ_FILES, _EDGE = 16, 256


def _read_events(path: Path) -> list[RunEvent]:
    """The events in a file, of which only what was appended since the last time is read.

    A run has thousands, and a page that shows it asks every second. A file that was rewritten is
    read from its beginning.
    """
    with _READ_LOCK, suppress(FileNotFoundError), path.open("rb") as file:
        status = os.fstat(file.fileno())
        reading = _READ.pop(path, None)
        if reading is None or not _continues(reading, status, file):
            reading = _Read(status.st_ino, 0, 0, 0, b"", b"", [])
        if (reading.size, reading.changed) != (status.st_size, status.st_mtime_ns):
            file.seek(reading.end)
            new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            reading.events += _parse_events(whole)
            reading.head = (reading.head + whole[:_EDGE])[:_EDGE]
            reading.tail = (reading.tail + whole)[-_EDGE:]
            reading.end += len(whole)
            reading.size, reading.changed = status.st_size, status.st_mtime_ns
        _READ[path] = reading
        while len(_READ) > _READ_FILES:
            _READ.popitem(last=False)
        return reading.events
    return []


def _continues(reading: _Read, status: os.stat_result, file: IO[bytes]) -> bool:
    """Whether a file still begins with what was read of it."""
    if (reading.inode, reading.size, reading.changed) == (
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
    ):
        return True
    if reading.inode != status.st_ino or status.st_size <= reading.size:
        return False
    head = file.read(len(reading.head))
    file.seek(reading.end - len(reading.tail))
    return head == reading.head and file.read(len(reading.tail)) == reading.tail


def _parse_events(lines: bytes) -> list[RunEvent]:
    events = []
    for line in lines.decode("utf-8", "replace").split("\n"):
        try:
            data = json.loads(line)
            events.append(RunEvent(str(data.pop("kind")), float(data.pop("at")), data))
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            continue
    return events


class RunDirectory:
    """One run: a directory with its config, what happened, and what came of it.

    ``config.yaml``, ``events.jsonl`` (what happened, in order) and, as it goes on, ``about.json``
    (notes, tags, origin), ``serving/`` (what prompts are made from), ``process.json``,
    ``heartbeat``, ``stop`` (a request), ``log.txt``, ``checkpoints/``, ``adapter/`` (LoRA),
    ``model/``, ``model_check.json`` (the model as written beside the one that was trained),
    ``report.json``, ``README.md`` (the model card), ``evaluation/``.

    What has a dot before its name was being written when its process was killed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls,
        root: Path,
        config: TrainConfig,
        *,
        now: datetime,
        prepare: Callable[[RunDirectory], object] | None = None,
    ) -> RunDirectory:
        """A new run directory under ``root``, named by time, module and method.

        It is there with all that ``prepare`` puts into it, or not at all.
        """
        text = config.to_yaml()
        digest = content_hash(f"{now.isoformat()}\n{text}")[:4]
        name = f"{now:%Y%m%d-%H%M%S}-{config.dataset.name}-{config.method}-{digest}"
        if (root / name).exists():
            raise RunError("There is such a run already", value=name, remedy="Try again.")
        with whole_directory(root / name) as new:
            run = cls(new)
            write_text(new / "config.yaml", text)
            if prepare:
                prepare(run)
            run.append("state", state="created")
        return cls(root / name)

    @classmethod
    def open(cls, root: Path, name: str) -> RunDirectory:
        """The run of that name; ``RunError`` when there is none, or its directory isn't a run."""
        run = cls(root / name)
        if Path(name).name != name or not run.exists:
            ids = [r.id for r in list_runs(root)][:5]
            raise RunError(
                "There is no such run" if name else "No run was named",
                value=name,
                remedy=f"The newest runs are {', '.join(ids)}." if ids else "Launch one.",
            )
        return run

    @property
    def id(self) -> str:
        """The directory's name."""
        return self.path.name

    @property
    def exists(self) -> bool:
        """Whether the directory is there and is a run."""
        try:
            return all((self.path / part).is_file() for part in _PARTS)
        except OSError:  # a name that is too long
            return False

    @property
    def module(self) -> str:
        """The module it is of: by its config, or by its name when that can't be read."""
        try:
            return self.config().dataset.name
        except RaduError:
            match = _NAME.fullmatch(self.id)
            return match["module"] if match else ""

    @property
    def model(self) -> Path:
        """The trained model, loadable by plain transformers once the run has finished."""
        return self.path / "model"

    @property
    def elsewhere(self) -> bool:
        """Whether another machine does it; its process here only follows (``launcher.json``)."""
        return (self.path / "launcher.json").is_file()

    def config(self) -> TrainConfig:
        """The run's settings; ``InputError`` names the file when they can't be read."""
        return TrainConfig.from_file(self.path / "config.yaml")

    def append(self, kind: str, **data: Any) -> None:
        """Append an event. One line is one write, so readers never see half of two.

        Half a line, of a writer that was killed or of a full disk, is ended before.
        """
        line = json.dumps({"kind": kind, "at": time.time(), **data}, ensure_ascii=False) + "\n"
        with disk_errors(self.path), (self.path / "events.jsonl").open("ab+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else "\n" + line
            file.write(line.encode())

    def hold_room(self) -> None:
        """Keep 64 KiB of the disk for the run's last words: it may be full by then."""
        with suppress(OSError):  # it is full already; what the run does first will say so
            (self.path / _ROOM).write_bytes(b"\1" * _ROOM_BYTES)

    def free_room(self) -> None:
        """Give back what ``hold_room`` kept."""
        with suppress(OSError):
            (self.path / _ROOM).unlink(missing_ok=True)

    def events(self) -> list[RunEvent]:
        """All events so far; a last line that is still being written is left out."""
        return list(_read_events(self.path / "events.jsonl"))

    def state(self) -> tuple[RunState, str]:
        """The state and, for an end that isn't success, its reason.

        A run whose last event says it goes on, but whose process is gone, is ``lost``; one that
        isn't under way and whose files can't be read is ``damaged``, and the reason names the file.
        """
        last = self._last_state_event()
        if last is None:
            return "lost", "Its event file is missing or damaged."
        try:
            alive = self.alive()
            if not alive:
                self.config()
        except RaduError as error:
            return "damaged", str(error)
        if last.data["state"] not in FINAL and not alive:
            last = self._last_state_event() or last  # it may have ended while we looked
        state: RunState = last.data["state"]
        if state in FINAL or alive:
            return state, str(last.data.get("reason", ""))
        if state == "created" and not (self.path / "process.json").is_file():
            if time.time() - last.at < _LAUNCH_SECONDS:
                return "created", ""
            return "lost", "It was never launched."
        tail = self.log_tail(1)
        return (
            "lost",
            f"Its process ended without a message. Last line of the log: {tail or '(none)'}",
        )

    def _last_state_event(self) -> RunEvent | None:
        """The last event that says a state."""
        states_known = get_args(RunState)
        state_events = (e for e in reversed(self.events()) if e.kind == "state")
        return next((e for e in state_events if e.data.get("state") in states_known), None)

    def alive(self) -> bool:
        """Whether the run's process lives: the same pid *and* the same start time."""
        import psutil

        record = self._process()
        if record is None:
            return False
        pid, start = record
        try:
            process = psutil.Process(pid)
            same = abs(process.create_time() - start) < 2.0
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def _process(self) -> tuple[int, float] | None:
        """Pid and start time of the process that does the run; ``RunError`` if unreadable."""
        path = self.path / "process.json"
        try:
            record = read_json(path)
            return int(record["pid"]), float(record["started"])
        except NotFoundError:
            return None
        except (StoreError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise RunError(
                f"{path} doesn't say which process does the run",
                remedy="Delete that file when no process of the run is left.",
            ) from error

    def write_process(self, pid: int, start: float) -> None:
        """Remember the process that does the run."""
        write_json(self.path / "process.json", {"pid": pid, "started": start})

    def pid(self) -> int | None:
        """The process id, if a process was started."""
        record = self._process()
        return None if record is None else record[0]

    def checkpoints(self) -> dict[int, Path]:
        """Step → checkpoint, oldest first, of those that are whole.

        ``trainer_state.json`` is what is written last into one.
        """
        paths = {}
        for path in (self.path / "checkpoints").glob("checkpoint-*"):
            step = path.name.rpartition("-")[2]
            with suppress(RaduError):
                if step.isdecimal() and isinstance(read_json(path / "trainer_state.json"), dict):
                    paths[int(step)] = path
        return dict(sorted(paths.items()))

    @property
    def is_trained(self) -> bool:
        """Whether its last step is done and kept, so that only the model has to be written."""
        step = max(self.checkpoints(), default=None)
        trained_steps = (e.data.get("step") for e in self.events() if e.kind == "trained")
        return step is not None and step in trained_steps

    def describe_kept(self) -> str:
        """What of a run that didn't finish can be gone on from, in a sentence."""
        step = max(self.checkpoints(), default=None)
        if step is None:
            return "None of its steps was saved."
        if self.is_trained:
            return f"Its training is done and kept (step {step}): resuming it writes the model."
        return f"What it had learnt by step {step} is kept."

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log."""
        try:
            text = (self.path / "log.txt").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.rstrip().split("\n")[-lines:])

    def report(self) -> dict[str, Any] | None:
        """``report.json``, written when the run has ended well."""
        path = self.path / "report.json"
        return dict(read_json(path)) if path.is_file() else None


def list_runs(root: Path) -> list[RunDirectory]:
    """All runs under ``root``, newest first.

    A name with a dot before it is of one that is being made, or was when its maker was killed.
    """
    if not root.is_dir():
        return []
    paths_named = (p for p in sorted(root.iterdir(), reverse=True) if not p.name.startswith("."))
    runs = [RunDirectory(p) for p in paths_named if p.is_dir()]
    return [r for r in runs if r.exists]
