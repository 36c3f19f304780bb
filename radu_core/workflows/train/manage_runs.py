"""What is done with runs besides watching them: fork, note, throw away, compare."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from radu_core.errors import InputError, NotFoundError, RaduError, StoreError
from radu_core.evaluation import EvaluationReport
from radu_core.files import disk_errors, read_json, write_json
from radu_core.instructions import instruct
from radu_core.progress import Progress, silent
from radu_core.statistics import mcnemar
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import FINAL, RunDirectory, RunEvent
from radu_core.training.run.queue import ahead
from radu_core.training.watcher.launcher import launcher_of
from radu_core.words import quantity
from radu_core.workflows.evaluate.evaluation import reports
from radu_core.workflows.frame.run_list import (
    list_trash,
    lives,
    open_run,
    run_modules,
    runs,
    trash_of_runs,
)
from radu_core.workflows.frame.run_names import BESIDE, run_name
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.launch import start
from radu_core.workflows.train.retriever import modules_using, runs_using

__all__ = [
    "LONGEST_NAME",
    "UNCORRECTED",
    "About",
    "Comparison",
    "Paired",
    "about",
    "changed_config",
    "compare_runs",
    "describe",
    "empty_trash",
    "fork",
    "rename",
    "restore_run",
    "trash",
    "waits_for",
]

UNCORRECTED = (
    "The p-values aren't corrected for the number of tests: of twenty tests of equally good runs, "
    "one is below 0.05 by chance."
)
LONGEST_NAME = 80  # characters of a run's name
_SPLITS = ("test", "validation", "train")


class About(BaseModel):
    """What people say of a run (``about.json``); it may change after the launch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    forked_from: str | None = None


def about(run: RunDirectory) -> About:
    """Notes, tags and origin of a run: as edited, or as in its config; ``StoreError`` if damaged.

    A run whose config can't be read, and that nobody has described, has none.
    """
    path = run.path / "about.json"
    if path.is_file():
        try:
            return About.model_validate(read_json(path))
        except ValidationError as error:
            raise StoreError(f"{path} is damaged", remedy="Delete that file.") from error
    try:
        config = run.config()
    except RaduError:
        return About()
    return About(notes=config.notes, tags=config.tags)


def describe(
    workspace: Workspace,
    name: str,
    *,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
) -> About:
    """Change a run's notes or tags; what isn't given stays. Blank and repeated tags are dropped."""
    run = open_run(workspace, name)
    changes: dict[str, Any] = {}
    if notes is not None:
        changes["notes"] = notes.strip()
    if tags is not None:
        changes["tags"] = tuple(dict.fromkeys(t.strip() for t in tags if t.strip()))
    new_about = about(run).model_copy(update=changes)
    write_json(run.path / "about.json", new_about.model_dump(mode="json"))
    return new_about


def rename(workspace: Workspace, run: str, name: str) -> About:
    """Give a run a name, which is shown with its id; an empty one takes the name away.

    ``InputError`` for a name that is too long, or that another run has as its name or id.
    """
    directory = open_run(workspace, run)
    new_name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if len(new_name) > LONGEST_NAME:
        raise InputError(
            "That name is too long",
            value=new_name,
            remedy=f"Use at most {LONGEST_NAME} characters.",
        )
    others = (other for other in runs(workspace) if other.id != directory.id)
    is_reserved = new_name == "last" or BESIDE in new_name
    if new_name and (is_reserved or any(new_name in (o.id, run_name(o)) for o in others)):
        raise InputError(
            "Another run has that name" if not is_reserved else "A run can't have that name",
            value=new_name,
            remedy="Choose another name.",
        )
    new_about = about(directory).model_copy(update={"name": new_name})
    write_json(directory.path / "about.json", new_about.model_dump(mode="json"))
    return new_about


def changed_config(run: RunDirectory, changes: Mapping[str, object]) -> TrainConfig:
    """The run's settings with changes; ``InputError`` names each field that is wrong.

    A field set to None gets its default.
    """
    data = run.config().model_dump(mode="json")
    unknown = sorted(set(changes) - set(TrainConfig.model_fields))
    if unknown:
        raise InputError(
            "A run has no such setting",
            value=", ".join(unknown),
            remedy=f"It has {', '.join(TrainConfig.model_fields)}.",
        )
    all_settings = {**data, **changes}
    settings = {k: v for k, v in all_settings.items() if v is not None}
    return TrainConfig.validate_data(settings)


