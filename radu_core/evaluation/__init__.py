"""How good a run is: metrics with intervals, errors, and the baselines one has for nothing."""

from radu_core.evaluation.baselines import Baseline, fit_baselines, learnable
from radu_core.evaluation.compare import Comparison, compare
from radu_core.evaluation.metrics import (
    CallError,
    FunctionScore,
    Metrics,
    Prediction,
    Share,
    SlotScore,
    measure,
    pairs_of,
)
from radu_core.evaluation.report import (
    EvaluationReport,
    Labels,
    ScopeReport,
    Source,
    Verdict,
    WithEnsemble,
    WithGenerator,
    against_baselines,
    compare_each,
    hash_of_rows,
    scope_report,
)

__all__ = [
    "Baseline",
    "CallError",
    "Comparison",
    "EvaluationReport",
    "FunctionScore",
    "Labels",
    "Metrics",
    "Prediction",
    "ScopeReport",
    "Share",
    "SlotScore",
    "Source",
    "Verdict",
    "WithEnsemble",
    "WithGenerator",
    "against_baselines",
    "compare",
    "compare_each",
    "fit_baselines",
    "hash_of_rows",
    "learnable",
    "measure",
    "pairs_of",
    "scope_report",
]
