"""What exemplars teach about values is the same after it was kept, with words or with hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import HashEmbedder

from radu_core.exemplars import AnnotatedExemplar, Span, make_template
from radu_core.inference.taught import Taught
from radu_core.schema import parse_schema

SCHEMA = parse_schema(
    {
        "module": "acme_trips_en",
        "reference_date": "2026-03-02",
        "functions": [
            {
                "name": "book",
                "description": "Book a seat.",
                "slots": [
                    {"name": "people", "description": "how many", "type": "integer"},
                    {"name": "city", "description": "where to"},
                    {"name": "when", "description": "stored as a date", "type": "date"},
                ],
            }
        ],
    }
)
EMBEDDER = HashEmbedder()


def row(number: int, text: str, **said: tuple[str, Any]) -> AnnotatedExemplar:
    spans = tuple(
        Span(slot=slot, start=text.index(words), end=text.index(words) + len(words), value=value)
        for slot, (words, value) in said.items()
        if words
    )
    arguments = {slot: value for slot, (_, value) in said.items()}
    return AnnotatedExemplar(
        id=f"{number}",
        utterance=text,
        function="book",
        arguments=arguments,
        spans=spans,
        template=make_template(text, spans),
    )


ROWS = [
    *(row(n, f"my wife and me to Żary{n}", people=("", 2)) for n in range(8)),
    *(row(10 + n, f"a seat for myself to Żary{n}", people=("", 1)) for n in range(8)),
    *(row(20 + n, f"just fly to Żary{n}") for n in range(8)),
    row(30, "go to the Big Apple", city=("the Big Apple", "New York")),
    row(31, "go to Oslo", city=("Oslo", "Oslo")),
    row(32, "for a couple to Oslo", people=("a couple", 2), city=("Oslo", "Oslo")),
]
WORDS = {
    "people": ["a couple", "A Couple", "four", "4", "some"],
    "city": ["the big apple", "The Big Apple", "oslo", "Bergen"],
    "when": ["next Friday", "5 March"],
}


def values(taught: Taught) -> list[Any]:
    """What is asked of it, by everything that an answer asks."""
    function = SCHEMA.function("book")
    assert function is not None
    slots = {s.name: s for s in function.slots}
    return [
        *(
            taught.inverse.value(function, slots[slot], words)
            for slot, some in WORDS.items()
            for words in some
        ),
        *(
            taught.implied.values("book", function.slots, EMBEDDER.embed([text])[0])
            for text in ("my wife and me to Rome", "a seat for myself", "just fly to Rome")
        ),
        *(
            taught.context.fit(template)
            for template in ("go to <city>", "for <people> to <city>", "<city> please", "nothing")
        ),
        taught.context.knows("city"),
        taught.context.knows("when"),
    ]


@pytest.mark.parametrize("salt", ["", "0123456789abcdef"])
def test_it_is_the_same_after_it_was_kept(salt: str, tmp_path: Path) -> None:
    taught = Taught.of(SCHEMA, ROWS, EMBEDDER)  # type: ignore[arg-type]
    taught.save(tmp_path, salt=salt)
    wanted = values(taught)
    assert wanted[:4] == [2, 2, 4, 4]
    assert "New York" in wanted
    assert {"people": 2} in wanted
    assert values(Taught.load(tmp_path, SCHEMA)) == wanted


def test_with_a_salt_no_words_of_utterances_are_kept(tmp_path: Path) -> None:
    Taught.of(SCHEMA, ROWS, EMBEDDER).save(tmp_path, salt="s")  # type: ignore[arg-type]
    kept = "".join(p.read_text("utf-8") for p in tmp_path.glob("*.json")).casefold()
    assert not any(word in kept for word in ("wife", "myself", "apple", "couple", "żary"))
    assert "new york" in kept  # a value, which answers are made of
