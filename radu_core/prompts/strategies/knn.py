"""``knn``: does this utterance mean the same as this exemplar? One question for each exemplar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from radu_core.prompts.asking import Asking, Prompt, Variables
from radu_core.prompts.job import Job
from radu_core.prompts.negatives import suspects_in
from radu_core.prompts.prompt_row import PromptRow, Rows
from radu_core.prompts.strategies.reading import softmax
from radu_core.prompts.strategies.strategy import TRIAL_EXEMPLAR, Strategy, show
from radu_core.schema import OUT_OF_SCOPE

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit

__all__ = ["CHOICES", "KNN", "ask", "completion", "read", "variables"]


# The prompt.


def variables(asking: Asking, hit: ExemplarHit) -> Variables:
    """What the template sees: one exemplar beside the utterance."""
    return {"utterance": asking.utterance, "exemplar": show(hit)}


def ask(asking: Asking, hit: ExemplarHit) -> Prompt:
    """Whether the utterance means the same as the exemplar."""
    return asking.render("knn", variables(asking, hit))


# The answer.


def completion(same: bool) -> str:
    """``yes`` or ``no``."""
    return " yes" if same else " no"


CHOICES = (completion(True), completion(False))


def read(
    exemplars: Sequence[ExemplarHit], likelihoods: Sequence[Sequence[float]]
) -> dict[str, float]:
    """The probability of each function and of ``none``, from the log-likelihoods of ``CHOICES``.

    They stand beside each exemplar: per function the likeliest yes counts; ``none`` when every one
    says no.
    """
    best: dict[str, float] = {}
    for hit, (yes, no) in zip(exemplars, likelihoods, strict=True):
        if hit.function is not None:
            share = softmax({"yes": yes, "no": no})["yes"]
            best[hit.function] = max(best.get(hit.function, 0.0), share)
    best[OUT_OF_SCOPE] = 1.0 - max(best.values(), default=0.0)
    total = sum(best.values())
    return {name: score / total for name, score in best.items()}


# Rows.


def _row(job: Job, hit: ExemplarHit, *, same: bool) -> PromptRow:
    kind = "knn_yes" if same else "knn_no"
    return job.row(
        kind,
        ask(job.asking(kind), hit),
        completion(same),
        negative=not same,
        candidates=(hit.function,) if hit.function else (),
        exemplar_ids=(hit.id,),
    )


def _questions(job: Job) -> Rows:
    hits = [hit for hit in job.prompt_hits.exemplars if hit.function is not None]
    return Rows([_row(job, hit, same=True) for hit in hits])


def _rows(job: Job) -> Rows:
    exemplar, negatives = job.exemplar, job.negatives
    unlike = [_row(job, negative.hit, same=False) for negative in negatives if negative.use]
    rows = Rows(suspects=suspects_in(exemplar, negatives))
    if exemplar.mode == "negative":
        rows.rows = unlike
        if not unlike:
            rows.discards = job.discard("no exemplar of its function is near").discards
        return rows
    if exemplar.function is not None and exemplar.mode == "normal":
        same = [hit for hit in job.retrieved.exemplars if hit.function == exemplar.function]
        alike = [hit for hit in same if hit.mode == "normal"]  # an extended one doesn't say it
        rows.rows += [_row(job, hit, same=True) for hit in alike[: job.options.knn_pairs]]
    rows.rows += unlike
    return rows if rows.rows else replace(rows, discards=job.discard("no pair").discards)


KNN = Strategy(
    name="knn",
    task="function",
    must_show=("utterance", "exemplar"),
    trial={"utterance": "trialutterance", "exemplar": TRIAL_EXEMPLAR},
    rows=_rows,
    questions=_questions,
    shorten=lambda job, row, shown: None,
    choices=lambda functions: CHOICES,
)
