"""A run that tunes the retriever: folds for out-of-fold scores, then the model on all labels.

Its encoder learns functions and tags together; the head that weighs it with what votes without
tuning is fitted on the folds' scores. Every step is a function of the seed and its number, so that
a run that was stopped continues exactly.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash, read_json, whole_directory
from radu_core.retrieval import SentenceEmbedder
from radu_core.schema import Schema, parse_schema
from radu_core.training.config import TrainConfig
from radu_core.training.joint.fast import FastModel, joint_scores
from radu_core.training.joint.files import (
    LABELS_FILE,
    RETRIEVAL_FILE,
    VALIDATION_FILE,
    read_exemplars,
)
from radu_core.training.joint.fit import JointFitting, JointSettings, joint_steps
from radu_core.training.joint.fitted import fit_head_on
from radu_core.training.joint.folds import ENOUGH, folds_of
from radu_core.training.joint.guard import Remembering, Retrieved, Retrieving, Row, retrieve
from radu_core.training.joint.lora import adapt, merge
from radu_core.training.joint.model import JointEncoder, open_encoder
from radu_core.training.joint.rows import Labels
from radu_core.training.limit import TimeLimit
from radu_core.training.runs import RunDirectory
from radu_core.training.steps import keep_checkpoint, make_steps, pace, tell_step

__all__ = [
    "Part",
    "new_model",
    "parts_of",
    "settings_of",
    "train_retriever",
]


@dataclass(frozen=True)
class Part:
    """A model of the run: which exemplars it learns, and which it is asked about then."""

    learns: list[AnnotatedExemplar]
    asked: list[int]
    steps: int


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
    config = run.config()
    run.append("loading", what="Reading the labels")
    schema = parse_schema(read_json(run.path / "serving" / "schema.json"))
    exemplars = read_exemplars(run.path / "serving" / LABELS_FILE)
    labels = Labels.of(schema, exemplars)
    validation = read_exemplars(run.path / "serving" / VALIDATION_FILE)
    run.append("loading", what="Loading the model")
    asked = sorted(validation, key=lambda e: content_hash(e.id))[: config.eval_rows]
    work = _Work(run, config, base, schema, labels, exemplars, asked)
    run.append("state", state="running")
    model = work.do(stopping=stopping, check=check, limit=limit)
    merge(model)
    run.append("trained", step=work.step)
    run.append("state", state="saving")
    run.append("saving", what="Fitting the head", done=0, total=0, seconds=0.0)
    embedder = SentenceEmbedder(base, name=config.base_model)
    fitted = fit_head_on(schema, exemplars, embedder, labels, work.held)
    run.append("saving", what="Writing the model", done=0, total=0, seconds=0.0)
    shutil.rmtree(run.model, ignore_errors=True)
    with whole_directory(run.model) as new:
        FastModel.of(model, embedder, fitted, schema.language).save(new)
    work.retrieved.save(run.path)
    return {
        "steps": work.step,
        "planned_steps": work.planned,
        "overlong": work.overlong,
        "validation_loss": work.loss,
        "train_rows": len(exemplars),
        "functions": len(labels.functions),
        "slots": len(labels.slots),
        **fitted.report(),
        "task_metrics": work.measured,
        "retrieval": work.retrieved.guard.data(),
        "torch": torch.__version__,
    }


class _Work:
    """The parts of a run, one after another; what they said of the rows that were held out."""

    def __init__(
        self,
        run: RunDirectory,
        config: TrainConfig,
        base: Path,
        schema: Schema,
        labels: Labels,
        exemplars: list[AnnotatedExemplar],
        validation: list[AnnotatedExemplar],
    ) -> None:
        self.run, self.config, self.base, self.labels = run, config, base, labels
        self.schema = schema
        self.how = Retrieving.read(read_json(run.path / "serving" / RETRIEVAL_FILE))
        self.untuned = Remembering(self._embedder())
        self.rows: dict[str, tuple[Row, Row]] = {}  # untuned and tuned, of the rows held out
        self.exemplars, self.validation = exemplars, validation
        self.settings = settings_of(config)
        self.parts = parts_of(exemplars, config, self.settings)
        self.planned = sum(part.steps for part in self.parts)
        self.held = np.full((len(exemplars), len(labels.functions)), np.nan, dtype=np.float32)
        self.measured: dict[str, float] = {}
        self.loss: float | None = None  # on validation rows
        self.overlong: list[str] = []
        self.step = 0  # of all parts; a limit may leave some out
        self._begun = time.monotonic()
        self._first = 0  # the step that this process began at
        self._tokens = 0  # of the parts that this process finished

    def do(
        self, *, stopping: Callable[[], bool], check: Callable[[], None], limit: TimeLimit
    ) -> JointEncoder:
        """Make every step that is left; the model of the last part."""
        limit.steps_begin()
        number, kept, done = self._kept()
        self._first = self.step
        self._begun = time.monotonic()
        for at, part in enumerate(self.parts[number:], start=number):
            fitting = JointFitting(self._model(), part.learns, self.settings)
            if kept is not None:
                fitting.load(kept)
            if kept is None or not done:
                self._train(at, fitting, stopping, check, limit)
            kept = None
            self._tokens += fitting.tokens
            model = fitting.model.eval()
            if part.asked:
                texts = [self.exemplars[n].utterance for n in part.asked]
                self.held[part.asked] = joint_scores(model, texts)
                self._retrieve(part, model)
            else:
                rows = zip(part.learns, fitting.rows, strict=True)
                self.overlong = [e.id for e, row in rows if row.is_cut]
                self._measure(model)
            self._keep(at, fitting, done=True)
            check()
            if part.asked:
                del fitting, model  # the next part needs their memory
        return model

    def _train(
        self,
        at: int,
        fitting: JointFitting,
        stopping: Callable[[], bool],
        check: Callable[[], None],
        limit: TimeLimit,
    ) -> None:
        """Make the steps of a part, or as many as its share of the time that is left allows."""
        todo = fitting.steps - fitting.step
        make_steps(
            fitting,
            seconds=limit.left * todo / (todo + self._later(at)),
            tell=lambda loss: self._tell(at, fitting, loss),
            keep=lambda: self._keep(at, fitting, done=False),
            stopping=stopping,
            check=check,
        )

    def _retrieve(self, part: Part, model: JointEncoder) -> None:
        """What the part's encoder and the untuned one retrieve for the rows that were held out."""
        asked = [self.exemplars[n] for n in part.asked]
        untuned, tuned = (
            retrieve(self.schema, part.learns, asked, embedder, self.how)
            for embedder in (self.untuned, self._embedder(model.encoder))
        )
        self.rows |= {i: (row, tuned[i]) for i, row in untuned.items()}

    def _embedder(self, model: Any = None) -> SentenceEmbedder:
        """The base model, or ``model`` in its place, as an embedder; both compute alike."""
        return SentenceEmbedder(
            self.base, name=self.config.base_model, precision="fp32", model=model
        )

    @property
    def retrieved(self) -> Retrieved:
        """What was retrieved so far."""
        tuned, untuned = ({i: pair[n] for i, pair in self.rows.items()} for n in (1, 0))
        return Retrieved(self.how, self.untuned.name, self.untuned.identity, tuned, untuned)

    def _later(self, at: int) -> int:
        """The steps of the parts behind one."""
        return sum(part.steps for part in self.parts[at + 1 :])

    def _model(self) -> JointEncoder:
        return new_model(self.base, self.labels, self.config)

    def _tell(self, part: int, fitting: JointFitting, loss: float) -> None:
        self.step += 1
        left = fitting.steps - fitting.step + self._later(part)
        tokens = self._tokens + fitting.tokens
        tell_step(
            self.run,
            fitting,
            loss,
            step=self.step,
            total=self.step + left,
            part=part,
            parts=len(self.parts),
            **pace(self._begun, made=self.step - self._first, left=left, tokens=tokens),
        )

    def _measure(self, model: JointEncoder) -> None:
        """Function accuracy of the encoder alone on validation rows."""
        if not self.validation:
            return
        self.run.append("evaluating", step=self.step, rows=len(self.validation))
        logs = joint_scores(model, [e.utterance for e in self.validation])
        names = self.labels.functions
        gold = [
            names.index(e.function or "") if (e.function or "") in names else -1
            for e in self.validation
        ]
        right = float((logs.argmax(1) == np.array(gold)).mean())
        known = [n for n, g in enumerate(gold) if g >= 0]
        told = {"function_accuracy": right}
        if known:
            self.loss = float(-logs[known, [gold[n] for n in known]].mean())
            told["loss"] = self.loss
        self.measured = {"function_accuracy": right}
        self.run.append("validation", step=self.step, **told)

    def _keep(self, part: int, fitting: JointFitting, *, done: bool) -> None:
        """A checkpoint of the step, in place of the one before."""

        def more(new: Path) -> None:
            np.save(new / "held.npy", self.held)
            self.retrieved.save(new)

        keep_checkpoint(self.run, self.step, fitting.state(), {"part": part, "done": done}, more)

    def _kept(self) -> tuple[int, dict[str, Any] | None, bool]:
        """The part to continue with, its state if it was begun, and whether its steps are done."""
        kept = self.run.checkpoints()
        if not kept:
            return 0, None, False
        self.step = max(kept)
        place = kept[self.step]
        self.held = np.load(place / "held.npy")
        told = Retrieved.load(place)
        self.rows = {i: (told.untuned[i], row) for i, row in told.tuned.items()}
        state = read_json(place / "trainer_state.json")
        part, done = int(state["part"]), bool(state["done"])
        if done and part + 1 < len(self.parts):
            return part + 1, None, False
        return part, torch.load(place / "state.pt", weights_only=True), done


