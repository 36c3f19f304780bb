"""How sure a measured share is, and whether two systems differ beyond chance."""

from __future__ import annotations

import math

__all__ = ["mcnemar", "wilson"]


def wilson(hits: int, total: int, *, z: float = 1.96) -> tuple[float, float]:
    """Return the Wilson score interval of a share (E. B. Wilson, 1927).

    (0, 1) when ``total`` is 0. Written out because scipy computes an exact test for each interval:
    the 231 of a grid of coverage, drawn again with every move of a slider, would take 0.2 s.
    """
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    spread = z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def mcnemar(wins: int, losses: int) -> float:
    """Return the exact two-sided p-value of two paired systems (Q. McNemar, 1947).

    ``wins`` and ``losses`` count the rows that only one of the two has right; without any it is 1.
    """
    from scipy.stats import binomtest  # takes a second to load

    differing = wins + losses
    return float(binomtest(wins, differing, 0.5).pvalue) if differing else 1.0
