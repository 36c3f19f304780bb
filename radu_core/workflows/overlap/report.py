"""The Overlap page: a map of the functions, their confusion, and everything lint finds."""

from __future__ import annotations

from dataclasses import dataclass

from radu_core.eligibility import ENOUGH
from radu_core.files import content_hash
from radu_core.progress import Progress, silent
from radu_core.prompts.negatives import judgements_hash
from radu_core.retrieval.findings import Finding, findings
from radu_core.retrieval.overlap import (
    Confusion,
    FunctionMap,
    confusion,
    function_map,
    neighbours,
)
from radu_core.schema import Schema, lint
from radu_core.workflows.coverage.indexing import data_state, load_index
from radu_core.workflows.coverage.judgements import judged_pairs, judgements
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "ConfusedPair",
    "K",
    "OverlapReport",
    "flag",
    "has_changed_since",
    "overlap_report",
    "pairs_confused",
]

K = 10  # neighbours of each exemplar


@dataclass(frozen=True)
class OverlapReport:
    """What was found in a module, measured on its distinct resolved training exemplars.

    ``findings`` are those of the exemplars, then the schema's; ``k`` is how many neighbours were
    looked at. ``state`` changes with what it was measured on; ``has_changed_since`` compares
    ``seen``.
    """

    module: str
    exemplars: int
    distinct: int
    k: int
    map: FunctionMap
    confusion: Confusion
    findings: tuple[Finding, ...]
    state: str
    seen: str


def overlap_report(
    workspace: Workspace,
    module: str,
    *,
    enough: int = ENOUGH,
    near_duplicate: float = 0.95,
    progress: Progress = silent,
) -> OverlapReport:
    """Measure how far the functions of ``module`` overlap; ``InputError`` if nothing is indexed."""
    state = _state(workspace, module)
    index = load_index(workspace, module, progress=progress)
    schema = index.schema  # of the same state as the exemplars
    progress("Comparing every exemplar with all others", 0, 0)
    verdicts = judgements(workspace, module, index.exemplars)
    near = neighbours(index, k=K)
    mistakes = confusion(near, index.functions)
    progress("Looking for what overlaps", 0, 0)
    findings_found = findings(
        schema,
        near,
        mistakes,
        index.description_vectors,
        judgements=verdicts,
        near_duplicate=near_duplicate,
        enough=enough,
    )
    return OverlapReport(
        module,
        sum(near.copies),
        len(near.exemplars),
        near.k,
        function_map(index, near),
        mistakes,
        (*findings_found, *_lint(schema)),
        content_hash([index.fingerprint, judgements_hash(verdicts)]),
        state,
    )


def has_changed_since(workspace: Workspace, report: OverlapReport) -> bool:
    """Whether the schema, an exemplar, the settings or the judgements have changed since."""
    return _state(workspace, report.module) != report.seen


def _state(workspace: Workspace, module: str) -> str:
    verdicts = [(p.first.id, p.second.id, p.verdict) for p in judged_pairs(workspace, module)]
    return content_hash([data_state(workspace, module), verdicts])


def _lint(schema: Schema) -> list[Finding]:
    """What the Schema page says too, in the same form."""
    contexts = {f.where: schema.context_of(f.where) for f in lint(schema)}
    return [
        Finding(
            "schema",
            (context[0].name,) if (context := contexts[f.where]) else (),
            f"{f.where} {f.what}",
            f.remedy,
            ("describe",),
        )
        for f in lint(schema)
    ]


@dataclass(frozen=True)
class ConfusedPair:
    """``exemplars`` of ``of`` of a function lie among another's (None: out of scope).

    ``neighbours`` is the mean share of its exemplars' neighbours that are of the other one.
    """

    function: str | None
    mistaken_for: str | None
    exemplars: int
    of: int
    neighbours: float


def pairs_confused(report: OverlapReport, *, most: int = 100) -> list[ConfusedPair]:
    """The functions whose exemplars are mistaken for another's, most often first."""
    c = report.confusion
    pairs = [
        ConfusedPair(first, second, int(c.mistaken[a, b]), int(c.totals[a]), float(c.shares[a, b]))
        for a, first in enumerate(c.functions)
        for b, second in enumerate(c.functions)
        if a != b and c.mistaken[a, b]
    ]
    pairs.sort(key=lambda p: (-p.exemplars, -p.neighbours, p.function or "", p.mistaken_for or ""))
    return pairs[:most]


def flag(workspace: Workspace, module: str, finding: Finding, *, who: str) -> int:
    """Send a finding's exemplars to annotation as suspected; returns how many were found."""
    ids = {i for e in finding.examples for i in (e.id, e.other_id) if i}
    reasons = dict.fromkeys(sorted(ids), f"Overlap: {finding.what}")
    return workspace.store.flag(module, reasons, who=who, kind="suspected")
