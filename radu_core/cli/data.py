"""Commands about data: modules, imports, alignment, exports."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from radu_core.cli.output import Output, command, progress_bar, table, who, workspace
from radu_core.cli.spans import span_lines
from radu_core.eligibility import ENOUGH
from radu_core.errors import InputError
from radu_core.files import parse_json
from radu_core.formats import Notice, Rejection, export_names
from radu_core.formats.traces import REASONS
from radu_core.words import percent, quantity
from radu_core.workflows.annotate import bulk
from radu_core.workflows.load import files, outcomes, traces
from radu_core.workflows.load.schema_cost import SchemaCost, schema_cost
from radu_core.workflows.schema.module import create_module, view

__all__ = ["KeepGood", "Module", "left_out_lines"]

Module = Annotated[str, typer.Option("--module", "-m", help="The module's id, <org>_<bot>_<lang>.")]
KeepGood = Annotated[bool, typer.Option("--keep-good", help="Leave out unusable tools.")]


@command("init")
def init(
    module: Annotated[
        str | None,
        typer.Option(
            "--module",
            "-m",
            help="The new module's id, <org>_<bot>_<lang>. Default: the one in the schema JSON.",
        ),
    ] = None,
    schema_path: Annotated[
        Path | None,
        typer.Option(
            "--schema",
            help="The functions: a schema JSON, or tools of OpenAI, MCP, Anthropic, Gemini or "
            "Bedrock.",
        ),
    ] = None,
    function: Annotated[
        str | None, typer.Option(help="The name of a first function, in place of --schema.")
    ] = None,
    description: Annotated[
        str, typer.Option(help="With --function: what it does, in a sentence.")
    ] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the schema of a module that exists.")
    ] = False,
    keep_good: KeepGood = False,
) -> Output:
    """Create a module from a schema file, or with one function.

    With --replace, replace the schema of a module that exists.
    """
    space = workspace()
    cost = None
    if module is None:
        module = None if schema_path is None else files.module_in(schema_path)
    if module is None:
        raise InputError("A module needs an id", remedy="Give --module <org>_<bot>_<lang>.")
    if schema_path is None:
        if function is None or replace:
            raise InputError(
                "A module needs a schema",
                remedy="Give --schema FILE, or --function NAME for a new one without a file.",
            )
        module_schema = create_module(space, module, function, description=description, who=who())
        return _init_answer(files.SchemaFile(module_schema), None)
    if function is not None:
        raise InputError("--schema and --function contradict each other", remedy="Give one.")
    if replace and module in space.store.modules():
        new = files.read_schema(module, schema_path, keep_good=keep_good).schema
        cost = schema_cost(space, new)
    file = files.init_module(
        space, module, schema_path, who=who(), replace=replace, keep_good=keep_good
    )
    return _init_answer(file, cost)


def left_out_lines(file: files.SchemaFile) -> list[Any]:
    """What a schema's file says besides, and its tools that weren't taken."""
    lines: list[Any] = [f"left out {n}: {reason}" for reason, n in file.left_out.items()]
    if file.rejections:
        rows = [(r.line, r.field, r.problem, r.remedy) for r in file.rejections]
        lines.append(table("Rejected tools", ["tool", "field", "problem", "remedy"], rows))
    return lines


def _init_answer(file: files.SchemaFile, cost: SchemaCost | None) -> Output:
    schema = file.schema
    module = schema.module
    module_view = view(workspace(), module)
    slots = sum(len(f.slots) for f in schema.functions)
    lines: list[Any] = [
        f"{module}: {quantity(len(schema.functions), 'function')}, {quantity(slots, 'slot')}."
    ]
    lines += left_out_lines(file)
    if cost is not None:
        lines += [f"The schema was replaced. {cost}", f"Now: radu resolve --module {module}"]
    lines += module_view.remarks
    if cost is None:
        lines.append(f"Next: radu import FORMAT PATH --module {module}")
    return Output(
        {
            "module": module,
            "functions": len(schema.functions),
            "slots": slots,
            "replaced": cost,
            "left_out": file.left_out,
            "rejections": file.rejections,
            "findings": module_view.findings,
        },
        lines,
    )


@command("import")
def import_(
    format: Annotated[str, typer.Argument(help="jsonl, csv, openai, sgd or traces.")],
    path: Annotated[
        list[Path],
        typer.Argument(
            help="The file, or the directory for sgd. traces: several, or patterns in quotes."
        ),
    ],
    module: Module,
    keep_good: Annotated[
        bool, typer.Option(help="Store the good rows even if others are rejected.")
    ] = False,
    map: Annotated[
        list[str] | None, typer.Option(help="csv: field=column, e.g. utterance=Text. Repeatable.")
    ] = None,
    service: Annotated[
        list[str] | None, typer.Option(help="sgd: a service to take (default: all). Repeatable.")
    ] = None,
    replace_schema: Annotated[
        bool,
        typer.Option(
            "--replace-schema", help="openai, sgd: the file's schema replaces the module's."
        ),
    ] = False,
    unlabelled: Annotated[
        str,
        typer.Option(
            help="What a row without a function means: keep (unlabelled, for a person to label) "
            "or out-of-scope."
        ),
    ] = "keep",
    encoding: Annotated[
        str | None,
        typer.Option(help="jsonl, csv: the file's encoding, e.g. cp1252 (default: UTF-8)."),
    ] = None,
    fix_spans: Annotated[
        bool,
        typer.Option(
            "--fix-spans",
            help="Correct spans and templates whose offsets were counted in another way.",
        ),
    ] = False,
    below: Annotated[
        float | None, typer.Option(help="traces: a confidence below this is unsure (default: 0.7).")
    ] = None,
    unlike: Annotated[
        float | None,
        typer.Option(
            help="traces: also import answers that look less in scope than this share of the "
            "utterances in scope (default: 0.95)."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="traces: only answers of this model.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="Another option of the format as name=value (JSON). Repeatable."),
    ] = None,
) -> Output:
    """Import labelled utterances: all or nothing unless --keep-good.

    A module keeps its schema unless --replace-schema. From a server's traces, the utterances
    that are worth a look are taken, unlabelled.
    """
    options: dict[str, Any] = {**_pairs(option or [], as_json=True)}
    if map:
        options["mapping"] = _pairs(map)
    if service:
        options["services"] = service
    if unlabelled != "keep":
        options["unlabelled"] = unlabelled
    for name, value in (
        ("encoding", encoding),
        ("below", below),
        ("unlike", unlike),
        ("model", model),
    ):
        if value is not None:
            options[name] = value
    if format == "traces":
        return _imported_traces(path, module, options, keep_good=keep_good)
    with progress_bar() as progress:
        report = files.import_file(
            workspace(),
            format,
            files.only_file(format, path),
            module=module,
            who=who(),
            keep_good=keep_good,
            replace_schema=replace_schema,
            fix_spans=fix_spans,
            options=options,
            progress=progress,
        )
    return Output(report, _import_text(report), ok=report.stored)


def _imported_traces(
    paths: list[Path], module: str, options: dict[str, Any], *, keep_good: bool
) -> Output:
    with progress_bar() as progress:
        report = traces.import_traces(
            workspace(),
            paths,
            module=module,
            who=who(),
            keep_good=keep_good,
            options=options,
            progress=progress,
        )
    lines = _import_text(report)
    if report.days:
        columns = ["day", "asked", "worth a look", *REASONS]
        rows = [(day, *(counts[c] for c in columns[1:])) for day, counts in report.days.items()]
        lines.append(table("Asked, by day (UTC)", columns, rows))
    return Output(report, lines, ok=report.stored)


def _import_text(report: files.ImportReport) -> list[Any]:
    rejected = len(report.rejections)
    lines: list[Any] = [
        f"{report.source}: {quantity(report.rows, 'row')} = {report.accepted} accepted + "
        f"{rejected} rejected + {sum(report.skipped.values())} skipped.",
    ]
    if report.stored:
        lines.append(
            f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, "
            f"{report.kept} kept as a person decided."
        )
        lines.append(f"This is import {report.number}. Undo: radu imports undo {report.number}")
    else:
        lines.append("Nothing was stored. Correct these rows, or say --keep-good.")
    if report.schema_ignored:
        lines.append(
            "The file's schema isn't the module's and was ignored; --replace-schema takes it."
        )
    lines += span_lines(report.spans)
    lines += files.remarks(report)
    if report.notices:
        noted = [(_place(n, report), n.kind, n.utterance, n.detail) for n in report.notices[:20]]
        more = len(report.notices) > 20
        title = "Rows to look at" + (
            f" (20 of {len(report.notices)}; all with --json)" if more else ""
        )
        lines.append(table(title, ["line", "what", "utterance", "details"], noted))
    if rejected:
        rows = [
            (_place(r, report), r.field, r.value, r.problem, r.remedy)
            for r in report.rejections[:20]
        ]
        title = "Rejected rows" + (f" (20 of {rejected}; all with --json)" if rejected > 20 else "")
        lines.append(table(title, ["line", "field", "value", "problem", "remedy"], rows))
    if report.stored and not report.days:  # traces wait for a person, not for alignment
        lines.append(f"Next: radu resolve --module {report.module}")
    return lines


def _place(rejection: Rejection | Notice, report: files.ImportReport) -> int | str:
    """The line; after its source where that isn't the imported file itself."""
    if rejection.source in ("", report.source):
        return rejection.line
    return f"{rejection.source}, {rejection.line}"


