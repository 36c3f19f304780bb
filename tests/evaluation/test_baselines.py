"""Baselines learn from every label they are given, and are as strong as they can be for nothing."""

from __future__ import annotations

import pytest
from conftest import MODULE
from fakes import HashEmbedder
from labelled import TICKETS, exemplar

from radu_core.evaluation import Labels, fit_baselines, learnable
from radu_core.evaluation import baselines as baselines_module
from radu_core.evaluation.baselines import (
    _Centroids,
    _choosers,
    _label_embeddings,
    _Labelled,
    _sample,
    _share_right,
    _Vote,
)
from radu_core.exemplars import AnnotatedExemplar
from radu_core.progress import silent
from radu_core.retrieval import ModuleIndex
from radu_core.schema import Schema, parse_schema
from radu_core.workflows.coverage.indexing import resolved_exemplars
from radu_core.workflows.frame.workspace import Workspace


def test_baselines_know_the_training_values_and_recognizers(loaded: Workspace) -> None:
    train = resolved_exemplars(loaded, MODULE, splits=["train"])
    rows = [
        AnnotatedExemplar(id="1", utterance="please fly me to Rome", function="book_flight"),
        AnnotatedExemplar(id="2", utterance="a hotel bed in NYC", function="book_hotel"),
    ]
    systems = fit_baselines(loaded.store.schema(MODULE), train, HashEmbedder())
    names = [s.name for s in systems]
    assert names[0] == "nearest exemplar + gazetteer"
    assert names[1] == "5 nearest exemplars + gazetteer"
    assert names[2] == "nearest centroid + gazetteer"
    assert names[3].startswith("logistic regression (C=")
    assert names[4].endswith(" + CRF")
    assert names[4].removesuffix("CRF") in {n.removesuffix("gazetteer") for n in names[:4]}
    assert systems[4].seconds > systems[0].seconds >= 0
    for system in (systems[0], systems[2], systems[3]):
        said = system.predict(rows)
        assert [p.function for p in said] == ["book_flight", "book_hotel"]
        assert [p.arguments for p in said] == [{"destination": "Rome"}, {"city": "New York"}]


def test_labels_of_one_template_count_each(schema: Schema) -> None:
    """An index holds one of them, and three of the four cities would be unknown."""
    index = ModuleIndex.build(schema, TICKETS, HashEmbedder())
    assert len(index.exemplars) == 1
    nearest = fit_baselines(schema, TICKETS, HashEmbedder())[0]
    rows = [e.model_copy(update={"utterance": f"to {e.arguments['destination']}"}) for e in TICKETS]
    assert [p.arguments for p in nearest.predict(rows)] == [e.arguments for e in TICKETS]


def test_a_baseline_learns_from_all_but_what_isnt(schema: Schema) -> None:
    negative = exemplar("n", "no flight to Lima").model_copy(update={"mode": "negative"})
    found = learnable(schema, [*TICKETS, negative])
    assert len(found.exemplars) == 4
    assert found.counts == {"marked as negative": 1}
    assert str(Labels(count=5, hash="ab" * 32, left_out=found.counts)) == (
        "Every baseline learned from 4 of the 5 labels that the model was trained on (hash "
        "abababababab). It can't learn from: 1 marked as negative."
    )
    assert fit_baselines(schema, [negative], HashEmbedder()) == []


def test_one_function_only_is_always_said(schema: Schema) -> None:
    systems = fit_baselines(schema, TICKETS, HashEmbedder())
    assert [s.name for s in systems] == ["nearest exemplar + gazetteer", "nearest exemplar + CRF"]
    assert systems[0].predict([]) == []
    assert systems[0].predict([exemplar("x", "sing")])[0].function == "book_flight"


def test_an_extended_exemplar_says_its_values_and_not_its_function(schema: Schema) -> None:
    extended = exemplar("e", "Lima then", destination="Lima").model_copy(
        update={"mode": "extended"}
    )
    joke = exemplar("j", "Lima jokes then", None)
    nearest = fit_baselines(schema, [*TICKETS, extended, joke], HashEmbedder())[0]
    asked = [exemplar("1", "Lima then"), exemplar("2", "a ticket to Lima")]
    said = nearest.predict(asked)
    assert [(p.function, p.arguments) for p in said] == [
        (None, {}),
        ("book_flight", {"destination": "Lima"}),
    ]


def test_duplicates_are_in_one_fold() -> None:
    """Otherwise what is chosen out of fold would have seen its own answer."""
    many = [exemplar(f"{i}/{n}", f"word{i}", f"f{i}") for i in range(40) for n in range(3)]
    labelled = _label_embeddings(many, HashEmbedder())
    assert [len(set(labelled.folds[i * 3 : i * 3 + 3].tolist())) for i in range(40)] == [1] * 40
    assert len(set(labelled.folds.tolist())) == 5
    assert _share_right(labelled, lambda part: _Vote(part, 1)) == 0.0


