"""The Load page: schemas and utterances in, alignment, the funnel, and everything out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from radu_core.alignment import SAMPLE, Aligner, Alignment, Knowledge, Reading, learn
from radu_core.errors import FormatError, InputError, NotFoundError
from radu_core.exemplars import AnnotatedExemplar, Outcome
from radu_core.files import content_hash, disk_errors, file_hash, readable
from radu_core.formats import Imported, Rejection, format_info, load_json, read, write
from radu_core.progress import Progress, silent
from radu_core.schema import Schema, parse_schema
from radu_core.store import AlignmentRecord, StoredExemplar
from radu_core.workflows.labels import put_schema
from radu_core.workflows.schema_cost import schema_cost
from radu_core.workflows.workspace import Workspace

__all__ = [
    "DISCARDED",
    "ENOUGH",
    "Cost",
    "ImportReport",
    "ResolveReport",
    "acceptance",
    "accepted",
    "alignment_record",
    "as_labelled",
    "export",
    "import_file",
    "init_module",
    "module_knowledge",
    "read_schema",
    "report_of",
    "resolve",
    "set_acceptance",
    "unresolved",
]

DISCARDED = "discarded"
ENOUGH = 10  # resolved training exemplars that a function should have


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
class Cost:
    """What one kind of reason costs: how many exemplars, the functions that would have enough with
    them, and the slots (as ``function.slot``) that only they fill.
    """

    reason: str
    exemplars: int
    functions: tuple[str, ...]
    slots: tuple[str, ...]


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
    costs: tuple[Cost, ...]
    thin_functions: Mapping[str, int]
    empty_slots: tuple[str, ...]
    changed: int


def read_schema(module: str, path: Path) -> Schema:
    """The schema of ``module`` in a schema JSON or an OpenAI tools JSON."""
    with readable(path):
        data = load_json(path)
    if isinstance(data, dict) and "functions" in data and "tools" not in data:
        return parse_schema(data, module=module)
    imported = read("openai", path, module=module, schema=None)
    if imported.schema is None or imported.rejections:
        raise FormatError(
            f"{path.name}: " + "; ".join(f"{r.field} {r.problem}" for r in imported.rejections[:5]),
            remedy="Correct these tools and load the file again.",
        )
    return imported.schema


def init_module(
    workspace: Workspace, module: str, schema_path: Path, *, who: str, replace: bool = False
) -> Schema:
    """Create ``module`` from a schema JSON or an OpenAI tools JSON.

    ``InputError`` says what it would cost when there is such a module and ``replace`` is False.
    """
    schema = read_schema(module, schema_path)
    if not replace:
        _refuse_to_replace(workspace, schema, "There is a module of that id already")
    put_schema(workspace, schema, who=who)
    return schema


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


def resolve(
    workspace: Workspace, module: str, *, who: str, progress: Progress = silent
) -> ResolveReport:
    """Align every exemplar of ``module`` that no person has decided, and report the funnel.

    First a sample teaches what the module knows (words around slots, other names of values), then
    all are aligned, a thousand at a time. Where the module accepts automatically
    (``set_acceptance``), readings that are likely enough resolve; turning it off and resolving
    again takes all of those back.
    """
    store = workspace.store
    schema = store.schema(module)
    threshold = acceptance(workspace, module)
    total = sum(store.counts(module).values())
    knowledge = module_knowledge(workspace, module, progress=progress)
    aligner = Aligner(schema, knowledge=knowledge)
    funnel = _Funnel(schema)
    done = changed = 0
    for batch in store.batches(module):
        progress("Placing values", done, total)
        records = [
            alignment_record(i, accepted(aligner.align(as_labelled(i)), threshold))
            for i in batch
            if _is_open(i.exemplar)
        ]
        changed += store.set_alignments(module, records, who=who)
        done += len(batch)
    for batch in store.batches(module):
        funnel.add(batch)
    progress("Placing values", total, total)
    return funnel.report(changed=changed)


def module_knowledge(
    workspace: Workspace, module: str, *, most: int = SAMPLE, progress: Progress = silent
) -> Knowledge:
    """What the module's first ``most`` exemplars teach, as they are labelled and decided now."""
    store = workspace.store
    progress("Learning from the module", 0, 0)
    labelled = (as_labelled(i) for batch in store.batches(module) for i in batch)
    used = (e for e in labelled if DISCARDED not in e.tags)
    return learn(store.schema(module), used, most=most)


