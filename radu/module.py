"""A module in a workspace, from Python: what the pages and ``radu`` do, by the same workflows.

>>> import radu
>>> travel = radu.open_module("acme_travel_en", home="workspace")   # doctest: +SKIP
>>> travel.exemplars(split="test")                                  # doctest: +SKIP
>>> report = travel.fit(minutes=5)                                  # doctest: +SKIP

What needs a package is imported when it is called, so that an app that only loads bundles needs
neither the database nor torch.
"""

from __future__ import annotations

import functools
import getpass
import os
from collections.abc import Callable, Sequence
from datetime import date
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, get_args

from radu.arguments import check_choice, check_texts
from radu.words import word_error, word_report
from radu_core.errors import RaduError
from radu_core.extras import as_missing_package
from radu_core.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

    from radu_core.evaluation.report import EvaluationReport, Verdict
    from radu_core.exemplars import Split
    from radu_core.inference import FunctionCall
    from radu_core.schema import Schema
    from radu_core.workflows.frame.workspace import Workspace
    from radu_core.workflows.load.files import ExportReport, ImportReport
    from radu_core.workflows.load.outcomes import ResolveReport
    from radu_core.workflows.train.fit import FitReport

__all__ = ["Module", "compare_with_baselines", "create_module", "open_module"]

P = ParamSpec("P")
T = TypeVar("T")


def _with_plain_errors(work: Callable[P, T]) -> Callable[P, T]:
    """Raise errors in Python's words; where a package is missing, one that says what to install."""

    @functools.wraps(work)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except ModuleNotFoundError as error:
            if missing := as_missing_package(error):
                raise missing from error
            raise
        except RaduError as error:
            word_error(error)
            raise

    return call


class Module:
    """A module in a workspace. ``open_module`` and ``create_module`` give one."""

    def __init__(self, workspace: Workspace, name: str, who: str) -> None:
        self.workspace = workspace
        self.name = name
        self.who = who

    @property
    @_with_plain_errors
    def schema(self) -> Schema:
        """Its functions and slots."""
        return self.workspace.schema(self.name)

    @_with_plain_errors
    def import_file(
        self,
        path: str | PathLike[str],
        format: str = "jsonl",
        *,
        keep_good: bool = False,
        progress: Progress = silent,
        **options: Any,
    ) -> ImportReport:
        """Import labelled utterances: all or nothing, unless ``keep_good`` keeps the good rows.

        ``options`` are those of the format, such as ``mapping={"utterance": "Text"}`` of csv.
        """
        from radu_core.workflows.load.files import import_file

        report = import_file(
            self.workspace,
            format,
            Path(path),
            module=self.name,
            who=self.who,
            keep_good=keep_good,
            options=options,
            progress=progress,
        )
        return word_report(report)

    @_with_plain_errors
    def resolve(self, *, progress: Progress = silent) -> ResolveReport:
        """Find where the values stand in every utterance; people's decisions stay."""
        from radu_core.workflows.load.outcomes import resolve

        return resolve(self.workspace, self.name, who=self.who, progress=progress)

    @_with_plain_errors
    def exemplars(self, *, split: Split | None = None, outcome: str | None = None) -> pd.DataFrame:
        """The exemplars as a table, a row each, indexed by id.

        Columns are the fields of the ``jsonl`` format. ``outcome`` "new" is what hasn't been
        aligned. ``split`` and ``outcome`` narrow the rows; ``InputError`` for an unknown one.
        """
        import pandas as pd

        from radu_core.dataset import SPLITS
        from radu_core.exemplars import AnnotatedExemplar, Outcome

        check_choice(split, SPLITS, "split")
        check_choice(outcome, ("new", *get_args(Outcome)), "outcome")
        stored = self.workspace.store.exemplars(self.name, splits=split and [split])
        self.workspace.schema(self.name)  # no table for a module that doesn't exist
        rows = [item.exemplar.model_dump() for item in stored]
        for row in rows:
            row["outcome"] = row["outcome"] or "new"
            row.setdefault("unlabelled", False)
        columns = [*AnnotatedExemplar.model_fields]
        table = pd.DataFrame(rows, columns=columns).set_index("id")
        return table if outcome is None else table[table["outcome"] == outcome]

    @_with_plain_errors
    def export(
        self, path: str | PathLike[str], format: str = "jsonl", *, outcomes: Sequence[str] = ()
    ) -> ExportReport:
        """Write the exemplars (``openai``: the schema) to a file; ``outcomes`` narrows them."""
        from radu_core.workflows.load.files import export

        return export(
            self.workspace,
            format,
            Path(path),
            module=self.name,
            outcomes=tuple(check_texts(outcomes, "outcomes")),
        )

    @_with_plain_errors
    def build_dataset(
        self, name: str = "default", *, progress: Progress = silent, **options: Any
    ) -> Path:
        """Build fine-tuning rows with negatives; the directory they are in.

        ``options`` are those of ``radu build-dataset``, such as ``k_desc=3``.
        """
        from radu_core.dataset import DatasetConfig
        from radu_core.workflows.train.dataset import build

        config = DatasetConfig.of(**options)
        return build(
            self.workspace, self.name, name=name, config=config, progress=progress
        ).directory

    @_with_plain_errors
    def train(
        self,
        dataset: str | PathLike[str],
        *,
        wait: bool = True,
        progress: Progress = silent,
        **settings: Any,
    ) -> str:
        """Launch a run on a dataset's directory, and wait for its end; the run's id.

        The run is a process of its own: it continues if this one ends. ``settings`` are those of a
        config of ``radu train``, such as ``base_model`` and ``max_minutes``. ``RunError`` where the
        run fails.
        """
        from radu_core.models import DEFAULT_GENERATOR
        from radu_core.training.run.config import TrainConfig
        from radu_core.workflows.runs.launch import start
        from radu_core.workflows.train.following import follow

        chosen = {"base_model": DEFAULT_GENERATOR, "method": "lora", **settings}
        config = TrainConfig.validate_data({**chosen, "dataset": Path(dataset)})
        run = start(self.workspace, config, progress=progress)
        if wait:
            follow(run, progress=progress)
        return run.id

    @_with_plain_errors
    def fit(
        self,
        *,
        minutes: float | None = None,
        generator_minutes: float | None = None,
        split: Split | None = None,
        progress: Progress = silent,
    ) -> FitReport:
        """Resolve, index, train a fast model and evaluate it, as ``radu fit`` does.

        ``minutes`` limits the training; ``generator_minutes`` also trains a language model. The
        report has the steps, the ``run`` and its ``evaluation``.
        """
        from radu_core.workflows.train.fit import fit

        return fit(
            self.workspace,
            self.name,
            who=self.who,
            minutes=minutes,
            generator_minutes=generator_minutes,
            split=split,
            progress=progress,
        )

    @_with_plain_errors
    def evaluate(
        self,
        run: str = "last",
        *,
        split: Split = "test",
        limit: int | None = None,
        progress: Progress = silent,
    ) -> EvaluationReport:
        """Measure a run (its id, its name or "last") on a split, beside the free baselines.

        ``limit`` measures a fixed sample of so many rows.
        """
        from radu_core.workflows.evaluate.evaluation import evaluate

        return evaluate(
            self.workspace, run, module=self.name, split=split, limit=limit, progress=progress
        )

    @_with_plain_errors
    def parse(
        self,
        utterance: str,
        run: str = "last",
        *,
        context: str | None = None,
        today: date | None = None,
    ) -> FunctionCall:
        """Turn an utterance into a call by a run's model, which stays in memory.

        ``context`` and ``today`` as in ``Model.parse``.
        """
        from radu_core.workflows.evaluate.parse import parse

        return parse(self.workspace, run, utterance, module=self.name, context=context, today=today)

    @_with_plain_errors
    def write_bundle(
        self,
        directory: str | PathLike[str],
        run: str = "last",
        *,
        progress: Progress = silent,
    ) -> Path:
        """Write a run as a bundle to a new directory, which ``radu.load`` and ``radu serve`` take.

        ``RunError`` where the bundle's calls aren't the run's.
        """
        from radu_core.workflows.playground.bundle import write_bundle

        return write_bundle(
            self.workspace, run, Path(directory), module=self.name, progress=progress
        ).directory


