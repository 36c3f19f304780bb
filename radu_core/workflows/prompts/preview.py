"""The Prompts page: what the model will be shown and taught for an utterance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Required, TypedDict, Unpack

from radu_core.alignment import conflict
from radu_core.dataset.fit import fit
from radu_core.eligibility import Purpose, Reason, why_not
from radu_core.errors import InputError
from radu_core.exemplars import LONGEST, AnnotatedExemplar
from radu_core.progress import Progress, silent
from radu_core.prompts import (
    FUNCTION_STRATEGIES,
    SLOT_STRATEGIES,
    PromptRow,
    RowOptions,
    Rows,
    TemplateSet,
    question_rows,
    require_strategy,
    shorten,
    training_rows,
)
from radu_core.prompts.inspect import (
    Place,
    PromptWarning,
    Subject,
    inspect_row,
    places,
    question_start,
    template_warnings,
    too_long,
    worst,
)
from radu_core.prompts.negatives import POOL
from radu_core.retrieval import ExemplarHit, ModuleIndex, Query, Retrieved, query_of
from radu_core.schema import OUT_OF_SCOPE, Schema, require_function
from radu_core.training.run.config import TrainConfig
from radu_core.workflows.coverage.indexing import load_index, retrieval_settings
from radu_core.workflows.coverage.judgements import judgements
from radu_core.workflows.coverage.prompt_tokens import (
    BASE,
    TokenView,
    encoder_for,
    token_view,
    token_warnings,
    tokenizer_of,
)
from radu_core.workflows.coverage.report import token_counter
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "LIMIT",
    "Asked",
    "Prepared",
    "Preview",
    "PreviewRow",
    "as_json",
    "as_text",
    "check_context",
    "index_at_hand",
    "prepare",
    "preview",
    "render",
]

_VARIED = ("rag", "all")  # strategies that make more rows, for the training split only
_NOT_VARIED = (
    "as in a dataset, it has no row with fewer exemplars, with none, or without the right function"
)
LIMIT: int = TrainConfig.model_fields["max_length"].default


@dataclass(frozen=True)
class PreviewRow:
    """One row of a preview: its sizes, its tokens, where the answer stands, what is wrong.

    Sizes are in tokens (the end token counted with the completion, 0 where there is none); in
    words and punctuation where the base model isn't installed; then ``tokens`` is None.
    """

    row: PromptRow
    prompt_tokens: int
    completion_tokens: int
    tokens: TokenView | None = None
    places: tuple[Place, ...] = ()
    warnings: tuple[PromptWarning, ...] = ()


@dataclass(frozen=True)
class Preview:
    """Everything retrieved for an utterance and every row a strategy makes of it.

    ``function`` is what the utterance means, if that is known; ``answer_retrieved`` whether a
    function strategy's prompt has it, None when there is nothing to say (it isn't known, or out of
    scope). ``negatives`` are the most similar exemplars of other functions, nearest first.
    ``warnings`` are those of the exemplar and the template, and of no single row.
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
    warnings: tuple[PromptWarning, ...] = ()
    model: str = BASE
    limit: int = LIMIT


@dataclass(frozen=True)
class Prepared:
    """A preview before a template comes into it: what was asked for and what was retrieved."""

    workspace: Workspace
    strategy: str
    subject: Subject
    stored: bool
    asked: bool
    wide: Retrieved
    options: RowOptions
    notes: tuple[str, ...]
    model: str
    limit: int
    chat_template: str = "none"


class Asked(TypedDict, total=False):
    """What is to be previewed; what isn't given is as ``prepare`` has it."""

    strategy: Required[str]
    text: str
    exemplar_id: str | None
    function: str | None
    context: str | None
    k_desc: int
    k_exemplar: int
    options: RowOptions | None
    model: str
    chat_template: str
    limit: int
    progress: Progress


