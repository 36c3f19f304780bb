"""How good a run is: metrics with intervals, errors, and the baselines one has for nothing."""

from radu_core.evaluation.baselines import Baseline, fit_baselines
from radu_core.evaluation.metrics import (
    CallError,
    FunctionScore,
    Metrics,
    Prediction,
    Share,
    measure,
)
from radu_core.evaluation.report import EvaluationReport, beaten_baselines

__all__ = [
    "Baseline",
    "CallError",
    "EvaluationReport",
    "FunctionScore",
    "Metrics",
    "Prediction",
    "Share",
    "beaten_baselines",
    "fit_baselines",
    "measure",
]
