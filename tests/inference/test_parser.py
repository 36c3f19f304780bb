"""Parsing with a scripted model: what is kept of its answer, and what is said of the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from conftest import MODULE
from fakes import ScriptedModel

from radu_core.exemplars import AnnotatedExemplar
from radu_core.inference import FunctionCall, Generator, Parser, ParserSettings
from radu_core.inference.parser import read_slots
from radu_core.prompts import Asking, RowOptions, TemplateSet, question_rows
from radu_core.prompts.strategies import rag
from radu_core.retrieval import Query
from radu_core.schema import Schema, require_function
from radu_core.workflows.coverage.report import load_index
from radu_core.workflows.frame.workspace import Workspace


def parser(loaded: Workspace, model: ScriptedModel | Generator, **settings: object) -> Parser:
    index = load_index(loaded, MODULE)
    return Parser(
        model, index, loaded.store.schema(MODULE), TemplateSet(), ParserSettings(**settings)
    )


def ask(parser: Parser, utterance: str) -> FunctionCall:
    [call] = parser.parse_many([Query(utterance)])
    return call


def test_rag_and_all(loaded: Workspace) -> None:
    model = ScriptedModel(["book_flight"], ' {"destination": "Oslo", "passengers": 2}')
    call = ask(parser(loaded, model), "fly two of us to Oslo")
    assert call.function == "book_flight"
    assert call.arguments == {"destination": "Oslo", "passengers": 2}
    assert max(call.scores, key=lambda n: call.scores[n]) == "book_flight"
    assert sum(call.scores.values()) == pytest.approx(1.0)


def test_none_has_no_slots(loaded: Workspace) -> None:
    model = ScriptedModel(["none"], "{}")
    call = ask(parser(loaded, model), "tell me a joke")
    assert (call.function, call.arguments) == (None, {})
    assert len(model.prompts) == 1


def test_knn_and_single(loaded: Workspace) -> None:
    model = ScriptedModel(["yes"], ' "Oslo"')
    asked = parser(
        loaded, model, function_strategy="knn", slot_strategy="single", values="generate"
    )
    call = ask(asked, "fly home to Oslo please")
    assert call.function == "book_flight"
    assert call.arguments == {"origin": "Oslo", "destination": "Oslo"}
    assert call.problems == (
        "'Oslo' doesn't fit the slot 'passengers'",
        "'Oslo' doesn't fit the slot 'refundable'",
    )


def test_recognizers_fill_their_slots_and_the_model_may_not(loaded: Workspace) -> None:
    model = ScriptedModel(["book_hotel"], ' {"city": "Bonn", "extras": ["pool"]}')
    call = ask(parser(loaded, model, values="generate"), "a hotel with a pool in nyc")
    assert call.arguments == {"city": "New York", "extras": ["pool"]}
    assert call.problems == ("book_hotel has no slot 'city' for the model to fill",)


def test_chosen_values_need_no_check(loaded: Workspace) -> None:
    model = ScriptedModel(["book_hotel"], ' {"city": "Bonn", "extras": ["pool"]}')
    call = ask(parser(loaded, model), "a hotel with a pool in nyc")
    assert call.arguments["city"] == "New York"  # the recognizer's; the model isn't asked
    assert set(call.arguments) <= {"city", "extras"}
    assert set(call.arguments.get("extras", ())) <= set(words("a hotel with a pool in nyc"))
    assert not call.problems
    assert not call.cut
    single = parser(loaded, ScriptedModel(["book_flight"], ' "Oslo"'), slot_strategy="single")
    call = ask(single, "fly home to Oslo please")
    assert call.arguments == {"origin": "Oslo", "destination": "Oslo"}
    assert call.problems == ()


def words(text: str) -> list[str]:
    """All texts of words that follow one another."""
    parts = text.split()
    return [" ".join(parts[a:b]) for a in range(len(parts)) for b in range(a + 1, len(parts) + 1)]


@pytest.mark.parametrize(
    ("answer", "values", "problem"),
    [
        ("not json", {}, "isn't JSON"),
        ("[1]", {}, "isn't a JSON object"),
        ('{"passengers": "two"}', {}, "doesn't fit"),
        ('{"seat": 1, "origin": "Oslo"}', {"origin": "Oslo"}, "no slot 'seat'"),
        ('{"origin": null}', {}, None),
        ('{"origin": ["Oslo"]}', {"origin": "Oslo"}, None),
        ('{"origin": {"a": 1}}', {}, "doesn't fit"),
        ("[" * 100_000, {}, "isn't JSON"),
        ('{"passengers": NaN}', {}, "isn't JSON"),
    ],
)
def test_whatever_the_model_says_is_checked(
    schema: Schema, answer: str, values: dict[str, object], problem: str | None
) -> None:
    found, problems = read_slots(answer, require_function(schema, "book_flight"), None)
    assert found == values
    assert (problem is None and not problems) or (problem or "") in problems[0]


def test_scores_are_the_summed_log_likelihoods(tiny_model: Path) -> None:
    """Against one plain forward pass per candidate."""
    generator = Generator(tiny_model)
    prompt, candidates = "Which function? ->", [" book_flight", " none", " a"]
    expected = []
    for candidate in candidates:
        start = generator._encoder.prompt(prompt)
        ids = [*start, *generator._encoder.row(prompt, candidate)[1]]
        with torch.inference_mode():
            logits = generator._model(input_ids=torch.tensor([ids])).logits[0].float()
        chosen = torch.log_softmax(logits[:-1], -1)[range(len(ids) - 1), ids[1:]]
        expected.append(float(chosen[len(start) - 1 :].sum()))
    assert generator.score(prompt, candidates) == pytest.approx(expected, abs=1e-3)


def test_batches_do_not_change_what_is_generated(tiny_model: Path) -> None:
    generator = Generator(tiny_model)
    prompts = ["fly", "a much longer prompt than the other one ->", "x y"]
    budgets = [8, 3, 12]
    alone = [generator.generate([p], [b])[0] for p, b in zip(prompts, budgets, strict=True)]
    assert generator.generate(prompts, budgets, batch_size=3) == alone
    assert all("\n" not in said.text.rstrip("\n") for said in alone)
    for said, budget in zip(alone, budgets, strict=True):  # nonsense goes on
        assert generator.count_tokens(said.text) == budget or not said.cut


def test_an_ensemble_of_one_is_the_single_prompt(loaded: Workspace, tiny_model: Path) -> None:
    generator = Generator(tiny_model)
    for text in ("fly home to Oslo please", "a hotel in Paris"):
        alone, mixed = (
            parser(loaded, generator, k_exemplar=1, k_desc=2, mixing=m).choose_functions(
                [Query(text)]
            )[0]
            for m in ("prompt", "ensemble")
        )
        assert mixed == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize("k", [0, 2, 5])
def test_the_probabilities_of_an_ensemble_are_the_retrievers_mean(
    loaded: Workspace, tiny_model: Path, k: int
) -> None:
    """By hand: each exemplar's prompt by itself, weighed by softmax(cos / 0.1)."""
    generator = Generator(tiny_model)
    asked = parser(loaded, generator, k_exemplar=k, k_desc=1, mixing="ensemble")
    [hits] = asked._retrieve([Query("fly home to Oslo please")])
    [scores] = asked.choose_functions([Query("fly home to Oslo please")])
    assert sum(scores.values()) == pytest.approx(1.0)
    shown = asked._limit_exemplars(hits)
    assert len(shown.exemplars) == k
    if not k:
        return
    asking = Asking("fly home to Oslo please", asked.schema, TemplateSet())
    prompts = [prompt.text for prompt in rag.ask_each(asking, shown)]
    names = [*shown.functions, "none"]
    shares = torch.tensor(
        [generator.score(p, [f" {n}" for n in names]) for p in prompts], dtype=torch.float64
    ).softmax(1)
    near = torch.tensor([h.similarity for h in shown.exemplars], dtype=torch.float64)
    expected = (near / 0.1).softmax(0) @ shares
    assert [scores[n] for n in names] == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.parametrize(("word", "value"), [("affirmative", True), ("negative", False)])