def acceptance(workspace: Workspace, module: str) -> float | None:
    """The confidence from which ``module`` accepts readings automatically; None: never."""
    found = workspace.store.settings(module).get("accept_from")
    return None if found is None else float(found)


def set_acceptance(workspace: Workspace, module: str, threshold: float | None, *, who: str) -> None:
    """Opt in to accepting readings from a confidence of ``threshold`` on, or out of it with None.

    Takes effect, both ways, when the module is resolved next.
    """
    if threshold is not None and not 0.5 <= threshold <= 1:
        raise InputError(
            "A confidence to accept from must lie between 0.5 and 1",
            value=threshold,
            remedy="0.95 accepts what is right in 19 of 20 cases or more.",
        )
    settings = workspace.store.settings(module)
    settings.pop("accept_from", None)
    if threshold is not None:
        settings["accept_from"] = threshold
    workspace.store.put_settings(module, settings, who=who)


def accepted(result: Alignment, threshold: float | None) -> Alignment:
    """The alignment, resolved by its first reading if that is likely enough and places all."""
    if threshold is None or result.outcome not in ("ambiguous", "unlocated"):
        return result
    best = result.readings[0] if result.readings else None
    wanted = sum(a.state != "implied" for a in result.arguments)
    if best is None or best.confidence < threshold or len(best.spans) != wanted:
        return result
    return replace(
        result,
        outcome="resolved",
        resolved_by="automatic",
        reason=f"Accepted automatically: {best.confidence:.0%} likely. {result.reason}",
        spans=best.spans,
        template=best.template,
    )


def _is_open(exemplar: AnnotatedExemplar) -> bool:
    """Whether alignment may (again) decide about an exemplar: nobody has decided yet."""
    decided = exemplar.resolved_by in ("annotator", "suggestion")
    return not decided and DISCARDED not in exemplar.tags


def as_labelled(item: StoredExemplar) -> AnnotatedExemplar:
    """The exemplar without what an earlier alignment derived; what the labeller gave stays."""
    exemplar = item.exemplar
    if exemplar.resolved_by in ("unique", "automatic"):
        by_rule = item.details.get("implied", ())
        implied = tuple(s for s in exemplar.implied if s not in by_rule)
        return exemplar.model_copy(update={"spans": None, "template": None, "implied": implied})
    if exemplar.resolved_by == "template":
        return exemplar.model_copy(update={"spans": None})
    return exemplar


def alignment_record(item: StoredExemplar, result: Alignment) -> AlignmentRecord:
    """The store's record of one alignment. Given spans or templates that clash stay as given."""
    labelled = as_labelled(item)
    keep = result.outcome != "resolved"
    implied = labelled.implied if keep else (*labelled.implied, *result.implied)
    return AlignmentRecord(
        id=item.exemplar.id,
        expected_revision=item.revision,
        outcome=result.outcome,
        resolved_by=result.resolved_by,
        reason=result.reason,
        spans=labelled.spans if keep else result.spans,
        template=labelled.template if keep else result.template,
        implied=implied,
        readings=tuple(_reading_json(r) for r in result.readings) if _is_asked(result) else (),
        details=_details(result),
    )


def _is_asked(result: Alignment) -> bool:
    return result.resolved_by in (None, "automatic")


def _reading_json(reading: Reading) -> dict[str, Any]:
    return {
        "template": reading.template,
        "confidence": round(reading.confidence, 4),
        "spans": [s.model_dump(mode="json") for s in reading.spans],
    }


