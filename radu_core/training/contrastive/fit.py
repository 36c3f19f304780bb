"""Supervised contrastive tuning over utterances, templates and descriptions.

Khosla et al. 2020, "Supervised contrastive learning", on all texts that a module's retrieval
compares: utterances, the templates in the index, and the functions' descriptions.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval.embedder import Side
from radu_core.retrieval.index import description_text
from radu_core.retrieval.pairs import Judgements, equality, pair_of
from radu_core.schema import Schema
from radu_core.training.joint.files import CONTRASTIVE_ROUNDS, epochs_for
from radu_core.training.joint.losses import supervised_contrastive
from radu_core.training.joint.model import encode
from radu_core.training.worker.steps import Fitting, groups_by_decay, steps_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["ContrastiveFitting", "ContrastiveSettings", "Encoding", "Lessons", "contrastive_steps"]

_DESCRIBED = -1  # a text of no exemplar


@dataclass(frozen=True)
class ContrastiveSettings:
    """How a retriever is tuned.

    ``epochs`` None: by the number of labels; ``batch_size`` counts labels, each of which gives one
    or two texts.
    """

    epochs: float | None = None
    max_steps: int | None = None
    batch_size: int = 32
    learning_rate: float = 5e-5
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    temperature: float = 0.1
    seed: int = 0


def contrastive_steps(settings: ContrastiveSettings, labels: int) -> int:
    """Optimizer steps on so many labels: they grow with the square root of them."""
    epochs = settings.epochs or epochs_for(labels, CONTRASTIVE_ROUNDS)
    return steps_of(settings, labels, epochs)


@dataclass(frozen=True)
class Lessons:
    """What is learnt besides the labels.

    ``prompts`` are the encoder's, by side; ``centres`` ``(functions, dim)`` say which functions are
    near each other before any tuning, in the order of ``functions``; ``judged`` is what people said
    of pairs of exemplars.
    """

    functions: tuple[str, ...]
    centres: NDArray[np.float32]
    descriptions: Mapping[str, str]
    prompts: Mapping[str, str]
    judged: Judgements

    @classmethod
    def of(
        cls,
        schema: Schema,
        exemplars: Sequence[AnnotatedExemplar],
        vectors: NDArray[np.float32],
        prompts: Mapping[str, str],
        judgements: Judgements,
    ) -> Lessons:
        """The lessons of a module.

        ``vectors`` ``(n, dim)`` are of the exemplars' utterances. A function without an exemplar
        among them is near nothing.
        """
        names = tuple(sorted(f.name for f in schema.functions))
        place = {name: n for n, name in enumerate(names)}
        numbers_known = [n for n, e in enumerate(exemplars) if e.function in place]
        at = np.array([place[exemplars[n].function or ""] for n in numbers_known], dtype=np.int64)
        centres = np.zeros((len(names), vectors.shape[1]), dtype=np.float32)
        np.add.at(centres, at, vectors[numbers_known])
        centres /= np.bincount(at, minlength=len(names)).clip(min=1)[:, None]
        texts_of_functions = {f.name: description_text(f) for f in schema.functions}
        return cls(names, centres, texts_of_functions, prompts, judgements)


class Encoding(nn.Module):
    """An encoder as it is tuned; ``adapters`` as ``lora.adapt`` has them."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.adapters: list[Any] = []

    def forward(self, texts: Sequence[str]) -> tuple[Tensor, int]:
        """``(n, dim)`` before normalisation, and how many tokens they took."""
        features = self.encoder.tokenizer(
            list(texts),
            truncation=True,
            max_length=self.encoder.max_seq_length or 512,
            padding=True,
            return_tensors="pt",
        )
        return encode(self.encoder, features)[0], int(features["attention_mask"].sum())


