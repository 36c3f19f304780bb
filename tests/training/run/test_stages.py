"""What a run is doing, as its events tell it."""

from __future__ import annotations

from typing import Any

import pytest

from radu_core.training.run.directory import RunEvent
from radu_core.training.run.stages import stage

CREATED, LOADING, RUNNING = (
    ("state", {"state": state}) for state in ("created", "loading", "running")
)
TOKENIZING = ("loading", {"what": "Tokenizing every row"})
MODEL = ("loading", {"what": "Loading the model"})
STEP = ("step", {"step": 1})
EVALUATING = ("evaluating", {"step": 1, "rows": 4})
STOPPED = ("state", {"state": "stopped"})


@pytest.mark.parametrize(
    ("events", "doing"),
    [
        ([], ""),
        ([CREATED], "Starting its process"),
        ([CREATED, ("state", {"state": "queued"})], ""),
        ([CREATED, LOADING], "Starting"),
        ([CREATED, LOADING, TOKENIZING], "Tokenizing every row"),
        ([CREATED, LOADING, TOKENIZING, ("preflight", {}), MODEL], "Loading the model"),
        ([CREATED, LOADING, MODEL, RUNNING], "Making the first step"),
        ([CREATED, LOADING, MODEL, RUNNING, STEP], ""),
        ([CREATED, LOADING, MODEL, RUNNING, STEP, EVALUATING], ""),
        ([LOADING, RUNNING, STEP, STOPPED], ""),
        # resumed: what it did before isn't what it does
        ([RUNNING, STEP, STOPPED, CREATED, LOADING], "Starting"),
        ([RUNNING, STEP, STOPPED, LOADING, TOKENIZING], "Tokenizing every row"),
        ([RUNNING, STEP, STOPPED, LOADING, RUNNING], "Making the next step"),
        ([RUNNING, STEP, STOPPED, LOADING, RUNNING, EVALUATING], "Evaluating 4 rows"),
        ([RUNNING, STEP, STOPPED, LOADING, RUNNING, STEP], ""),
    ],
)
def test_what_a_run_does_before_its_first_step(
    events: list[tuple[str, dict[str, Any]]], doing: str
) -> None:
    assert stage([RunEvent(kind, 0.0, data) for kind, data in events]) == doing
