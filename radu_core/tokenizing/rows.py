"""Rows → token ids and labels, and batches of them: what training feeds and a preview shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radu_core.files import content_hash
from radu_core.tokenizing.encoder import Encoder

if TYPE_CHECKING:
    import torch

__all__ = ["IGNORED", "Collator", "Encoded", "encode_row", "row_hash"]

IGNORED = -100  # the label that torch's cross-entropy passes over


@dataclass(frozen=True)
class Encoded:
    """One row: ``labels`` are ``IGNORED`` on the prompt and equal ``input_ids`` after it."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    task: str = ""

    @property
    def supervised_tokens(self) -> int:
        """How many tokens are learnt: the completion and its end token."""
        return sum(label != IGNORED for label in self.labels)


def encode_row(encoder: Encoder | Any, prompt: str, completion: str) -> Encoded:
    """A row's ids and labels, by an encoder, or by a tokenizer as plain text."""
    encoder = encoder if isinstance(encoder, Encoder) else Encoder(encoder)
    start, answer = encoder.row(prompt, completion)
    return Encoded((*start, *answer), (*[IGNORED] * len(start), *answer))


def row_hash(input_ids: Sequence[int], labels: Sequence[int]) -> str:
    """SHA-256 over a row's ids and labels, without padding."""
    return content_hash([list(input_ids), list(labels)])


class Collator:
    """Pads on the left, so that all completions end at the last position.

    Then the model need compute the logits of the last few positions only (``logits_to_keep``).
    Gives ``input_ids, attention_mask, position_ids, labels``, each ``(rows, width)`` int64.
    """

    def __init__(self, pad_id: int) -> None:
        self._pad_id = pad_id

    def __call__(self, rows: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, torch.Tensor]:
        import torch

        width = max(len(r["input_ids"]) for r in rows)

        def pad(values: Iterable[Sequence[int]], filler: int) -> torch.Tensor:
            return torch.tensor([[filler] * (width - len(v)) + list(v) for v in values])

        mask = pad(([1] * len(r["input_ids"]) for r in rows), 0)
        return {
            "input_ids": pad((r["input_ids"] for r in rows), self._pad_id),
            "attention_mask": mask,
            "position_ids": (mask.cumsum(dim=1) - 1).clamp(min=0),
            "labels": pad((r["labels"] for r in rows), IGNORED),
        }
