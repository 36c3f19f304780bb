"""A run that tunes the retriever with the heads that answer.

Its encoder learns functions and tags together; the head that weighs it with what votes without
tuning is fitted on the folds' scores.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import SentenceEmbedder
from radu_core.training.joint.fast import FastModel, joint_scores
from radu_core.training.joint.fit import JointFitting, JointSettings, joint_steps
from radu_core.training.joint.fitted import fit_head_on
from radu_core.training.joint.folds import ENOUGH
from radu_core.training.joint.lora import adapt, merge
from radu_core.training.joint.model import JointEncoder, open_encoder
from radu_core.training.joint.rows import Labels
from radu_core.training.joint.tuning import Part, Tuning, parts_of
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker.limit import TimeLimit
from radu_core.training.worker.steps import settings_in, tell_saving, tell_trained, write_model

__all__ = ["joint_parts", "new_model", "settings_of", "train_retriever"]


def train_retriever(
    run: RunDirectory,
    base: Path,
    *,
    check: Callable[[], None],
    stopping: Callable[[], bool],
    limit: TimeLimit,
) -> dict[str, Any]:
    """Do the run up to its model; what its report says.

    ``check`` raises when the run is gone or is to stop, after what it has learnt is kept.
    """
    work = JointTuning(run, base)
    run.append("state", state="running")
    model: JointEncoder = work.do(stopping=stopping, check=check, limit=limit).model
    merge(model)
    tell_trained(run, work.step)
    tell_saving(run, "Fitting the head")
    embedder = SentenceEmbedder(base, name=work.config.base_model, precision="fp32")
    head_parts = fit_head_on(work.schema, work.exemplars, embedder, work.labels, work.held)
    write_model(run, FastModel.of(model, embedder, head_parts, work.schema.language).save)
    work.retrievals.save(run.path)
    return work.report() | head_parts.report()


class JointTuning(Tuning[JointFitting]):
    """The parts of a run that tunes the joint encoder.

    ``held`` ``(n, functions)`` is what the folds' models said of the rows that they hadn't learnt.
    """

    def __init__(self, run: RunDirectory, base: Path) -> None:
        super().__init__(run, base, enough=ENOUGH)
        self.labels = Labels.of(self.schema, self.exemplars)
        shape = (len(self.exemplars), len(self.labels.functions))
        self.held = np.full(shape, np.nan, dtype=np.float32)
        self.loss: float | None = None  # on validation rows

    def planned_steps(self, rows: int) -> int:
        """As the settings have it."""
        return joint_steps(settings_of(self.config), rows)

    def begin(self, learns: list[AnnotatedExemplar]) -> JointFitting:
        """A joint encoder in training."""
        model = new_model(self.base, self.labels, self.config)
        return JointFitting(model, learns, settings_of(self.config))

    def encoder_of(self, fitting: JointFitting) -> Any:
        """The joint encoder's own."""
        return fitting.model.encoder

    def ask(self, part: Part, fitting: JointFitting) -> None:
        """The scores of the rows."""
        texts = [self.exemplars[n].utterance for n in part.asked]
        self.held[part.asked] = joint_scores(fitting.model, texts)

    def measure(self, part: Part, fitting: JointFitting) -> None:
        """Function accuracy of the encoder alone on validation rows."""
        rows = zip(part.learns, fitting.rows, strict=True)
        self.overlong = [e.id for e, row in rows if row.is_cut]
        if not self.validation:
            return
        self.run.append("evaluating", step=self.step, rows=len(self.validation))
        logs = joint_scores(fitting.model, [e.utterance for e in self.validation])
        names = self.labels.functions
        gold = [
            names.index(e.function or "") if (e.function or "") in names else -1
            for e in self.validation
        ]
        right = float((logs.argmax(1) == np.array(gold)).mean())
        numbers_known = [n for n, g in enumerate(gold) if g >= 0]
        metrics = {"function_accuracy": right}
        if numbers_known:
            self.loss = float(-logs[numbers_known, [gold[n] for n in numbers_known]].mean())
            metrics["loss"] = self.loss
        self.measured = {"function_accuracy": right}
        self.run.append("validation", step=self.step, **metrics)

    def write_more(self, folder: Path) -> None:
        """What the folds' models said so far."""
        np.save(folder / "held.npy", self.held)

    def read_more(self, folder: Path) -> None:
        """As ``write_more`` wrote it."""
        self.held = np.load(folder / "held.npy")

    def report(self) -> dict[str, Any]:
        """With how many functions and slots it knows."""
        return super().report() | {
            "validation_loss": self.loss,
            "functions": len(self.labels.functions),
            "slots": len(self.labels.slots),
        }


def new_model(base: Path, labels: Labels, config: TrainConfig) -> JointEncoder:
    """The untrained model of a run, on a fresh copy of its base."""
    model = JointEncoder(open_encoder(base), labels, dropout=settings_of(config).dropout)
    if config.adapts:
        adapt(model, config)
    return model


def settings_of(config: TrainConfig) -> JointSettings:
    """How a run's config trains its encoder."""
    return JointSettings(
        **settings_in(config),
        head_learning_rate=config.head_learning_rate,
        contrast=config.contrast,
    )


def joint_parts(exemplars: list[AnnotatedExemplar], config: TrainConfig) -> list[Part]:
    """The parts of a run on these labels."""
    steps = partial(joint_steps, settings_of(config))
    return parts_of(exemplars, config, steps, enough=ENOUGH)
