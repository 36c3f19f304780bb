"""A run that tunes the retriever alone: it answers nothing by itself, and finds better."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json
from radu_core.training.contrastive.fit import (
    ContrastiveFitting,
    ContrastiveSettings,
    Encoding,
    Lessons,
    contrastive_steps,
)
from radu_core.training.joint.files import ENCODER, JUDGED_FILE
from radu_core.training.joint.guard import retrieve
from radu_core.training.joint.lora import adapt, merge
from radu_core.training.joint.model import find_overlong, open_encoder
from radu_core.training.joint.tuning import Part, Tuning, parts_of
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker.limit import TimeLimit
from radu_core.training.worker.steps import settings_in, tell_trained, write_model

__all__ = ["contrastive_parts", "settings_of", "tune_by_contrast"]

_ENOUGH = 200  # rows that the guard compares on: one fold of 640 labels


def tune_by_contrast(
    run: RunDirectory,
    base: Path,
    *,
    check: Callable[[], None],
    stopping: Callable[[], bool],
    limit: TimeLimit,
) -> dict[str, Any]:
    """Do the run up to its model; what its report says. As ``joint.run.train_retriever``."""
    work = ContrastiveTuning(run, base)
    run.append("state", state="running")
    model = work.do(stopping=stopping, check=check, limit=limit).model
    merge(model)
    tell_trained(run, work.step)
    write_model(run, lambda new: model.encoder.save(str(new / ENCODER), create_model_card=False))
    work.retrievals.save(run.path)
    return work.report()


class ContrastiveTuning(Tuning[ContrastiveFitting]):
    """The parts of a run."""

    def __init__(self, run: RunDirectory, base: Path) -> None:
        super().__init__(run, base, enough=_ENOUGH)
        pairs = read_json(run.path / "serving" / JUDGED_FILE)["pairs"]
        self.judged = {(one, other): verdict for one, other, verdict in pairs}
        self.prompts = self.embedder().prompts
        self.left_out: set[tuple[str, str]] = set()
        self.before: float | None = None

    def planned_steps(self, rows: int) -> int:
        """As the settings have it."""
        return contrastive_steps(settings_of(self.config), rows)

    def begin(self, learns: list[AnnotatedExemplar]) -> ContrastiveFitting:
        """An encoder in training."""
        model = Encoding(open_encoder(self.base))
        if self.config.adapts:
            adapt(model, self.config)
        vectors = self.untuned.embed([e.utterance for e in learns])
        lessons = Lessons.of(self.schema, learns, vectors, self.prompts, self.judged)
        return ContrastiveFitting(model, learns, lessons, settings_of(self.config))

    def encoder_of(self, fitting: ContrastiveFitting) -> Any:
        """The one that is tuned."""
        return fitting.model.encoder

    def ask(self, part: Part, fitting: ContrastiveFitting) -> None:
        """Nothing: what is retrieved says it all."""

    def measure(self, part: Part, fitting: ContrastiveFitting) -> None:
        """How often the nearest exemplars' vote names the function of a validation row."""
        encoder = fitting.model.encoder
        self.left_out = fitting.left_out
        self.overlong = find_overlong(encoder, part.learns)
        if not self.validation:
            return
        self.run.append("evaluating", step=self.step, rows=len(self.validation))
        before, after = (
            _share(retrieve(self.schema, part.learns, self.validation, embedder, self.how))
            for embedder in (self.untuned, self.embedder(encoder))
        )
        self.before, self.measured = before, {"function_accuracy": after}
        self.run.append("validation", step=self.step, function_accuracy=after)

    def report(self) -> dict[str, Any]:
        """With what it wasn't taught, and the vote before tuning."""
        return super().report() | {
            "before": {} if self.before is None else {"function_accuracy": self.before},
            "judged_pairs": len(self.judged),
            "left_out_pairs": sorted(map(list, self.left_out)),
        }


def settings_of(config: TrainConfig) -> ContrastiveSettings:
    """How a run's config tunes its encoder."""
    return ContrastiveSettings(
        **settings_in(config),
        temperature=config.retriever_temperature,
    )


def contrastive_parts(exemplars: list[AnnotatedExemplar], config: TrainConfig) -> list[Part]:
    """The parts of a run on these labels."""
    steps = partial(contrastive_steps, settings_of(config))
    return parts_of(exemplars, config, steps, enough=_ENOUGH)


def _share(rows: dict[str, tuple[bool | None, bool]]) -> float:
    return sum(right for _, right in rows.values()) / max(1, len(rows))
