"""What if: another description, an exemplar more, another embedder. Asking stores nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

from radu_core.alignment import conflict
from radu_core.errors import AlignmentError, InputError
from radu_core.exemplars import AnnotatedExemplar, Split, parse_template
from radu_core.progress import Progress, silent
from radu_core.retrieval import (
    CoverageGrid,
    ModuleIndex,
    Query,
    RetrievalSettings,
    coverage,
    wilson,
)
from radu_core.schema import Schema, require_function
from radu_core.workflows.coverage import CoverageReport, coverage_report
from radu_core.workflows.workspace import Workspace

__all__ = ["Compared", "Difference", "WhatIf", "compare_retrieval", "difference", "what_if"]

_MOST = 2_000  # utterances that a question is answered with; so it takes under a second


@dataclass(frozen=True)
class Difference:
    """Two ways of retrieving on the same utterances.

    ``gained`` and ``lost`` are the places of the queries that only the second, or only the first,
    covers. ``p`` is of McNemar's exact test: how likely so uneven a split of the utterances that
    differ would be if both were equally good.
    """

    total: int
    before: int
    after: int
    gained: tuple[int, ...]
    lost: tuple[int, ...]
    p: float

    @property
    def intervals(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The 95 % Wilson intervals of both."""
        return wilson(self.before, self.total), wilson(self.after, self.total)


@dataclass(frozen=True)
class WhatIf:
    """The answer: the grid as it would be beside the grid as it is, on the same utterances.

    ``measured`` of ``asked`` utterances were used: of more than 2,000, evenly spaced ones.
    """

    grid: CoverageGrid
    before: CoverageGrid
    difference: Difference
    measured: int
    asked: int


@dataclass(frozen=True)
class Compared:
    """Two settings side by side, each with its own report; ``difference`` is at their points."""

    one: CoverageReport
    two: CoverageReport
    points: tuple[tuple[int, int], tuple[int, int]]
    difference: Difference


def what_if(
    report: CoverageReport,
    point: tuple[int, int],
    *,
    descriptions: Mapping[str, str] | None = None,
    added: Sequence[tuple[str, str]] = (),
) -> WhatIf:
    """Coverage at ``point`` with other ``descriptions`` (function → text) and with more training
    exemplars: ``added`` holds pairs of function and template.
    """
    index, queries = report.grid.index, report.grid.queries
    step = -(-len(queries) // _MOST)
    some = queries[::step]
    schema = _described(index.schema, descriptions or {})
    exemplars = {e.id: e for e in (_exemplar(schema, n, *a) for n, a in enumerate(added))}
    changed = index.changed(exemplars, schema=schema)
    before = report.grid if step == 1 else _measured(report, index, some)
    after = _measured(report, changed, some)
    return WhatIf(after, before, difference(before, after, point, point), len(some), len(queries))


def _measured(report: CoverageReport, index: ModuleIndex, some: Sequence[Query]) -> CoverageGrid:
    most = report.grid
    return coverage(index, some, max_desc=most.max_desc, max_exemplar=most.max_exemplar)


def _described(schema: Schema, descriptions: Mapping[str, str]) -> Schema:
    for name in descriptions:
        require_function(schema, name)
    functions = tuple(
        f.model_copy(update={"description": descriptions.get(f.name, f.description)})
        for f in schema.functions
    )
    return Schema.model_validate({**dict(schema), "functions": functions})


def _exemplar(schema: Schema, number: int, function: str, template: str) -> AnnotatedExemplar:
    """A training exemplar that isn't stored anywhere."""
    require_function(schema, function)
    if not template.strip():
        raise InputError("The exemplar is empty", remedy="Write what a user would say.")
    known = {s.name for s in require_function(schema, function).slots}
    unknown = [s for s in parse_template(template).slots if s not in known]
    if unknown:
        raise AlignmentError(
            f"{function} has no slot of that name", value=unknown[0],
            remedy=f"It has {', '.join(sorted(known)) or 'none'}; write \\< for a literal <.",
        )  # fmt: skip
    exemplar = AnnotatedExemplar(
        id=f"\uffffwhat if {number}", utterance=template, function=function, template=template,
        spans=(), split="train", outcome="resolved",
    )  # fmt: skip
    problem = conflict(schema, exemplar)
    if problem:
        raise InputError(problem, value=template, remedy="Correct the exemplar.")
    return exemplar


def difference(
    one: CoverageGrid, two: CoverageGrid, at_one: tuple[int, int], at_two: tuple[int, int]
) -> Difference:
    """The same queries under two grids, each at its point."""
    if [q.exemplar_id for q in one.queries] != [q.exemplar_id for q in two.queries]:
        raise InputError("The two weren't measured on the same utterances", remedy="Measure again.")
    first = one.covered_at(*at_one).tolist()
    second = two.covered_at(*at_two).tolist()
    pairs = list(enumerate(zip(first, second, strict=True)))
    gained = tuple(n for n, (a, b) in pairs if b and not a)
    lost = tuple(n for n, (a, b) in pairs if a and not b)
    return Difference(
        len(pairs), sum(first), sum(second), gained, lost, _mcnemar(len(gained), len(lost))
    )


def _mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p-value (Q. McNemar, 1947): a binomial of the pairs that differ."""
    n, least = gained + lost, min(gained, lost)
    tail = sum(comb(n, i) for i in range(least + 1))
    return float(min(1.0, 2 * tail / 2**n))


def compare_retrieval(
    workspace: Workspace,
    module: str,
    one: RetrievalSettings,
    two: RetrievalSettings,
    *,
    split: Split = "validation",
    target: float = 0.99,
    points: tuple[tuple[int, int], tuple[int, int]] | None = None,
    progress: Progress = silent,
) -> Compared:
    """Measure two settings on the same utterances; without ``points``, both at the first's choice.

    Neither is kept: choosing one is ``set_retrieval``.
    """
    reports = [
        coverage_report(
            workspace, module, split=split, target=target, settings=s, progress=progress
        )
        for s in (one, two)
    ]
    own = (reports[0].choice.k_desc, reports[0].choice.k_exemplar)
    at = points or (own, own)
    return Compared(reports[0], reports[1], at, difference(reports[0].grid, reports[1].grid, *at))


def query_texts(queries: Sequence[Query], places: Sequence[int]) -> list[tuple[str, str]]:
    """The ids and utterances at some places of the queries."""
    return [(queries[n].exemplar_id or "", queries[n].utterance) for n in places]
