"""What ``training_kills.py`` sees of a run from outside: its processes and its files."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

import psutil
import torch
from safetensors import safe_open

from radu_core.errors import RunError
from radu_core.files import read_json
from radu_core.training.run.directory import RunDirectory


def pid_of(run: RunDirectory) -> int | None:
    """The worker's, once it or the studio has said it."""
    try:
        return run.pid()
    except RunError:  # no directory yet
        return None


def last_state(run: RunDirectory) -> str:
    """The last state that the run's events say."""
    states = [str(e.data["state"]) for e in run.events() if e.kind == "state"]
    return states[-1] if states else ""


def a_minute_later(run: RunDirectory) -> None:
    """Move its events 61 s into the past, instead of waiting."""
    events = [{"kind": e.kind, "at": e.at - 61, **e.data} for e in run.events()]
    (run.path / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))


def workers(run: RunDirectory) -> list[int]:
    """The living processes that do this run, by their command line."""
    workers_found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words, status = process.info["cmdline"] or [], process.info["status"]
        ours = "radu_core.training.worker.process" in words and any(
            w.endswith(f"/{run.id}") for w in words
        )
        if ours and status != psutil.STATUS_ZOMBIE:
            workers_found.append(int(process.pid))
    return workers_found


def group(leader: int) -> list[str]:
    """The living processes of a process group."""
    group_found = []
    for process in psutil.process_iter(["status", "name"]):
        with suppress(ProcessLookupError, PermissionError):
            alive = process.info["status"] != psutil.STATUS_ZOMBIE
            if alive and os.getpgid(process.pid) == leader:
                group_found.append(f"process {process.pid} ({process.info['name']})")
    return group_found


def moment_of_kill(run: RunDirectory, eval_every: int) -> str:
    """What the run was doing when it was killed, as far as its files say."""
    if not run.exists:
        return "before it was a run"
    state = last_state(run)
    if state != "running":
        return state
    whole = run.checkpoints().values()
    if any(p not in whole for p in (run.path / "checkpoints").glob("checkpoint-*")):
        return "running: checkpoint"
    events = [e for e in run.events() if e.kind in ("step", "validation")]
    if events and events[-1].kind == "step" and events[-1].data["step"] % eval_every == 0:
        return "running: validation"
    return "running"


def half_written(run: RunDirectory) -> list[str]:
    """What passes as whole and isn't."""
    wrong = []
    for name in ("report.json", "process.json", "about.json", "model_check.json"):
        if (run.path / name).exists():
            try:
                read_json(run.path / name)
            except Exception as error:
                wrong.append(f"{name}: {error}")
    for name in ("model", "adapter"):
        folder = run.path / name
        if folder.exists():
            config_name = "config.json" if name == "model" else "adapter_config.json"
            wrong += loads(folder, config_name, "*.safetensors")
    for path in run.checkpoints().values():
        if path == max(run.checkpoints().items())[1]:
            wrong += loads(path, "trainer_state.json", "*.safetensors", "*.pt")
    if last_state(run) == "finished" and not (run.model.is_dir() and run.report()):
        wrong.append("finished without a model or a report")
    return wrong


def loads(folder: Path, *names: str) -> list[str]:
    wrong = [f"{folder.name}: no {n}" for n in names if not list(folder.glob(n))]
    for file in folder.iterdir():
        try:
            if file.suffix == ".safetensors":
                with safe_open(file, framework="pt") as weights:
                    for key in weights.keys():  # noqa: SIM118 - it isn't a mapping
                        weights.get_tensor(key)
            elif file.suffix == ".pt":
                torch.load(file, weights_only=True)
            elif file.suffix in (".pth", ".json"):
                file.read_bytes()
        except FileNotFoundError:  # the run goes on, and has just replaced it
            continue
        except Exception as error:
            wrong.append(f"{folder.name}/{file.name}: {error!r}")
    return wrong


def weights(run: RunDirectory) -> dict[str, str]:
    """The hash of each weights file of the model and the adapter."""
    files = sorted([*run.model.glob("*.safetensors"), *run.path.glob("adapter/*.safetensors")])
    return {str(f.relative_to(run.path)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
