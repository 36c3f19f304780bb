"""What a run will need, measured: a few real steps in a process that ends right after them.

``python -m radu_core.training.probe.process CONFIG.yaml MODEL_DIRECTORY OUT.json [PID]``

It builds the run's own Trainer and lets it step on the longest batch there can be, on typical
ones, and evaluate the longest validation rows. It is a process of its own because its peak memory
is what is asked, and because the kernel may end it for lack of memory; it ends when its parent
isn't PID any more.
"""

from __future__ import annotations

import math
import os
import random
import sys
import threading
import time
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from radu_core.files import write_json
from radu_core.tokenizing import load_tokenizer
from radu_core.training.probe.bench import Bench, device_name, gpu_peak_memory, longest_of, on_gpu
from radu_core.training.probe.measurements import Probe
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.encoding import Preflight, preflight
from radu_core.training.run.machine import peak_memory, stand_back
from radu_core.training.worker.ending import reason_of
from radu_core.training.worker.saving import checking_bytes, checking_tokens
from radu_core.training.worker.trainer import (
    evaluation_tokens,
    rows_to_evaluate,
    steady_memory,
    uses_bf16,
)

__all__ = ["main", "measure"]

_MEASURE_SECONDS = 35.0  # after that no further step is begun
_MOST_STEPS = 6  # typical ones
_CAUTION = 0.6  # share of the time left that typical steps may be planned for
_POLL = 0.1


def main(arguments: list[str]) -> int:
    """Measure and write OUT.json after every stage, so that what is known survives an end."""
    stand_back()  # as the run will
    if len(arguments) > 3:
        threading.Thread(target=_end_with, args=(int(arguments[3]),), daemon=True).start()
    config = TrainConfig.from_file(Path(arguments[0]))
    out = Path(arguments[2])
    latest = Probe()

    def tell(found: Probe) -> None:
        nonlocal latest
        latest = found
        write_json(out, asdict(found))

    try:
        measure(config, Path(arguments[1]), scratch=out.parent, tell=tell)
    except BaseException as error:  # whatever it was, it is the answer
        traceback.print_exc()
        tell(replace(latest, failure=reason_of(error)))
        return 1
    return 0


def _end_with(parent: int) -> None:
    """End when the process that asks is gone: it may have been killed."""
    while os.getppid() == parent:
        time.sleep(_POLL)
    os._exit(1)


def measure(
    config: TrainConfig,
    model_directory: Path,
    *,
    scratch: Path,
    tell: Any = None,
    seconds: float = _MEASURE_SECONDS,
) -> Probe:
    """Load, step and evaluate in this process. ``tell`` gets what is known after every stage."""
    tell = tell or (lambda _: None)
    if config.target == "retriever":
        if config.learns_by_teacher:
            from radu_core.training.lsr.probe import measure as measure_tuning
        elif config.objective == "contrastive":
            from radu_core.training.contrastive.probe import measure as measure_tuning
        else:
            from radu_core.training.joint.probe import measure as measure_tuning

        return measure_tuning(config, model_directory, scratch=scratch, tell=tell, seconds=seconds)
    from transformers import set_seed

    from radu_core.training.worker.loading import load_model

    end = time.monotonic() + seconds
    tell(found := Probe(stage="Tokenizing every row"))
    set_seed(config.seed)
    tokenizer = load_tokenizer(model_directory)
    rows = preflight(config, tokenizer)
    tell(found := replace(found, stage="Loading the model"))
    begun, empty = time.monotonic(), peak_memory()
    steady_memory()
    model = load_model(config, model_directory)
    found = replace(found, load_seconds=time.monotonic() - begun, device=device_name())
    if not on_gpu():
        found = replace(found, checking_bytes=empty + checking_bytes(rows, model))
    tell(found := replace(found, stage="Stepping on the longest rows"))
    bench = Bench(config, model, tokenizer, scratch)
    found = _longest(bench, rows, found, end, tell)
    tell(found := replace(found, stage="Evaluating the longest rows"))
    found = _evaluation(bench, config, rows, found)
    tell(found := replace(found, stage="Stepping on typical rows"))
    found = _typical(bench, config, rows, found, end)
    tell(found := replace(found, stage="Done"))
    return found


def _with_peak(found: Probe) -> Probe:
    """With the most memory that this process has had until now."""
    return replace(found, peak_bytes=peak_memory(), gpu_bytes=gpu_peak_memory())


def _longest(bench: Bench, rows: Preflight, found: Probe, end: float, tell: Any) -> Probe:
    """Two steps on the rows that take most memory, as the optimizer's state is there from the
    second on; one if time is over."""
    config = bench.wanted
    a_pass = math.ceil(len(rows.train) / config.step_rows)
    batch = bench.heaviest_of(rows.train, config.max_steps or math.ceil(config.epochs * a_pass))
    tokens = [len(row.input_ids) for row in batch]
    found = replace(
        found, longest_rows=len(batch), longest_tokens=sum(tokens), longest_row=max(tokens)
    )

    def after(seconds: float) -> None:
        tell(_with_peak(replace(found, longest_seconds=seconds)))

    clock = bench.train(batch, steps=2, end=end, save=True, after=after)
    return _with_peak(
        replace(
            found,
            longest_seconds=clock.seconds[-1],
            save_seconds=clock.save_seconds,
            save_bytes=clock.save_bytes,
        )
    )


def _evaluation(bench: Bench, config: TrainConfig, rows: Preflight, found: Probe) -> Probe:
    asked = rows_to_evaluate(config, rows)
    size = int(bench.model.config.vocab_size)
    found = replace(found, checking_tokens=checking_tokens(rows, size, bf16=uses_bf16(config)))
    batch = longest_of(asked, config.batch_size)
    if not batch:
        return found
    seconds = bench.evaluate(batch)
    return _with_peak(
        replace(
            found,
            evaluation_seconds=seconds,
            evaluation_tokens=sum(len(row.input_ids) for row in batch),
            evaluated_tokens=evaluation_tokens(asked, answers=config.task_metrics),
        )
    )


def _typical(bench: Bench, config: TrainConfig, rows: Preflight, found: Probe, end: float) -> Probe:
    """Steps on rows drawn by the seed: every drawn row is used once, so their tokens are known.

    Where the time ends before the steps do, the mean of the drawn rows stands for those used.
    """
    left = _CAUTION * (end - time.monotonic())
    steps = min(_MOST_STEPS, int(left / max(1e-6, found.longest_seconds)))
    wanted = min(steps * bench.step_rows, len(rows.train))
    if wanted < 1:
        return found
    drawn = random.Random(config.seed).sample(range(len(rows.train)), wanted)
    batch = [rows.train[i] for i in sorted(drawn)]
    planned = math.ceil(wanted / bench.step_rows)
    clock = bench.train(batch, steps=planned, end=end, save=False)
    done = len(clock.seconds)
    tokens = sum(len(row.input_ids) for row in batch) / planned
    found = replace(found, steps=done, step_seconds=clock.whole / done, step_tokens=tokens)
    return _with_peak(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
