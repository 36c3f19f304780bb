"""``all``: all slots of a function at once, as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
from radu_core.schema import Arguments, Function

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit

__all__ = ["ALL", "ask", "ask_slots", "completion", "read", "variables"]


# The prompt.


def variables(asking: Asking, function: Function, examples: Sequence[ExemplarHit]) -> Variables:
    """What the template sees: the slots to fill, and examples with their JSON."""
    return {
        "utterance": asking.utterance,
        "context": asking.context or "",
        "function": describe(function),
        "slots": [describe_slot(slot) for slot in slots_to_fill(function)],
        "examples": [
            {
                "utterance": hit.utterance,
                "answer": completion(function, hit.arguments).strip(),
            }
            for hit in asking.arrange(examples, lambda hit: hit.id)
        ],
    }


def ask(asking: Asking, function: Function, examples: Sequence[ExemplarHit]) -> Prompt:
    """Which values the utterance has for the slots of a function."""
    return asking.render("all", variables(asking, function, examples))


def ask_slots(
    asking: Asking, function: Function, hits: Sequence[ExemplarHit], *, k: int
) -> list[SlotQuestion]:
    """The one prompt for a function's slots, with ``k`` examples of ``hits``.

    None where it has no slots to fill.
    """
    if not slots_to_fill(function):
        return []
    examples = choose_examples(hits, function.name, k)
    return [SlotQuestion(function, None, ask(asking, function, examples))]


# The answer.


def completion(function: Function, arguments: Arguments) -> str:
    """One JSON object: the arguments of slots to fill, in the schema's order, no absent ones."""
    return " " + json.dumps(arguments_to_fill(function, arguments), ensure_ascii=False)


def read(answer: str, function: Function) -> tuple[Arguments, list[str]]:
    """The arguments in a model's answer, and what was wrong with the rest."""
    try:
        decoded: Any = parse_json(answer.strip())
    except ValueError:
        return {}, [f"the model's answer isn't JSON: {answer.strip()[:80]!r}"]
    if not isinstance(decoded, Mapping):
        return {}, [f"the model's answer isn't a JSON object: {answer.strip()[:80]!r}"]
    return check_arguments(function, decoded)


# Rows.


def _row(job: Job, kind: str, function: Function, examples: Sequence[ExemplarHit]) -> PromptRow:
    return job.row(
        kind,
        ask(job.asking(kind), function, examples),
        completion(function, job.exemplar.arguments),
        candidates=(function.name,),
        exemplar_ids=tuple(hit.id for hit in examples),
    )


def _questions(job: Job) -> Rows:
    function = function_to_fill(job)
    if isinstance(function, str):
        return job.discard(function)
    return Rows([_row(job, "filled", function, _examples(job, function))])


def _rows(job: Job) -> Rows:
    function = function_to_fill(job)
    if isinstance(function, str):
        return job.discard(function)
    examples = _examples(job, function)
    rows = [_row(job, "filled", function, examples)]
    if examples and job.draws("zero", job.options.zero_share):
        rows.append(_row(job, "zero", function, []))
    return Rows(rows)


def _examples(job: Job, function: Function) -> list[ExemplarHit]:
    return choose_examples(job.retrieved.exemplars, function.name, job.options.k_slot_examples)


def _shorten(job: Job, row: PromptRow, hits: Sequence[ExemplarHit]) -> PromptRow | None:
    function = job.schema.function(row.candidates[0]) if hits else None
    return None if function is None else _row(job, row.kind, function, hits[:-1])


ALL = Strategy(
    name="all",
    task="slots",
    must_show=("utterance",),
    trial={
        "utterance": "trialutterance",
        "context": "trialcontext",
        "function": TRIAL_FUNCTION,
        "slots": [TRIAL_SLOT],
        "examples": [{"utterance": "trialexample", "answer": "1"}],
    },
    rows=_rows,
    questions=_questions,
    shorten=_shorten,
    choices=lambda functions: (),
)
