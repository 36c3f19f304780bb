"""The main job on real input: several Schema-Guided Dialogue services as one module.

``python benchmarks/main_job.py [DIRECTORY] [--generator] [--minutes 20] [--rows 200]``: ``radu
fit`` on all test rows; with ``--generator`` a LoRA of the default language model, for so many
minutes, on so many rows, before and after. DIRECTORY is SGD as published (schema.json,
dialogues_*.json). By default ``RADU_DATA`` and ``~/.cache/radu/data`` are searched for it; else
``../shared/data/sgd-train-dev.tar.xz`` is unpacked; skips where there is none. Prints every stage's
counts and seconds, and the model beside the baselines, on held-back dialogues.
"""

from __future__ import annotations

import argparse
import os
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from radu_core.cli.fit import fit_lines
from radu_core.cli.model import evaluation_text
from radu_core.dataset import DatasetConfig
from radu_core.models import DEFAULT_GENERATOR
from radu_core.prompts import RowOptions
from radu_core.training.run.config import TrainConfig
from radu_core.workflows.coverage.report import coverage_report
from radu_core.workflows.evaluate.evaluation import evaluate
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.runs.launch import start
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.fit import fit
from radu_core.workflows.train.following import follow

ARCHIVE = Path(__file__).resolve().parents[2] / "shared" / "data" / "sgd-train-dev.tar.xz"
SERVICES = ["Flights_1", "Restaurants_1", "Banks_1", "Events_1", "Hotels_1"]
MODULE = "sgd_mixed_en"
T = TypeVar("T")


def time_stage(stage: str, work: Callable[[], T]) -> T:
    start = time.monotonic()
    outcome = work()
    print(f"{stage}: {time.monotonic() - start:.1f} s", flush=True)
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", nargs="?", type=Path)
    parser.add_argument("--generator", action="store_true")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rows", type=int, default=200)
    options = parser.parse_args()
    models = Workspace.from_environment().models.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(os.environ.get("RADU_DATA") or Path.home() / ".cache/radu/data")
        data = options.directory or folder / "train"
        if not (data / "schema.json").exists():
            if not ARCHIVE.exists():
                print(f"skipped: no SGD in {data}, and {ARCHIVE} doesn't exist")
                return
            with tarfile.open(ARCHIVE) as archive:
                archive.extractall(scratch, filter="data")
            data = next(p.parent for p in sorted(Path(scratch).rglob("train/schema.json")))
        home = Path(scratch) / "home"
        home.mkdir()
        (home / "models").symlink_to(models)
        space = Workspace(home)
        load(space, data)
        if options.generator:
            train_generator(space, minutes=options.minutes, rows=options.rows)
        else:
            fit_fast(space)


def load(workspace: Workspace, data: Path) -> None:
    options = {"services": SERVICES}
    import_report = time_stage(
        "import",
        lambda: import_file(
            workspace, "sgd", data, module=MODULE, who="benchmark", options=options
        ),
    )
    print(
        f"  {import_report.rows} turns: {import_report.accepted} accepted, "
        f"{dict(import_report.skipped)}"
    )
    resolved = time_stage("resolve", lambda: resolve(workspace, MODULE, who="benchmark"))
    print(f"  {resolved.outcomes}")


def fit_fast(workspace: Workspace) -> None:
    report = time_stage("fit", lambda: fit(workspace, MODULE, who="benchmark"))
    for line in fit_lines(report):
        Console(width=140).print(line)


def train_generator(workspace: Workspace, *, minutes: float, rows: int) -> None:
    choice = time_stage("coverage", lambda: coverage_report(workspace, MODULE)).choice
    print(
        f"  k_desc={choice.k_desc}, k_exemplar={choice.k_exemplar}: {choice.share:.1%} "
        f"({choice.low:.1%} to {choice.high:.1%}), {choice.cost:.0f} tokens a prompt"
    )
    config = DatasetConfig(
        k_desc=choice.k_desc, rows=RowOptions(k_exemplar=max(3, choice.k_exemplar))
    )
    view = time_stage("dataset", lambda: build(workspace, MODULE, name="main", config=config))
    print(f"  {view.manifest.counts}")
    training = TrainConfig(
        dataset=view.directory,
        base_model=DEFAULT_GENERATOR,
        epochs=1,
        max_minutes=minutes,
        eval_every=200,
        eval_rows=48,
        save_every=500,
    )
    run = start(workspace, training)
    time_stage("training", lambda: follow(run))
    last = [e for e in run.events() if e.kind == "step"][-1].data
    print(f"  {last['step']} of {last['steps']} steps, {last['tokens_per_second']:.0f} tokens/s")
    report = time_stage(
        "evaluation",
        lambda: evaluate(workspace, run.id, limit=rows, untrained=True),
    )
    for line in evaluation_text(report):
        Console(width=120).print(line)


if __name__ == "__main__":
    main()
