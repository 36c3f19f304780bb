"""Several short rows in one sequence, without padding: products over all of it, attention by row.

On a CPU attention goes through the rows one by one (``attend_by_row``). Elsewhere every token would
be compared with all of the sequence, and rows are padded instead, as for a model whose packed rows
don't get what they get alone (``why_not_apart``): how a step goes through the model changes, not
what is learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from radu_core.tokenizing import IGNORED, Encoded
from radu_core.words import percent

if TYPE_CHECKING:
    import torch

__all__ = [
    "attend_by_row",
    "largest_pass",
    "packed_logits",
    "packed_passes",
    "packer",
    "why_not_apart",
]

_BY_ROW = "radu_by_row"  # its name among transformers' attention functions
_MOST = 4096  # tokens: transformers makes a mask of their square for packed rows, though unused
_TOLERANCE = {"float32": 1e-3, "other": 0.02}  # of the largest logit


def packer(model: Any, rows: Sequence[Encoded]) -> tuple[Callable[..., Any] | None, str]:
    """Make what cuts a batch of ``rows`` into packed sequences for ``model``.

    The model is set up for them; else None, and why rows are padded.
    """
    if not attend_by_row(model):
        return None, "attention can't go row by row: that takes a CPU, and a model that has sdpa"
    if why := why_not_apart(model, rows):
        _base(model).set_attn_implementation("sdpa")
        return None, why
    return packed_passes, ""


def _base(model: Any) -> Any:
    """The model within an adapter."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def attend_by_row(model: Any) -> bool:
    """Let a model on a CPU attend to packed rows one by one, where their sizes are given.

    False if that isn't possible; then the model is unchanged.
    """
    import torch
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    base = _base(model)
    # the Trainer takes the model to a GPU only later, if there is one
    if torch.cuda.is_available() or base.config._attn_implementation not in ("sdpa", _BY_ROW):
        return False
    AttentionInterface.register(_BY_ROW, _attention_by_row)
    AttentionMaskInterface.register(_BY_ROW, sdpa_mask)  # for all that isn't packed
    base.set_attn_implementation(_BY_ROW)
    return True


def _attention_by_row(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    row_sizes: Sequence[int] | None = None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attend as transformers' sdpa does.

    Where ``row_sizes`` are given, causal attention within each row.

    ``query`` is ``(1, heads, tokens, size)``; key and value may have fewer heads. Gives
    ``(1, tokens, heads, size)``.
    """
    import torch
    from torch.nn.functional import scaled_dot_product_attention
    from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

    if row_sizes is None:
        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return output, None
    groups = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    queries, keys, values = (torch.split(t, list(row_sizes), dim=2) for t in (query, key, value))
    by_row = [
        scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling, is_causal=True)
        for q, k, v in zip(queries, keys, values, strict=True)
    ]
    return torch.cat(by_row, dim=2).transpose(1, 2).contiguous(), None


def packed_passes(batch: dict[str, torch.Tensor], tokens: int) -> Iterator[dict[str, Any]]:
    """A left-padded batch in sequences of at most ``tokens`` tokens, each of whole rows.

    Gives ``input_ids, position_ids, labels`` of shape ``(1, n)``, ``attention_mask`` None, and the
    ``row_sizes``. A sequence has one row at least. The longest decides how much memory a step
    takes: they are as few and then as equal as they become with each row in the shortest so far,
    longest rows first.
    """
    widths = [int(n) for n in batch["attention_mask"].sum(dim=1)]
    for rows in _share_rows(widths, min(tokens, _MOST)):
        yield {**_pack(batch, rows), "row_sizes": [widths[row] for row in rows]}


def largest_pass(widths: Sequence[int], tokens: int) -> int:
    """Tokens of the longest sequence that a batch of rows so long is cut into."""
    passes = _share_rows(widths, min(tokens, _MOST))
    return max(sum(widths[row] for row in rows) for rows in passes)


def _share_rows(widths: Sequence[int], most: int) -> list[list[int]]:
    """Rows by sequence; above ``most`` tokens is only one of a single row."""
    order = sorted(range(len(widths)), key=lambda row: (-widths[row], row))
    least = -(-sum(min(n, most) for n in widths) // most)
    for count in range(max(1, least), len(widths) + 1):
        shares: list[list[int]] = [[] for _ in range(count)]
        sizes = [0] * count
        for row in order:
            shortest = sizes.index(min(sizes))
            shares[shortest].append(row)
            sizes[shortest] += widths[row]
        if all(n <= most or len(rows) == 1 for n, rows in zip(sizes, shares, strict=True)):
            return [rows for rows in shares if rows]
    return [[row] for row in order]


def _pack(batch: dict[str, torch.Tensor], rows: Sequence[int]) -> dict[str, Any]:
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
    """The logits ``(1, n, vocabulary)`` float32 that predict the ``n`` supervised tokens.

    With these tokens ``(1, n)``; other logits aren't computed.
    """
    labels = inputs["labels"]
    supervised = (labels[0] != IGNORED).nonzero().squeeze(1)
    outputs = model(
        input_ids=inputs["input_ids"],
        position_ids=inputs["position_ids"],
        attention_mask=None,
        use_cache=False,
        logits_to_keep=supervised - 1,
        row_sizes=inputs["row_sizes"],
    )
    return outputs.logits.float(), labels[:, supervised]


def why_not_apart(model: Any, rows: Sequence[Encoded]) -> str:
    """Why packed rows don't get what they get alone; empty if they do.

    The longest row is packed behind another and has to get the logits that it gets by itself. That
    finds attention that reads the row before, and attention that isn't causal over a whole row.
    """
    import torch

    device = next(model.parameters()).device
    by_length = sorted(rows, key=lambda row: len(row.input_ids))
    one, two = (list(r.input_ids) for r in (by_length[0], by_length[-1]))

    def logits(parts: list[list[int]], **more: Any) -> torch.Tensor:
        output = model(
            input_ids=torch.tensor([[i for part in parts for i in part]], device=device),
            position_ids=torch.tensor(
                [[i for part in parts for i in range(len(part))]], device=device
            ),
            attention_mask=None,
            use_cache=False,
            logits_to_keep=len(two),
            **more,
        )
        return torch.as_tensor(output.logits[0]).float()

    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            alone = logits([two])
            packed = logits([one, two], row_sizes=[len(one), len(two)])
    except MemoryError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:  # it doesn't know packing
        return f"this kind of model can't be given packed rows ({str(error)[:200]})"
    finally:
        model.train(was_training)
    off = float((packed - alone).abs().max() / alone.abs().max())
    exact = next(model.parameters()).dtype == torch.float32
    if off <= _TOLERANCE["float32" if exact else "other"]:
        return ""
    return (
        "this kind of model doesn't keep packed rows apart: the logits of a row change by "
        f"{percent(off)} when another stands before it"
    )
