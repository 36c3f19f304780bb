"""A prompt and its completion, and everything that an exemplar gives for a strategy."""

from __future__ import annotations

from dataclasses import dataclass, field

from radu_core.prompts.negatives import Suspect
from radu_core.prompts.render import Part

__all__ = ["Discard", "PromptRow", "Rows"]


@dataclass(frozen=True)
class PromptRow:
    """A prompt and what must follow it. The end token is added when it is tokenized.

    ``kind`` says how the row came about: positive, fewer, zero, removed, out_of_scope, negative
    (of a negative exemplar), knn_yes, knn_no, filled, absent, yes_no, or asked: a prompt as at
    inference, with an empty completion. ``candidates`` are the functions in the prompt and
    ``exemplar_ids`` the exemplars, both with the most relevant first, whatever the prompt's order.
    """

    strategy: str
    kind: str
    prompt: str
    completion: str
    parts: tuple[Part, ...]
    function: str | None
    exemplar_id: str
    negative: bool = False
    candidates: tuple[str, ...] = ()
    exemplar_ids: tuple[str, ...] = ()
    answer_present: bool = True
    slot: str | None = None


@dataclass(frozen=True)
class Discard:
    """An exemplar that gives no row for a strategy, and why. ``kind``: only none of that kind."""

    exemplar_id: str
    strategy: str
    reason: str
    kind: str | None = None


@dataclass
class Rows:
    """Everything that one exemplar gives for a strategy."""

    rows: list[PromptRow] = field(default_factory=list)
    discards: list[Discard] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
