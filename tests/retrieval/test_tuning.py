"""The weight that training exemplars choose."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from retrieving import built, exemplar, random_exemplars

from radu_core.exemplars import AnnotatedExemplar
from radu_core.progress import Progress, silent
from radu_core.retrieval import ModuleIndex, choose_weight
from radu_core.retrieval.embedder import Side
from radu_core.retrieval.tuning import AT, shares_at
from radu_core.schema import Schema, parse_schema

FUNCTIONS = tuple(f"f{i:02d}" for i in range(12))
MANY: Schema = parse_schema(
    {"module": "acme_many_en", "functions": [{"name": f} for f in FUNCTIONS]}
)


class Told:
    """An embedder that finds near each other what it was told: the same group of ``w<number>``."""

    def __init__(self, group: Callable[[int], int]) -> None:
        self.name = self.identity = "told"
        self.group = group
        self.asked: list[str] = []

    def embed(
        self, texts: Sequence[str], *, side: Side = "symmetric", progress: Progress = silent
    ) -> NDArray[np.float32]:
        self.asked += texts
        rows = np.zeros((len(texts), 12), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            found = re.search(r"w(\d+)", text)
            row[self.group(int(found[1])) if found else 0] = 1
        return rows


def right(i: int) -> int:
    return i % 12


def wrong(i: int) -> int:
    return i * 7 // 12 % 12


def rows(shared: Callable[[int], int]) -> list[AnnotatedExemplar]:
    """96 exemplars of twelve functions; they share the word that ``shared`` says."""
    return [
        exemplar(f"e{i:03d}", f"topic{shared(i):02d} w{i:03d}", FUNCTIONS[right(i)])
        for i in range(96)
    ]


def test_where_words_tell_and_vectors_mislead_the_weight_is_low() -> None:
    tuned = choose_weight(ModuleIndex.build(MANY, rows(right), Told(wrong)), default=0.9)
    assert tuned.weight == tuned.best < 0.9
    assert tuned.shares[0.0] == tuned.shares[tuned.best] == 1.0
    assert tuned.shares[1.0] < 0.9
    assert tuned.queries == 96
    assert (tuned.shares[tuned.best] - tuned.shares[0.9]) > tuned.error > 0


def test_where_vectors_tell_and_words_mislead_the_weight_is_high() -> None:
    tuned = choose_weight(ModuleIndex.build(MANY, rows(wrong), Told(right)), default=0.3)
    assert tuned.weight == tuned.best > 0.3
    assert tuned.shares[1.0] == tuned.shares[tuned.best] == 1.0
    assert tuned.shares[0.0] < 0.9


@pytest.mark.parametrize("default", [0.6, 0.35])
def test_the_default_stays_where_one_query_alone_gains(schema: Schema, default: float) -> None:
    """One of n gains g: the mean is g / n, and so is its standard error."""
    index, _ = built(schema, random_exemplars(60))
    tuned = choose_weight(index, default=default)
    assert default in tuned.shares
    assert tuned.shares[tuned.best] == max(tuned.shares.values())
    assert tuned.shares[tuned.best] - tuned.shares[default] == pytest.approx(tuned.error)
    assert (tuned.best, tuned.weight) == (0.7, default)


@pytest.mark.parametrize("default", [0.6, 0.35])
def test_the_default_stays_where_nothing_is_gained(schema: Schema, default: float) -> None:
    one, _ = built(schema, [exemplar("a", "fly"), exemplar("b", "fly me")])
    assert choose_weight(one, default=default).weight == default
    assert choose_weight(one, default=default).best == default


@pytest.mark.parametrize("count", [0, 1])
def test_a_module_with_hardly_anything_keeps_the_default(schema: Schema, count: int) -> None:
    index, _ = built(schema, [exemplar("a", "fly"), exemplar("n", "joke", None)][1 - count :])
    tuned = choose_weight(index)
    assert (tuned.weight, tuned.best, tuned.queries) == (0.6, 0.6, count)


def test_only_training_exemplars_ask_and_it_comes_out_the_same_every_time() -> None:
    more = [
        exemplar("v", "secret n01", "f00", split="validation"),
        exemplar("o", "other n01", None),
    ]
    embedder = Told(wrong)
    index = ModuleIndex.build(MANY, [*rows(right), *more], embedder)
    embedder.asked.clear()
    assert choose_weight(index) == choose_weight(index)
    assert set(embedder.asked) == {e.utterance for e in rows(right)}


def test_of_many_exemplars_some_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radu_core.retrieval.tuning._SAMPLE", 40)
    assert (
        choose_weight(ModuleIndex.build(MANY, rows(right), Told(wrong))).queries == 32
    )  # every third


def test_coverage_is_looked_at_with_few_functions_and_with_many() -> None:
    assert AT == (1, 3, 5, 8)
    ranks = np.array([0, 1, 2, 3, 4, 8, 9])
    assert shares_at(ranks).tolist() == [0, 1, 0.75, 0.75, 0.5, 0.25, 0]
