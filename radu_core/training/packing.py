"""Several short rows in one sequence, kept apart by a block-diagonal attention: no padding.

transformers sees by positions that begin anew that a sequence is packed, provided it is given
neither an attention mask nor a cache (``masking_utils.find_packed_sequence_indices``; for flash
attention ``prepare_fa_kwargs_from_position_ids``). A model that doesn't is found out by
``check_apart``. How a step goes through the model changes, not which rows make it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from radu_core.errors import RunError
from radu_core.training.encoding import IGNORED, Encoded

if TYPE_CHECKING:
    import torch

__all__ = ["check_apart", "packed_logits", "packed_passes"]

_MOST_DENSE = 4096  # tokens at once where every token is compared with every other
_CHECKED = 48  # tokens of each of the rows that are tried out
_TOLERANCE = 0.02  # of the largest logit


def packed_passes(
    batch: dict[str, torch.Tensor], tokens: int, *, flash: bool = False
) -> Iterator[dict[str, Any]]:
    """A left-padded batch in sequences of at most ``tokens`` tokens, each of whole rows.

    Gives ``input_ids, position_ids, labels`` of shape ``(1, n)``, and ``attention_mask`` None. A
    sequence has one row at least. Without ``flash`` attention one is shorter: its time and memory
    grow with the square.
    """
    most = tokens if flash else min(tokens, _MOST_DENSE)
    widths = [int(n) for n in batch["attention_mask"].sum(dim=1)]
    order = sorted(range(len(widths)), key=lambda row: (-widths[row], row))
    while order:
        rows, room = [order[0]], most - widths[order[0]]
        for row in order[1:]:
            if widths[row] <= room:
                rows.append(row)
                room -= widths[row]
        order = [row for row in order if row not in rows]
        yield _packed(batch, rows)


def _packed(batch: dict[str, torch.Tensor], rows: Sequence[int]) -> dict[str, Any]:
    import torch

    real = batch["attention_mask"].bool()
    joined: dict[str, Any] = {
        name: torch.cat([batch[name][row][real[row]] for row in rows]).unsqueeze(0)
        for name in ("input_ids", "position_ids", "labels")
    }
    # what stands before a row's first token is another row's last: it doesn't predict it
    joined["labels"][joined["position_ids"] == 0] = IGNORED
    return {**joined, "attention_mask": None}


def packed_logits(
    model: Callable[..., Any], inputs: dict[str, Any]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits ``(1, n, vocabulary)`` float32 that predict the ``n`` supervised tokens, and those
    ``(1, n)``: others aren't computed."""
    labels = inputs["labels"]
    supervised = (labels[0] != IGNORED).nonzero().squeeze(1)
    outputs = model(
        input_ids=inputs["input_ids"],
        position_ids=inputs["position_ids"],
        attention_mask=None,
        use_cache=False,
        logits_to_keep=supervised - 1,
    )
    return outputs.logits.float(), labels[:, supervised]


def check_apart(model: Any, rows: Sequence[Encoded]) -> None:
    """``RunError`` when ``model`` lets a packed row read the one before it.

    The second of two packed rows has to get the logits that it gets alone.
    """
    import torch

    device = next(model.parameters()).device
    one, two = (list(r.input_ids[:_CHECKED]) for r in (rows[0], rows[-1]))

    def logits(ids: list[int], positions: list[int]) -> torch.Tensor:
        found = model(
            input_ids=torch.tensor([ids], device=device),
            position_ids=torch.tensor([positions], device=device),
            attention_mask=None,
            use_cache=False,
        )
        return torch.as_tensor(found.logits[0, -len(two) :]).float()

    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            alone = logits(two, [*range(len(two))])
            packed = logits(one + two, [*range(len(one)), *range(len(two))])
    finally:
        model.train(was_training)
    off = float((packed - alone).abs().max() / alone.abs().max())
    if not off <= _TOLERANCE:
        raise RunError(
            f"This kind of model doesn't keep packed rows apart: the logits of a row change by "
            f"{off:.1%} when another stands before it",
            remedy="Turn packing off.",
        )
