"""The Evaluate page: a run beside the free baselines, and its errors back to annotation."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from radu_core.errors import InputError, NotFoundError, RaduError
from radu_core.evaluation import (
    EvaluationReport,
    Labels,
    compare_each,
    hash_of_rows,
    learnable,
    measure,
    scope_report,
)
from radu_core.exemplars import AnnotatedExemplar, Split
from radu_core.files import content_hash
from radu_core.progress import Progress, silent
from radu_core.training.joint.files import HEAD_FILE, read_head
from radu_core.training.joint.scope import Scope
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate.head_sources import head_accuracy, head_sources
from radu_core.workflows.evaluate.measurement import TRAINED, Measurement
from radu_core.workflows.evaluate.parse import ask_as
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.run_list import check_answers, of_mixture, open_run
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.full import not_a_pair
from radu_core.workflows.runs.launch import Serving, serving
from radu_core.workflows.runs.scope import check_kept
from radu_core.workflows.runs.trained_labels import TrainedLabels, read_trained_labels

__all__ = [
    "SPLITS",
    "damaged_reports",
    "evaluate",
    "report_path",
    "reports",
    "rows_to_measure",
    "send_errors",
]

SPLITS: tuple[Split, ...] = ("test", "validation", "train")  # the most telling first


def report_path(run: RunDirectory, split: str, module: str | None = None) -> Path:
    """Where the evaluation of a run on a split (of a module, where it has several) lies."""
    folder = run.path / "evaluation"
    apart = module is not None and of_mixture(run)
    return (folder / str(module) if apart else folder) / f"{split}.json"


def reports(run: RunDirectory, module: str | None = None) -> dict[str, EvaluationReport]:
    """Split → report, for the splits that have been evaluated and whose file can be read."""
    return _read_reports(run, module)[0]


def damaged_reports(run: RunDirectory, module: str | None = None) -> dict[str, str]:
    """Split → why its report can't be read, naming the file."""
    return _read_reports(run, module)[1]


def _read_reports(
    run: RunDirectory, module: str | None
) -> tuple[dict[str, EvaluationReport], dict[str, str]]:
    reports: dict[str, EvaluationReport] = {}
    damaged: dict[str, str] = {}
    for path in sorted(report_path(run, "", module).parent.glob("*.json")):
        try:
            reports[path.stem] = EvaluationReport.load(path)
        except RaduError as error:
            damaged[path.stem] = str(error)
    return reports, damaged


def rows_to_measure(
    workspace: Workspace, module: str, split: Split, *, limit: int | None = None
) -> tuple[list[AnnotatedExemplar], dict[str, int]]:
    """The labelled rows of a split, and how many are left out by reason.

    Unresolved rows count as well: evaluation needs labels, not spans. ``limit`` takes a sample
    that is the same every time.
    """
    selection = labelled_rows(workspace, module, split)
    rows, left_out = list(selection.exemplars), selection.counts
    if limit is not None and len(rows) > limit:
        left_out["beyond the limit asked for"] = len(rows) - limit
        rows = sorted(rows, key=lambda e: content_hash(e.id))[:limit]
    if not rows:
        raise InputError(
            f"{module} has no labelled utterances in {split}", remedy="Choose another split."
        )
    return sorted(rows, key=lambda e: e.id), dict(sorted(left_out.items()))


def evaluate(
    workspace: Workspace,
    name: str,
    *,
    module: str | None = None,
    split: Split = "test",
    limit: int | None = None,
    untrained: bool = False,
    generated: bool = False,
    generator: str | None = None,
    ensemble: bool = False,
    scope: float | None = None,
    progress: Progress = silent,
) -> EvaluationReport:
    """Measure a finished run on a split, beside baselines.

    They learn from the labels it was trained on; where these can't be had any more, the report says
    so instead.

    ``untrained`` measures the base model on the same rows as well, ``generated`` the run's model
    with values that it generates freely, and ``ensemble`` with each exemplar in a prompt of its own
    (``ParserSettings.mixing``); ``generator`` is the run whose language model is measured beside a
    retriever's, asked as ``ensemble`` says. ``scope``: the share of utterances in scope that a fast
    model is to keep, this time. The report is kept in the run's ``evaluation/`` directory, with
    what an earlier one measured as well (``EvaluationReport.with_earlier``). ``module`` says which,
    of a run on a mixture.
    """
    run = open_run(workspace, name)
    fast = _check_measurable(run, untrained=untrained, generated=generated)
    if generator:
        generator = _language_model(workspace, generator, fast=fast).id
    scope_of_run = _scope_of(run, scope) if fast or scope is not None else None
    serving_files = serving(workspace, run, module=module)
    mixing = ask_as(serving_files, ensemble=True, fast=fast) if ensemble and not generator else None
    rows, left_out = rows_to_measure(workspace, serving_files.schema.module, split, limit=limit)
    measurement = Measurement(workspace, run, serving_files, rows, scope_of_run, progress)
    report = _compare_with_baselines(measurement, split, left_out)
    more: dict[str, object] = {}
    if untrained:
        more["untrained"] = measurement.measure_base()
    if generated:
        more["generated"] = measurement.measure_generated()
    if mixing:
        more["ensemble"] = measurement.add_ensemble(mixing)
    if generator:
        field = "full_ensemble" if ensemble else "full"
        more[field] = measurement.add_generator(generator, ensemble=ensemble, scope=scope)
    return _keep(report.model_copy(update=more), report_path(run, split, report.module))


