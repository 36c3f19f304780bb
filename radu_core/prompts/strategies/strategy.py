"""What a strategy is.

A file beside this one owns each: the variables of its template, its prompt, its completions, its
training rows and how an answer is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from radu_core.prompts.asking import Variables
from radu_core.prompts.job import Job
from radu_core.prompts.prompt_row import PromptRow, Rows
from radu_core.schema import Function

if TYPE_CHECKING:
    from radu_core.retrieval import ExemplarHit

__all__ = ["TRIAL_EXEMPLAR", "TRIAL_FUNCTION", "TRIAL_SLOT", "Strategy", "describe", "show"]


@dataclass(frozen=True)
class Strategy:
    """A task that the model is taught, told apart from the others by its template only.

    - ``task``: what it answers: which function, which values, or a question that the bot asked;
    - ``must_show``: the variables that its template has to show, or the prompt doesn't say what
      is asked;
    - ``trial``: every variable that its template can use, each showing itself as ``trial…``;
    - ``rows``: an exemplar's training rows, and why it gives none;
    - ``questions``: the prompts as they are at inference, in rows without completion;
    - ``shorten``: a row's prompt with the least relevant thing left out, of the exemplars that it
      shows; None when nothing is left to leave out;
    - ``choices``: the completions that a model chooses from, given a prompt's functions; empty
      where it writes.
    """

    name: str
    task: Literal["function", "slots", "question"]
    must_show: tuple[str, ...]
    trial: Variables
    rows: Callable[[Job], Rows]
    questions: Callable[[Job], Rows]
    shorten: Callable[[Job, PromptRow, Sequence[ExemplarHit]], PromptRow | None]
    choices: Callable[[Sequence[str]], tuple[str, ...]]


def show(hit: ExemplarHit) -> Variables:
    """What a template sees of an exemplar."""
    return {"template": hit.template, "function": hit.function, "utterance": hit.utterance}


def describe(function: Function) -> Variables:
    """What a template sees of a function."""
    return {"name": function.name, "description": function.description}


TRIAL_FUNCTION = {"name": "trialfunction", "description": "trialfunction"}
TRIAL_SLOT = {
    "name": "trialslot",
    "description": "trialslot",
    "type": "integer",
    "possible_values": [1],
}
TRIAL_EXEMPLAR = {
    "template": "trialexemplar",
    "utterance": "trialexemplar",
    "function": "trialfunction",
}
