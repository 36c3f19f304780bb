"""What a check before a run, and the check of a written model, may have found."""

from __future__ import annotations

from typing import Any

from radu_core.training.probe.measurements import Probe

MEASURED = Probe(
    stage="Done",
    load_seconds=2.0,
    longest_seconds=8.0,
    longest_tokens=2000,
    steps=3,
    step_seconds=2.0,
    step_tokens=1000.0,
    evaluation_seconds=4.0,
    evaluation_tokens=2000,
    evaluated_tokens=3000.0,
    save_seconds=1.0,
    save_bytes=10**6,
    peak_bytes=10**9,
)
MODEL_CHECK: dict[str, Any] = {
    "rows": 4,
    "supervised_tokens": 50,
    "equal_argmax": 1.0,
    "loss_trained": 1.0,
    "loss_written": 1.0,
    "max_logit_difference": 0.0,
    "dtype": "float32",
    "passed": True,
}
