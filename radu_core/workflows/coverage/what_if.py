"""What if: another description, an exemplar more, another embedder. Asking stores nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from radu_core.alignment import conflict
from radu_core.errors import AlignmentError, InputError, RaduError, StoreError
from radu_core.exemplars import AnnotatedExemplar, Split, escape, parse_template
from radu_core.progress import Progress, silent
from radu_core.retrieval import (
    CoverageGrid,
    Query,
    RetrievalSettings,
)
from radu_core.retrieval.supposed import suppose, thin
from radu_core.schema import Schema, require_function
from radu_core.statistics import mcnemar, wilson
from radu_core.store import StoredExemplar
from radu_core.terms import describe_point
from radu_core.workflows.coverage.report import CoverageReport, coverage_report
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.add import add
from radu_core.workflows.load.labels import put_schema

__all__ = [
    "Compared",
    "Difference",
    "Kept",
    "WhatIf",
    "as_exemplar",
    "compare_retrieval",
    "difference",
    "function_changes",
    "keep_description",
    "keep_exemplar",
    "keep_exemplars",
    "point_of",
    "query_texts",
    "slots_to_fill",
    "telling_point",
    "what_if",
]

_TELLING = 4  # exemplars at which two weights are told apart, where none are recommended
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
    ``repeated`` are templates that the index holds already: they change nothing. ``own`` are those
    of measured utterances: such a one helps others, and in train it would no longer be a measure.
    """

    grid: CoverageGrid
    before: CoverageGrid
    difference: Difference
    measured: int
    asked: int
    repeated: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """Two settings side by side, each with its own report; ``difference`` is at their points.

    ``note`` says what the points can't tell, or why they aren't the recommended ones.
    """

    one: CoverageReport
    two: CoverageReport
    points: tuple[tuple[int, int], tuple[int, int]]
    difference: Difference
    note: str = ""


def what_if(
    report: CoverageReport,
    point: tuple[int, int],
    *,
    descriptions: Mapping[str, str] | None = None,
    added: Sequence[tuple[str, str]] = (),
) -> WhatIf:
    """Coverage at ``point`` with other ``descriptions`` and with more training exemplars.

    ``descriptions`` is function → text; ``added`` holds pairs of function and template.

    An utterance never finds its own duplicate, here as everywhere: adding a missed utterance as it
    stands helps others like it, not itself.
    """
    before = thin(report.grid, _MOST)
    index = before.index
    schema = _with_descriptions(index.schema, descriptions or {})
    additions, own = _as_queries_say(report.grid.queries, added)
    exemplars = [_exemplar(schema, n, *a) for n, a in enumerate(additions)]
    after = suppose(before, schema, {e.id: e for e in exemplars})
    indexed_ids = {e.id for e in after.index.exemplars}
    repeated = tuple(e.template or "" for e in exemplars if e.id not in indexed_ids)
    change = difference(before, after, point, point)
    return WhatIf(after, before, change, before.total, report.grid.total, repeated, own)


