"""Rows of the strategies that fill slots or read an answer: all, single and yes_no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from radu_core.prompts.making import Job, PromptRow, Rows
from radu_core.prompts.strategies import (
    Variables,
    YesNo,
    all_variables,
    completion_for_all,
    completion_for_single,
    completion_for_yes_no,
    llm_arguments,
    single_variables,
    slot_examples,
)
from radu_core.schema import Function, Slot

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit

__all__ = ["all_row", "all_slots", "single_row", "single_slot", "yes_no"]


def _slot_function(job: Job) -> Function | str:
    """The function whose slots are to be filled, or why there is none."""
    if job.exemplar.mode == "negative" or job.exemplar.function is None:
        return "out-of-scope and negative exemplars have no slots"
    function = job.schema.function(job.exemplar.function)
    if function is None or not any(s.recognizer is None for s in function.slots):
        return "the function has no slots for the model to fill"
    return function


def _examples(job: Job, function: str) -> list[ExemplarHit]:
    return slot_examples(job.retrieved.exemplars, function, job.options.k_slot_examples)


def all_slots(job: Job) -> Rows:
    function = _slot_function(job)
    if isinstance(function, str):
        return job.discard(function)
    examples = _examples(job, function.name)
    rows = [all_row(job, "filled", function, examples)]
    if examples and job.drawn("zero", job.options.zero_share):
        rows.append(all_row(job, "zero", function, []))
    return Rows(rows)


def all_row(job: Job, kind: str, function: Function, examples: Sequence[ExemplarHit]) -> PromptRow:
    return job.row(
        kind,
        all_variables(
            job.exemplar.utterance,
            function,
            examples,
            context=job.exemplar.context,
            order=job.options.order,
            seed=job.shuffle(kind),
        ),
        completion_for_all(function, job.exemplar.arguments),
        candidates=(function.name,),
        exemplar_ids=tuple(h.id for h in examples),
    )


def single_slot(job: Job, *, every: bool = False) -> Rows:
    """A row per slot with a value and about as many without one, or one for ``every`` slot."""
    function = _slot_function(job)
    if isinstance(function, str):
        return job.discard(function)
    examples = _examples(job, function.name)
    given = llm_arguments(function, job.exemplar.arguments)
    slots = [s for s in function.slots if s.recognizer is None]
    absent = [s for s in slots if s.name not in given]
    job.dice.shuffle(absent)
    wanted = [s for s in slots if s.name in given] + absent[: max(1, len(given))]
    wanted = slots if every else wanted
    return Rows([single_row(job, function, slot, examples) for slot in wanted])


def single_row(
    job: Job, function: Function, slot: Slot, examples: Sequence[ExemplarHit]
) -> PromptRow:
    value = job.exemplar.arguments.get(slot.name)
    kind = "absent" if value is None else "filled"
    return job.row(
        kind,
        single_variables(
            job.exemplar.utterance,
            function,
            slot,
            examples,
            order=job.options.order,
            seed=job.shuffle(f"{kind}:{slot.name}"),
        ),
        completion_for_single(value),
        negative=value is None,
        candidates=(function.name,),
        exemplar_ids=tuple(h.id for h in examples),
        slot=slot.name,
    )


def yes_no(job: Job) -> Rows:
    """Answers to a yes/no question: an exemplar whose context is a boolean slot answers it.

    An answer that doesn't fill the slot is irrelevant to the question.
    """
    asked = job.schema.context_of(job.exemplar.context or "")
    slot = asked[0].slot(asked[1]) if asked else None
    if asked is None or slot is None or slot.type != "boolean":
        return job.discard("the bot hadn't asked a yes/no question")
    if job.exemplar.mode == "negative":
        return job.discard("a negative exemplar says what it isn't, not what it answers")
    value = job.exemplar.arguments.get(slot.name)
    answer: YesNo = "irrelevant"
    if job.exemplar.function == asked[0].name and isinstance(value, bool):
        answer = "affirmative" if value else "negative"
    question = slot.description or slot.name.replace("_", " ")
    variables: Variables = {"question": question, "answer": job.exemplar.utterance}
    return Rows([job.row("yes_no", variables, completion_for_yes_no(answer), slot=slot.name)])
