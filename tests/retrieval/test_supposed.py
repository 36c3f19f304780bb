"""A supposed change gives what measuring anew would give."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import HashEmbedder
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieving import WHOLE

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import ModuleIndex, Query, coverage
from radu_core.retrieval.supposed import suppose, thin
from radu_core.schema import Schema, parse_schema

WORDS = ["fly", "room", "seat", "night", "car", "plane", "hotel", "please", "book", "to", "in", "a"]


def schema(text: str = "Reserve a hotel room.") -> Schema:
    return parse_schema(
        {
            "module": "acme_travel_en",
            "functions": [
                {"name": "book_flight", "description": "Buy a plane ticket."},
                {"name": "book_hotel", "description": text},
                {"name": "rent_car"},
            ],
        }
    )


def exemplar(id: str, function: str, text: str) -> AnnotatedExemplar:
    return AnnotatedExemplar(
        id=id,
        utterance=text,
        function=function,
        template=text,
        spans=(),
        split="train",
        outcome="resolved",
    )


text = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
labelled = st.tuples(st.sampled_from(["book_flight", "book_hotel", "rent_car"]), text)


@settings(max_examples=40, deadline=None)
@given(
    held=st.lists(labelled, min_size=1, max_size=80),
    asked=st.lists(labelled, min_size=1, max_size=8),
    added=st.lists(labelled, max_size=4),
    description=st.sampled_from(["Reserve a hotel room.", "please a seat in a plane"]),
)
def test_it_is_what_measuring_anew_gives(
    held: list[tuple[str, str]],
    asked: list[tuple[str, str]],
    added: list[tuple[str, str]],
    description: str,
) -> None:
    rows = [exemplar(f"t{n:03d}", *one) for n, one in enumerate(held)]
    queries = [Query(said, f"q{n}", said, function) for n, (function, said) in enumerate(asked)]
    index = ModuleIndex.build(schema(), rows, HashEmbedder())
    before = coverage(index, queries, max_desc=2, max_exemplar=6)
    more = {f"x{n}": exemplar(f"x{n}", *one) for n, one in enumerate(added)}
    found = suppose(before, schema(description), more)
    anew = coverage(
        ModuleIndex.build(schema(description), [*rows, *more.values()], HashEmbedder()),
        queries,
        max_desc=2,
        max_exemplar=6,
    )
    assert found.index.fingerprint == anew.index.fingerprint
    assert (
        found.ranked.dense.positions.tolist()[0][:6] == anew.ranked.dense.positions.tolist()[0][:6]
    )
    assert (found.hits == anew.hits).all()
    for name, first in anew.first.items():
        assert (found.first[name] == first).all(), name


def test_nothing_is_embedded_again() -> None:
    embedder = HashEmbedder()
    index = ModuleIndex.build(schema(), [exemplar("t", "book_hotel", "a room")], embedder)
    grid = coverage(
        index, [Query("a seat", "q", "a seat", "book_flight")], max_desc=1, max_exemplar=1
    )
    embedder.embedded.clear()
    suppose(grid, schema(), {"x": exemplar("x", "book_flight", "seat please")})
    assert embedder.embedded[0] == "seat please"
    assert "a seat" not in embedder.embedded
    assert "a room" not in embedder.embedded


@pytest.mark.parametrize(("total", "most", "left"), [(5, 5, 5), (5, 4, 3), (5, 2, 2), (7, 3, 3)])
def test_thinning_takes_evenly_spaced_queries(total: int, most: int, left: int) -> None:
    index = ModuleIndex.build(schema(), [exemplar("t", "book_hotel", "a room")], HashEmbedder())
    queries = [Query(f"seat {n}", f"q{n}", None, "book_flight") for n in range(total)]
    grid = coverage(index, queries, max_desc=2, max_exemplar=1)
    some = thin(grid, most)
    step = -(-total // most)
    assert [q.exemplar_id for q in some.queries] == [f"q{n}" for n in range(0, total, step)]
    assert some.total == left
    for name, first in grid.first.items():
        assert np.array_equal(some.first[name], first[::step])


def test_a_duplicate_with_a_higher_id_gives_way() -> None:
    rows = [exemplar("😀1", "book_flight", "fly me"), exemplar("a", "book_hotel", "room")]
    index = ModuleIndex.build(WHOLE, rows, HashEmbedder())
    grid = coverage(index, [Query("fly", "q", "fly", "book_flight")], max_desc=2, max_exemplar=2)
    added = exemplar("what if 0", "book_flight", "fly me")
    after = suppose(grid, WHOLE, {added.id: added})
    assert after.retrieve(0, 0, 1).exemplars[0].id == "what if 0"
