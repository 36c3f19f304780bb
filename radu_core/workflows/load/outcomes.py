"""The outcome of alignment: resolving a module, its funnel, and what it accepts by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from radu_core.alignment import SAMPLE, Aligner, Alignment, Candidate, Knowledge, Reading, learn
from radu_core.eligibility import ENOUGH, Purpose, Reason, why_not
from radu_core.errors import InputError
from radu_core.exemplars import DISCARDED, AnnotatedExemplar
from radu_core.progress import Progress, silent
from radu_core.schema import Schema
from radu_core.store import AlignmentRecord, StoredExemplar
from radu_core.words import percent
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "PRESELECTED",
    "RANKED_BY",
    "Cost",
    "ResolveReport",
    "Thin",
    "accept",
    "acceptance",
    "alignment_record",
    "as_labelled",
    "funnel",
    "module_knowledge",
    "place_json",
    "resolve",
    "set_acceptance",
    "unresolved_rows",
]

RANKED_BY = 1_000  # exemplars that rank the readings of a single one: under 0.2 s
PRESELECTED = 0.9  # the confidence from which a reading is chosen for an annotator beforehand


@dataclass(frozen=True)
class Cost:
    """What one kind of reason costs, in exemplars, functions and slots.

    How many exemplars, the functions that would have enough with them, and the slots (as
    ``function.slot``) that only they fill.
    """

    reason: str
    exemplars: int
    functions: tuple[str, ...]
    slots: tuple[str, ...]


@dataclass(frozen=True)
class Thin:
    """A function with fewer than ``ENOUGH`` resolved training exemplars.

    ``waiting`` is how many more it would have if those that wait for a person were resolved.
    """

    function: str
    resolved: int
    waiting: int

    @property
    def remedy(self) -> str:
        """How it gets enough: what waits is resolved first, and the rest labelled."""
        missing = ENOUGH - self.resolved
        if not self.waiting:
            return f"Label {missing} more."
        if self.waiting > missing:
            return f"Resolve {missing} of the {self.waiting:,} that wait."
        first = "the one that waits" if self.waiting == 1 else f"the {self.waiting:,} that wait"
        rest = missing - self.waiting
        return f"Resolve {first}, and label {rest} more." if rest else f"Resolve {first}."


@dataclass(frozen=True)
class ResolveReport:
    """The alignment funnel of a module: outcomes, reasons, and their effect.

    ``inferred`` counts what was resolved in other words than the value's, by kind of place (alias,
    partial, …; the reason names them). ``thin`` are the functions with under 10 resolved training
    exemplars, and what would change that; ``empty_slots`` (as ``function.slot``) never get one.
    """

    module: str
    total: int
    outcomes: Mapping[str, int]
    resolved_by: Mapping[str, int]
    inferred: Mapping[str, int]
    reasons: Mapping[str, int]
    costs: tuple[Cost, ...]
    thin: tuple[Thin, ...]
    empty_slots: tuple[str, ...]
    changed: int


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
    count = change_count = 0
    for batch in store.batches(module):
        progress("Placing values", count, total)
        records = [
            alignment_record(i, accept(aligner.align(as_labelled(i)), threshold))
            for i in batch
            if _is_open(i.exemplar)
        ]
        change_count += store.set_alignments(module, records, who=who)
        count += len(batch)
    progress("Placing values", total, total)
    return replace(funnel(workspace, module), changed=change_count)


def module_knowledge(
    workspace: Workspace, module: str, *, most: int = SAMPLE, progress: Progress = silent
) -> Knowledge:
    """What the module's first ``most`` exemplars teach, as they are labelled and decided now."""
    store = workspace.store
    progress("Learning from the module", 0, 0)
    labelled = (as_labelled(i) for batch in store.batches(module) for i in batch)
    teaching = (e for e in labelled if DISCARDED not in e.tags and not e.unlabelled)
    return learn(store.schema(module), teaching, most=most)


def acceptance(workspace: Workspace, module: str) -> float | None:
    """The confidence from which ``module`` accepts readings automatically; None: never."""
    threshold = workspace.store.settings(module).get("accept_from")
    return None if threshold is None else float(threshold)


def set_acceptance(workspace: Workspace, module: str, threshold: float | None, *, who: str) -> None:
    """Opt in to accepting readings from a confidence of ``threshold`` on, or out of it with None.

    Takes effect, both ways, when the module is resolved next.
    """
    if threshold is not None and not 0.5 <= threshold <= 1:
        raise InputError(
            "A confidence to accept from must lie between 0.5 and 1",
            value=threshold,
            remedy="Use 0.95, for example: at least 19 of 20 accepted readings are right.",
        )
    workspace.store.change_settings(module, {"accept_from": threshold}, who=who)


def accept(result: Alignment, threshold: float | None) -> Alignment:
    """The alignment, resolved by its first reading if that is likely enough and places all."""
    if threshold is None or result.outcome not in ("ambiguous", "unlocated"):
        return result
    best = result.readings[0] if result.readings else None
    value_count = sum(a.state != "implied" for a in result.arguments)
    if best is None or best.confidence < threshold or len(best.spans) != value_count:
        return result  # that a value is implied is for a person to say
    return replace(
        result,
        outcome="resolved",
        resolved_by="automatic",
        reason=f"Accepted automatically: {percent(best.confidence, 0)} likely. {result.reason}",
        spans=best.spans,
        template=best.template,
    )


def _is_open(exemplar: AnnotatedExemplar) -> bool:
    """Whether alignment may (again) decide about an exemplar: nobody has decided yet."""
    is_decided = exemplar.resolved_by in ("annotator", "suggestion")
    return not is_decided and DISCARDED not in exemplar.tags


