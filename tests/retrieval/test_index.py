"""A module's index: every mode against brute force, and edits against building it anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from fakes import HashEmbedder
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieving import (
    IDS,
    LESS,
    TEXTS,
    WHOLE,
    WORDS,
    applied,
    built,
    edits,
    exemplar,
    exemplars,
    random_exemplars,
)

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import ExemplarHit, ModuleIndex, Query, Retrieved, SearchMode
from radu_core.retrieval.lexical import LexicalIndex, tokenizer_for
from radu_core.schema import Schema, parse_schema

Scored = list[tuple[float, int]]
QUERIES = ["fly to the city", "a hotel room please", "joke", "plane plane", "me", "zebra", "in a"]


def by_score(scores: Sequence[float], out: set[int]) -> Scored:
    """Score (to six decimals, negated) and place of all that aren't ``out``, best first."""
    return sorted((-round(float(s), 6), i) for i, s in enumerate(scores) if i not in out)


def reference(
    rows: Sequence[AnnotatedExemplar], query: Query, weight: float, pool: int
) -> dict[SearchMode, list[int]]:
    """The places that each mode finds among ``rows``, by comparing and counting everything."""
    embed, cut = HashEmbedder().embed, tokenizer_for("en")
    texts = [r.template or "" for r in rows]
    same = (query.template, query.function)
    out = {
        i
        for i, r in enumerate(rows)
        if r.id == query.exemplar_id or (r.template, r.function) == same
    }
    dense = by_score(embed(texts) @ embed([query.utterance])[0], out)
    bm25 = LexicalIndex([cut(t) for t in texts]).scores(cut(query.utterance))
    lexical = [(s, i) for s, i in by_score(bm25, out) if s < 0]
    sums: dict[int, float] = {}
    for ranking, share in ((dense, weight), (lexical, 1 - weight)):
        for rank, (_, i) in enumerate(ranking[:pool], start=1):
            sums[i] = sums.get(i, 0.0) + share / (60 + rank)
    fused = sorted((-round(s, 12), i) for i, s in sums.items() if s > 0)
    found: dict[SearchMode, Scored] = {"dense": dense, "lexical": lexical, "fused": fused}
    return {name: [i for _, i in ranking] for name, ranking in found.items()}


@pytest.mark.parametrize("query", ["fly to Rome please", "a hotel joke", "room"])
def test_dense_hits_are_the_nearest_by_brute_force(index: ModuleIndex, query: str) -> None:
    embedder = HashEmbedder()
    similar = embedder.embed([t for _, t in TEXTS]) @ embedder.embed([query])[0]
    expected = sorted(range(len(TEXTS)), key=lambda i: (-round(float(similar[i]), 6), i))[:4]
    hits = index.search([Query(query)], k_desc=0, k_exemplar=4, mode="dense")[0].exemplars
    assert [h.id for h in hits] == [f"train{i}" for i in expected]
    assert [h.similarity for h in hits] == pytest.approx([float(similar[i]) for i in expected])


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("batched", [True, False])
def test_every_mode_finds_what_brute_force_finds(
    schema: Schema, weight: float, batched: bool
) -> None:
    index, _ = built(schema, random_exemplars(45), dense_weight=weight)
    asked = [Query(text) for text in QUERIES]
    asked += [Query(e.utterance, e.id, e.template, e.function) for e in index.exemplars[:6]]
    expected = [reference(index.exemplars, q, weight, 50) for q in asked]
    for mode in ("fused", "dense", "lexical"):
        groups = [asked] if batched else [[q] for q in asked]
        found = [
            r for some in groups for r in index.search(some, k_desc=0, k_exemplar=20, mode=mode)
        ]
        for retrieved, right in zip(found, expected, strict=True):
            places = [index.exemplars[i].id for i in right[mode][:20]]
            assert [h.id for h in retrieved.exemplars] == places
            assert [h.rank for h in retrieved.exemplars] == list(range(1, len(places) + 1))