def _compare_with_baselines(
    measurement: Measurement, split: Split, left_out: dict[str, int]
) -> EvaluationReport:
    """The run's own model beside the baselines: what every report begins with."""
    run, serving, rows = measurement.run, measurement.served, measurement.rows
    labels, learned_from = _labels(serving)
    answers = measurement.ask_baselines(labels)
    predictions, scope = measurement.predictions, measurement.scope
    trained_metrics, errors = measure(TRAINED, rows, predictions)
    return EvaluationReport(
        module=serving.schema.module,
        split=split,
        run=run.id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        rows=len(rows),
        rows_hash=hash_of_rows(rows),
        left_out=left_out,
        trained=trained_metrics,
        baselines=tuple(
            measure(system, rows, system_answers)[0] for system, system_answers in answers.items()
        ),
        learned_from=learned_from,
        no_baselines=labels.missing,
        comparisons=compare_each(rows, predictions, answers),
        errors=tuple(errors),
        scope=scope_report(scope.kept, scope.curve, rows, predictions) if scope else None,
        sources=head_sources(measurement.workspace, run, rows) if measurement.fast else (),
        head_accuracy=head_accuracy(run) if measurement.fast else None,
        settings=dict(serving.settings.model_dump()),
    )


def _keep(report: EvaluationReport, path: Path) -> EvaluationReport:
    """Save a report, with what an earlier one measured besides."""
    with suppress(RaduError):  # there is none, or it is damaged and replaced
        report = report.with_earlier(EvaluationReport.load(path))
    report.save(path)
    return report


def _check_measurable(run: RunDirectory, *, untrained: bool, generated: bool) -> bool:
    """Whether the run's model is a fast one; an error for what can't be measured of it."""
    check_answers(run)
    if not run.model.is_dir():
        state, _ = run.state()
        raise NotFoundError(
            f"Run {run.id} has no model (it is {state})", remedy="Wait until it has finished."
        )
    fast = (run.model / HEAD_FILE).is_file()
    if fast and untrained:
        raise InputError(
            "A retriever has no head before it is tuned, so it can't be measured",
            remedy="Leave it off; the baselines show the untrained embedding model.",
        )
    if fast and generated:
        raise InputError(
            "A retriever's run has no language model, so it can't generate values",
            remedy="Leave it off.",
        )
    return fast


def _scope_of(run: RunDirectory, keep: float | None) -> Scope:
    """How a run's fast model tells what isn't in scope, keeping the share ``keep``."""
    if not (run.model / HEAD_FILE).is_file():
        raise InputError(
            "A generator has no out-of-scope score",
            value=run.id,
            remedy="Leave out the share to keep, or name a run that tuned the retriever.",
        )
    scope = Scope.read(read_head(run.model)["scope"])
    return scope if keep is None else replace(scope, kept=check_kept(keep))


def _language_model(workspace: Workspace, name: str, *, fast: bool) -> RunDirectory:
    """The run to ask beside a ``fast`` one.

    ``InputError``, before anything is measured, where the two aren't such a pair.
    """
    run = open_run(workspace, name)
    check_answers(run)
    if not fast or not run.model.is_dir() or (run.model / HEAD_FILE).is_file():
        raise not_a_pair(run.id)
    return run


def _labels(serving: Serving) -> tuple[TrainedLabels, Labels | None]:
    """What the run was trained on, and how much of it a baseline can learn from."""
    assert serving.folder is not None
    labels = read_trained_labels(serving.folder)
    if labels.missing:
        return labels, None
    left_out = learnable(serving.schema, labels.exemplars).counts
    return labels, Labels(count=len(labels.exemplars), hash=labels.hash, left_out=left_out)


def send_errors(workspace: Workspace, report: EvaluationReport, *, who: str) -> int:
    """Flag every wrong row for annotation, with what the model said; returns how many."""
    flags = {
        e.exemplar_id: f"Evaluation of {report.run}: {e.kind}; the model said "
        f"{e.predicted_function or 'none'} {e.predicted_arguments}"
        for e in report.errors
    }
    return workspace.store.flag(report.module, flags, who=who, kind="evaluation")
