"""Commands about batches: what was imported, taking it back, doing it again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from radu_core.cli.data import Module
from radu_core.cli.output import Output, app, command, table, who, workspace
from radu_core.store import ImportRecord
from radu_core.workflows.load import imports

_imports = typer.Typer(help="List, undo and redo imports and splits.", no_args_is_help=True)
app.add_typer(_imports, name="imports")

Number = Annotated[int, typer.Argument(help="The import's number: radu imports list --module M.")]
OfModule = Annotated[
    str | None,
    typer.Option("--module", "-m", help="Refuse a number that isn't of this module."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only show what it would do; nothing is changed.")
]
_LISTED = 20


@command("list", group=_imports)
def imports_list(module: Module) -> Output:
    """List a module's imports and splits, newest first.

    Example: radu imports list --module acme_travel_en
    """
    records = imports.imports(workspace(), module)
    columns = [
        "number",
        "what",
        "when (UTC)",
        "who",
        "source",
        "rows",
        "accepted",
        "rejected",
        "skipped",
        "added",
        "changed",
        "state",
    ]
    rows = [_row(record) for record in records]
    data = {"module": module, "imports": [{**vars(r), "state": imports.state(r)} for r in records]}
    tables = [table(f"Imports into {module}", columns, rows, whole=["when (UTC)"])]
    return Output(data, tables if records else ["Nothing has been imported yet."])


def _row(record: ImportRecord) -> tuple[Any, ...]:
    details = record.details
    return (
        record.id,
        record.kind,
        f"{record.at:%Y-%m-%d %H:%M}",
        record.who,
        record.source,
        record.rows,
        record.accepted,
        len(record.rejections),
        sum(details.get("skipped", {}).values()),
        details.get("added", ""),
        details.get("changed", ""),
        imports.state(record),
    )


@command("undo", group=_imports)
def imports_undo(number: Number, module: OfModule = None, dry_run: DryRun = False) -> Output:
    """Undo a whole import or split.

    Exemplars that it added go to the trash; those that it changed return to what they were. What
    people have decided since, or a later import has changed, is kept and listed with the reason.

    Example: radu imports undo 7 --dry-run
    """
    report = imports.undo(workspace(), number, module=module, who=who(), dry_run=dry_run)
    return Output(report, _text(report))


@command("redo", group=_imports)
def imports_redo(number: Number, module: OfModule = None, dry_run: DryRun = False) -> Output:
    """Redo an import or split that was undone.

    Example: radu imports redo 7
    """
    report = imports.redo(workspace(), number, module=module, who=who(), dry_run=dry_run)
    return Output(report, _text(report))


def _text(report: imports.UndoReport) -> list[Any]:
    lines: list[Any] = list(report.sentences)
    if report.kept:
        rows = [(k.id, k.why) for k in report.kept[:_LISTED]]
        total = len(report.kept)
        title = "Kept" + (f" ({_LISTED} of {total}; all with --json)" if total > _LISTED else "")
        lines.append(table(title, ["exemplar", "why"], rows))
    if report.schema_returned and not report.dry_run:
        lines.append(f"Now: radu resolve --module {report.module}")
    if not report.dry_run:
        other = "undo" if report.redo else "redo"
        lines.append(f"To reverse this: radu imports {other} {report.number}")
    return lines
