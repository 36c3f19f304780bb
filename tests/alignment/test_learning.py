"""What a module's exemplars teach: other names of values, generic words, words around slots."""

from __future__ import annotations

from typing import Any

import pytest

from radu_core.alignment import Aligner, Knowledge, learn
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import Schema, parse_schema

SLOTS = [{"name": "city"}, {"name": "genre"}, {"name": "hotel"}]


@pytest.fixture
def films() -> Schema:
    return parse_schema({"module": "a_b_en", "functions": [{"name": "f", "slots": SLOTS}]})


def rows(*said: tuple[str, dict[str, Any]]) -> list[AnnotatedExemplar]:
    return [
        AnnotatedExemplar(id=str(n), utterance=text, function="f", arguments=arguments)
        for n, (text, arguments) in enumerate(said)
    ]


FUNNY = rows(
    ("something funny tonight", {"genre": "Comedy"}),
    ("a funny film please", {"genre": "Comedy"}),
    ("any funny movies on", {"genre": "Comedy"}),
    ("show me a funny one", {"genre": "Comedy"}),
    ("a horror film please", {"genre": "Horror"}),
    ("any comedy tonight", {"genre": "Comedy"}),
)


def test_words_that_stand_for_a_missing_value_become_its_name(films: Schema) -> None:
    knowledge = learn(films, FUNNY)
    assert list(knowledge.aliases) == ["comedy"]
    ((words, score),) = knowledge.aliases["comedy"]
    assert words == ("funny",)
    assert score == pytest.approx(0.9 + (4 + 1) / (4 + 2) / 10)  # the rule of succession
    aligned = Aligner(films, knowledge=knowledge).align(FUNNY[0])
    assert (aligned.outcome, aligned.template) == ("resolved", "something <genre> tonight")


def test_a_word_that_other_values_have_too_teaches_nothing(films: Schema) -> None:
    other = rows(*[(f"a funny film {n}", {"genre": "Horror"}) for n in range(3)])
    assert learn(films, [*FUNNY, *other]).aliases == {}


def test_two_cases_teach_nothing(films: Schema) -> None:
    assert learn(films, FUNNY[:2]).aliases == {}


def test_a_phrase_is_taken_whole(films: Schema) -> None:
    said = rows(*[
        (f"{before} pizza and pasta {after}", {"genre": "Italian"})
        for before, after in [("some", "now"), ("get", "here"), ("want", "today"), ("ate", "there")]
    ])  # fmt: skip
    ((words, score),) = learn(films, said).aliases["italian"]
    assert (words, score) == (("pizza", "and", "pasta"), pytest.approx(0.9 + 5 / 6 / 10))


def test_what_a_person_marked_is_a_name_from_the_second_time_on(films: Schema) -> None:
    def marked(id: str, text: str) -> AnnotatedExemplar:
        at = text.index("Gotham")
        span = Span(slot="city", start=at, end=at + 6, value="New York")
        return AnnotatedExemplar(id=id, utterance=text, function="f",
                                 arguments={"city": "New York"}, spans=[span])  # fmt: skip

    new = rows(("a night in Gotham", {"city": "New York"}))[0]
    once = [marked("a", "off to Gotham now")]
    twice = [*once, marked("b", "Gotham again")]
    for known, outcome in ((once, "unlocated"), (twice, "resolved")):
        result = Aligner(films, knowledge=learn(films, known)).align(new)
        assert result.outcome == outcome
        assert result.readings[0].template == "a night in <city>"


def test_words_of_many_names_tell_none_of_them_apart(films: Schema) -> None:
    said = rows(*[(f"at the Hotel {n}", {"hotel": f"Hotel {n}"}) for n in ("Ada", "Eva", "Ida")])
    knowledge = learn(films, said)
    assert knowledge.generic == {"hotel": frozenset({"hotel"})}
    row = rows(("the hotel is full", {"hotel": "Hotel Ota"}))[0]
    assert Aligner(films, knowledge=Knowledge()).align(row).arguments[0].state == "unsure"
    assert Aligner(films, knowledge=knowledge).align(row).arguments[0].state == "missing"


def test_learning_is_the_same_whatever_the_order(films: Schema) -> None:
    assert learn(films, FUNNY).aliases == learn(films, FUNNY[::-1]).aliases