def test_a_hit_says_its_places_in_the_fused_rankings(schema: Schema) -> None:
    index, _ = built(schema, random_exemplars(45))
    for text in QUERIES:
        right = reference(index.exemplars, Query(text), 0.6, 50)
        places = {
            mode: {index.exemplars[i].id: n for n, i in enumerate(right[mode], start=1)}
            for mode in ("dense", "lexical")
        }

        def ranks(hit: ExemplarHit) -> tuple[int | None, int | None]:
            return hit.dense_rank, hit.lexical_rank

        def search(mode: SearchMode, text: str = text) -> tuple[ExemplarHit, ...]:
            return index.search([Query(text)], k_desc=0, k_exemplar=30, mode=mode)[0].exemplars

        for hit in search("fused"):
            assert ranks(hit) == (places["dense"].get(hit.id), places["lexical"].get(hit.id))
        for hit in search("dense"):
            assert ranks(hit) == (hit.rank, None)
        for hit in search("lexical"):
            assert ranks(hit) == (None, hit.rank)


def test_one_by_one_finds_what_a_batch_finds(schema: Schema) -> None:
    """The two ways of comparing vectors agree, on vectors without ties and more than a block."""
    rng = np.random.default_rng(3)
    index, _ = built(schema, random_exemplars(400, seed=2))
    asked = [Query(" ".join(rng.permutation(WORDS)[:7])) for _ in range(300)]
    together = index.search(asked, k_desc=2, k_exemplar=10)
    for number in range(0, 300, 5):
        [alone] = index.search([asked[number]], k_desc=2, k_exemplar=10)
        assert [h.id for h in alone.exemplars] == [h.id for h in together[number].exemplars]
        assert [h.function for h in alone.descriptions] == [
            h.function for h in together[number].descriptions
        ]


def test_an_exemplar_never_retrieves_itself_or_its_duplicates(schema: Schema) -> None:
    rows = exemplars()
    twin = rows[0].model_copy(update={"id": "twin", "utterance": "fly me to Oslo"})
    index = ModuleIndex.build(schema, [*rows, twin], HashEmbedder())
    for id in ("train0", "twin"):
        query = Query("fly me to Oslo", id, "fly me to Oslo", "book_flight")
        for mode in ("fused", "dense"):
            found = index.search([query], k_desc=0, k_exemplar=20, mode=mode)[0]
            assert {h.id for h in found.exemplars} == {f"train{i}" for i in range(1, 7)}


def test_the_same_template_of_another_function_is_found(schema: Schema) -> None:
    other = exemplar("other", "fly me to Oslo", "book_hotel")
    index = ModuleIndex.build(schema, [*exemplars(), other], HashEmbedder())
    query = Query("fly me to Oslo", "train0", "fly me to Oslo", "book_flight")
    found = index.search([query], k_desc=0, k_exemplar=1)[0].exemplars
    assert [(h.id, round(h.similarity, 5)) for h in found] == [("other", 1.0)]


def test_only_resolved_training_exemplars_are_indexed(schema: Schema) -> None:
    rows = [*exemplars(), *exemplars("test")]
    rows[1] = rows[1].model_copy(update={"outcome": "ambiguous"})
    rows[2] = rows[2].model_copy(update={"mode": "negative"})
    index = ModuleIndex.build(schema, rows, HashEmbedder())
    assert len(index.exemplars) == 5
    assert index.left_out == {"marked as negative": 1, "not resolved": 1, "test split": 7}


def test_what_contradicts_the_schema_is_not_indexed(schema: Schema, index: ModuleIndex) -> None:
    gone = exemplars()[0].model_copy(update={"id": "gone", "function": "gone"})
    slot = exemplars()[0].model_copy(update={"id": "slot", "arguments": {"nope": 1}})
    built = ModuleIndex.build(schema, [*exemplars(), gone, slot], HashEmbedder())
    assert built.left_out == {"contradicts the schema": 2}
    assert built.fingerprint == index.fingerprint


