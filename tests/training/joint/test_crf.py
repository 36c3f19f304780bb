"""The CRF against all label sequences, counted out."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from radu_core.training.joint.crf import SlotCrf

SLOTS = torch.tensor([[2, 0], [1, -1], [-1, -1]])  # rows of two slots, of one, and of none
LENGTHS = torch.tensor([3, 2, 3])


def crf() -> SlotCrf:
    made = SlotCrf(3)
    with torch.no_grad():
        torch.manual_seed(3)
        made.weights.normal_()
        made.outside.fill_(0.3)
    return made


def emissions() -> torch.Tensor:
    torch.manual_seed(4)
    return torch.randn(3, 3, 7)


def score(made: SlotCrf, row: int, labels: tuple[int, ...]) -> float | None:
    """What a sequence scores, by its definition; None for one that can't be."""
    own = [s for s in SLOTS[row].tolist() if s >= 0]
    names = ["O", *(f"{kind}{slot}" for slot in own for kind in "BI")]
    weights, total, before = made.weights.tolist(), 0.0, ""
    for place, label in enumerate(labels):
        name = names[label]
        column = 0 if name == "O" else 1 + 2 * int(name[1:]) + (name[0] == "I")
        total += emissions()[row, place, column].item()
        slot = -1 if name == "O" else int(name[1:])
        last = -1 if before in ("", "O") else int(before[1:])
        if name[0] == "I" and last != slot:
            return None
        if place:
            if before == name == "O":
                total += 0.3
            elif before == "O":
                total += weights[slot][0]
            elif name == "O":
                total += weights[last][1 if before[0] == "B" else 2]
            elif name[0] == "I":
                total += weights[slot][3 if before[0] == "B" else 4]
            else:
                total += weights[last][5] + weights[slot][6]
        before = name
    return total


def all_scores(made: SlotCrf, row: int) -> dict[tuple[int, ...], float]:
    count = 1 + 2 * sum(s >= 0 for s in SLOTS[row].tolist())
    every = product(range(count), repeat=int(LENGTHS[row]))
    found = {labels: score(made, row, labels) for labels in every}
    return {labels: s for labels, s in found.items() if s is not None}


@pytest.mark.parametrize("row", [0, 1, 2])
def test_loss_is_what_counting_all_sequences_gives(row: int) -> None:
    made = crf()
    scores = all_scores(made, row)
    total = torch.logsumexp(torch.tensor(list(scores.values())), 0)
    for labels in list(scores)[::5]:
        padded = torch.zeros(3, 3, dtype=torch.long)
        padded[row, : len(labels)] = torch.tensor(labels)
        loss = made.loss(emissions(), SLOTS, padded, LENGTHS)[row]
        assert loss.item() == pytest.approx(float(total) - scores[labels], abs=1e-4)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_decoding_finds_the_best_of_all_and_its_probability(row: int) -> None:
    made = crf()
    scores = all_scores(made, row)
    best = max(scores, key=lambda labels: scores[labels])
    total = torch.logsumexp(torch.tensor(list(scores.values())), 0)
    found, log_probability = made.decode(emissions(), SLOTS, LENGTHS)[row]
    assert tuple(found) == best
    assert log_probability == pytest.approx(scores[best] - float(total), abs=1e-4)


def test_every_weight_gets_gradient() -> None:
    made, said = crf(), emissions().requires_grad_()
    labels = torch.tensor([[1, 2, 3], [1, 0, 0], [0, 0, 0]])
    made.loss(said, SLOTS, labels, LENGTHS).sum().backward()
    assert said.grad is not None
    assert bool(said.grad[0].abs().sum() > 0)
    assert made.weights.grad is not None
    assert bool((made.weights.grad.abs().sum(1) > 0).all())


def test_a_batch_without_slots_has_one_reading() -> None:
    none = torch.zeros(2, 0, dtype=torch.long)
    said = torch.randn(2, 3, 1)
    assert SlotCrf(0).decode(said, none, torch.tensor([3, 0])) == [([0, 0, 0], 0.0), ([], 0.0)]
    loss = SlotCrf(0).loss(said, none, torch.zeros(2, 3, dtype=torch.long), torch.tensor([3, 0]))
    assert loss.tolist() == [0.0, 0.0]
