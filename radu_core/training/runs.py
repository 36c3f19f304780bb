"""A run is a directory; its state is read from its files and its process, never remembered."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from radu_core.errors import NotFoundError, RunError
from radu_core.files import content_hash, disk_errors, read_json, write_json, write_text
from radu_core.training.config import TrainConfig

__all__ = ["FINAL", "RunDirectory", "RunEvent", "RunState", "list_runs"]

RunState = Literal[
    "created", "loading", "running", "saving", "finished", "stopped", "failed", "lost"
]
FINAL: tuple[RunState, ...] = ("finished", "stopped", "failed", "lost")
_PARTS = ("config.yaml", "events.jsonl")


@dataclass(frozen=True)
class RunEvent:
    """One line of ``events.jsonl``: what happened, when (seconds since the epoch), and figures."""

    kind: str
    at: float
    data: Mapping[str, Any]


class RunDirectory:
    """One run: ``config.yaml``, ``events.jsonl``, ``process.json``, ``log.txt``, ``checkpoints/``,
    ``model/``, ``adapter/``, ``report.json``, ``README.md``, ``serving/``, ``evaluation/``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, root: Path, config: TrainConfig, *, now: datetime) -> RunDirectory:
        """A new run directory under ``root``, named by time, module and method."""
        text = config.to_yaml()
        digest = content_hash(f"{now.isoformat()}\n{text}")[:4]
        name = f"{now:%Y%m%d-%H%M%S}-{config.dataset.name}-{config.method}-{digest}"
        run = cls(root / name)
        with disk_errors(run.path):
            run.path.mkdir(parents=True)
        write_text(run.path / "config.yaml", text)
        run.append("state", state="created")
        return run

    @classmethod
    def open(cls, root: Path, name: str) -> RunDirectory:
        """The run of that name; ``RunError`` when its directory is gone or isn't a run."""
        run = cls(root / name)
        if Path(name).name != name or not run.exists:
            known = [r.id for r in list_runs(root)][:5]
            raise RunError(
                "There is no such run (its directory is gone)" if name else "No run was named",
                value=name,
                remedy=f"The newest runs are {', '.join(known)}." if known else "Launch one.",
            )
        return run

    @property
    def id(self) -> str:
        """The directory's name."""
        return self.path.name

    @property
    def exists(self) -> bool:
        """Whether the directory is there and is a run."""
        return all((self.path / part).is_file() for part in _PARTS)

    @property
    def model(self) -> Path:
        """The trained model, loadable by plain transformers once the run has finished."""
        return self.path / "model"

    def config(self) -> TrainConfig:
        """The run's settings."""
        return TrainConfig.from_file(self.path / "config.yaml")

    def append(self, kind: str, **data: Any) -> None:
        """Append an event. One line is one write, so readers never see half of two."""
        line = json.dumps({"kind": kind, "at": time.time(), **data}, ensure_ascii=False) + "\n"
        with disk_errors(self.path), (self.path / "events.jsonl").open("a", encoding="utf-8") as f:
            f.write(line)

    def events(self) -> list[RunEvent]:
        """All events so far; a last line that is still being written is left out."""
        try:
            text = (self.path / "events.jsonl").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        found = []
        for line in text.split("\n"):
            try:
                data = json.loads(line)
                found.append(RunEvent(data.pop("kind"), data.pop("at"), data))
            except (json.JSONDecodeError, KeyError, AttributeError):
                continue
        return found

    def state(self) -> tuple[RunState, str]:
        """The state and, for an end that isn't success, its reason.

        A run whose last event says it goes on, but whose process is gone, is ``lost``.
        """
        last = next((e for e in reversed(self.events()) if e.kind == "state"), None)
        if last is None:
            return "lost", "Its event file is missing or damaged."
        state: RunState = last.data["state"]
        if state in FINAL or self.alive():
            return state, str(last.data.get("reason", ""))
        again = next((e for e in reversed(self.events()) if e.kind == "state"), last)
        if again.data["state"] in FINAL:  # it ended while we looked
            return again.data["state"], str(again.data.get("reason", ""))
        if state == "created" and not (self.path / "process.json").is_file():
            return "created", ""
        tail = self.log_tail(1)
        return "lost", f"Its process ended without a word. Last line of the log: {tail or '(none)'}"

    def alive(self) -> bool:
        """Whether the run's process lives: the same pid *and* the same start time."""
        import psutil

        try:
            record = read_json(self.path / "process.json")
            process = psutil.Process(record["pid"])
            same = abs(process.create_time() - record["started"]) < 2.0
            return same and process.status() != psutil.STATUS_ZOMBIE
        except (NotFoundError, psutil.Error):
            return False

    def write_process(self, pid: int, started: float) -> None:
        """Remember the process that does the run."""
        write_json(self.path / "process.json", {"pid": pid, "started": started})

    def pid(self) -> int | None:
        """The process id, if a process was started."""
        path = self.path / "process.json"
        return int(read_json(path)["pid"]) if path.is_file() else None

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
    """All runs under ``root``, newest first."""
    if not root.is_dir():
        return []
    found = [RunDirectory(p) for p in sorted(root.iterdir(), reverse=True) if p.is_dir()]
    return [r for r in found if r.exists]
