"""Trial steps of a run that tunes an encoder: what a step and a checkpoint take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from radu_core.training.probe.measurements import Probe
from radu_core.training.run.machine import peak_memory
from radu_core.training.worker.steps import Fitting

__all__ = ["step_on_longest", "step_on_typical"]

_MOST_STEPS = 12
_CAUTION = 0.6  # share of the time left that typical steps may take


def step_on_longest(
    fitting: Fitting[Any],
    tokens: Sequence[int],
    scratch: Path,
    probe: Probe,
    tell: Callable[[Probe], None],
) -> Probe:
    """Make two steps on one batch of the longest rows (so many ``tokens`` each), and a checkpoint.

    The optimizer's state is there from the second step on.
    """
    probe = replace(
        probe, longest_rows=len(tokens), longest_tokens=sum(tokens), longest_row=max(tokens)
    )
    for _ in range(2):
        start = time.monotonic()
        fitting.make_step(0.0)
        probe = replace(probe, longest_seconds=time.monotonic() - start, peak_bytes=peak_memory())
        tell(probe)
    start = time.monotonic()
    torch.save(fitting.state(), scratch / "state.pt")
    seconds, size = time.monotonic() - start, (scratch / "state.pt").stat().st_size
    (scratch / "state.pt").unlink()
    return replace(probe, save_seconds=seconds, save_bytes=size)


def step_on_typical(fitting: Fitting[Any], probe: Probe, end: float) -> Probe:
    """Make the steps that a run begins with, as far as the time goes; one at least.

    ``end`` is by the monotonic clock.
    """
    start, seconds_left = time.monotonic(), _CAUTION * (end - time.monotonic())
    while fitting.step < _MOST_STEPS and (
        time.monotonic() - start < seconds_left or not fitting.step
    ):
        fitting.make_step(0.0)
    return replace(
        probe,
        steps=fitting.step,
        step_seconds=(time.monotonic() - start) / fitting.step,
        step_tokens=fitting.tokens / fitting.step,
    )
