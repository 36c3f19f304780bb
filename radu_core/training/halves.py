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
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["multiply_by_halves"]


def multiply_by_halves(model: Any) -> None:
    """Have all linear layers of a model do so wherever autocast makes them compute in bf16, and the
    output layer compute in float32."""
    import torch

    last: Any = getattr(model, "get_output_embeddings", lambda: None)()
    for layer in model.modules():
        if type(layer) is torch.nn.Linear:
            made = _in_float32(layer) if layer is last else _forward(layer)
            layer.forward = made  # type: ignore[method-assign, assignment]


def _in_float32(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    import torch

    def forward(value: Tensor) -> Tensor:
        with torch.autocast(value.device.type, enabled=False):
            return torch.nn.functional.linear(value.float(), layer.weight, layer.bias)

    return forward


def _forward(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    import torch

    product = _product()

    def forward(value: Tensor) -> Tensor:
        kind = value.device.type
        half = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == torch.bfloat16
        if not half:
            return torch.nn.functional.linear(value, layer.weight, layer.bias)
        with torch.autocast(kind, enabled=False):
            made: Tensor = product.apply(value, layer.weight)
            return made if layer.bias is None else made + layer.bias.bfloat16()

    return forward


@lru_cache(maxsize=1)
def _product() -> Any:
    """The product as torch's autograd has it; torch is only imported where something is trained."""
    import torch

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, value: Tensor, weight: Tensor) -> Tensor:
            near, first = value.bfloat16(), weight.bfloat16()
            left = (weight - first).bfloat16()
            ctx.save_for_backward(near, first)
            ctx.kinds = value.dtype, weight.dtype
            linear = torch.nn.functional.linear
            return linear(near, first) + linear(near, left)

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

    return Product
