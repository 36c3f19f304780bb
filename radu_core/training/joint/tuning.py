"""A run that tunes an encoder in parts: fold by fold, then on all labels.

What a fold's model retrieves for the rows that it hasn't learnt is kept beside what the untuned
encoder does: the guard compares them. Every step is a function of the seed and its number, so that
a run that was stopped continues exactly.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash, read_json
from radu_core.retrieval import SentenceEmbedder
from radu_core.schema import Schema, parse_schema
from radu_core.training.joint.files import (
    LABELS_FILE,
    RETRIEVAL_FILE,
    VALIDATION_FILE,
    read_exemplars,
)
from radu_core.training.joint.folds import folds_of
from radu_core.training.joint.guard import Remembering, Retrieved, Retrieving, Row, retrieve
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker.limit import TimeLimit
from radu_core.training.worker.steps import Fitting, keep_checkpoint, make_steps, pace, tell_step

__all__ = ["Part", "Tuning", "parts_of"]

F = TypeVar("F", bound=Fitting[Any])


@dataclass(frozen=True)
class Part:
    """A model of the run: which exemplars it learns, and which it is asked about then."""

    learns: list[AnnotatedExemplar]
    asked: list[int]
    steps: int


class Tuning(ABC, Generic[F]):
    """The parts of a run, one after another, from the labels that it keeps.

    ``enough``: folds end once so many rows were asked about.
    """

    def __init__(self, run: RunDirectory, base: Path, *, enough: int) -> None:
        self.run, self.base = run, base
        self.config = run.config()
        serving = run.path / "serving"
        run.append("loading", what="Reading the labels")
        self.schema: Schema = parse_schema(read_json(serving / "schema.json"))
        self.exemplars = read_exemplars(serving / LABELS_FILE)
        validation = read_exemplars(serving / VALIDATION_FILE)
        validation_sorted = sorted(validation, key=lambda e: content_hash(e.id))
        self.validation = validation_sorted[: self.config.eval_rows]
        run.append("loading", what="Loading the model")
        self.how = Retrieving.read(read_json(serving / RETRIEVAL_FILE))
        self.untuned = Remembering(self.embedder())
        self.rows: dict[str, tuple[Row, Row]] = {}  # untuned and tuned, of the rows held out
        self.parts = parts_of(self.exemplars, self.config, self.planned_steps, enough=enough)
        self.planned = sum(part.steps for part in self.parts)
        self.measured: dict[str, float] = {}
        self.overlong: list[str] = []
        self.step = 0  # of all parts; a limit may leave some out
        self._begun = time.monotonic()
        self._first = 0  # the step that this process began at
        self._tokens = 0  # of the parts that this process finished

    @abstractmethod
    def planned_steps(self, rows: int) -> int:
        """Optimizer steps on so many rows."""

    @abstractmethod
    def begin(self, learns: list[AnnotatedExemplar]) -> F:
        """A part's model, untrained."""

    @abstractmethod
    def encoder_of(self, fitting: F) -> Any:
        """The sentence-transformers model that is tuned."""

    @abstractmethod
    def ask(self, part: Part, fitting: F) -> None:
        """What else a fold's model is asked about the rows that it hasn't learnt."""

    @abstractmethod
    def measure(self, part: Part, fitting: F) -> None:
        """Measure the last part's model on validation rows."""

    def write_more(self, folder: Path) -> None:
        """Add files to a checkpoint."""

    def read_more(self, folder: Path) -> None:
        """Read what ``write_more`` wrote."""

    def do(self, *, stopping: Callable[[], bool], check: Callable[[], None], limit: TimeLimit) -> F:
        """Make every step that is left, and return the last part's fitting.

        ``check`` raises when the run is gone or is to stop, after what it has learnt is kept.
        """
        limit.steps_begin()
        number, state_kept, is_done = self._continuation()
        self._first = self.step
        self._begun = time.monotonic()
        for at, part in enumerate(self.parts[number:], start=number):
            fitting = self.begin(part.learns)
            if state_kept is not None:
                fitting.load(state_kept)
            if state_kept is None or not is_done:
                self._train(at, fitting, stopping, check, limit)
            state_kept = None
            self._tokens += fitting.tokens
            fitting.trained.eval()
            if part.asked:
                self.ask(part, fitting)
                self._retrieve(part, fitting)
            else:
                self.measure(part, fitting)
            self._keep(at, fitting, is_done=True)
            check()
            if part.asked:
                del fitting  # the next part needs its memory
        return fitting

    def embedder(self, model: Any = None) -> SentenceEmbedder:
        """The base model, or ``model`` in its place, as an embedder; both compute alike."""
        return SentenceEmbedder(
            self.base, name=self.config.base_model, precision="fp32", model=model
        )

    @property
    def retrievals(self) -> Retrieved:
        """What was retrieved so far."""
        tuned_rows, untuned = ({i: pair[n] for i, pair in self.rows.items()} for n in (1, 0))
        return Retrieved(self.how, self.untuned.name, self.untuned.identity, tuned_rows, untuned)

    def report(self) -> dict[str, Any]:
        """What is known of any such run at its end."""
        return {
            "steps": self.step,
            "planned_steps": self.planned,
            "overlong": self.overlong,
            "validation_loss": None,
            "train_rows": len(self.exemplars),
            "task_metrics": self.measured,
            "retrieval": self.retrievals.guard.data(),
            "torch": torch.__version__,
        }

    def _train(
        self,
        at: int,
        fitting: F,
        stopping: Callable[[], bool],
        check: Callable[[], None],
        limit: TimeLimit,
    ) -> None:
        """Make the steps of a part, or as many as its share of the time that is left allows."""
        todo = fitting.steps - fitting.step
        if not todo:  # stopped right behind the last one
            return
        make_steps(
            fitting,
            seconds=limit.seconds_left * todo / (todo + self._later(at)),
            tell=lambda loss: self._tell(at, fitting, loss, limit),
            keep=lambda: self._keep(at, fitting, is_done=False),
            stopping=stopping,
            check=check,
        )

    def _retrieve(self, part: Part, fitting: F) -> None:
        """What the part's encoder and the untuned one retrieve for the rows that were held out."""
        exemplars_asked = [self.exemplars[n] for n in part.asked]
        untuned, tuned_rows = (
            retrieve(self.schema, part.learns, exemplars_asked, embedder, self.how)
            for embedder in (self.untuned, self.embedder(self.encoder_of(fitting)))
        )
        self.rows |= {i: (row, tuned_rows[i]) for i, row in untuned.items()}

    def _later(self, at: int) -> int:
        """The steps of the parts behind one."""
        return sum(part.steps for part in self.parts[at + 1 :])

    def _tell(self, part: int, fitting: F, loss: float, limit: TimeLimit) -> None:
        self.step += 1
        steps_left = fitting.steps - fitting.step + self._later(part)
        tokens = self._tokens + fitting.tokens
        tell_step(
            self.run,
            fitting,
            loss,
            step=self.step,
            total=self.planned,
            part=part,
            parts=len(self.parts),
            **pace(
                self._begun,
                steps_made=self.step - self._first,
                steps_left=steps_left,
                tokens=tokens,
                limit=limit,
            ),
        )

    def _keep(self, part: int, fitting: F, *, is_done: bool) -> None:
        """A checkpoint of the step, in place of the one before."""

        def more(new: Path) -> None:
            self.write_more(new)
            self.retrievals.save(new)

        keep_checkpoint(self.run, self.step, fitting.state(), {"part": part, "done": is_done}, more)

    def _continuation(self) -> tuple[int, dict[str, Any] | None, bool]:
        """The part to continue with, its state if it was begun, and whether its steps are done."""
        paths = self.run.checkpoints()
        if not paths:
            return 0, None, False
        self.step = max(paths)
        place = paths[self.step]
        self.read_more(place)
        retrieval_so_far = Retrieved.load(place)
        self.rows = {
            i: (retrieval_so_far.untuned[i], row) for i, row in retrieval_so_far.tuned.items()
        }
        state = read_json(place / "trainer_state.json")
        part, is_done = int(state["part"]), bool(state["done"])
        if is_done and part + 1 < len(self.parts):
            return part + 1, None, False
        return part, torch.load(place / "state.pt", weights_only=True), is_done


def parts_of(
    exemplars: Sequence[AnnotatedExemplar],
    config: TrainConfig,
    steps: Callable[[int], int],
    *,
    enough: int,
) -> list[Part]:
    """The parts of a run: folds until enough rows are asked about, then the one that learns all.

    A fold's model is asked about the rows of the fold. ``steps`` of so many rows.
    """
    folds = folds_of(exemplars, config.folds, seed=config.seed)
    parts: list[Part] = []
    for fold in range(config.folds):
        if sum(len(part.asked) for part in parts) >= enough:
            break
        numbers_asked = [n for n, f in enumerate(folds) if f == fold]
        learns = [e for e, f in zip(exemplars, folds, strict=True) if f != fold]
        if numbers_asked and learns:
            parts.append(Part(learns, numbers_asked, steps(len(learns))))
    return [*parts, Part(list(exemplars), [], steps(len(exemplars)))]
