"""What is asked of an index for an exemplar."""

from __future__ import annotations

from retrieving import exemplar

from radu_core.retrieval import Query, query_of


def test_an_exemplar_asks_without_itself() -> None:
    row = exemplar("a", "fly", outcome=None, template=None).model_copy(update={"utterance": "1 <2"})
    assert query_of(row) == Query("1 <2", "a", "1 \\<2", "book_flight")
    assert query_of(exemplar("b", "fly <x>", None)) == Query("fly <x>", "b", "fly <x>", None)


def test_a_negative_one_finds_the_positive_that_looks_the_same() -> None:
    row = exemplar("a", "fly", mode="negative")
    assert query_of(row) == Query("fly", "a")
