"""A question may say the day that its relative dates count from."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import HashEmbedder

from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.inference import FastParser, FunctionCall
from radu_core.inference.answers import Question
from radu_core.inference.asking import to_answer
from radu_core.inference.proposals import Proposals
from radu_core.inference.taught import Taught
from radu_core.retrieval import Query
from radu_core.schema import parse_schema
from radu_core.training.joint.fast import FastAnswer

SCHEMA = parse_schema(
    {
        "module": "acme_trips_en",
        "reference_date": "2026-03-02",
        "functions": [{"name": "book", "slots": [{"name": "day", "type": "date"}]}],
    }
)
SAID = "book it for tomorrow"
NEW_YEAR = date(2027, 1, 1)
TAUGHT = AnnotatedExemplar(
    id="1",
    utterance="book it today",
    function="book",
    arguments={"day": "2026-03-02"},
    spans=(Span(slot="day", start=8, end=13, value="2026-03-02"),),
)


class FakeModel:
    """Means ``book`` by everything, and marks "tomorrow"."""

    scope = SimpleNamespace(kept=1.0)

    def answer(self, utterances: list[str]) -> list[FastAnswer]:
        tags = ([("day", SAID.index("tomorrow"), len(SAID))], 1.0)
        vector = np.zeros(4, np.float32)
        return [FastAnswer({"book": 1.0}, "book", vector, 0.1, lambda _: tags) for _ in utterances]


@pytest.mark.parametrize(("today", "day"), [(None, "2026-03-03"), (NEW_YEAR, "2027-01-02")])
def test_a_fast_model_counts_from_it(today: date | None, day: str) -> None:
    model: Any = FakeModel()
    parser = FastParser(model, SCHEMA, Taught.of(SCHEMA, [TAUGHT], HashEmbedder()))
    [call] = parser.parse_many([Query(SAID)], questions=[Question(SAID, today=today)])
    assert (call.function, call.arguments) == ("book", {"day": day})
    assert [(s.start, s.end, s.value) for s in call.spans] == [(12, 20, day)]


def test_a_language_model_is_offered_its_dates() -> None:
    function = SCHEMA.functions[0]
    proposals = Proposals(SCHEMA, [TAUGHT])
    assert "2026-03-03" in proposals.of(function, SAID, function.slots[0])
    offered = proposals.of(function, SAID, function.slots[0], today=NEW_YEAR)
    assert "2027-01-02" in offered
    assert "2026-03-03" not in offered


def test_the_place_of_a_date_is_found_by_it() -> None:
    call = FunctionCall(function="book", arguments={"day": "2027-01-02"}, scores={"book": 1.0})
    [span] = to_answer(SCHEMA, Question(SAID, today=NEW_YEAR), call).spans
    assert SAID[span.start : span.end] == "tomorrow"
    assert to_answer(SCHEMA, Question(SAID), call).spans == ()
