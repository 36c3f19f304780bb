"""``rag``: descriptions and labelled exemplars in, the name of a function or ``none`` out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from radu_core.prompts.asking import Asking, Prompt, Variables
from radu_core.prompts.job import Job
from radu_core.prompts.negatives import same_meaning, suspects_in
from radu_core.prompts.prompt_row import Discard, PromptRow, Rows
from radu_core.prompts.strategies.reading import softmax
from radu_core.prompts.strategies.strategy import (
    TRIAL_EXEMPLAR,
    TRIAL_FUNCTION,
    Strategy,
    describe,
    show,
)
from radu_core.schema import OUT_OF_SCOPE

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit, Retrieved

__all__ = ["RAG", "ask", "ask_each", "choices", "completion", "read", "variables"]


# The prompt.


def variables(asking: Asking, retrieved: Retrieved) -> Variables:
    """What the template sees."""
    names = asking.arrange(retrieved.functions, str)
    functions = [asking.schema.function(name) for name in names]
    exemplars = asking.arrange(retrieved.exemplars, lambda hit: hit.id)
    return {
        "utterance": asking.utterance,
        "context": asking.context or "",
        "functions": [describe(f) for f in functions if f is not None],
        "exemplars": [show(hit) for hit in exemplars],
    }


def ask(asking: Asking, retrieved: Retrieved) -> Prompt:
    """Which function the utterance means, among those retrieved."""
    return asking.render("rag", variables(asking, retrieved))


def ask_each(asking: Asking, retrieved: Retrieved) -> list[Prompt]:
    """The prompts as they are if one exemplar was retrieved and no other, for each in turn.

    Each shows that one and its function, and the functions of the descriptions that were retrieved.
    """
    return [ask(asking, replace(retrieved, exemplars=(hit,))) for hit in retrieved.exemplars]


# The answer.


def completion(function: str | None) -> str:
    """The function's name, or ``none``."""
    return f" {function or OUT_OF_SCOPE}"


def choices(functions: Sequence[str]) -> tuple[str, ...]:
    """The completions to choose from: each function in the prompt, in that order, and ``none``."""
    return tuple(completion(name) for name in (*functions, None))


def read(
    functions: Sequence[str],
    likelihoods: Sequence[Sequence[float]],
    weights: Sequence[float] = (1.0,),
) -> dict[str, float]:
    """The probability of each function and of ``none``, from the log-likelihoods of ``choices``.

    There is a row of likelihoods for each prompt that was asked; the softmax of each is mixed by
    ``weights`` (REPLUG, Shi et al. 2023).
    """
    names = [*functions, OUT_OF_SCOPE]
    shares = [softmax(dict(zip(names, logs, strict=True))) for logs in likelihoods]
    return {
        name: float(sum(w * share[name] for w, share in zip(weights, shares, strict=True)))
        for name in names
    }


# Rows.


def _row(job: Job, kind: str, hits: Retrieved, answer: str | None) -> PromptRow:
    return job.row(
        kind,
        ask(job.asking(kind), hits),
        completion(answer),
        negative=answer is None,
        candidates=hits.functions,
        exemplar_ids=tuple(hit.id for hit in hits.exemplars),
        answer_present=answer is None or answer in hits.functions,
    )


def _questions(job: Job) -> Rows:
    return Rows([_row(job, "asked", job.prompt_hits, None)])


def _rows(job: Job) -> Rows:
    exemplar, options, hits = job.exemplar, job.options, job.prompt_hits
    if exemplar.mode == "negative":
        return _rows_of_negative(job)
    if exemplar.function is None:
        rows = Rows()
        _add_none(job, rows, "out_of_scope", hits)
        return rows
    if exemplar.function not in hits.functions:
        return job.discard("the right function wasn't retrieved")
    rows = Rows([_row(job, "positive", hits, exemplar.function)])
    if hits.exemplars and job.draws("fewer", options.fewer_share):
        fewer = _retrieved_of(hits.functions, _fewer(job, hits.exemplars))
        rows.rows.append(_row(job, "fewer", fewer, exemplar.function))
    alone = exemplar.mode == "extended" and not exemplar.context  # it doesn't say its function
    if not alone and job.draws("zero", options.zero_share):
        rows.rows.append(_row(job, "zero", _retrieved_of(hits.functions, ()), exemplar.function))
    if not alone and job.draws("removed", options.removed_share):
        _add_none(job, rows, "removed", _without(job, exemplar.function))
    return rows


