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


def test_words_that_stand_for_a_missing_value_may_be_its_name(films: Schema) -> None:
    knowledge = learn(films, FUNNY)
    assert list(knowledge.aliases) == ["comedy"]
    ((words, score),) = knowledge.aliases["comedy"]
    assert words == ("funny",)
    assert score == pytest.approx(0.75 + (4 + 1) / (4 + 2) / 10)  # the rule of succession
    aligned = Aligner(films, knowledge=knowledge).align(FUNNY[0])
    assert (aligned.outcome, aligned.readings[0].template) == (
        "unlocated",
        "something <genre> tonight",
    )


def test_words_akin_to_the_name_are_sure(films: Schema) -> None:
    said = rows(
        *[(f"a night in SFO {n}", {"city": "San Francisco"}) for n in ("now", "then", "on")]
    )
    aligned = Aligner(films, knowledge=learn(films, said)).align(said[0])
    assert (aligned.outcome, aligned.template) == ("resolved", "a night in <city> now")
    assert aligned.reason == "One reading only; 'SFO' stands for 'San Francisco' (alias)."


def test_often_and_where_the_slot_stands_is_sure(films: Schema) -> None:
    places = ("here", "there", "now", "soon", "today", "later", "twice", "again")
    said = rows(
        *[(f"watch a funny movie {p}", {"genre": "Comedy"}) for p in places],
        *[
            (f"watch a {g} movie {p}", {"genre": g})
            for g in ("horror", "crime", "Comedy")
            for p in places
        ],
    )
    aligned = Aligner(films, knowledge=learn(films, said)).align(said[0])
    assert (aligned.outcome, aligned.template) == ("resolved", "watch a <genre> movie here")


@pytest.mark.parametrize(
    ("said", "value", "other"),
    [
        ("what's the weather in {}", "celsius", "the temperature in {} in kelvin"),
        ("book a ride to {}", "Regular", "book a Pool to {}"),
        ("send a message to {}", "Messenger", "write to {} on Signal"),
        ("play music by {}", "Apple Music", "play {} on Deezer"),
    ],
)
def test_a_default_beside_values_that_are_said_teaches_nothing_sure(
    films: Schema, said: str, value: str, other: str
) -> None:
    names = ("Ann", "Bea", "Cid", "Dora", "Emil", "Fay", "Gus", "Hal", "Ivy", "Joe", "Kim", "Lea")
    spoken = next(w for w in ("kelvin", "Pool", "Signal", "Deezer") if w in other)
    cases = rows(
        *[(said.format(n), {"genre": value, "city": n}) for n in names * 2],
        *[(other.format(n), {"genre": spoken, "city": n}) for n in names],
    )
    aligner = Aligner(films, knowledge=learn(films, cases))
    assert {aligner.align(row).outcome for row in cases[:24]} == {"unlocated"}


def test_a_default_that_is_never_said_teaches_nothing_sure(films: Schema) -> None:
    """Every word of the function looks like the name of such a value."""
    said = rows(*[(f"send {n} crates today", {"city": "Berlin"}) for n in range(30)])
    aligner = Aligner(films, knowledge=learn(films, said))
    assert {aligner.align(row).outcome for row in said} == {"unlocated"}


def test_a_word_that_other_values_have_too_teaches_nothing(films: Schema) -> None:
    other = rows(*[(f"a funny film {n}", {"genre": "Horror"}) for n in range(3)])
    assert learn(films, [*FUNNY, *other]).aliases == {}


def test_two_cases_teach_nothing(films: Schema) -> None:
    assert learn(films, FUNNY[:2]).aliases == {}


def test_a_phrase_is_taken_whole(films: Schema) -> None:
    said = rows(
        *[
            (f"{before} pizza and pasta {after}", {"genre": "Italian"})
            for before, after in [
                ("some", "now"),
                ("get", "here"),
                ("want", "today"),
                ("ate", "there"),
            ]
        ]
    )
    ((words, score),) = learn(films, said).aliases["italian"]
    assert (words, score) == (("pizza", "and", "pasta"), pytest.approx(0.75 + 5 / 6 / 10))


@pytest.mark.parametrize(
    ("said", "slot", "value", "template"),
    [
        ("in Ciudad de Mexico now", "city", "Mexico City", "in <city> now"),
        ("a love story now", "genre", "Romance", "a <genre> now"),
        ("some coffee & light bites now", "genre", "Coffeehouse", "some <genre> now"),
    ],
)
def test_what_always_stands_beside_a_name_belongs_to_it(
    films: Schema, said: str, slot: str, value: str, template: str
) -> None:
    """Though "love" alone says nothing, and "coffee" is more like the name than the rest."""
    cases = rows(
        *[(said.replace("now", end), {slot: value}) for end in ("now", "here", "later")],
        *[(f"I love a light {g} film", {"genre": g}) for g in ("crime", "horror", "sad")],
    )
    aligned = Aligner(films, knowledge=learn(films, cases)).align(cases[0])
    assert aligned.outcome == "unlocated"  # three cases may be chance: it is offered
    assert [r.template for r in aligned.readings] == [template]


