"""Commands about data: modules, imports, alignment, exports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from radu_core.cli.output import Answer, command, progress_bar, table, who, workspace
from radu_core.errors import InputError
from radu_core.files import parse_json
from radu_core.workflows import load, schema
from radu_core.workflows.schema_cost import schema_cost

__all__ = ["Module"]

Module = Annotated[str, typer.Option("--module", "-m", help="The module's id, <org>_<bot>_<lang>.")]


@command("init")
def init(
    module: Annotated[str, typer.Argument(help="The module's id, e.g. acme_travel_en.")],
    schema_path: Annotated[
        Path, typer.Option("--schema", help="Schema JSON or OpenAI tools JSON.")
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the schema of a module that exists.")
    ] = False,
) -> Answer:
    """Create a module from a schema, or with --replace replace the schema of one."""
    space = workspace()
    cost = None
    if replace and module in space.store.modules():
        cost = schema_cost(space.store, load.read_schema(module, schema_path))
    made = load.init_module(space, module, schema_path, who=who(), replace=replace)
    findings = schema.view(space, module).findings
    slots = sum(len(f.slots) for f in made.functions)
    lines = [f"{module}: {len(made.functions)} functions, {slots} slots."]
    if cost is not None:
        lines += [f"The schema was replaced. {cost}", f"Now: radu resolve --module {module}"]
    lines += [f"{f.level}: {f.where} {f.what}. {f.remedy}" for f in findings]
    return Answer(
        {
            "module": module,
            "functions": len(made.functions),
            "slots": slots,
            "replaced": cost,
            "findings": findings,
        },
        lines,
    )


@command("import")
def import_(
    format: Annotated[str, typer.Argument(help="jsonl, csv, openai or sgd.")],
    path: Annotated[Path, typer.Argument(help="The file, or the directory for sgd.")],
    module: Module,
    keep_good: Annotated[
        bool, typer.Option(help="Store the good rows although others were rejected.")
    ] = False,
    map: Annotated[
        list[str] | None, typer.Option(help="csv: field=column, e.g. utterance=Text. Repeatable.")
    ] = None,
    service: Annotated[
        list[str] | None, typer.Option(help="sgd: a service to take (default: all). Repeatable.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="Another option of the format as name=value (JSON). Repeatable."),
    ] = None,
) -> Answer:
    """Import labelled utterances: all or nothing unless --keep-good."""
    options: dict[str, Any] = {**_pairs(option or [], as_json=True)}
    if map:
        options["mapping"] = _pairs(map)
    if service:
        options["services"] = service
    with progress_bar() as progress:
        report = load.import_file(
            workspace(), format, path, module=module, who=who(), keep_good=keep_good,
            options=options, progress=progress,
        )  # fmt: skip
    return Answer(report, _import_text(report), ok=report.stored)


def _import_text(report: load.ImportReport) -> list[Any]:
    rejected = len(report.rejections)
    lines: list[Any] = [
        f"{report.source}: {report.rows} rows = {report.accepted} accepted + {rejected} rejected"
        f" + {sum(report.skipped.values())} skipped.",
    ]
    if report.stored:
        lines.append(
            f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, "
            f"{report.kept} kept as a person decided."
        )
    else:
        lines.append("Nothing was stored. Correct these rows, or say --keep-good.")
    lines += [f"skipped {count}: {reason}" for reason, count in report.skipped.items()]
    if rejected:
        rows = [(r.line, r.field, r.value, r.problem, r.remedy) for r in report.rejections[:20]]
        title = "Rejected rows" + (f" (20 of {rejected}; all with --json)" if rejected > 20 else "")
        lines.append(table(title, ["line", "field", "value", "problem", "remedy"], rows))
    return lines


def _pairs(items: list[str], *, as_json: bool = False) -> dict[str, Any]:

    found: dict[str, Any] = {}
    for item in items:
        name, sign, value = item.partition("=")
        if not sign:
            raise InputError("An option must be name=value", value=item, remedy="Add the '='.")
        try:
            found[name] = parse_json(value) if as_json else value
        except ValueError:
            found[name] = value
    return found


@command("resolve")
def resolve(
    module: Module,
    report: Annotated[
        Path | None, typer.Option(help="Write what isn't resolved, with reasons, as JSONL.")
    ] = None,
) -> Answer:
    """Find the values' places in the utterances; ask nobody, guess nothing."""
    import json

    from radu_core.files import write_text

    space = workspace()
    with progress_bar() as progress:
        funnel = load.resolve(space, module, who=who(), progress=progress)
    lines: list[Any] = [
        table(f"{module}: {funnel.total} exemplars", ["outcome", "exemplars"],
              list(funnel.outcomes.items())),
        table("Resolved by", ["how", "exemplars"], list(funnel.resolved_by.items())),
    ]  # fmt: skip
    if funnel.reasons:
        lines.append(table("Not resolved, because", ["reason", "exemplars"],
                           list(funnel.reasons.items())))  # fmt: skip
    for name, count in funnel.thin_functions.items():
        lines.append(f"warning: {name} has only {count} resolved training exemplars.")
    for name in funnel.empty_slots:
        lines.append(f"warning: no resolved exemplar fills {name}.")
    if report is not None:
        rows = load.unresolved(space, module)
        write_text(report, (json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
        lines.append(f"{len(rows)} unresolved exemplars are listed in {report}.")
    return Answer(funnel, lines)


@command("export")
def export(
    format: Annotated[str, typer.Argument(help="jsonl, csv, openai or sgd.")],
    module: Module,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    outcome: Annotated[
        list[str] | None, typer.Option(help="Only these outcomes. Repeatable.")
    ] = None,
) -> Answer:
    """Write a module's exemplars (openai: its schema) to a file."""
    rows = load.export(workspace(), format, out, module=module, outcomes=tuple(outcome or ()))
    return Answer({"rows": rows, "path": out}, [f"{rows} rows written to {out}."])