def fork(
    workspace: Workspace,
    name: str,
    changes: Mapping[str, object],
    *,
    now: datetime | None = None,
    progress: Progress = silent,
) -> RunDirectory:
    """Launch a new run with the settings of another and changes; it begins at its first step.

    It is launched where the other one was.
    """
    origin = open_run(workspace, name)
    config = changed_config(origin, changes)
    about_fork = About(notes=config.notes, tags=config.tags, forked_from=origin.id)

    def prepare(run: RunDirectory) -> None:
        write_json(run.path / "about.json", about_fork.model_dump(mode="json"))

    where = launcher_of(origin)
    return start(workspace, config, launcher=where, now=now, prepare=prepare, progress=progress)


def waits_for(run: RunDirectory) -> tuple[str, ...]:
    """The runs that a queued one waits for, next to end first; none when it isn't queued."""
    return ahead(run) if run.state()[0] == "queued" else ()


# --- the trash -------------------------------------------------------------------------------


def trash(workspace: Workspace, name: str) -> Path:
    """Move a run that isn't under way to the trash; returns where it lies there."""
    run = open_run(workspace, name)
    state, _ = run.state()
    if state not in FINAL or lives(run):
        raise InputError(f"Run {run.id} is {state}", remedy="Stop it first, then delete it.")
    if modules := modules_using(workspace, run.id):
        raise InputError(
            f"{' and '.join(modules)} retrieves with it",
            value=run.id,
            remedy=f"{instruct('restore retriever', modules[0])} first.",
        )
    if others := runs_using(workspace, run.id):
        raise InputError(
            f"{quantity(len(others), 'run retrieves', 'runs retrieve')} with its encoder",
            value=", ".join(others),
            remedy="Delete these first.",
        )
    return _move(run.path, trash_of_runs(workspace) / run.id)


def restore_run(workspace: Workspace, name: str) -> RunDirectory:
    """Bring a run back from the trash."""
    ids = [r.id for r in list_trash(workspace)]
    if name not in ids:
        raise NotFoundError(
            "There is no such run in the trash",
            value=name,
            remedy=f"It holds {', '.join(ids[:5])}." if ids else "It is empty.",
        )
    return RunDirectory(_move(trash_of_runs(workspace) / name, workspace.runs / name))


def _move(source: Path, target: Path) -> Path:
    if target.exists():
        raise InputError(f"{target} exists", remedy="Move or delete that directory first.")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)
    return target


def empty_trash(workspace: Workspace) -> int:
    """Delete the runs in the trash for good, with their prepared bundles; returns how many."""
    trashed_runs = list_trash(workspace)
    for run in trashed_runs:
        with disk_errors(run.path):
            shutil.rmtree(run.path)
            for bundle in workspace.exports.glob(f"{run.id}.*"):
                bundle.unlink(missing_ok=True)
    return len(trashed_runs)


# Comparing


@dataclass(frozen=True)
class Paired:
    """Two runs on the same rows: how many only one of them has right, and the exact p-value.

    ``one`` and ``two`` are ids; McNemar's test, exact: if both were equally good, each row that
    only one has right would be either's with probability 1/2.
    """

    measure: str
    one: str
    two: str
    only_one: int
    only_two: int
    rows: int
    p: float


@dataclass(frozen=True)
class Comparison:
    """Several runs side by side.

    ``settings``: field → run → value, of those that differ. ``losses``: per run, its events
    ``step`` and ``validation``. ``reports``: per run, where it was measured on ``split``.
    ``unpaired``: in words, which two couldn't be tested and why; ``unverified``: of which tests it
    can't be said whether both measured the same rows.
    """

    runs: tuple[str, ...]
    split: str
    settings: dict[str, dict[str, Any]]
    losses: dict[str, tuple[RunEvent, ...]]
    reports: dict[str, EvaluationReport]
    paired: tuple[Paired, ...]
    unpaired: tuple[str, ...]
    unverified: tuple[str, ...] = ()


