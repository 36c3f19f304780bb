"""``radu fit``: from the labels of a module to a model that is measured beside what is free.

Every step says what it chose and why. A step whose result is there already and still right is kept:
calling it again after it was stopped continues where it was.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from radu_core.dataset import DatasetConfig, read_dataset, read_labels
from radu_core.dataset.labels import LABELS
from radu_core.errors import DatasetError, InputError, RaduError, RunError
from radu_core.evaluation import EvaluationReport
from radu_core.exemplars import Split
from radu_core.files import read_json
from radu_core.models import DEFAULT_GENERATOR
from radu_core.progress import Progress, silent
from radu_core.training.joint.files import CONTRASTIVE_ROUNDS, JOINT_ROUNDS, epochs_for
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.tokens import FILE
from radu_core.training.watcher.launcher import stop
from radu_core.words import percent, quantity
from radu_core.workflows.coverage.indexing import build_index, retrieval_settings
from radu_core.workflows.evaluate.evaluation import evaluate
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.run_list import runs
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.runs.launch import resume, start
from radu_core.workflows.runs.tuned_from import base_of
from radu_core.workflows.train.dataset import DatasetView, build
from radu_core.workflows.train.fit_notes import notes_on
from radu_core.workflows.train.following import follow
from radu_core.workflows.train.retriever import kept_guard

__all__ = [
    "ROUNDS_ALONE",
    "FitReport",
    "FitStep",
    "base_embedder",
    "fit",
    "generator_plan",
    "measurable",
    "plan_of",
    "train_once",
]

T = TypeVar("T")
_DATASET = "fit"
ROUNDS_ALONE = CONTRASTIVE_ROUNDS / JOINT_ROUNDS  # of a retriever alone, for one of a fit
_MOST_EPOCHS = 80.0
_BATCH = 32
_GENERATOR_EPOCHS = 3.0


@dataclass(frozen=True)
class FitStep:
    """A step: what came out, what was chosen and why, and how long it took (seconds)."""

    name: str
    figure: str
    why: str
    seconds: float


@dataclass
class FitReport:
    """The steps, the run whose model came out, and its evaluation.

    ``retrieval`` says how the run's encoder retrieves beside the untuned one, and what follows.
    """

    module: str
    steps: list[FitStep] = field(default_factory=list)
    run: str = ""
    generator: str = ""  # the language model's run, if one was asked for
    evaluation: EvaluationReport | None = None
    retrieval: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def step(self, name: str, work: Callable[[], T], describe: Callable[[T], tuple[str, str]]) -> T:
        """Do a step and note what came out and why, as ``describe`` says of its result."""
        start = time.monotonic()
        result = work()
        figure, why = describe(result)
        self.steps.append(FitStep(name, figure, why, round(time.monotonic() - start, 1)))
        return result


def fit(
    workspace: Workspace,
    module: str,
    *,
    who: str,
    minutes: float | None = None,
    generator_minutes: float | None = None,
    split: Split | None = None,
    progress: Progress = silent,
) -> FitReport:
    """Resolve → index → dataset → retriever and head → language model, if asked → evaluation.

    ``minutes`` bounds the training. ``generator_minutes`` trains a language model for so long as
    well, and measures what it adds where the fast model is unsure. ``split`` is what is measured at
    the end: by default test, or validation where nothing in test is labelled.
    """
    for limit in (minutes, generator_minutes):
        if limit is not None and not (math.isfinite(limit) and limit > 0):
            raise InputError(
                "A time limit is a number of minutes above 0", value=limit, remedy="Leave it out."
            )
    report = FitReport(module)
    dataset = _prepare(workspace, report, who, progress)
    config, why = plan_of(workspace, module, dataset.directory, minutes=minutes)
    run = report.step(
        "retriever and head",
        lambda: train_once(workspace, config, progress),
        lambda r: (_figure(r), why),
    )
    report.run = run.id
    report.notes += notes_on(
        workspace.store.schema(module),
        [e for e in read_labels(dataset.directory, module) if e.mode != "negative"],
        base=config.base_model,
        ended=run.state()[1],
        validation="function_accuracy" in ((run.report() or {}).get("task_metrics") or {}),
    )
    if guard := kept_guard(run):
        report.retrieval = [*map(str, guard.measures), guard.verdict]
    if generator_minutes is not None:
        _train_generator(workspace, report, dataset.directory, generator_minutes, progress)
    split_used = split or measurable(workspace, module)
    if split_used is None:
        report.notes.append(
            "Nothing was measured: no utterance of test or validation is labelled. Make splits "
            f"on the Load page, or: radu split --module {module}"
        )
        return report
    report.evaluation = report.step(
        "evaluation",
        lambda: evaluate(
            workspace,
            run.id,
            module=module,
            split=split_used,
            generator=report.generator or None,
            progress=progress,
        ),
        lambda e: (
            f"function accuracy {percent(e.trained.function.share)}",
            f"on all of {split_used}",
        ),
    )
    return report


def _prepare(workspace: Workspace, report: FitReport, who: str, progress: Progress) -> DatasetView:
    """Resolve the module, build its index and a dataset."""
    module = report.module
    report.step(
        "resolve",
        lambda: resolve(workspace, module, who=who, progress=progress),
        lambda r: (
            f"{r.outcomes.get('resolved', 0):,} of {sum(r.outcomes.values()):,} resolved",
            "only these are learnt; the others wait for annotation",
        ),
    )
    report.step(
        "index",
        lambda: build_index(workspace, module, progress=progress),
        lambda i: (quantity(len(i.exemplars), "exemplar"), f"embedded by {i.embedder.name}"),
    )
    return report.step(
        "dataset",
        lambda: build(
            workspace,
            module,
            name=_DATASET,
            config=DatasetConfig(tokenizer=None),
            progress=progress,
        ),
        lambda d: (quantity(d.manifest.rows("train"), "row"), "with the default strategies"),
    )


def _train_generator(
    workspace: Workspace, report: FitReport, dataset: Path, minutes: float, progress: Progress
) -> None:
    """Train a language model for so long, and name its run in the report; a note says why not."""
    if not labelled_rows(workspace, report.module, "validation").exemplars:
        report.notes.append(
            "No language model was trained: no utterance of validation is labelled, to weigh it "
            f"on. Split some off on the Load page, or: radu split --module {report.module}"
        )
        return
    config, why = generator_plan(dataset, minutes)
    try:
        report.generator = report.step(
            "language model",
            lambda: train_once(workspace, config, progress),
            lambda r: (_figure(r), why),
        ).id
    except (DatasetError, RunError) as error:  # what is trained already is measured
        report.notes.append(f"No language model was trained. {error}")


def generator_plan(dataset: Path, minutes: float) -> tuple[TrainConfig, str]:
    """The language model's settings, and why."""
    config = TrainConfig(
        dataset=dataset,
        base_model=DEFAULT_GENERATOR,
        method="lora",
        epochs=_GENERATOR_EPOCHS,
        max_minutes=minutes,
        skip_overlong=True,
    )
    return config, f"a LoRA of {DEFAULT_GENERATOR} for at most {minutes:g} min"


