"""Training rows: positives, negatives and rows with fewer exemplars, for each strategy."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from radu_core.errors import InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.prompts.function_rows import knn, knn_row, rag, rag_row, shorter_rag
from radu_core.prompts.making import Job, PromptRow, Rows
from radu_core.prompts.negatives import Judgements
from radu_core.prompts.options import RowOptions
from radu_core.prompts.render import TemplateSet
from radu_core.prompts.slot_rows import all_row, all_slots, single_row, single_slot, yes_no
from radu_core.prompts.strategies import STRATEGIES
from radu_core.schema import Schema

if TYPE_CHECKING:
    from radu_core.retrieval import Retrieved

__all__ = ["rows_asked", "rows_for", "shorten"]


def rows_for(
    strategy: str,
    exemplar: AnnotatedExemplar,
    schema: Schema,
    retrieved: Retrieved,
    templates: TemplateSet,
    *,
    options: RowOptions | None = None,
    judgements: Judgements | None = None,
    with_parts: bool = True,
) -> Rows:
    """All rows that ``strategy`` makes of one resolved exemplar.

    ``retrieved`` holds the description hits to show and at least ``SLOT_POOL`` exemplar hits, of
    which the nearest ``k_exemplar`` are shown. ``judgements`` are what people said of pairs of
    exemplars. The same inputs and seed give the same rows. ``with_parts`` False renders
    faster and leaves the rows' parts empty.
    """
    if strategy not in STRATEGIES:
        raise InputError(
            "No such strategy", value=strategy, remedy=f"Use one of {', '.join(STRATEGIES)}."
        )
    chosen = options or RowOptions()
    dice = random.Random(f"{chosen.seed}:{strategy}:{exemplar.id}")
    said = judgements or {}
    job = Job(strategy, exemplar, schema, retrieved, templates, chosen, dice, with_parts, said)
    return _MAKERS[strategy](job)


def shorten(
    row: PromptRow,
    exemplar: AnnotatedExemplar,
    schema: Schema,
    retrieved: Retrieved,
    templates: TemplateSet,
    *,
    options: RowOptions | None = None,
) -> PromptRow | None:
    """The same row, of the same inputs, with the least relevant thing left out; None if none is.

    Exemplars go first, then functions that aren't the answer, as long as one is left. The
    utterance and the completion stay as they are.
    """
    hits = {h.id: h for h in retrieved.exemplars}
    shown = [hits[id] for id in row.exemplar_ids]
    chosen = options or RowOptions()
    job = Job(row.strategy, exemplar, schema, retrieved, templates, chosen, random.Random(0), False)
    if row.strategy == "rag":
        return shorter_rag(job, row, shown)
    function = schema.function(row.candidates[0]) if row.candidates else None
    if row.strategy == "knn" or function is None or not shown:
        return None
    if row.slot is None:
        return all_row(job, row.kind, function, shown[:-1])
    slot = function.slot(row.slot)
    return None if slot is None else single_row(job, function, slot, shown[:-1])


def rows_asked(
    strategy: str,
    exemplar: AnnotatedExemplar,
    schema: Schema,
    retrieved: Retrieved,
    templates: TemplateSet,
    *,
    options: RowOptions | None = None,
) -> Rows:
    """The prompts of ``strategy`` as they are at inference, for an utterance nobody has labelled.

    Slot strategies ask about ``exemplar.function``. ``retrieved`` as in ``rows_for``.
    """
    job = Job(
        strategy, exemplar, schema, retrieved, templates, options or RowOptions(), random.Random(0)
    )
    shown = replace(retrieved, exemplars=retrieved.exemplars[: job.options.k_exemplar])
    if strategy == "rag":
        made = Rows([rag_row(job, "asked", shown, None)])
    elif strategy == "knn":
        hits = [h for h in shown.exemplars if h.function is not None]
        made = Rows([knn_row(job, h, same=True) for h in hits])
    elif strategy == "single":
        made = single_slot(job, every=True)
    else:
        made = _MAKERS[strategy](job)
    made.rows = [
        replace(r, kind="asked", completion="", negative=False, function=None) for r in made.rows
    ]
    return made


_MAKERS: dict[str, Callable[[Job], Rows]] = {
    "rag": rag,
    "knn": knn,
    "all": all_slots,
    "single": single_slot,
    "yes_no": yes_no,
}
