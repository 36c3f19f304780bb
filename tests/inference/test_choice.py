"""Answers are chosen: the likeliest of what can be said, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import ScriptedWalk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.inference import Generator
from radu_core.inference.choice import choose_arguments, choose_value
from radu_core.inference.parser import read_slots
from radu_core.inference.proposals import Proposals
from radu_core.prompts.strategies import all_slots, single_slot
from radu_core.schema import Scalar, Slot, as_values, fits_type, parse_schema

SCHEMA = parse_schema(
    {
        "module": "acme_shop_en",
        "reference_date": "2026-11-30",
        "functions": [
            {
                "name": "order",
                "slots": [
                    {"name": "item"},
                    {"name": "count", "type": "integer"},
                    {"name": "when", "type": "date"},
                    {"name": "gift", "type": "boolean"},
                    {"name": "colour", "possible_values": ["red", "dark blue"]},
                    {"name": "extras", "multi_value": True},
                ],
            }
        ],
    }
)
ORDER = SCHEMA.functions[0]
PROPOSALS = Proposals(SCHEMA, [])
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)


class Moody:
    """A model that likes tokens at random, the same ones behind the same path."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.asked = 0

    def tokens(self, text: str) -> tuple[int, ...]:
        return tuple(text.encode())

    def after(self, path: Sequence[int]) -> NDArray[np.float64]:
        self.asked += 1
        dice = np.random.default_rng([self.seed, *path])
        scores = dice.normal(0.0, 3.0, 256)
        return scores - float(np.logaddexp.reduce(scores))

    def closing(self, characters: str) -> list[int]:
        return list(characters.encode())


@given(text=TEXT, seed=st.integers(0, 10**6))
@settings(max_examples=300, deadline=None)
def test_no_invalid_answer_and_no_value_from_nowhere(text: str, seed: int) -> None:
    offered = {s.name: PROPOSALS.of(ORDER, text, s) for s in ORDER.slots}
    found, said = choose_arguments(Moody(seed), ORDER, lambda s: offered[s.name])
    assert said == all_slots.completion(ORDER, found)
    assert read_slots(said, ORDER, None) == (found, [])
    for name, value in found.items():
        slot = ORDER.slot(name)
        assert slot is not None
        assert slot.multi_value == isinstance(value, list)
        assert all(v in offered[name] and fits_type(v, slot) for v in as_values(value))
    for slot in ORDER.slots:
        one, said = choose_value(Moody(seed), slot, offered[slot.name])
        assert said == single_slot.completion(one)
        assert one is None or all(v in offered[slot.name] for v in as_values(one))


def words(text: str) -> list[str]:
    """Every text of words that follow one another, as ``ORDER``'s item can have them."""
    parts = text.split()
    return [" ".join(parts[a:b]) for a in range(len(parts)) for b in range(a + 1, len(parts) + 1)]


