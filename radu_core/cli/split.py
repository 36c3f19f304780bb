"""The command that makes splits, and says what is in two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from radu_core.cli.data import Module
from radu_core.cli.output import Output, command, table, who, workspace
from radu_core.errors import shorten
from radu_core.words import quantity
from radu_core.workflows.load import splitting

_LISTED = 20


@command("split")
def split(
    module: Module,
    validation: Annotated[str, typer.Option(help="The share for validation, e.g. 10%.")] = "0%",
    test: Annotated[str, typer.Option(help="The share for test, e.g. 10%.")] = "0%",
    seed: Annotated[
        int, typer.Option(help="Seed of the split; another seed draws another split.")
    ] = 0,
    again: Annotated[
        bool, typer.Option("--again", help="From scratch: also move what is in validation or test.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what it would do; nothing is changed.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only report texts and templates in several splits.")
    ] = False,
) -> Output:
    """Move exemplars to validation and test, function by function; a template stays in one split.

    What is in validation or test stays there unless --again.

    Example: radu split --module acme_travel_en --validation 10% --test 10%
    """
    space = workspace()
    if check:
        crossing = splitting.check(space, module)
        return Output(
            {"module": module, "crossing": crossing}, _crossing_text(crossing), ok=not crossing
        )
    wish = splitting.Wanted(
        splitting.parse_share(validation), splitting.parse_share(test), seed, again
    )
    if dry_run:
        report = splitting.plan(space, module, wish)
    else:
        report = splitting.split(space, module, wish, who=who())
    data = {**vars(report), "counts": report.counts, "dry_run": dry_run}
    return Output(data, _text(report, dry_run=dry_run))


def _text(report: splitting.SplitReport, *, dry_run: bool) -> list[Any]:
    columns = ["function", "groups", *splitting.SPLITS]
    rows = [
        (f.function, f.groups, *(_change(f.before[s], f.after[s]) for s in splitting.SPLITS))
        for f in report.functions
    ]
    total = report.counts
    rows.append(("all", "", *(total[name] for name in splitting.SPLITS)))
    lines: list[Any] = [table(f"{report.module}: {report.wanted}", columns, rows)]
    lines += report.sentences
    lines += _crossing_text(report.crossing)
    if dry_run:
        lines.append("Nothing was changed.")
    elif report.number is None:
        lines.append("Nothing had to be moved.")
    else:
        lines.append(f"To take it back: radu imports undo {report.number}")
    return lines


def _change(before: int, after: int) -> str:
    return str(after) if before == after else f"{before} → {after}"


def _crossing_text(crossing: Sequence[splitting.Crossing]) -> list[Any]:
    if not crossing:
        return ["No text and no template is in several splits."]
    rows = [
        (
            c.kind,
            shorten(c.text),
            ", ".join(f"{n} {s}" for s, n in c.splits.items()),
            ", ".join(c.functions),
        )
        for c in crossing[:_LISTED]
    ]
    total = quantity(len(crossing), "text or template is", "texts and templates are")
    more = f" ({_LISTED} shown; all with --json)" if len(crossing) > _LISTED else ""
    columns = ["what", "text", "splits", "functions"]
    return [table(f"{total} in several splits{more}", columns, rows)]
