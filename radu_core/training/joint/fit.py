"""Training a joint encoder on labels."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from radu_core.exemplars import AnnotatedExemplar
from radu_core.training.joint.losses import supervised_contrastive
from radu_core.training.joint.model import JointEncoder, open_encoder
from radu_core.training.joint.rows import Labels, Row
from radu_core.schema import Schema

__all__ = ["JointSettings", "fit_joint", "steps_of"]


@dataclass(frozen=True)
class JointSettings:
    """How a joint encoder is trained. ``epochs`` None: by the number of rows."""

    epochs: float | None = None
    batch_size: int = 32
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    max_grad_norm: float = 1.0
    contrast: float = 0.0
    temperature: float = 0.1
    label_smoothing: float = 0.0
    tag_weight: float = 1.0
    seed: int = 0


_EPOCHS, _AT = 20.0, 640  # epochs for so many rows; steps grow with the square root of the rows


def steps_of(settings: JointSettings, rows: int) -> int:
    """Optimizer steps on so many rows."""
    epochs = settings.epochs or _EPOCHS * math.sqrt(_AT / max(rows, 1))
    return max(1, math.ceil(rows * epochs / settings.batch_size))


def fit_joint(
    schema: Schema,
    exemplars: Sequence[AnnotatedExemplar],
    base: Path,
    settings: JointSettings,
    *,
    labels: Labels | None = None,
    on_step: Callable[[int, int, float], object] = lambda step, steps, loss: None,
) -> JointEncoder:
    """A joint encoder trained on exemplars, from the embedding model in ``base``."""
    torch.manual_seed(settings.seed)
    known = labels or Labels.of(schema, exemplars)
    model = JointEncoder(open_encoder(base), known, dropout=settings.dropout)
    rows = [model.row(e.utterance, e) for e in exemplars]
    steps = steps_of(settings, len(rows))
    optimizer = torch.optim.AdamW(_groups(model, settings), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step, steps, settings.warmup_share)
    )
    model.train()
    order = _batches(rows, settings)
    for step in range(1, steps + 1):
        loss = joint_loss(model, next(order), settings)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        optimizer.step()
        schedule.step()
        on_step(step, steps, loss.item())
    return model.eval()


def joint_loss(model: JointEncoder, rows: Sequence[Row], settings: JointSettings) -> torch.Tensor:
    """The mean loss of some rows: function, tags per piece, and contrast between functions."""
    batch = model.batch(rows)
    said = model(batch)
    loss = functional.cross_entropy(
        said.functions, batch.functions, label_smoothing=settings.label_smoothing
    )
    tags = model.crf.loss(said.emissions, batch.slots, batch.labels, batch.lengths)
    loss = loss + settings.tag_weight * tags.sum() / batch.lengths.sum().clamp(min=1)
    if settings.contrast:
        loss = loss + settings.contrast * supervised_contrastive(
            said.vectors, batch.functions, temperature=settings.temperature
        )
    return loss


def _groups(model: JointEncoder, settings: JointSettings) -> list[dict[str, Any]]:
    """Parameters by learning rate and weight decay; vectors don't decay."""
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, value in model.named_parameters():
        own = name.startswith("encoder.")
        rate = settings.learning_rate if own else settings.head_learning_rate
        decay = settings.weight_decay if value.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(value)
    return [{"params": p, "lr": r, "weight_decay": d} for (r, d), p in groups.items()]


def _rate(step: int, steps: int, warmup: float) -> float:
    return min(1.0, (step + 1) / (warmup * steps + 1)) * max(0.0, (steps - step) / steps)


def _batches(rows: Sequence[Row], settings: JointSettings) -> Iterator[list[Row]]:
    """Batches without end; each epoch in another order."""
    dice = random.Random(settings.seed)
    while True:
        order = list(range(len(rows)))
        dice.shuffle(order)
        for at in range(0, len(order), settings.batch_size):
            yield [rows[n] for n in order[at : at + settings.batch_size]]
