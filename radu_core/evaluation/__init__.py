"""How good a run is: metrics with intervals, errors, and the baselines one has for nothing."""

from radu_core.evaluation.baselines import Baseline, fit_baselines
from radu_core.evaluation.compare import Comparison, compare
from radu_core.evaluation.metrics import (
    CallError,
    FunctionScore,
    Metrics,
    Prediction,
    Share,
    measure,
)
from radu_core.evaluation.report import (
    EvaluationReport,
    Verdict,
    against_baselines,
    hash_of_rows,
)

__all__ = [
    "Baseline",
    "CallError",
    "Comparison",
    "EvaluationReport",
    "FunctionScore",
    "Metrics",
    "Prediction",
    "Share",
    "Verdict",
    "against_baselines",
    "compare",
    "fit_baselines",
    "hash_of_rows",
    "measure",
]
