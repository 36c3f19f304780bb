"""``yes_no``: the answer to a question that the bot asked, as one of four words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from radu_core.prompts.asking import Asking, Prompt, Variables
from radu_core.prompts.job import Job
from radu_core.prompts.prompt_row import Rows
from radu_core.prompts.strategies.strategy import Strategy
from radu_core.schema import Function, Schema, Slot

__all__ = [
    "CHOICES",
    "YES_NO",
    "YesNo",
    "ask",
    "completion",
    "find_slot",
    "question_of",
    "read",
    "variables",
]

YesNo = Literal["affirmative", "negative", "indifferent", "irrelevant"]


# The prompt.


def find_slot(schema: Schema, context: str | None) -> tuple[Function, Slot] | None:
    """The boolean slot that the bot last asked for, and its function.

    None where it asked for something else, or for a slot that a recognizer fills.
    """
    place = schema.context_of(context or "")
    slot = place[0].slot(place[1]) if place else None
    if place is None or slot is None or slot.type != "boolean" or slot.recognizer is not None:
        return None
    return place[0], slot


def question_of(slot: Slot) -> str:
    """What the bot asks to fill a slot."""
    return slot.description or slot.name.replace("_", " ")


def variables(asking: Asking, slot: Slot) -> Variables:
    """What the template sees: the question, and the utterance as its answer."""
    return {"question": question_of(slot), "answer": asking.utterance}


def ask(asking: Asking, slot: Slot) -> Prompt:
    """How the utterance answers the question for a boolean slot."""
    return asking.render("yes_no", variables(asking, slot))


# The answer.


def completion(answer: YesNo) -> str:
    """One of the four words."""
    return f" {answer}"


CHOICES = tuple(completion(answer) for answer in get_args(YesNo))


def read(likelihoods: Sequence[float]) -> bool | None:
    """The slot's value, from the log-likelihoods of ``CHOICES``.

    None where the likeliest answer says neither yes nor no.
    """
    best = CHOICES[max(range(len(CHOICES)), key=likelihoods.__getitem__)]
    return {completion("affirmative"): True, completion("negative"): False}.get(best)


# Rows.


def _questions(job: Job) -> Rows:
    """The exemplar answers the question if its context is a boolean slot.

    An answer that doesn't fill the slot is irrelevant to the question.
    """
    place = find_slot(job.schema, job.exemplar.context)
    if place is None:
        return job.discard("the bot hadn't asked a yes/no question")
    function, slot = place
    value = job.exemplar.arguments.get(slot.name)
    answer: YesNo = "irrelevant"
    if job.exemplar.function == function.name and isinstance(value, bool):
        answer = "affirmative" if value else "negative"
    prompt = ask(job.asking("yes_no"), slot)
    return Rows([job.row("yes_no", prompt, completion(answer), slot=slot.name)])


def _rows(job: Job) -> Rows:
    rows = _questions(job)
    if rows.rows and job.exemplar.mode == "negative":
        return job.discard("a negative exemplar says what it isn't, not what it answers")
    return rows


YES_NO = Strategy(
    name="yes_no",
    task="question",
    must_show=("question", "answer"),
    trial={"question": "trialquestion", "answer": "trialanswer"},
    rows=_rows,
    questions=_questions,
    shorten=lambda job, row, shown: None,
    choices=lambda functions: CHOICES,
)
