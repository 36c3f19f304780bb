"""A parser's call as an app gets it."""

from __future__ import annotations

import numpy as np
import pytest
from answering import SCHEMA
from hypothesis import given
from hypothesis import strategies as st

from radu_core.inference.answers import Question
from radu_core.inference.asking import to_answer
from radu_core.inference.parser import FunctionCall
from radu_core.schema import OUT_OF_SCOPE

NAMES = [*(f.name for f in SCHEMA.functions), OUT_OF_SCOPE]


@given(
    st.lists(st.floats(-40, 40), min_size=3, max_size=3),
    st.sampled_from([None, *NAMES[:2]]),
    st.sampled_from([None, (), ("book_flight",), ("book_flight", "book hotel")]),
)
def test_confidences_are_probabilities(
    logits: list[float], function: str | None, offered: tuple[str, ...] | None
) -> None:
    """Also where the probabilities of the functions add up to a little more than 1."""
    shares = np.exp(np.array(logits) - np.logaddexp.reduce(logits)).tolist()
    call = FunctionCall(function=function, scores=dict(zip(NAMES, shares, strict=True)))
    answer = to_answer(SCHEMA, Question("x", offered=offered), call)
    assert all(
        0 <= c <= 1 for c in (answer.confidence, *(a.confidence for a in answer.alternatives))
    )


def test_what_is_refused_is_no_less_likely_than_nothing() -> None:
    scores = {"book_flight": 0.7, "book hotel": 0.3000000000000001}
    answer = to_answer(SCHEMA, Question("x"), FunctionCall(function=None, scores=scores))
    assert answer.confidence == 0.0
    call = FunctionCall(function="book_flight", scores={"book_flight": 1.0000000000000002})
    assert to_answer(SCHEMA, Question("x"), call).confidence == 1.0
    half = FunctionCall(function=None, scores={"book_flight": 0.3, "book hotel": 0.2})
    assert to_answer(SCHEMA, Question("x"), half).confidence == pytest.approx(0.5)
