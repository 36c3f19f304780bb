"""Everything that the rows of one exemplar and strategy are made from."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypedDict, Unpack

from radu_core.exemplars import AnnotatedExemplar
from radu_core.prompts.asking import Asking, Prompt
from radu_core.prompts.negatives import Judgements, Negative, mine
from radu_core.prompts.options import RowOptions
from radu_core.prompts.prompt_row import Discard, PromptRow, Rows
from radu_core.prompts.render import TemplateSet
from radu_core.schema import Schema

if TYPE_CHECKING:
    from radu_core.retrieval import Retrieved

__all__ = ["Job", "shuffle_seed"]


class _More(TypedDict, total=False):
    negative: bool
    candidates: tuple[str, ...]
    exemplar_ids: tuple[str, ...]
    answer_present: bool
    slot: str | None


def shuffle_seed(options: RowOptions, strategy: str, kind: str, exemplar_id: str) -> str:
    """What decides the order in a row's prompt when orders are shuffled; see ``arrange``."""
    return f"{options.seed}:{strategy}:{kind}:{exemplar_id}"


@dataclass(frozen=True)
class Job:
    """An exemplar, what was retrieved for it, and the options of its rows for one strategy.

    ``retrieved`` holds more exemplars than a prompt shows (negatives are mined among them);
    ``dice`` is the source of everything that is drawn at random.
    """

    strategy: str
    exemplar: AnnotatedExemplar
    schema: Schema
    retrieved: Retrieved
    templates: TemplateSet
    options: RowOptions
    dice: random.Random
    judgements: Judgements = field(default_factory=dict)

    @property
    def prompt_hits(self) -> Retrieved:
        """What was retrieved, with the exemplars that a prompt shows and no more."""
        return replace(
            self.retrieved, exemplars=self.retrieved.exemplars[: self.options.k_exemplar]
        )

    @property
    def negatives(self) -> list[Negative]:
        """The hits of other functions, and whether each is used as a negative."""
        options = self.options
        return mine(
            self.exemplar,
            self.retrieved.exemplars,
            count=options.knn_negatives,
            hardness=options.hardness,
            near_duplicate=options.near_duplicate,
            judgements=self.judgements,
        )

    def asking(self, kind: str) -> Asking:
        """The exemplar's utterance to ask about, for a row of ``kind``."""
        return Asking(
            self.exemplar.utterance,
            self.schema,
            self.templates,
            context=self.exemplar.context,
            order=self.options.order,
            seed=shuffle_seed(self.options, self.strategy, kind, self.exemplar.id),
        )

    def row(self, kind: str, prompt: Prompt, completion: str, **more: Unpack[_More]) -> PromptRow:
        """A row of the exemplar."""
        return PromptRow(
            self.strategy,
            kind,
            prompt.text,
            completion,
            prompt.parts,
            self.exemplar.function,
            self.exemplar.id,
            **more,
        )

    def draws(self, kind: str, share: float) -> bool:
        """Whether the exemplar gives a row of ``kind``.

        Every kind has a lot of its own, so that changing one share leaves the rows of the others as
        they are.
        """
        text = f"{self.options.seed}:{self.strategy}:{kind}:{self.exemplar.id}"
        lot = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
        return lot < share * (1 << 56)

    def discard(self, reason: str) -> Rows:
        """No rows, and why."""
        return Rows(discards=[Discard(self.exemplar.id, self.strategy, reason)])