def preview(
    workspace: Workspace,
    module: str,
    *,
    templates: TemplateSet | None = None,
    **asked: Unpack[Asked],
) -> Preview:
    """Render the rows of ``strategy`` for a stored exemplar or for any typed ``text``.

    ``function`` says what a typed text means ("none": out of scope), ``context`` the function.slot
    the bot last asked for. Without a function the prompts have no completion. Those of slot
    strategies and yes_no never have one, as a typed text has no values; slots are those of the
    likeliest retrieved function when none is given. Where no row is made for training, the prompt
    is shown as it is at inference. ``model`` tokenizes, with the setting ``chat_template``;
    ``limit`` is its longest row.
    """
    prepared = prepare(workspace, module, **asked)
    return render(prepared, templates or TemplateSet(workspace.store.templates(module)))


def index_at_hand(workspace: Workspace, module: str) -> bool:
    """Whether the module's index is in memory, so that a preview takes no time worth telling."""
    return workspace.recall((module, retrieval_settings(workspace, module))) is not None


def prepare(
    workspace: Workspace,
    module: str,
    *,
    strategy: str,
    text: str = "",
    exemplar_id: str | None = None,
    function: str | None = None,
    context: str | None = None,
    k_desc: int = 3,
    k_exemplar: int = 4,
    options: RowOptions | None = None,
    index: ModuleIndex | None = None,
    model: str = BASE,
    chat_template: str = "none",
    limit: int = LIMIT,
    progress: Progress = silent,
) -> Prepared:
    """Retrieve for a preview; see ``preview``. ``index``: the module's, where it is at hand."""
    schema = workspace.store.schema(module)
    _check(schema, strategy, function, exemplar_id, context)
    exemplar = workspace.store.exemplar(module, exemplar_id).exemplar if exemplar_id else None
    utterance = exemplar.utterance if exemplar else _utterance(text)
    module_index = index or load_index(workspace, module, progress=progress)
    query = query_of(exemplar) if exemplar else Query(utterance)
    wide = module_index.search([query], k_desc=k_desc, k_exemplar=max(POOL, k_exemplar))[0]
    hits = replace(wide, exemplars=wide.exemplars[:k_exemplar])
    labelled = exemplar if exemplar and not exemplar.unlabelled else None
    exemplar_meant, notes = (
        (labelled, []) if labelled else _typed_exemplar(utterance, function, hits, strategy)
    )
    if labelled is None:
        names = ("id", "split", "outcome", "reason", "unlabelled")
        labels = {name: getattr(exemplar, name) for name in names} if exemplar else {}
        asked_for = exemplar.context if exemplar else context or None
        exemplar_meant = exemplar_meant.model_copy(update={"context": asked_for, **labels})
    row_options = (options or RowOptions()).model_copy(update={"k_exemplar": k_exemplar})
    split_options = row_options.for_split(
        exemplar_meant.split
    )  # what is typed counts as one to train on
    if split_options != row_options and strategy in _VARIED:
        notes.append(f"it is of the split {exemplar_meant.split}: {_NOT_VARIED}")
    is_known = labelled is not None or function is not None
    is_question = labelled is None and (not is_known or strategy not in FUNCTION_STRATEGIES)
    return Prepared(
        workspace=workspace,
        strategy=strategy,
        subject=Subject(
            exemplar_meant, schema, {h.id: h for h in wide.exemplars}, is_known, split_options
        ),
        stored=exemplar is not None,
        asked=is_question,
        wide=wide,
        options=split_options,
        notes=tuple(notes),
        model=model,
        limit=limit,
        chat_template=chat_template,
    )


def render(prepared: Prepared, templates: TemplateSet) -> Preview:
    """Render what was prepared. ``TemplateError`` when the template can't be."""
    subject, strategy = prepared.subject, prepared.strategy
    rows = _make_rows(prepared, templates)
    prompt_hits = prepared.wide.exemplars[: prepared.options.k_exemplar]
    hits = replace(prepared.wide, exemplars=prompt_hits)
    right = subject.exemplar.function if subject.known else None
    others = [h for h in prepared.wide.exemplars if h.function != subject.exemplar.function]
    there = _answer_retrieved(strategy, right, hits)
    # ``answer_retrieved`` says already that no row is made of what isn't retrieved
    reasons = [] if there is False else [f"no row: {d.reason}" for d in rows.discards]
    return Preview(
        utterance=subject.exemplar.utterance,
        exemplar=subject.exemplar if prepared.stored else None,
        strategy=strategy,
        retrieved=hits,
        rows=tuple(_inspect(prepared, rows.rows, templates)),
        negatives=tuple(others if subject.known else ()),
        notes=(*prepared.notes, *reasons),
        function=right,
        answer_retrieved=there,
        warnings=worst([*_exemplar_warnings(prepared), *template_warnings(templates, strategy)]),
        model=prepared.model,
        limit=prepared.limit,
    )


