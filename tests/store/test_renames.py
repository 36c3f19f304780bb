"""Renaming in an exemplar and its row, and states of before that come back with the new names."""

from __future__ import annotations

import json

import pytest

from radu_core.exemplars import AnnotatedExemplar, Span, make_template
from radu_core.store.renames import Rename, in_exemplar, in_row, in_state

TEXT = "from Oslo to Rome"
SPANS = (
    Span(slot="origin", start=5, end=9, value="Oslo"),
    Span(slot="destination", start=13, end=17, value="Rome"),
)
EXEMPLAR = AnnotatedExemplar(
    id="x",
    utterance=TEXT,
    function="book_flight",
    arguments={"origin": "Oslo", "destination": "Rome", "class": "origin"},
    spans=SPANS,
    template=make_template(TEXT, SPANS),
    implied=("class",),
    context="book_flight.origin",
)
SLOT = Rename("book_flight", "from-city", "origin", {"book_flight.origin": "book_flight.from-city"})
FUNCTION = Rename("book_flight", "fly", contexts={"book_flight.origin": "fly.origin"})


def test_a_slot_has_its_new_name_everywhere_and_values_stay() -> None:
    changed = in_exemplar(SLOT, EXEMPLAR)
    assert changed.arguments == {"from-city": "Oslo", "destination": "Rome", "class": "origin"}
    assert list(changed.arguments) == ["from-city", "destination", "class"]
    assert changed.template == "from <from-city> to <destination>"
    assert [s.slot for s in changed.spans or ()] == ["from-city", "destination"]
    assert [(s.start, s.end, s.value) for s in changed.spans or ()] == [
        (s.start, s.end, s.value) for s in SPANS
    ]
    assert (changed.context, changed.function) == ("book_flight.from-city", "book_flight")


def test_a_function_has_its_new_name_and_its_slots_stay() -> None:
    changed = in_exemplar(FUNCTION, EXEMPLAR)
    assert (changed.function, changed.context) == ("fly", "fly.origin")
    assert (changed.arguments, changed.template) == (EXEMPLAR.arguments, EXEMPLAR.template)


def test_a_slot_of_that_name_of_another_function_stays() -> None:
    other = EXEMPLAR.model_copy(update={"function": "rent_car", "context": None})
    assert in_exemplar(SLOT, other) is other


@pytest.mark.parametrize("rename", [SLOT, FUNCTION])
def test_there_and_back_is_the_same(rename: Rename) -> None:
    back = Rename(
        rename.function if rename.slot else rename.new,
        rename.old,
        rename.new if rename.slot else None,
        {new: old for old, new in rename.contexts.items()},
    )
    assert in_exemplar(back, in_exemplar(rename, EXEMPLAR)) == EXEMPLAR


def test_escaped_text_and_templates_that_cant_be_read_stay() -> None:
    odd = EXEMPLAR.model_copy(update={"template": r"a \<origin> is \\ <origin>"})
    assert in_exemplar(SLOT, odd).template == r"a \<origin> is \\ <from-city>"
    broken = EXEMPLAR.model_copy(update={"template": "a < b <origin>"})
    assert in_exemplar(SLOT, broken).template == "a < b <origin>"


def test_readings_and_details_follow_and_values_in_them_stay() -> None:
    readings = [
        {
            "template": "from <origin>",
            "confidence": 0.5,
            "spans": [{"slot": "origin", "start": 5, "end": 9, "value": "origin"}],
        }
    ]
    details = {
        "implied": ["origin"],
        "inferred": ["alias"],
        "arguments": [{"slot": "origin", "value": "origin", "state": "unlocated"}],
    }
    row = {
        "data": EXEMPLAR.model_dump_json(),
        "imported": None,
        "readings": json.dumps(readings),
        "details": json.dumps(details),
    }
    changed = in_row(SLOT, row)
    assert sorted(changed) == ["data", "details", "readings"]
    [reading] = json.loads(changed["readings"])
    assert reading["template"] == "from <from-city>"
    assert reading["spans"] == [{"slot": "from-city", "start": 5, "end": 9, "value": "origin"}]
    found = json.loads(changed["details"])
    assert found["implied"] == ["from-city"]
    assert found["arguments"][0] == {"slot": "from-city", "value": "origin", "state": "unlocated"}


def test_a_state_gets_the_names_that_were_given_after_it() -> None:
    state = {"data": EXEMPLAR.model_dump_json(), "flag": None}
    first = Rename("book_flight", "fly", event=10)
    second = Rename("fly", "from", "origin", event=20)
    both = json.loads(in_state(state, [first, second], after=5)["data"])
    assert (both["function"], "from" in both["arguments"]) == ("fly", True)
    late = json.loads(in_state(state, [first, second], after=15)["data"])
    assert (late["function"], "origin" in late["arguments"]) == ("book_flight", True)
    assert in_state(state, [first, second], after=25) == state
