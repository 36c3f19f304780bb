"""An exemplar's rows by strategy: for training, as at inference, and shortened."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from radu_core.exemplars import AnnotatedExemplar
from radu_core.prompts.job import Job
from radu_core.prompts.negatives import Judgements
from radu_core.prompts.options import RowOptions
from radu_core.prompts.prompt_row import PromptRow, Rows
from radu_core.prompts.render import TemplateSet
from radu_core.prompts.strategies import require_strategy
from radu_core.schema import Schema

if TYPE_CHECKING:
    from radu_core.retrieval import Retrieved

__all__ = ["question_rows", "shorten", "training_rows"]


def training_rows(
    strategy: str,
    exemplar: AnnotatedExemplar,
    schema: Schema,
    retrieved: Retrieved,
    templates: TemplateSet,
    *,
    options: RowOptions | None = None,
    judgements: Judgements | None = None,
) -> Rows:
    """All rows that ``strategy`` makes of one resolved exemplar.

    ``retrieved`` holds the description hits to show and at least ``SLOT_POOL`` exemplar hits, of
    which the nearest ``k_exemplar`` are shown. ``judgements`` are what people said of pairs of
    exemplars. The same inputs and seed give the same rows.
    """
    row_options = options or RowOptions()
    dice = random.Random(f"{row_options.seed}:{strategy}:{exemplar.id}")
    job = Job(strategy, exemplar, schema, retrieved, templates, row_options, dice, judgements or {})
    return require_strategy(strategy).rows(job)


def question_rows(
    strategy: str,
    exemplar: AnnotatedExemplar,
    schema: Schema,
    retrieved: Retrieved,
    templates: TemplateSet,
    *,
    options: RowOptions | None = None,
) -> Rows:
    """The prompts of ``strategy`` as they are at inference, for an utterance without labels.

    Slot strategies ask about ``exemplar.function``. ``retrieved`` as in ``training_rows``.
    """
    row_options = options or RowOptions()
    job = Job(strategy, exemplar, schema, retrieved, templates, row_options, random.Random(0))
    rows_made = require_strategy(strategy).questions(job)
    questions = [
        replace(row, kind="asked", completion="", negative=False, function=None)
        for row in rows_made.rows
    ]
    return replace(rows_made, rows=questions)


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
    row_options = options or RowOptions()
    job = Job(row.strategy, exemplar, schema, retrieved, templates, row_options, random.Random(0))
    hits = {hit.id: hit for hit in retrieved.exemplars}
    hits_left = [hits[id] for id in row.exemplar_ids]
    return require_strategy(row.strategy).shorten(job, row, hits_left)