def plan_of(
    workspace: Workspace, module: str, dataset: Path, *, minutes: float | None = None
) -> tuple[TrainConfig, str]:
    """The run's settings for so many labels, and why."""
    exemplars = read_labels(dataset, module)
    labels = sum(e.mode != "negative" for e in exemplars)
    epochs = round(min(_MOST_EPOCHS, epochs_for(labels)), 1)
    config = TrainConfig(
        target="retriever",
        dataset=dataset,
        base_model=base_embedder(workspace, module),
        method="full",
        epochs=epochs,
        batch_size=_BATCH,
        warmup_share=0.1,
        weight_decay=0.01,
        max_minutes=minutes,
        folds=3,
        eval_rows=500,
    )
    now = retrieval_settings(workspace, module).embedder
    text = f"{quantity(labels, 'label')}: {epochs:g} rounds through them, 3 folds for the head"
    if negatives := len(exemplars) - labels:
        text += f"; {quantity(negatives, 'negative exemplar')} not learnt"
    if config.base_model != now:
        text += f"; from {config.base_model}, as {now} has seen the labels of every fold"
    return config, text + (f"; at most {minutes:g} min" if minutes else "")


def base_embedder(workspace: Workspace, module: str) -> str:
    """The module's embedding model, or where that is a run's, the one that it was tuned from."""
    return base_of(workspace, retrieval_settings(workspace, module).embedder)


