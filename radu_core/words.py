"""Numbers in sentences: "1 utterance", "2,000 utterances", "the 3rd"."""

from __future__ import annotations

__all__ = ["counted", "ordinal"]


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun; ``many`` is the plural where it isn't ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(
        number % 10, "th"
    )  # fmt: skip
    return f"{number:,}{ending}"
