"""The guard: two encoders on the same rows, none of which either has learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import HashEmbedder
from hypothesis import given, settings
from hypothesis import strategies as st

from radu_core.errors import NotFoundError, StoreError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import read_json, write_json
from radu_core.retrieval import RetrievalSettings
from radu_core.schema import Schema
from radu_core.training.joint.guard import (
    RETRIEVED_FILE,
    Remembering,
    Retrieved,
    Retrieving,
    Row,
    compare,
    retrieve,
)

HOW = Retrieving(RetrievalSettings(dense_weight=1.0), (0, 1))


def exemplar(id_: str, text: str, function: str | None) -> AnnotatedExemplar:
    return AnnotatedExemplar(
        id=id_,
        utterance=text,
        template=text,
        function=function,
        spans=[],
        split="train",
        outcome="resolved",
        resolved_by="unique",
    )


LEARNT = [
    exemplar("a", "book a seat on a plane", "book_flight"),
    exemplar("b", "reserve a room for me", "book_hotel"),
    exemplar("c", "tell me a joke", None),
]


def test_rows_are_covered_and_right_by_what_was_learnt(schema: Schema) -> None:
    asked = [
        exemplar("p", "book a seat on the plane", "book_flight"),
        exemplar("q", "reserve a room now", "book_flight"),
        exemplar("r", "tell us a joke", None),
    ]
    found = retrieve(schema, LEARNT, asked, HashEmbedder(), HOW)
    assert found == {"p": (True, True), "q": (False, False), "r": (None, True)}
    both = Retrieving(HOW.settings, (2, 1))  # two descriptions: there are two functions
    assert retrieve(schema, LEARNT, asked, HashEmbedder(), both)["q"] == (True, False)
    assert retrieve(schema, LEARNT, [], HashEmbedder(), HOW) == {}


def test_an_index_holds_templates_and_utterances_vote(schema: Schema) -> None:
    template = exemplar("z", "get me to Oslo", "book_flight").model_copy(
        update={"template": "get me to <destination>"}
    )
    asked = exemplar("p", "Oslo", "book_flight")
    found = retrieve(schema, [template, LEARNT[1]], [asked], HashEmbedder(), HOW)
    assert found["p"] == (False, True)


def test_a_row_never_finds_its_duplicate(schema: Schema) -> None:
    twin = exemplar("z", "book a seat on a plane", "book_flight")
    assert retrieve(schema, LEARNT, [twin], HashEmbedder(), HOW)["z"][0] is False


def test_many_rows_are_asked_about_as_each_by_itself(schema: Schema) -> None:
    words = [f"say {n % 7} of {n % 11} and {n}" for n in range(320)]
    names = ("book_flight", "book_hotel", None)
    rows = [exemplar(f"{n:03}", text, names[n % 3]) for n, text in enumerate(words)]
    learnt, asked = rows[:40], rows[40:]  # more than are compared at a time
    embedder = Remembering(HashEmbedder())
    together = retrieve(schema, learnt, asked, embedder, HOW)
    assert list(together) == [row.id for row in asked]
    for row in asked[::40]:
        assert together[row.id] == retrieve(schema, learnt, [row], embedder, HOW)[row.id]


def test_what_was_embedded_is_kept() -> None:
    plain = HashEmbedder()
    kept = Remembering(plain)
    first = kept.embed(["one", "two", "one"])
    again = kept.embed(["two"])
    assert plain.embedded == ["one", "two"]
    assert np.array_equal(first[1], again[0])
    assert np.array_equal(first, HashEmbedder().embed(["one", "two", "one"]))
    assert kept.embed([]).shape == (0, 64)
    assert kept.identity == plain.identity


ROWS = st.dictionaries(
    st.integers(0, 30).map(str), st.tuples(st.sampled_from([True, False]), st.booleans())
)


@settings(deadline=None)  # scipy is loaded by the first
@given(ROWS, ROWS)
def test_the_comparison_is_paired(untuned: dict[str, Row], tuned: dict[str, Row]) -> None:
    guard = compare("base", untuned, tuned, (3, 4))
    both = set(untuned) & set(tuned)
    coverage, accuracy = guard.measures
    for place, measure in enumerate((coverage, accuracy)):
        assert measure.rows == len(both)
        assert measure.before == sum(bool(untuned[i][place]) for i in both)
        assert measure.after == sum(bool(tuned[i][place]) for i in both)
        assert measure.after - measure.before == measure.gained - measure.lost
        assert 0 <= measure.p <= 1
    assert guard.ok == (bool(both) and all(m.after >= m.before for m in guard.measures))


def test_out_of_scope_counts_for_the_function_only_and_the_verdict_says_why() -> None:
    untuned: dict[str, Row] = {"a": (True, True), "b": (True, False), "n": (None, False)}
    tuned: dict[str, Row] = {"a": (True, True), "b": (False, True), "n": (None, True)}
    guard = compare("base", untuned, tuned, (3, 4))
    assert [(m.measure, m.rows, m.before, m.after) for m in guard.measures] == [
        ("coverage", 2, 2, 1),
        ("kNN accuracy", 3, 1, 3),
    ]
    assert not guard.ok
    assert guard.verdict == (
        "It is worse than base in coverage, so the module keeps that one. "
        "The difference may be chance."
    )
    assert str(guard.measures[0]) == (
        "coverage 100.0 % before, 50.0 % tuned (0 gained, 1 lost of 2 rows, p = 1)"
    )
    better = compare("base", untuned, {**tuned, "b": (True, True)}, (3, 4))
    assert better.ok
    assert better.verdict == "It is no worse than base: the module can use it."


def test_a_loss_beyond_chance_isnt_called_chance() -> None:
    untuned: dict[str, Row] = {str(n): (True, True) for n in range(20)}
    tuned: dict[str, Row] = {i: (True, int(i) > 9) for i in untuned}
    guard = compare("base", untuned, tuned, (3, 4))
    assert guard.measures[1].p == pytest.approx(2 * 0.5**10)
    assert guard.verdict.endswith("in kNN accuracy, so the module keeps that one.")


def test_nothing_measured_is_nothing_shown() -> None:
    guard = compare("base", {}, {}, (3, 4))
    assert not guard.ok
    assert "no rows" in guard.verdict


def test_it_is_kept_with_the_run(tmp_path: Path) -> None:
    found = Retrieved(HOW, "base", "abc", {"x": (None, True)}, {"x": (None, False)})
    found.save(tmp_path)
    assert Retrieved.load(tmp_path) == found
    assert Retrieved.load(tmp_path).guard.measures[1].gained == 1
    data = read_json(tmp_path / RETRIEVED_FILE)
    assert data["rows"]["x"] == [None, False, None, True]
    write_json(tmp_path / RETRIEVED_FILE, {"rows": {"x": [1]}, "point": [1, 2]})
    with pytest.raises(StoreError, match="damaged"):
        Retrieved.load(tmp_path)
    with pytest.raises(NotFoundError):
        Retrieved.load(tmp_path / "nowhere")
