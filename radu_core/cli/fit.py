"""``radu fit``: from labels to a measured model, in one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from radu_core.cli.data import Module
from radu_core.cli.model import evaluation_text
from radu_core.cli.output import Output, command, progress_bar, table, who, workspace
from radu_core.cli.retrieval import split_of

if TYPE_CHECKING:
    from radu_core.workflows.train.fit import FitReport

__all__ = ["Minutes", "fit_data", "fit_lines"]

Minutes = Annotated[
    float | None,
    typer.Option(min=0.05, help="Time limit of the training, in minutes. Default: none."),
]


@command("fit")
def fit_module(
    module: Module,
    minutes: Minutes = None,
    generator_minutes: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            help="Also train a language model, for at most this many minutes, and measure what "
            "it adds.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="The split to measure on. Default: test, or validation if test is empty."
        ),
    ] = None,
) -> Output:
    """Resolve, index, train a fast model and evaluate it. Run it again to continue."""
    from radu_core.workflows.train.fit import fit

    with progress_bar() as progress:
        report = fit(
            workspace(),
            module,
            who=who(),
            minutes=minutes,
            generator_minutes=generator_minutes,
            split=split_of(split) if split else None,
            progress=progress,
        )
    return Output(fit_data(report), fit_lines(report))


def fit_lines(report: FitReport) -> list[Any]:
    """Every step with its figure and reason, then the systems in one table."""
    rows = [(s.name, s.figure, s.why, f"{s.seconds:,.1f}") for s in report.steps]
    lines: list[Any] = [table(f"Fitting {report.module}", ["step", "result", "why", "s"], rows)]
    if report.evaluation is not None:
        lines += evaluation_text(report.evaluation)
    if report.retrieval:
        lines += [
            "Its encoder as the module's retriever, on held-out parts (out of fold):",
            *report.retrieval,
        ]
    lines += report.notes
    if report.run:
        lines.append(f'Ask it: radu parse {report.run} "what somebody says"')
    return lines


def fit_data(report: FitReport) -> dict[str, Any]:
    """The same as data."""
    return {
        "module": report.module,
        "run": report.run,
        "generator": report.generator or None,
        "steps": report.steps,
        "report": report.evaluation,
        "retrieval": report.retrieval,
        "notes": report.notes,
    }