def _details(result: Alignment) -> dict[str, Any]:
    """What the Annotate page shows of each value, so that it needs to compute nothing."""
    details: dict[str, Any] = {"implied": list(result.implied)} if result.implied else {}
    if not _is_asked(result):
        return details
    details["kind"] = result.kind
    details["complete"] = result.complete
    details["arguments"] = [
        {
            "slot": a.slot,
            "value": a.value,
            "state": a.state,
            "places": [
                {"start": c.start, "end": c.end, "kind": c.kind, "score": round(c.score, 4)}
                for c in a.candidates
            ],
        }
        for a in result.arguments
    ]
    return details


def report_of(
    schema: Schema, items: Iterable[StoredExemplar], *, changed: int = 0
) -> ResolveReport:
    """The funnel of stored exemplars."""
    funnel = _Funnel(schema)
    funnel.add(items)
    return funnel.report(changed=changed)


class _Funnel:
    """Counts exemplars as they come, so that memory stays flat."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._outcomes: Counter[str] = Counter()
        self._resolved_by: Counter[str] = Counter()
        self._train: Counter[str | None] = Counter()
        self._filled: set[tuple[str | None, str]] = set()
        self._classes: dict[str, _Class] = {}

    def add(self, items: Iterable[StoredExemplar]) -> None:
        """Count ``items``."""
        for item in items:
            exemplar = item.exemplar
            self._outcomes[exemplar.outcome or "new"] += 1
            trains = exemplar.split == "train" and exemplar.mode == "normal"
            if exemplar.outcome == "resolved":
                self._resolved_by[str(exemplar.resolved_by)] += 1
                self._train[exemplar.function] += trains
                self._filled |= {(exemplar.function, slot) for slot in exemplar.arguments}
                continue
            lost = self._classes.setdefault(_kind_of_reason(item), _Class())
            lost.exemplars += 1
            lost.train[exemplar.function] += trains
            lost.slots |= {
                (exemplar.function, s) for s in exemplar.arguments if s not in exemplar.implied
            }

    def report(self, *, changed: int) -> ResolveReport:
        """The funnel so far."""
        functions = self._schema.functions
        thin = {f.name: self._train[f.name] for f in functions if self._train[f.name] < ENOUGH}
        empty = [
            (f.name, s.name) for f in functions for s in f.slots
            if (f.name, s.name) not in self._filled
        ]  # fmt: skip
        ordered = sorted(self._classes.items(), key=lambda c: (-c[1].exemplars, c[0]))
        return ResolveReport(
            module=self._schema.module,
            total=sum(self._outcomes.values()),
            outcomes=dict(sorted(self._outcomes.items())),
            resolved_by=dict(sorted(self._resolved_by.items())),
            reasons={kind: lost.exemplars for kind, lost in ordered},
            costs=tuple(
                Cost(
                    kind,
                    lost.exemplars,
                    tuple(
                        name for name, have in thin.items()
                        if lost.train[name] and have + lost.train[name] >= ENOUGH
                    ),
                    tuple(f"{f}.{s}" for f, s in empty if (f, s) in lost.slots),
                )
                for kind, lost in ordered
            ),
            thin_functions=thin,
            empty_slots=tuple(f"{f}.{s}" for f, s in empty),
            changed=changed,
        )  # fmt: skip


@dataclass
class _Class:
    """What isn't resolved for one kind of reason."""

    exemplars: int = 0
    train: Counter[str | None] = field(default_factory=Counter)
    slots: set[tuple[str | None, str]] = field(default_factory=set)


def _kind_of_reason(item: StoredExemplar) -> str:
    exemplar = item.exemplar
    if DISCARDED in exemplar.tags:
        return "discarded by a person"
    kind = item.details.get("kind")
    return str(kind) if kind else exemplar.reason or "not aligned yet"


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
