"""The loss on completions, a batch in passes of like length, and the learning rate over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from radu_core.tokenizing import IGNORED
from radu_core.training.worker.packing import packed_logits

if TYPE_CHECKING:
    import torch

__all__ = ["completion_logits", "completion_loss", "passes", "rate_share"]


def completion_logits(
    model: Callable[..., Any], inputs: dict[str, Any]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits ``(rows, n, vocabulary)`` float32 and the labels ``(rows, n)`` they have to meet.

    Rows are padded on the left, so all completions lie within the last ``n`` positions; one
    position before the first supervised one predicts it. The model is called as a whole, so that
    autocast and a distributed wrapper see it. Packed rows are told by having no attention mask.
    """
    if inputs["attention_mask"] is None:
        return packed_logits(model, inputs)
    labels = inputs["labels"]
    supervised = (labels != IGNORED).any(dim=0).nonzero()
    keep = labels.shape[1] - int(supervised[0]) + 1
    outputs = model(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        position_ids=inputs["position_ids"],
        logits_to_keep=keep,
    )
    return outputs.logits[:, :-1].float(), labels[:, -(keep - 1) :]


def completion_loss(
    model: Callable[..., Any],
    inputs: dict[str, torch.Tensor],
    num_items: torch.Tensor | int | None = None,
) -> torch.Tensor:
    """Cross-entropy on the supervised tokens, with logits for the last positions only.

    The sum is divided by ``num_items`` (the supervised tokens of the whole accumulated batch) or
    by this batch's own.
    """
    import torch

    logits, targets = completion_logits(model, inputs)
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        targets.reshape(-1),
        ignore_index=IGNORED,
        reduction="sum",
    )
    count = (targets != IGNORED).sum() if num_items is None else num_items
    return loss / count


def passes(batch: dict[str, torch.Tensor], tokens: int) -> Iterator[dict[str, torch.Tensor]]:
    """A left-padded batch in parts of at most ``tokens`` tokens, rows of like length together.

    Every row is in one part, with less padding before it. A part has one row at least. The losses
    of the parts, each divided by the supervised tokens of the whole, add up to that of the batch,
    and so do their gradients: what goes through the model at once is a matter of memory and speed.
    """
    widths = batch["attention_mask"].sum(dim=1).tolist()
    order = sorted(range(len(widths)), key=lambda row: (-widths[row], row))
    while order:
        width = int(widths[order[0]])
        rows = order[: max(1, tokens // max(1, width))]
        order = order[len(rows) :]
        yield {name: value[rows, -width:] for name, value in batch.items()}


def rate_share(progress: float, warmup_share: float, schedule: str = "linear") -> float:
    """The share of the learning rate at ``progress`` (0 to 1): linear warm-up, then the schedule.

    linear and cosine decay to 0; constant stays. transformers' schedules, with the run's progress
    in place of its steps: the rate has to decay also in a run that stops at its time limit before
    it has made all steps, or its last step is its wildest.
    """
    if progress < warmup_share:
        return progress / warmup_share
    share_left = max(0.0, (1.0 - progress) / (1.0 - warmup_share))
    if schedule == "cosine":
        return 0.5 * (1.0 - math.cos(math.pi * share_left))
    return 1.0 if schedule == "constant" else share_left
