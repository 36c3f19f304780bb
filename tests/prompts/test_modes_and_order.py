"""What of a row depends on the exemplar's mode, on the order chosen, and on what is left out."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from typing import Any

import pytest
from prompt_cases import EVERY, GOLDEN, HITS, NONE, hit

from radu_core.exemplars import AnnotatedExemplar
from radu_core.prompts import RowOptions, TemplateSet, shorten, training_rows
from radu_core.retrieval import Retrieved
from radu_core.schema import Schema

T = TemplateSet()


def exemplar(mode: str = "normal", **more: Any) -> AnnotatedExemplar:
    return AnnotatedExemplar.model_validate(
        {
            "id": "x",
            "utterance": "how long is the flight",
            "function": "book_flight",
            "template": "how long is the flight",
            "spans": (),
            "mode": mode,
            "outcome": "resolved",
            **more,
        }
    )


def test_orders_and_negatives_are_the_golden_ones(schema: Schema) -> None:
    """``RADU_GOLDEN=write pytest`` writes them anew; look at the difference before you commit."""
    text = ""
    for order in ("most_relevant_last", "most_relevant_first", "shuffled"):
        options = NONE.model_copy(update={"order": order})
        (made,) = training_rows("rag", exemplar(), schema, HITS, T, options=options).rows
        text += f"=== rag/positive {order}\n{made.prompt}⟦{made.completion}⟧\n"
    (made,) = training_rows("rag", exemplar("negative"), schema, HITS, T, options=NONE).rows
    text += f"=== rag/{made.kind}\n{made.prompt}⟦{made.completion}⟧\n"
    path = GOLDEN / "orders.txt"
    if os.environ.get("RADU_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_orders_are_of_the_same_lines(schema: Schema) -> None:
    def lines(order: str, seed: int = 0, id: str = "x") -> list[str]:
        options = NONE.model_copy(update={"order": order, "seed": seed})
        (row,) = training_rows("rag", exemplar(id=id), schema, HITS, T, options=options).rows
        assert (row.exemplar_ids, row.candidates) == (
            ("e1", "e2", "e3", "e4"),
            ("book_flight", "book_hotel"),
        )
        return [n for n in row.prompt.split("\n") if "-> " in n]

    last = lines("most_relevant_last")
    assert last[-1] == '"fly us to <destination>" -> book_flight'
    assert lines("most_relevant_first") == last[::-1]
    shuffled = {tuple(lines("shuffled", id=f"x{i}")) for i in range(20)}
    assert len(shuffled) > 10
    assert {tuple(sorted(s)) for s in shuffled} == {tuple(sorted(last))}
    assert lines("shuffled") == lines("shuffled") != lines("shuffled", seed=1)


def test_a_negative_exemplar_sees_its_own_function_only_and_is_none(schema: Schema) -> None:
    """Another candidate could be the right one: only this one is known not to be."""
    (row,) = training_rows("rag", exemplar("negative"), schema, HITS, T, options=EVERY).rows
    assert (row.kind, row.completion, row.negative) == ("negative", " none", True)
    assert (row.candidates, row.exemplar_ids) == (("book_flight",), ("e1", "e3"))
    assert "book_hotel" not in row.prompt


@pytest.mark.parametrize("strategy", ["rag", "knn"])
@pytest.mark.parametrize("more", [{"similarity": 0.97}, {"template": "how long is the flight"}])
def test_a_negative_that_looks_like_a_positive_is_suspected(
    schema: Schema, strategy: str, more: dict[str, Any]
) -> None:
    twin = replace(HITS.exemplars[0], **more)
    made = training_rows(strategy, exemplar("negative"), schema, Retrieved((), (twin,)), T)
    assert (made.rows, [s.other_id for s in made.suspects]) == ([], ["e1"])
    assert len(made.discards) == 1


def test_a_negative_without_a_function_and_in_other_tasks_gives_no_row(schema: Schema) -> None:
    assert training_rows("rag", exemplar("negative", function=None), schema, HITS, T).discards
    asked = exemplar("negative", context="book_flight.refundable", arguments={"refundable": True})
    for strategy in ("all", "single", "yes_no"):
        made = training_rows(strategy, asked, schema, HITS, T)
        assert (made.rows, len(made.discards)) == ([], 1)


def test_an_extended_exemplar_teaches_its_function_only_where_it_can_be_told(
    schema: Schema,
) -> None:
    def kinds(**more: Any) -> list[str]:
        rows = training_rows(
            "rag", exemplar("extended", **more), schema, HITS, T, options=EVERY
        ).rows
        return [r.kind for r in rows]

    assert kinds() == ["positive", "fewer"]
    assert kinds(context="book_flight.origin") == ["positive", "fewer", "zero", "removed"]


def test_an_extended_exemplar_says_what_it_fills(schema: Schema) -> None:
    row = exemplar("extended", utterance="Oslo then", arguments={"destination": "Oslo"})
    hits = Retrieved(HITS.descriptions, (replace(HITS.exemplars[0], mode="extended"),))
    (made,) = training_rows("all", row, schema, hits, T, options=NONE).rows
    assert (made.completion, made.exemplar_ids) == (' {"destination": "Oslo"}', ("e1",))


def test_knn_pairs_of_extended_exemplars(schema: Schema) -> None:
    """The answer is yes between two normal ones only.

    No unless both are extended.
    """
    extended = tuple(replace(h, mode="extended") for h in HITS.exemplars)

    def pairs(mode: str, hits: tuple[Any, ...]) -> list[tuple[str, tuple[str, ...]]]:
        made = training_rows("knn", exemplar(mode), schema, Retrieved((), hits), T, options=NONE)
        return [(r.kind, r.exemplar_ids) for r in made.rows]

    yes = [("knn_yes", ("e1",)), ("knn_yes", ("e3",))]
    no = [("knn_no", ("e4",))]
    assert pairs("normal", HITS.exemplars) == yes + no
    assert pairs("extended", HITS.exemplars) == no
    assert pairs("normal", extended) == no
    assert pairs("extended", extended) == []


def test_the_number_of_negatives_is_its_own_option(schema: Schema) -> None:
    hits = Retrieved((), tuple(hit(f"h{i}", "book_hotel", f"a room {i}", i) for i in range(1, 6)))
    for number in (0, 1, 4):
        options = RowOptions(knn_negatives=number)
        made = training_rows("knn", exemplar(), schema, hits, T, options=options)
        assert [r.exemplar_ids[0] for r in made.rows] == [f"h{i + 1}" for i in range(number)]


@pytest.mark.parametrize("dropout", [0.0, 0.3, 1.0])
def test_a_row_with_fewer_exemplars_has_fewer(schema: Schema, dropout: float) -> None:
    options = EVERY.model_copy(update={"dropout": dropout})
    kept = set()
    for number in range(30):
        row = exemplar(id=f"x{number}")
        made = training_rows("rag", row, schema, HITS, T, options=options).rows
        fewer = next(r for r in made if r.kind == "fewer")
        assert len(fewer.exemplar_ids) < 4
        assert fewer.candidates == made[0].candidates
        kept.add(fewer.exemplar_ids)
    nearest = {tuple(f"e{i}" for i in range(1, n + 1)) for n in range(4)}
    if dropout == 1.0:
        assert kept == {()}
    else:
        assert (kept <= nearest) == (dropout == 0.0)


def test_one_share_leaves_the_rows_of_the_others(schema: Schema) -> None:
    def kinds(**more: Any) -> list[set[str]]:
        options = RowOptions(removed_share=0.5, zero_share=0.5, **more)
        rows = [exemplar(id=f"x{i}") for i in range(30)]
        made = [training_rows("rag", r, schema, HITS, T, options=options).rows for r in rows]
        return [{r.kind for r in m} - {"fewer"} for m in made]

    assert kinds(fewer_share=0.0) == kinds(fewer_share=0.9)


@pytest.mark.parametrize("strategy", ["rag", "all", "single"])
def test_a_row_is_shortened_step_by_step(schema: Schema, strategy: str) -> None:
    row = exemplar(arguments={"destination": "Oslo"})
    inputs = (row, schema, HITS, T)
    for made in training_rows(strategy, *inputs, options=EVERY).rows:
        seen = [made]
        while (last := shorten(seen[-1], *inputs, options=EVERY)) is not None:
            seen.append(last)
        for longer, shorter in itertools.pairwise(seen):
            assert (shorter.kind, shorter.completion) == (made.kind, made.completion)
            assert row.utterance in shorter.prompt
            dropped = len(longer.exemplar_ids) - len(shorter.exemplar_ids)
            assert shorter.exemplar_ids == longer.exemplar_ids[: len(shorter.exemplar_ids)]
            if longer.exemplar_ids:
                assert (dropped, shorter.candidates) == (1, longer.candidates)
            else:
                assert set(shorter.candidates) == set(longer.candidates) - {"book_hotel"}
        assert seen[-1].exemplar_ids == ()
        if made.completion == " book_flight":
            assert seen[-1].candidates == ("book_flight",)


@pytest.mark.parametrize("strategy", ["knn", "yes_no"])
def test_where_nothing_can_be_left_out_a_row_isnt_shortened(schema: Schema, strategy: str) -> None:
    row = exemplar(context="book_flight.refundable")
    for made in training_rows(strategy, row, schema, HITS, T, options=NONE).rows:
        assert shorten(made, row, schema, HITS, T) is None
