"""The contrastive loss against a case computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from radu_core.training.joint.losses import supervised_contrastive

VECTORS = torch.tensor([[2.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.6, 0.8]])


def test_it_is_the_hand_computed_value() -> None:
    # cosines of row 0: 1, 0, 0.6; of row 1 the same: of both the positive is the other one
    share = math.exp(1 / 0.5) / (math.exp(1 / 0.5) + math.exp(0.0) + math.exp(0.6 / 0.5))
    found = supervised_contrastive(VECTORS, torch.tensor([0, 0, 1, 2]), temperature=0.5)
    assert found.item() == pytest.approx(-math.log(share), rel=1e-5)


def test_what_is_of_the_same_function_is_never_a_negative() -> None:
    same = torch.tensor([0, 0, 0, 1])
    near = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], requires_grad=True)
    supervised_contrastive(near, same).backward()
    assert near.grad is not None
    # the third is pulled to its own, away from nothing of them
    assert near.grad[2, 0].item() < 0


def test_without_pairs_it_is_0_and_has_a_gradient() -> None:
    vectors = VECTORS.clone().requires_grad_()
    loss = supervised_contrastive(vectors, torch.tensor([0, 1, 2, -1]))
    assert loss.item() == 0.0
    loss.backward()
    assert vectors.grad is not None
    assert not vectors.grad.any()


def test_rows_whose_function_is_not_known_are_no_positives() -> None:
    one = supervised_contrastive(VECTORS, torch.tensor([0, 0, -1, -1]))
    two = supervised_contrastive(VECTORS, torch.tensor([0, 0, 1, 2]))
    assert one.item() == pytest.approx(two.item())
