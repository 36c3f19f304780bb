"""The Load page: schemas and utterances in, and everything out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from radu_core.errors import FormatError, InputError, NotFoundError
from radu_core.exemplars import Outcome
from radu_core.files import content_hash, disk_errors, file_hash, readable
from radu_core.formats import (
    Imported,
    Notice,
    Rejection,
    Tally,
    export_names,
    format_info,
    load_json,
    read,
    write,
)
from radu_core.instructions import instruct
from radu_core.progress import Progress, silent
from radu_core.schema import OUT_OF_SCOPE, Schema, check_module_id, parse_schema
from radu_core.store import NewBatch, changes, imports
from radu_core.words import quantity
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.labels import contradict, put_schema
from radu_core.workflows.load.outcomes import as_labelled
from radu_core.workflows.load.schema_cost import schema_cost
from radu_core.workflows.load.span_fixes import SpanReport, review_spans

__all__ = [
    "ExportReport",
    "ExportView",
    "ImportReport",
    "SchemaFile",
    "batch_of",
    "export",
    "import_file",
    "init_module",
    "module_in",
    "only_file",
    "read_schema",
    "remarks",
    "report_of",
    "view_export",
]


@dataclass(frozen=True)
class ImportReport:
    """What an import did. ``rows`` = accepted + rejected + the skipped.

    ``number`` is the import's, by which it can be taken back (0: it wasn't recorded).
    ``stored`` is False when rows were rejected and the user hadn't asked to keep the good ones.
    ``left_out`` counts values that accepted rows lost, by reason; ``ignored`` what isn't read, by
    column, key or message; ``normalised`` what was read otherwise than it is written, by kind.
    ``notices`` list repeated rows and contradicting labels. Of the accepted, ``unlabelled`` have no
    label and ``out_of_scope`` are so by the file. ``schema_ignored`` says that the file has
    another schema than the module, which kept its own.
    ``spans`` says which rows have spans or templates that contradict their values; None where all
    are right. ``days`` says of traces how many utterances were asked on each day, how many of them
    are worth a look, and how many for each reason.
    """

    module: str
    source: str
    rows: int
    accepted: int
    rejections: tuple[Rejection, ...]
    skipped: Mapping[str, int]
    stored: bool
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    kept: int = 0
    schema_changed: bool = False
    schema_ignored: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)
    normalised: Mapping[str, Tally] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    notes: tuple[str, ...] = ()
    unlabelled: int = 0
    out_of_scope: int = 0
    number: int = 0
    spans: SpanReport | None = None
    days: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote: ``rows`` of the format (openai: tools), ``exemplars`` of ``total``.

    ``left_out`` counts, by reason, those that it doesn't hold and the parts of the schema.
    """

    path: Path
    rows: int
    exemplars: int
    total: int
    left_out: Mapping[str, int]


def remarks(report: ImportReport) -> list[str]:
    """What was skipped, left out, ignored and read otherwise, a sentence each, for people."""
    lines = [*report.notes]
    if report.unlabelled:
        otherwise = "" if report.days else f", or {instruct('out of scope')}"
        lines.append(
            f"{quantity(report.unlabelled, 'row')} without a function: unlabelled, neither indexed "
            f"nor trained on. Label them on the Annotate page{otherwise}."
        )
    if report.out_of_scope:
        lines.append(f"{quantity(report.out_of_scope, 'row')} out of scope, as the file says.")
    lines += [f"skipped {count:,}: {reason}" for reason, count in report.skipped.items()]
    lines += [f"left out {count:,}: {reason}" for reason, count in report.left_out.items()]
    if report.ignored:
        names = ", ".join(f"{name} ({count:,})" for name, count in report.ignored.items())
        lines.append(f"not read (values): {names}")
    lines += [
        f"normalised {tally.count:,}: {kind} ({tally.example})"
        for kind, tally in report.normalised.items()
    ]
    conflicts = sum(n.kind == "conflict" for n in report.notices)
    if conflicts:
        lines.append(
            f"{quantity(conflicts, 'row')} with other labels than the same text has elsewhere."
        )
    return lines


