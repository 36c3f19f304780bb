"""Two changes of a schema at the same time, put together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import MODULE, SCHEMA
from hypothesis import given
from hypothesis import strategies as st

from radu_core.errors import SchemaError
from radu_core.schema import Function, ListRecognizer, Schema, Slot, parse_schema
from radu_core.workflows.schema import edits
from radu_core.workflows.schema.merge import differences, merge_schemas

BASE = parse_schema(SCHEMA)
FLIGHT, HOTEL = "book_flight", "book_hotel"

# Changes that touch different places; each makes another schema of any that has these functions.
EDITS = [
    lambda s: edits.change_module(s, description="new"),
    lambda s: edits.change_module(s, reference_date="2020-01-02"),
    lambda s: edits.change_function(s, FLIGHT, description="fly"),
    lambda s: edits.change_slot(s, FLIGHT, "origin", description="from where"),
    lambda s: edits.change_slot(s, FLIGHT, "origin", required=True),
    lambda s: edits.change_slot(s, FLIGHT, "passengers", possible_values=(1, 2)),
    lambda s: edits.remove_slot(s, HOTEL, "extras"),
    lambda s: edits.add_slot(s, HOTEL, Slot(name="nights", type="integer")),
    lambda s: edits.add_function(s, Function(name="rent_car", description="a car")),
    lambda s: edits.put_recognizer(s, ListRecognizer(name="class", labels={"first": ("1st",)})),
    lambda s: edits.move_slot(s, FLIGHT, "refundable", 0),
]


def as_json(schema: Schema) -> str:
    return schema.model_dump_json()


@given(st.integers(0, len(EDITS) - 1), st.integers(0, len(EDITS) - 1))
def test_different_places_go_together(one: int, other: int) -> None:
    mine, theirs = EDITS[one](BASE), EDITS[other](BASE)
    merged = merge_schemas(BASE, mine, theirs)
    assert merged.conflicts == ()
    both = mine if one == other else EDITS[other](mine)
    assert as_json(merged.schema) == as_json(both)


def test_what_both_changed_is_chosen() -> None:
    mine = edits.change_slot(BASE, FLIGHT, "origin", description="mine", type="date")
    theirs = edits.change_slot(BASE, FLIGHT, "origin", description="theirs", required=True)
    merged = merge_schemas(BASE, mine, theirs)
    [conflict] = merged.conflicts
    assert (conflict.where, conflict.one, conflict.other) == (
        "function book_flight · slot origin · description",
        "mine",
        "theirs",
    )
    slot = merged.schema.functions[0].slots[0]
    assert (slot.description, slot.type, slot.required) == ("mine", "date", True)
    other = merge_schemas(BASE, mine, theirs, choose={conflict.where: "theirs"})
    assert other.schema.functions[0].slots[0].description == "theirs"


def test_what_one_removed_and_the_other_changed_is_a_conflict() -> None:
    mine = edits.remove_function(BASE, HOTEL)
    theirs = edits.change_function(BASE, HOTEL, description="changed")
    merged = merge_schemas(BASE, mine, theirs)
    assert [(c.where, c.one) for c in merged.conflicts] == [("function book_hotel", None)]
    assert merged.schema.function(HOTEL) is None
    kept = merge_schemas(BASE, mine, theirs, choose={"function book_hotel": "theirs"})
    assert kept.schema.function(HOTEL) == theirs.function(HOTEL)


def test_one_and_true_are_not_the_same() -> None:
    mine = edits.change_slot(BASE, FLIGHT, "passengers", possible_values=(1,))
    theirs = edits.change_slot(BASE, FLIGHT, "passengers", possible_values=(True,))
    assert len(merge_schemas(BASE, mine, theirs).conflicts) == 1
    assert len(differences(mine, theirs)) == 1


def test_what_excludes_each_other_is_said() -> None:
    mine = edits.change_slot(BASE, FLIGHT, "origin", recognizer="city")
    theirs = edits.remove_recognizer(BASE, "city")
    with pytest.raises(SchemaError, match="unknown recognizer"):
        merge_schemas(BASE, mine, theirs)


def test_both_added_the_same_function_otherwise() -> None:
    mine = edits.add_function(BASE, Function(name="rent_car", description="mine"))
    theirs = edits.add_function(BASE, Function(name="rent_car", slots=(Slot(name="days"),)))
    merged = merge_schemas(BASE, mine, theirs)
    assert [c.where for c in merged.conflicts] == ["function rent_car · description"]
    made = merged.schema.function("rent_car")
    assert made is not None
    assert (made.description, [s.name for s in made.slots]) == ("mine", ["days"])


def test_names_of_any_characters_stay_apart() -> None:
    data: dict[str, Any] = json.loads(json.dumps(SCHEMA).replace(FLIGHT, "slots.book"))
    base = parse_schema(data)
    mine = edits.change_function(base, "slots.book", description="mine")
    theirs = edits.change_function(base, HOTEL, description="theirs")
    merged = merge_schemas(base, mine, theirs).schema
    assert [f.description for f in merged.functions] == ["mine", "theirs"]
    assert merged.module == MODULE


def test_differences_name_the_smallest_place() -> None:
    changed = edits.change_slot(BASE, HOTEL, "city", recognizer=None)
    moved = edits.move_function(changed, HOTEL, 0)
    assert [(d.where, d.one, d.other) for d in differences(BASE, moved)] == [
        ("function order", "book_flight, book_hotel", "book_hotel, book_flight"),
        ("function book_hotel · slot city · recognizer", "city", "null"),
    ]
    assert differences(BASE, BASE) == []
