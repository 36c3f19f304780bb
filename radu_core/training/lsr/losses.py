"""The retriever's distribution over chunks, the teacher's, and how far they are apart.

REPLUG LSR (Shi et al. 2023, arXiv 2301.12652) and RA-DIT (Lin et al. 2023, arXiv 2310.01352). All
tensors have a row for each query and a column for each chunk; ``present`` is False where a row has
fewer chunks than others, and nothing that stands there counts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "FLAT",
    "Divergence",
    "divergence",
    "entropy_share",
    "retriever_log_probabilities",
    "teacher_log_probabilities",
]

# Which of the two comes first in KL(·‖·). Both papers write retriever_teacher; the implementations
# that were published compute teacher_retriever.
Divergence = Literal["retriever_teacher", "teacher_retriever"]

FLAT = 0.95  # a teacher whose entropy is a greater share of the greatest prefers no chunk


def retriever_log_probabilities(
    queries: Tensor, chunks: Tensor, present: Tensor, *, temperature: float
) -> Tensor:
    """The log of softmax(cos / γ) over the chunks of each query.

    ``queries`` ``(B, dim)``, ``chunks`` ``(B, k, dim)``, L2-normalised.
    """
    near = torch.einsum("bd,bkd->bk", queries, chunks)
    return _log_softmax(near / temperature, present)


def teacher_log_probabilities(answers: Tensor, present: Tensor, *, temperature: float) -> Tensor:
    """The log of softmax(P / β) over the chunks of each query.

    ``answers`` ``(B, k)``: how probable the right answer is with each chunk; probabilities and not
    their logarithms, as both papers have it.
    """
    return _log_softmax(answers / temperature, present)


def divergence(
    retriever: Tensor, teacher: Tensor, present: Tensor, *, direction: Divergence
) -> Tensor:
    """``(B,)``: KL(retriever‖teacher) or KL(teacher‖retriever) of log-probabilities."""
    one, other = (retriever, teacher) if direction == "retriever_teacher" else (teacher, retriever)
    apart = one.exp() * (one - other)
    return apart.masked_fill(~present, 0.0).sum(1)


def entropy_share(log_probabilities: Tensor, present: Tensor) -> Tensor:
    """``(B,)``, 0 to 1: the entropy as a share of ln k; 1 where there is one chunk."""
    terms = (log_probabilities.exp() * log_probabilities).masked_fill(~present, 0.0)
    most = present.sum(1).clamp(min=1).log()
    return torch.where(most > 0, -terms.sum(1) / most.clamp(min=math.log(2) / 2), 1.0)


def _log_softmax(scores: Tensor, present: Tensor) -> Tensor:
    """Finite everywhere: what isn't present would give NaN gradients as minus infinity."""
    return scores.masked_fill(~present, -1e9).log_softmax(1)
