"""Training a retriever on what a teacher said of its chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.nn import functional

from radu_core.progress import Progress, silent
from radu_core.retrieval.embedder import Side
from radu_core.training.joint.files import epochs_for
from radu_core.training.joint.model import encode, prompt_of
from radu_core.training.lsr.losses import (
    FLAT,
    Divergence,
    divergence,
    entropy_share,
    retriever_log_probabilities,
    teacher_log_probabilities,
)
from radu_core.training.worker.steps import Fitting, groups_by_decay, steps_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["Lesson", "LsrFitting", "LsrSettings", "TunedEmbedder", "is_flat", "lsr_steps"]

_BATCH = 64


@dataclass(frozen=True)
class Lesson:
    """An utterance, the places of its chunks, and what the teacher says of each.

    That is how probable it found the right answer with the chunk.
    """

    utterance: str
    chunks: tuple[int, ...]
    answers: tuple[float, ...]


@dataclass(frozen=True)
class LsrSettings:
    """How a retriever learns from a teacher.

    ``tower`` ``query``: only the encoder of utterances is trained, and chunks keep their vectors
    (RA-DIT); ``shared``: one encoder of both (REPLUG).
    """

    epochs: float | None = None
    max_steps: int | None = None
    batch_size: int = 32
    learning_rate: float = 5e-5
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    tower: Literal["query", "shared"] = "query"
    divergence: Divergence = "retriever_teacher"
    retriever_temperature: float = 0.1
    teacher_temperature: float = 0.1
    reembed_every: int = 50
    seed: int = 0


def lsr_steps(settings: LsrSettings, lessons: int) -> int:
    """Optimizer steps on so many lessons."""
    return steps_of(settings, lessons, settings.epochs or epochs_for(lessons))


def is_flat(answers: Sequence[float], *, temperature: float) -> bool:
    """Whether a teacher's distribution prefers no chunk: there is nothing to learn from it."""
    answers_row = torch.tensor([list(answers)], dtype=torch.float64)
    present = torch.ones_like(answers_row, dtype=torch.bool)
    teacher = teacher_log_probabilities(answers_row, present, temperature=temperature)
    return bool(entropy_share(teacher, present) > FLAT)


class LsrFitting(Fitting[Lesson]):
    """An encoder in training.

    ``texts`` are the chunks; ``vectors`` ``(chunks, dim)``, L2-normalised, are theirs where they
    stay. ``renew`` gives the lessons of the encoder as it is by then; it is called before a step
    whenever ``reembed_every`` steps were made.
    """

    def __init__(
        self,
        encoder: Any,
        texts: Sequence[str],
        lessons: Sequence[Lesson],
        settings: LsrSettings,
        *,
        vectors: NDArray[np.float32] | None = None,
        renew: Callable[[], Sequence[Lesson]] | None = None,
    ) -> None:
        steps = lsr_steps(settings, len(lessons))
        groups = groups_by_decay(encoder, rate=settings.learning_rate, decay=settings.weight_decay)
        super().__init__(encoder, lessons, groups, settings, steps)
        self.encoder = encoder
        self.settings = settings
        self._texts = list(texts)
        self._fixed = None if vectors is None else torch.from_numpy(vectors)
        self._renew = renew

    def make_step(self, progress: float | None = None) -> float:
        """As ``Fitting.make_step``, on new lessons when it is time for them."""
        if self._renew and self.step and self.step % self.settings.reembed_every == 0:
            self.rows = list(self._renew())
        return super().make_step(progress)

    def loss(self, batch: list[Lesson]) -> Tensor:
        """The mean divergence of retriever and teacher."""
        width = max(len(lesson.chunks) for lesson in batch)
        present = torch.tensor([[n < len(x.chunks) for n in range(width)] for x in batch])
        places = sorted({place for lesson in batch for place in lesson.chunks})
        row = {place: n for n, place in enumerate(places)}
        at = torch.tensor([_pad([row[c] for c in x.chunks], width) for x in batch]).long()
        queries = self._vectors([lesson.utterance for lesson in batch])
        if self._fixed is None:
            chunks = self._vectors([self._texts[place] for place in places])
        else:
            chunks = self._fixed[places].to(queries.dtype)
        answers = torch.tensor([_pad(x.answers, width) for x in batch], dtype=queries.dtype)
        own = self.settings
        apart = divergence(
            retriever_log_probabilities(
                queries, chunks[at], present, temperature=own.retriever_temperature
            ),
            teacher_log_probabilities(answers, present, temperature=own.teacher_temperature),
            present,
            direction=own.divergence,
        )
        return apart.mean()

    def _vectors(self, texts: Sequence[str]) -> Tensor:
        """``(n, dim)``, L2-normalised."""
        features = _features(self.encoder, texts)
        self.tokens += int(features["attention_mask"].sum())
        return functional.normalize(encode(self.encoder, features)[0], dim=1)


class TunedEmbedder:
    """An ``Embedder`` of encoders in training, which compares utterances with exemplars only."""

    def __init__(self, query: Any, document: Any) -> None:
        self.name = self.identity = "in training"
        self._query, self._document = query, document

    def embed(
        self, texts: Sequence[str], *, side: Side = "symmetric", progress: Progress = silent
    ) -> NDArray[np.float32]:
        """As ``SentenceEmbedder.embed``."""
        encoder = self._query if side in ("query", "asked") else self._document
        was_training = encoder.training
        encoder.eval()
        vectors = np.zeros((len(texts), int(encoder.get_embedding_dimension())), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda n: (len(texts[n]), n))
        with torch.inference_mode():
            for start in range(0, len(order), _BATCH):
                part = order[start : start + _BATCH]
                part_vectors, _ = encode(encoder, _features(encoder, [texts[n] for n in part]))
                vectors[part] = functional.normalize(part_vectors, dim=1).float().numpy()
        encoder.train(was_training)
        return vectors


def _features(encoder: Any, texts: Sequence[str]) -> Any:
    prompt = prompt_of(encoder)
    return encoder.tokenizer(
        [prompt + text for text in texts],
        truncation=True,
        max_length=encoder.max_seq_length or 512,
        padding=True,
        return_tensors="pt",
    )


def _pad(values: Sequence[float], width: int) -> list[float]:
    return [*values, *[0] * (width - len(values))]
