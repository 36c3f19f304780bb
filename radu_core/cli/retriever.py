"""Commands about what a module retrieves with: a run's tuned encoder, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from radu_core.cli.data import Module
from radu_core.cli.output import Output, app, command, progress_bar, table, who, workspace
from radu_core.cli.runs import Run
from radu_core.terms import describe_point, label
from radu_core.words import percent

if TYPE_CHECKING:
    from radu_core.training.joint.guard import Guard
    from radu_core.workflows.train.retriever import Switch

__all__: list[str] = []

_retriever = typer.Typer(
    help="Show or change the embedding model that a module retrieves with.",
    no_args_is_help=True,
)
app.add_typer(_retriever, name="retriever")


@command("show", group=_retriever)
def retriever_show(module: Module) -> Output:
    """Show a module's retriever, the previous one, and what is stale."""
    from radu_core.workflows.train.retriever import standing

    standing_now = standing(workspace(), module)
    lines = [f"{module} retrieves with {standing_now.embedder}."]
    if standing_now.before:
        lines.append(
            f"Before: {standing_now.before}. The way back: radu retriever restore --module {module}"
        )
    return Output(standing_now, [*lines, *_stale(standing_now.stale)])


@command("use", group=_retriever)
def retriever_use(
    run: Run,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Use it even if it is worse or wasn't measured.")
    ] = False,
) -> Output:
    """Retrieve with a run's tuned encoder, and build again what depends on it.

    Exit 1: on held-out parts (out of fold) it is worse than what the module has, in coverage or
    in the vote of the nearest exemplars, so nothing was changed.
    """
    from radu_core.workflows.train.retriever import use

    with progress_bar() as progress:
        switch = use(workspace(), run, who=who(), anyway=anyway, progress=progress)
    return _answer(switch)


@command("restore", group=_retriever)
def retriever_restore(module: Module) -> Output:
    """Go back to the previous retriever, and build again what depends on it."""
    from radu_core.workflows.train.retriever import restore

    with progress_bar() as progress:
        switch = restore(workspace(), module, who=who(), progress=progress)
    return _answer(switch)


def _answer(switch: Switch) -> Output:
    lines: list[Any] = [] if switch.guard is None else _guard_lines(switch.guard)
    if switch.done:
        lines.append(f"{switch.module} retrieves with {switch.now}. Before: {switch.before}.")
        rows = [(step.name, step.figure) for step in switch.steps]
        lines.append(table("Built again", ["what", "result"], rows))
        lines += _stale(switch.stale)
        lines.append(f"The way back: radu retriever restore --module {switch.module}")
    else:
        lines.append(f"To use it anyway: radu retriever use {switch.now} --anyway")
    guard = None if switch.guard is None else switch.guard.data()
    data = {
        "module": switch.module,
        "before": switch.before,
        "now": switch.now if switch.done else switch.before,
        "done": switch.done,
        "guard": guard,
        "steps": switch.steps,
        "stale": switch.stale,
    }
    return Output(data, lines, ok=switch.done)


def _guard_lines(guard: Guard) -> list[Any]:
    k_desc, k_exemplar = guard.point
    rows = [
        (
            m.measure,
            m.rows,
            *(percent(share) for share in m.shares),
            m.gained,
            m.lost,
            f"{m.p:.2g}",
        )
        for m in guard.measures
    ]
    title = f"{label('out_of_fold')}, with {describe_point(k_desc, k_exemplar)}"
    columns = ["measure", "rows", guard.before, "tuned", "gained", "lost", "p"]
    return [table(title, columns, rows), guard.verdict]


def _stale(lines: tuple[str, ...]) -> list[str]:
    return [f"Stale: {line}" for line in lines]
