"""The Load page: schemas and utterances in, alignment, the funnel, and everything out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from radu_core.alignment import Alignment, ContextModel, align
from radu_core.errors import FormatError, InputError, NotFoundError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash, disk_errors, file_hash, read_json
from radu_core.formats import Imported, Rejection, read, write
from radu_core.progress import Progress, silent
from radu_core.schema import Schema, parse_schema
from radu_core.store import AlignmentRecord, StoredExemplar
from radu_core.workflows.labels import put_schema
from radu_core.workflows.workspace import Workspace

__all__ = [
    "DISCARDED",
    "ImportReport",
    "ResolveReport",
    "export",
    "import_file",
    "init_module",
    "resolve",
    "unresolved",
]

DISCARDED = "discarded"
_PROGRESS_EVERY = 500


@dataclass(frozen=True)
class ImportReport:
    """What an import did. ``rows`` = accepted + rejected + the skipped.

    ``stored`` is False when rows were rejected and the user hadn't asked to keep the good ones.
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


@dataclass(frozen=True)
class ResolveReport:
    """The alignment funnel of a module: outcomes, why, and what it costs.

    ``thin_functions`` have under 10 resolved training exemplars, ``empty_slots`` (as
    ``function.slot``) never get one.
    """

    module: str
    total: int
    outcomes: Mapping[str, int]
    resolved_by: Mapping[str, int]
    reasons: Mapping[str, int]
    thin_functions: Mapping[str, int]
    empty_slots: tuple[str, ...]
    changed: int


def init_module(workspace: Workspace, module: str, schema_path: Path, *, who: str) -> Schema:
    """Create ``module`` (or replace its schema) from a schema JSON or an OpenAI tools JSON."""
    data = read_json(schema_path)
    if isinstance(data, dict) and "functions" in data and "tools" not in data:
        schema = parse_schema(data, module=module)
    else:
        imported = read("openai", schema_path, module=module, schema=None)
        if imported.schema is None or imported.rejections:
            raise FormatError(
                f"{schema_path.name}: " + "; ".join(r.problem for r in imported.rejections[:5]),
                remedy="Correct these tools and load the file again.",
            )
        schema = imported.schema
    put_schema(workspace, schema, who=who)
    return schema


