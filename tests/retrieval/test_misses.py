"""Why something is missed, on a module made for each cause."""

from __future__ import annotations

import pytest
from fakes import HashEmbedder

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import CoverageGrid, ExplainedMiss, ModuleIndex, Query, coverage, explain
from radu_core.retrieval.misses import CAUSES
from radu_core.schema import Schema, parse_schema

LONG = "Buy a plane ticket between two cities."


def schema(**descriptions: str) -> Schema:
    functions = [{"name": name, "description": text} for name, text in descriptions.items()]
    return parse_schema({"module": "acme_travel_en", "functions": functions})


def grid(found: Schema, exemplars: list[tuple[str | None, str]], query: Query) -> CoverageGrid:
    rows = [
        AnnotatedExemplar(
            id=f"t{n}",
            utterance=text,
            function=function,
            template=text,
            spans=(),
            split="train",
            outcome="resolved",
        )
        for n, (function, text) in enumerate(exemplars)
    ]
    index = ModuleIndex.build(found, rows, HashEmbedder())
    return coverage(index, [query], max_desc=2, max_exemplar=3)


def kinds(one: ExplainedMiss) -> list[str]:
    return [cause.kind for cause in one.causes]


TWO = {"book_flight": LONG, "book_hotel": "Reserve a hotel room for a stay somewhere."}


def test_a_function_without_exemplars_says_so_first() -> None:
    found = grid(
        schema(**TWO), [("book_hotel", "a room")], Query("a room", "q", None, "book_flight")
    )
    [one] = explain(found, 1, 1)
    assert kinds(one)[:2] == ["label", "no exemplar"]
    assert (one.own, one.exemplars) == (None, 0)
    assert one.causes[0].other == "book_hotel"
    assert one.miss.retrieved == ("book_hotel",)


def test_few_exemplars_and_an_overlap_name_the_other_function() -> None:
    rows = [
        ("book_flight", "aisle seat"),
        ("book_hotel", "a nice room with view"),
        ("book_hotel", "one room with breakfast"),
    ]
    found = grid(schema(**TWO), rows, Query("a nice room with a bed", "q", None, "book_flight"))
    [one] = explain(found, 1, 1)
    assert kinds(one) == ["few exemplars", "overlap", "unlike", "description", "just below"]
    overlap = one.causes[1]
    assert overlap.other == "book_hotel"
    assert "or merge them" in overlap.remedy
    assert one.own is not None
    assert one.own.id == "t0"
    assert one.nearest[0].similarity > one.own.similarity


@pytest.mark.parametrize("asked", ["t0", "another id"])
def test_what_it_never_retrieves_explains_nothing(asked: str) -> None:
    """A miss of split train, or one with a duplicate there, isn't its own nearest exemplar."""
    rows = [
        ("book_flight", "zebra crossing"),
        ("book_hotel", "zebra road"),
        ("book_hotel", "zebra path"),
        ("book_flight", "plane plane"),
    ]
    query = Query("zebra crossing", asked, "zebra crossing", "book_flight")
    [one] = explain(grid(schema(**TWO), rows, query), 0, 1)
    assert one.own is not None
    assert (one.own.id, one.exemplars) == ("t3", 1)
    assert one.causes[0].text == ("book_flight has only one training exemplar to find it by.")
    [alone] = explain(grid(schema(**TWO), rows[:3], query), 0, 1)
    assert (alone.own, alone.exemplars, kinds(alone)[0]) == (None, 0, "no exemplar")


@pytest.mark.parametrize(("text", "said"), [("", "is empty"), ("Fly somewhere", "has 2 words")])
def test_a_thin_description_is_quoted(text: str, said: str) -> None:
    rows = [("book_hotel", "room"), *(("book_flight", f"seat {n}") for n in "abc")]
    found = grid(
        schema(book_flight=text, book_hotel="A room for the night in a hotel."),
        rows,
        Query("room for the night", "q", None, "book_flight"),
    )
    [one] = explain(found, 1, 1)
    cause = next(c for c in one.causes if c.kind == "thin description")
    assert said in cause.text
    assert "description" not in kinds(one)  # it is said once


def test_what_is_not_retrieved_is_no_cause() -> None:
    rows = [("book_hotel", "room"), ("book_flight", "seat")]
    query = Query("a hotel room for a stay", "q", None, "book_flight")
    found = grid(schema(**TWO), rows, query)
    [by_description] = explain(found, 1, 0)
    assert kinds(by_description) == ["description", "just below"]
    [by_exemplar] = explain(found, 0, 1)
    assert "description" not in kinds(by_exemplar)
    assert kinds(by_exemplar)[0] == "few exemplars"


def test_out_of_scope_exemplars_are_told_as_none() -> None:
    rows = [(None, "a nice room with view"), ("book_flight", "aisle seat")]
    found = grid(schema(**TWO), rows, Query("a nice room with bed", "q", None, "book_flight"))
    [one] = explain(found, 0, 1)
    overlap = next(c for c in one.causes if c.kind == "overlap")
    assert "out-of-scope" in overlap.remedy


def test_just_below_says_which_k_would_find_it() -> None:
    rows = [("book_hotel", "room with view"), ("book_flight", "room")]
    found = grid(schema(**TWO), rows, Query("room with view", "q", None, "book_flight"))
    [one] = explain(found, 0, 1)
    assert (
        one.causes[-1].text
        == f"It would be found with k_desc {one.description_rank} or k_exemplar 2."
    )


def test_every_miss_has_a_cause_in_their_order() -> None:
    rows = [("book_hotel", "room"), ("book_flight", "seat")]
    found = grid(schema(**TWO), rows, Query("zzz", "q", None, "book_flight"))
    for point in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        for one in explain(found, *point):
            places = [CAUSES.index(c.kind) for c in one.causes]
            assert places
            assert places == sorted(places)
