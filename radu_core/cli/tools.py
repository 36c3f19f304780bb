"""Commands about the workspace itself: models, sample project, demo, backup."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from radu_core.cli.fit import Minutes, fit_data, fit_lines
from radu_core.cli.output import Output, app, command, progress_bar, table, workspace
from radu_core.terms import describe_point
from radu_core.words import percent, percent_range, quantity

__all__: list[str] = []

_models = typer.Typer(help="List and fetch models.", no_args_is_help=True)
app.add_typer(_models, name="models")


@command("list", group=_models)
def models_list() -> Output:
    """List the models in the workspace."""
    from radu_core.models import installed_models

    models = installed_models(workspace().models)
    columns = ["name", "source", "revision", "licence"]
    rows = [[m.get(column, "") for column in columns] for m in models]
    return Output({"models": models}, [table("Models", columns, rows)])


@command("fetch", group=_models)
def models_fetch(
    name: Annotated[
        list[str] | None,
        typer.Argument(
            help="Known names or a hub's owner/name[@revision]. Default: both defaults."
        ),
    ] = None,
) -> Output:
    """Fetch models into the workspace, once, and check their SHA-256."""
    from radu_core.models import DEFAULT_EMBEDDER, DEFAULT_GENERATOR, model_directory

    root = workspace().models
    paths = {}
    with progress_bar() as progress:
        for item in name or [DEFAULT_EMBEDDER, DEFAULT_GENERATOR]:
            paths[item] = model_directory(item, root, progress=progress)
    return Output({"models": paths}, [f"{item}: {path}" for item, path in paths.items()])


@command("studio")
def studio(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to serve at.")] = 8501,
) -> Output:
    """Open the studio in a browser, as `radu-studio` does."""
    command = [sys.executable, "-m", "radu_studio", "--port", str(port)]
    os.execv(command[0], command)


@command("sample")
def sample() -> Output:
    """Load the sample project (three modules) into the workspace. Repeating it changes nothing."""
    from radu_core.workflows.load.sample import load_sample

    with progress_bar() as progress:
        reports = load_sample(workspace(), progress=progress)
    rows = [
        (r.module, r.total, r.outcomes.get("resolved", 0), r.total - r.outcomes.get("resolved", 0))
        for r in reports
    ]
    columns = ["module", "exemplars", "resolved", "waiting for a person"]
    return Output({"modules": reports}, [table("Sample project", columns, rows)])


@command("demo")
def train_demo(
    module: Annotated[
        str, typer.Option("--module", "-m", help="One of the sample's modules.")
    ] = "aurora_travel_en",
    minutes: Minutes = None,
) -> Output:
    """Import, fit and evaluate a module of the sample project."""
    from radu_core.workflows.train.demo import demo

    with progress_bar() as progress:
        result = demo(workspace(), module=module, minutes=minutes, progress=progress)
    gold, choice = result.gold, result.coverage.choice
    lines: list[Any] = [
        f"Of {quantity(gold.total, 'labelled utterance')}: places found {gold.right}, asked of a "
        f"person {gold.asked}, wrong beside the gold file {len(gold.wrong)}.",
        f"coverage with {describe_point(choice.k_desc, choice.k_exemplar)}: "
        f"{percent(choice.share)} ({percent_range(choice.low, choice.high)}).",
        *fit_lines(result.fit),
    ]
    data = {"gold": gold, "resolve": result.resolve, "coverage": choice, **fit_data(result.fit)}
    return Output(data, lines)


@command("backup")
def write_backup(
    path: Annotated[Path, typer.Argument(help="The ZIP to write.")],
) -> Output:
    """Write the database, datasets and runs to one ZIP."""
    from radu_core.workflows.home.backup import backup

    with progress_bar() as progress:
        report = backup(workspace(), path, now=datetime.now(UTC), progress=progress)
    lines = [
        f"{quantity(report.files, 'file')}, {report.size / 1e6:.1f} MB written to {report.path}."
    ]
    return Output(report, [*lines, *(f"left out: {what}" for what in report.left_out)])


@command("restore")
def restore_backup(
    path: Annotated[Path, typer.Argument(help="A ZIP that `radu backup` wrote.")],
) -> Output:
    """Unpack a backup into an empty RADU_HOME, and into RADU_DATABASE_URL where that is set."""
    from radu_core.workflows.home.backup import restore

    space = workspace()
    with progress_bar() as progress:
        report = restore(path, space.home, database_url=space.database_url, progress=progress)
    return Output(report, [f"{quantity(report.files, 'file')} restored from {report.path}."])
