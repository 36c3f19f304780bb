"""Which exemplars an index holds, and that edits give what starting again gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieving import EXEMPLARS, LESS, WHOLE, applied, edits, exemplar, exemplars

from radu_core.eligibility import Reason
from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval.contents import Contents
from radu_core.schema import Schema


def test_of_duplicates_the_lowest_id_is_held(schema: Schema) -> None:
    rows = [exemplar(id, "fly") for id in ("c", "a", "b")] + [exemplar("d", "fly", None)]
    contents = Contents.of(schema, rows)
    assert [e.id for e in contents.exemplars] == ["a", "d"]
    assert contents.position == {("fly", "book_flight"): 0, ("fly", None): 1}
    assert contents.left_out == {Reason.DUPLICATE: 2}
    assert contents.members == 4


def test_reasons_are_counted(schema: Schema) -> None:
    rows = [
        exemplar("a", "fly"),
        exemplar("b", "fly"),
        exemplar("c", "x", split="test"),
        exemplar("d", "y", split="validation"),
        exemplar("e", "z", outcome="invalid"),
        exemplar("f", "w", outcome=None),
        exemplar("g", "v", mode="negative"),
        exemplar("h", "u", "gone"),
        exemplar("i", "t", arguments={"nope": 1}),
        exemplar("j", "s", mode="extended"),
    ]
    contents = Contents.of(schema, rows)
    assert [e.id for e in contents.exemplars] == ["a", "j"]
    assert contents.left_out == {
        Reason.CONTRADICTS: 2,
        Reason.DUPLICATE: 1,
        Reason.INVALID: 1,
        Reason.NEGATIVE: 1,
        Reason.UNRESOLVED: 1,
        Reason.TEST: 1,
        Reason.VALIDATION: 1,
    }
    assert contents.members == 3


CHANGES: list[dict[str, Any]] = [
    {"utterance": "fly!"},
    {"template": "fly!"},
    {"function": None},
    {"function": "book_hotel"},
    {"arguments": {"origin": "Oslo"}, "implied": ("origin",)},
    {"context": "book_flight"},
    {"mode": "extended"},
    {"tags": ("t",)},
    {"resolved_by": "annotator"},
    {"reason": "why"},
    {"id": "train00"},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_the_digest_is_of_every_field_of_what_is_held(
    schema: Schema, change: dict[str, Any]
) -> None:
    rows = exemplars()
    before = Contents.of(schema, rows)
    edited = Contents.of(schema, [rows[0].model_copy(update=change), *rows[1:]])
    assert edited.digest != before.digest
    assert Contents.of(schema, reversed(rows)).digest == before.digest


def test_the_digest_is_not_of_what_is_left_out(schema: Schema) -> None:
    rows = exemplars()
    more = [
        exemplar("x", rows[0].utterance),
        exemplar("y", "new", split="test"),
        exemplar("z", "newer", outcome="ambiguous"),
    ]
    assert Contents.of(schema, [*rows, *more]).digest == Contents.of(schema, rows).digest
    assert Contents.of(schema, []).digest != Contents.of(schema, rows).digest


@given(st.lists(EXEMPLARS, max_size=6), st.lists(edits(), max_size=4))
@settings(max_examples=60, deadline=None)
def test_edits_give_what_starting_again_gives(
    first: list[AnnotatedExemplar], sequence: list[dict[str, AnnotatedExemplar | None]]
) -> None:
    rows = {e.id: e for e in first}
    contents = Contents.of(WHOLE, rows.values())
    for changes in sequence:
        rows = applied(rows, changes)
        contents = contents.change(WHOLE, changes)
        assert contents == Contents.of(WHOLE, rows.values())
    assert contents.under(LESS) == Contents.of(LESS, rows.values())
    assert contents.under(LESS).under(WHOLE) == contents


def test_when_the_lowest_of_duplicates_goes_the_next_takes_its_place(schema: Schema) -> None:
    contents = Contents.of(schema, [exemplar("a", "fly"), exemplar("b", "fly")])
    after = contents.change(schema, {"a": None, "unknown": None})
    assert [e.id for e in after.exemplars] == ["b"]
    assert [e.id for e in contents.exemplars] == ["a"]
    assert after.left_out == {}
