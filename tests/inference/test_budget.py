"""An answer has the tokens that it can need, and one that is cut says so."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from fakes import ScriptedModel
from hypothesis import given, settings
from hypothesis import strategies as st

from radu_core.generator import json_end
from radu_core.inference import Generator, Parser, ParserSettings
from radu_core.inference.budget import answer_tokens
from radu_core.prompts import TemplateSet
from radu_core.prompts.strategies import all_slots
from radu_core.retrieval import Query
from radu_core.schema import Schema, parse_schema
from radu_core.workflows.coverage.report import load_index
from radu_core.workflows.frame.workspace import Workspace

COLOURS = ["red", "a very light shade of turquoise, nearly white"]
WIDE = parse_schema(
    {
        "module": "acme_shop_en",
        "functions": [
            {
                "name": "order",
                "slots": [
                    *({"name": f"free_{i}"} for i in range(4)),
                    {"name": "all_of", "multi_value": True},
                    {"name": "count", "type": "integer"},
                    {"name": "price", "type": "number"},
                    {"name": "gift", "type": "boolean"},
                    {"name": "colour", "possible_values": COLOURS},
                    {"name": "colours", "possible_values": COLOURS, "multi_value": True},
                ],
            }
        ],
    }
)
ORDER = WIDE.functions[0]
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=300).filter(
    lambda t: bool(t.strip())
)


@pytest.fixture(scope="module")
def generator(tiny_model: Path) -> Generator:
    return Generator(tiny_model)


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An utterance, and the longest kind of answer to it: every slot filled, values from it."""
    utterance = draw(TEXT)
    cuts = sorted(draw(st.lists(st.integers(0, len(utterance)), min_size=7, max_size=7)))
    parts = [utterance[a:b] for a, b in pairwise(cuts)]
    arguments = {f"free_{i}": part for i, part in enumerate(parts[:4])}
    return utterance, {
        **arguments,
        "all_of": parts[4:],
        "count": draw(st.integers(-(10**9), 10**9)),
        "price": draw(st.floats(-1e6, 1e6).map(lambda x: round(x, 2))),
        "gift": False,
        "colour": COLOURS[1],
        "colours": COLOURS,
    }


@given(asked=answers())
@settings(max_examples=150, deadline=None)
def test_every_answer_that_comes_from_the_utterance_fits(
    generator: Generator, asked: tuple[str, dict[str, Any]]
) -> None:
    utterance, arguments = asked
    count = generator.count_tokens
    most = answer_tokens(ORDER, None, utterance, [], count)
    assert count(all_slots.completion(ORDER, arguments)) < most
    for slot in ORDER.slots:
        alone = answer_tokens(ORDER, slot, utterance, [], count)
        said = json.dumps(arguments[slot.name], ensure_ascii=False)
        assert count(said) < alone <= most, slot.name


def test_an_answer_like_those_that_were_taught_fits(generator: Generator) -> None:
    """A value in other words than the utterance's may be longer than all of it."""
    stored = all_slots.completion(ORDER, {"free_0": "the main station, platform " * 20})
    count = generator.count_tokens
    assert answer_tokens(ORDER, None, "there", [], count) < count(stored)
    assert answer_tokens(ORDER, None, "there", [stored], count) > count(stored)


def parsed(loaded: Workspace, say: str, utterance: str, schema: Schema | None = None) -> Any:
    model = ScriptedModel(["book_flight"], say)
    index, own = load_index(loaded, MODULE), schema or loaded.store.schema(MODULE)
    parser = Parser(model, index, own, TemplateSet(), ParserSettings(values="generate"))
    return parser.parse_many([Query(utterance)])[0], model


def test_a_long_answer_to_a_long_utterance_isnt_cut(loaded: Workspace) -> None:
    """96 tokens were all it could have."""
    place = " ".join(f"street{i}" for i in range(120))
    call, model = parsed(loaded, json.dumps({"destination": place}), f"fly me to {place}")
    assert call.arguments == {"destination": place}
    assert (call.cut, call.problems) == (False, ())
    short = parsed(loaded, "{}", "fly me to Oslo")[1]
    assert short.budgets[0] < 96 < model.budgets[0]


def test_a_cut_answer_is_reported_as_such(loaded: Workspace) -> None:
    call, _ = parsed(loaded, '{"destination": "' + "on and " * 500, "fly me to Oslo")
    assert (call.function, call.arguments, call.cut) == ("book_flight", {}, True)
    assert len(call.problems) == 1
    assert call.problems[0].startswith("the model's answer was cut, as it didn't end")
    assert "JSON" not in call.problems[0]


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (' {"a": "}"} and more', 11),
        (' {"a": "}"', None),
        ("[1, 2]", 6),
        ('"a\\"b" c', 6),
        ('"a', None),
        ("12", None),
        ("null", None),
        ("", None),
        ("{}", 2),
        ("[" * 100_000, None),
        ("not {}", None),
    ],
)
def test_where_a_json_value_is_closed(text: str, end: int | None) -> None:
    assert json_end(text) == end


def test_generation_ends_where_the_value_is_closed(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nonsense goes on to its budget and is cut; what begins as a whole value ends there."""
    plain = generator.generate(["fly"], [9])[0]
    assert plain.cut
    assert generator.count_tokens(plain.text) <= 9
    end = generator._tokenizer('{"a": 1}', add_special_tokens=False)["input_ids"]
    other = generator._tokenizer(" and so on", add_special_tokens=False)["input_ids"]
    assert generator._read([*end, *other], 40) == ('{"a": 1}', False)
    assert generator._read([*end, *other], len(end) - 1) == ('{"a": 1', True)
    assert generator._read([*other, generator._pad, *end], 40)[1] is False