def _as_queries_say(
    queries: Sequence[Query], added: Sequence[tuple[str, str]]
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """The exemplars to add, with the templates of measured utterances that they repeat.

    One that is a measured utterance word for word gets that one's template, so that the utterance
    doesn't find itself in it. Second: which ones are.
    """
    template_by_text = {(q.function, escape(q.utterance)): q.template or "" for q in queries}
    templates = {(q.function, q.template or "") for q in queries}
    additions = [(f, template_by_text.get((f, text.strip()), text.strip())) for f, text in added]
    own = tuple(text for (_, text), key in zip(added, additions, strict=True) if key in templates)
    return additions, own


def _with_descriptions(schema: Schema, descriptions: Mapping[str, str]) -> Schema:
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
    slot_names = {s.name for s in require_function(schema, function).slots}
    unknown = [s for s in parse_template(template).slots if s not in slot_names]
    if unknown:
        raise AlignmentError(
            f"{function} has no slot of that name",
            value=unknown[0],
            remedy=f"It has {', '.join(sorted(slot_names)) or 'none'}; write \\< for a literal <.",
        )
    exemplar = AnnotatedExemplar(
        id=f"\uffffwhat if {number}",
        utterance=template,
        function=function,
        template=template,
        spans=(),
        split="train",
        outcome="resolved",
    )
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
    first = one.coverage_at(*at_one).tolist()
    second = two.coverage_at(*at_two).tolist()
    pairs = list(enumerate(zip(first, second, strict=True)))
    gains = tuple(n for n, (a, b) in pairs if b and not a)
    losses = tuple(n for n, (a, b) in pairs if a and not b)
    return Difference(
        len(pairs), sum(first), sum(second), gains, losses, mcnemar(len(gains), len(losses))
    )


def compare_retrieval(
    workspace: Workspace,
    module: str,
    one: RetrievalSettings,
    two: RetrievalSettings,
    *,
    split: Split = "validation",
    target: float = 0.99,
    k_desc: int | None = None,
    k_exemplar: int | None = None,
    progress: Progress = silent,
) -> Compared:
    """Measure two settings on the same utterances.

    Where no k is given, at ``telling_point`` of the first's choice. Neither is saved:
    ``set_retrieval`` does that.
    """
    reports = [
        coverage_report(
            workspace, module, split=split, target=target, settings=s, progress=progress
        )
        for s in (one, two)
    ]
    point, note = point_of(reports[0], k_desc, k_exemplar), ""
    if k_exemplar is None:
        point, note = telling_point(reports[0], reports[1], point, descriptions=k_desc or 0)
    elif k_exemplar == 0 and _only_exemplars(one, two):
        note = "Without exemplars the weight changes nothing: retrieve at least 1 (k_exemplar)."
    return replace(compare_reports(reports[0], reports[1], (point, point)), note=note)


def as_exemplar(query: Query) -> str:
    """How an utterance is written as an exemplar: its template, or its text with ``<`` escaped."""
    return query.template or escape(query.utterance)


def telling_point(
    one: CoverageReport, two: CoverageReport, point: tuple[int, int], *, descriptions: int = 0
) -> tuple[tuple[int, int], str]:
    """``point``, or one at which settings can differ, with a note about that.

    If it has no exemplars and nothing else can differ, it is one with four exemplars and so many
    ``descriptions`` (each covers what the weight could).
    """
    most = min(one.grid.max_exemplar, two.grid.max_exemplar)
    if point[1] > 0 or most == 0 or not _only_exemplars(one.settings, two.settings):
        return point, ""
    instead = (descriptions, min(_TELLING, most))
    return instead, (
        f"Compared with {describe_point(*instead)}: with {describe_point(*point)} no exemplar is "
        "retrieved, and the two differ in nothing else."
    )


def _only_exemplars(one: RetrievalSettings, two: RetrievalSettings) -> bool:
    """Whether the two rank descriptions alike, so that only exemplars can tell them apart."""
    return one.embedder == two.embedder


def compare_reports(
    one: CoverageReport, two: CoverageReport, points: tuple[tuple[int, int], tuple[int, int]]
) -> Compared:
    """Two reports on the same utterances side by side, each at its own point."""
    return Compared(one, two, points, difference(one.grid, two.grid, *points))


def point_of(report: CoverageReport, k_desc: int | None, k_exemplar: int | None) -> tuple[int, int]:
    """A point of a report's grid; the recommended k where none is given."""
    grid, choice = report.grid, report.choice
    point = (
        choice.k_desc if k_desc is None else k_desc,
        choice.k_exemplar if k_exemplar is None else k_exemplar,
    )
    if point[0] > grid.max_desc or point[1] > grid.max_exemplar:
        raise InputError(
            f"At most {describe_point(grid.max_desc, grid.max_exemplar)} were measured",
            value=f"{point[0]}, {point[1]}",
            remedy="Choose a point of the grid.",
        )
    return point


def function_changes(one: CoverageGrid, change: Difference) -> list[tuple[str, int, int, int]]:
    """Per function of which some are gained or lost: its name, gained, lost, all of it measured."""
    names = [q.function or "" for q in one.queries]
    gains, losses = (Counter(names[n] for n in places) for places in (change.gained, change.lost))
    total = Counter(names)
    names_changed = sorted({*gains, *losses}, key=lambda f: (gains[f] - losses[f], f))
    return [(f, gains[f], losses[f], total[f]) for f in names_changed]


def keep_description(
    workspace: Workspace, module: str, function: str, description: str, *, who: str
) -> bool:
    """Store another description of a function, and return whether that changed anything.

    An empty one is refused: nothing could be retrieved by it.
    """
    if not description.strip():
        raise InputError(
            f"The description of {function} would be empty",
            value=description,
            remedy="Say in one sentence what the user wants.",
        )
    schema = workspace.store.schema(module)
    new_schema = _with_descriptions(schema, {function: description.strip()})
    note = f"Changed the description of {function}"
    return put_schema(workspace, new_schema, who=who, expected=schema.hash, note=note)


def slots_to_fill(template: str) -> list[str]:
    """The slots of a template, each once: what an utterance of it has to say."""
    return list(dict.fromkeys(parse_template(template).slots))


@dataclass(frozen=True)
class Kept:
    """What became of exemplars that were to be stored.

    How many were, by outcome, and why others weren't (template → reason).
    """

    outcomes: dict[str, int]
    refused: dict[str, str]


def keep_exemplars(
    workspace: Workspace,
    module: str,
    function: str,
    values: Mapping[str, Mapping[str, str]],
    *,
    who: str,
) -> Kept:
    """Do ``keep_exemplar`` for each template (template → slot → words).

    One that is refused holds up no other; losing the database does, as it would each.
    """
    outcomes: Counter[str] = Counter()
    refusals = {}
    for template, words in values.items():
        try:
            item = keep_exemplar(workspace, module, function, template, words, who=who)
        except StoreError:
            raise
        except RaduError as error:
            refusals[template] = str(error)
        else:
            outcomes[item.exemplar.outcome or "unresolved"] += 1
    return Kept(dict(sorted(outcomes.items())), refusals)


def keep_exemplar(
    workspace: Workspace,
    module: str,
    function: str,
    template: str,
    values: Mapping[str, str],
    *,
    who: str,
) -> StoredExemplar:
    """Store the utterance that a template makes with ``values``, as a training exemplar.

    ``values`` is slot → words; a person labelled it. It is aligned as every other: its outcome says
    whether its template is the one that was asked for.
    """
    template_parts = parse_template(template)
    empty = [s for s in dict.fromkeys(template_parts.slots) if not values.get(s, "").strip()]
    if empty:
        raise InputError(
            f"The slot {empty[0]} has no value",
            value=template,
            remedy="Write what a user would say there: an utterance has words, not slots.",
        )
    utterance = "".join(
        p if isinstance(p, str) else values[p.name].strip() for p in template_parts.parts
    )
    schema_function = require_function(workspace.store.schema(module), function)
    typed_values: dict[str, str | list[str]] = {}
    for name in dict.fromkeys(template_parts.slots):
        slot = schema_function.slot(name)
        value = values[name].strip()
        typed_values[name] = [value] if slot is not None and slot.multi_value else value
    return add(workspace, module, utterance, function=function, typed=typed_values, who=who)


def query_texts(queries: Sequence[Query], places: Sequence[int]) -> list[tuple[str, str]]:
    """The ids and utterances at some places of the queries."""
    return [(queries[n].exemplar_id or "", queries[n].utterance) for n in places]
