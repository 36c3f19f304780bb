"""Rows of the strategies that choose a function: rag and knn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from radu_core.prompts.making import Discard, Job, PromptRow, Rows
from radu_core.prompts.negatives import same_meaning, suspects_in
from radu_core.prompts.options import RowOptions
from radu_core.prompts.strategies import (
    completion_for_knn,
    completion_for_rag,
    knn_variables,
    rag_variables,
)

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit, Retrieved

__all__ = ["knn", "knn_row", "rag", "rag_row", "shorter_rag"]


def rag(job: Job) -> Rows:
    exemplar, options = job.exemplar, job.options
    if exemplar.mode == "negative":
        return _rag_negative(job)
    hits = replace(job.retrieved, exemplars=job.retrieved.exemplars[: options.k_exemplar])
    if exemplar.function is None:
        return _out_of_scope(job, hits)
    if exemplar.function not in hits.functions:
        return job.discard("the right function wasn't retrieved")
    made = Rows([rag_row(job, "positive", hits, exemplar.function)])
    rows = made.rows
    if hits.exemplars and job.drawn("fewer", options.fewer_share):
        fewer = _prompted(hits.functions, _fewer(job, hits.exemplars))
        rows.append(rag_row(job, "fewer", fewer, exemplar.function))
    alone = exemplar.mode == "extended" and not exemplar.context  # it doesn't say its function
    if not alone and job.drawn("zero", options.zero_share):
        rows.append(rag_row(job, "zero", _prompted(hits.functions, ()), exemplar.function))
    if not alone and job.drawn("removed", options.removed_share):
        _add_none(job, made, "removed", _without(job.retrieved, exemplar.function, options))
    return made


def _out_of_scope(job: Job, hits: Retrieved) -> Rows:
    made = Rows()
    _add_none(job, made, "out_of_scope", hits)
    return made


def _add_none(job: Job, made: Rows, kind: str, hits: Retrieved) -> None:
    """Add a row whose answer is ``none``, unless a function in its prompt may be right as well."""
    negatives = job.negatives
    doubtful = [name for name in same_meaning(negatives) if name in hits.functions]
    if not doubtful:
        made.rows.append(rag_row(job, kind, hits, None))
        return
    made.suspects += suspects_in(job.exemplar, negatives)
    reason = f"no {kind} row: an exemplar of a function in its prompt seems to mean the same"
    made.discards.append(Discard(job.exemplar.id, job.strategy, reason, kind))


def _rag_negative(job: Job) -> Rows:
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
    own = [h for h in job.retrieved.exemplars if h.function == name]
    only = _prompted([name], own[: job.options.k_exemplar])
    return Rows([rag_row(job, "negative", only, None)])


def _fewer(job: Job, exemplars: Sequence[ExemplarHit]) -> Sequence[ExemplarHit]:
    """At least one exemplar less: the nearest ones, or with ``dropout`` any of them."""
    dropout = job.options.dropout
    if not dropout:
        return exemplars[: job.dice.randrange(1, len(exemplars)) if len(exemplars) > 1 else 0]
    kept = [h for h in exemplars if job.dice.random() >= dropout]
    if len(kept) == len(exemplars):
        kept.pop(job.dice.randrange(len(kept)))
    return kept


def rag_row(job: Job, kind: str, hits: Retrieved, answer: str | None) -> PromptRow:
    variables = rag_variables(
        job.schema,
        job.exemplar.utterance,
        hits,
        context=job.exemplar.context,
        order=job.options.order,
        seed=job.shuffle(kind),
    )
    return job.row(
        kind,
        variables,
        completion_for_rag(answer),
        negative=answer is None,
        candidates=hits.functions,
        exemplar_ids=tuple(h.id for h in hits.exemplars),
        answer_present=answer is None or answer in hits.functions,
    )


def _without(hits: Retrieved, function: str, options: RowOptions) -> Retrieved:
    """The right function taken out of descriptions and exemplars: the answer is ``none``."""
    exemplars = [h for h in hits.exemplars if h.function != function][: options.k_exemplar]
    descriptions = [h for h in hits.descriptions if h.function != function]
    return replace(hits, descriptions=tuple(descriptions), exemplars=tuple(exemplars))


def knn(job: Job) -> Rows:
    exemplar, options = job.exemplar, job.options
    negatives = job.negatives
    unlike = [knn_row(job, n.hit, same=False) for n in negatives if n.use]
    found = Rows(suspects=suspects_in(exemplar, negatives))
    if exemplar.mode == "negative":
        found.rows = unlike
        if not unlike:
            found.discards = job.discard("no exemplar of its function is near").discards
        return found
    if exemplar.function is not None and exemplar.mode == "normal":
        same = [h for h in job.retrieved.exemplars if h.function == exemplar.function]
        alike = [h for h in same if h.mode == "normal"]  # an extended one doesn't say its function
        found.rows += [knn_row(job, h, same=True) for h in alike[: options.knn_pairs]]
    found.rows += unlike
    return found if found.rows else replace(found, discards=job.discard("no pair").discards)


def knn_row(job: Job, hit: ExemplarHit, *, same: bool) -> PromptRow:
    return job.row(
        "knn_yes" if same else "knn_no",
        knn_variables(job.exemplar.utterance, hit),
        completion_for_knn(same),
        negative=not same,
        candidates=(hit.function,) if hit.function else (),
        exemplar_ids=(hit.id,),
    )


def shorter_rag(job: Job, row: PromptRow, shown: Sequence[ExemplarHit]) -> PromptRow | None:
    answer = None if row.negative else row.function
    names = list(row.candidates)
    if not shown:
        spare = [n for n in names if n != answer]
        if len(names) < 2 or not spare:
            return None
        names.remove(spare[-1])
    return rag_row(job, row.kind, _prompted(names, shown[:-1]), answer)


def _prompted(functions: Sequence[str], exemplars: Sequence[ExemplarHit]) -> Retrieved:
    """Exactly these functions and exemplars, most relevant first."""
    from radu_core.retrieval import DescriptionHit, Retrieved

    hits = (DescriptionHit(name, rank, 0.0) for rank, name in enumerate(functions, start=1))
    return Retrieved(tuple(hits), tuple(exemplars))