def _pairs(items: list[str], *, as_json: bool = False) -> dict[str, Any]:

    pairs: dict[str, Any] = {}
    for item in items:
        name, sign, value = item.partition("=")
        if not sign:
            raise InputError("An option must be name=value", value=item, remedy="Add the '='.")
        try:
            pairs[name] = parse_json(value) if as_json else value
        except ValueError:
            pairs[name] = value
    return pairs


@command("resolve")
def resolve(
    module: Module,
    report: Annotated[
        Path | None, typer.Option(help="Write what isn't resolved, with reasons, as JSONL.")
    ] = None,
    accept_from: Annotated[
        float | None,
        typer.Option(
            help="Accept readings with at least this confidence (0.5 to 1) automatically."
        ),
    ] = None,
    accept_none: Annotated[
        bool,
        typer.Option(
            "--accept-none", help="Stop accepting automatically, and take back what was accepted."
        ),
    ] = False,
) -> Output:
    """Locate the values in the utterances, without asking or guessing."""
    import json

    from radu_core.files import write_text

    space = workspace()
    if accept_none and accept_from is not None:
        raise InputError(
            "--accept-from and --accept-none contradict each other", remedy="Give one of them."
        )
    if accept_none or accept_from is not None:
        outcomes.set_acceptance(space, module, accept_from, who=who())
    with progress_bar() as progress:
        funnel = outcomes.resolve(space, module, who=who(), progress=progress)
    lines: list[Any] = [
        table(
            f"{module}: {quantity(funnel.total, 'exemplar')}",
            ["outcome", "exemplars"],
            list(funnel.outcomes.items()),
        ),
        table("Resolved by", ["how", "exemplars"], list(funnel.resolved_by.items())),
    ]
    if funnel.inferred:
        other = ", ".join(f"{kind} {count}" for kind, count in funnel.inferred.items())
        lines.append(f"Found under other words than the value (the reason says which): {other}.")
    if funnel.costs:
        rows = [
            (c.reason, c.exemplars, ", ".join(c.functions) or "-", ", ".join(c.slots) or "-")
            for c in funnel.costs
        ]
        columns = [
            "reason",
            "exemplars",
            f"functions left with fewer than {ENOUGH}",
            "slots kept empty",
        ]
        lines.append(table("Unresolved exemplars and their effect", columns, rows))
    if funnel.thin:
        title = f"warning: functions with fewer than {ENOUGH} resolved training exemplars"
        thin = [(t.function, t.resolved, t.waiting, t.remedy) for t in funnel.thin]
        lines.append(table(title, ["function", "resolved", "waiting", "what to do"], thin))
    for name in funnel.empty_slots:
        lines.append(f"warning: no resolved exemplar fills {name}.")
    if report is not None:
        unresolved = outcomes.unresolved_rows(space, module)
        write_text(report, (json.dumps(r, ensure_ascii=False) + "\n" for r in unresolved))
        count_text = quantity(len(unresolved), "unresolved exemplar is", "unresolved exemplars are")
        lines.append(f"{count_text} listed in {report}.")
    waiting = funnel.total - funnel.outcomes.get("resolved", 0)
    if waiting:
        lines.append(f"On the Annotate page: {quantity(waiting, 'exemplar')}.")
    lines.append(f"Next: radu index --module {module}")
    return Output(funnel, lines)


