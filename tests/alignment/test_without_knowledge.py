"""What alignment decides where it doesn't know the day, or little of the language."""

from __future__ import annotations

from typing import Any

import pytest
from aligning import MARK, exemplar, schema_for, unmarked

from radu_core.alignment import align


@pytest.mark.parametrize(
    ("marked", "arguments"),
    [
        ("arriving [tomorrow](check_in)", {"check_in": "2026-08-09"}),
        ("[next Friday](check_in)", {"check_in": "2026-08-07"}),
    ],
)
def test_a_date_that_counts_from_an_unknown_day_is_a_match(
    marked: str, arguments: dict[str, Any]
) -> None:
    result = align(schema_for(arguments), exemplar(unmarked(marked), arguments))
    assert result.template == MARK.sub(r"<\2>", marked)


def test_a_weekday_that_cannot_be_is_none_even_from_an_unknown_day() -> None:
    arguments = {"check_in": "2026-08-08"}  # a Saturday
    result = align(schema_for(arguments), exemplar("next Friday", arguments))
    assert result.outcome == "unlocated"


@pytest.mark.parametrize(
    ("language", "marked", "arguments"),
    [
        ("de", "ein Tisch für [zwei](guests)", {"guests": 2}),
        ("de", "[zweihundert](guests) Leute", {"guests": 200}),
        ("fr", "une table pour [vingt et un](guests)", {"guests": 21}),
        ("de", "genau [1.500](guests) Leute", {"guests": 1500}),
        ("de", "etwa [2,5](above) Kilo", {"above": 2.5}),
        ("es", "una mesa para [cuatro](guests)", {"guests": 4}),
        ("de", "am [3. April 2026](check_in) bitte", {"check_in": "2026-04-03"}),
        ("de", "welche [Hotels](what) gibt es", {"what": "Hotel"}),
        ("sw", "safari ya [Nairobi](to)", {"to": "Nairobi"}),
    ],
)
def test_other_languages_get_what_libraries_know(
    language: str, marked: str, arguments: dict[str, Any]
) -> None:
    result = align(schema_for(arguments, language), exemplar(unmarked(marked), arguments))
    assert result.outcome == "resolved", result.reason
    assert result.template == MARK.sub(r"<\2>", marked)


def test_a_language_nothing_is_known_of_asks() -> None:
    row = exemplar("meza ya watu wawili", {"guests": 2})
    assert align(schema_for({"guests": 2}, "sw"), row).outcome == "unlocated"


def test_figures_that_others_set_otherwise_are_offered_with_what_they_read_as() -> None:
    row = exemplar("bis 1,599 Euro", {"above": 1599})
    result = align(schema_for({"above": 1599}, "de"), row)
    assert result.reason == "'1,599' may mean 1599, but reads as 1.599; is it above?"
    assert [row.utterance[s.start : s.end] for r in result.readings for s in r.spans] == ["1,599"]


def test_figures_that_say_another_number_in_the_language_are_doubted() -> None:
    """A table gave "1.599", which a program writes for 1.599: it is taken, and told."""
    result = align(schema_for({"above": 1.599}, "de"), exemplar("bis 1.599 Euro", {"above": 1.599}))
    assert (result.template, result.inferred_kinds) == ("bis <above> Euro", ("doubted",))
    assert result.reason == "One reading only; the only '1.599' reads as 1599."
