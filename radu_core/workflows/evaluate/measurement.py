"""The answers that an evaluation compares: a run's own, its base model's, with more beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from radu_core.evaluation import (
    Metrics,
    Prediction,
    WithEnsemble,
    WithGenerator,
    compare,
    fit_baselines,
    measure,
)
from radu_core.exemplars import AnnotatedExemplar
from radu_core.inference import (
    FastParser,
    FullParser,
    FunctionCall,
    Generator,
    Parser,
    ParserSettings,
)
from radu_core.models import model_directory
from radu_core.progress import Progress
from radu_core.retrieval import query_of
from radu_core.training.joint.files import HEAD_FILE
from radu_core.training.joint.scope import Scope
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.tokens import template_of
from radu_core.workflows.evaluate.parse import fast_parser, full_parser
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.launch import Serving
from radu_core.workflows.runs.trained_labels import TrainedLabels

__all__ = ["TRAINED", "Measurement"]

TRAINED = "after training"  # what a report calls the run's own model
_BLOCK = 256  # rows


@dataclass(frozen=True)
class Measurement:
    """A run, and the rows that all answers are compared on.

    ``scope`` is how its model tells what is out of scope, None of one that can't.
    """

    workspace: Workspace
    run: RunDirectory
    served: Serving
    rows: Sequence[AnnotatedExemplar]
    scope: Scope | None
    progress: Progress

    @cached_property
    def fast(self) -> bool:
        """Whether the run's model answers without a language model."""
        return (self.run.model / HEAD_FILE).is_file()

    @cached_property
    def predictions(self) -> list[Prediction]:
        """What the run's own model answers."""
        return self._predict(TRAINED, self.run.model, self.served.settings)

    def ask_baselines(self, labels: TrainedLabels) -> dict[str, list[Prediction]]:
        """What each baseline answers after learning from ``labels``, by its name."""
        answers = {}
        embedder = self.served.index.embedder
        for system in fit_baselines(
            self.served.schema, labels.exemplars, embedder, progress=self.progress
        ):
            self.progress(f"Baseline: {system.name}", 0, 0)
            answers[system.name] = system.predict(self.rows)
        return answers

    def measure_base(self) -> Metrics:
        """Measure the base model, asked as the run's model is."""
        base = model_directory(self.run.config().base_model, self.workspace.models)
        return self._measure("before training", base, self.served.settings)

    def measure_generated(self) -> Metrics:
        """Measure the run's model with values that it generates instead of choosing."""
        settings = self.served.settings.model_copy(update={"values": "generate"})
        return self._measure(f"{TRAINED}, values generated", self.run.model, settings)

    def add_ensemble(self, mixing: ParserSettings) -> WithEnsemble:
        """Measure the run's model with a prompt for each exemplar."""
        label = f"{TRAINED}, an ensemble of prompts"
        answers = self._predict(label, self.run.model, mixing)
        return WithEnsemble(
            metrics=measure(label, self.rows, answers)[0],
            comparisons=compare(TRAINED, self.rows, answers, self.predictions),
        )

    def add_generator(
        self, generator: str, *, ensemble: bool, scope: float | None
    ) -> WithGenerator:
        """Measure a retriever's run with the language model of the run ``generator`` beside it.

        ``scope``: the share of utterances in scope to keep; None: what the fast model keeps.
        """
        parser = full_parser(
            self.workspace, self.run.id, generator, ensemble=ensemble, progress=self.progress
        )
        answers = _parse_in_blocks(parser, self.rows, self.progress, scope=scope)
        how = ", an ensemble of prompts" if ensemble else ""
        label = f"with the language model of {generator}{how}"
        return WithGenerator(
            generator=generator,
            metrics=measure(label, self.rows, answers)[0],
            comparisons=compare(TRAINED, self.rows, answers, self.predictions),
            told=parser.deferral.told,
        )

    def _measure(self, label: str, model: Path, settings: ParserSettings) -> Metrics:
        return measure(label, self.rows, self._predict(label, model, settings))[0]

    def _predict(self, label: str, model: Path, settings: ParserSettings) -> list[Prediction]:
        """Load a model and ask it about all rows."""

        def report(what: str, done: int, total: int) -> None:
            self.progress(f"{label}: {what.lower()}", done, total)

        self.progress(f"{label}: loading the model", 0, 0)
        if (model / HEAD_FILE).is_file():
            parser = fast_parser(self.workspace, model, self.served)
            scope = self.scope.kept if self.scope else None
            return _parse_in_blocks(parser, self.rows, report, scope=scope)
        serving = self.served
        generator = Generator(model, template=template_of(self.run))
        asking_parser = Parser(
            generator, serving.index, serving.schema, serving.templates, settings
        )
        queries = [query_of(r) for r in self.rows]
        contexts = [r.context for r in self.rows]
        return _as_predictions(
            asking_parser.parse_many(queries, contexts=contexts, progress=report)
        )


def _parse_in_blocks(
    parser: FastParser | FullParser,
    rows: Sequence[AnnotatedExemplar],
    progress: Progress,
    *,
    scope: float | None,
) -> list[Prediction]:
    """Ask a parser with a head about a few rows at a time.

    Each call holds a score of every function of the schema: of all rows at once they would take
    gigabytes.
    """
    predictions: list[Prediction] = []
    for start in range(0, len(rows), _BLOCK):

        def report(what: str, done: int, total: int, start: int = start) -> None:
            progress(what, start + done, len(rows))

        block = rows[start : start + _BLOCK]
        calls = parser.parse_many(
            [query_of(r) for r in block],
            contexts=[r.context for r in block],
            scope=scope,
            progress=report,
        )
        predictions += _as_predictions(calls)
    return predictions


def _as_predictions(calls: Sequence[FunctionCall]) -> list[Prediction]:
    return [
        Prediction(
            function=c.function,
            arguments=c.arguments,
            seconds=c.seconds,
            cut=c.cut,
            out_of_scope=c.out_of_scope,
        )
        for c in calls
    ]
