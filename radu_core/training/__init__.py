"""Rows and a config → a run directory that holds a model."""

from radu_core.training.config import TrainConfig
from radu_core.training.encoding import Preflight, preflight
from radu_core.training.launcher import launch, stop
from radu_core.training.runs import RunDirectory, RunEvent, RunState, list_runs

__all__ = [
    "Preflight",
    "RunDirectory",
    "RunEvent",
    "RunState",
    "TrainConfig",
    "launch",
    "list_runs",
    "preflight",
    "stop",
]
