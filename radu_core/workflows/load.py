"""The Load page: schemas and utterances in, and everything out again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from radu_core.errors import FormatError, InputError, NotFoundError
from radu_core.exemplars import Outcome
from radu_core.files import content_hash, disk_errors, file_hash, readable
from radu_core.formats import Imported, Rejection, format_info, load_json, read, write
from radu_core.progress import Progress, silent
from radu_core.schema import OUT_OF_SCOPE, Schema, parse_schema
from radu_core.workflows.labels import put_schema
from radu_core.workflows.schema_cost import schema_cost
from radu_core.workflows.workspace import Workspace

__all__ = [
    "ImportReport",
    "SchemaFile",
    "export",
    "import_file",
    "init_module",
    "read_schema",
]


@dataclass(frozen=True)
class ImportReport:
    """What an import did. ``rows`` = accepted + rejected + the skipped.

    ``stored`` is False when rows were rejected and the user hadn't asked to keep the good ones.
    ``left_out`` counts values that accepted rows lost, by reason. ``schema_left_aside`` says that
    the file has another schema than the module, which kept its own.
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
    schema_left_aside: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SchemaFile:
    """The schema of a file. ``left_out`` counts what isn't in it, by reason, and ``rejections``
    are the tools that it is without.
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
        others = "" if imported.schema is None else ", or take the others only: --keep-good"
        raise FormatError(
            f"{path.name}: {len(rejections)} of {imported.rows} tools can't be taken\n"
            + "\n".join(f"- tool {r.line}: {r.field} {r.problem}" for r in rejections),
            remedy=f"\nCorrect these tools and load the file again{others}.",
        )
    return SchemaFile(imported.schema, imported.left_out, rejections)


def _is_schema(data: Mapping[str, Any]) -> bool:
    """Whether it is a schema of ours: tools may be listed under ``functions``, too."""
    functions = data.get("functions")
    if functions is None or "tools" in data:
        return False
    listed = functions if isinstance(functions, list) else []
    return not any(isinstance(f, dict) and "parameters" in f for f in listed)


def _own_schema(module: str, data: dict[str, Any]) -> SchemaFile:
    """A schema JSON. A function that means out of scope is left out: its utterances have none."""
    functions = data["functions"] if isinstance(data["functions"], list) else []
    kept = [f for f in functions if not _is_nothing(f)]
    left_out = {}
    if kept and len(kept) < len(functions):
        data = {**data, "functions": kept}
        left_out[f"a function named {OUT_OF_SCOPE!r}: it means out of scope"] = 1
    return SchemaFile(parse_schema(data, module=module), left_out)


def _is_nothing(function: Any) -> bool:
    named = isinstance(function, dict) and function.get("name") == OUT_OF_SCOPE
    return named and not function.get("slots")


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
    found = read_schema(module, schema_path, keep_good=keep_good)
    if not replace:
        _refuse_to_replace(workspace, found.schema, "There is a module of that id already")
    put_schema(workspace, found.schema, who=who)
    return found


def _refuse_to_replace(workspace: Workspace, schema: Schema, what: str) -> None:
    if schema.module in workspace.store.modules():
        raise InputError(
            what,
            value=schema.module,
            remedy=f"To replace its schema use the Schema page, or radu init --replace. "
            f"{schema_cost(workspace.store, schema)} Nothing was changed.",
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
    options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> ImportReport:
    """Read a file into ``module``: all or nothing, unless ``keep_good``.

    A format that carries a schema brings it along when the module has none yet, or when
    ``replace_schema`` asks for it; otherwise the module keeps its own, and rows that don't fit it
    are rejected. The import is recorded with its rejected rows, whatever became of it.
    """
    store = workspace.store
    if replace_schema and not format_info(format).carries_schema:
        raise InputError(
            "That format carries no schema to replace the module's by",
            value=format,
            remedy="Use openai or sgd, or radu init MODULE --schema FILE.",
        )
    known = module in store.modules() and not replace_schema
    schema = store.schema(module) if known else None
    imported = read(format, path, module=module, schema=schema, options=options, progress=progress)
    stored = keep_good or not imported.rejections
    schema_changed = False
    if stored and schema is None and imported.schema is not None:
        schema_changed = put_schema(workspace, imported.schema, who=who)
    elif stored and schema is None:
        raise NotFoundError(
            "No such module",
            value=module,
            remedy="Create it first: radu init MODULE --schema FILE.",
        )
    counts = (
        store.put_exemplars(module, imported.exemplars, who=who, source=path.name)
        if stored and imported.exemplars
        else None
    )
    report = ImportReport(
        module=module,
        source=path.name,
        rows=imported.rows,
        accepted=len(imported.exemplars),
        rejections=imported.rejections,
        skipped=dict(imported.skipped),
        stored=stored,
        schema_changed=schema_changed,
        schema_left_aside=schema is not None and imported.schema not in (None, schema),
        left_out=dict(imported.left_out),
        **(asdict(counts) if counts else {}),
    )
    _record(workspace, report, imported, path, who)
    return report


def _record(
    workspace: Workspace, report: ImportReport, imported: Imported, path: Path, who: str
) -> None:
    if report.module not in workspace.store.modules():
        return
    workspace.store.record_import(
        report.module,
        source=report.source,
        content_hash=file_hash(path) if path.is_file() else content_hash(str(path)),
        rows=report.rows,
        accepted=report.accepted if report.stored else 0,
        rejections=[asdict(r) for r in imported.rejections],
        who=who,
    )


def export(
    workspace: Workspace, format: str, path: Path, *, module: str, outcomes: tuple[str, ...] = ()
) -> int:
    """Write the module in ``format``; ``outcomes`` narrows it. Returns the number of rows.

    Outcomes are those of alignment, and ``new`` for what it hasn't seen yet.
    """
    known = (*get_args(Outcome), "new")
    unknown = [o for o in outcomes if o not in known]
    if unknown:
        raise InputError("No such outcome", value=unknown[0], remedy=f"Use {', '.join(known)}.")
    schema = workspace.store.schema(module)
    items = workspace.store.exemplars(module)
    chosen = [
        i.exemplar for i in items if not outcomes or (i.exemplar.outcome or "new") in outcomes
    ]
    directory = format_info(format).directory
    with disk_errors(path):
        if path.is_dir() and not directory:
            raise InputError("That is a directory", value=str(path), remedy="Name a file.")
        if path.is_file() and directory:
            raise InputError("That is a file", value=str(path), remedy="Name a directory.")
    return write(format, path, schema=schema, exemplars=chosen)