def as_labelled(item: StoredExemplar) -> AnnotatedExemplar:
    """The exemplar without what an earlier alignment derived; what the labeller gave stays."""
    exemplar = item.exemplar
    if exemplar.resolved_by in ("unique", "automatic"):
        by_rule = item.details.get("implied", ())
        implied_slots = tuple(s for s in exemplar.implied if s not in by_rule)
        return exemplar.model_copy(
            update={"spans": None, "template": None, "implied": implied_slots}
        )
    if exemplar.resolved_by == "template":
        return exemplar.model_copy(update={"spans": None})
    return exemplar


def alignment_record(item: StoredExemplar, result: Alignment) -> AlignmentRecord:
    """The store's record of one alignment. Given spans or templates that clash stay as given."""
    labelled = as_labelled(item)
    keep = result.outcome != "resolved"
    implied_slots = labelled.implied if keep else (*labelled.implied, *result.implied)
    return AlignmentRecord(
        id=item.exemplar.id,
        expected_revision=item.revision,
        outcome=result.outcome,
        resolved_by=result.resolved_by,
        reason=result.reason,
        spans=labelled.spans if keep else result.spans,
        template=labelled.template if keep else result.template,
        implied=implied_slots,
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
        "implied": list(reading.implied),
    }


def _details(result: Alignment) -> dict[str, Any]:
    """What the Annotate page shows of each value, so that it needs to compute nothing."""
    details: dict[str, Any] = {"implied": list(result.implied)} if result.implied else {}
    if result.inferred_kinds:
        details["inferred"] = list(result.inferred_kinds)
    if not _is_asked(result):
        return details
    details["kind"] = result.kind
    details["complete"] = result.complete
    details["arguments"] = [
        {
            "slot": a.slot,
            "value": a.value,
            "state": a.state,
            "places": [place_json(c) for c in a.candidates],
        }
        for a in result.arguments
    ]
    return details


def place_json(place: Candidate) -> dict[str, Any]:
    """A place as the store and the Annotate page have it."""
    return {
        "start": place.start,
        "end": place.end,
        "kind": place.kind,
        "score": round(place.score, 4),
    }


def funnel(workspace: Workspace, module: str) -> ResolveReport:
    """The funnel of ``module`` as it is stored."""
    counts_so_far = _Funnel(workspace.store.schema(module))
    for batch in workspace.store.batches(module):
        counts_so_far.add(batch)
    return counts_so_far.report()


class _Funnel:
    """Counts exemplars as they come, so that memory stays flat."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._outcomes: Counter[str] = Counter()
        self._resolved_by: Counter[str] = Counter()
        self._inferred: Counter[str] = Counter()
        self._train: Counter[str | None] = Counter()
        self._filled: set[tuple[str | None, str]] = set()
        self._classes: dict[str, _Class] = {}

    def add(self, items: Iterable[StoredExemplar]) -> None:
        """Count ``items``."""
        for item in items:
            exemplar = item.exemplar
            self._outcomes[exemplar.outcome or "new"] += 1
            resolved = exemplar.outcome == "resolved"
            why = why_not(self._schema, exemplar, Purpose.BASELINE, settled=not resolved)
            trains = why is None
            if resolved:
                self._resolved_by[str(exemplar.resolved_by)] += 1
                self._inferred.update(item.details.get("inferred", ()))
                self._train[exemplar.function] += trains
                self._filled |= {(exemplar.function, slot) for slot in exemplar.arguments}
                continue
            reason_class = self._classes.setdefault(_kind_of_reason(item), _Class())
            reason_class.exemplars += 1
            reason_class.train[exemplar.function] += trains
            reason_class.slots |= {
                (exemplar.function, s) for s in exemplar.arguments if s not in exemplar.implied
            }

    def report(self) -> ResolveReport:
        """The funnel so far."""
        functions = self._schema.functions
        thin = {f.name: self._train[f.name] for f in functions if self._train[f.name] < ENOUGH}
        empty = [
            (f.name, s.name)
            for f in functions
            for s in f.slots
            if (f.name, s.name) not in self._filled
        ]
        sorted_classes = sorted(self._classes.items(), key=lambda c: (-c[1].exemplars, c[0]))
        return ResolveReport(
            module=self._schema.module,
            total=sum(self._outcomes.values()),
            outcomes=dict(sorted(self._outcomes.items())),
            resolved_by=dict(sorted(self._resolved_by.items())),
            inferred=dict(sorted(self._inferred.items())),
            reasons={kind: reason_class.exemplars for kind, reason_class in sorted_classes},
            costs=tuple(
                Cost(
                    kind,
                    reason_class.exemplars,
                    tuple(
                        name
                        for name, have in thin.items()
                        if reason_class.train[name] and have + reason_class.train[name] >= ENOUGH
                    ),
                    tuple(f"{f}.{s}" for f, s in empty if (f, s) in reason_class.slots),
                )
                for kind, reason_class in sorted_classes
            ),
            thin=tuple(
                Thin(
                    name,
                    have,
                    sum(reason_class.train[name] for reason_class in self._classes.values()),
                )
                for name, have in thin.items()
            ),
            empty_slots=tuple(f"{f}.{s}" for f, s in empty),
            changed=0,
        )


@dataclass
class _Class:
    """What isn't resolved for one kind of reason."""

    exemplars: int = 0
    train: Counter[str | None] = field(default_factory=Counter)
    slots: set[tuple[str | None, str]] = field(default_factory=set)


def _kind_of_reason(item: StoredExemplar) -> str:
    exemplar = item.exemplar
    if DISCARDED in exemplar.tags:
        return Reason.DISCARDED.value
    kind = item.details.get("kind")
    return str(kind) if kind else exemplar.reason or "not aligned yet"


def unresolved_rows(workspace: Workspace, module: str) -> list[dict[str, Any]]:
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