def compare_runs(
    workspace: Workspace, names: Sequence[str], *, split: str = "test", module: str | None = None
) -> Comparison:
    """Settings, curves and measurements of two runs or more, and paired tests of every two.

    ``module``: whose reports, of runs on several modules.
    """
    if split not in _SPLITS:
        raise InputError("No such split", value=split, remedy=f"One of {', '.join(_SPLITS)}.")
    chosen_runs = list({run.id: run for run in (open_run(workspace, n) for n in names)}.values())
    if len(chosen_runs) < 2:
        raise InputError("Comparing takes two runs", remedy="Name at least two different ones.")
    reports = {run.id: report for run in chosen_runs if (report := _report(run, split, module))}
    paired, unpaired = _tests([run.id for run in chosen_runs], reports, split)
    return Comparison(
        runs=tuple(run.id for run in chosen_runs),
        split=split,
        settings=_differing(chosen_runs),
        losses={
            run.id: tuple(e for e in run.events() if e.kind in ("step", "validation"))
            for run in chosen_runs
        },
        reports=reports,
        paired=tuple(paired),
        unpaired=tuple(unpaired),
        unverified=tuple(_unverified_pairs(reports, paired)),
    )


def _report(run: RunDirectory, split: str, module: str | None) -> EvaluationReport | None:
    modules = run_modules(run)
    if module is None:
        module = modules[0] if len(modules) == 1 else None
    if module is None:
        return None
    return reports(run, module).get(split)


def _differing(runs: Sequence[RunDirectory]) -> dict[str, dict[str, Any]]:
    configs = {run.id: run.config().model_dump(mode="json") for run in runs}
    differing = {}
    for field in (f for f in TrainConfig.model_fields if f not in ("notes", "tags")):
        values = {name: config[field] for name, config in configs.items()}
        first = next(iter(values.values()))
        if any(value != first for value in values.values()):
            differing[field] = values
    return differing


def _tests(
    names: Sequence[str], reports: Mapping[str, EvaluationReport], split: str
) -> tuple[list[Paired], list[str]]:
    paired: list[Paired] = []
    unpaired = [f"{n} hasn't been measured on {split}." for n in names if n not in reports]
    measured_names = [n for n in names if n in reports]
    for position, one in enumerate(measured_names):
        for two in measured_names[position + 1 :]:
            why = _why_not(reports[one], reports[two])
            if why:
                unpaired.append(f"{one} and {two} can't be tested row by row: {why}")
            else:
                paired += _pair_tests(one, two, reports[one], reports[two])
    return paired, unpaired


def _unverified_pairs(
    reports: Mapping[str, EvaluationReport], paired: Sequence[Paired]
) -> list[str]:
    tested = dict.fromkeys((t.one, t.two) for t in paired)
    return [
        f"{one} and {two}: at least one was measured before reports told which rows they are of. "
        "That these are the same can't be verified; evaluate both again to be sure."
        for one, two in tested
        if not (reports[one].rows_hash and reports[two].rows_hash)
    ]


def _why_not(one: EvaluationReport, two: EvaluationReport) -> str:
    """Why two reports aren't of the same rows; empty when nothing says so.

    The hashes of their rows do. An older report has none, and names its wrong rows only: those
    that both have wrong must have one label.
    """
    if one.module != two.module:
        return f"one is of {one.module}, the other of {two.module}."
    if (one.rows, one.left_out) != (two.rows, two.left_out):
        return f"they measured {one.rows} and {quantity(two.rows, 'row')}. Evaluate both again."
    labels = [{f.function: f.rows for f in r.trained.per_function if f.rows} for r in (one, two)]
    if labels[0] != labels[1] or one.trained.slot_pairs != two.trained.slot_pairs:
        return "the labels have changed between them. Evaluate both again."
    if one.rows_hash and two.rows_hash and one.rows_hash != two.rows_hash:
        return "they measured other rows, or rows that were changed. Evaluate both again."
    theirs = {e.exemplar_id: (e.utterance, e.expected_function) for e in two.errors}
    for error in one.errors:
        here = (error.utterance, error.expected_function)
        if theirs.get(error.exemplar_id, here) != here:
            return f"row {error.exemplar_id} has changed between them. Evaluate both again."
    return ""


def _pair_tests(one: str, two: str, a: EvaluationReport, b: EvaluationReport) -> list[Paired]:
    tests = []
    for measure in ("function accuracy", "exact match"):
        wrong = [
            {
                e.exemplar_id
                for e in r.errors
                if measure == "exact match" or e.kind not in ("slots", "cut")
            }
            for r in (a, b)
        ]
        only_one, only_two = len(wrong[1] - wrong[0]), len(wrong[0] - wrong[1])
        p = mcnemar(only_one, only_two)
        tests.append(Paired(measure, one, two, only_one, only_two, a.rows, p))
    return tests
