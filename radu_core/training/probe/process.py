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

    def tell(probe: Probe) -> None:
        nonlocal latest
        latest = probe
        write_json(out, asdict(probe))

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


def _measure_retriever(config: TrainConfig, model_directory: Path, **options: Any) -> Probe:
    """Measure a run of the retriever, by what it learns from."""
    if config.learns_by_teacher:
        from radu_core.training.lsr.probe import measure
    elif config.objective == "contrastive":
        from radu_core.training.contrastive.probe import measure
    else:
        from radu_core.training.joint.probe import measure

    return measure(config, model_directory, **options)


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
        return _measure_retriever(
            config, model_directory, scratch=scratch, tell=tell, seconds=seconds
        )
    from transformers import set_seed

    from radu_core.training.worker.loading import load_model

    end = time.monotonic() + seconds
    tell(probe := Probe(stage="Tokenizing every row"))
    set_seed(config.seed)
    tokenizer = load_tokenizer(model_directory)
    rows = preflight(config, tokenizer)
    tell(probe := replace(probe, stage="Loading the model"))
    start, empty = time.monotonic(), peak_memory()
    steady_memory()
    model = load_model(config, model_directory)
    probe = replace(probe, load_seconds=time.monotonic() - start, device=device_name())
    if not on_gpu():
        probe = replace(probe, checking_bytes=empty + checking_bytes(rows, model))
    tell(probe := replace(probe, stage="Stepping on the longest rows"))
    bench = Bench(config, model, tokenizer, scratch)
    probe = _longest(bench, rows, probe, end, tell)
    tell(probe := replace(probe, stage="Evaluating the longest rows"))
    probe = _evaluation(bench, config, rows, probe)
    tell(probe := replace(probe, stage="Stepping on typical rows"))
    probe = _typical(bench, config, rows, probe, end)
    tell(probe := replace(probe, stage="Done"))
    return probe


def _with_peak(probe: Probe) -> Probe:
    """With the most memory that this process has had until now."""
    return replace(probe, peak_bytes=peak_memory(), gpu_bytes=gpu_peak_memory())


def _longest(bench: Bench, rows: Preflight, probe: Probe, end: float, tell: Any) -> Probe:
    """Make two steps on the rows that take most memory; one if time is over.

    The optimizer's state is there from the second step on.
    """
    config = bench.wanted
    a_pass = math.ceil(len(rows.train) / config.step_rows)
    batch = bench.heaviest_of(rows.train, config.max_steps or math.ceil(config.epochs * a_pass))
    tokens = [len(row.input_ids) for row in batch]
    probe = replace(
        probe, longest_rows=len(batch), longest_tokens=sum(tokens), longest_row=max(tokens)
    )

    def after(seconds: float) -> None:
        tell(_with_peak(replace(probe, longest_seconds=seconds)))

    clock = bench.train(batch, steps=2, end=end, save=True, after=after)
    return _with_peak(
        replace(
            probe,
            longest_seconds=clock.seconds[-1],
            save_seconds=clock.save_seconds,
            save_bytes=clock.save_bytes,
        )
    )


def _evaluation(bench: Bench, config: TrainConfig, rows: Preflight, probe: Probe) -> Probe:
    rows_asked = rows_to_evaluate(config, rows)
    size = int(bench.model.config.vocab_size)
    probe = replace(probe, checking_tokens=checking_tokens(rows, size, bf16=uses_bf16(config)))
    batch = longest_of(rows_asked, config.batch_size)
    if not batch:
        return probe
    seconds = bench.evaluate(batch)
    return _with_peak(
        replace(
            probe,
            evaluation_seconds=seconds,
            evaluation_tokens=sum(len(row.input_ids) for row in batch),
            evaluated_tokens=evaluation_tokens(rows_asked, answers=config.task_metrics),
        )
    )


def _typical(bench: Bench, config: TrainConfig, rows: Preflight, probe: Probe, end: float) -> Probe:
    """Steps on rows drawn by the seed: every drawn row is used once, so their tokens are known.

    Where the time ends before the steps do, the mean of the drawn rows stands for those used.
    """
    seconds_left = _CAUTION * (end - time.monotonic())
    steps = min(_MOST_STEPS, int(seconds_left / max(1e-6, probe.longest_seconds)))
    row_count = min(steps * bench.step_rows, len(rows.train))
    if row_count < 1:
        return probe
    row_places = random.Random(config.seed).sample(range(len(rows.train)), row_count)
    batch = [rows.train[i] for i in sorted(row_places)]
    step_plan = math.ceil(row_count / bench.step_rows)
    clock = bench.train(batch, steps=step_plan, end=end, save=False)
    step_count = len(clock.seconds)
    tokens = sum(len(row.input_ids) for row in batch) / step_plan
    probe = replace(
        probe, steps=step_count, step_seconds=clock.whole / step_count, step_tokens=tokens
    )
    return _with_peak(probe)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
