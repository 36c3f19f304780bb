"""The Coverage page: how often retrieval brings the right function, and why it doesn't."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from radu_core.eligibility import Purpose, Reason, sort_out
from radu_core.errors import InputError, RaduError
from radu_core.exemplars import AnnotatedExemplar, Split
from radu_core.files import content_hash
from radu_core.instructions import instruct
from radu_core.models import DEFAULT_EMBEDDER, DEFAULT_GENERATOR
from radu_core.progress import Progress, silent
from radu_core.prompts import Asking, TemplateSet
from radu_core.prompts.strategies import rag
from radu_core.retrieval import (
    RANKINGS,
    CoverageGrid,
    ExplainedMiss,
    KChoice,
    Miss,
    ModuleIndex,
    Query,
    RetrievalSettings,
    Retrieved,
    Tuning,
    choose_weight,
    coverage,
    decisions,
    explain,
    find_k,
    percentiles,
    query_of,
)
from radu_core.statistics import wilson
from radu_core.workflows.coverage.indexing import (
    build_index,
    data_state,
    load_index,
    resolved_exemplars,
    retrieval_settings,
    set_retrieval,
)
from radu_core.workflows.coverage.prompt_tokens import tokenizer_of
from radu_core.workflows.frame.last_measured import Measured, keep_measured
from radu_core.workflows.frame.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "LEFT_OUT_COLUMNS",
    "MISS_COLUMNS",
    "CoverageReport",
    "base_embedders",
    "build_index",
    "coverage_report",
    "curve_rows",
    "embedders",
    "explained_misses",
    "flag_misses",
    "functions_rows",
    "left_out_rows",
    "load_index",
    "measure",
    "measured_exemplars",
    "miss_rows",
    "module_state",
    "not_indexed_rows",
    "out_of_date",
    "percentile_rows",
    "resolved_exemplars",
    "retrieval_settings",
    "set_retrieval",
    "surface_rows",
    "token_counter",
    "tune",
]

# What a file of none still says at its head.
MISS_COLUMNS = (
    "id",
    "utterance",
    "function",
    "retrieved",
    "cause",
    "why",
    "remedy",
    "all_causes",
    "nearest",
    "nearest_function",
    "nearest_cosine",
    "own",
    "own_cosine",
    "description_rank",
    "exemplars",
)
LEFT_OUT_COLUMNS = ("id", "utterance", "reason")


@dataclass(frozen=True)
class CoverageReport:
    """Coverage over the whole grid, the recommended point, and what is missed there.

    ``left_out`` counts utterances of the split that weren't measured, by reason; ``cost`` gives the
    tokens of a prompt at (k_desc, k_exemplar); ``accuracy`` ``(max_desc + 1, max_exemplar + 1)`` is
    the share of utterances whose function the prompt's votes have right; ``state`` is
    ``module_state`` when it was measured.
    """

    module: str
    split: Split
    target: float
    grid: CoverageGrid
    choice: KChoice
    misses: tuple[Miss, ...]
    left_out: dict[str, int]
    cost: Callable[[int, int], float]
    accuracy: NDArray[np.float64]
    state: str = ""

    @property
    def settings(self) -> RetrievalSettings:
        """How the index that was measured retrieves."""
        return self.grid.index.settings


def measured_exemplars(
    workspace: Workspace, module: str, split: Split
) -> tuple[list[AnnotatedExemplar], dict[str, str]]:
    """The utterances of a split that coverage is measured on, by id, and why others aren't.

    The others are id → reason. Resolved or not makes no difference: coverage needs the label only.
    """
    items = workspace.store.exemplars(module, splits=[split])
    schema = workspace.store.schema(module)
    selection = sort_out(schema, (i.exemplar for i in items), Purpose.COVERAGE)
    return list(selection.exemplars), {id: why.value for id, why in selection.left_out.items()}


def coverage_report(
    workspace: Workspace,
    module: str,
    *,
    split: Split = "validation",
    target: float = 0.99,
    max_desc: int = 10,
    max_exemplar: int = 20,
    settings: RetrievalSettings | None = None,
    progress: Progress = silent,
) -> CoverageReport:
    """Coverage of the right function on the labelled utterances of ``split``.

    The cost of a point is its prompt in tokens, estimated from the schema and the exemplars.
    """
    if max_desc < 1 and max_exemplar < 1:
        raise InputError(
            "With 0 descriptions (k_desc) and 0 exemplars (k_exemplar) nothing is retrieved",
            remedy="Set one of them to 1 or more.",
        )
    state = module_state(workspace, module)  # before: what changes meanwhile makes it old
    usable, left_out = measured_exemplars(workspace, module, split)
    if not usable:
        raise InputError(
            f"{module} has no in-scope utterances in the split {split}",
            remedy=f"Choose another split, or {instruct('make splits', module)}.",
        )
    index = load_index(workspace, module, settings=settings, progress=progress)
    grid = coverage(
        index,
        [query_of(e) for e in usable],
        max_desc=max_desc,
        max_exemplar=max_exemplar,
        progress=progress,
    )
    cost = prompt_cost(workspace, index, grid)
    right = decisions(grid)
    choice = find_k(grid, target=target, cost=cost, right=right)
    misses = tuple(grid.misses(choice.k_desc, choice.k_exemplar))
    counts = dict(sorted(Counter(left_out.values()).items()))
    accuracy = right.mean(axis=2)
    report = CoverageReport(
        module, split, target, grid, choice, misses, counts, cost, accuracy, state
    )
    if settings is None and split == "validation":  # others are looked at, but not aimed at
        with suppress(RaduError):  # Home shows the figures before; this report is worth more
            keep_measured(workspace, module, _to_keep(report))
    return report


def _to_keep(report: CoverageReport) -> Measured:
    choice = report.choice
    return Measured(
        split=report.split,
        utterances=report.grid.total,
        target=report.target,
        k_desc=choice.k_desc,
        k_exemplar=choice.k_exemplar,
        share=choice.share,
        low=choice.low,
    )


def measure(
    workspace: Workspace,
    module: str,
    *,
    split: Split = "validation",
    target: float = 0.99,
    progress: Progress = silent,
) -> CoverageReport:
    """Measure coverage as ``coverage_report`` does, and keep the embedding model in memory.

    A what-if is asked about new texts, and is to be answered at once.
    """
    report = coverage_report(workspace, module, split=split, target=target, progress=progress)
    progress("Loading the embedding model", 0, 0)
    workspace.embedder(report.settings.embedder, progress=progress).load()
    return report


def module_state(workspace: Workspace, module: str) -> str:
    """What changes whenever coverage might: with the schema, an exemplar, a split, a setting."""
    counts = sorted([*key, number] for key, number in workspace.store.counts(module).items())
    return content_hash([data_state(workspace, module), counts])


def out_of_date(workspace: Workspace, report: CoverageReport) -> bool:
    """Whether the module has changed since it was measured."""
    return report.state != module_state(workspace, report.module)


def embedders(workspace: Workspace) -> list[str]:
    """The embedders that can be named without fetching one: models, then runs."""
    encoder_files = [*workspace.runs.glob("*/model/modules.json")]
    encoder_files += workspace.runs.glob("*/model/encoder/modules.json")
    runs = sorted((p.relative_to(workspace.runs).parts[0] for p in encoder_files), reverse=True)
    return list(dict.fromkeys((*base_embedders(workspace), *runs)))


def base_embedders(workspace: Workspace) -> list[str]:
    """The embedders that are installed, besides those of runs; the default one first."""
    models = sorted(p.parent.name for p in workspace.models.glob("*/modules.json"))
    return list(dict.fromkeys((DEFAULT_EMBEDDER, *models)))


def left_out_rows(workspace: Workspace, module: str, split: Split) -> list[dict[str, str]]:
    """The utterances of a split that coverage isn't measured on, with the reason; for export."""
    _, left_out = measured_exemplars(workspace, module, split)
    items = workspace.store.exemplars(module, splits=[split])
    return [
        {"id": i.exemplar.id, "utterance": i.exemplar.utterance, "reason": left_out[i.exemplar.id]}
        for i in items
        if i.exemplar.id in left_out
    ]