def test_more_than_there_is_is_all_there_is(index: ModuleIndex) -> None:
    [found] = index.search([Query("fly hotel")], k_desc=99, k_exemplar=99)
    assert sorted(h.id for h in found.exemplars) == [f"train{i}" for i in range(7)]
    assert sorted(h.function for h in found.descriptions) == ["book_flight", "book_hotel"]
    assert [h.rank for h in found.descriptions] == [1, 2]


def test_nothing_is_asked_and_nothing_answered(index: ModuleIndex) -> None:
    assert index.search([], k_desc=2, k_exemplar=2) == []
    ranked = index.rank([], k_desc=2, k_exemplar=2)
    assert (ranked.fused.positions.shape[0], ranked.vectors.shape) == (0, (0, 64))
    assert index.search([Query("fly")], k_desc=0, k_exemplar=0) == [Retrieved()]


@pytest.mark.parametrize("text", ["zebra", "…!?", "", "🙂"])
def test_words_that_nobody_knows_leave_the_lexical_side_empty(
    index: ModuleIndex, text: str
) -> None:
    def ids(mode: SearchMode) -> list[str]:
        [found] = index.search([Query(text)], k_desc=1, k_exemplar=5, mode=mode)
        assert all(h.lexical_rank is None for h in found.exemplars)
        return [h.id for h in found.exemplars]

    assert ids("lexical") == []
    assert ids("fused") == ids("dense")
    assert len(ids("dense")) == 5


def test_a_module_of_one_function_and_one_exemplar() -> None:
    one = parse_schema({"module": "acme_one_en", "functions": [{"name": "only"}]})
    index, _ = built(one, [exemplar("a", "go", "only")])
    [found] = index.search([Query("go")], k_desc=5, k_exemplar=5)
    assert (found.functions, [h.id for h in found.exemplars]) == (("only",), ["a"])
    [itself] = index.search([Query("go", "a", "go", "only")], k_desc=0, k_exemplar=5)
    assert itself.exemplars == ()


def test_an_index_of_nothing_finds_descriptions(schema: Schema) -> None:
    index, _ = built(schema, [])
    [found] = index.search([Query("plane ticket")], k_desc=1, k_exemplar=5)
    assert (found.functions, found.exemplars) == (("book_flight",), ())


def test_another_weight_is_another_index_of_the_same_parts(index: ModuleIndex) -> None:
    settings = index.settings.model_copy(update={"dense_weight": 1.0})
    other = ModuleIndex(index.schema, index.contents, index.parts, index.embedder, settings)
    assert (other.settings.dense_weight, index.settings.dense_weight) == (1.0, 0.6)
    assert other.vectors is index.vectors
    assert other.fingerprint != index.fingerprint
    asked = [Query("a hotel joke")]
    found = other.search(asked, k_desc=0, k_exemplar=4)[0].exemplars
    dense = index.search(asked, k_desc=0, k_exemplar=4, mode="dense")[0].exemplars
    assert [h.id for h in found] == [h.id for h in dense]


def assert_same(found: ModuleIndex, expected: ModuleIndex) -> None:
    assert found.fingerprint == expected.fingerprint
    assert found.exemplars == expected.exemplars
    assert found.source == expected.source
    assert found.functions == expected.functions
    assert found.vectors.tolist() == expected.vectors.tolist()
    assert found.description_vectors.tolist() == expected.description_vectors.tolist()
    asked = [Query("fly"), Query("hotel me"), Query("fly me", "a", "fly me", "book_flight")]
    for mode in ("fused", "dense", "lexical"):
        assert found.search(asked, k_desc=2, k_exemplar=5, mode=mode) == expected.search(
            asked, k_desc=2, k_exemplar=5, mode=mode
        )