def test_a_word_beside_a_name_only_mostly_is_no_part_of_it(films: Schema) -> None:
    befores = ("love", "love", "love", "sad")
    cases = rows(
        *[(f"a {before} story", {"genre": "Romance"}) for before in befores],
        *[(f"I love a {genre} film", {"genre": genre}) for genre in ("crime", "horror", "war")],
    )
    assert [words for words, _ in learn(films, cases).aliases["romance"]] == [("story",)]


def test_a_word_beside_the_other_values_too_is_no_part_of_a_name(films: Schema) -> None:
    cases = rows(
        *[(f"a funny movie {after}", {"genre": "Comedy"}) for after in ("now", "here", "later")],
        *[(f"a {g} movie now", {"genre": g}) for g in ("horror", "crime", "war")],
    )
    assert [words for words, _ in learn(films, cases).aliases["comedy"]] == [("funny",)]


def test_a_stop_word_is_not_akin_to_a_name_by_its_letters(films: Schema) -> None:
    """ "the" begins like "theatre"."""
    said = ("at the Guild Theatre now", "the Guild Theatre then", "by the Guild Theatre")
    cases = rows(*[(text, {"hotel": "Landmark's Guild Theatre"}) for text in said])
    known = learn(films, cases).aliases["landmarksguildtheatre"]
    assert [words for words, _ in known] == [("guild", "theatre")]


@pytest.mark.parametrize(
    ("said", "outcome", "words"),
    [
        ("in Old Philly {}", "resolved", ("old", "philly")),
        ("in Philly always {}", "unlocated", ("philly", "always")),
        ("visit Philly {}", "unlocated", ("visit", "philly")),
    ],
)
def test_what_grew_is_sure_only_if_all_of_it_is_written_as_a_name_eight_times(
    films: Schema, said: str, outcome: str, words: tuple[str, ...]
) -> None:
    ends = ("now", "here", "later", "soon", "too", "twice", "again", "then")
    written = rows(*[(f"to Philadelphia {end}", {"city": "Philadelphia"}) for end in ends])
    for cases, expected in ((ends, outcome), (ends[:7], "unlocated")):
        own = rows(*[(said.format(end), {"city": "Philadelphia"}) for end in cases])
        knowledge = learn(films, [*own, *written])
        assert [found for found, _ in knowledge.aliases["philadelphia"]] == [words]
        assert Aligner(films, knowledge=knowledge).align(own[0]).outcome == expected


LIGHT = rows(
    ("some light meal today", {"genre": "Brunch"}),
    ("a light meal", {"genre": "Tapas"}),
    ("a quick light meal please", {"genre": "Salad"}),
    *[(f"I want {g} there", {"genre": g}) for g in ("Thai", "Greek", "French", "Indian")],
)


def test_what_stands_for_several_missing_values_is_a_phrase_of_the_slot(films: Schema) -> None:
    knowledge = learn(films, LIGHT)
    assert knowledge.aliases == {}
    assert knowledge.phrases == {"genre": frozenset({("light", "meal")})}


def test_a_guess_takes_a_phrase_of_the_slot_whole(films: Schema) -> None:
    """The words beside "juice" are those that stand beside the slot."""
    knowledge = learn(films, LIGHT)
    row = rows(("I want juice there or a light meal somewhere", {"genre": "Soup"}))[0]
    for phrases, template in (
        (knowledge.phrases, "I want juice there or a <genre> somewhere"),
        ({}, "I want <genre> there or a light meal somewhere"),
    ):
        known = Knowledge(knowledge.context, phrases=phrases)
        aligned = Aligner(films, knowledge=known).align(row)
        said = next(r for r in aligned.readings if not r.implied)
        assert (aligned.outcome, said.template) == ("unlocated", template)


def test_a_phrase_stands_nearly_only_where_a_value_is_missing(films: Schema) -> None:
    elsewhere = rows(("a light meal and Thai", {"genre": "Thai"}))
    assert learn(films, [*LIGHT, *elsewhere]).phrases == {}


def test_what_a_person_marked_is_a_name_from_the_second_time_on(films: Schema) -> None:
    def marked(id: str, text: str) -> AnnotatedExemplar:
        at = text.index("Gotham")
        span = Span(slot="city", start=at, end=at + 6, value="New York")
        return AnnotatedExemplar(
            id=id, utterance=text, function="f", arguments={"city": "New York"}, spans=[span]
        )

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
