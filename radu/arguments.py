"""Checks of what callers give."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from radu_core.errors import InputError

__all__ = ["check_choice", "check_texts"]


def check_texts(texts: Sequence[str], what: str) -> Sequence[str]:
    """The texts; ``InputError`` for a single one, which would be taken for its characters."""
    if isinstance(texts, str):
        raise InputError(
            f"One text was given for several {what}", value=texts, remedy="Give a list."
        )
    return texts


def check_choice(value: str | None, choices: Collection[str], what: str) -> None:
    """``InputError`` unless the value is None or one of the choices."""
    if value is not None and value not in choices:
        raise InputError(
            f"There is no such {what}", value=value, remedy=f"Give one of {', '.join(choices)}."
        )
