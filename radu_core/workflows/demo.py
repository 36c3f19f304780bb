"""``radu demo``: the main job headless, from raw labels to an evaluated model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from radu_core.errors import RunError
from radu_core.evaluation import EvaluationReport
from radu_core.models import DEFAULT_GENERATOR
from radu_core.progress import Progress, silent
from radu_core.training import RunDirectory, TrainConfig
from radu_core.training.runs import FINAL
from radu_core.training.stages import stage
from radu_core.workflows.coverage import CoverageReport, coverage_report
from radu_core.workflows.dataset import build
from radu_core.workflows.evaluate import evaluate
from radu_core.workflows.outcomes import ResolveReport
from radu_core.workflows.sample import GoldCheck, check_against_gold, load_sample, sample_modules
from radu_core.workflows.train import start
from radu_core.workflows.workspace import Workspace

__all__ = ["DemoResult", "demo", "follow"]

T = TypeVar("T")


@dataclass(frozen=True)
class DemoResult:
    """What each stage gave, and how long it took (seconds, by stage)."""

    resolve: ResolveReport
    gold: GoldCheck
    coverage: CoverageReport
    run: str
    report: EvaluationReport
    seconds: dict[str, float]


def demo(
    workspace: Workspace,
    *,
    module: str = "aurora_travel_en",
    minutes: float = 3.5,
    limit: int | None = 32,
    progress: Progress = silent,
) -> DemoResult:
    """Import → resolve → coverage → dataset → LoRA → evaluation, on one sample module.

    ``minutes`` bounds the training, ``limit`` the test utterances that are measured.
    """
    seconds: dict[str, float] = {}
    bot = module.split("_")[1]
    directory = next(p for p in sample_modules() if p.name == bot)

    def timed(stage: str, work: Callable[[], T]) -> T:
        begun = time.monotonic()
        made = work()
        seconds[stage] = round(time.monotonic() - begun, 1)
        return made

    def _import() -> ResolveReport:
        return load_sample(workspace, only=(bot,), progress=progress)[0]

    resolved = timed("import and resolve", _import)
    gold = check_against_gold(workspace, directory)
    covered = timed("coverage", lambda: coverage_report(workspace, module, progress=progress))
    view = timed("dataset", lambda: build(workspace, module, name="demo", progress=progress))
    config = TrainConfig(
        dataset=view.directory,
        base_model=DEFAULT_GENERATOR,
        epochs=3,
        max_minutes=minutes,
        eval_every=40,
        eval_rows=16,
    )
    run = timed("launch", lambda: start(workspace, config, progress=progress))
    timed("training", lambda: follow(run, progress=progress))
    report = timed(
        "evaluation",
        lambda: evaluate(workspace, run.id, limit=limit, untrained=True, progress=progress),
    )
    return DemoResult(resolved, gold, covered, run.id, report, seconds)


def follow(run: RunDirectory, *, progress: Progress = silent, poll: float = 0.5) -> None:
    """Wait for a run to end, telling its steps; ``RunError`` unless it finished."""
    while True:
        state, reason = run.state()
        events = run.events()
        last = next((e for e in reversed(events) if e.kind == "step"), None)
        now = stage(events)
        if last is not None and state == "running" and not now:
            figures = last.data
            what = (
                f"Training (loss {figures['loss']:.3f}, "
                f"{figures['tokens_per_second']:.0f} tokens/s, "
                f"{figures['eta_seconds']:.0f} s left)"
            )
            progress(what, int(figures["step"]), int(figures["steps"]))
        else:
            progress(now or f"Run is {state}", 0, 0)
        if state in FINAL:
            if state != "finished":
                raise RunError(
                    f"Run {run.id} is {state}: {reason}", remedy=f"See {run.path / 'log.txt'}."
                )
            return
        time.sleep(poll)
