"""Losses that pull the embeddings of one function together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["supervised_contrastive"]


def supervised_contrastive(
    vectors: Tensor,
    functions: Tensor,
    *,
    temperature: float = 0.1,
    unknown: Tensor | None = None,
) -> Tensor:
    """The mean loss of a batch (Khosla et al. 2020, "Supervised contrastive learning", L_out).

    ``vectors`` ``(B, dim)`` needn't be normalised; ``functions`` ``(B,)``, -1 is not known. Rows of
    the same function are positives of each other and never negatives; a row without another of its
    function has no loss of its own. 0 where no row has one.
    """
    unit = functional.normalize(vectors, dim=1)
    near = unit @ unit.T / temperature
    itself = torch.eye(len(unit), dtype=torch.bool)
    is_labelled = functions >= 0
    same = (functions[:, None] == functions[None]) & ~itself & is_labelled[:, None]
    left_out = itself if unknown is None else itself | unknown
    same &= ~left_out
    shares = near.masked_fill(left_out, -torch.inf).log_softmax(1).masked_fill(left_out, 0.0)
    positives = same.sum(1)
    has = positives > 0
    if not bool(has.any()):
        return vectors.sum() * 0.0
    return -((shares * same).sum(1)[has] / positives[has]).mean()
