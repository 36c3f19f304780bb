"""Training a joint encoder on labels."""

from __future__ import annotations

import math
import random
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
from radu_core.training.loss import rate_share

__all__ = ["Fitting", "JointSettings", "fit_joint", "steps_of"]


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


def steps_of(settings: JointSettings, rows: int) -> int:
    """Optimizer steps on so many rows."""
    epochs = settings.epochs or epochs_for(rows)
    steps = max(1, math.ceil(rows * epochs / settings.batch_size))
    return min(steps, settings.max_steps or steps)


class Fitting:
    """A joint encoder in training. Batches and dropout of a step follow from the seed and the
    step's number alone, so that training continues exactly after ``load``."""

    def __init__(
        self,
        model: JointEncoder,
        exemplars: Sequence[AnnotatedExemplar],
        settings: JointSettings,
    ) -> None:
        self.model = model
        self.settings = settings
        self.rows = [model.row(e.utterance, e) for e in exemplars]
        self.steps = steps_of(settings, len(self.rows))
        self.step = 0
        self.tokens = 0  # of the steps made here
        self._optimizer = torch.optim.AdamW(_groups(model, settings), fused=True)
        self._rates = [group["lr"] for group in self._optimizer.param_groups]

    def make_step(self, progress: float | None = None) -> float:
        """One optimizer step; its loss. ``progress``, 0 to 1, moves the learning rate to its end;
        by default the share of the steps that are done."""
        self.step += 1
        share = (self.step - 1) / self.steps if progress is None else progress
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * _rate_share(share, self.settings, self.steps)
        torch.manual_seed(self.settings.seed * 1_000_003 + self.step)
        self.model.train()
        batch = self._batch()
        self.tokens += sum(len(row.ids) for row in batch)
        loss = joint_loss(self.model, batch, self.settings)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.max_grad_norm)
        self._optimizer.step()
        return loss.item()

    @property
    def rate(self) -> float:
        """The encoder's learning rate in the last step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken."""
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step = int(state["step"])

    def _batch(self) -> list[Row]:
        """The rows of this step: each epoch goes through all of them in an order of its own."""
        size = self.settings.batch_size
        per_epoch = math.ceil(len(self.rows) / size)
        epoch, place = divmod(self.step - 1, per_epoch)
        order = list(range(len(self.rows)))
        random.Random(self.settings.seed * 1_000_003 + epoch).shuffle(order)
        return [self.rows[n] for n in order[place * size : (place + 1) * size]]


def fit_joint(
    schema: Schema,
    exemplars: Sequence[AnnotatedExemplar],
    base: Path,
    settings: JointSettings,
    *,
    labels: Labels | None = None,
) -> JointEncoder:
    """A joint encoder trained on exemplars, from the embedding model in ``base``."""
    known = labels or Labels.of(schema, exemplars)
    model = JointEncoder(open_encoder(base), known, dropout=settings.dropout)
    fitting = Fitting(model, exemplars, settings)
    while fitting.step < fitting.steps:
        fitting.make_step()
    return model.eval()


def joint_loss(model: JointEncoder, rows: Sequence[Row], settings: JointSettings) -> torch.Tensor:
    """The mean loss of some rows: function, tags per piece, and contrast between functions."""
    batch = model.batch(rows)
    said = model(batch)
    loss = functional.cross_entropy(said.functions, batch.functions)
    tags = model.crf.loss(said.emissions, batch.slots, batch.labels, batch.lengths)
    loss = loss + tags.sum() / batch.lengths.sum().clamp(min=1)
    if settings.contrast:
        loss = loss + settings.contrast * supervised_contrastive(
            said.vectors, batch.functions, temperature=settings.temperature
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


def _rate_share(progress: float, settings: JointSettings, steps: int) -> float:
    return rate_share(min(1.0, progress + 0.5 / steps), settings.warmup_share)