@dataclass(frozen=True)
class SchemaFile:
    """The schema of a file.

    ``left_out`` counts what isn't in it, by reason, and ``rejections`` are the tools that it is
    without.
    """

    schema: Schema
    left_out: Mapping[str, int] = field(default_factory=dict)
    rejections: tuple[Rejection, ...] = ()


def read_schema(module: str, path: Path, *, keep_good: bool = False) -> SchemaFile:
    """The schema of ``module`` in a schema JSON or a file of tools.

    ``FormatError`` lists every tool that can't be taken, unless ``keep_good`` takes the others.
    """
    with readable(path):
        data = load_json(path)
    if isinstance(data, dict) and _is_schema(data):
        return _own_schema(module, data)
    imported = read("openai", path, module=module, schema=None)
    rejections = imported.rejections
    if imported.schema is None or (rejections and not keep_good):
        others = "" if imported.schema is None else f", or {instruct('keep good tools')}"
        raise FormatError(
            f"{path.name}: {len(rejections)} of {quantity(imported.rows, 'tool')} can't be taken\n"
            + "\n".join(f"- tool {r.line}: {r.field} {r.problem}" for r in rejections),
            remedy=f"\nCorrect these tools and load the file again{others}.",
        )
    return SchemaFile(imported.schema, imported.left_out, rejections)


def _is_schema(data: Mapping[str, Any]) -> bool:
    """Whether it is a schema of ours: tools may be listed under ``functions``, too."""
    functions = data.get("functions")
    if functions is None or "tools" in data:
        return False
    tools = functions if isinstance(functions, list) else []
    return not any(isinstance(f, dict) and "parameters" in f for f in tools)


def module_in(path: Path) -> str | None:
    """The id of the module that a schema JSON names; None for other files."""
    with readable(path):
        data = load_json(path)
    return data.get("module") if isinstance(data, dict) and _is_schema(data) else None


def _own_schema(module: str, data: dict[str, Any]) -> SchemaFile:
    """A schema JSON. A function that means out of scope is left out: its utterances have none."""
    functions = data["functions"] if isinstance(data["functions"], list) else []
    functions_kept = [f for f in functions if not _is_nothing(f)]
    left_out = {}
    if functions_kept and len(functions_kept) < len(functions):
        data = {**data, "functions": functions_kept}
        left_out[f"a function named {OUT_OF_SCOPE!r}: it means out of scope"] = 1
    schema_named = data.get("module")
    if schema_named is not None and schema_named != module:
        left_out[f"the file's module id ({schema_named}): the module is {module}"] = 1
    return SchemaFile(parse_schema(data, module=module), left_out)


def _is_nothing(function: Any) -> bool:
    is_scope_function = isinstance(function, dict) and function.get("name") == OUT_OF_SCOPE
    return is_scope_function and not function.get("slots")


def init_module(
    workspace: Workspace,
    module: str,
    schema_path: Path,
    *,
    who: str,
    replace: bool = False,
    keep_good: bool = False,
) -> SchemaFile:
    """Create ``module`` from a schema JSON or a file of tools; see ``read_schema``.

    ``InputError`` says what it would cost when there is such a module and ``replace`` is False.
    """
    check_module_id(module)
    schema = read_schema(module, schema_path, keep_good=keep_good)
    if not replace:
        _refuse_to_replace(workspace, schema.schema, "There is a module of that id already")
    note = f"Loaded from {schema_path.name}"
    put_schema(workspace, schema.schema, who=who, expected=None if replace else "", note=note)
    return schema


def _refuse_to_replace(workspace: Workspace, schema: Schema, what: str) -> None:
    if schema.module in workspace.store.modules():
        raise InputError(
            what,
            value=schema.module,
            remedy=f"To replace its schema, {instruct('replace schema', schema.module)}. "
            f"{schema_cost(workspace, schema)} Nothing was changed.",
        )