def new_model(base: Path, labels: Labels, config: TrainConfig) -> JointEncoder:
    """The untrained model of a run, on a fresh copy of its base."""
    model = JointEncoder(open_encoder(base), labels, dropout=settings_of(config).dropout)
    if config.adapts:
        adapt(model, config)
    return model


def settings_of(config: TrainConfig) -> JointSettings:
    """How a run's config trains its encoder."""
    return JointSettings(
        epochs=config.epochs,
        max_steps=config.max_steps,
        batch_size=config.batch_size,
        learning_rate=config.rate,
        head_learning_rate=config.head_learning_rate,
        warmup_share=config.warmup_share,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        contrast=config.contrast,
        seed=config.seed,
    )


def parts_of(
    exemplars: list[AnnotatedExemplar], config: TrainConfig, settings: JointSettings
) -> list[Part]:
    """A model without a fold, asked about it, fold by fold until enough rows are asked about, and
    then the one that learns all."""
    folds = folds_of(exemplars, config.folds, seed=config.seed)
    found: list[Part] = []
    for fold in range(config.folds):
        if sum(len(part.asked) for part in found) >= ENOUGH:
            break
        asked = [n for n, f in enumerate(folds) if f == fold]
        learns = [e for e, f in zip(exemplars, folds, strict=True) if f != fold]
        if asked and learns:
            found.append(Part(learns, asked, joint_steps(settings, len(learns))))
    return [*found, Part(exemplars, [], joint_steps(settings, len(exemplars)))]