@_with_plain_errors
def open_module(
    name: str, *, home: str | PathLike[str] | None = None, who: str | None = None
) -> Module:
    """The module ``name`` of the workspace in ``home``; ``NotFoundError`` where there is none.

    ``home`` is ``RADU_HOME`` by default, else ``./workspace``. ``who`` is the name beside what is
    changed: by default ``RADU_USER``, else that of the account.
    """
    workspace = _workspace(home)
    workspace.schema(name)
    return Module(workspace, name, who or _user())


@_with_plain_errors
def create_module(
    name: str,
    schema: str | PathLike[str],
    *,
    home: str | PathLike[str] | None = None,
    who: str | None = None,
) -> Module:
    """A new module from a schema JSON or a file of tools, as ``radu init`` makes it.

    ``InputError`` where there is a module of that name already. ``home`` and ``who`` as in
    ``open_module``.
    """
    from radu_core.workflows.load.files import init_module

    workspace, user = _workspace(home), who or _user()
    init_module(workspace, name, Path(schema), who=user)
    return Module(workspace, name, user)


def compare_with_baselines(report: EvaluationReport) -> Verdict:
    """Where a run is better than every baseline, or worse than one, beyond chance.

    ``better``, ``worse`` and ``unclear`` are sentences with figures.
    """
    from radu_core.evaluation.report import against_baselines

    return against_baselines(report)


def _workspace(home: str | PathLike[str] | None) -> Workspace:
    from radu_core.workflows.frame.workspace import Workspace

    if home is None:
        return Workspace.from_environment()
    return Workspace.from_environment({**os.environ, "RADU_HOME": os.fspath(home)})


def _user() -> str:
    try:
        return os.environ.get("RADU_USER") or getpass.getuser()
    except (OSError, KeyError):  # KeyError: the account has no name, as in a container
        return "python"
