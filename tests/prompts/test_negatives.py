"""Mining negatives: which are used and why, what is suspected, what people's judgements change."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import SCHEMA
from hypothesis import given
from hypothesis import strategies as st

from radu_core.exemplars import AnnotatedExemplar
from radu_core.prompts import RowOptions, TemplateSet, judgements_hash, mine, pair_of, training_rows
from radu_core.prompts.negatives import chosen_places, same_meaning, suspects_in
from radu_core.retrieval import DescriptionHit, ExemplarHit, Retrieved
from radu_core.schema import parse_schema

ME = AnnotatedExemplar(
    id="me",
    utterance="fly to Oslo please",
    function="book_flight",
    template="fly to <destination> please",
    spans=(),
)


def hit(id_: str, similarity: float, **more: Any) -> ExemplarHit:
    fields: dict[str, Any] = {
        "function": "book_hotel",
        "template": f"words of {id_}",
        "utterance": id_,
        "arguments": {},
        "spans": (),
        "rank": 1,
        "score": 0.0,
        **more,
    }
    return ExemplarHit(id=id_, similarity=similarity, **fields)


FAR = [hit(f"h{n}", 0.5 - n / 100) for n in range(10)]


def used(mined: list[Any]) -> list[str]:
    return [n.hit.id for n in mined if n.use]


def test_the_nearest_are_used_at_hardness_one_and_the_rest_says_why() -> None:
    mined = mine(ME, list(reversed(FAR)), count=2)
    assert [n.rank for n in mined] == list(range(1, 11))
    assert used(mined) == ["h0", "h1"]
    assert mined[0].why == "used: 1 of 2, the 1st nearest that can be"
    assert mined[2].why == "not used: the hardness and number chosen take others"


@pytest.mark.parametrize(
    ("hardness", "places"),
    [(1.0, [0, 1]), (0.75, [1, 3]), (0.5, [1, 4]), (0.0, [2, 7])],
)
def test_the_dial_takes_the_middle_of_each_part_of_its_window(
    hardness: float, places: list[int]
) -> None:
    """Ten eligible, two wanted: the window is 2 + (1 - hardness) * 8 wide, in two parts."""
    assert chosen_places(10, 2, hardness) == places
    assert used(mine(ME, FAR, count=2, hardness=hardness)) == [f"h{p}" for p in places]


@given(st.integers(0, 60), st.integers(0, 20), st.floats(0, 1))
def test_the_dial_takes_as_many_as_there_are_each_once(
    eligible: int, count: int, hardness: float
) -> None:
    places = chosen_places(eligible, count, hardness)
    assert len(places) == len(set(places)) == min(eligible, count)
    assert places == sorted(places)
    assert all(0 <= p < eligible for p in places)


@given(st.integers(1, 60), st.integers(1, 20), st.floats(0, 1), st.floats(0, 1))
def test_harder_is_never_farther(eligible: int, count: int, one: float, two: float) -> None:
    softer, harder = sorted((one, two))
    pairs = zip(
        chosen_places(eligible, count, harder), chosen_places(eligible, count, softer), strict=True
    )
    assert all(a <= b for a, b in pairs)


@pytest.mark.parametrize(
    ("suspect", "sign"),
    [
        (hit("x", 0.96), "near duplicate"),
        (hit("x", 0.2, template="fly to <destination> please"), "same template"),
        (hit("x", 0.2, template="Fly to <destination>, please!"), "same words"),
        (hit("x", 0.2, template="Fly to <city>, please!"), "same frame"),
        (hit("x", 0.85, dense_rank=3, lexical_rank=2), "both rankings"),
    ],
)
def test_signs_that_a_pair_means_the_same(suspect: ExemplarHit, sign: str) -> None:
    others = [*FAR, hit("y", 0.3, dense_rank=4, lexical_rank=9)]
    mined = mine(ME, [suspect, *others], count=2)
    found = next(n for n in mined if n.hit.id == "x")
    assert found.signs == (sign,)
    assert (found.use, found.eligible, found.is_suspect) == (False, False, True)
    assert found.why.startswith("not used: suspected to mean the same")
    assert len(used(mined)) == 2
    [listed] = suspects_in(ME, mined)
    assert (listed.exemplar_id, listed.other_id, listed.reasons) == ("me", "x", (sign,))


@pytest.mark.parametrize(
    "other",
    [
        hit("x", 0.85, dense_rank=3, lexical_rank=5),  # another one is before it by words
        hit("x", 0.85, dense_rank=3),  # not found by its words at all
        hit("x", 0.79, dense_rank=3, lexical_rank=2),  # not close
        hit("x", 0.2, template="drive to <city> please"),
    ],
)
def test_what_is_no_sign(other: ExemplarHit) -> None:
    others = [*FAR, hit("y", 0.3, dense_rank=4, lexical_rank=4)]
    assert next(n for n in mine(ME, [other, *others], count=2) if n.hit.id == "x").signs == ()


def test_two_words_and_slots_are_no_frame() -> None:
    me = ME.model_copy(update={"template": "<origin> to <destination>"})
    assert mine(me, [hit("x", 0.2, template="<city> to <place>")], count=1)[0].signs == ()


def test_judged_different_is_used_like_any_other() -> None:
    hits = [hit("x", 0.99), *FAR]
    [first, *_] = mine(ME, hits, count=1, judgements={("me", "x"): "different"})
    assert (first.use, first.verdict, first.is_suspect) == (True, "different", False)
    assert first.why.endswith("judged really different")


def test_judged_the_same_is_never_used_however_far() -> None:
    mined = mine(ME, FAR, count=2, judgements={pair_of("me", "h0"): "same"})
    assert used(mined) == ["h1", "h2"]
    assert mined[0].why == "not used: judged really the same"
    assert list(same_meaning(mined)) == ["book_hotel"]
    assert suspects_in(ME, mined) == []  # nobody needs to look at it again


def test_out_of_scope_is_no_negative() -> None:
    assert used(mine(ME, [hit("x", 0.9, function=None)], count=1)) == []


def test_a_negative_exemplar_is_set_against_its_own_function() -> None:
    me = ME.model_copy(update={"mode": "negative"})
    hits = [hit("own", 0.9, function="book_flight"), *FAR]
    [only] = mine(me, hits, count=2)
    assert (only.hit.id, only.use, only.signs) == ("own", True, ())
    same = hit("own", 0.97, function="book_flight")
    [only] = mine(me, [same, *FAR], count=2)
    assert (only.use, only.signs) == (False, ("near duplicate",))
    [only] = mine(me, [same, *FAR], count=2, judgements={pair_of(me.id, "own"): "different"})
    assert only.use


def test_the_hash_is_of_what_was_said_in_any_order() -> None:
    one = {("a", "b"): "same", ("c", "d"): "different"}
    two = dict(reversed(one.items()))
    assert judgements_hash(one) == judgements_hash(two)
    assert judgements_hash(one) != judgements_hash({**one, ("c", "d"): "same"})
    assert judgements_hash({}) != ""


# Rows


def retrieved(*hits: ExemplarHit) -> Retrieved:
    descriptions = (DescriptionHit("book_flight", 1, 1.0), DescriptionHit("book_hotel", 2, 0.9))
    own = hit("own", 0.7, function="book_flight")
    return Retrieved(descriptions, (own, *hits))


ALWAYS = RowOptions(removed_share=1.0, fewer_share=0, zero_share=0)


def made(exemplar: AnnotatedExemplar, hits: Retrieved, strategy: str = "rag", **more: Any) -> Any:
    return training_rows(
        strategy, exemplar, parse_schema(SCHEMA), hits, TemplateSet(), options=ALWAYS, **more
    )


def test_no_removed_row_where_another_function_may_be_right() -> None:
    """``none`` would be wrong: what is nearly the same as the utterance is in the prompt."""
    twin = hit("twin", 0.97)
    found = made(ME, retrieved(twin))
    assert [r.kind for r in found.rows] == ["positive"]
    assert [d.reason for d in found.discards] == [
        "no removed row: an exemplar of a function in its prompt seems to mean the same"
    ]
    assert [s.other_id for s in found.suspects] == ["twin"]
    found = made(ME, retrieved(twin), judgements={("me", "twin"): "different"})
    assert [r.kind for r in found.rows] == ["positive", "removed"]
    assert (found.discards, found.suspects) == ([], [])
    found = made(ME, retrieved(FAR[0]), judgements={pair_of("me", "h0"): "same"})
    assert [r.kind for r in found.rows] == ["positive"]


def test_out_of_scope_that_is_nearly_in_scope_teaches_no_none() -> None:
    me = ME.model_copy(update={"function": None})
    found = made(me, retrieved(hit("twin", 0.97)))
    assert found.rows == []
    assert "no out_of_scope row" in found.discards[0].reason
    assert [r.kind for r in made(me, retrieved(FAR[0])).rows] == ["out_of_scope"]


def test_knn_rows_are_the_mined_ones() -> None:
    options = RowOptions(knn_pairs=1, knn_negatives=3, hardness=0.0)
    hits = retrieved(*FAR)
    rows = training_rows("knn", ME, parse_schema(SCHEMA), hits, TemplateSet(), options=options).rows
    mined = mine(ME, hits.exemplars, count=3, hardness=0.0)
    no = [r.exemplar_ids[0] for r in rows if r.kind == "knn_no"]
    assert no == used(mined)
    assert len(no) == 3
    assert [r.exemplar_ids for r in rows if r.kind == "knn_yes"] == [("own",)]
