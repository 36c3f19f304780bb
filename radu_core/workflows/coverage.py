"""The Coverage page: build the index of a module, and see how often it finds the right answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from radu_core.alignment import conflict
from radu_core.errors import InputError, NotFoundError, StaleIndexError
from radu_core.exemplars import AnnotatedExemplar, Split
from radu_core.models import DEFAULT_EMBEDDER, DEFAULT_GENERATOR, model_directory
from radu_core.progress import Progress, silent
from radu_core.prompts import TemplateSet
from radu_core.retrieval import (
    CoverageGrid,
    KChoice,
    Miss,
    ModuleIndex,
    Query,
    coverage,
    find_k,
)
from radu_core.schema import Schema
from radu_core.workflows.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "CoverageReport",
    "build_index",
    "coverage_report",
    "load_index",
    "query_of",
    "resolved_exemplars",
]


@dataclass(frozen=True)
class CoverageReport:
    """Coverage over the whole grid, the recommended point, and what is missed there."""

    module: str
    split: str
    grid: CoverageGrid
    choice: KChoice
    misses: tuple[Miss, ...]
    left_out: int


def resolved_exemplars(
    workspace: Workspace, module: str, *, splits: Sequence[Split] | None = None
) -> list[AnnotatedExemplar]:
    """The resolved exemplars of a module, by id."""
    items = workspace.store.exemplars(module, splits=splits, outcomes=["resolved"])
    return [i.exemplar for i in items]


def query_of(exemplar: AnnotatedExemplar) -> Query:
    """The exemplar as a query that never retrieves itself or its duplicates."""
    return Query(exemplar.utterance, exemplar.id, exemplar.template, exemplar.function)


def build_index(
    workspace: Workspace,
    module: str,
    *,
    embedder: str = DEFAULT_EMBEDDER,
    progress: Progress = silent,
) -> ModuleIndex:
    """Build and save the retrieval index of ``module`` from its resolved training exemplars."""
    schema = workspace.store.schema(module)
    exemplars = resolved_exemplars(workspace, module)
    if not any(e.split == "train" and not conflict(schema, e) for e in exemplars):
        raise InputError(
            f"{module} has no resolved training exemplars to index",
            remedy="Import utterances and resolve them first.",
        )
    model = workspace.embedder(embedder, progress=progress)
    index = ModuleIndex.build(schema, exemplars, model, progress=progress)
    index.save(workspace.index(module))
    return index


def load_index(
    workspace: Workspace,
    module: str,
    *,
    embedder: str = DEFAULT_EMBEDDER,
    progress: Progress = silent,
) -> ModuleIndex:
    """The current index of ``module``: loaded if it is whole and up to date, built again if not."""
    schema = workspace.store.schema(module)
    exemplars = resolved_exemplars(workspace, module)
    expected = ModuleIndex.fingerprint_of(schema, exemplars, embedder)
    try:
        return ModuleIndex.load(
            workspace.index(module),
            workspace.embedder(embedder, progress=progress),
            expected_fingerprint=expected,
        )
    except (StaleIndexError, NotFoundError):
        return build_index(workspace, module, embedder=embedder, progress=progress)


def coverage_report(
    workspace: Workspace,
    module: str,
    *,
    split: Split = "validation",
    target: float = 0.99,
    max_desc: int = 10,
    max_exemplar: int = 20,
    embedder: str = DEFAULT_EMBEDDER,
    progress: Progress = silent,
) -> CoverageReport:
    """Coverage of the right function on the labelled utterances of ``split``.

    All in-scope utterances count, resolved or not: coverage needs the label only. Those whose label
    contradicts the schema are left out. The cost of a
    point is its prompt in tokens, estimated from the schema and the exemplars.
    """
    if max_desc < 1 and max_exemplar < 1:
        raise InputError(
            "With k_desc and k_exemplar at most 0 nothing is retrieved",
            remedy="Let one of them be 1 or more.",
        )
    schema = workspace.store.schema(module)
    items = workspace.store.exemplars(module, splits=[split])
    usable = [
        e
        for e in (i.exemplar for i in items)
        if e.function
        and e.mode != "negative"
        and e.outcome != "invalid"
        and not conflict(schema, e)
    ]
    if not usable:
        raise InputError(
            f"{module} has no in-scope utterances in the split {split}",
            remedy="Choose another split or import utterances for this one.",
        )
    index = load_index(workspace, module, embedder=embedder, progress=progress)
    grid = coverage(
        index,
        [query_of(e) for e in usable],
        max_desc=min(max_desc, len(schema.functions)),
        max_exemplar=max_exemplar,
        progress=progress,
    )
    choice = find_k(grid, target=target, cost=prompt_cost(workspace, schema, index, grid))
    misses = tuple(grid.misses(choice.k_desc, choice.k_exemplar))
    return CoverageReport(module, split, grid, choice, misses, len(items) - len(usable))


def prompt_cost(
    workspace: Workspace, schema: Schema, index: ModuleIndex, grid: CoverageGrid
) -> Callable[[int, int], float]:
    """Tokens of a ``rag`` prompt at (k_desc, k_exemplar): fixed + per function + per exemplar.

    The three weights are measured by rendering the module's own prompt with and without one
    function and one exemplar. Counted with the default generator's tokenizer where it is
    installed, otherwise by words and signs.
    """
    count = token_counter(workspace)
    templates = TemplateSet(workspace.store.templates(schema.module))
    sample = index.search(
        [Query(schema.functions[0].description or "hello")], k_desc=4, k_exemplar=8
    )
    from dataclasses import replace

    from radu_core.prompts import rag_prompt

    hits = sample[0]
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
