"""Which function is called, of those that are offered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radu_core.inference.answers import Question, choose_function
from radu_core.schema import OUT_OF_SCOPE

SCORES = {"order": 0.5, "cancel": 0.3, OUT_OF_SCOPE: 0.2}


@pytest.mark.parametrize(
    ("offered", "is_required", "chosen"),
    [
        (None, False, "order"),
        (("order", "cancel"), False, "order"),
        (("cancel",), False, OUT_OF_SCOPE),  # order isn't offered: 0.7 for none
        (("cancel",), True, "cancel"),
        ((), False, OUT_OF_SCOPE),
        ((), True, OUT_OF_SCOPE),
        (None, True, "order"),
        (("refund",), False, OUT_OF_SCOPE),
        (("refund",), True, "refund"),  # no exemplar of it was retrieved
        (("refund", "cancel"), True, "cancel"),
    ],
)
def test_what_is_not_offered_counts_for_none(
    offered: tuple[str, ...] | None, is_required: bool, chosen: str
) -> None:
    question = Question("x", offered=offered, is_required=is_required)
    assert choose_function(SCORES, question) == chosen


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), min_size=1),
    st.floats(0, 1),
    st.sets(st.sampled_from("abcdef")),
    st.booleans(),
)
def test_nothing_is_called_that_is_not_offered(
    scores: dict[str, float], none: float, offered: set[str], is_required: bool
) -> None:
    question = Question("x", offered=tuple(sorted(offered)), is_required=is_required)
    chosen = choose_function({**scores, OUT_OF_SCOPE: none}, question)
    assert chosen in {*offered, OUT_OF_SCOPE}
    assert chosen != OUT_OF_SCOPE or not (is_required and offered)
    if is_required and offered & scores.keys():
        assert scores[chosen] == max(scores[n] for n in offered & scores.keys())
