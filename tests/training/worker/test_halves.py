"""A weight that moves by less than bf16 tells apart moves what the layer says."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from radu_core.training.worker.halves import multiply_by_halves


def layer(*, bias: bool = False) -> nn.Linear:
    """A layer whose weights are bf16 numbers, as a published model's are."""
    torch.manual_seed(0)
    made = nn.Linear(64, 32, bias=bias)
    with torch.no_grad():
        made.weight.copy_(made.weight.bfloat16())
    return made


def said(made: nn.Module, value: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result: torch.Tensor = made(value)
    return result.float()


def test_what_bf16_rounds_away_is_seen() -> None:
    plain, value = layer(), torch.ones(1, 64)
    split = copy.deepcopy(plain)
    multiply_by_halves(split)
    before = said(plain, value), said(split, value)
    with torch.no_grad():
        for made in (plain, split):
            made.weight += 5e-5  # of 0.05 a bf16 number is 2.4e-4 from the next
    moved = (said(plain, value) - before[0]).mean(), (said(split, value) - before[1]).mean()
    true = 64 * 5e-5
    assert abs(moved[1] / true - 1) < 0.1
    assert abs(moved[0] / true - 1) > abs(moved[1] / true - 1)


@pytest.mark.parametrize("bias", [False, True])
def test_outside_of_autocast_nothing_changes(bias: bool) -> None:
    plain, value = layer(bias=bias), torch.randn(3, 5, 64)
    split = copy.deepcopy(plain)
    multiply_by_halves(split)
    assert torch.equal(split(value), plain(value))
    assert said(split, value).shape == (3, 5, 32)


@pytest.mark.parametrize("bias", [False, True])
def test_gradients_are_those_of_float32_up_to_rounding(bias: bool) -> None:
    plain, value = layer(bias=bias), torch.randn(3, 5, 64, requires_grad=True)
    split = copy.deepcopy(plain)
    multiply_by_halves(split)
    plain(value).pow(2).sum().backward()
    expected = [p.grad for p in plain.parameters()]
    of_value, value.grad = value.grad, None
    said(split, value).pow(2).sum().backward()
    found = [p.grad for p in split.parameters()]
    for one, other in [(value.grad, of_value), *zip(found, expected, strict=True)]:
        assert one is not None
        assert other is not None
        assert one.dtype == torch.float32
        assert (one - other).norm() < 0.02 * other.norm()


def test_a_layer_that_learns_nothing_gets_no_gradient() -> None:
    split = layer()
    multiply_by_halves(split)
    split.weight.requires_grad_(False)
    value = torch.randn(4, 64, requires_grad=True)
    said(split, value).sum().backward()
    assert split.weight.grad is None
    assert value.grad is not None


def test_logits_are_those_of_float32(tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()
    multiply_by_halves(model)
    hidden = 20 * torch.randn(1, 3, model.config.hidden_size)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model.lm_head(hidden)
    assert torch.equal(found, hidden @ model.lm_head.weight.T)


def test_weights_are_saved_as_before(tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    names = list(model.state_dict())
    multiply_by_halves(model)
    assert list(model.state_dict()) == names
    assert model.lm_head.weight is model.get_input_embeddings().weight
