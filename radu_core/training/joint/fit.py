"""Training a joint encoder on labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema
from radu_core.training.joint.files import epochs_for
from radu_core.training.joint.losses import supervised_contrastive
from radu_core.training.joint.model import JointEncoder, open_encoder
from radu_core.training.joint.rows import Labels, Row
from radu_core.training.worker.steps import Fitting, steps_of

__all__ = ["JointFitting", "JointSettings", "fit_joint", "joint_steps"]


@dataclass(frozen=True)
class JointSettings:
    """How a joint encoder is trained. ``epochs`` None: by the number of rows."""

    epochs: float | None = None
    max_steps: int | None = None
    batch_size: int = 32
    learning_rate: float = 1e-4
    head_learning_rate: float = 3e-3
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    max_grad_norm: float = 1.0
    contrast: float = 0.0
    temperature: float = 0.1
    seed: int = 0


def joint_steps(settings: JointSettings, rows: int) -> int:
    """Optimizer steps on so many rows."""
    return steps_of(settings, rows, settings.epochs or epochs_for(rows))


class JointFitting(Fitting[Row]):
    """A joint encoder in training."""

    def __init__(
        self,
        model: JointEncoder,
        exemplars: Sequence[AnnotatedExemplar],
        settings: JointSettings,
    ) -> None:
        rows = [model.row(e.utterance, e) for e in exemplars]
        steps = joint_steps(settings, len(rows))
        super().__init__(model, rows, _groups(model, settings), settings, steps)
        self.model = model
        self.settings = settings

    def loss(self, batch: list[Row]) -> torch.Tensor:
        """Of function, tags and contrast."""
        self.tokens += sum(len(row.ids) for row in batch)
        return joint_loss(self.model, batch, self.settings)


def fit_joint(
    schema: Schema,
    exemplars: Sequence[AnnotatedExemplar],
    base: Path,
    settings: JointSettings,
    *,
    labels: Labels | None = None,
) -> JointEncoder:
    """A joint encoder trained on exemplars, from the embedding model in ``base``."""
    known_labels = labels or Labels.of(schema, exemplars)
    model = JointEncoder(open_encoder(base), known_labels, dropout=settings.dropout)
    fitting = JointFitting(model, exemplars, settings)
    while fitting.step < fitting.steps:
        fitting.make_step()
    return model.eval()


def joint_loss(model: JointEncoder, rows: Sequence[Row], settings: JointSettings) -> torch.Tensor:
    """The mean loss of some rows: function, tags per piece, and contrast between functions."""
    batch = model.batch(rows)
    output = model(batch)
    loss = functional.cross_entropy(output.functions, batch.functions)
    tags = model.crf.loss(output.emissions, batch.slots, batch.labels, batch.lengths)
    loss = loss + tags.sum() / batch.lengths.sum().clamp(min=1)
    if settings.contrast:
        loss = loss + settings.contrast * supervised_contrastive(
            output.vectors, batch.functions, temperature=settings.temperature
        )
    return loss


def _groups(model: JointEncoder, settings: JointSettings) -> list[dict[str, Any]]:
    """Parameters by learning rate and weight decay; vectors don't decay."""
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, value in model.named_parameters():
        if not value.requires_grad:
            continue
        own = name.startswith("encoder.")
        rate = settings.learning_rate if own else settings.head_learning_rate
        decay = settings.weight_decay if value.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(value)
    return [{"params": p, "lr": r, "weight_decay": d} for (r, d), p in groups.items()]