def not_indexed_rows(index: ModuleIndex) -> list[dict[str, str]]:
    """The resolved exemplars that an index doesn't hold, with the reason; for export."""
    indexed_ids = {e.id for e in index.exemplars}
    return [
        {
            "id": id_,
            "utterance": entry.exemplar.utterance,
            "function": entry.exemplar.function or "none",
            "reason": (entry.left_out or Reason.DUPLICATE).value,
        }
        for id_, entry in sorted(index.contents.entries.items())
        if id_ not in indexed_ids
    ]


def surface_rows(report: CoverageReport) -> list[dict[str, Any]]:
    """Every point of the grid with its interval, functions and tokens; for charts and export."""
    grid = report.grid
    rows = []
    for d in range(grid.max_desc + 1):
        for e in range(grid.max_exemplar + 1):
            low, high = grid.interval(d, e)
            rows.append(
                {
                    "k_desc": d,
                    "k_exemplar": e,
                    "covered": int(grid.hits[d, e]),
                    "utterances": grid.total,
                    "coverage": grid.share(d, e),
                    "low": low,
                    "high": high,
                    "accuracy": float(report.accuracy[d, e]),
                    "functions": float(grid.mean_functions[d, e]),
                    "tokens": report.cost(d, e),
                }
            )
    return rows


def curve_rows(report: CoverageReport) -> list[dict[str, Any]]:
    """Every point of the five curves with its interval and, of ``together``, the functions."""
    grid = report.grid
    rows = []
    for name in (*RANKINGS, "together"):
        for k, covered_count in enumerate(grid.curve(name)):
            low, high = wilson(covered_count, grid.total)
            share = covered_count / grid.total if grid.total else 0.0
            rows.append(
                {
                    "curve": name,
                    "k": k,
                    "covered": covered_count,
                    "utterances": grid.total,
                    "coverage": share,
                    "low": low,
                    "high": high,
                }
            )
    return rows


