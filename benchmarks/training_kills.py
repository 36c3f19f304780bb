"""kill -9 of the worker, the studio, or both, at random moments: what is left, and what resumes.

``python benchmarks/training_kills.py [--kills 100] [--seed 0] [--real]``: real processes, a tiny
model (``--real``: SmolLM2-135M, a few steps). Three homes with a studio each, side by side: LoRA
with dropout, full fine-tuning that keeps its best checkpoint, and LoRA in two processes, of which
the one that watches over them is killed. Each time a run is launched by the studio; one time in
three a second one waits behind it (or is at work, where it is the waiting one that is killed).
Looked at is

- that the state told, also by a studio that was started again, is the right one: lost, finished, or
  going on where only the studio was killed;
- that no process of the run is left, and nothing half-written passes as whole;
- that the other run gets its turn and finishes;
- that the run, resumed where it was lost, finishes with the weights of a run that nobody killed,
  bit for bit.

Ends with 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT), str(ROOT / "tests")]
os.environ["OMP_NUM_THREADS"] = "1"  # several lanes on two cores; and the sums are in one order

import torch  # noqa: E402
from _kills_look import (  # noqa: E402
    a_minute_later,
    group,
    half_written,
    last_state,
    moment_of_kill,
    pid_of,
    weights,
    workers,
)
from conftest import MODULE, ROWS, SCHEMA  # noqa: E402
from fakes import HashEmbedder, count_words  # noqa: E402
from studio_process import Studio  # noqa: E402
from tiny_model import make_tiny_model  # noqa: E402

from radu_core.models import DEFAULT_GENERATOR, model_directory  # noqa: E402
from radu_core.schema import parse_schema  # noqa: E402
from radu_core.training.run.directory import FINAL, RunDirectory, list_runs  # noqa: E402
from radu_core.workflows.frame.workspace import Workspace  # noqa: E402
from radu_core.workflows.load.files import import_file  # noqa: E402
from radu_core.workflows.load.outcomes import resolve  # noqa: E402
from radu_core.workflows.train.dataset import build  # noqa: E402

WHO = ("worker", "studio", "both")
MOMENTS = ("created", "queued", "loading", "running", "checkpoint", "validation", "saving")
TINY = {"max_steps": 23, "batch_size": 4, "save_every": 4, "eval_every": 6, "eval_rows": 4}
REAL = {"max_steps": 5, "batch_size": 2, "save_every": 2, "eval_every": 3, "eval_rows": 2}
LANES: tuple[dict[str, Any], ...] = (
    {"method": "lora", "lora_dropout": 0.2},
    {"method": "full", "best_by": "loss"},
    {"method": "lora", "processes": 2, "batch_size": 2},
)
PATIENCE = 600.0  # seconds: the machine may be busy; with --real ten times as many


@dataclass
class Found:
    """One kill: what was aimed at, what was hit, and what was wrong afterwards."""

    who: str
    aimed: str
    hit: str = ""
    wrong: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)


class Lane:
    """A home with a studio, and the runs that are launched and killed there."""

    def __init__(self, home: Path, config: dict[str, Any], seed: int, patience: float) -> None:
        self.space, self.config, self.patience = Workspace(home), config, patience
        self.name = config["method"] + (" x 2" if config.get("processes") else "")
        self.dice = random.Random(seed)
        self.studio = Studio(home, script="benchmarks/_kills_studio.py")
        self.reference: dict[str, str] = {}

    def begin(self) -> None:
        """Start the studio, and make the weights of a run that nobody kills."""
        self.studio.start()
        run = RunDirectory.open(self.space.runs, self.ask("launch_run", **self.config)["run"])
        self.until(lambda: run.state()[0] in FINAL)
        if run.state()[0] != "finished":
            raise SystemExit(f"the reference is {run.state()}\n{run.log_tail()}")
        self.reference = weights(run)

    def ask(self, what: str, **parameters: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.studio.address}/kills/{what}", json.dumps(parameters).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=self.patience) as answer:
            return dict(json.load(answer))

    def until(self, holds: Callable[[], Any], poll: float = 0.02) -> None:
        end = time.monotonic() + self.patience
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError("it took too long")
            time.sleep(poll)

    def trial(self, who: str, moment: str) -> Found:
        """Launch, kill, look, resume, look."""
        trial = Found(who, moment)
        try:
            victim, other = self.launch_at(moment)
        except Exception as error:
            trial.wrong.append(f"launch: {error!r}")
            self.sweep()
            return trial
        try:
            pid = self.kill(victim, who, moment)
            self.look(trial, victim, other, who, pid)
        except Exception as error:
            trial.wrong.append(f"{error!r} {traceback.format_exc()[-300:]}")
            self.sweep()
        if self.studio._process is None:
            self.studio.start()
        return trial

    # --- launching ----------------------------------------------------------------------------

    def launch_at(self, moment: str) -> tuple[RunDirectory, RunDirectory | None]:
        """The run to be killed, and another. At ``created`` the launch is still going on."""
        if moment == "queued":
            other = self.launch()
            self.until(lambda: last_state(other) in ("loading", "running"))
            victim = self.launch()
            self.until(lambda: last_state(victim) == "queued", 0.001)
            return victim, other
        two = self.dice.random() < 1 / 3
        if moment == "created":
            before = self.launch() if two else None
            return self.being_launched(), before
        return self.launch(), self.launch() if two else None

    def launch(self) -> RunDirectory:
        return RunDirectory(self.space.runs / self.ask("launch_run", **self.config)["run"])

    def being_launched(self) -> RunDirectory:
        """A run whose directory has just appeared, or is about to: its launch goes on."""
        before = {p.name for p in self.space.runs.iterdir()}

        def ask() -> None:
            with suppress(OSError):  # the studio is killed meanwhile
                self.ask("launch_run", **self.config)

        threading.Thread(target=ask, daemon=True).start()
        new: list[str] = []

        def has_appeared() -> bool:
            new[:] = [p.name for p in self.space.runs.iterdir() if p.name not in before]
            return bool(new)

        self.until(has_appeared, 0.0005)
        name = new[0]
        if name.startswith("."):  # being filled: the rest of its name is random
            name = name[1:].rpartition(".")[0]
        return RunDirectory(self.space.runs / name)

    # --- killing ------------------------------------------------------------------------------

    def kill(self, run: RunDirectory, who: str, moment: str) -> int | None:
        """Wait for the moment, and kill. Returns the worker's pid, where there is one."""
        self.wait_for(run, moment, who)
        victims = ["worker", "studio"] if who == "both" else [who]
        self.dice.shuffle(victims)
        pid = pid_of(run)
        for one in victims:
            if one == "studio":
                self.studio.end(signal.SIGKILL)
            else:
                pid = pid or next(iter(workers(run)), None)
                if pid:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for(self, run: RunDirectory, moment: str, who: str) -> None:
        dice, events = self.dice, run.events

        def over() -> bool:
            return last_state(run) in FINAL

        if moment == "created":
            if who != "studio":
                self.until(lambda: pid_of(run) or over(), 0.001)
            time.sleep(dice.uniform(0, 0.25))
        elif moment == "queued":
            time.sleep(dice.uniform(0, 0.5))
        elif moment in ("loading", "running", "saving"):
            self.until(lambda: last_state(run) == moment or over(), 0.001)
            if moment == "running":
                steps = dice.randrange(1, int(self.config["max_steps"]))
                self.until(lambda: sum(e.kind == "step" for e in events()) >= steps, 0.001)
            longest = {"loading": 8.0, "running": 0.02, "saving": 0.2}[moment]
            time.sleep(dice.uniform(0, longest * self.patience / PATIENCE))
        elif moment == "checkpoint":
            every, most = int(self.config["save_every"]), int(self.config["max_steps"])
            step = every * dice.randrange(1, most // every + 1)
            path = run.path / "checkpoints" / f"checkpoint-{step}"
            self.until(lambda: path.exists() or over(), 0.0005)
            time.sleep(dice.uniform(0, 0.03))
        else:
            every, most = int(self.config["eval_every"]), int(self.config["max_steps"])
            step = every * dice.randrange(1, most // every + 1)
            self.until(
                lambda: (
                    over() or any(e.kind == "step" and e.data["step"] >= step for e in events())
                ),
                0.0005,
            )
            time.sleep(dice.uniform(0, 0.03))

    # --- looking ------------------------------------------------------------------------------

    def look(
        self, trial: Found, run: RunDirectory, other: RunDirectory | None, who: str, pid: int | None
    ) -> None:
        if who != "studio":
            self.until(lambda: not workers(run))
            if pid:
                self.check_gone(trial, pid)
        trial.hit = moment_of_kill(run, TINY["eval_every"])
        if who != "worker":
            self.studio.start()
        if not run.exists:  # killed before there was a run: nothing may look like one
            if any(r.id == run.id for r in list_runs(self.space.runs)) or workers(run):
                trial.wrong.append("a run that was never made is listed or at work")
        else:
            trial.wrong += half_written(run)
            self.look_at_state(trial, run, who)
            self.to_the_end(trial, run)
        if other:
            self.until(lambda: other.state()[0] in FINAL)
            if other.state()[0] != "finished" or weights(other) != self.reference:
                trial.wrong.append(f"the other run: {other.state()}")
        for one in filter(None, (run, other)):
            self.until(lambda run=one: not run.exists or not run.alive())  # type: ignore[misc]
            trial.orphans += [f"{one.id}: process {p}" for p in workers(one)]

    def check_gone(self, trial: Found, leader: int) -> None:
        """Within 10 s, in which the kernel clears it away, nothing of the group is left."""
        end = time.monotonic() + 10
        while (survivors := group(leader)) and time.monotonic() < end:
            time.sleep(0.02)
        trial.orphans += survivors

    def look_at_state(self, trial: Found, run: RunDirectory, who: str) -> None:
        state, reason = run.state()
        view_state = self.ask("view", run=run.id)["state"]
        last = last_state(run)
        if who == "studio":
            launched = bool(workers(run)) or last in FINAL
            if launched:
                good = {last, state} - {"lost"}
                if state == "lost" or view_state == "lost" or not good:
                    trial.wrong.append(f"{state} ({reason}), though only the studio was killed")
            elif state != "created":
                trial.wrong.append(f"{state}, though it was never launched")
            return
        expected_state = last if last in FINAL else "lost"
        if last == "created" and not (run.path / "process.json").is_file():
            expected_state = "created"  # for a minute; then it was never launched
        if {state, view_state} != {expected_state}:
            trial.wrong.append(
                f"{state} (the studio says {view_state}) instead of {expected_state}: {reason}"
            )

    def to_the_end(self, trial: Found, run: RunDirectory) -> None:
        """Resumed where it was lost, it finishes with the weights of a run nobody killed."""
        if run.state()[0] == "created" and not workers(run):
            a_minute_later(run)
            if run.state() != ("lost", "It was never launched."):
                trial.wrong.append(f"a minute later it is {run.state()}")
        if run.state()[0] == "lost":
            self.ask("resume", run=run.id)
        self.until(lambda: run.state()[0] in FINAL)
        if run.state()[0] != "finished":
            trial.wrong.append(f"it ended {run.state()}")
        elif weights(run) != self.reference:
            trial.wrong.append("its weights are not those of a run that nobody killed")
        elif (run.path / "serving" / "manifest.json").is_file() is False:
            trial.wrong.append("it can't be served")
        trial.wrong += half_written(run)

    def sweep(self) -> None:
        """End what a trial that went wrong has left, so that the next one isn't misled."""
        for run in list_runs(self.space.runs):
            for pid in workers(run):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def make_home(home: Path, *, real: bool) -> dict[str, Any]:
    """A home with a small module, its dataset, and a model; what a run there is asked."""
    space = Workspace(home)
    space._embedders["all-MiniLM-L6-v2"] = HashEmbedder()
    count_words(space)
    home.mkdir(exist_ok=True)
    rows = home / "rows.jsonl"
    rows.write_text("".join(json.dumps(r) + "\n" for r in ROWS))
    space.store.put_schema(parse_schema(SCHEMA), who="kills")
    import_file(space, "jsonl", rows, module=MODULE, who="kills")
    resolve(space, MODULE, who="kills")
    dataset = build(space, MODULE).directory
    space.store.close()
    if real:
        model = model_directory(DEFAULT_GENERATOR, Workspace.from_environment().models).resolve()
    else:
        model = make_tiny_model(home / "tiny")
    return {"dataset": str(dataset), "base_model": str(model), **(REAL if real else TINY)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    plan = [(w, m) for m in MOMENTS for w in WHO]
    random.Random(options.seed).shuffle(plan)
    plan = [plan[i % len(plan)] for i in range(options.kills)]
    start, trials = time.time(), list[Found]()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        lanes = [one_lane(Path(scratch), n, options) for n in range(len(LANES))]
        threads = [
            threading.Thread(target=work, args=(lane, plan[n :: len(lanes)], trials))
            for n, lane in enumerate(lanes)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    table(trials)
    print(f"{len(trials)} kills in {(time.time() - start) / 60:.1f} min, seed {options.seed}")
    short = len(trials) < options.kills
    raise SystemExit(1 if short or any(f.wrong or f.orphans for f in trials) else 0)


def one_lane(scratch: Path, number: int, options: argparse.Namespace) -> Lane:
    place = scratch / f"lane{number}"
    place.mkdir()
    config = make_home(place / "home", real=options.real) | LANES[number]
    patience = PATIENCE * (10 if options.real else 1)
    return Lane(place / "home", config, 1000 * options.seed + number, patience)


def work(lane: Lane, plan: list[tuple[str, str]], trials: list[Found]) -> None:
    lane.begin()
    try:
        for who, moment in plan:
            start = time.time()
            trials.append(lane.trial(who, moment))
            one = trials[-1]
            print(
                f"{lane.name:9} {who:6} at {moment:10} hit {one.hit:20} "
                f"{time.time() - start:5.1f} s  {one.wrong or ''} {one.orphans or ''}",
                flush=True,
            )
    finally:
        lane.sweep()
        lane.studio.end(signal.SIGKILL)


def table(trials: list[Found]) -> None:
    print("\n| killed | while the run was | times | wrong | orphans |\n|---|---|---:|---:|---:|")
    cells = Counter((f.who, f.hit) for f in trials)
    for (who, moment), times in sorted(cells.items()):
        these = [f for f in trials if (f.who, f.hit) == (who, moment)]
        wrong, orphans = sum(bool(f.wrong) for f in these), sum(bool(f.orphans) for f in these)
        print(f"| {who} | {moment} | {times} | {wrong} | {orphans} |")
    for one in trials:
        for line in [*one.wrong, *one.orphans]:
            print(f"WRONG: {one.who} at {one.hit}: {line}")


if __name__ == "__main__":
    main()
