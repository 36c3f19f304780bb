"""In which way two templates are equal."""

from __future__ import annotations

import pytest

from radu_core.retrieval.pairs import equality


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("ราคาเสื้อ", "ราคาเสือ", None),  # shirt, tiger: a tone tells them apart
        ("मेरा पता बताओ", "मेरे पिता बताओ", None),  # my address, my father: vowels do
        ("قَلب", "قُلب", None),
        ("cafe\u0301 open", "Café, open!", "same words"),
        ("İzmir", "i̇zmir", "same words"),
        ("№ 5", "no 5", "same words"),
        ("fly home ✈️", "Fly home!", "same words"),
        ("fly_home", "fly home", "same words"),
        ("ราคาเสื้อ", "ราคาเสื้อ?", "same words"),
        ("a room in <city> please", "A room in <place>, please", "same frame"),
        ("to <city>", "to <place>", None),
        ("?", "!", None),
    ],
)
def test_equality(first: str, second: str, expected: str | None) -> None:
    assert equality(first, second) == expected
    assert equality(second, first) == expected
