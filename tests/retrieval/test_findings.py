"""What breaks a module's assumptions, planted and found; and what isn't there isn't found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plane import around, index_of

from radu_core.retrieval.findings import Finding, findings
from radu_core.retrieval.overlap import confusion, neighbours
from radu_core.retrieval.pairs import bare, equality, frame
from radu_core.schema import Schema, parse_schema


def schema_of(*functions: Any) -> Schema:
    given = [f if isinstance(f, dict) else {"name": f} for f in functions]
    return parse_schema({"module": "x_y_en", "functions": given})


def found(rows: list[Any], *functions: Any, **more: Any) -> list[Finding]:
    schema = schema_of(*functions)
    names = [f.name for f in schema.functions]
    index = index_of(rows, names)
    near = neighbours(index)
    more = {"enough": 1, **more}
    return findings(schema, near, confusion(near, names), index.description_vectors, **more)


CLEAN = [*around(0, 12, "a"), *around(60, 12, "b"), *around(120, 12, "c")]


def test_functions_that_exclude_each_other_give_no_finding() -> None:
    assert found(CLEAN, "a", "b", "c") == []


def test_functions_mistaken_for_each_other_are_one_finding_with_its_pairs() -> None:
    rows = [*around(60, 12, "c")]
    for n in range(12):  # a, a, b, b, a, a …: neighbours are mostly of the other one
        rows += around(n * 0.5, 1, "ab"[n // 2 % 2])
    [overlap] = [f for f in found(rows, "a", "b", "c") if f.kind == "functions overlap"]
    assert overlap.functions == ("a", "b")
    assert overlap.figures["mistaken"] >= 6
    assert overlap.figures["of"] == 12
    assert overlap.figures["lower bound"] > 0.05
    assert {e.function for e in overlap.examples} <= {"a", "b"}
    assert all(e.other_function != e.function for e in overlap.examples)
    assert "merge" in overlap.actions


def test_one_way_confusion_and_what_chance_allows_are_no_overlap() -> None:
    lone = [*CLEAN, *around(63, 1, "a"), *around(3, 1, "b")]  # one each of 14: 2 of 26
    assert "functions overlap" not in {f.kind for f in found(lone, "a", "b", "c")}


def test_descriptions_that_say_the_same_are_an_overlap() -> None:
    schema = schema_of("a", "b", "c")
    index = index_of(CLEAN, ["a", "b", "c"])
    near = neighbours(index)
    same = np.array([[1, 0, 0], [0.95, 0.3122, 0], [0, 0, 1]], dtype=np.float32)
    [overlap] = findings(schema, near, confusion(near, ["a", "b", "c"]), same, enough=1)
    assert (overlap.functions, overlap.figures["cosine of descriptions"]) == (("a", "b"), 0.95)


def test_a_function_of_two_meanings_is_overloaded() -> None:
    rows = [*around(0, 8, "a"), *around(90, 8, "a"), *around(200, 12, "b")]
    [overloaded] = found(rows, "a", "b")
    assert (overloaded.kind, overloaded.functions) == ("overloaded function", ("a",))
    assert (overloaded.figures["first group"], overloaded.figures["second group"]) == (8, 8)


def test_near_duplicates_of_two_functions_are_suspected_until_judged() -> None:
    rows = [*CLEAN, ("pay the <bill> now", "a", [0, 0, 1]), ("Pay the <sum>, now!", "b", [0, 0, 1])]
    [pair] = [f for f in found(rows, "a", "b", "c") if f.kind == "near duplicates"]
    assert (pair.examples[0].id, pair.examples[0].other_id) == ("e036", "e037")
    assert "the same but for the slots' names" in pair.what
    assert pair.figures["cosine"] == 1.0
    key = ("e036", "e037")
    assert found(rows, "a", "b", "c", judgements={key: "different"}) == []
    [judged] = found(rows, "a", "b", "c", judgements={key: "same"})
    assert (judged.kind, judged.actions[0]) == ("judged the same", "annotate")


def test_a_pair_judged_the_same_is_listed_however_far_apart() -> None:
    [judged] = found(CLEAN, "a", "b", "c", judgements={("e000", "e012"): "same"})
    assert judged.kind == "judged the same"
    assert judged.figures["cosine"] == pytest.approx(0.5, abs=1e-3)


def test_an_exemplar_among_another_functions_is_an_outlier() -> None:
    rows = [*around(0, 12, "a"), *around(60, 12, "b", 2), *around(71, 1, "a")]
    [outlier] = found(rows, "a", "b", near_duplicate=1.0)
    assert (outlier.kind, outlier.functions) == ("outlier", ("a", "b"))
    assert outlier.examples[0].id == "e024"
    assert outlier.figures["neighbours"] == 8
    pair = outlier.examples[0]
    judgements = {(pair.other_id, pair.id): "different"}
    assert found(rows, "a", "b", near_duplicate=1.0, judgements=judgements) == []


def test_functions_below_the_minimum_count_repetitions_once() -> None:
    rows = [*around(0, 12, "a"), *[("again", "b", [0, 1, 0])] * 30]
    few = found(rows, "a", "b", "c", enough=10)
    assert [(f.functions, f.figures["exemplars"]) for f in few] == [(("c",), 0), (("b",), 1)]
    assert few[1].figures["with repetitions"] == 30


@pytest.mark.parametrize(
    ("names", "functions"),
    [
        (("bookFlights", "flight_book"), ("bookFlights", "flight_book")),
        (("book_and_pay", "x"), ("book_and_pay",)),
        (("order", "candor"), None),
    ],
)
def test_names_alike(names: tuple[str, str], functions: tuple[str, ...] | None) -> None:
    kinds = [f for f in found(CLEAN[:12], *names, "a", enough=0) if f.kind == "names alike"]
    assert [f.functions for f in kinds] == ([functions] if functions else [])


def test_a_slot_of_one_name_and_two_kinds() -> None:
    date, words = {"name": "when", "type": "date"}, {"name": "when"}
    rows = [*around(0, 3, "a"), *around(60, 3, "b")]
    [slot] = found(rows, {"name": "a", "slots": [date]}, {"name": "b", "slots": [words]})
    assert slot.kind == "slot of several meanings"
    assert slot.what == "slot when: date in a; string in b"
    assert found(rows, {"name": "a", "slots": [date]}, {"name": "b", "slots": [date]}) == []


def test_templates_are_equal_in_three_ways() -> None:
    assert equality("a <x>", "a <x>") == "same template"
    assert equality("Ça va, <x>?", "c\u0327a va <x>") == "same words"
    assert equality("fly me to <x>", "Fly me to <y>!") == "same frame"
    assert equality("to <x>", "to <y>") is None
    assert equality("…", "!!!") is None
    assert frame("a <b> \\<c") == ("a", "<b>", "c")
    assert frame("broken < template") == ("broken", "template")
    assert bare(("one", "two", "<x>")) == ()