def test_votes_count_by_similarity() -> None:
    np = pytest.importorskip("numpy")
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.6, 0.8], [0.0, 1.0]], dtype=np.float32)
    labelled = _Labelled(vectors, np.array(["a", "b", "b", "c"]), np.zeros(4, dtype=np.int64))
    query = np.array([[1.0, 0.0]], dtype=np.float32)
    assert _Vote(labelled, 1)(query) == ["a"]
    assert _Vote(labelled, 3)(query) == ["b"]  # 1.2 against 1
    assert _Vote(labelled, 99)(query) == ["b"]


def test_the_nearest_centroid_is_the_nearest_in_angle() -> None:
    np = pytest.importorskip("numpy")
    vectors = np.array([[1.0, 0.0], [-0.28, 0.96], [0.0, 1.0], [0.0, -1.0]], dtype=np.float32)
    functions = np.array(["b", "b", "a", ""])
    centroids = _Centroids(_Labelled(vectors, functions, np.zeros(4, dtype=np.int64)))
    # The mean of b is (0.36, 0.48): short, and where the first query points.
    queries = np.array([[0.6, 0.8], [0.1, 0.99], [0.1, -0.9]], dtype=np.float32)
    assert centroids(queries) == ["b", "a", ""]


def test_what_goes_with_the_crf_is_chosen_out_of_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where all are equal, the regression."""
    words = ["fly", "sleep", "eat", "sing"]
    rows = [exemplar(f"{w}{n}", f"{w} {w} x{n}", w) for w in words for n in range(8)]
    choosers = _choosers(_label_embeddings(rows, HashEmbedder()), silent)
    assert [c.name for c in choosers][::2] == ["nearest exemplar", "nearest centroid"]
    assert all(0.0 <= c.share <= 1.0 for c in choosers)
    assert choosers[2].share == _share_right(_label_embeddings(rows, HashEmbedder()), _Centroids)
    seen: list[object] = []

    def equally_right(part: object, fit: object) -> float:
        seen.append(fit)
        return 0.5

    monkeypatch.setattr(baselines_module, "_share_right", equally_right)
    equal = _choosers(_label_embeddings(rows, HashEmbedder()), silent)
    assert max(reversed(equal), key=lambda c: c.share).name.startswith("logistic regression")
    assert len(seen) == 1 + 4 + 1 + 5


def test_a_choice_for_very_many_functions_keeps_labels_of_each() -> None:
    np = pytest.importorskip("numpy")
    functions = np.array([f"f{n:04}" for n in range(1_000) for _ in range(4)])
    vectors = np.zeros((4_000, 2), dtype=np.float32)
    some = _sample(_Labelled(vectors, functions, np.zeros(4_000, dtype=np.int64)))
    names, counts = np.unique(some.functions, return_counts=True)
    assert (len(names), set(counts.tolist())) == (400, {4})
    few = np.array(["a", "b"] * 2_000)
    even = _sample(_Labelled(vectors, few, np.zeros(4_000, dtype=np.int64)))
    assert len(even.functions) == 2_000


def test_a_module_without_slots_and_one_exemplar_a_function() -> None:
    plain = parse_schema(
        {"module": "acme_talk_en", "functions": [{"name": n} for n in ("hi", "bye", "ok")]}
    )
    rows = [
        exemplar("1", "hello", "hi"),
        exemplar("2", "see you", "bye"),
        exemplar("3", "ok", "ok"),
    ]
    systems = fit_baselines(plain, rows, HashEmbedder())
    assert len(systems) == 4
    assert not any(s.name.endswith("CRF") for s in systems)
    for system in (systems[0], systems[2], systems[3]):
        assert [p.function for p in system.predict(rows)] == ["hi", "bye", "ok"]
        assert [p.arguments for p in system.predict(rows)] == [{}, {}, {}]


def test_all_out_of_scope_and_labels_that_contradict(schema: Schema) -> None:
    jokes = [exemplar(str(n), f"joke {n}", None) for n in range(4)]
    systems = fit_baselines(schema, jokes, HashEmbedder())
    assert [s.name for s in systems] == ["nearest exemplar + gazetteer"]
    assert [p.function for p in systems[0].predict(TICKETS)] == [None] * 4
    both = [exemplar(f"{f}{n}", "to Oslo", f) for n in range(3) for f in ("book_flight", None)]
    for system in fit_baselines(schema, both, HashEmbedder()):
        assert system.predict(both[:1])[0].function in ("book_flight", None)
