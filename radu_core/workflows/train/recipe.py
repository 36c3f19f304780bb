"""``radu recipe ra-dit``: what tuning the language model, the retriever, and both is worth.

RA-DIT (Lin et al. 2023, arXiv 2310.01352) compares a language model and a retriever, each as it is
or tuned: four cells. Here the language model names an utterance's function, with all exemplars in
one prompt and with an ensemble of prompts; beside it stands what the exemplars vote for alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from radu_core.dataset import DatasetConfig, read_labels
from radu_core.errors import InputError
from radu_core.evaluation import Prediction, Share, compare
from radu_core.exemplars import AnnotatedExemplar, Split
from radu_core.inference import Generator, Parser, ParserSettings
from radu_core.models import DEFAULT_GENERATOR, model_directory
from radu_core.progress import Progress, silent
from radu_core.prompts import TemplateSet
from radu_core.retrieval import ModuleIndex, query_of
from radu_core.schema import OUT_OF_SCOPE
from radu_core.training.joint.files import epochs_for
from radu_core.training.lsr.votes import vote
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.tokens import template_of
from radu_core.workflows.coverage.indexing import build_index, chosen_point, retrieval_settings
from radu_core.workflows.evaluate.evaluation import rows_to_measure
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.fit import base_embedder, measurable, train_once

__all__ = ["Cell", "RaDitReport", "configs_of", "ra_dit"]

_DATASET = "ra-dit"
_FIRST = "neither"


@dataclass(frozen=True)
class Cell:
    """One of the four combinations of tuned and untuned models.

    ``prompt``, ``ensemble`` and ``vote`` are function accuracies; ``vote`` is of the ten nearest
    exemplars without a language model. ``p`` are those of ``prompt`` and ``ensemble`` against the
    cell where nothing is tuned: paired by row.
    """

    tuned: str
    prompt: Share
    ensemble: Share
    vote: Share
    p: tuple[float, float] | None


@dataclass
class RaDitReport:
    """The cells, and the runs whose models they are of."""

    module: str
    split: Split
    rows: int
    generator: str
    generator_run: str
    retriever_run: str
    left_out: dict[str, int]
    cells: list[Cell] = field(default_factory=list)


def ra_dit(
    workspace: Workspace,
    module: str,
    *,
    minutes: float | None = None,
    limit: int | None = None,
    split: Split | None = None,
    generator: str = DEFAULT_GENERATOR,
    progress: Progress = silent,
) -> RaDitReport:
    """Tune both models, and measure the four cells on at most ``limit`` rows of ``split``.

    By default test, or validation where nothing in test is labelled. ``minutes`` bounds each run.

    Calling it again continues: a run that is finished is kept while labels and settings are the
    same.
    """
    if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
        raise InputError(
            "A time limit is a number of minutes above 0", value=minutes, remedy="Leave it out."
        )
    split_used = split or measurable(workspace, module)
    if split_used is None:
        raise InputError(
            f"{module} has no labelled utterances in test or validation",
            remedy=f"Make splits on the Load page, or: radu split --module {module}.",
        )
    rows, left_out = rows_to_measure(workspace, module, split_used, limit=limit)
    k_desc, k_exemplar = chosen_point(workspace, module)
    dataset = build(
        workspace,
        module,
        name=_DATASET,
        config=DatasetConfig.of(
            strategies=("rag",), k_desc=k_desc, k_exemplar=max(1, k_exemplar), tokenizer=generator
        ),
        progress=progress,
    )
    configs = configs_of(workspace, module, dataset.directory, generator, minutes=minutes)
    tuned_run, retriever = (train_once(workspace, config, progress) for config in configs)
    report = RaDitReport(
        module, split_used, len(rows), generator, tuned_run.id, retriever.id, dict(left_out)
    )
    own = retrieval_settings(workspace, module)
    indexes = {
        name: build_index(
            workspace,
            module,
            settings=own.model_copy(update={"embedder": embedder}),
            progress=progress,
        )
        for name, embedder in (("", configs[1].base_model), ("retriever", retriever.id))
    }
    settings = ParserSettings(k_desc=k_desc, k_exemplar=max(1, k_exemplar))
    report.cells = _cells(workspace, generator, tuned_run, indexes, settings, rows, progress)
    return report


def configs_of(
    workspace: Workspace, module: str, dataset: Path, generator: str, *, minutes: float | None
) -> tuple[TrainConfig, TrainConfig]:
    """The settings of the two runs: the language model's and the retriever's."""
    labels = sum(e.mode == "normal" for e in read_labels(dataset, module))
    return (
        TrainConfig(
            dataset=dataset, base_model=generator, epochs=1.0, max_minutes=minutes, eval_rows=0
        ),
        TrainConfig(
            target="retriever",
            objective="lsr",
            dataset=dataset,
            base_model=base_embedder(workspace, module),
            method="full",
            epochs=round(min(80.0, epochs_for(labels)), 1),
            batch_size=32,
            warmup_share=0.1,
            weight_decay=0.01,
            max_minutes=minutes,
            eval_rows=500,
            teachers=(generator,),
        ),
    )


def _cells(
    workspace: Workspace,
    generator: str,
    tuned_run: RunDirectory,
    indexes: dict[str, ModuleIndex],
    settings: ParserSettings,
    rows: Sequence[AnnotatedExemplar],
    progress: Progress,
) -> list[Cell]:
    """The four cells; a language model is in memory once."""
    cells: dict[str, tuple[list[Prediction], list[Prediction], Share]] = {}
    templates = TemplateSet(workspace.store.templates(indexes[""].schema.module))
    votes = {name: _votes(index, rows, settings) for name, index in indexes.items()}
    models = (
        ("", model_directory(generator, workspace.models), None),
        ("language model", tuned_run.model, template_of(tuned_run)),
    )
    for name, directory, template in models:
        progress(f"Loading the language model{', tuned' if name else ''}", 0, 0)
        model = Generator(directory, template=template)
        for other, index in indexes.items():
            label = " and ".join(filter(None, (name, other))) or _FIRST
            answers = [
                _answers(
                    Parser(model, index, index.schema, templates, settings.model_copy(update=how)),
                    rows,
                    label,
                    progress,
                )
                for how in ({"mixing": "prompt"}, {"mixing": "ensemble"})
            ]
            cells[label] = (answers[0], answers[1], votes[other])
    first = cells[_FIRST]
    return [
        Cell(
            label,
            _share(rows, prompt),
            _share(rows, ensemble),
            voted,
            None if label == _FIRST else (_p(rows, prompt, first[0]), _p(rows, ensemble, first[1])),
        )
        for label, (prompt, ensemble, voted) in cells.items()
    ]


def _answers(
    parser: Parser, rows: Sequence[AnnotatedExemplar], label: str, progress: Progress
) -> list[Prediction]:
    """The functions that are named."""

    def report_progress(what: str, done: int, total: int) -> None:
        progress(f"Tuned: {label}; {parser.settings.mixing} ({what.lower()})", done, total)

    functions = parser.choose_functions(
        [query_of(r) for r in rows], contexts=[r.context for r in rows], progress=report_progress
    )
    best = [max(sorted(scores), key=lambda n: scores[n]) for scores in functions]
    return [Prediction(function=None if n == OUT_OF_SCOPE else n) for n in best]


def _votes(
    index: ModuleIndex, rows: Sequence[AnnotatedExemplar], settings: ParserSettings
) -> Share:
    results = index.search([query_of(r) for r in rows], k_desc=0, k_exemplar=10, mode="dense")
    votes = [vote(hits.exemplars, temperature=settings.temperature) for hits in results]
    right = sum(name == row.function for name, row in zip(votes, rows, strict=True))
    return Share.of(right, len(rows))


def _share(rows: Sequence[AnnotatedExemplar], predictions: Sequence[Prediction]) -> Share:
    right = sum(p.function == row.function for p, row in zip(predictions, rows, strict=True))
    return Share.of(right, len(rows))


def _p(
    rows: Sequence[AnnotatedExemplar], own: Sequence[Prediction], other: Sequence[Prediction]
) -> float:
    """Of function accuracy: paired by row."""
    comparison = compare(_FIRST, rows, own, other)
    return next(c.p for c in comparison if c.measure == "function accuracy")
