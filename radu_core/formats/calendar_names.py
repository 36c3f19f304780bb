"""Names of months and weekdays, from dateparser's data (CLDR's, for some 200 languages)."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from typing import Any

__all__ = ["language_data", "month_names", "weekday_names"]

_MONTHS = "january february march april may june july august september october november december"
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"


@lru_cache(maxsize=64)
def language_data(code: str) -> dict[str, Any] | None:
    """What dateparser knows of a language; None if it doesn't know it."""
    if not re.fullmatch(r"[a-z]{2,3}", code):
        return None
    try:
        module = import_module(f"dateparser.data.date_translation_data.{code}")
    except ModuleNotFoundError:
        return None
    names: dict[str, Any] = module.info
    return names


def month_names(code: str) -> dict[str, int]:
    """Names and short names of months in small letters, with their numbers from 1."""
    return _number_names(code, _MONTHS, first=1, shortest=3)


def weekday_names(code: str) -> dict[str, int]:
    """Names and short names of weekdays in small letters, with their numbers from 0 (Monday)."""
    return _number_names(code, _DAYS, first=0, shortest=4)


def _number_names(code: str, names: str, *, first: int, shortest: int) -> dict[str, int]:
    """Names with their numbers, without prepositions and full stops."""
    info = language_data(code) or {}
    return {
        plain: number
        for number, name in enumerate(names.split(), first)
        for name_text in info.get(name, ())
        if len(plain := re.sub(r"^(?:de |d['’])", "", name_text.lower()).rstrip(".")) >= shortest
    }
