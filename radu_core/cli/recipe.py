"""Recipes: methods of the literature, whole, with the table that they are judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from radu_core.cli.data import Module
from radu_core.cli.fit import Minutes
from radu_core.cli.output import Output, app, command, progress_bar, table, workspace
from radu_core.cli.retrieval import split_of
from radu_core.models import DEFAULT_GENERATOR
from radu_core.words import quantity

if TYPE_CHECKING:
    from radu_core.evaluation import Share
    from radu_core.workflows.train.recipe import RaDitReport

__all__: list[str] = []

_recipe = typer.Typer(
    help="Try methods from the literature on a module's own labels.", no_args_is_help=True
)
app.add_typer(_recipe, name="recipe")


@_recipe.callback()
def _group() -> None:
    """One recipe is a group anyway."""


@command("ra-dit", group=_recipe)
def run_ra_dit(
    module: Module,
    minutes: Minutes = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Measure a fixed sample of this many rows.")
    ] = 100,
    split: Annotated[
        str | None,
        typer.Option(
            help="The split to measure on. Default: test, or validation if test is empty."
        ),
    ] = None,
    generator: Annotated[
        str, typer.Option(help="The language model, which is tuned and teaches the retriever.")
    ] = DEFAULT_GENERATOR,
) -> Output:
    """Tune the language model, the retriever, and both, and compare all four (RA-DIT)."""
    from radu_core.workflows.train.recipe import ra_dit

    with progress_bar() as progress:
        report = ra_dit(
            workspace(),
            module,
            minutes=minutes,
            limit=limit,
            split=split_of(split) if split else None,
            generator=generator,
            progress=progress,
        )
    return Output(report, _lines(report))


def _lines(report: RaDitReport) -> list[Any]:
    rows = [
        (
            cell.tuned,
            _with_p(cell.prompt, cell.p and cell.p[0]),
            _with_p(cell.ensemble, cell.p and cell.p[1]),
            cell.vote.with_interval,
        )
        for cell in report.cells
    ]
    title = (
        f"{report.module}: function accuracy on {quantity(report.rows, 'row')} of {report.split}"
    )
    columns = [
        "tuned",
        "all exemplars in one prompt",
        "ensemble of prompts",
        "exemplars' vote alone",
    ]
    return [
        table(title, columns, rows),
        *(f"left out {count}: {reason}" for reason, count in report.left_out.items()),
        f"Language model {report.generator}; its run is {report.generator_run}, the retriever's "
        f"{report.retriever_run}.",
    ]


def _with_p(share: Share, p: float | None) -> str:
    return share.with_interval + ("" if p is None else f", p {p:.3f}")