@command("accept")
def accept(
    module: Module,
    from_: Annotated[
        float,
        typer.Option("--from", help="Accept readings with at least this confidence (0.5 to 1)."),
    ] = 0.95,
    queue: Annotated[str, typer.Option(help="The queue: ambiguous or unlocated.")] = "ambiguous",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be accepted.")
    ] = False,
    undo: Annotated[
        str | None, typer.Option(help="Undo a bulk accept, by the number that it printed.")
    ] = None,
) -> Output:
    """Accept the likely readings of a queue at once, each as your own decision."""
    space = workspace()
    if undo is not None:
        return _undo_output(bulk.undo_bulk(space, module, undo, who=who()))
    preview = bulk.preview(space, module, from_=from_, queue=queue)
    lines: list[Any] = [
        table(
            f"{module}: at least {percent(from_, 0)} likely",
            ["function", "readings"],
            list(preview.functions.items()),
        ),
        f"{quantity(len(preview.items), 'reading')}, of which about {preview.expected_wrong:.1f} "
        "will be wrong.",
    ]
    if dry_run:
        rows = [(i.id, percent(i.confidence, 0), i.template) for i in preview.items[:20]]
        title = "Least likely first" + (f" (20 of {len(preview.items)})" if len(rows) == 20 else "")
        return Output(preview, [*lines, table(title, ["id", "likely", "template"], rows)])
    report = bulk.accept(space, module, preview.revisions, who=who())
    lines.append(f"{len(report.accepted)} accepted.")
    if report.accepted:
        lines.append(f"To take them back: radu accept --module {module} --undo {report.batch}")
    lines += [f"left as it is, {id_}: {why}" for id_, why in report.skipped.items()]
    return Output(report, lines)


def _undo_output(report: bulk.UndoReport) -> Output:
    lines = [quantity(len(report.undone), "is as it was before.", "are as they were before.")]
    lines += [f"decided again since, and left so: {id_}" for id_ in report.decided_since]
    lines += [f"deleted since, and left so: {id_}" for id_ in report.deleted_since]
    return Output(report, lines)


@command("export")
def export(
    format: Annotated[str, typer.Argument(help="jsonl, csv, openai or sgd.")],
    module: Module,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write (sgd: the directory).")
    ],
    outcome: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this outcome: resolved, ambiguous, unlocated, invalid, unlabelled, "
            "new. Repeatable."
        ),
    ] = None,
) -> Output:
    """Write a module's exemplars (openai: its schema) to a file."""
    space = workspace()
    report = files.export(space, format, out, module=module, outcomes=tuple(outcome or ()))
    names = export_names(format, space.store.schema(module))
    lines = [f"{quantity(report.rows, 'row')} written to {out}."]
    lines += [f"left out {count}: {reason}" for reason, count in report.left_out.items()]
    lines += [
        f"{name} is written as {other}: {format} allows letters, digits, '_' and '-'."
        for name, other in names.items()
    ]
    return Output({**asdict(report), "renamed": names}, lines)
