"""Agreement: published examples, hand-computed figures, and what is undefined."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from radu_core.agreement import agreement, alpha
from radu_core.exemplars import AnnotatedExemplar, Span

Make = Callable[..., AnnotatedExemplar]
TEXT = "from Oslo to Oslo for 2"


def columns(*coders: str) -> list[list[str]]:
    """Units from one string a coder; a dot is a missing value."""
    return [[v for v in unit if v != "."] for unit in zip(*coders, strict=True)]


# K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), examples A, B and C.
@pytest.mark.parametrize(
    ("coders", "published"),
    [
        (["0100000010", "1110010000"], 0.095),
        (["aabbdcccedda", "babbbccceddd"], 0.692),
        (["123321412...", "1233224125.3", ".3332342251.", "12332441251."], 0.743),
    ],
)
def test_alpha_is_what_krippendorff_published(coders: list[str], published: float) -> None:
    found = alpha(columns(*coders))
    assert found is not None
    assert round(found, 3) == published


def slow_alpha(units: list[list[str]]) -> float:
    """By the definition: differing pairs within units, against pairs of all values."""
    units = [u for u in units if len(u) > 1]
    values = [v for u in units for v in u]
    within = sum(sum(a != b for a, b in permutations(u, 2)) / (len(u) - 1) for u in units) / len(
        values
    )
    among = sum(a != b for a, b in permutations(values, 2)) / (len(values) * (len(values) - 1))
    return 1 - within / among


def test_alpha_is_its_definition() -> None:
    chance = random.Random(7)
    for _ in range(50):
        units = [[chance.choice("abc") for _ in range(chance.randrange(5))] for _ in range(20)]
        assert alpha(units) == pytest.approx(slow_alpha(units))


@pytest.mark.parametrize("units", [[], [["a"]], [["a", "a"], ["a", "a", "a"]], [["a"], ["b"]]])
def test_alpha_is_undefined_without_variation(units: list[list[str]]) -> None:
    assert alpha(units) is None


def span(start: int, end: int, slot: str = "origin", value: Any = "Oslo") -> Span:
    return Span(slot=slot, start=start, end=end, value=value)


@pytest.fixture
def say(make_exemplar: Make) -> Make:
    def make(function: str | None = "f", *spans: Span, **more: Any) -> AnnotatedExemplar:
        arguments = {s.slot: s.value for s in spans}
        return make_exemplar(TEXT, function, **{"arguments": arguments, "spans": spans, **more})

    return make


def test_span_f1_is_the_mean_of_the_pairs(say: Make) -> None:
    first, second = say("f", span(5, 9)), say("f", span(13, 17))
    opinions = {
        "1": {"ann": first, "bob": first, "cyd": second},
        "2": {"ann": say("f", span(5, 9), span(22, 23, "n", 2)), "bob": first},
        "3": {"ann": first},
    }
    found = agreement(opinions)
    assert (found.items, found.annotators) == (2, ("ann", "bob", "cyd"))
    by = {(p.first, p.second): p for p in found.pairs}
    assert {k: p.items for k, p in by.items()} == {
        ("ann", "bob"): 2,
        ("ann", "cyd"): 1,
        ("bob", "cyd"): 1,
    }
    assert by["ann", "bob"].span_f1 == pytest.approx(2 * 2 / (3 + 2))
    assert by["ann", "cyd"].span_f1 == by["bob", "cyd"].span_f1 == 0
    assert found.span_f1 == pytest.approx(0.8 / 3)


def test_kappa_by_hand(say: Make) -> None:
    """Three of four agree; by chance 2/4·3/4 + 2/4·1/4 = 1/2 would: κ = (3/4 − 1/2) / (1/2)."""
    first, second = ["f", "f", None, None], ["f", "f", None, "f"]
    opinions = {
        str(n): {"a": say(x), "b": say(y)}
        for n, (x, y) in enumerate(zip(first, second, strict=True))
    }
    [pair] = agreement(opinions).pairs
    assert pair.kappa == pytest.approx(0.5)
    assert [(d.exemplar_id, d.kind, d.first, d.second) for d in pair.disagreements] == [
        ("3", "function", "out of scope", "f")
    ]


def test_what_is_undefined_is_none(say: Make) -> None:
    found = agreement({"1": {"a": say(), "b": say()}, "2": {"a": say(), "b": say()}})
    assert (found.span_f1, found.alpha) == (None, None)
    assert (found.pairs[0].span_f1, found.pairs[0].kappa) == (None, None)
    nothing = agreement({"1": {"a": say()}})
    assert (nothing.items, nothing.annotators, nothing.pairs, nothing.alpha) == (0, (), (), None)


def test_annotators_who_share_no_item_are_no_pair(say: Make) -> None:
    found = agreement({"1": {"a": say(), "b": say()}, "2": {"c": say(), "b": say()}})
    assert [(p.first, p.second) for p in found.pairs] == [("a", "b"), ("b", "c")]


def test_each_kind_of_disagreement(say: Make) -> None:
    oslo, other = span(5, 9), span(13, 17)
    discarded = say("f", tags=("discarded",))
    both = {
        "discarded": (discarded, say("f", oslo)),
        "both discarded": (discarded, say("g", tags=("discarded",))),
        "edges": (say("f", oslo), say("f", other)),
        "function": (say("f", oslo), say("g", other)),
        "implied": (say("f", oslo), say("f", arguments={"origin": "Oslo"}, implied=("origin",))),
        "same": (say("f", oslo), say("f", oslo)),
        "values": (
            say("f", arguments={"n": 1, "origin": "Oslo"}),
            say("f", arguments={"n": True, "origin": "Oslo"}),
        ),
        "values, order": (
            say("f", arguments={"n": ["a", "b"]}),
            say("f", arguments={"n": ["b", "a"]}),
        ),
    }
    [pair] = agreement({k: {"a": a, "b": b} for k, (a, b) in both.items()}).pairs
    assert [(d.exemplar_id, d.kind, d.slot, d.first, d.second) for d in pair.disagreements] == [
        ("discarded", "discarded", "", "discarded", "f"),
        ("edges", "edges", "origin", "Oslo [5, 9)", "Oslo [13, 17)"),
        ("function", "function", "", "f", "g"),
        ("implied", "implied", "origin", "written", "implied"),
        ("values", "values", "n", "1", "true"),
    ]


def test_a_discarded_opinion_is_a_category_of_its_own(say: Make) -> None:
    """Also beside a function of that name, and its spans count as none."""
    gone = say("discarded", span(5, 9), tags=("discarded",))
    found = agreement({"1": {"a": gone, "b": say("discarded")}, "2": {"a": say(), "b": say()}})
    assert found.pairs[0].kappa == pytest.approx(1 / 3)
    assert found.span_f1 is None
