"""The two divergences against values computed by hand, and what must not change them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radu_core.training.lsr.losses import (
    FLAT,
    Divergence,
    divergence,
    entropy_share,
    retriever_log_probabilities,
    teacher_log_probabilities,
)

DIRECTIONS: tuple[Divergence, ...] = ("retriever_teacher", "teacher_retriever")
UNIT = st.floats(0, 1, allow_subnormal=False)


def loss_of(
    cosines: list[float],
    answers: list[float],
    direction: Divergence,
    *,
    gamma: float = 0.1,
    beta: float = 0.1,
) -> float:
    """Of one query whose chunks have these cosines to it."""
    query = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    chunks = torch.tensor([[[c, math.sqrt(1 - c * c)] for c in cosines]], dtype=torch.float64)
    present = torch.ones(1, len(cosines), dtype=torch.bool)
    said = torch.tensor([answers], dtype=torch.float64)
    retriever = retriever_log_probabilities(query, chunks, present, temperature=gamma)
    teacher = teacher_log_probabilities(said, present, temperature=beta)
    return float(divergence(retriever, teacher, present, direction=direction))


def test_both_directions_by_hand() -> None:
    """P is (e, 1) / (e + 1) and Q is (1, 3) / 4."""
    p = math.e / (math.e + 1)
    cosines, answers = [1.0, 0.0], [0.0, 0.5 * math.log(3)]
    first = p * math.log(p / 0.25) + (1 - p) * math.log((1 - p) / 0.75)
    second = 0.25 * math.log(0.25 / p) + 0.75 * math.log(0.75 / (1 - p))
    assert first == pytest.approx(0.50867, abs=1e-4)
    assert second == pytest.approx(0.50092, abs=1e-4)
    options = {"gamma": 1.0, "beta": 0.5}
    assert loss_of(cosines, answers, "retriever_teacher", **options) == pytest.approx(first)
    assert loss_of(cosines, answers, "teacher_retriever", **options) == pytest.approx(second)


def test_each_temperature_sharpens_its_own_side() -> None:
    near, far = [0.9, 0.8, 0.1], [0.9, 0.1, 0.0]
    even = torch.zeros(1, 3, dtype=torch.float64)
    present = torch.ones(1, 3, dtype=torch.bool)
    for temperature, sharper in ((1.0, 0.1), (0.1, 0.01)):
        for scores in (near, far):
            given_ = torch.tensor([scores], dtype=torch.float64)
            soft, sharp = (
                teacher_log_probabilities(given_, present, temperature=t).exp().max()
                for t in (temperature, sharper)
            )
            assert soft < sharp
    assert teacher_log_probabilities(even, present, temperature=0.01).exp().tolist() == [
        [pytest.approx(1 / 3)] * 3
    ]
    assert loss_of(near, far, "retriever_teacher", gamma=1.0) != pytest.approx(
        loss_of(near, far, "retriever_teacher", gamma=0.1)
    )


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_order_of_chunks_does_not_matter_and_whose_score_is_whose_does(
    direction: Divergence,
) -> None:
    cosines, answers = [0.9, 0.5, 0.2, 0.4], [0.1, 0.7, 0.2, 0.05]
    order = [2, 0, 3, 1]
    before = loss_of(cosines, answers, direction)
    moved = [answers[n] for n in order]
    assert loss_of([cosines[n] for n in order], moved, direction) == pytest.approx(before)
    assert loss_of(cosines, moved, direction) != pytest.approx(before)
    assert loss_of([cosines[n] for n in order], answers, direction) != pytest.approx(before)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("chunk", range(3))
def test_the_score_of_any_chunk_counts(direction: Divergence, chunk: int) -> None:
    answers = [0.3, 0.6, 0.2]
    changed = [a + 0.1 * (n == chunk) for n, a in enumerate(answers)]
    cosines = [0.4, 0.5, 0.6]
    assert loss_of(cosines, changed, direction) != pytest.approx(
        loss_of(cosines, answers, direction), abs=1e-4
    )


@given(st.lists(UNIT, min_size=2, max_size=6), st.data(), st.sampled_from(DIRECTIONS))
def test_it_is_0_only_where_both_are_the_same(
    cosines: list[float], data: st.DataObject, direction: Divergence
) -> None:
    size = len(cosines)
    answers = data.draw(st.lists(UNIT, min_size=size, max_size=size))
    assert loss_of(cosines, cosines, direction) == pytest.approx(0.0, abs=1e-9)
    apart = [a - b for a, b in zip(cosines, answers, strict=True)]
    if max(apart) - min(apart) > 0.01:  # a constant added to all changes no softmax
        assert loss_of(cosines, answers, direction) > 1e-12


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_what_is_not_present_changes_nothing(direction: Divergence) -> None:
    query = torch.tensor([[1.0, 0.0]], requires_grad=True)
    chunks = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]])
    said = torch.tensor([[0.2, 0.9, 0.7]])
    present = torch.tensor([[True, True, False]])

    def loss(said: torch.Tensor, present: torch.Tensor, chunks: torch.Tensor) -> torch.Tensor:
        retriever = retriever_log_probabilities(query, chunks, present, temperature=0.1)
        teacher = teacher_log_probabilities(said, present, temperature=0.1)
        return divergence(retriever, teacher, present, direction=direction)

    padded = loss(said, present, chunks)
    assert padded.item() == pytest.approx(loss(said[:, :2], present[:, :2], chunks[:, :2]).item())
    padded.sum().backward()
    assert query.grad is not None
    assert bool(query.grad.isfinite().all())


def test_how_flat_a_teacher_is() -> None:
    present = torch.tensor([[True, True, True, True], [True, True, False, False]])
    even = teacher_log_probabilities(torch.zeros(2, 4), present, temperature=0.1)
    assert entropy_share(even, present).tolist() == pytest.approx([1.0, 1.0])
    sure = teacher_log_probabilities(torch.eye(4)[:2], present, temperature=0.01)
    assert entropy_share(sure, present).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    by_hand = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(2)
    said = torch.tensor([[0.0, 0.1 * math.log(3)]])
    two = torch.ones(1, 2, dtype=torch.bool)
    found = entropy_share(teacher_log_probabilities(said, two, temperature=0.1), two)
    assert found.item() == pytest.approx(by_hand)
    assert by_hand < FLAT
