"""What prompts are made of in tests: hits, and options for all rows or plain ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radu_core.prompts import RowOptions
from radu_core.retrieval import DescriptionHit, ExemplarHit, Retrieved

GOLDEN = Path(__file__).parent / "golden"
EVERY = RowOptions(removed_share=1.0, fewer_share=1.0, zero_share=1.0)
NONE = RowOptions(removed_share=0.0, fewer_share=0.0, zero_share=0.0)


def hit(id: str, function: str | None, template: str, rank: int, **more: Any) -> ExemplarHit:
    utterance = more.pop("utterance", template)
    similarity = more.pop("similarity", 0.9 - rank / 10)
    arguments = more.pop("arguments", {})
    return ExemplarHit(
        id, function, template, utterance, arguments, (), rank, similarity, similarity
    )


HITS = Retrieved(
    (DescriptionHit("book_flight", 1, 0.8), DescriptionHit("book_hotel", 2, 0.3)),
    (
        hit(
            "e1",
            "book_flight",
            "fly us to <destination>",
            1,
            utterance="fly us to Rome",
            arguments={"destination": "Rome"},
        ),
        hit("e2", None, "can pigs fly?", 2),
        hit(
            "e3",
            "book_flight",
            "a plane from <origin>",
            3,
            utterance="a plane from Bonn",
            arguments={"origin": "Bonn"},
        ),
        hit(
            "e4",
            "book_hotel",
            "a room in <city>",
            4,
            utterance="a room in Paris",
            arguments={"city": "Paris"},
        ),
    ),
)
