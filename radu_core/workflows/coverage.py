"""The Coverage page: how often retrieval brings the right function, and why it doesn't."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from radu_core.alignment import conflict
from radu_core.errors import InputError, NotFoundError
from radu_core.exemplars import AnnotatedExemplar, Split
from radu_core.models import DEFAULT_GENERATOR, model_directory
from radu_core.progress import Progress, silent
from radu_core.prompts import TemplateSet, rag_prompt
from radu_core.retrieval import (
    CoverageGrid,
    ExplainedMiss,
    KChoice,
    Miss,
    ModuleIndex,
    Query,
    RetrievalSettings,
    Tuning,
    choose_weight,
    coverage,
    explain,
    find_k,
)
from radu_core.schema import Schema
from radu_core.workflows.indexing import (
    build_index,
    load_index,
    query_of,
    resolved_exemplars,
    retrieval_settings,
    set_retrieval,
)
from radu_core.workflows.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "CoverageReport",
    "build_index",
    "coverage_report",
    "explained_misses",
    "left_out_rows",
    "load_index",
    "measured_exemplars",
    "query_of",
    "resolved_exemplars",
    "retrieval_settings",
    "set_retrieval",
    "surface_rows",
    "token_counter",
    "tune",
]


@dataclass(frozen=True)
class CoverageReport:
    """Coverage over the whole grid, the recommended point, and what is missed there.

    ``left_out`` counts utterances of the split that weren't measured, by reason; ``cost`` gives the
    tokens of a prompt at (k_desc, k_exemplar).
    """

    module: str
    split: str
    target: float
    grid: CoverageGrid
    choice: KChoice
    misses: tuple[Miss, ...]
    left_out: dict[str, int]
    cost: Callable[[int, int], float]

    @property
    def settings(self) -> RetrievalSettings:
        """How the index that was measured retrieves."""
        return self.grid.index.settings


def measured_exemplars(
    workspace: Workspace, module: str, split: Split
) -> tuple[list[AnnotatedExemplar], dict[str, str]]:
    """The utterances of a split that coverage is measured on, by id, and why others aren't: id →
    reason. Resolved or not makes no difference: coverage needs the label only.
    """
    schema = workspace.store.schema(module)
    usable, left_out = [], {}
    for item in workspace.store.exemplars(module, splits=[split]):
        reason = _not_measured(schema, item.exemplar)
        if reason:
            left_out[item.exemplar.id] = reason
        else:
            usable.append(item.exemplar)
    return usable, left_out


def _not_measured(schema: Schema, exemplar: AnnotatedExemplar) -> str:
    if not exemplar.function:
        return "out of scope"
    if exemplar.mode == "negative":
        return "negative exemplar"
    if exemplar.outcome == "invalid":
        return "invalid"
    return "contradicts the schema" if conflict(schema, exemplar) else ""


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
            "With k_desc and k_exemplar at most 0 nothing is retrieved",
            remedy="Let one of them be 1 or more.",
        )
    usable, left_out = measured_exemplars(workspace, module, split)
    if not usable:
        raise InputError(
            f"{module} has no in-scope utterances in the split {split}",
            remedy="Choose another split or import utterances for this one.",
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
    choice = find_k(grid, target=target, cost=cost)
    misses = tuple(grid.misses(choice.k_desc, choice.k_exemplar))
    counts = dict(sorted(Counter(left_out.values()).items()))
    return CoverageReport(module, split, target, grid, choice, misses, counts, cost)


def left_out_rows(workspace: Workspace, module: str, split: Split) -> list[dict[str, str]]:
    """The utterances of a split that coverage isn't measured on, with the reason; for export."""
    _, left_out = measured_exemplars(workspace, module, split)
    items = workspace.store.exemplars(module, splits=[split])
    return [
        {"id": i.exemplar.id, "utterance": i.exemplar.utterance, "reason": left_out[i.exemplar.id]}
        for i in items
        if i.exemplar.id in left_out
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
                    "functions": float(grid.mean_functions[d, e]),
                    "tokens": report.cost(d, e),
                }
            )
    return rows


def explained_misses(report: CoverageReport, k_desc: int, k_exemplar: int) -> list[ExplainedMiss]:
    """What is missed at a point, each with why and what would help."""
    return explain(report.grid, k_desc, k_exemplar)


def tune(workspace: Workspace, module: str, *, progress: Progress = silent) -> Tuning:
    """Which weight of the dense ranking is best for a module; nothing is changed by asking."""
    return choose_weight(load_index(workspace, module, progress=progress), progress=progress)


def prompt_cost(
    workspace: Workspace, index: ModuleIndex, grid: CoverageGrid
) -> Callable[[int, int], float]:
    """Tokens of a ``rag`` prompt at (k_desc, k_exemplar): fixed + per function + per exemplar.

    The three weights are measured by rendering the module's own prompt with and without one
    function and one exemplar. Counted with the default generator's tokenizer where it is
    installed, otherwise by words and signs.
    """
    schema = index.schema
    count = token_counter(workspace)
    templates = TemplateSet(workspace.store.templates(schema.module))
    query = Query(schema.functions[0].description or "hello")
    hits = index.search([query], k_desc=4, k_exemplar=8)[0]
    empty = count(rag_prompt(schema, "", replace(hits, descriptions=(), exemplars=()), templates))
    named = replace(hits, exemplars=())
    functions = max(1, len(named.functions))
    per_function = (count(rag_prompt(schema, "", named, templates)) - empty) / functions
    both = count(rag_prompt(schema, "", hits, templates))
    extra = len(hits.functions) - len(named.functions)
    shown = max(1, len(hits.exemplars))
    per_exemplar = max(0.0, both - empty - per_function * (functions + extra)) / shown

    def cost(k_desc: int, k_exemplar: int) -> float:
        mean = float(grid.mean_functions[k_desc][k_exemplar])
        return empty + per_function * mean + per_exemplar * k_exemplar

    return cost


def token_counter(workspace: Workspace, *, model: str = DEFAULT_GENERATOR) -> Callable[[str], int]:
    """Counts tokens as ``model`` does if it is installed, otherwise words and punctuation."""
    import re

    try:
        directory = (
            model_directory(model, workspace.models) if _installed(workspace, model) else None
        )
    except NotFoundError:
        directory = None
    if directory is None:
        return lambda text: len(re.findall(r"\w+|[^\w\s]", text))
    from radu_core.training.encoding import load_tokenizer

    tokenizer = load_tokenizer(directory)
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])


def _installed(workspace: Workspace, model: str) -> bool:
    from pathlib import Path

    return Path(model).is_dir() or (workspace.models / model / "config.json").is_file()