def import_file(
    workspace: Workspace,
    format: str,
    path: Path,
    *,
    module: str,
    who: str,
    keep_good: bool = False,
    options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> ImportReport:
    """Read a file into ``module``: all or nothing, unless ``keep_good``.

    A format that carries a schema brings it along when the module has none yet. The import is
    recorded with its rejected rows, whatever became of it.
    """
    store = workspace.store
    schema = store.schema(module) if module in store.modules() else None
    imported = read(format, path, module=module, schema=schema, options=options, progress=progress)
    stored = keep_good or not imported.rejections
    schema_changed = False
    if stored and imported.schema is not None:
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


def resolve(
    workspace: Workspace, module: str, *, who: str, progress: Progress = silent
) -> ResolveReport:
    """Align every exemplar of ``module`` that no annotator has decided, and report the funnel.

    Two passes: what is resolved by itself first, then the rest is ranked by what was learnt.
    """
    store = workspace.store
    schema = store.schema(module)
    items = store.exemplars(module)
    open_items = [i for i in items if _is_open(i.exemplar)]
    first: dict[str, Alignment] = {}
    for number, item in enumerate(open_items):
        if number % _PROGRESS_EVERY == 0:
            progress("Placing values", number, len(open_items))
        first[item.exemplar.id] = align(schema, as_labelled(item.exemplar))
    context = ContextModel(
        a.template for a in first.values() if a.outcome == "resolved" and a.template
    )
    records = []
    for item in open_items:
        result = first[item.exemplar.id]
        if len(result.readings) > 1:
            result = align(schema, as_labelled(item.exemplar), context=context)
        records.append(alignment_record(item, result))
    changed = store.set_alignments(module, records, who=who)
    progress("Placing values", len(open_items), len(open_items))
    return report_of(schema, store.exemplars(module), changed=changed)


def _is_open(exemplar: AnnotatedExemplar) -> bool:
    """Whether alignment may (again) decide about an exemplar: nobody has decided yet."""
    decided = exemplar.resolved_by in ("annotator", "suggestion")
    return not decided and DISCARDED not in exemplar.tags


def as_labelled(exemplar: AnnotatedExemplar) -> AnnotatedExemplar:
    """The exemplar without what an earlier alignment derived; what the labeller gave stays."""
    if exemplar.resolved_by == "unique":
        return exemplar.model_copy(update={"spans": None, "template": None})
    if exemplar.resolved_by == "template":
        return exemplar.model_copy(update={"spans": None})
    return exemplar


def alignment_record(item: StoredExemplar, result: Alignment) -> AlignmentRecord:
    """The store's record of one alignment. Given spans or templates that clash stay as given."""
    keep = result.outcome != "resolved"
    return AlignmentRecord(
        id=item.exemplar.id,
        expected_revision=item.revision,
        outcome=result.outcome,
        resolved_by=result.resolved_by,
        reason=result.reason,
        spans=as_labelled(item.exemplar).spans if keep else result.spans,
        template=as_labelled(item.exemplar).template if keep else result.template,
        implied=item.exemplar.implied,
        readings=tuple(
            {
                "template": r.template,
                "score": round(r.score, 4),
                "spans": [s.model_dump(mode="json") for s in r.spans],
            }
            for r in result.readings
        ),
    )


def report_of(schema: Schema, items: list[StoredExemplar], *, changed: int = 0) -> ResolveReport:
    """The funnel of stored exemplars."""
    exemplars = [i.exemplar for i in items]
    resolved = [e for e in exemplars if e.outcome == "resolved"]
    train = Counter(e.function for e in resolved if e.split == "train" and e.mode == "normal")
    filled = {(e.function, s.slot) for e in resolved for s in e.spans or ()}
    return ResolveReport(
        module=schema.module,
        total=len(items),
        outcomes=dict(sorted(Counter(e.outcome or "new" for e in exemplars).items())),
        resolved_by=dict(sorted(Counter(str(e.resolved_by) for e in resolved).items())),
        reasons=dict(
            Counter(_kind_of_reason(e) for e in exemplars if e.outcome != "resolved").most_common()
        ),
        thin_functions={f.name: train[f.name] for f in schema.functions if train[f.name] < 10},
        empty_slots=tuple(
            f"{f.name}.{s.name}"
            for f in schema.functions
            for s in f.slots
            if (f.name, s.name) not in filled
        ),
        changed=changed,
    )


def _kind_of_reason(exemplar: AnnotatedExemplar) -> str:
    reason = exemplar.reason
    for words, kind in (
        ("usually implied", "a yes/no value that is implied"),
        ("occurs", "a value occurs more than once"),
        ("in the text", "a value isn't in the text"),
        ("overlapping", "values overlap"),
    ):
        if words in reason:
            return kind
    return reason or "not aligned yet"


def unresolved(workspace: Workspace, module: str) -> list[dict[str, Any]]:
    """Every exemplar that isn't resolved, with its outcome and reason, as flat rows to export."""
    items = workspace.store.exemplars(module)
    return [
        {
            "id": i.exemplar.id,
            "utterance": i.exemplar.utterance,
            "function": i.exemplar.function,
            "arguments": i.exemplar.arguments,
            "split": i.exemplar.split,
            "outcome": i.exemplar.outcome or "new",
            "reason": i.exemplar.reason,
        }
        for i in items
        if i.exemplar.outcome != "resolved"
    ]


def export(
    workspace: Workspace, format: str, path: Path, *, module: str, outcomes: tuple[str, ...] = ()
) -> int:
    """Write the module in ``format``; ``outcomes`` narrows it. Returns the number of rows."""
    schema = workspace.store.schema(module)
    items = workspace.store.exemplars(module)
    chosen = [
        i.exemplar for i in items if not outcomes or (i.exemplar.outcome or "new") in outcomes
    ]
    with disk_errors(path):
        if path.is_dir():
            raise InputError("That is a directory", value=str(path), remedy="Name a file.")
    return write(format, path, schema=schema, exemplars=chosen)