@given(st.lists(edits(), min_size=1, max_size=4), st.lists(st.booleans(), min_size=4, max_size=4))
@settings(max_examples=30, deadline=None)
def test_edits_give_the_index_that_building_anew_gives(
    sequence: list[dict[str, AnnotatedExemplar | None]], lessen: list[bool]
) -> None:
    """Exemplars and schema change, down to nothing and up again; only new texts are embedded."""
    rows = {id: exemplar(id, f"fly {id}") for id in IDS[:3]}
    index, embedder = built(WHOLE, list(rows.values()))
    for changes, less in zip(sequence, lessen, strict=False):
        known = {(e.id, e.template) for e in index.exemplars}
        schema = LESS if less else WHOLE
        rows = applied(rows, changes)
        index = index.change(changes, schema=schema)
        new = [e.template for e in index.exemplars if (e.id, e.template) not in known]
        assert embedder.embedded == [*new, *embedder.embedded[len(new) :]]
        assert len(embedder.embedded) == len(new) + len(schema.functions)
        expected, _ = built(schema, list(rows.values()))
        assert_same(index, expected)
        embedder.embedded.clear()


def test_an_index_of_nothing_is_filled_by_edits(schema: Schema) -> None:
    index, embedder = built(schema, [])
    row = exemplar("a", "fly")
    full = index.change({"a": row})
    assert_same(full, built(schema, [row])[0])
    assert embedder.embedded[0] == "fly"
    assert_same(full.change({"a": None}), built(schema, [])[0])
    assert_same(full.change({"a": None}).change({"a": row}), full)


def test_a_large_index_follows_edits_with_its_graph(schema: Schema) -> None:
    rows = [exemplar(f"e{i:03d}", f"fly {i} to place {i * 7 % 100}") for i in range(300)]
    index, _ = built(schema, rows, graph_from=50)
    edited = {
        "e005": exemplar("e005", "a zebra flies"),
        "e100": None,
        "x": exemplar("x", "zebra two"),
    }
    after = index.change(edited)
    fresh, _ = built(schema, applied({e.id: e for e in rows}, edited).values(), graph_from=50)
    assert after.source["dense"] == "hnsw"
    assert after.fingerprint == fresh.fingerprint
    for text in ("zebra", "fly 7 to place 49", "place"):
        one, two = (
            i.search([Query(text)], k_desc=0, k_exemplar=3, mode="dense")[0] for i in (after, fresh)
        )
        assert one == two


@pytest.mark.parametrize("graph_from", [1, 1_000])
def test_the_source_says_what_an_index_was_built_from(schema: Schema, graph_from: int) -> None:
    rows = [*exemplars(), exemplar("twin", "fly me to Oslo"), exemplar("t", "x", split="test")]
    index, _ = built(schema, rows, graph_from=graph_from)
    assert index.source == {
        "module": "acme_travel_en",
        "schema": schema.hash,
        "exemplars": index.contents.digest,
        "embedder": "all-MiniLM-L6-v2",
        "embedder_identity": "hash embedder all-MiniLM-L6-v2",
        "settings": {
            "embedder": "all-MiniLM-L6-v2",
            "dense_weight": 0.6,
            "graph_from": graph_from,
        },
        "dense": "hnsw" if graph_from == 1 else "flat",
        "recall": 1.0,
        "members": 8,
        "left_out": {"duplicate of another (same template and function)": 1, "test split": 1},
    }


def test_the_nearest_are_the_same_however_many_are_asked_for() -> None:
    """Rows with negatives ask for fifty, a prompt at inference for twenty."""
    index = ModuleIndex.build(WHOLE, random_exemplars(600), HashEmbedder())
    queries = [Query(e.utterance, e.id, e.template, e.function) for e in index.exemplars[:60]]
    few = index.search(queries, k_desc=1, k_exemplar=4)
    many = index.search(queries, k_desc=1, k_exemplar=50)
    assert [f.exemplars for f in few] == [m.exemplars[:4] for m in many]
