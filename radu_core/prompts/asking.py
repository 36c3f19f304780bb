"""What a prompt asks about and how it is written: the part that all strategies share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from radu_core.prompts.render import Part, TemplateSet
from radu_core.schema import Schema

__all__ = ["Asking", "Order", "Prompt", "Variables", "arrange"]

Order = Literal["most_relevant_last", "most_relevant_first", "shuffled"]
Variables = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Prompt:
    """A rendered prompt, as the pieces that its template names by origin."""

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The prompt as the model reads it."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True)
class Asking:
    """An utterance to ask about, and how its prompts are written.

    ``context`` is the function or slot that the bot last asked for. ``seed`` decides the order
    of a prompt that is ``shuffled``.
    """

    utterance: str
    schema: Schema
    templates: TemplateSet
    context: str | None = None
    order: Order = "most_relevant_last"
    seed: str = ""

    def arrange(self, items: Sequence[T], key: Callable[[T], str]) -> list[T]:
        """``items`` (most relevant first) in the order in which they stand in the prompt."""
        return arrange(items, self.order, key, seed=self.seed)

    def render(self, template: str, variables: Variables) -> Prompt:
        """The prompt of a template. Raises ``TemplateError``."""
        return Prompt(tuple(self.templates.render_parts(template, **variables)))


def arrange(
    items: Sequence[T], order: Order, key: Callable[[T], str], *, seed: str = ""
) -> list[T]:
    """``items`` (most relevant first) in the order in which they stand in a prompt.

    ``shuffled`` depends on ``seed`` and each item's ``key`` only, so that leaving one out keeps
    the others as they are.
    """
    if order == "most_relevant_first":
        return list(items)
    if order == "most_relevant_last":
        return list(reversed(items))
    return sorted(items, key=lambda i: hashlib.sha256(f"{seed}\n{key(i)}".encode()).digest())
