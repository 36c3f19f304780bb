"""A language model beside the fast one: asked where that is unsure, if it adds something."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radu_core.exemplars import AnnotatedExemplar
from radu_core.inference import Deferral, FullParser, FunctionCall, fit_deferral
from radu_core.inference.answers import Question, choose_function
from radu_core.retrieval import Query
from radu_core.schema import OUT_OF_SCOPE, parse_schema
from radu_core.training.joint.fast import FastAnswer

SCHEMA = parse_schema(
    {
        "module": "acme_shop_en",
        "functions": [{"name": n, "slots": [{"name": "what"}]} for n in ("order", "cancel")],
    }
)


class Fast:
    """A fast model that knows whatever begins with its function's name.

    For the rest it guesses ``order``. It takes the last word for the value, and knows that it may
    be wrong where there are several.
    """

    def __init__(self) -> None:
        self.schema, self.model, self.kept = SCHEMA, self, 1.0

    def answer(self, utterances: Sequence[str]) -> list[FastAnswer]:
        found = []
        for utterance in utterances:
            first, *words = utterance.split()
            known = first in ("order", "cancel")
            name = first if known else "order"
            sure = 0.98 if known else 0.5
            other = "cancel" if name == "order" else "order"
            scores = {name: sure, other: 0.99 - sure, OUT_OF_SCOPE: 0.01}
            spans = [("what", len(utterance) - len(words[-1]), len(utterance))] if words else []
            tagged = (spans, 0.9 if len(words) == 1 else 0.3)
            vector, outside = np.zeros(2, dtype=np.float32), 0.99 * (not known)
            found.append(FastAnswer(scores, name, vector, outside, lambda _, t=tagged: t))
        return found

    def refuses(self, answer: FastAnswer, scope: float | None = None) -> bool:
        return answer.out_of_scope > (self.kept if scope is None else scope)

    def decide(self, answer: FastAnswer, question: Question, scope: float | None = None) -> str:
        if self.refuses(answer, scope):
            return OUT_OF_SCOPE
        return choose_function(answer.scores, question)

    def call(self, utterance: str, answer: FastAnswer, **_: Any) -> FunctionCall:
        if answer.function == OUT_OF_SCOPE:
            return FunctionCall(function=None, scores=dict(answer.scores))
        values = {slot: utterance[a:b] for slot, a, b in answer.tags[0]}
        return FunctionCall(function=answer.function, arguments=values, scores=dict(answer.scores))


class Oracle:
    """A language model that knows the right answer, or one that is wrong every time."""

    def __init__(self, rows: Sequence[AnnotatedExemplar], *, right: bool = True) -> None:
        self.rows = {r.utterance: r for r in rows}
        self.right = right
        self.asked: list[str] = []
        self.filled: list[str] = []

    def function_scores(
        self, queries: Sequence[Query], candidates: Sequence[Sequence[str]], **_: Any
    ) -> list[dict[str, float]]:
        self.asked += [q.utterance for q in queries]
        found = []
        for query in queries:
            name = self.rows[query.utterance].function or OUT_OF_SCOPE
            said = name if self.right else {"order": "cancel"}.get(name, "order")
            others = [n for n in ("order", "cancel", OUT_OF_SCOPE) if n != said]
            found.append({said: 0.8, **dict.fromkeys(others, 0.1)})
        return found

    def fill(self, queries: Sequence[Query], calls: list[FunctionCall], **_: Any) -> None:
        self.filled += [q.utterance for q in queries]
        for query, call in zip(queries, calls, strict=True):
            value = self.rows[query.utterance].arguments["what"]
            call.arguments = {"what": value if self.right else "nothing"}


def rows() -> list[AnnotatedExemplar]:
    """40 rows that the fast model knows, 10 that it guesses, 10 whose values it gets wrong."""
    texts = [(f"order tea{n}", "order", f"tea{n}") for n in range(20)]
    texts += [(f"cancel tea{n}", "cancel", f"tea{n}") for n in range(20)]
    texts += [(f"drop tea{n}", "cancel", f"tea{n}") for n in range(10)]
    texts += [(f"order tea{n} please", "order", f"tea{n}") for n in range(10)]
    return [
        AnnotatedExemplar(
            id=str(n), utterance=text, function=function, arguments={"what": value}, spans=()
        )
        for n, (text, function, value) in enumerate(texts)
    ]


def parsed(parser: Any, some: Sequence[AnnotatedExemplar]) -> list[tuple[str | None, Any]]:
    return [
        (c.function, c.arguments) for c in parser.parse_many([Query(r.utterance) for r in some])
    ]


def test_a_language_model_that_knows_more_is_asked_where_the_fast_one_is_unsure() -> None:
    known = rows()
    fast, oracle = Fast(), Oracle(known)
    deferral = fit_deferral(fast, oracle, known)  # type: ignore[arg-type]
    assert deferral.generator > 0
    assert 0.5 < deferral.function_below <= 0.98
    assert deferral.values_below > 0.3
    assert deferral.told["functions_right_with"] > deferral.told["functions_right"]
    oracle.asked, oracle.filled = [], []
    full = FullParser(fast, oracle, deferral)  # type: ignore[arg-type]
    assert parsed(full, known) == [(r.function, r.arguments) for r in known]
    assert set(oracle.asked) == {r.utterance for r in known if r.utterance.startswith("drop")}
    assert set(oracle.filled) == {r.utterance for r in known if "please" in r.utterance}


def test_what_is_refused_is_asked_about_no_more() -> None:
    known = rows()
    oracle = Oracle(known)
    deferral = fit_deferral(Fast(), oracle, known)  # type: ignore[arg-type]
    oracle.asked = []
    full = FullParser(Fast(), oracle, deferral)  # type: ignore[arg-type]
    calls = full.parse_many([Query(r.utterance) for r in known], scope=0.95)
    refused = [r.utterance for r, c in zip(known, calls, strict=True) if c.function is None]
    assert refused == [r.utterance for r in known if r.utterance.startswith("drop")]
    assert oracle.asked == []


def test_what_the_fast_model_refuses_weighs_nothing() -> None:
    known = rows()
    fast, oracle = Fast(), Oracle(known)
    fast.kept = 0.95
    deferral = fit_deferral(fast, oracle, known)  # type: ignore[arg-type]
    assert not any(text.startswith("drop") for text in oracle.asked)
    assert deferral.generator == 0.0  # it could only help where nothing is answered
    assert deferral.values_below > 0.3
    nothing = [r for r in known if r.utterance.startswith("drop")]
    none = fit_deferral(fast, oracle, nothing)  # type: ignore[arg-type]
    assert (none.function_below, none.generator, none.values_below) == (0.0, 0.0, 0.0)


def test_one_that_knows_less_is_never_asked() -> None:
    known = rows()
    fast, wrong = Fast(), Oracle(known, right=False)
    deferral = fit_deferral(fast, wrong, known)  # type: ignore[arg-type]
    assert (deferral.generator, deferral.values_below) == (0.0, 0.0)
    wrong.asked, wrong.filled = [], []
    full = FullParser(fast, wrong, deferral)  # type: ignore[arg-type]
    alone = [fast.call(r.utterance, a) for r, a in _answers(fast, known)]
    assert parsed(full, known) == [(c.function, c.arguments) for c in alone]
    assert (wrong.asked, wrong.filled) == ([], [])


def _answers(
    fast: Fast, some: Sequence[AnnotatedExemplar]
) -> list[tuple[AnnotatedExemplar, FastAnswer]]:
    return list(zip(some, fast.answer([r.utterance for r in some]), strict=True))


def test_a_probability_sums_to_one_and_the_weights_come_back(tmp_path: Path) -> None:
    known = rows()
    deferral = fit_deferral(Fast(), Oracle(known), known)  # type: ignore[arg-type]
    deferral.save(tmp_path / "m.json")
    assert Deferral.load(tmp_path / "m.json") == deferral
    full = FullParser(Fast(), Oracle(known), deferral)  # type: ignore[arg-type]
    for call in full.parse_many([Query(r.utterance) for r in known]):
        assert sum(call.scores.values()) == pytest.approx(1.0)
        assert call.seconds > 0


@pytest.mark.parametrize("count", [1, 2])
def test_few_rows_suffice_to_say_that_it_adds_nothing(count: int) -> None:
    known = rows()[:count]
    deferral = fit_deferral(Fast(), Oracle(known), known)  # type: ignore[arg-type]
    assert deferral.generator == 0.0
