"""The Prompts page: what the model will be shown and taught for an utterance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from radu_core.errors import InputError
from radu_core.exemplars import LONGEST, AnnotatedExemplar
from radu_core.progress import Progress, silent
from radu_core.prompts import (
    FUNCTION_STRATEGIES,
    SLOT_POOL,
    SLOT_STRATEGIES,
    STRATEGIES,
    PromptRow,
    RowOptions,
    TemplateSet,
    check_template,
    rows_asked,
    rows_for,
)
from radu_core.prompts.negatives import POOL
from radu_core.retrieval import ExemplarHit, Query, Retrieved
from radu_core.schema import Schema, require_function
from radu_core.workflows.coverage import load_index, query_of, token_counter
from radu_core.workflows.judgements import judgements
from radu_core.workflows.workspace import Workspace

__all__ = [
    "OUT_OF_SCOPE",
    "Preview",
    "PreviewRow",
    "preview",
    "save_template",
    "template_sources",
]

OUT_OF_SCOPE = "none"  # as in the prompts; no function can have this name


@dataclass(frozen=True)
class PreviewRow:
    """One row of a preview with its sizes in tokens (the end token counted with the completion).

    ``completion_tokens`` is 0 where there is no completion.
    """

    row: PromptRow
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Preview:
    """Everything retrieved for an utterance and every row a strategy makes of it.

    ``function`` is what the utterance means, if that is known; ``answer_retrieved`` whether a
    function strategy's prompt has it, None when there is nothing to say (it isn't known, or out of
    scope). ``negatives`` are the most similar exemplars of other functions, nearest first.
    """

    utterance: str
    exemplar: AnnotatedExemplar | None
    strategy: str
    retrieved: Retrieved
    rows: tuple[PreviewRow, ...]
    negatives: tuple[ExemplarHit, ...]
    notes: tuple[str, ...] = ()
    function: str | None = None
    answer_retrieved: bool | None = None


def preview(
    workspace: Workspace,
    module: str,
    *,
    strategy: str,
    text: str = "",
    exemplar_id: str | None = None,
    function: str | None = None,
    k_desc: int = 3,
    k_exemplar: int = 4,
    options: RowOptions | None = None,
    progress: Progress = silent,
) -> Preview:
    """Render the rows of ``strategy`` for a stored exemplar or for any typed ``text``.

    ``function`` says what a typed text means ("none": out of scope). Without it the prompts have
    no completion. Those of slot strategies never have one, as a typed text has no values; they
    take the likeliest retrieved function when none is given.
    """
    if len(text) > LONGEST:
        raise InputError(
            f"The utterance has {len(text):,} characters", remedy=f"Use at most {LONGEST:,}."
        )
    store = workspace.store
    schema = store.schema(module)
    _check(schema, strategy, function, exemplar_id)
    exemplar = store.exemplar(module, exemplar_id).exemplar if exemplar_id else None
    utterance = exemplar.utterance if exemplar else text.strip()
    if not utterance:
        raise InputError("There is no utterance", remedy="Type one or choose an exemplar.")
    index = load_index(workspace, module, progress=progress)
    query = query_of(exemplar) if exemplar else Query(utterance)
    pool = POOL if strategy == "knn" else SLOT_POOL  # as many as the dataset's rows are made of
    wide = index.search([query], k_desc=k_desc, k_exemplar=max(pool, k_exemplar))[0]
    hits = replace(wide, exemplars=wide.exemplars[:k_exemplar])
    subject, notes = (exemplar, []) if exemplar else _typed(utterance, function, hits, strategy)
    asked = exemplar is None and (function is None or strategy in SLOT_STRATEGIES)
    make: Any = rows_asked if asked else partial(rows_for, judgements=judgements(workspace, module))
    templates = TemplateSet(store.templates(module))
    chosen = (options or RowOptions()).model_copy(update={"k_exemplar": k_exemplar})
    made = make(strategy, subject, schema, wide, templates, options=chosen)
    known = exemplar is not None or function is not None
    others = [h for h in wide.exemplars if h.function != subject.function] if known else []
    right = subject.function if known else None
    return Preview(
        utterance=utterance,
        exemplar=exemplar,
        strategy=strategy,
        retrieved=hits,
        rows=_sized(workspace, made.rows),
        negatives=tuple(others),
        notes=(*notes, *(f"no row: {d.reason}" for d in made.discards)),
        function=right,
        answer_retrieved=_answer_retrieved(strategy, right, hits),
    )


def _check(schema: Schema, strategy: str, function: str | None, exemplar_id: str | None) -> None:
    if strategy not in STRATEGIES:
        raise InputError(
            "No such strategy", value=strategy, remedy=f"Use one of {', '.join(STRATEGIES)}."
        )
    if function is not None and exemplar_id is not None:
        raise InputError(
            "A stored exemplar has its own function", value=function, remedy="Leave yours out."
        )
    if function is not None and function != OUT_OF_SCOPE:
        require_function(schema, function)


def _typed(
    utterance: str, function: str | None, hits: Retrieved, strategy: str
) -> tuple[AnnotatedExemplar, list[str]]:
    """A typed utterance as an exemplar, and what was assumed: slots are of some function."""
    notes: list[str] = []
    if function is None and strategy != "yes_no":
        notes.append(
            "it isn't known what this utterance means, so its prompts have no completion, and "
            "whether the right function is among those retrieved can't be said"
        )
        if strategy in SLOT_STRATEGIES and hits.functions:
            nearest = (h.function for h in hits.exemplars if h.function is not None)
            function = next(nearest, hits.functions[0])
            notes.append(f"the slots are those of {function}, the likeliest function retrieved")
    elif strategy in SLOT_STRATEGIES:
        notes.append("a typed utterance has no values, so its prompts have no completion")
    meant = None if function == OUT_OF_SCOPE else function
    exemplar = AnnotatedExemplar(
        id="typed", utterance=utterance, function=meant, spans=(), outcome="resolved"
    )
    return exemplar, notes


def _sized(workspace: Workspace, rows: Sequence[PromptRow]) -> tuple[PreviewRow, ...]:
    count = token_counter(workspace)
    return tuple(
        PreviewRow(r, count(r.prompt), count(r.completion) + 1 if r.completion else 0)
        for r in rows
    )  # fmt: skip


def _answer_retrieved(strategy: str, right: str | None, hits: Retrieved) -> bool | None:
    """``knn`` compares with exemplars only; slot strategies and ``yes_no`` don't ask for it."""
    if right is None or strategy not in FUNCTION_STRATEGIES:
        return None
    if strategy == "knn":
        return right in {h.function for h in hits.exemplars}
    return right in hits.functions


def template_sources(workspace: Workspace, module: str) -> dict[str, str]:
    """The current source of every template, the module's own version where it has one."""
    templates = TemplateSet(workspace.store.templates(module))
    return {name: templates.source(name) for name in templates.names()}


def save_template(workspace: Workspace, module: str, name: str, text: str, *, who: str) -> int:
    """Save a module's own version of a template after checking it; old ones stay.

    Returns the new version's number; ``TemplateError`` names the line that is wrong, or the
    variables that it must use.
    """
    overrides = {**workspace.store.templates(module), name: text}
    check_template(TemplateSet(overrides), name)
    return workspace.store.put_template(module, name, text, who=who)
