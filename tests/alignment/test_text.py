"""Where sentences begin."""

from __future__ import annotations

import pytest

from radu_core.alignment.language import language
from radu_core.alignment.text import Text


@pytest.mark.parametrize(
    ("text", "word", "begins"),
    [
        ("I saw. Park near the park", "Park", True),
        ('"May I" she said', "May", True),
        ("¿May I come", "May", True),
        ("(May I)", "May", True),
        ("yes: May I", "May", True),
        ("well… May I", "May", True),
        ("first\nMay", "May", True),
        ("I met May there", "May", False),
        ("it is 'May' there", "May", False),
        ("the state-May road", "May", False),
    ],
)
def test_what_begins_a_sentence(text: str, word: str, begins: bool) -> None:
    assert Text(text, language("en")).begins_sentence(text.index(word)) is begins