def _make_rows(prepared: Prepared, templates: TemplateSet) -> Rows:
    """The rows; where there are none for training, the prompts as at inference."""
    subject = prepared.subject
    arguments = (prepared.strategy, subject.exemplar, subject.schema, prepared.wide, templates)
    if prepared.asked:
        return question_rows(*arguments, options=prepared.options)
    verdicts = judgements(
        prepared.workspace, subject.schema.module, [subject.exemplar, *prepared.wide.exemplars]
    )
    rows = training_rows(*arguments, options=prepared.options, judgements=verdicts)
    if not rows.rows:
        rows.rows = question_rows(*arguments, options=prepared.options).rows
    return rows


def _utterance(text: str) -> str:
    if len(text) > LONGEST:
        raise InputError(
            f"The utterance has {len(text):,} characters", remedy=f"Use at most {LONGEST:,}."
        )
    if not text.strip():
        raise InputError("There is no utterance", remedy="Type one or choose an exemplar.")
    return text.strip()


def _check(
    schema: Schema,
    strategy: str,
    function: str | None,
    exemplar_id: str | None,
    context: str | None,
) -> None:
    require_strategy(strategy)
    if exemplar_id is not None:
        for value, what in ((function, "function"), (context, "context")):
            if value is not None:
                raise InputError(
                    f"A stored exemplar has its own {what}", value=value, remedy="Leave yours out."
                )
    if function is not None and function != OUT_OF_SCOPE:
        require_function(schema, function)
    check_context(schema, context)


def check_context(schema: Schema, context: str | None) -> None:
    """``InputError`` unless ``context`` is a function of the module, or one of its slots."""
    if not context:
        return
    function_and_slot = schema.context_of(context)
    function, slot = function_and_slot or (require_function(schema, context.partition(".")[0]), "")
    if slot and function.slot(slot) is None:
        raise InputError(
            f"{function.name} has no slot of that name",
            value=slot,
            remedy=f"It has: {', '.join(s.name for s in function.slots) or 'none'}.",
        )