def test_an_answer_to_the_bots_question_fills_its_slot(
    loaded: Workspace, word: str, value: bool
) -> None:
    """Whatever the slots' own prompt says of it; and only where the model was taught to."""
    said = {"destination": "Oslo", "refundable": not value}
    for reads_answers in (True, False):
        model = ScriptedModel(["book_flight", word], f" {json.dumps(said)}")
        asked = parser(loaded, model, reads_answers=reads_answers, values="generate")
        [call] = asked.parse_many([Query("fly to Oslo")], contexts=["book_flight.refundable"])
        assert call.arguments["refundable"] is (value if reads_answers else not value)
        assert call.arguments["destination"] == "Oslo"
        assert any("Question: money back" in p for p in model.prompts) is reads_answers


@pytest.mark.parametrize(
    ("context", "prefer"),
    [
        (None, ["book_flight", "affirmative"]),
        ("book_flight.destination", ["book_flight", "affirmative"]),
        ("book_flight.refundable", ["book_hotel", "affirmative"]),  # another function was meant
        ("book_flight.refundable", ["book_flight", "irrelevant"]),
        ("book_flight.refundable", ["book_flight", "indifferent"]),
    ],
)
def test_what_is_no_answer_fills_nothing(
    loaded: Workspace, context: str | None, prefer: list[str]
) -> None:
    asked = parser(loaded, ScriptedModel(prefer, " {}"), reads_answers=True, values="generate")
    [call] = asked.parse_many([Query("fly to a hotel in Oslo")], contexts=[context])
    assert call.function == prefer[0]
    assert "refundable" not in call.arguments


@pytest.mark.parametrize("function_strategy", ["rag", "knn"])
@pytest.mark.parametrize("slot_strategy", ["all", "single"])
def test_the_prompts_are_those_of_a_preview(
    loaded: Workspace, function_strategy: str, slot_strategy: str
) -> None:
    """The parser sends what ``question_rows`` shows, for each of its tasks."""
    text, context = "fly home to Oslo please", "book_flight.refundable"
    model = ScriptedModel(["book_flight", "yes", "affirmative"], " {}")
    asked = parser(
        loaded,
        model,
        function_strategy=function_strategy,
        slot_strategy=slot_strategy,
        reads_answers=True,
    )
    [call] = asked.parse_many([Query(text)], contexts=[context])
    assert call.function == "book_flight"
    hits = asked.index.search([Query(text)], k_desc=3, k_exemplar=20)[0]
    row = AnnotatedExemplar(
        id="typed", utterance=text, function="book_flight", spans=(), context=context
    )
    options = RowOptions(k_exemplar=4)
    shown = [
        made.prompt
        for strategy in (function_strategy, slot_strategy, "yes_no")
        for made in question_rows(
            strategy, row, asked.schema, hits, asked.templates, options=options
        ).rows
    ]
    assert model.prompts == shown
