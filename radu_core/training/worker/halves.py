"""Products in bf16 that see a weight's small changes.

A step of full fine-tuning moves a weight by about the learning rate, 5e-5. In bf16 a weight of 0.05
has its neighbours 2.4e-4 away: autocast's copy of it stays what it was, and the model is trained
and measured as if it hadn't moved, until enough steps have added up. So every product is made of
two, with the bf16 number next to the weight and with the bf16 number next to what that leaves
(splitting: Henry, Tang and Heinecke 2019, "Leveraging the bfloat16 artificial intelligence datatype
for higher-precision computations"). Gradients are those of the first. That is one product more to
the three of a training step. Logits are computed in float32: there are few, and at 20 bf16 numbers
are 0.125 apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["multiply_by_halves"]


def multiply_by_halves(model: Any) -> None:
    """Let all linear layers of a model multiply by halves wherever autocast computes in bf16.

    The output layer then computes in float32.
    """
    last: Any = getattr(model, "get_output_embeddings", lambda: None)()
    for layer in model.modules():
        if type(layer) is nn.Linear:
            forward = _in_float32(layer) if layer is last else _by_halves(layer)
            layer.forward = forward  # type: ignore[method-assign, assignment]


def _in_float32(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    def forward(value: Tensor) -> Tensor:
        with torch.autocast(value.device.type, enabled=False):
            return nn.functional.linear(value.float(), layer.weight, layer.bias)

    return forward


def _by_halves(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    def forward(value: Tensor) -> Tensor:
        kind = value.device.type
        half = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == torch.bfloat16
        if not half:
            return nn.functional.linear(value, layer.weight, layer.bias)
        with torch.autocast(kind, enabled=False):
            product: Tensor = _Product.apply(value, layer.weight)  # type: ignore[no-untyped-call]
            return product if layer.bias is None else product + layer.bias.bfloat16()

    return forward


class _Product(torch.autograd.Function):
    """``value @ weight.T`` from both halves of ``weight``; gradients in bf16, of the first."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, weight: Tensor) -> Tensor:
        near, first = value.bfloat16(), weight.bfloat16()
        remainder = (weight - first).bfloat16()
        ctx.save_for_backward(near, first)
        ctx.kinds = value.dtype, weight.dtype
        linear = nn.functional.linear
        return linear(near, first) + linear(near, remainder)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, Tensor | None]:
        near, first = ctx.saved_tensors
        slope = slopes[0].bfloat16()
        of_value = of_weight = None
        if ctx.needs_input_grad[0]:
            of_value = (slope @ first).to(ctx.kinds[0])
        if ctx.needs_input_grad[1]:
            of_weight = (slope.flatten(0, -2).T @ near.flatten(0, -2)).to(ctx.kinds[1])
        return of_value, of_weight
