"""Folds: duplicates stay together, and each function is in each."""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from radu_core.eligibility import key_of
from radu_core.exemplars import AnnotatedExemplar
from radu_core.training.joint.folds import folds_of

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6)), max_size=40)


def exemplars(rows: list[tuple[str, int]]) -> list[AnnotatedExemplar]:
    return [
        AnnotatedExemplar(id=f"{n}", utterance=f"say {text}", template=f"say {text}", function=name)
        for n, (name, text) in enumerate(rows)
    ]


@given(ROWS, st.integers(2, 5))
def test_duplicates_are_in_one_fold_and_functions_are_spread(
    rows: list[tuple[str, int]], count: int
) -> None:
    found = exemplars(rows)
    folds = folds_of(found, count)
    assert len(folds) == len(found)
    assert all(0 <= fold < count for fold in folds)
    by_key: dict[object, set[int]] = defaultdict(set)
    groups: dict[str, Counter[int]] = defaultdict(Counter)
    for exemplar, fold in zip(found, folds, strict=True):
        if not by_key[key_of(exemplar)]:
            groups[exemplar.function or ""][fold] += 1
        by_key[key_of(exemplar)].add(fold)
    assert all(len(own) == 1 for own in by_key.values())
    for own in groups.values():
        assert max(own.values()) - (min(own.values()) if len(own) == count else 0) <= 1


def test_an_utterance_with_two_templates_is_in_one_fold() -> None:
    told = [("play jazz", "play <genre>"), ("Play  jazz", "Play  jazz"), ("play rock", "play rock")]
    for n in range(20):  # of others, which move the folds on
        told += [(f"say {n}", f"say {n}")]
        rows = [
            AnnotatedExemplar(id=f"{k}", utterance=u, template=t, function="a")
            for k, (u, t) in enumerate([*told, ("play rock", "play <genre>")])
        ]
        folds = folds_of(rows, 3)
        assert folds[0] == folds[1] == folds[2] == folds[-1]
        again = folds_of(rows[::-1], 3)
        assert again[::-1] == folds


def test_the_order_of_exemplars_changes_nothing() -> None:
    found = exemplars([("a", n) for n in range(9)])
    there = dict(zip([e.id for e in found], folds_of(found, 3), strict=True))
    back = dict(zip([e.id for e in found[::-1]], folds_of(found[::-1], 3), strict=True))
    assert there == back
