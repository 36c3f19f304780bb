"""Predicted against real: a run's time left after 5 % of its steps, and Check's peak memory.

``python benchmarks/training_prediction.py [--rows 320] [--only 0,1]``: five configs on
SmolLM2-135M and the sample project's travel bot, one after the other: Check, then the run itself.
Prints the time left that the run told at 5 % of its steps against the time it then took until its
model was saved and checked (limit 15 %), the peak memory that Check predicted against the worker's
own (limit 10 %), and how far Check's time was off. Ends with 1 beyond one of the two limits. It
wants a quiet machine: the load is printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from radu_core.models import DEFAULT_GENERATOR
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import FINAL, RunDirectory
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.sample import load_sample
from radu_core.workflows.runs import launch
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.preflight import preflight_report

MODULE = "aurora_travel_en"
CONFIGS: tuple[dict[str, Any], ...] = (
    {"batch_size": 2, "eval_every": 40, "eval_rows": 16},
    {"batch_size": 4, "grad_accumulation": 2, "eval_rows": 0},
    {"batch_size": 4, "method": "full", "eval_every": 20, "eval_rows": 16},
    {"batch_size": 2, "gradient_checkpointing": True, "eval_rows": 16, "task_metrics": False},
    {"batch_size": 2, "use_dora": True, "lora_rank": 8, "eval_rows": 0, "tokens_per_pass": 512},
)
TIME_LIMIT, MEMORY_LIMIT = 0.15, 0.10


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=320, help="that each run trains on")
    parser.add_argument("--only", default=",".join(map(str, range(len(CONFIGS)))))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        (home / "models").symlink_to(Workspace.from_environment().models.resolve())
        space = Workspace(home)
        load_sample(space, only=("travel",))
        build(space, MODULE)
        configs_chosen = [CONFIGS[int(i)] for i in options.only.split(",")]
        good = [one(space, settings, options.rows) for settings in configs_chosen]
    return 0 if all(good) else 1


def one(space: Workspace, settings: dict[str, Any], rows: int) -> bool:
    steps = max(1, rows // (settings["batch_size"] * settings.get("grad_accumulation", 1)))
    dataset = space.datasets / "default" / MODULE
    config = TrainConfig.validate_data(
        {"dataset": dataset, "base_model": DEFAULT_GENERATOR, "max_steps": steps, **settings}
    )
    print(f"{settings}, {steps} steps; load {os.getloadavg()[0]:.1f}", flush=True)
    start = time.monotonic()
    report = preflight_report(space, config)
    check_seconds = time.monotonic() - start
    predicted = report.prediction
    if predicted is None:
        print(f"  Check refused: {report.problems}")
        return False
    run = launch.start(space, config)
    peak, whole = watch(run)
    step_events = {e.data["step"]: e for e in run.events() if e.kind == "step"}
    early = step_events[max(1, round(0.05 * steps))]
    seconds_left, really = early.data["eta_seconds"], run.events()[-1].at - early.at
    off, memory_off = seconds_left / really - 1, predicted.memory_bytes / peak - 1
    print(
        f"  time left at 5 %: {seconds_left:.0f} s, really {really:.0f} s ({off:+.0%})\n"
        f"  peak memory: predicted {predicted.memory_bytes / 1e9:.2f} GB, "
        f"really {peak / 1e9:.2f} ({memory_off:+.0%})\n"
        f"  Check took {check_seconds:.0f} s and said {predicted.seconds:.0f} s; "
        f"start to saved model took {whole:.0f} ({predicted.seconds / whole - 1:+.0%})",
        flush=True,
    )
    return abs(off) <= TIME_LIMIT and abs(memory_off) <= MEMORY_LIMIT


def watch(run: RunDirectory) -> tuple[float, float]:
    """Peak bytes of the run's process until it has been trained, and seconds to its end."""
    start, peak = time.monotonic(), 0.0
    while (state := run.state()[0]) not in FINAL:
        if state == "running":
            try:
                text = Path(f"/proc/{run.pid()}/status").read_text(encoding="ascii")
            except OSError:
                continue
            peak = 1024.0 * int(text.partition("VmHWM:")[2].split()[0])
        time.sleep(0.2)
    if run.state()[0] != "finished":
        raise SystemExit(f"{run.state()}\n{run.log_tail()}")
    return peak, time.monotonic() - start


if __name__ == "__main__":
    sys.exit(main())
