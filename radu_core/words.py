"""Numbers and lists in sentences: "2,000 utterances", "98.4 %", "the 3rd", "a, b and c"."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["join_words", "ordinal", "percent", "percent_range", "quantity"]


def quantity(number: int, one: str, many: str = "") -> str:
    """A number with its noun; ``many`` is the plural where it isn't ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(share: float, digits: int = 1, *, sign: bool = False) -> str:
    """A share of 1 in percent: 0.984 is "98.4 %", with ``sign`` "+98.4 %"."""
    return f"{100 * share:{'+' if sign else ''}.{digits}f} %"


def percent_range(low: float, high: float) -> str:
    """Two shares in percent: "38.6 to 81.5 %"."""
    return f"{100 * low:.1f} to {percent(high)}"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    ending = (
        "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    return f"{number:,}{ending}"


def join_words(parts: Sequence[str], last: str = "and") -> str:
    """Join words as in a sentence: "a", "a and b", "a, b and c".

    ``last`` is the word before the last one.
    """
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"