def functions_rows(report: CoverageReport) -> list[dict[str, Any]]:
    """The curves over the number of different functions that a ranking has brought."""
    grid = report.grid
    rows = []
    for name in RANKINGS:
        ranks = grid.function_ranks[name]
        for number in range(min(len(grid.index.functions), grid.max_exemplar) + 1):
            covered_count = int(((ranks > 0) & (ranks <= number)).sum())
            low, high = wilson(covered_count, grid.total)
            rows.append(
                {
                    "curve": name,
                    "functions": number,
                    "covered": covered_count,
                    "utterances": grid.total,
                    "coverage": covered_count / max(1, grid.total),
                    "low": low,
                    "high": high,
                }
            )
    return rows


def percentile_rows(report: CoverageReport) -> list[dict[str, Any]]:
    """Per ranking the percentiles of the rank at which the right function comes first.

    ``never`` counts the utterances for which it doesn't within the largest k.
    """
    first = report.grid.first
    return [
        {"ranking": name, **percentiles(first[name]), "never": int((first[name] == 0).sum())}
        for name in RANKINGS
    ]


def miss_rows(explanations: Sequence[ExplainedMiss]) -> list[dict[str, Any]]:
    """Misses with their causes, flat (``MISS_COLUMNS``); for tables and export."""
    return [
        {
            "id": one.miss.id,
            "utterance": one.miss.utterance,
            "function": one.miss.function,
            "retrieved": ", ".join(one.miss.retrieved),
            "cause": one.causes[0].kind,
            "why": one.causes[0].text,
            "remedy": one.causes[0].remedy,
            "all_causes": ", ".join(c.kind for c in one.causes),
            "nearest": one.nearest[0].template if one.nearest else "",
            "nearest_function": (one.nearest[0].function or "none") if one.nearest else "",
            "nearest_cosine": round(one.nearest[0].similarity, 4) if one.nearest else None,
            "own": one.own.template if one.own else "",
            "own_cosine": round(one.own.similarity, 4) if one.own else None,
            "description_rank": one.description_rank,
            "exemplars": one.exemplars,
        }
        for one in explanations
    ]


def flag_misses(
    workspace: Workspace, module: str, explanations: Sequence[ExplainedMiss], *, who: str
) -> int:
    """Send missed utterances to annotation, each with why; returns how many were found."""
    flags = {
        one.miss.id: f"Coverage: {one.miss.function} wasn't retrieved. {one.causes[0].text}"
        for one in explanations
    }
    return workspace.store.flag(module, flags, who=who, kind="suspected")


def explained_misses(report: CoverageReport, k_desc: int, k_exemplar: int) -> list[ExplainedMiss]:
    """What is missed at a point, each with why and what would help."""
    return explain(report.grid, k_desc, k_exemplar)


def tune(
    workspace: Workspace,
    module: str,
    *,
    settings: RetrievalSettings | None = None,
    progress: Progress = silent,
) -> Tuning:
    """Which weight of the dense ranking is best for a module; nothing is changed by asking."""
    index = load_index(workspace, module, settings=settings, progress=progress)
    return choose_weight(index, progress=progress)


def prompt_cost(
    workspace: Workspace, index: ModuleIndex, grid: CoverageGrid
) -> Callable[[int, int], float]:
    """Tokens of a ``rag`` prompt at (k_desc, k_exemplar): fixed + per function + per exemplar.

    The three weights are measured by rendering the module's own prompt with and without one
    function and one exemplar. Counted with the default generator's tokenizer where it is
    installed, otherwise by words and punctuation.
    """
    schema = index.schema
    count = token_counter(workspace)
    templates = TemplateSet(workspace.store.templates(schema.module))
    query = Query(schema.functions[0].description or "hello")
    hits = index.search([query], k_desc=4, k_exemplar=8)[0]

    def measure(hits: Retrieved) -> float:
        return count(rag.ask(Asking("", schema, templates), hits).text)

    empty = measure(replace(hits, descriptions=(), exemplars=()))
    descriptions_only = replace(hits, exemplars=())
    functions = max(1, len(descriptions_only.functions))
    per_function = (measure(descriptions_only) - empty) / functions
    both = measure(hits)
    extra = len(hits.functions) - len(descriptions_only.functions)
    exemplar_count = max(1, len(hits.exemplars))
    per_exemplar = max(0.0, both - empty - per_function * (functions + extra)) / exemplar_count

    def cost(k_desc: int, k_exemplar: int) -> float:
        mean = float(grid.mean_functions[k_desc][k_exemplar])
        return empty + per_function * mean + per_exemplar * k_exemplar

    return cost


def token_counter(workspace: Workspace, *, model: str = DEFAULT_GENERATOR) -> Callable[[str], int]:
    """Counts tokens as ``model`` does if it is installed, otherwise words and punctuation."""
    tokenizer = tokenizer_of(workspace, model)
    if tokenizer is None:
        return lambda text: len(re.findall(r"\w+|[^\w\s]", text))
    return lambda text: tokenizer.count([text])[0]