def _typed_exemplar(
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
    elif strategy not in FUNCTION_STRATEGIES:
        notes.append("a typed utterance has no values, so its prompts have no completion")
    function_meant = None if function == OUT_OF_SCOPE else function
    exemplar = AnnotatedExemplar(
        id="typed", utterance=utterance, function=function_meant, spans=(), outcome="resolved"
    )
    return exemplar, notes


def _inspect(
    prepared: Prepared, rows: Sequence[PromptRow], templates: TemplateSet
) -> Iterator[PreviewRow]:
    encoder = encoder_for(prepared.workspace, prepared.model, prepared.chat_template)
    count = token_counter(prepared.workspace) if encoder is None else None
    for row in rows:
        view = None if encoder is None else token_view(encoder, row, model=prepared.model)
        if view is not None:
            completion = view.per_part["completion"]
            prompt = view.tokens - completion
        elif count is not None:
            prompt = count(row.prompt)
            completion = count(row.completion) + 1 if row.completion else 0
        yield PreviewRow(
            row,
            prompt,
            completion,
            view,
            places=tuple(_measure(place, row, view) for place in places(row, prepared.subject)),
            warnings=worst(_row_warnings(prepared, row, view, templates)),
        )


def _measure(place: Place, row: PromptRow, view: TokenView | None) -> Place:
    if view is None or place.end is None:
        return place
    return replace(place, tokens=view.between(place.end, question_start(row)))


def _row_warnings(
    prepared: Prepared, row: PromptRow, view: TokenView | None, templates: TemplateSet
) -> list[PromptWarning]:
    warnings = list(inspect_row(row, prepared.subject))
    if view is None:  # words say nothing about a limit in tokens
        return warnings
    if view.tokens > prepared.limit:
        left_out = _left_out(prepared, row, templates)
        warnings.append(too_long(view.tokens, prepared.limit, left_out))
    return [*warnings, *token_warnings(view)]


def _left_out(prepared: Prepared, row: PromptRow, templates: TemplateSet) -> tuple[int, int] | None:
    """How many exemplars and functions the dataset leaves out of a row; None if it has to go."""

    def shorter(longer: PromptRow) -> PromptRow | None:
        short_row = shorten(
            longer,
            prepared.subject.exemplar,
            prepared.subject.schema,
            prepared.wide,
            templates,
            options=prepared.options,
        )
        return short_row and replace(short_row, completion=row.completion)  # a question has none

    limit = prepared.limit + (not row.completion)  # nor an end token
    tokenizer = tokenizer_of(prepared.workspace, prepared.model, prepared.chat_template)
    if tokenizer is None:
        return None
    result = fit([(row, shorter)], tokenizer, max_length=limit)[0]
    exemplars, functions = result.omissions
    return None if result.row is None else (len(exemplars), len(functions))


def _exemplar_warnings(prepared: Prepared) -> Iterator[PromptWarning]:
    """Why a stored exemplar isn't used as it is shown."""
    exemplar = prepared.subject.exemplar
    if not prepared.stored:
        return
    why = why_not(prepared.subject.schema, exemplar, Purpose.ROWS)
    if why == Reason.CONTRADICTS:
        contradiction = conflict(prepared.subject.schema, exemplar)
        yield PromptWarning(
            why.value,
            "error",
            f"Its labels contradict the schema: {contradiction} No row is made of it.",
            "Correct the schema or the exemplar, then resolve again.",
        )
    elif why is not None:
        state = exemplar.outcome or "not aligned yet"
        more = f" ({exemplar.reason})" if exemplar.reason else ""
        yield PromptWarning(
            why.value,
            "warning",
            f"This exemplar is {state}{more}: no row is made of it.",
            "Resolve it: Annotate.",
        )


def _answer_retrieved(strategy: str, right: str | None, hits: Retrieved) -> bool | None:
    """``knn`` compares with exemplars only; slot strategies and ``yes_no`` don't ask for it."""
    if right is None or strategy not in FUNCTION_STRATEGIES:
        return None
    if strategy == "knn":
        return right in {h.function for h in hits.exemplars}
    return right in hits.functions


# Export.


def as_json(preview: Preview) -> dict[str, Any]:
    """All of a preview as plain data.

    Prompts by part, tokens, labels and their hashes, warnings, where the answer stands, what was
    retrieved.
    """
    rows = [_row_json(row) for row in preview.rows]
    rest = replace(preview, rows=(), exemplar=None)
    exemplar = preview.exemplar.model_dump(mode="json") if preview.exemplar else None
    hits = [_hit_json(h) for h in preview.retrieved.exemplars]
    data = {**asdict(replace(rest, negatives=(), retrieved=Retrieved())), "exemplar": exemplar}
    data["retrieved"] = {
        "functions": list(preview.retrieved.functions),
        "descriptions": [asdict(d) for d in preview.retrieved.descriptions],
        "exemplars": hits,
    }
    return {**data, "negatives": [_hit_json(h) for h in preview.negatives], "rows": rows}


def _row_json(row: PreviewRow) -> dict[str, Any]:
    data = asdict(replace(row, tokens=None))
    view = row.tokens
    data["tokens"] = view and {
        "model": view.model,
        "input_ids": list(view.input_ids),
        "labels": list(view.labels),
        "ids_hash": view.ids_hash,
        "labels_hash": view.labels_hash,
        "row_hash": view.row_hash,
        "per_part": dict(view.per_part),
        "cells": [asdict(c) for c in view.cells],
    }
    return data


def _hit_json(hit: ExemplarHit) -> dict[str, Any]:
    spans = [s.model_dump(mode="json") for s in hit.spans]
    return {**asdict(replace(hit, spans=())), "spans": spans}


def as_text(preview: Preview) -> str:
    """The prompts with their completions, as the model is given them, one below the other."""
    blocks = []
    for row in preview.rows:
        title = f"=== {row.row.strategy}/{row.row.kind}"
        blocks.append(f"{title}\n{row.row.prompt}{row.row.completion}\n")
    return "\n".join(blocks)
