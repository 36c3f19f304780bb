"""What a run will need, measured: a few real steps in a process that ends right after them.

``python -m radu_core.training.probe CONFIG.yaml MODEL_DIRECTORY OUT.json [PID]`` builds the run's
own Trainer and lets it step on the longest batch there can be, on typical ones, and evaluate the
longest validation rows. It is a process of its own because its peak memory is what is asked, and
because the kernel may end it for lack of memory; it ends when its parent isn't PID any more.
"""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from radu_core.errors import RunError
from radu_core.files import disk_errors, read_json, write_json, write_text
from radu_core.progress import Progress, silent
from radu_core.tokenizing import load_tokenizer
from radu_core.training.bench import Bench, device_name, gpu_peak_memory, longest_of, on_gpu
from radu_core.training.config import TrainConfig
from radu_core.training.encoding import Preflight, preflight
from radu_core.training.machine import first_gpu, peak_memory, stand_back
from radu_core.training.measurements import Probe
from radu_core.training.saving import checking_bytes, checking_tokens
from radu_core.training.trainer import (
    evaluation_tokens,
    rows_to_evaluate,
    steady_memory,
    uses_bf16,
)

__all__ = ["main", "measure", "probe"]

_ROOT = Path(__file__).resolve().parents[2]
_MEASURE_SECONDS = 35.0  # after that no further step is begun
_END_SECONDS = 60.0  # after that the process is ended, whatever it does
_MOST_STEPS = 6  # typical ones
_CAUTION = 0.6  # share of the time left that typical steps may be planned for
_POLL = 0.1


def probe(
    config: TrainConfig,
    model: Path,
    *,
    scratch: Path,
    progress: Progress = silent,
    seconds: float = _END_SECONDS,
    prepare: Callable[[Path], object] | None = None,
) -> Probe:
    """Measure in a process of its own; ``scratch`` is where it may write, and is left as it was.
    ``prepare`` puts into a directory of the process what a run would find in its own.

    Where not one step was done within ``seconds``, ``longest_seconds`` is 0.
    ``RunError`` says why nothing could be measured, and what to do. The process and all it began
    are gone when this returns or raises, whatever ``progress`` raises.
    """
    with disk_errors(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch, prefix=".probe-") as name:
            folder = Path(name)
            write_text(folder / "config.yaml", config.to_yaml())
            if prepare:
                prepare(folder)
            with (folder / "log.txt").open("wb") as log:
                process = _begin(folder, model, log)
            try:
                in_time = _follow(process, folder, progress, seconds)
            finally:
                _end(process)
            return _outcome(folder, process.returncode, seconds if not in_time else None)


def _begin(folder: Path, model: Path, log: Any) -> subprocess.Popen[bytes]:
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    names = [str(folder / "config.yaml"), str(model), str(folder / "out.json"), str(os.getpid())]
    return subprocess.Popen(
        [sys.executable, "-m", "radu_core.training.probe", *names],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={
            **os.environ,
            **first_gpu(os.environ),
            "PYTHONPATH": os.pathsep.join(paths),
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        },
    )


def _follow(
    process: subprocess.Popen[bytes], folder: Path, progress: Progress, seconds: float
) -> bool:
    """Wait for the process's end; whether it came within ``seconds``."""
    begun = time.monotonic()
    while process.poll() is None:
        spent = time.monotonic() - begun
        if spent > seconds:
            return False
        progress(_read(folder).stage, int(spent), int(seconds))
        time.sleep(_POLL)
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End its whole group: it leads one, so nobody else's process is in it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(folder: Path) -> Probe:
    if not (folder / "out.json").is_file():
        return Probe()
    data = read_json(folder / "out.json")
    known = {f.name: data[f.name] for f in fields(Probe) if f.name in data}
    return Probe(**{**known, "cut": tuple(known.get("cut", ()))})


def _outcome(folder: Path, code: int, overrun: float | None) -> Probe:
    found = _read(folder)
    if found.failure:
        raise RunError(found.failure)
    if overrun is not None or code == 0:
        return found  # what was measured until the time was over is enough to go by
    at = f"while it was at: {found.stage}"
    if code == -signal.SIGKILL:
        raise RunError(
            f"The system ended the trial step, usually because memory ran out ({at})",
            remedy="Use a smaller batch_size or max_length, LoRA, or close other programs.",
        )
    last = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip()
    raise RunError(
        f"The trial step ended with code {code} {at} ({last[-300:]})",
        remedy="The same would happen to the run: correct the cause first.",
    )


def main(arguments: list[str]) -> int:
    """Measure and write OUT.json after every stage, so that what is known survives an end."""
    from radu_core.training.worker import reason_of

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

    from radu_core.training.loading import load_model

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
