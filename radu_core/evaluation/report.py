"""The report of one evaluation: the run's systems beside the baselines, and the errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from radu_core.errors import StoreError
from radu_core.evaluation.metrics import CallError, Metrics
from radu_core.files import read_json, write_json

__all__ = ["EvaluationReport", "beaten_baselines"]


class EvaluationReport(BaseModel):
    """``trained`` is the run's model, ``untrained`` its base model on the same rows, if measured.

    ``left_out`` counts the rows of the split that weren't measured, by reason.
    """

    model_config = ConfigDict(extra="forbid")

    module: str
    split: str
    run: str
    created: str
    rows: int
    left_out: dict[str, int]
    trained: Metrics
    untrained: Metrics | None = None
    baselines: tuple[Metrics, ...] = ()
    errors: tuple[CallError, ...] = ()
    settings: dict[str, str | int | float] = {}

    def save(self, path: Path) -> None:
        """Write the report, whole or not at all."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> EvaluationReport:
        """Read a report; ``NotFoundError`` if there is none, ``StoreError`` if it is damaged."""
        data = read_json(path)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise StoreError(
                f"{path} isn't an evaluation report ({error.error_count()} fields are wrong)",
                remedy="Evaluate again: that replaces it.",
            ) from error

    @property
    def systems(self) -> tuple[Metrics, ...]:
        """Baselines first, then the model before and after training."""
        return (*self.baselines, *((self.untrained,) if self.untrained else ()), self.trained)


def beaten_baselines(report: EvaluationReport) -> tuple[list[str], list[str]]:
    """Where the trained model is better than every baseline, and where it isn't, as sentences."""
    better: list[str] = []
    worse: list[str] = []
    if not report.baselines:
        return better, worse
    for label, value in _MEASURES.items():
        best = max(report.baselines, key=value)
        own = value(report.trained)
        line = f"{label} {own:.1%} against {value(best):.1%} ({best.system})"
        (better if own > value(best) else worse).append(line)
    return better, worse


_MEASURES: dict[str, Callable[[Metrics], float]] = {
    "function accuracy": lambda m: m.function.share,
    "slot F1": lambda m: m.slot_f1,
    "exact match": lambda m: m.exact_match.share,
}