class ContrastiveFitting(Fitting[AnnotatedExemplar]):
    """A retriever in training.

    A batch holds labels two by two of one function. In every other round, functions that are near
    each other follow one another: their labels are the hard negatives. Labels of two functions that
    seem to mean the same are neither pulled together nor pushed apart, unless somebody has judged
    them different; those who were judged different meet in a batch.
    """

    def __init__(
        self,
        model: Encoding,
        exemplars: Sequence[AnnotatedExemplar],
        lessons: Lessons,
        settings: ContrastiveSettings,
    ) -> None:
        steps = contrastive_steps(settings, len(exemplars))
        groups = groups_by_decay(model, rate=settings.learning_rate, decay=settings.weight_decay)
        super().__init__(model, exemplars, groups, settings, steps)
        self.model = model
        self.settings = settings
        self.left_out: set[tuple[str, str]] = set()  # pairs of two functions that weren't compared
        self._lessons = lessons
        self._place = {name: n for n, name in enumerate(lessons.functions)}
        self._by_id = {e.id: e for e in exemplars}
        self._apart: dict[str, list[str]] = defaultdict(list)
        for (one, other), verdict in sorted(lessons.judged.items()):
            if verdict == "different" and one in self._by_id and other in self._by_id:
                self._apart[one].append(other)
                self._apart[other].append(one)
        self._round: tuple[int, list[AnnotatedExemplar]] = (-1, [])

    def loss(self, batch: list[AnnotatedExemplar]) -> Tensor:
        """The contrastive loss of all texts of a batch."""
        texts, functions, rows = self._texts(batch)
        vectors, tokens = self.model(texts)
        self.tokens += tokens
        return supervised_contrastive(
            vectors,
            torch.tensor(functions),
            temperature=self.settings.temperature,
            unknown=self._unknown(batch, rows),
        )

    def state(self) -> dict[str, Any]:
        """With the pairs that were left out so far."""
        return super().state() | {"left_out": sorted(map(list, self.left_out))}

    def load(self, state: dict[str, Any]) -> None:
        """As ``state`` gave it."""
        super().load(state)
        self.left_out = {(one, other) for one, other in state["left_out"]}

    def _texts(self, batch: Sequence[AnnotatedExemplar]) -> tuple[list[str], list[int], list[int]]:
        """The texts of some labels, with their prompts, functions and places in the batch.

        Every second label is asked as what is compared with descriptions, the others with
        exemplars; these show the template as well.
        """
        prompts = self._lessons.prompts
        texts_to_learn: list[tuple[str, int, int]] = []
        for n, exemplar in enumerate(batch):
            function = self._place.get(exemplar.function or "", -1)
            side: Side = "query" if n % 2 else "asked"
            texts_to_learn.append((prompts[side] + exemplar.utterance, function, n))
            template = exemplar.template
            if template and template != exemplar.utterance and n % 2 == 0:
                texts_to_learn.append((prompts["symmetric"] + template, function, n))
        for name in sorted({e.function for e in batch if e.function}):
            if name in self._lessons.descriptions:
                text = prompts["passage"] + self._lessons.descriptions[name]
                texts_to_learn.append((text, self._place[name], _DESCRIBED))
        texts, functions, rows = zip(*texts_to_learn, strict=True)
        return list(texts), list(functions), list(rows)

    def _unknown(self, batch: Sequence[AnnotatedExemplar], rows: Sequence[int]) -> Tensor:
        """``(texts, texts)``: which pairs are neither of one function nor known to be different."""
        count = len(batch)
        pairs = np.zeros((count + 1, count + 1), dtype=bool)  # the last: descriptions
        for n, one in enumerate(batch):
            for m, other in enumerate(batch[:n]):
                if one.function != other.function and self._may_mean_the_same(one, other):
                    pairs[n, m] = pairs[m, n] = True
                    self.left_out.add(pair_of(one.id, other.id))
        at = np.array([count if row == _DESCRIBED else row for row in rows])
        return torch.from_numpy(pairs[np.ix_(at, at)])

    def _may_mean_the_same(self, one: AnnotatedExemplar, other: AnnotatedExemplar) -> bool:
        verdict = self._lessons.judged.get(pair_of(one.id, other.id))
        if verdict is not None:
            return verdict == "same"
        return bool(one.template and other.template and equality(one.template, other.template))

    def _batch(self) -> list[AnnotatedExemplar]:
        """The labels of this step; a label without its function's other one ends up alone."""
        size = self.settings.batch_size
        number, place = divmod(self.step - 1, math.ceil(len(self.rows) / size))
        if self._round[0] != number:
            self._round = (number, self._order(number))
        return self._round[1][place * size : (place + 1) * size]

    def _order(self, number: int) -> list[AnnotatedExemplar]:
        """All labels in the order of a round."""
        chance = random.Random(self.settings.seed * 1_000_003 + number)
        by_function: dict[str, list[AnnotatedExemplar]] = defaultdict(list)
        for exemplar in self.rows:
            by_function[exemplar.function or ""].append(exemplar)
        couples: list[list[AnnotatedExemplar]] = []
        for _, own in sorted(by_function.items()):
            chance.shuffle(own)
            couples += [own[n : n + 2] for n in range(0, len(own), 2)]
        chance.shuffle(couples)
        if number % 2:
            couples = self._near_together(couples, chance)
        return self._meeting(couples)

    def _near_together(
        self, couples: list[list[AnnotatedExemplar]], chance: random.Random
    ) -> list[list[AnnotatedExemplar]]:
        """Order couples so that functions that are near each other follow one another.

        Each batch takes a couple of a function and of those nearest to it.
        """
        if not self._lessons.functions:
            return couples
        waiting: dict[str, list[list[AnnotatedExemplar]]] = defaultdict(list)
        for couple in couples:
            waiting[couple[0].function or ""].append(couple)
        near = self._lessons.centres @ self._lessons.centres.T
        exemplars: list[list[AnnotatedExemplar]] = []
        while waiting:
            first = chance.choice(sorted(waiting))
            order = [first]
            if first in self._place:
                order_of_functions = np.argsort(-near[self._place[first]], kind="stable")
                order = [
                    n for p in order_of_functions if (n := self._lessons.functions[p]) in waiting
                ]
            for name in order[: max(1, self.settings.batch_size // 2)]:
                exemplars.append(waiting[name].pop())
                if not waiting[name]:
                    del waiting[name]
        return exemplars

    def _meeting(self, couples: list[list[AnnotatedExemplar]]) -> list[AnnotatedExemplar]:
        """The labels in order, those judged different from one right behind it."""
        if not self._apart:
            return [e for couple in couples for e in couple]
        exemplars: dict[str, AnnotatedExemplar] = {}
        for couple in couples:
            for exemplar in couple:
                exemplars.setdefault(exemplar.id, exemplar)
                for other in self._apart.get(exemplar.id, ()):
                    exemplars.setdefault(other, self._by_id[other])
        return list(exemplars.values())
