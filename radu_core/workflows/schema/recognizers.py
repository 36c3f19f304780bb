"""Trying a recognizer on a text, as the forms of the Schema page do."""

from __future__ import annotations

import regex

from radu_core.errors import InputError
from radu_core.schema import ListRecognizer, PatternRecognizer, Recognition, recognize

__all__ = ["matches"]

_SECONDS = 0.1  # as for every match


def matches(recognizer: ListRecognizer | PatternRecognizer, text: str) -> list[Recognition]:
    """All matches.

    ``InputError`` for a pattern that doesn't compile, or takes too long: anywhere else that counts
    as no match.
    """
    if isinstance(recognizer, PatternRecognizer):
        try:
            list(recognizer.expression.finditer(text, timeout=_SECONDS))
        except regex.error as error:
            raise InputError(
                f"The pattern doesn't compile ({error})",
                value=recognizer.pattern,
                remedy="Correct the regular expression.",
            ) from error
        except TimeoutError as error:
            raise InputError(
                f"The pattern takes over {_SECONDS:g} s on this text, which counts as no match",
                value=recognizer.pattern,
                remedy="Avoid repeats inside repeats, as in (a+)+.",
            ) from error
    return recognize(recognizer, text)
