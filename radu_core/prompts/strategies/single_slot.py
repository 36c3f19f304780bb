"""``single``: one slot of a function at a time, as a JSON value or null."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from radu_core.files import parse_json
from radu_core.prompts.asking import Asking, Prompt, Variables
from radu_core.prompts.job import Job
from radu_core.prompts.prompt_row import PromptRow, Rows
from radu_core.prompts.strategies.reading import check_arguments
from radu_core.prompts.strategies.slots import (
    SlotQuestion,
    arguments_to_fill,
    choose_examples,
    describe_slot,
    function_to_fill,
    slots_to_fill,
)
from radu_core.prompts.strategies.strategy import TRIAL_FUNCTION, TRIAL_SLOT, Strategy, describe
from radu_core.schema import Arguments, Function, Slot, Value

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit

__all__ = ["SINGLE", "ask", "ask_slots", "completion", "read", "variables"]


# The prompt.


def variables(
    asking: Asking, function: Function, slot: Slot, examples: Sequence[ExemplarHit]
) -> Variables:
    """What the template sees: one slot, and examples with its value or null."""
    return {
        "utterance": asking.utterance,
        "function": describe(function),
        "slot": describe_slot(slot),
        "examples": [
            {
                "utterance": hit.utterance,
                "answer": completion(hit.arguments.get(slot.name)).strip(),
            }
            for hit in asking.arrange(examples, lambda hit: hit.id)
        ],
    }


def ask(asking: Asking, function: Function, slot: Slot, examples: Sequence[ExemplarHit]) -> Prompt:
    """Which value the utterance has for a slot, if any."""
    return asking.render("single", variables(asking, function, slot, examples))


def ask_slots(
    asking: Asking, function: Function, hits: Sequence[ExemplarHit], *, k: int
) -> list[SlotQuestion]:
    """A prompt for each slot of a function, with ``k`` examples of ``hits``."""
    examples = choose_examples(hits, function.name, k)
    return [
        SlotQuestion(function, slot, ask(asking, function, slot, examples))
        for slot in slots_to_fill(function)
    ]


# The answer.


def completion(value: Value | None) -> str:
    """The slot's JSON value, ``null`` if absent."""
    return " " + json.dumps(value, ensure_ascii=False)


def read(answer: str, function: Function, slot: Slot) -> tuple[Arguments, list[str]]:
    """The slot's value in a model's answer, as arguments, and what was wrong with it."""
    try:
        decoded: Any = parse_json(answer.strip())
    except ValueError:
        return {}, [f"the model's answer isn't JSON: {answer.strip()[:80]!r}"]
    return check_arguments(function, {slot.name: decoded})


# Rows.


def _row(job: Job, function: Function, slot: Slot, examples: Sequence[ExemplarHit]) -> PromptRow:
    value = job.exemplar.arguments.get(slot.name)
    kind = "absent" if value is None else "filled"
    return job.row(
        kind,
        ask(job.asking(f"{kind}:{slot.name}"), function, slot, examples),
        completion(value),
        negative=value is None,
        candidates=(function.name,),
        exemplar_ids=tuple(hit.id for hit in examples),
        slot=slot.name,
    )


def _questions(job: Job) -> Rows:
    function = function_to_fill(job)
    if isinstance(function, str):
        return job.discard(function)
    return _rows_for(job, function, slots_to_fill(function))


def _rows(job: Job) -> Rows:
    """A row per slot with a value, and about as many of slots without one."""
    function = function_to_fill(job)
    if isinstance(function, str):
        return job.discard(function)
    arguments = arguments_to_fill(function, job.exemplar.arguments)
    slots = slots_to_fill(function)
    absent = [slot for slot in slots if slot.name not in arguments]
    job.dice.shuffle(absent)
    filled_slots = [slot for slot in slots if slot.name in arguments]
    return _rows_for(job, function, filled_slots + absent[: max(1, len(arguments))])


def _rows_for(job: Job, function: Function, slots: Sequence[Slot]) -> Rows:
    k = job.options.k_slot_examples
    examples = choose_examples(job.retrieved.exemplars, function.name, k)
    return Rows([_row(job, function, slot, examples) for slot in slots])


def _shorten(job: Job, row: PromptRow, hits: Sequence[ExemplarHit]) -> PromptRow | None:
    function = job.schema.function(row.candidates[0]) if hits else None
    slot = function.slot(row.slot) if function and row.slot else None
    if function is None or slot is None:
        return None
    return _row(job, function, slot, hits[:-1])


SINGLE = Strategy(
    name="single",
    task="slots",
    must_show=("utterance", "slot"),
    trial={
        "utterance": "trialutterance",
        "function": TRIAL_FUNCTION,
        "slot": TRIAL_SLOT,
        "examples": [{"utterance": "trialexample", "answer": "1"}],
    },
    rows=_rows,
    questions=_questions,
    shorten=_shorten,
    choices=lambda functions: (),
)