def _add_none(job: Job, rows: Rows, kind: str, hits: Retrieved) -> None:
    """Add a row whose answer is ``none``, unless a function in its prompt may be right as well."""
    negatives = job.negatives
    doubtful = [name for name in same_meaning(negatives) if name in hits.functions]
    if not doubtful:
        rows.rows.append(_row(job, kind, hits, None))
        return
    rows.suspects += suspects_in(job.exemplar, negatives)
    reason = f"no {kind} row: an exemplar of a function in its prompt seems to mean the same"
    rows.discards.append(Discard(job.exemplar.id, job.strategy, reason, kind))


def _rows_of_negative(job: Job) -> Rows:
    """A negative exemplar: its own function is the only candidate, and the answer is none.

    It is known only that it isn't that function: any other candidate could be the right one.
    """
    name = job.exemplar.function
    if name is None or job.schema.function(name) is None:
        return job.discard("a negative exemplar without a function says nothing")
    negatives = job.negatives  # the hits of its own function
    if same_meaning(negatives):
        discarded = job.discard("nearly the same as an exemplar of the function it isn't")
        return replace(discarded, suspects=suspects_in(job.exemplar, negatives))
    own = [hit for hit in job.retrieved.exemplars if hit.function == name]
    only = _retrieved_of([name], own[: job.options.k_exemplar])
    return Rows([_row(job, "negative", only, None)])


def _fewer(job: Job, exemplars: Sequence[ExemplarHit]) -> Sequence[ExemplarHit]:
    """At least one exemplar less: the nearest ones, or with ``dropout`` any of them."""
    dropout = job.options.dropout
    if not dropout:
        return exemplars[: job.dice.randrange(1, len(exemplars)) if len(exemplars) > 1 else 0]
    rest = [hit for hit in exemplars if job.dice.random() >= dropout]
    if len(rest) == len(exemplars):
        rest.pop(job.dice.randrange(len(rest)))
    return rest


def _without(job: Job, function: str) -> Retrieved:
    """What was retrieved without the right function: the answer is ``none``."""
    hits = job.retrieved
    exemplars = [hit for hit in hits.exemplars if hit.function != function]
    descriptions = [hit for hit in hits.descriptions if hit.function != function]
    return replace(
        hits,
        descriptions=tuple(descriptions),
        exemplars=tuple(exemplars[: job.options.k_exemplar]),
    )


def _shorten(job: Job, row: PromptRow, hits: Sequence[ExemplarHit]) -> PromptRow | None:
    """Exemplars go first, then functions that aren't the answer, as long as one is left."""
    answer = None if row.negative else row.function
    names = list(row.candidates)
    if not hits:
        spare = [name for name in names if name != answer]
        if len(names) < 2 or not spare:
            return None
        names.remove(spare[-1])
    return _row(job, row.kind, _retrieved_of(names, hits[:-1]), answer)


def _retrieved_of(functions: Sequence[str], exemplars: Sequence[ExemplarHit]) -> Retrieved:
    """Exactly these functions and exemplars, most relevant first."""
    from radu_core.retrieval import DescriptionHit, Retrieved

    hits = (DescriptionHit(name, rank, 0.0) for rank, name in enumerate(functions, start=1))
    return Retrieved(tuple(hits), tuple(exemplars))


RAG = Strategy(
    name="rag",
    task="function",
    must_show=("utterance",),
    trial={
        "utterance": "trialutterance",
        "context": "trialcontext",
        "functions": [TRIAL_FUNCTION],
        "exemplars": [TRIAL_EXEMPLAR],
    },
    rows=_rows,
    questions=_questions,
    shorten=_shorten,
    choices=choices,
)
