"""The report of one evaluation: the run's systems beside the baselines, and the errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from radu_core.errors import StoreError
from radu_core.evaluation.compare import Comparison
from radu_core.evaluation.metrics import CallError, Metrics
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash, read_json, write_json

__all__ = ["EvaluationReport", "Verdict", "against_baselines", "hash_of_rows"]


class EvaluationReport(BaseModel):
    """``trained`` is the run's model, ``untrained`` its base model on the same rows, if measured.

    ``rows_hash`` tells the rows measured from others (``hash_of_rows``; older reports have none).
    ``left_out`` counts the rows of the split that weren't measured, by reason; ``comparisons`` are
    of the trained model with each baseline.
    """

    model_config = ConfigDict(extra="forbid")

    module: str
    split: str
    run: str
    created: str
    rows: int
    rows_hash: str = ""
    left_out: dict[str, int]
    trained: Metrics
    untrained: Metrics | None = None
    baselines: tuple[Metrics, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
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


def hash_of_rows(rows: Iterable[AnnotatedExemplar]) -> str:
    """Of ids, texts and labels, whatever the order: equal for the same rows, asked the same."""
    told = sorted([r.id, r.utterance, r.context, r.function, r.arguments] for r in rows)
    return content_hash(told)


@dataclass(frozen=True)
class Verdict:
    """The trained model beside the baselines, a sentence a measure.

    ``better``: than every baseline; ``worse``: than one; ``unclear``: the rows don't say, as the
    difference may be chance.
    """

    better: list[str]
    worse: list[str]
    unclear: list[str]


def against_baselines(report: EvaluationReport) -> Verdict:
    """Where the trained model is better or worse than the baselines by more than chance.

    A report without comparisons gives no sentence.
    """
    verdict = Verdict([], [], [])
    for label, value in _MEASURES.items():
        found = [c for c in report.comparisons if c.measure == label]
        if not found:
            continue
        best = max(report.baselines, key=value)
        line = f"{label} {value(report.trained):.1%} against {value(best):.1%} ({best.system})"
        clear = [c.difference for c in found if c.p < _CHANCE]
        if any(d < 0 for d in clear):
            verdict.worse.append(line)
        elif len(clear) == len(found):
            verdict.better.append(line)
        else:
            verdict.unclear.append(line)
    return verdict


_CHANCE = 0.05
_MEASURES: dict[str, Callable[[Metrics], float]] = {
    "function accuracy": lambda m: m.function.share,
    "slot F1": lambda m: m.slot_f1,
    "exact match": lambda m: m.exact_match.share,
}
