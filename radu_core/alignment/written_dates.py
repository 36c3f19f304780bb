"""Dates in figures, in any language: 2026-03-09, 2026.3.9, 2026/3/9, 9.3.2026, 3/9."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from radu_core.alignment.date_expressions import DateExpression

__all__ = ["find_written_dates"]

# With the year first there is one reading. "2026. 3. 9." is how Korean sets it.
_YEAR_FIRST = re.compile(
    r"(?<![\d.,/:])(?:(?<!\d-)|(?<=[/.]\d-)|(?<=[/.]\d\d-))(?P<year>\d{4})"
    r"(?:(?P<sep>[-/.．／－])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})"
    r"|\.\s(?P<month2>\d{1,2})\.\s(?P<day2>\d{1,2})\.?)(?!\d|[/.,:]\d|-\d(?!\d{3}))"
)
_DAY_FIRST = re.compile(
    r"(?<![\d/.,:\-])(?P<a>\d{1,2})(?P<sep>[/.\-])(?P<b>\d{1,2})(?:(?P=sep)(?P<c>\d{4}|\d\d))?"
    r"(?![\d/\-]|[.,:]\d)"
)
_SHORT_GERMAN = re.compile(r"(?<![\d/.,:\-])(?P<a>\d{1,2})\.\s?(?P<b>\d{1,2})\.(?!\d)")
_LEADS = {
    "de": "am|vom|bis|zum|den|ab",
    "fr": "le|du|au",
    "es": "el|del|al|día",
    "it": "il|dal|al|del",
    "nl": "op|van|tot",
    "pt": "em|no|dia|do",
    "ca": "el|del|al",
}
_BEHIND = re.compile(
    r"に|の|から|まで|[（(][月火水木金土日一二三四五六목금월화수토일]|号|日|에|부터|까지|出发|出發|去"
)
_MONTH_FIRST = frozenset(("ja", "zh", "ko"))


def find_written_dates(text: str, code: str) -> Iterator[DateExpression]:
    """The dates in figures.

    In English day and month may change places; elsewhere the language says which comes first. Two
    figures alone ("3/4", "3.4") are only offered.
    """
    for match in _YEAR_FIRST.finditer(text):
        year = int(match["year"])
        month, day = int(match["month"] or match["month2"]), int(match["day"] or match["day2"])
        if _is_date(year, month, day):
            yield DateExpression(match.start(), match.end(), year=year, month=month, day=day)
    for match in _DAY_FIRST.finditer(text):
        if (match["sep"] == "-" and not match["c"]) or (code == "en" and match["sep"] == "-"):
            continue
        if expression := _in_order(match, match["c"], code):
            yield expression
    if code in ("de", "da", "no", "fi"):
        for match in _SHORT_GERMAN.finditer(text):
            if expression := _in_order(match, None, code):
                yield expression


def _in_order(match: re.Match[str], year: str | None, code: str) -> DateExpression | None:
    full = int(year) + (2000 if year and len(year) == 2 else 0) if year else None
    a, b = int(match["a"]), int(match["b"])
    if code in _MONTH_FIRST:
        month, day = a, b
        swapped = False
    elif code == "en":
        month, day = (a, b) if a <= 12 else (b, a)
        swapped = a <= 12 and b <= 12
    else:
        month, day = b, a
        swapped = False
    if not _is_date(full or 2024, month, day):
        return None
    return DateExpression(
        match.start(),
        match.end(),
        year=full,
        month=month,
        day=day,
        swapped=swapped,
        weak=full is None and not _is_said_to_be_a_date(match, code),
    )


def _is_said_to_be_a_date(match: re.Match[str], code: str) -> bool:
    """Whether a word beside two figures says that they are a date: "am 9.3.", "3/5に"."""
    if code in _MONTH_FIRST:
        return bool(_BEHIND.match(match.string, match.end()))
    leads = _LEADS.get(code)
    return bool(leads and re.search(rf"\b(?:{leads})\s$", match.string[: match.start()], re.I))


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
