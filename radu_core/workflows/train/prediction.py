"""What a run will need, by what trial steps of it took."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from radu_core.training.probe.measurements import Probe
from radu_core.training.run.config import TrainConfig
from radu_core.workflows.runs.retriever_rows import Rows

__all__ = ["Prediction", "predict", "predict_tuning"]

_CHECKPOINTS = 3  # two are kept, and a third is written before one goes
_SAVE_SECONDS, _SAVE_SHARE = 60.0, 0.05  # how often the worker saves by time
_START_SECONDS = 8.0  # a process that loads torch, transformers and peft


@dataclass(frozen=True)
class Prediction:
    """What the run will need: bytes and seconds.

    ``seconds`` is loading to saved model, and ``first_step_seconds`` loading to the end of the
    first step.

    ``capped`` says that ``max_minutes`` ends it before its last step; ``asking_seconds`` are those
    of asking a language model what helps it.
    """

    steps: int
    seconds: float
    first_step_seconds: float
    training_seconds: float
    evaluation_seconds: float
    saving_seconds: float
    tokens_per_second: float
    memory_bytes: int
    memory_free: int
    gpu_bytes: int
    disk_bytes: int
    capped: bool
    asking_seconds: float = 0.0


def predict(config: TrainConfig, rows: int, tokens: int, probe: Probe, model: Path) -> Prediction:
    """Steps × their tokens × the seconds of a token, evaluations, saves and loading."""
    a_pass = math.ceil(rows / config.step_rows)
    steps = config.max_steps or max(1, math.ceil(config.epochs * a_pass))
    speed = max(1e-9, probe.tokens_per_second)
    training = steps * (tokens / a_pass) / speed
    once = _evaluation_seconds(probe)
    evaluations = config.evaluations(steps)
    saving = (steps // config.save_every) * probe.save_seconds
    saving += _by_time(training, probe.save_seconds)
    whole = training + (evaluations - 1) * once + saving
    whole += _START_SECONDS + probe.load_seconds
    limit = 60 * (config.max_minutes or math.inf)
    last = 2 * probe.save_seconds + probe.checking_seconds
    return Prediction(
        steps=steps,
        seconds=min(whole, limit) + once + last,  # these come after the limit
        first_step_seconds=_START_SECONDS + probe.load_seconds + training / steps,
        training_seconds=training,
        evaluation_seconds=evaluations * once,
        saving_seconds=saving + last,
        tokens_per_second=speed,
        memory_bytes=probe.peak_bytes * (config.processes - 1)
        + max(probe.peak_bytes, probe.checking_bytes),
        memory_free=_memory_free(),
        gpu_bytes=probe.gpu_bytes,
        disk_bytes=_CHECKPOINTS * probe.save_bytes + 2 * _weights(model),
        capped=whole > limit,
    )


def predict_tuning(config: TrainConfig, probe: Probe, rows: Rows, model: Path) -> Prediction:
    """Predict the time and memory of a run of the retriever.

    The steps of its parts, what it embeds, its head, its saves, and what asking a teacher takes.
    """
    parts = _steps_of_parts(config, rows, probe)
    steps = sum(parts)
    step = probe.step_seconds or probe.longest_seconds
    training = steps * step
    embedding = _evaluation_seconds(probe)
    saving = len(parts) * probe.save_seconds + _by_time(training, probe.save_seconds)
    loading = _START_SECONDS + probe.load_seconds
    asking = _asking_seconds(config, probe)
    whole = loading + training + embedding + saving + sum(asking)
    limit = 60 * (config.max_minutes or math.inf)
    last = probe.head_seconds + probe.save_seconds
    return Prediction(
        steps=steps,
        seconds=min(whole, limit) + last,
        first_step_seconds=loading + (0.0 if config.max_minutes else asking[0]) + step,
        training_seconds=training,
        asking_seconds=sum(asking),
        evaluation_seconds=embedding + probe.head_seconds,
        saving_seconds=saving + probe.save_seconds,
        tokens_per_second=probe.tokens_per_second,
        memory_bytes=probe.peak_bytes,
        memory_free=_memory_free(),
        gpu_bytes=0,
        disk_bytes=2 * probe.save_bytes + _weights(model),
        capped=whole > limit,
    )


def _steps_of_parts(config: TrainConfig, rows: Rows, probe: Probe) -> list[int]:
    """The steps of each model that a run of the retriever trains."""
    if config.learns_by_teacher:
        from radu_core.training.lsr.fit import lsr_steps
        from radu_core.training.lsr.run import lsr_settings

        return [lsr_steps(lsr_settings(config), probe.asked_rows)]
    from radu_core.training.contrastive.run import contrastive_parts
    from radu_core.training.joint.run import joint_parts

    parts_of = contrastive_parts if config.objective == "contrastive" else joint_parts
    return [part.steps for part in parts_of(rows.labels, config)]


def _asking_seconds(config: TrainConfig, probe: Probe) -> tuple[float, float]:
    """The seconds that asking a teacher about every row takes: an upper bound.

    It is asked before the first step, and each time that a shared encoder retrieves again, only
    about rows whose chunks have changed.
    """
    if not config.learns_by_teacher:
        return 0.0, 0.0
    from radu_core.training.lsr.probe import count_renewals

    once = probe.asking_seconds * probe.asked_rows
    return once, once * count_renewals(config, probe.asked_rows)


def _by_time(training: float, save_seconds: float) -> float:
    return training / max(_SAVE_SECONDS, save_seconds / _SAVE_SHARE) * save_seconds


def _evaluation_seconds(probe: Probe) -> float:
    """One evaluation of the rows that a run evaluates, by tokens."""
    if not probe.evaluation_tokens:
        return 0.0
    per_token = probe.evaluation_seconds / probe.evaluation_tokens
    return per_token * probe.evaluated_tokens


def _memory_free() -> int:
    """Bytes that a new process may take: the machine's, or what a container leaves of them."""
    import psutil

    free = int(psutil.virtual_memory().available)
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):  # no such limit, or "max"
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used_bytes = int((group / "memory.current").read_text(encoding="ascii"))
        stat = (group / "memory.stat").read_text(encoding="ascii").split()
        cached = int(stat[stat.index("inactive_file") + 1])  # given up when it is wanted
        free = min(free, limit - used_bytes + cached)
    return free


def _weights(model: Path) -> int:
    return sum(f.stat().st_size for f in model.glob("*.safetensors"))
