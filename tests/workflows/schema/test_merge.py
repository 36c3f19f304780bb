"""Merging two functions: what it costs, what forbids it, and that it is all or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import MODULE, SCHEMA

from radu_core.errors import ConflictError, InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import parse_schema
from radu_core.store import opinions
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.schema.merge_functions import merge_functions, merge_plan


def with_hotel_slot(loaded: Workspace, slot: dict[str, Any]) -> None:
    flight, hotel = SCHEMA["functions"]
    hotel = {**hotel, "slots": [*hotel["slots"], slot]}
    loaded.store.put_schema(parse_schema({**SCHEMA, "functions": [flight, hotel]}), who="t")


def test_all_of_it_moves_and_nothing_is_lost(loaded: Workspace) -> None:
    with_hotel_slot(loaded, {"name": "origin", "description": "where from", "required": True})
    asked = AnnotatedExemplar(id="c", utterance="yes", context="book_hotel.city", split="train")
    loaded.store.add_exemplar(MODULE, asked, who="t")
    before = {i.exemplar.id: i.exemplar for i in loaded.store.exemplars(MODULE)}
    plan = merge_plan(loaded, MODULE, "book_flight", "book_hotel")
    assert (plan.total, plan.moved) == (5, {"resolved": 5})
    assert (plan.shared, plan.added, plan.contexts) == (("origin",), ("city", "extras"), 1)
    assert plan.conflicts == ()
    assert merge_functions(loaded, MODULE, "book_flight", "book_hotel", who="ann") == plan
    schema = loaded.store.schema(MODULE)
    assert [f.name for f in schema.functions] == ["book_flight"]
    assert [s.name for s in schema.functions[0].slots] == [
        "origin",
        "destination",
        "passengers",
        "refundable",
        "city",
        "extras",
    ]
    assert not any(s.required for s in schema.functions[0].slots)
    for item in loaded.store.exemplars(MODULE):
        old = before[item.exemplar.id]
        moved = old.function == "book_hotel"
        assert item.exemplar.function == ("book_flight" if moved else old.function)
        assert (item.exemplar.spans, item.exemplar.outcome) == (old.spans, old.outcome)
    assert loaded.store.exemplar(MODULE, "c").exemplar.context == "book_flight.city"
    event = loaded.store.history(MODULE, "h00" if "h00" in before else _hotel(before))[-1]
    assert (event.kind, event.note, event.who) == ("merged", "book_hotel into book_flight", "ann")
    assert len(loaded.store.schema_versions(MODULE)) == 3
    assert resolve(loaded, MODULE, who="t").outcomes.get("invalid", 0) == 0


def test_it_says_whose_opinions_count_no_longer(loaded: Workspace) -> None:
    items = [i.exemplar for i in loaded.store.exemplars(MODULE)]
    of = {f: next(e for e in items if e.function == f) for f in ("book_hotel", "book_flight")}
    for exemplar in of.values():
        with loaded.store.writing(MODULE, who="ann") as w:
            opinions.give(w, exemplar)
    plan = merge_plan(loaded, MODULE, "book_flight", "book_hotel")
    assert plan.opinions == 1
    assert merge_functions(loaded, MODULE, "book_flight", "book_hotel", who="t") == plan
    with loaded.store.reading() as connection:
        standing = opinions.opinions_of(connection, MODULE)
    assert [o.id for o in standing] == [of["book_flight"].id]


def _hotel(known: dict[str, AnnotatedExemplar]) -> str:
    return next(i for i, e in known.items() if e.function == "book_hotel")


def test_slots_that_differ_forbid_it(loaded: Workspace) -> None:
    with_hotel_slot(loaded, {"name": "passengers", "type": "string"})
    plan = merge_plan(loaded, MODULE, "book_flight", "book_hotel")
    assert plan.conflicts == ("slot passengers differs in type (integer and string)",)
    before = loaded.store.schema(MODULE)
    with pytest.raises(ConflictError, match="slot passengers differs"):
        merge_functions(loaded, MODULE, "book_flight", "book_hotel", who="ann")
    assert loaded.store.schema(MODULE) == before


@pytest.mark.parametrize(
    ("slot", "words"),
    [
        ({"name": "origin", "path": ["from", "origin"]}, "slot origin differs in path"),
        ({"name": "origin", "constraints": {"maxLength": 9}}, "slot origin differs in constraints"),
        ({"name": "place", "path": ["origin", "name"]}, "origin"),  # it is a text in the other
    ],
)
def test_slots_that_a_call_has_elsewhere_forbid_it(
    loaded: Workspace, slot: dict[str, Any], words: str
) -> None:
    with_hotel_slot(loaded, slot)
    before = loaded.store.schema(MODULE)
    (conflict,) = merge_plan(loaded, MODULE, "book_flight", "book_hotel").conflicts
    assert words in conflict
    with pytest.raises(ConflictError, match="can't be merged"):
        merge_functions(loaded, MODULE, "book_flight", "book_hotel", who="ann")
    assert loaded.store.schema(MODULE) == before


def test_what_was_changed_meanwhile_is_not_overwritten(
    loaded: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from radu_core.workflows.schema import merge_functions as merge

    plan = merge._plan

    def slow(*arguments: Any) -> Any:
        made = plan(*arguments)
        item = next(
            i for i in loaded.store.exemplars(MODULE) if i.exemplar.function == "book_hotel"
        )
        loaded.store.decide(
            MODULE, item.exemplar, who="bob", kind="kept", expected_revision=item.revision
        )
        return made

    monkeypatch.setattr(merge, "_plan", slow)
    with pytest.raises(ConflictError, match="in the meantime"):
        merge_functions(loaded, MODULE, "book_flight", "book_hotel", who="ann")
    assert len(loaded.store.schema(MODULE).functions) == 2


@pytest.mark.parametrize("away", ["book_flight", "no_such"])
def test_two_functions_that_are_there_are_needed(loaded: Workspace, away: str) -> None:
    with pytest.raises(InputError):
        merge_plan(loaded, MODULE, "book_flight", away)


def test_a_context_of_a_function_with_a_longer_name_stays(workspace: Workspace) -> None:
    names = ("book", "book.hotel", "reserve")
    functions = [{"name": n, "slots": [{"name": "pets", "type": "boolean"}]} for n in names]
    workspace.store.put_schema(parse_schema({"module": MODULE, "functions": functions}), who="t")
    contexts = {"a": "book.hotel.pets", "b": "book.pets", "c": "book", "d": "book.hotel"}
    for id_, context in contexts.items():
        asked = AnnotatedExemplar(id=id_, utterance="yes", context=context)
        workspace.store.add_exemplar(MODULE, asked, who="t")
    assert merge_functions(workspace, MODULE, "reserve", "book", who="t").contexts == 2
    found = {i.exemplar.id: i.exemplar.context for i in workspace.store.exemplars(MODULE)}
    assert found == {"a": "book.hotel.pets", "b": "reserve.pets", "c": "reserve", "d": "book.hotel"}
