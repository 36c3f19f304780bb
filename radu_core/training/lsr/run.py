"""A run whose retriever learns from a language model which chunks help it.

Each training row retrieves chunks, exemplars other than itself and its duplicates; a teacher says
how probable it finds the right answer with each; the retriever learns to prefer what the teacher
does. What a teacher has said is kept, so that a run that was stopped asks nothing twice.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from radu_core.errors import RunError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash, read_json
from radu_core.generator import Generator
from radu_core.hardware import native_bf16
from radu_core.prompts import TemplateSet
from radu_core.retrieval import (
    Embedder,
    ExemplarHit,
    ModuleIndex,
    SentenceEmbedder,
    query_of,
)
from radu_core.retrieval.towers import save_towers
from radu_core.schema import Schema, parse_schema
from radu_core.training.joint.files import ENCODER, LABELS_FILE, VALIDATION_FILE, read_exemplars
from radu_core.training.joint.model import find_overlong, open_encoder
from radu_core.training.lsr.files import AnswerFile, Source, check_source, read_sources
from radu_core.training.lsr.fit import Lesson, LsrFitting, LsrSettings, TunedEmbedder, is_flat
from radu_core.training.lsr.teacher import answers_of, choose_teacher
from radu_core.training.lsr.votes import vote_share
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker.limit import TimeLimit
from radu_core.training.worker.steps import (
    keep_checkpoint,
    make_steps,
    pace,
    settings_in,
    tell_step,
    tell_trained,
    write_model,
)
from radu_core.words import quantity

__all__ = ["lsr_settings", "tune_by_teacher"]

_ASKING = 0.6  # of the time that is left: at most so much for asking the teacher
_TOLD_EVERY = 1.0  # seconds


def tune_by_teacher(
    run: RunDirectory,
    base: Path,
    *,
    check: Callable[[], None],
    stopping: Callable[[], bool],
    limit: TimeLimit,
) -> dict[str, Any]:
    """Do the run up to its model; what its report says. As ``joint.run.train_retriever``."""
    config = run.config()
    run.append("loading", what="Reading the labels")
    schema = parse_schema(read_json(run.path / "serving" / "schema.json"))
    exemplars = read_exemplars(run.path / "serving" / LABELS_FILE)
    validation = read_exemplars(run.path / "serving" / VALIDATION_FILE)
    rows = sorted(validation, key=lambda e: content_hash(e.id))[: config.eval_rows]
    run.append("loading", what="Embedding the exemplars")
    index = ModuleIndex.build(schema, exemplars, SentenceEmbedder(base, name=config.base_model))
    asking = _Asking(run, config, schema, exemplars, index, check)
    work = _Work(run, config, base, index, asking, rows)
    until, has_begun = (
        limit.seconds_left * (1 - _ASKING),
        bool(run.checkpoints()),
    )  # resumed: it has asked
    lessons = work.first_lessons(lambda: has_begun or limit.seconds_left < until)
    run.append("state", state="running")
    work.do(lessons, stopping=stopping, check=check, limit=limit)
    tell_trained(run, work.step)
    write_model(run, lambda new: work.save(new / ENCODER))
    return work.report() | {"train_rows": len(work.fitting.rows), "torch": torch.__version__}


class _Asking:
    """The teachers, and the rows that they are asked about; ``skipped`` counts why a row isn't."""

    def __init__(
        self,
        run: RunDirectory,
        config: TrainConfig,
        schema: Schema,
        exemplars: Sequence[AnnotatedExemplar],
        index: ModuleIndex,
        check: Callable[[], None],
    ) -> None:
        serving = run.path / "serving"
        self._run, self._schema, self._check = run, schema, check
        self._temperature = config.teacher_temperature
        self._templates = TemplateSet(read_json(serving / "templates.json"))
        self._answers = AnswerFile(run.path)
        self._models: dict[str, Generator] = {}
        self._sources: dict[str, Source] = {}
        for source in read_sources(serving):
            check_source(source)
            self._sources[source.teacher.name] = source
        self._place = {e.id: n for n, e in enumerate(index.exemplars)}
        self._chunks = config.chunks
        self.base = index
        self.never: Counter[str] = Counter()  # rows that no lesson can be made of, by reason
        self.skipped: Counter[str] = Counter()  # in the lessons made last
        self.rows = self._askable(exemplars, config.seed)
        self._first = self._retrieve(index)
        self.asked_seconds = 0.0

    def _askable(
        self, exemplars: Sequence[AnnotatedExemplar], seed: int
    ) -> list[tuple[AnnotatedExemplar, str]]:
        """Rows and the names of their teachers, in an order drawn by the seed: time may end it."""
        teachers = [s.teacher for s in self._sources.values()]
        rows_askable = []
        for exemplar in sorted(exemplars, key=lambda e: content_hash([e.id, seed])):
            teacher = choose_teacher(teachers, exemplar)
            if exemplar.mode != "normal":
                self.never["it doesn't say its function (extended)"] += 1
            elif teacher is None:
                self.never["every teacher has learnt it"] += 1
            else:
                rows_askable.append((exemplar, teacher.name))
        return rows_askable

    def _retrieve(self, index: ModuleIndex) -> list[tuple[ExemplarHit, ...]]:
        """The chunks of each row; never itself or a duplicate."""
        queries = [query_of(row) for row, _ in self.rows]
        results = index.search(queries, k_desc=0, k_exemplar=self._chunks, mode="dense")
        return [hits.exemplars for hits in results]

    def lessons(self, index: ModuleIndex, over: Callable[[], bool]) -> list[Lesson]:
        """The rows as lessons, on the chunks that ``index`` gives.

        Once time is ``over``, a row that the teacher wasn't asked about keeps its first chunks, or
        is left out.
        """
        self.skipped = Counter(self.never)
        lessons_made = []
        start = 0.0
        started_at = time.monotonic()
        now = self._first if index is self.base else self._retrieve(index)
        for number, (row, hits) in enumerate(zip(self.rows, now, strict=True)):
            self._check()
            if time.monotonic() - start > _TOLD_EVERY:
                start = time.monotonic()
                what = f"Asking the teacher: {number:,} of {quantity(len(self.rows), 'row')}"
                self._run.append("loading", what=what)
            chunks = hits
            answers = self._ask(row, chunks, ask=not over())
            if answers is None:
                chunks = self._first[number]
                answers = self._ask(row, chunks, ask=False)
            lesson = self._lesson(row[0], chunks, answers)
            lessons_made += [lesson] if lesson else []
        self.asked_seconds += time.monotonic() - started_at
        return lessons_made

    def _ask(
        self, row: tuple[AnnotatedExemplar, str], hits: Sequence[ExemplarHit], *, ask: bool
    ) -> list[float] | None:
        exemplar, teacher = row
        ids = [h.id for h in hits]
        if len(ids) < 2:
            return []
        answers = self._answers.get(exemplar.id, ids)
        if answers is None and ask:
            model = self._model(teacher)
            answers = answers_of(model, self._schema, self._templates, exemplar, hits)
            self._answers.add(exemplar.id, ids, answers, teacher)
        return answers

    def _lesson(
        self, row: AnnotatedExemplar, hits: Sequence[ExemplarHit], answers: list[float] | None
    ) -> Lesson | None:
        why = ""
        if answers is None:
            why = "time was over before the teacher was asked"
        elif not answers:
            why = "it retrieves fewer than two chunks"
        elif is_flat(answers, temperature=self._temperature):
            why = "the teacher prefers no chunk"
        if why:
            self.skipped[why] += 1
            return None
        assert answers is not None
        places = tuple(self._place[h.id] for h in hits)
        return Lesson(row.utterance, places, tuple(answers))

    def _model(self, name: str) -> Generator:
        if name not in self._models:
            source = self._sources[name]
            self._run.append("loading", what=f"Loading the teacher {name}")
            self._models[name] = Generator(
                source.directory, template=source.template, bf16=native_bf16()
            )
        return self._models[name]


