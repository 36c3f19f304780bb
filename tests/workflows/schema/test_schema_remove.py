"""Removing from a schema: who names it, what becomes of them, and all or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS, SCHEMA
from deciding import decide, reading
from sqlalchemy import text

from radu_core.errors import ConflictError, InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.store import bulk
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load import imports, trash
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.schema import remove as schema_remove
from radu_core.workflows.schema.guidelines import set_guidelines
from radu_core.workflows.schema.merge_functions import merge_functions
from radu_core.workflows.schema.module import save_schema, view
from radu_core.workflows.schema.remove import plan_remove, relabel, remove
from radu_core.workflows.schema.rename import Target

HOTEL = Target("book_hotel")
ORIGIN = Target("origin", "book_flight")


def exemplar(space: Workspace, id: str) -> AnnotatedExemplar:
    return space.store.exemplar(MODULE, id).exemplar


def functions(space: Workspace) -> list[str]:
    return [f.name for f in space.store.schema(MODULE).functions]


def test_exemplars_keep_their_labels_by_default_and_are_invalid(loaded: Workspace) -> None:
    plan = plan_remove(loaded, MODULE, HOTEL)
    assert [e.id for e in plan.exemplars] == ["h00", "h01", "h02", "h03", "h04"]
    assert plan.exemplars[0].reason == "invalid: The schema has no function 'book_hotel'."
    assert str(plan) == "5 exemplars name book_hotel; 5 of them would be invalid."
    done = remove(loaded, MODULE, HOTEL, who="bob")
    assert done.funnel.outcomes["invalid"] == 5
    assert functions(loaded) == ["book_flight"]
    assert exemplar(loaded, "h00").function == "book_hotel"
    assert view(loaded, MODULE).strays == {"book_hotel": 5}
    save_schema(loaded, MODULE, json.dumps(SCHEMA), who="bob")
    assert exemplar(loaded, "h00").outcome == "resolved"


def test_exemplars_move_and_what_doesnt_fit_is_invalid(loaded: Workspace) -> None:
    flight = Target("book_flight")
    plan = plan_remove(loaded, MODULE, flight, fate="move", to="book_hotel")
    assert {e.reason.split(":")[0] for e in plan.exemplars} == {"invalid"}
    remove(loaded, MODULE, flight, who="bob", fate="move", to="book_hotel")
    moved = exemplar(loaded, "f00")
    assert (moved.function, moved.outcome) == ("book_hotel", "invalid")
    event = loaded.store.history(MODULE, "f00")[-1]
    assert (event.kind, event.note) == (
        "relabelled",
        "Removed function book_flight, exemplars to book_hotel",
    )
    assert event.before is not None
    assert event.before.function == "book_flight"


def test_exemplars_without_values_fit_anywhere(loaded: Workspace) -> None:
    labels = {"function": "book_hotel", "arguments": {}}
    decide(loaded, "decide", "n00", **labels, spans=[], implied=[])
    remove(loaded, MODULE, HOTEL, who="bob", fate="move", to="book_flight")
    moved = exemplar(loaded, "n00")
    assert (moved.function, moved.outcome, moved.resolved_by) == (
        "book_flight",
        "resolved",
        "annotator",
    )


def test_a_slots_values_can_go_with_it(loaded: Workspace) -> None:
    decide(loaded, "decide", "a00", **reading(loaded, "a00"))
    plan = plan_remove(loaded, MODULE, ORIGIN, fate="drop")
    assert [(e.id, e.reason) for e in plan.exemplars] == [("a00", "loses the value")]
    remove(loaded, MODULE, ORIGIN, who="bob", fate="drop")
    left = exemplar(loaded, "a00")
    assert (left.arguments, left.outcome) == ({"destination": "Rome"}, "resolved")
    assert left.template == "from Oslo, lovely Oslo, to <destination>"
    assert [s.slot for s in left.spans or ()] == ["destination"]


def test_a_recognizers_slots_are_filled_by_the_model(loaded: Workspace) -> None:
    plan = remove(loaded, MODULE, Target("city", recognizer=True), who="bob").plan
    assert plan.slots == ("book_hotel.city",)
    assert str(plan) == "Without recognizer city 1 slot that it fills is filled by the model."
    assert loaded.store.schema(MODULE).functions[1].slots[0].recognizer is None


def test_texts_that_name_it_are_listed_and_stay(loaded: Workspace) -> None:
    set_guidelines(loaded, MODULE, "Not book_hotel.", before="", who="t")
    assert plan_remove(loaded, MODULE, HOTEL).mentions == ("the guidelines",)


def test_a_function_whose_name_only_begins_alike_names_it_too(loaded: Workspace) -> None:
    about = "Undo what book_hotel did."
    back = {
        "name": "book_hotel_back",
        "description": about,
        "slots": [{"name": "city", "description": about}],
    }
    schema = {**SCHEMA, "functions": [*SCHEMA["functions"], back]}
    save_schema(loaded, MODULE, json.dumps(schema), who="bob")
    assert plan_remove(loaded, MODULE, HOTEL).mentions == (
        "the description of book_hotel_back",
        "the description of book_hotel_back.city",
    )


def test_strays_find_another_function(loaded: Workspace) -> None:
    remove(loaded, MODULE, HOTEL, who="bob")
    with pytest.raises(InputError, match="The schema has that function"):
        relabel(loaded, MODULE, "book_flight", who="bob", fate="move", to="book_flight")
    assert relabel(loaded, MODULE, "book_hotel", who="bob", fate="move", to="book_flight") == 5
    assert view(loaded, MODULE).strays == {}
    assert exemplar(loaded, "h00").function == "book_flight"


@pytest.mark.skipif(
    "unlabelled" not in AnnotatedExemplar.model_fields, reason="exemplars have no such state"
)
def test_exemplars_can_be_unlabelled(loaded: Workspace) -> None:
    remove(loaded, MODULE, HOTEL, who="bob", fate="unlabel")
    left = exemplar(loaded, "h00")
    assert (left.function, left.arguments, left.outcome) == (None, {}, "unlabelled")


@pytest.mark.parametrize(
    ("what", "options", "said"),
    [
        (HOTEL, {"fate": "move"}, "needs a function"),
        (HOTEL, {"fate": "move", "to": "book_hotel"}, "no function of that name"),
        (HOTEL, {"fate": "drop"}, "isn't possible for a function's exemplars"),
        (ORIGIN, {"fate": "move", "to": "book_hotel"}, "isn't possible for a slot's exemplars"),
        (Target("nope"), {}, "no function of that name"),
        (Target("nope", "book_flight"), {}, "no slot of that name"),
        (Target("nope", recognizer=True), {}, "no recognizer of that name"),
    ],
)
def test_what_cant_be_is_refused(
    loaded: Workspace, what: Target, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        remove(loaded, MODULE, what, who="bob", **options)
    assert functions(loaded) == ["book_flight", "book_hotel"]


def test_the_last_function_stays(loaded: Workspace) -> None:
    remove(loaded, MODULE, HOTEL, who="bob")
    with pytest.raises(InputError, match="the only function"):
        remove(loaded, MODULE, Target("book_flight"), who="bob")


def test_all_or_nothing(loaded: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = loaded.store.schema(MODULE).hash
    save_schema(loaded, MODULE, json.dumps({**SCHEMA, "description": "x"}), who="eve")
    with pytest.raises(ConflictError, match="eve saved another schema"):
        remove(loaded, MODULE, HOTEL, who="bob", fate="move", to="book_flight", expected=seen)

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("the power goes")

    monkeypatch.setattr(schema_remove.changes, "put_schema", fails)
    with pytest.raises(RuntimeError):
        remove(loaded, MODULE, HOTEL, who="bob", fate="move", to="book_flight")
    assert exemplar(loaded, "h00").function == "book_hotel"
    assert functions(loaded) == ["book_flight", "book_hotel"]


Columns = tuple[str | None, str | None, str | None, str | None, int]


def columns(space: Workspace, id: str) -> Columns:
    names = "function, outcome, resolved_by, queue, decided"
    with space.store.reading() as connection:
        query = text(f"select {names} from exemplar where id = :id")
        found: Columns = tuple(connection.execute(query, {"id": id}).one())  # type: ignore[assignment]
    return found


INVALID: Columns = ("book_hotel", "invalid", None, "invalid", 0)


def brought(space: Workspace, path: Path, **more: Any) -> int:
    number = import_file(space, "jsonl", path, module=MODULE, who="ann", **more).number
    resolve(space, MODULE, who="ann")
    return number


def test_what_comes_back_from_the_trash_is_invalid_without_its_function(loaded: Workspace) -> None:
    item = loaded.store.exemplar(MODULE, "h00")
    decided = item.exemplar.model_copy(update={"resolved_by": "annotator"})
    loaded.store.decide(MODULE, decided, who="a", kind="kept", expected_revision=item.revision)
    trash.delete(loaded, MODULE, ["h00", "h01"], who="eve")
    remove(loaded, MODULE, HOTEL, who="bob")
    trash.restore(loaded, MODULE, ["h00", "h01"], who="eve")
    assert columns(loaded, "h00") == (*INVALID[:4], 1)
    assert columns(loaded, "h01") == INVALID
    assert exemplar(loaded, "h00").reason == "The schema has no function 'book_hotel'."


def test_what_an_undo_brings_back_is_invalid_without_its_function(
    loaded: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    row = {**ROWS[0], "id": "h00", "utterance": "fly to Oslo"}
    number = brought(loaded, write_jsonl([row], "b.jsonl"))
    remove(loaded, MODULE, HOTEL, who="bob")
    assert imports.undo(loaded, number, who="bob").returned == 1
    assert columns(loaded, "h00") == INVALID


def test_what_a_redo_brings_back_is_invalid_without_its_function(
    loaded: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    row = {**ROWS[6], "id": "new"}
    number = brought(loaded, write_jsonl([row], "b.jsonl"))
    imports.undo(loaded, number, who="bob")
    remove(loaded, MODULE, HOTEL, who="bob")
    assert imports.redo(loaded, number, who="bob").removed == 1
    assert columns(loaded, "new") == INVALID


def test_decisions_are_back_with_the_schema_of_before_an_import(
    loaded: Workspace, tmp_path: Path
) -> None:
    from radu_core.formats import write
    from radu_core.schema import parse_schema

    decide(loaded, "decide", "a00", **reading(loaded, "a00"))
    before = columns(loaded, "a00")
    hotels = parse_schema({**SCHEMA, "functions": SCHEMA["functions"][1:]})
    write("openai", tmp_path / "t.json", schema=hotels, exemplars=[])
    number = import_file(
        loaded, "openai", tmp_path / "t.json", module=MODULE, who="t", replace_schema=True
    ).number
    assert columns(loaded, "a00")[1] == "invalid"
    assert imports.undo(loaded, number, who="bob").schema_returned
    assert columns(loaded, "a00")[:2] == before[:2]
    assert columns(loaded, "f00")[1] == "resolved"


@pytest.mark.parametrize("way", ["move", "unlabel", "merge"])
def test_an_import_is_taken_back_after_its_function_went(
    loaded: Workspace, write_jsonl: Callable[..., Path], way: str
) -> None:
    number = brought(loaded, write_jsonl([{**ROWS[6], "id": "new"}], "b.jsonl"))
    if way == "merge":
        merge_functions(loaded, MODULE, "book_flight", "book_hotel", who="bob")
    elif way == "move":
        remove(loaded, MODULE, HOTEL, who="bob", fate="move", to="book_flight")
    else:
        remove(loaded, MODULE, HOTEL, who="bob", fate="unlabel")
    kinds = [e.kind for e in loaded.store.history(MODULE, "new")]
    assert kinds[0] in bulk.RELABELLED
    done = imports.undo(loaded, number, who="bob")
    assert (done.removed, done.kept) == (1, ())


def test_exemplars_are_relabelled_as_a_known_kind_only(loaded: Workspace) -> None:
    with loaded.store.writing(MODULE, who="t") as w, pytest.raises(ValueError, match="moved"):
        bulk.relabel(w, [], kind="moved", note="")


def test_what_a_person_decided_and_lost_its_labels_can_be_labelled_by_a_file(
    loaded: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    decide(loaded, "decide", "a00", **reading(loaded, "a00"))
    remove(loaded, MODULE, Target("book_flight"), who="bob", fate="unlabel")
    assert columns(loaded, "a00") == (None, "unlabelled", None, "unlabelled", 0)
    resolve(loaded, MODULE, who="bob")
    assert exemplar(loaded, "a00").reason == "The function book_flight was removed."
    row = {
        "id": "a00",
        "utterance": "from Oslo, lovely Oslo, to Rome",
        "function": "book_hotel",
        "arguments": {"city": "Rome"},
    }
    report = import_file(loaded, "jsonl", write_jsonl([row], "b.jsonl"), module=MODULE, who="t")
    assert (report.changed, report.kept) == (1, 0)
    assert columns(loaded, "a00")[0] == "book_hotel"
