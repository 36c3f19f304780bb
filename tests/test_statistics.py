from __future__ import annotations

from math import comb

import pytest

from radu_core.statistics import mcnemar, wilson


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (0, 10, 0.0, 0.2775), (0, 0, 0.0, 1.0)],
)
def test_wilson_intervals_are_the_textbook_ones(
    hits: int, total: int, low: float, high: float
) -> None:
    """81 of 263: Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    assert wilson(hits, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (5, 0), (0, 5), (3, 9), (8, 8), (40, 10)])
def test_mcnemar_is_the_binomial(gained: int, lost: int) -> None:
    n, least = gained + lost, min(gained, lost)
    expected = min(1.0, 2 * sum(comb(n, i) for i in range(least + 1)) * 0.5**n)
    assert mcnemar(gained, lost) == pytest.approx(expected)
    assert mcnemar(5, 0) == 0.0625
