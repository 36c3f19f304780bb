"""The newest result of a module, beside the best that is free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from radu_core.errors import RaduError
from radu_core.evaluation import EvaluationReport, Metrics
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate.evaluation import SPLITS, report_path
from radu_core.workflows.frame.run_names import label_with, run_name

__all__ = ["Figure", "Result", "newest_result"]

_MEASURES: dict[str, Callable[[Metrics], float]] = {
    "function accuracy": lambda m: m.function.share,
    "slot F1": lambda m: m.slot_f1,
    "exact match": lambda m: m.exact_match.share,
}


@dataclass(frozen=True)
class Figure:
    """A measure of the trained model, and the baseline that is best in it ("": there is none)."""

    measure: str
    share: float
    baseline: str
    baseline_share: float


@dataclass(frozen=True)
class Result:
    """What a run got on ``rows`` utterances of a split.

    ``fast``: without a language model; ``name`` is what somebody called the run.
    """

    run: str
    name: str
    split: str
    rows: int
    created: str
    fast: bool
    figures: tuple[Figure, ...]

    @property
    def label(self) -> str:
        """The run as it is shown."""
        return label_with(self.run, self.name)


def newest_result(runs: Sequence[RunDirectory], module: str) -> Result | None:
    """What the run that was evaluated last got on test, or else on another split.

    None where no report can be read.
    """
    evaluated_runs = [
        (when, n, run) for n, run in enumerate(runs) if (when := _evaluation_time(run, module))
    ]
    for _, _, run in sorted(evaluated_runs, key=lambda m: (-m[0], m[1])):
        for split in SPLITS:
            with suppress(RaduError):
                return _result(run, EvaluationReport.load(report_path(run, split, module)))
    return None


def _evaluation_time(run: RunDirectory, module: str) -> float:
    """When a run was evaluated last; 0 if it never was."""
    files = report_path(run, "", module).parent.glob("*.json")
    return max((path.stat().st_mtime for path in files), default=0.0)


def _result(run: RunDirectory, report: EvaluationReport) -> Result:
    figures = []
    for measure, value in _MEASURES.items():
        if measure == "slot F1" and not report.trained.slot_pairs:
            continue
        best = max(report.baselines, key=value, default=None)
        share = value(report.trained)
        name = best.system if best else ""
        figures.append(Figure(measure, share, name, value(best) if best else 0.0))
    fast = run.config().target == "retriever"
    return Result(
        run.id, run_name(run), report.split, report.rows, report.created, fast, tuple(figures)
    )