class _Work:
    """The steps of a run, and what is measured before and after them."""

    def __init__(
        self,
        run: RunDirectory,
        config: TrainConfig,
        base: Path,
        index: ModuleIndex,
        asking: _Asking,
        validation: list[AnnotatedExemplar],
    ) -> None:
        self.run, self.config, self.asking, self.validation = run, config, asking, validation
        self.settings = lsr_settings(config)
        self.index = index
        self.encoder = open_encoder(base)
        is_shared = config.tower == "shared"
        self.document = self.encoder if is_shared else open_encoder(base)
        self.fitting: LsrFitting
        self.before: float | None = None
        self.measured: dict[str, float] = {}
        self._begun = 0.0
        self._first = 0
        self._over: Callable[[], bool] = lambda: False
        self._stopping: Callable[[], bool] = lambda: False

    @property
    def step(self) -> int:
        """Steps made."""
        return self.fitting.step

    def first_lessons(self, over: Callable[[], bool]) -> list[Lesson]:
        """What the untuned retriever finds, and the teacher's word on it."""
        lessons = self.asking.lessons(self.index, over)
        if not lessons:
            why = "; ".join(f"{why}: {n:,}" for why, n in self.asking.skipped.items())
            raise RunError(
                f"The teacher gave no row to learn from ({why})",
                remedy="Use a lower teacher_temperature, another teacher, or more time.",
            )
        return lessons

    def do(
        self,
        lessons: list[Lesson],
        *,
        stopping: Callable[[], bool],
        check: Callable[[], None],
        limit: TimeLimit,
    ) -> None:
        """Make every step that is left."""
        is_shared = self.config.tower == "shared"
        self._stopping = stopping
        self.fitting = LsrFitting(
            self.encoder,
            [e.template or "" for e in self.index.exemplars],
            lessons,
            self.settings,
            vectors=None if is_shared else self.index.vectors,
            renew=self._renew if is_shared else None,
        )
        self.before = self._measure(self.index, step=0)
        limit.steps_begin()
        self._resume()
        until = limit.seconds_left / 2
        self._over = lambda: limit.seconds_left < until
        self._first, self._begun = self.step, time.monotonic()
        make_steps(
            self.fitting,
            seconds=limit.seconds_left,
            tell=lambda loss: self._tell(loss, limit),
            keep=self._keep,
            stopping=stopping,
            check=check,
        )
        self._keep()
        after = self._measure(self._tuned_index(), step=self.step)
        self.measured = {} if after is None else {"function_accuracy": after}

    def save(self, directory: Path) -> None:
        """Write the tuned model."""
        if self.config.tower == "shared":
            self.encoder.save(str(directory), create_model_card=False)
        else:
            save_towers(self.encoder, self.document, directory)

    def report(self) -> dict[str, Any]:
        """What is known at the end."""
        return {
            "steps": self.step,
            "planned_steps": self.fitting.steps,
            "epochs": self.fitting.epoch,
            "skipped": dict(self.asking.skipped),
            "asking_seconds": round(self.asking.asked_seconds, 1),
            "answer_spread": self._mean_spread(),
            "validation_loss": None,
            "before": {} if self.before is None else {"function_accuracy": self.before},
            "task_metrics": self.measured,
            "overlong": find_overlong(self.encoder, [row for row, _ in self.asking.rows]),
        }

    def _mean_spread(self) -> float:
        """The mean of what the best chunk adds to the right answer over the worst."""
        return round(
            statistics.fmean(max(x.answers) - min(x.answers) for x in self.fitting.rows), 4
        )

    def _renew(self) -> list[Lesson]:
        """Embed the exemplars again and retrieve again, with the encoder as it is.

        A stop that comes meanwhile loses no step.
        """
        try:
            return self.asking.lessons(self._tuned_index(), self._over) or self.fitting.rows
        except BaseException:
            if self._stopping():
                self._keep()
            raise

    def _tuned_index(self) -> ModuleIndex:
        embedder: Embedder = TunedEmbedder(self.encoder, self.document)
        return ModuleIndex.build(self.index.schema, self.index.exemplars, embedder)

    def _measure(self, index: ModuleIndex, *, step: int) -> float | None:
        """How often the chunks' vote names the function of a validation row."""
        if not self.validation:
            return None
        validations = (e.data for e in self.run.events() if e.kind == "validation")
        if measurement := next(
            (d for d in validations if step == 0 and d["step"] == 0), None
        ):  # before a stop
            return float(measurement["function_accuracy"])
        self.run.append("evaluating", step=step, rows=len(self.validation))
        share = vote_share(
            index,
            self.validation,
            chunks=self.config.chunks,
            temperature=self.settings.retriever_temperature,
        )
        self.run.append("validation", step=step, function_accuracy=share)
        return share

    def _tell(self, loss: float, limit: TimeLimit) -> None:
        steps_left = self.fitting.steps - self.step
        speed = pace(
            self._begun,
            steps_made=self.step - self._first,
            steps_left=steps_left,
            tokens=self.fitting.tokens,
            limit=limit,
        )
        tell_step(self.run, self.fitting, loss, step=self.step, total=self.fitting.steps, **speed)

    def _keep(self) -> None:
        rows = [[r.utterance, r.chunks, r.answers] for r in self.fitting.rows]
        state = {**self.fitting.state(), "rows": rows, "steps": self.fitting.steps}
        keep_checkpoint(self.run, self.step, state, {})

    def _resume(self) -> None:
        paths = self.run.checkpoints()
        if not paths:
            return
        state = torch.load(paths[max(paths)] / "state.pt", weights_only=True)
        self.fitting.load(state)
        self.fitting.steps = int(state["steps"])
        self.fitting.rows = [Lesson(u, tuple(c), tuple(a)) for u, c, a in state["rows"]]


def lsr_settings(config: TrainConfig) -> LsrSettings:
    """How a run's config tunes its retriever."""
    return LsrSettings(
        **settings_in(config),
        tower=config.tower,
        divergence=config.divergence,
        retriever_temperature=config.retriever_temperature,
        teacher_temperature=config.teacher_temperature,
        reembed_every=config.reembed_every,
    )
