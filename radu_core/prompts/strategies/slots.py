"""What the strategies that fill slots share: of which function, with which examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radu_core.prompts.asking import Prompt, Variables
from radu_core.prompts.job import Job
from radu_core.schema import Arguments, Function, Slot, Value

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit

__all__ = [
    "SLOT_POOL",
    "SlotQuestion",
    "arguments_to_fill",
    "choose_examples",
    "describe_slot",
    "function_to_fill",
    "slots_to_fill",
]

SLOT_POOL = 20  # exemplars that are searched for examples of the same function


@dataclass(frozen=True)
class SlotQuestion:
    """A prompt that asks for a slot's value, or (``slot`` None) for those of all slots."""

    function: Function
    slot: Slot | None
    prompt: Prompt


def slots_to_fill(function: Function) -> list[Slot]:
    """The slots that the model fills: those without a recognizer, in the schema's order."""
    return [slot for slot in function.slots if slot.recognizer is None]


def arguments_to_fill(function: Function, arguments: Mapping[str, Value]) -> Arguments:
    """The arguments of the slots that the model fills, in the schema's order."""
    names = [slot.name for slot in slots_to_fill(function)]
    return {name: arguments[name] for name in names if name in arguments}


def choose_examples(hits: Sequence[ExemplarHit], function: str, k: int) -> list[ExemplarHit]:
    """The nearest ``k`` examples of a function, of the first ``SLOT_POOL`` hits.

    Extended ones too: they don't say their function, but what they fill they do say.
    """
    return [hit for hit in hits[:SLOT_POOL] if hit.function == function][:k]


def function_to_fill(job: Job) -> Function | str:
    """The function whose slots are to be filled, or why there is none."""
    if job.exemplar.mode == "negative" or job.exemplar.function is None:
        return "out-of-scope and negative exemplars have no slots"
    function = job.schema.function(job.exemplar.function)
    if function is None or not slots_to_fill(function):
        return "the function has no slots for the model to fill"
    return function


def describe_slot(slot: Slot) -> Variables:
    """What a template sees of a slot."""
    return {
        "name": slot.name,
        "description": slot.description,
        "type": slot.type,
        "possible_values": list(slot.possible_values),
    }