def train_once(workspace: Workspace, config: TrainConfig, progress: Progress) -> RunDirectory:
    """The run of these settings on this very dataset: finished, continued or new."""
    run = _same(workspace, config)
    if run is None:
        run = start(workspace, config, progress=progress)
    elif run.state()[0] in ("stopped", "failed", "lost"):
        run = resume(workspace, run.id)
    try:
        follow(run, progress=progress)
    except RunError:
        raise
    except BaseException:  # somebody stopped waiting for it: it would run on, seen by nobody
        stop(run)
        raise
    return run


def _same(workspace: Workspace, config: TrainConfig) -> RunDirectory | None:
    """The newest run of the same settings on the same labels."""
    dataset = read_dataset(config.dataset)
    now = _learnt(dataset.model_dump(mode="json")) if _by_labels(config) else dataset.hash
    config_wanted = TrainConfig.from_yaml(
        config.with_absolute_paths().to_yaml()
    )  # as a run's is read
    for run in runs(workspace, config.dataset.name):
        try:
            config_kept = run.config()
            free: dict[str, Any] = {"notes": "", "tags": ()}
            if _was_moved(config_kept, config_wanted) and run.state()[0] == "finished":
                free["dataset"] = config_wanted.dataset  # only resuming would read it
            same = config_kept.model_copy(update=free) == config_wanted
            before = _learnt_by(run) if _by_labels(config) else _dataset_of(run)
            if same and before == now and run.state()[0] != "damaged":
                return run
        except RaduError:
            continue
    return None


def _was_moved(old_config: TrainConfig, config: TrainConfig) -> bool:
    """Whether it is the same dataset of a workspace that was elsewhere: copied, or restored."""
    return (
        old_config.dataset.parts[-3:] == config.dataset.parts[-3:]
        and old_config.dataset != config.dataset
    )


def _by_labels(config: TrainConfig) -> bool:
    """Whether a run learns from the labels of its dataset.

    Not from rows that show what the module retrieves: then it is the same after the module has
    taken its encoder.
    """
    return config.target == "retriever" and not config.learns_by_teacher


def _learnt(manifest: Mapping[str, Any]) -> list[Any]:
    """What of a dataset's manifest says which labels there are, of which schema."""
    hashes = [manifest.get(n) for n in ("schema_hash", "exemplars_hash", "judgements_hash")]
    return [*hashes, (manifest.get("files") or {}).get(LABELS)]


def _learnt_by(run: RunDirectory) -> list[Any]:
    return _learnt(read_json(run.path / "serving" / "manifest.json"))


def _dataset_of(run: RunDirectory) -> str | None:
    """The hash of the dataset that a run was launched with."""
    dataset_told = next((e.data.get("dataset") for e in run.events() if e.kind == "labels"), None)
    if dataset_told is None and (run.path / FILE).is_file():
        dataset_told = read_json(run.path / FILE).get("dataset_hash")
    return None if dataset_told is None else str(dataset_told)


def _figure(run: RunDirectory) -> str:
    report = run.report() or {}
    share = (report.get("task_metrics") or {}).get("function_accuracy")
    if share is not None:
        alone = "the encoder alone: " if run.config().target == "retriever" else ""
        return f"{alone}{percent(share)} of validation's functions"
    figures_held = report.get("out_of_fold") or {}
    if figures_held.get("function_accuracy") is None:
        return "not measured: too few labels"
    return (
        f"function accuracy {percent(figures_held['function_accuracy'])} on held-out parts (out of "
        f"fold) ({quantity(figures_held['rows'], 'row')})"
    )


def measurable(workspace: Workspace, module: str) -> Split | None:
    """The split to measure on: test, or validation where test has no labels."""
    order: tuple[Literal["test"], Literal["validation"]] = ("test", "validation")
    return next((s for s in order if labelled_rows(workspace, module, s).exemplars), None)