def import_file(
    workspace: Workspace,
    format: str,
    path: Path,
    *,
    module: str,
    who: str,
    keep_good: bool = False,
    replace_schema: bool = False,
    fix_spans: bool = False,
    options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> ImportReport:
    """Read a file into ``module``: all or nothing, unless ``keep_good``.

    A format that carries a schema brings it along when the module has none yet, or when
    ``replace_schema`` asks for it; otherwise the module keeps its own, and rows that don't fit it
    are rejected. ``fix_spans`` corrects the spans and templates that a shift explains. The import
    is recorded with its rejected rows, whatever became of it.
    """
    store = workspace.store
    if replace_schema and not format_info(format).carries_schema:
        raise InputError(
            "That format carries no schema to replace the module's by",
            value=format,
            remedy=f"Use openai or sgd, or {instruct('replace schema', module)}.",
        )
    before = store.schema(module) if module in store.modules() else None
    schema = None if replace_schema else before
    imported = read(format, path, module=module, schema=schema, options=options, progress=progress)
    imported, spans = _review_spans(
        workspace, module, schema or imported.schema, imported, fix=fix_spans, progress=progress
    )
    is_stored = keep_good or not imported.rejections
    report = report_of(module, path.name, imported, schema, spans, stored=is_stored)
    if not is_stored:
        if before is None:
            return report
        number = store.record_import(module, batch_of(report, [path], before), who=who)
        return replace(report, number=number)
    if schema is not None:
        batch = batch_of(report, [path], before)
        counts = store.put_exemplars(
            module, imported.exemplars, who=who, source=path.name, batch=batch
        )
        return replace(report, **asdict(counts))
    if imported.schema is None:
        raise NotFoundError(
            "No such module",
            value=module,
            remedy=f"Create it first: {instruct('new module')}.",
        )
    expected = None if replace_schema else ""
    return _store_with_schema(workspace, path, imported, report, before, expected, who)


def only_file(format: str, paths: Sequence[Path]) -> Path:
    """The one file of an import; ``InputError`` where there are several."""
    if len(paths) > 1:
        raise InputError(
            f"{format} is imported a file at a time",
            value=[str(p) for p in paths],
            remedy="Import one after the other.",
        )
    return paths[0]


def report_of(
    module: str,
    source: str,
    imported: Imported,
    schema: Schema | None,
    spans: SpanReport | None = None,
    *,
    stored: bool,
) -> ImportReport:
    """What is known before anything is stored; ``schema`` is the module's, if it stays."""
    return ImportReport(
        module=module,
        source=source,
        rows=imported.rows,
        accepted=len(imported.exemplars),
        rejections=imported.rejections,
        skipped=dict(imported.skipped),
        stored=stored,
        schema_ignored=schema is not None and imported.schema not in (None, schema),
        left_out=dict(imported.left_out),
        ignored=dict(imported.ignored),
        normalised=dict(imported.normalised),
        notices=imported.notices,
        notes=imported.notes,
        unlabelled=sum(e.unlabelled for e in imported.exemplars),
        out_of_scope=sum(e.out_of_scope for e in imported.exemplars),
        spans=spans,
    )


def _store_with_schema(
    workspace: Workspace,
    path: Path,
    imported: Imported,
    report: ImportReport,
    before: Schema | None,
    expected: str | None,
    who: str,
) -> ImportReport:
    """Store the file's schema, its rows and the record of both, all or nothing."""
    schema = imported.schema
    assert schema is not None
    with workspace.store.writing(report.module, who=who) as w:
        note = f"Imported with {path.name}"
        has_changed = changes.put_schema(w, schema, expected=expected, note=note)
        batch = batch_of(report, [path], before, schema if has_changed else None)
        counts = imports.put(w, imports.begin(w, batch), imported.exemplars)
    contradict(workspace, schema, who=who)
    return replace(report, schema_changed=has_changed, **asdict(counts))


def _review_spans(
    workspace: Workspace,
    module: str,
    schema: Schema | None,
    imported: Imported,
    *,
    fix: bool,
    progress: Progress,
) -> tuple[Imported, SpanReport | None]:
    """Check the spans that the file gave; what the module calls its values counts too."""
    if schema is None:
        return imported, None
    store = workspace.store
    batches = store.batches(module) if module in store.modules() else ()
    labelled_rows_known = (as_labelled(item) for batch in batches for item in batch)
    return review_spans(schema, imported, stored=labelled_rows_known, fix=fix, progress=progress)


def batch_of(
    report: ImportReport,
    paths: Sequence[Path],
    before: Schema | None = None,
    schema: Schema | None = None,
    *,
    details: Mapping[str, Any] | None = None,
) -> NewBatch:
    """What is remembered of an import of files, with further ``details``.

    ``schema`` is what it brought in the place of ``before``.
    """
    hashes = [file_hash(p) if p.is_file() else content_hash(str(p)) for p in paths]
    return NewBatch(
        source=report.source,
        content_hash=hashes[0] if len(hashes) == 1 else content_hash(hashes),
        rows=report.rows,
        accepted=report.accepted if report.stored else 0,
        rejections=[asdict(r) for r in report.rejections],
        details={
            "skipped": dict(report.skipped),
            "left_out": dict(report.left_out),
            "ignored": dict(report.ignored),
            "normalised": {kind: tally.count for kind, tally in report.normalised.items()},
            "stored": report.stored,
            **(details or {}),
        },
        schema_before=before.model_dump_json() if before and schema else None,
        schema_after=schema.model_dump_json() if schema else None,
    )


@dataclass(frozen=True)
class ExportView:
    """What an export would write, and what it leaves out.

    ``exemplars`` in it and ``left_out`` of it, and the names that the format writes otherwise, by
    the module's own.
    """

    exemplars: int
    left_out: int
    renamed: Mapping[str, str]


def view_export(workspace: Workspace, format: str, *, module: str) -> ExportView:
    """What ``export`` of all exemplars would write."""
    total = sum(workspace.store.counts(module).values())
    names = export_names(format, workspace.schema(module))
    carries = format_info(format).carries_exemplars
    return ExportView(total if carries else 0, 0 if carries else total, names)


def export(
    workspace: Workspace, format: str, path: Path, *, module: str, outcomes: tuple[str, ...] = ()
) -> ExportReport:
    """Write the module in ``format``; ``outcomes`` narrows it.

    Outcomes are those of alignment, and ``new`` for what it hasn't seen yet.
    """
    outcomes_known = (*get_args(Outcome), "new")
    unknown = [o for o in outcomes if o not in outcomes_known]
    if unknown:
        raise InputError(
            "No such outcome", value=unknown[0], remedy=f"Use {', '.join(outcomes_known)}."
        )
    schema = workspace.store.schema(module)
    items = [i.exemplar for i in workspace.store.exemplars(module)]
    selection = [e for e in items if not outcomes or (e.outcome or "new") in outcomes]
    info = format_info(format)
    with disk_errors(path):
        if path.is_dir() and not info.directory:
            raise InputError("That is a directory", value=str(path), remedy="Name a file.")
        if path.is_file() and info.directory:
            raise InputError("That is a file", value=str(path), remedy="Name a directory.")
    rows = write(format, path, schema=schema, exemplars=selection)
    others = (e.outcome or "new" for e in items)
    left_out = Counter(f"not asked for: {o}" for o in others if outcomes and o not in outcomes)
    if not info.carries_exemplars:
        left_out[f"{format} holds a schema, no utterances"] += len(selection)
        selection = []
    left_out.update(info.lost(schema) if info.lost else {})
    return ExportReport(
        path, rows, len(selection), len(items), {r: n for r, n in sorted(left_out.items()) if n}
    )