@given(seed=st.integers(0, 10**6), values=st.sets(TEXT, min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_the_choice_is_the_likeliest_of_all(seed: int, values: set[str]) -> None:
    """Against the sum of every text's log-probabilities, and of the character that ends it."""
    walk, offered = Moody(seed), sorted(values)

    def likelihood(value: str | None) -> float:
        said = single_slot.completion(value)
        text, characters = (said, ",}]") if value is None else (said[:-1], '"')
        path = walk.tokens(text)
        total = sum(float(walk.after(path[:n])[t]) for n, t in enumerate(path))
        return total + float(np.logaddexp.reduce(walk.after(path)[walk.closing(characters)]))

    best = max([None, *offered], key=likelihood)
    assert choose_value(walk, Slot(name="item"), offered)[0] == best


def test_most_texts_are_never_looked_at() -> None:
    offered = words("the quick brown fox jumps over the lazy dog and runs away from it at night")
    walk = ScriptedWalk(' {"item": "lazy dog"}')
    asked = []
    plain = walk.after
    walk.after = lambda path: asked.append(len(path)) or plain(path)  # type: ignore[method-assign, func-returns-value]
    found, _ = choose_arguments(walk, ORDER, lambda s: offered if s.name == "item" else [])
    assert found == {"item": "lazy dog"}
    assert len(asked) < 20 < len(offered)


def test_a_text_is_what_the_model_would_say() -> None:
    say = ' {"item": "flour", "count": 2, "gift": true, "extras": ["a bow", "a card"]}'
    text = "two bags of flour as a gift with a bow and a card"
    found, said = choose_arguments(ScriptedWalk(say), ORDER, lambda s: PROPOSALS.of(ORDER, text, s))
    assert said == say
    assert found == json.loads(say)


@pytest.mark.parametrize(
    ("slot", "text", "has", "lacks"),
    [
        ("item", "the big apple", ["the big apple", "big", "apple"], ["an apple", ""]),
        ("count", "a couple of nights", [2], ["a couple", "2"]),
        ("count", "no number here", [], [0]),
        ("when", "next monday", ["2026-12-07"], ["next monday"]),
        ("gift", "", [True, False], []),
        ("colour", "anything", ["red", "dark blue"], ["anything"]),
        ("item", "北京到上海", ["北京", "上海"], ["Beijing"]),
    ],
)
def test_what_a_slot_can_have(slot: str, text: str, has: list[Scalar], lacks: list[Scalar]) -> None:
    target = ORDER.slot(slot)
    assert target is not None
    offered = PROPOSALS.of(ORDER, text, target)
    assert [v for v in has if v not in offered] == []
    assert [v for v in lacks if v in offered] == []


def test_rows_teach_what_words_stand_for_and_what_is_implied() -> None:
    def row(n: int, text: str, **arguments: Scalar) -> AnnotatedExemplar:
        said = [
            Span(slot="item", start=0, end=4, value=arguments["item"])
            for _ in range(text.startswith("java"))
        ]
        return AnnotatedExemplar(
            id=str(n), utterance=text, function="order", arguments=arguments, spans=tuple(said)
        )

    rows = [row(1, "java please", item="coffee", count=1), row(2, "java again", item="coffee")]
    rows += [row(3, "just for me", count=1)]
    taught = Proposals(SCHEMA, rows)
    item, count = ORDER.slots[0], ORDER.slots[1]
    assert "coffee" in taught.of(ORDER, "some java now", item)
    assert taught.of(ORDER, "some java now", count) == [1]


@pytest.mark.parametrize("stateful", [False, True])
def test_a_walk_says_what_a_plain_pass_says(tiny_model: Path, stateful: bool) -> None:
    """Whichever paths were asked about before, and also where a cache can't be cropped."""
    generator = Generator(tiny_model)
    generator._model._is_stateful = stateful
    prompt = 'Extract. "fly to Oslo" ->'
    walk = generator.walk(prompt)
    start = generator._encoder.prompt(prompt)
    one = walk.tokens(' {"origin": "Oslo')
    for path in (one, one[:2], (), one[:3], (*one[:2], 5, 6), one):
        ids = [*start, *path]
        with torch.inference_mode():
            logits = generator._model(input_ids=torch.tensor([ids])).logits[0, -1].float()
        expected = torch.log_softmax(logits, -1).numpy()
        assert np.abs(walk.after(path) - expected).max() < 1e-3


class Merging(ScriptedWalk):
    """A model to which a full stop and the character behind it are one token."""

    def tokens(self, text: str) -> tuple[int, ...]:
        return super().tokens(text.replace('."', "\u0101"))


@pytest.mark.parametrize("at", ["5 p.m.", "5 p.m", "at 5"])
def test_a_value_whose_end_is_one_token_with_the_sign_behind_it(at: str) -> None:
    say = f' {{"item": "{at}", "extras": ["p.m."]}}'
    found, said = choose_arguments(
        Merging(say), ORDER, lambda s: words("at 5 p.m. or 5 p.m") if s.type == "string" else []
    )
    assert said == say
    assert found == {"item": at, "extras": ["p.m."]}
    one, _ = choose_value(Merging(f' "{at}"'), Slot(name="item"), words("at 5 p.m. or 5 p.m"))
    assert one == at
