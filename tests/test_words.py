"""Numbers in sentences."""

from __future__ import annotations

from radu_core.words import counted, listed, ordinal


def test_ordinals() -> None:
    numbers = [1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 111, 1_001]
    assert [ordinal(n) for n in numbers] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "103rd", "111th",
        "1,001st",
    ]  # fmt: skip


def test_one_is_not_many() -> None:
    assert counted(1, "utterance") == "1 utterance"
    assert counted(0, "utterance") == "0 utterances"
    assert counted(2_000, "entry", "entries") == "2,000 entries"


def test_lists() -> None:
    assert [listed("abc"[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert listed(["a", "b"], "or") == "a or b"
