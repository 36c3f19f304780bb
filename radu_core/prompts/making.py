"""One row in the making: what it is made from, and what an exemplar gives."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict, Unpack

from radu_core.exemplars import AnnotatedExemplar
from radu_core.prompts.negatives import Judgements, Negative, Suspect, mine
from radu_core.prompts.options import RowOptions
from radu_core.prompts.render import Part, TemplateSet
from radu_core.prompts.strategies import Variables, parts_of
from radu_core.schema import Schema

if TYPE_CHECKING:
    from radu_core.retrieval import Retrieved

__all__ = ["Discard", "Job", "PromptRow", "Rows", "shuffle_seed"]


@dataclass(frozen=True)
class PromptRow:
    """A prompt and what must follow it. The end token is added when it is tokenized.

    ``kind`` says how the row came about: positive, fewer, zero, removed, out_of_scope, negative
    (of a negative exemplar), knn_yes, knn_no, filled, absent, yes_no, or asked: a prompt as at
    inference, with an empty completion. ``candidates`` are the functions in the prompt and
    ``exemplar_ids`` the exemplars, both with the most relevant first, whatever the prompt's order;
    ``parts`` is empty where nobody asked for them.
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
    """What one exemplar gave."""

    rows: list[PromptRow] = field(default_factory=list)
    discards: list[Discard] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)


class _More(TypedDict, total=False):
    negative: bool
    candidates: tuple[str, ...]
    exemplar_ids: tuple[str, ...]
    answer_present: bool
    slot: str | None


def shuffle_seed(options: RowOptions, strategy: str, kind: str, exemplar_id: str) -> str:
    """What decides the order in a row's prompt when orders are shuffled; see ``arranged``."""
    return f"{options.seed}:{strategy}:{kind}:{exemplar_id}"


@dataclass(frozen=True)
class Job:
    """Everything that the rows of one exemplar and strategy are made from."""

    strategy: str
    exemplar: AnnotatedExemplar
    schema: Schema
    retrieved: Retrieved
    templates: TemplateSet
    options: RowOptions
    dice: random.Random
    with_parts: bool = True
    judgements: Judgements = field(default_factory=dict)

    def row(
        self, kind: str, variables: Variables, completion: str, **more: Unpack[_More]
    ) -> PromptRow:
        parts: tuple[Part, ...] = ()
        if self.with_parts:
            parts = tuple(parts_of(self.templates, self.strategy, variables))
            prompt = "".join(p.text for p in parts)
        else:
            prompt = self.templates.render(self.strategy, **variables)
        return PromptRow(
            self.strategy,
            kind,
            prompt,
            completion,
            parts,
            self.exemplar.function,
            self.exemplar.id,
            **more,
        )

    def shuffle(self, kind: str) -> str:
        """What decides the order of a row of ``kind`` when orders are shuffled."""
        return shuffle_seed(self.options, self.strategy, kind, self.exemplar.id)

    def drawn(self, kind: str, share: float) -> bool:
        """Whether the exemplar gives a row of ``kind``. Every kind has a lot of its own, so that
        changing one share leaves the rows of the others as they are."""
        text = f"{self.options.seed}:{self.strategy}:{kind}:{self.exemplar.id}"
        lot = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
        return lot < share * (1 << 56)

    def discard(self, reason: str) -> Rows:
        return Rows(discards=[Discard(self.exemplar.id, self.strategy, reason)])

    @property
    def negatives(self) -> list[Negative]:
        """The hits of other functions, and what becomes of each."""
        options = self.options
        return mine(
            self.exemplar,
            self.retrieved.exemplars,
            count=options.knn_negatives,
            hardness=options.hardness,
            near_duplicate=options.near_duplicate,
            judgements=self.judgements,
        )
