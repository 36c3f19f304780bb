"""An explanation holds what was really asked, retrieved and said, and the time once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from conftest import MODULE
from fakes import ScriptedModel
from tiny_fast import fitted, labels_of

from radu_core.inference import Deferral, FastParser, FullParser, Parser, ParserSettings
from radu_core.inference import explain as module
from radu_core.inference.answers import Question
from radu_core.inference.explain import GENERATOR, explain
from radu_core.prompts import Asking, TemplateSet
from radu_core.prompts.strategies import rag
from radu_core.retrieval import Query
from radu_core.schema import OUT_OF_SCOPE
from radu_core.workflows.coverage.report import load_index
from radu_core.workflows.frame.workspace import Workspace

FLY = Question("fly two of us to Oslo")


def parser(loaded: Workspace, model: ScriptedModel, **settings: Any) -> Parser:
    index = load_index(loaded, MODULE)
    schema = loaded.store.schema(MODULE)
    return Parser(model, index, schema, TemplateSet(), ParserSettings(**settings))


def test_a_language_models_prompts_are_those_it_was_sent(loaded: Workspace) -> None:
    model = ScriptedModel(["book_flight"], ' {"destination": "Oslo", "passengers": 2}')
    asked = parser(loaded, model)
    found = explain(asked, FLY)
    assert list(found.prompts) == ["function", "values"]
    assert list(found.prompts.values()) == model.prompts
    [hits] = asked.index.search([Query(FLY.utterance)], k_desc=3, k_exemplar=4)
    asking = Asking(FLY.utterance, asked.schema, asked.templates, order="most_relevant_last")
    assert found.prompts["function"] == rag.ask(asking, hits).text
    assert found.retrieved == tuple((h.utterance, h.function, h.score) for h in hits.exemplars)
    assert all(h.template in found.prompts["function"] for h in hits.exemplars)
    assert (found.sources, found.weights) == ({}, {})


def test_its_answer_is_the_parsers(loaded: Workspace) -> None:
    model = ScriptedModel(["book_flight"], ' {"destination": "Oslo", "passengers": 2}')
    asked = parser(loaded, model)
    [call] = asked.parse_many([Query(FLY.utterance)])
    answer = explain(asked, FLY).answer
    assert (answer.utterance, answer.function) == (FLY.utterance, "book_flight")
    assert answer.arguments == call.arguments == {"destination": "Oslo", "passengers": 2}
    assert answer.confidence == call.scores["book_flight"] == answer.alternatives[0].confidence
    assert sum(a.confidence for a in answer.alternatives) == pytest.approx(1.0)
    assert {a.function or OUT_OF_SCOPE for a in answer.alternatives} == set(call.scores)
    marked = {s.slot: FLY.utterance[s.start : s.end] for s in answer.spans}
    assert marked == {"destination": "Oslo", "passengers": "two"}
    assert asked.generator is model  # the parser that was asked is as it was


def test_one_prompt_for_each_exemplar_and_each_slot(loaded: Workspace) -> None:
    model = ScriptedModel(["yes"], ' "Oslo"')
    asked = parser(
        loaded, model, function_strategy="knn", slot_strategy="single", values="generate"
    )
    found = explain(asked, FLY)
    assert list(found.prompts.values()) == model.prompts
    assert {name.split()[0] for name in found.prompts} == {"function", "values"}
    assert "function 1" in found.prompts
    assert "values 2" in found.prompts
    assert found.answer.problems == asked.parse_many([Query(FLY.utterance)])[0].problems


def test_a_yes_no_question_is_a_task_of_its_own(loaded: Workspace) -> None:
    model = ScriptedModel(["book_flight", "affirmative"], " {}")
    asked = parser(loaded, model, reads_answers=True, values="generate")
    found = explain(asked, replace(FLY, context="book_flight.refundable"))
    assert list(found.prompts) == ["function", "values", "yes/no question"]
    assert "Question: money back" in found.prompts["yes/no question"]
    assert set(found.prompts) < set(found.milliseconds)
    assert found.answer.arguments["refundable"] is True


def test_what_is_out_of_scope_is_asked_for_no_values(loaded: Workspace) -> None:
    found = explain(parser(loaded, ScriptedModel(["none"])), Question("tell me a joke"))
    assert (found.answer.function, found.answer.arguments, found.answer.spans) == (None, {}, ())
    assert found.answer.alternatives[0].function is None
    assert list(found.prompts) == ["function"]


def test_time_inside_a_stage_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("radu_core.inference.explain.time.perf_counter", lambda: now[0])
    clock = module._Clock("values")
    now[0] = 1.0
    with clock.stage("function"):
        now[0] = 3.0
        with clock.stage("retrieval"):
            now[0] = 7.0
        now[0] = 8.0
    now[0] = 8.5
    assert clock.end() == {"values": 1500.0, "function": 3000.0, "retrieval": 4000.0}


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> FastParser:
    return fitted(tmp_path_factory.mktemp("fast"), labels_of(out_of_scope=True))


@pytest.mark.slow
def test_a_heads_sources_say_what_they_say_by_themselves(fast: FastParser) -> None:
    found = explain(fast, FLY)
    head = fast.model.head
    assert set(found.sources) == set(found.weights) == set(head.weights)
    names = {name or OUT_OF_SCOPE for name in head.functions}
    for said in found.sources.values():
        assert set(said) == names
        assert sum(said.values()) == pytest.approx(1.0)
    assert {a.function or OUT_OF_SCOPE for a in found.answer.alternatives} == names
    assert (found.retrieved, found.prompts) == ((), {})
    assert {"embedding", "joint", "whole answer"} <= set(found.milliseconds)


@pytest.mark.slow
def test_each_source_is_asked_once_more(fast: FastParser) -> None:
    class Counted:
        def __init__(self) -> None:
            self.read_times = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(fast.model.joint, name)

        def read(self, utterances: list[str]) -> Any:
            self.read_times += 1
            return fast.model.joint.read(utterances)

    counted: Any = Counted()
    model = replace(fast.model, joint=counted)
    found = explain(FastParser(model, fast.schema, fast.taught), FLY)
    assert counted.read_times == 2
    said, spent = model.ask_each(FLY.utterance)
    assert set(said) == set(found.sources)
    assert set(spent) | {"whole answer"} == set(found.milliseconds)
    assert found.sources == explain(fast, FLY).sources


@pytest.mark.slow
@pytest.mark.parametrize("below", [2.0, 0.0])
def test_a_language_model_beside_it_is_a_source_where_it_was_asked(
    fast: FastParser, loaded: Workspace, below: float
) -> None:
    model = ScriptedModel(["book_hotel"], ' {"city": "Oslo"}')
    deferral = Deferral(below, head=0.1, generator=3.0, values_below=below, told={})
    found = explain(FullParser(fast, parser(loaded, model), deferral), FLY)
    alone = fast.model.head.weights
    if below:
        assert found.answer.function == "book_hotel"
        assert max(found.sources[GENERATOR].items(), key=lambda i: i[1])[0] == "book_hotel"
        assert found.weights == {**{n: 0.1 * w for n, w in alone.items()}, GENERATOR: 3.0}
        assert list(found.prompts.values()) == model.prompts
        assert found.retrieved
        assert {"fast model", "retrieval", "function", "values"} >= set(found.milliseconds)
    else:
        assert found.weights == alone
        assert (found.prompts, found.retrieved, model.prompts) == ({}, (), [])
        assert list(found.milliseconds) == ["fast model"]
