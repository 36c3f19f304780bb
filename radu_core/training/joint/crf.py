"""A linear-chain CRF over BIO labels, restricted to the slots of each row's function.

Lafferty, McCallum and Pereira 2001, "Conditional random fields". Its transitions are sums of a few
weights of each slot instead of a free matrix of all labels, so that a schema of a thousand slots
costs what its functions cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from radu_core.training.joint.reading import NEVER, Transitions

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SlotCrf"]

_FROM_OUTSIDE, _BEGIN_ENDS, _INSIDE_ENDS, _BEGIN_GOES_ON, _INSIDE_GOES_ON, _LEFT, _ENTERED = range(
    7
)


class SlotCrf(nn.Module):
    """Scores of label sequences.

    Labels of a row are local to its ``slots`` ``(B, K)``: 0 is O, ``1 + 2i`` begins the row's slot
    ``i`` and ``2 + 2i`` continues it; -1 pads ``slots``.

    ``emissions`` are ``(B, T, 1 + 2S)`` over all ``S`` slots: O, then begin and continue of each.
    """

    def __init__(self, slots: int) -> None:
        super().__init__()
        self.outside = nn.Parameter(torch.zeros(()))
        self.weights = nn.Parameter(torch.zeros(slots, 7))

    def loss(self, emissions: Tensor, slots: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
        """The negative log-likelihoods ``(B,)`` of ``labels`` ``(B, T)``.

        Beyond ``lengths`` ``(B,)`` they count for nothing.
        """
        local, moves = self._local(emissions, slots), self.transitions(slots)
        rows = torch.arange(len(labels))
        score = local[rows, 0, labels[:, 0]]
        reached = local[:, 0] + _at_start(local)
        for t in range(1, labels.shape[1]):
            goes_on = t < lengths
            step = moves[rows, labels[:, t - 1], labels[:, t]] + local[rows, t, labels[:, t]]
            score = score + torch.where(goes_on, step, 0.0)
            further = torch.logsumexp(reached[:, :, None] + moves, 1) + local[:, t]
            reached = torch.where(goes_on[:, None], further, reached)
        result: Tensor = torch.logsumexp(reached, 1) - score
        return torch.where(lengths > 0, result, 0.0)

    def decode(
        self, emissions: Tensor, slots: Tensor, lengths: Tensor
    ) -> list[tuple[list[int], float]]:
        """The likeliest labels of each row, and their log-probability.

        By Viterbi, and the forward sums.
        """
        weights, emission_scores = self.weights_of(), emissions.detach().numpy()
        return [
            weights.best_path(emission_scores[n, :length], [s for s in own if s >= 0])
            for n, (own, length) in enumerate(zip(slots.tolist(), lengths.tolist(), strict=True))
        ]

    def weights_of(self) -> Transitions:
        """Its weights, to decode with."""
        return Transitions(self.outside.item(), self.weights.detach().numpy())

    def transitions(self, slots: Tensor) -> Tensor:
        """``(B, 1 + 2K, 1 + 2K)``: what it adds to go from one local label to another."""
        rows, count = slots.shape
        weights = self.weights[slots.clamp(min=0)] if count else self.weights.new_zeros(rows, 0, 7)
        begin = 1 + 2 * torch.arange(count)
        moves = weights.new_full((rows, 1 + 2 * count, 1 + 2 * count), NEVER)
        moves[:, 0, 0] = self.outside
        moves[:, 0, begin] = weights[..., _FROM_OUTSIDE]
        moves[:, begin, 0] = weights[..., _BEGIN_ENDS]
        moves[:, begin + 1, 0] = weights[..., _INSIDE_ENDS]
        moves[:, begin, begin + 1] = weights[..., _BEGIN_GOES_ON]
        moves[:, begin + 1, begin + 1] = weights[..., _INSIDE_GOES_ON]
        between = weights[:, :, None, _LEFT] + weights[:, None, :, _ENTERED]
        moves[:, begin[:, None], begin[None]] = between
        moves[:, begin[:, None] + 1, begin[None]] = between
        return moves

    def _local(self, emissions: Tensor, slots: Tensor) -> Tensor:
        """``(B, T, 1 + 2K)``: the emissions of each row's own labels."""
        rows, width, _ = emissions.shape
        slots_clamped = slots.clamp(min=0)
        places = torch.stack([1 + 2 * slots_clamped, 2 + 2 * slots_clamped], -1).flatten(1)
        places = torch.cat([places.new_zeros(rows, 1), places], 1)
        padding = torch.repeat_interleave(slots < 0, 2, dim=1)
        padding = torch.cat([padding.new_zeros(rows, 1), padding], 1)
        local = emissions.gather(2, places[:, None].expand(-1, width, -1))
        return local.masked_fill(padding[:, None], NEVER)


def _at_start(local: Tensor) -> Tensor:
    """Nothing continues what hasn't begun."""
    start = local.new_zeros(local.shape[-1])
    start[2::2] = NEVER
    return start
