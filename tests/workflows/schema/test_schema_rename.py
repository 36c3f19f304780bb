"""A rename is followed by all that names it, or by nothing; and renaming back undoes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS, SCHEMA
from deciding import Tab, decide, reading
from sqlalchemy import text

from radu_core.errors import ConflictError, InputError, SchemaError
from radu_core.prompts import TemplateSet
from radu_core.store import renaming
from radu_core.workflows.annotate import bulk
from radu_core.workflows.annotate.annotation import set_annotators
from radu_core.workflows.coverage.judgements import judge, judged_pairs
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load import trash
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.imports import redo, undo
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.schema.guidelines import guidelines, set_guidelines
from radu_core.workflows.schema.module import save_schema, versions
from radu_core.workflows.schema.rename import Target, plan_rename, rename, target

FLIGHT = Target("book_flight")
ORIGIN = Target("origin", "book_flight")


def snapshot(space: Workspace) -> list[tuple[Any, ...]]:
    return [
        (i.exemplar, i.readings, dict(i.details), i.queue, i.flag)
        for i in space.store.exemplars(MODULE)
    ]


def test_a_function_takes_everything_along(loaded: Workspace) -> None:
    before = {i.exemplar.id: i.exemplar for i in loaded.store.exemplars(MODULE)}
    plan = plan_rename(loaded, MODULE, FLIGHT, "reserve_flight")
    done = rename(loaded, MODULE, FLIGHT, "reserve_flight", who="bob")
    assert done.plan == plan
    assert sorted(plan.exemplars) == sorted(
        i for i, e in before.items() if e.function == "book_flight"
    )
    assert plan.parts == {"as imported": 8, "function": 8}
    assert [f.name for f in loaded.store.schema(MODULE).functions] == [
        "reserve_flight",
        "book_hotel",
    ]
    for item in loaded.store.exemplars(MODULE):
        was = before[item.exemplar.id]
        named = {"book_flight": "reserve_flight"}.get(was.function or "", was.function)
        assert item.exemplar == was.model_copy(update={"function": named})
    event = loaded.store.history(MODULE, "f00")[-1]
    assert (event.who, event.kind, event.note) == (
        "bob",
        "renamed",
        "function book_flight → reserve_flight",
    )
    assert loaded.store.schema_versions(MODULE)[-1].note == (
        "Renamed function book_flight → reserve_flight"
    )
    assert loaded.store.search(MODULE, "reserve_flight Oslo")[0].exemplar.id == "a00"


@pytest.mark.parametrize(
    ("what", "back"),
    [
        (FLIGHT, Target("zug: fahren?")),
        (ORIGIN, Target("zug: fahren?", "book_flight")),
    ],
)
def test_back_again_is_as_before(loaded: Workspace, what: Target, back: Target) -> None:
    back = Target(back.name if _takes(back.name) else "other_name", back.function)
    before, schema = snapshot(loaded), loaded.store.schema(MODULE)
    rename(loaded, MODULE, what, back.name, who="bob")
    assert snapshot(loaded) != before
    rename(loaded, MODULE, back, what.name, who="bob")
    assert snapshot(loaded) == before
    assert loaded.store.schema(MODULE) == schema


def _takes(name: str) -> bool:
    """Whether a schema takes the name: which characters it may have is the schema's to say."""
    from radu_core.schema import parse_schema

    try:
        parse_schema({"module": MODULE, "functions": [{"name": name}]})
    except SchemaError:
        return False
    return True


def test_a_slot_takes_spans_templates_readings_and_contexts_along(
    loaded: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    asked = {
        "id": "c00",
        "utterance": "Bern",
        "function": "book_flight",
        "arguments": {"origin": "Bern"},
        "context": "book_flight.origin",
    }
    import_file(loaded, "jsonl", write_jsonl([asked], "c.jsonl"), module=MODULE, who="t")
    resolve(loaded, MODULE, who="t")
    plan = rename(loaded, MODULE, ORIGIN, "from_city", who="bob").plan
    assert sorted(plan.exemplars) == ["a00", "c00"]
    item = loaded.store.exemplar(MODULE, "c00").exemplar
    assert (item.template, item.context) == ("<from_city>", "book_flight.from_city")
    asked_about = loaded.store.exemplar(MODULE, "a00")
    assert asked_about.exemplar.arguments == {"from_city": "Oslo", "destination": "Rome"}
    assert {s["slot"] for r in asked_about.readings for s in r["spans"]} == {
        "from_city",
        "destination",
    }


def test_the_file_of_before_is_rejected_and_one_exported_since_changes_nothing(
    loaded: Workspace, tmp_path: Path, write_jsonl: Callable[..., Path]
) -> None:
    from radu_core.workflows.load.files import export

    rename(loaded, MODULE, FLIGHT, "reserve_flight", who="bob")
    rows = [
        {**r, "function": "reserve_flight"} if r["function"] == "book_flight" else r for r in ROWS
    ]
    report = import_file(loaded, "jsonl", write_jsonl(rows, "new.jsonl"), module=MODULE, who="t")
    assert (report.unchanged, report.changed, report.added) == (len(ROWS), 0, 0)
    old = import_file(loaded, "jsonl", write_jsonl(ROWS, "old.jsonl"), module=MODULE, who="t")
    assert (old.stored, len(old.rejections)) == (False, 8)
    export(loaded, "jsonl", tmp_path / "out.jsonl", module=MODULE)
    assert "book_flight" not in (tmp_path / "out.jsonl").read_text()


def test_a_decision_undone_after_a_rename_has_the_new_name(loaded: Workspace) -> None:
    decide(loaded, "decide", "a00", **reading(loaded, "a00"))
    rename(loaded, MODULE, FLIGHT, "fly", who="bob")
    rename(loaded, MODULE, Target("origin", "fly"), "from_city", who="bob")
    decide(loaded, "undo", "a00")
    undone = loaded.store.exemplar(MODULE, "a00")
    assert undone.exemplar.function == "fly"
    assert undone.exemplar.arguments == {"from_city": "Oslo", "destination": "Rome"}
    assert undone.exemplar.outcome == "ambiguous"
    assert undone.readings


def test_opinions_follow_and_still_count(loaded: Workspace) -> None:
    set_annotators(loaded, MODULE, 2, who="t")
    said = reading(loaded, "a00")
    tab = Tab(loaded, "ann")
    tab.do("decide", "a00", loaded.store.exemplar(MODULE, "a00").revision, **said)
    plan = rename(loaded, MODULE, FLIGHT, "fly", who="eve").plan
    assert plan.opinions == 1
    again = {**said, "function": "fly"}
    bob = Tab(loaded, "bob")
    bob.do("decide", "a00", loaded.store.exemplar(MODULE, "a00").revision, **again)
    item = loaded.store.exemplar(MODULE, "a00").exemplar
    assert (item.outcome, item.function) == ("resolved", "fly")


def test_on_either_database(space: Workspace) -> None:
    """Slots of many exemplars, readings and opinions, there and back, and a batch undone since."""
    before = snapshot(space)
    done = bulk.accept(space, MODULE, bulk.preview(space, MODULE, from_=0.5).revisions, who="ann")
    assert done.accepted
    rename(space, MODULE, ORIGIN, "from_city", who="bob")
    rename(space, MODULE, FLIGHT, "fly", who="bob")
    assert bulk.undo_bulk(space, MODULE, done.batch, who="ann").undone == done.accepted
    rename(space, MODULE, Target("fly"), "book_flight", who="bob")
    rename(space, MODULE, Target("from_city", "book_flight"), "origin", who="bob")
    assert snapshot(space) == before


def test_texts_that_name_it_follow_and_prose_stays(loaded: Workspace) -> None:
    shipped = TemplateSet().source("rag")
    own = shipped + "\nPrefer book_flight (`book_flight.origin`), not rebook_flight.\n"
    loaded.store.put_template(MODULE, "rag", own, who="t")
    set_guidelines(loaded, MODULE, "book_flight is for planes.", before="", who="t")
    plan = rename(loaded, MODULE, FLIGHT, "fly", who="bob").plan
    assert [m.where for m in plan.texts] == ["the guidelines", "prompt template rag"]
    assert loaded.store.templates(MODULE)["rag"] == shipped + (
        "\nPrefer fly (`fly.origin`), not rebook_flight.\n"
    )
    assert guidelines(loaded, MODULE) == "fly is for planes."
    kept = rename(loaded, MODULE, Target("fly"), "book_flight", who="bob", follow_texts=False)
    assert kept.plan.texts == ()
    assert guidelines(loaded, MODULE) == "fly is for planes."


def test_judgements_stay(loaded: Workspace) -> None:
    judge(loaded, MODULE, "f00", "h00", "different", who="ann")
    before = judged_pairs(loaded, MODULE)
    rename(loaded, MODULE, FLIGHT, "fly", who="bob")
    assert [(p.verdict, p.who) for p in judged_pairs(loaded, MODULE)] == [
        (p.verdict, p.who) for p in before
    ]


def test_two_names_never_become_one(loaded: Workspace) -> None:
    with pytest.raises(SchemaError, match="Two of the same function"):
        plan_rename(loaded, MODULE, FLIGHT, "book_hotel")
    with pytest.raises(InputError, match="that name already"):
        plan_rename(loaded, MODULE, FLIGHT, "book_flight")
    less = {**SCHEMA, "functions": SCHEMA["functions"][:1]}
    save_schema(loaded, MODULE, json.dumps(less), who="t")
    plan = plan_rename(loaded, MODULE, FLIGHT, "book_hotel")
    assert "5 exemplars are labelled book_hotel already (h00, h01" in plan.conflicts[0]
    before = snapshot(loaded)
    with pytest.raises(ConflictError, match="relabel them first"):
        rename(loaded, MODULE, FLIGHT, "book_hotel", who="bob")
    assert snapshot(loaded) == before


def test_all_or_nothing(loaded: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    before, schema = snapshot(loaded), loaded.store.schema(MODULE)
    real = renaming.put_texts

    def late(*args: Any) -> None:
        real(*args)
        raise RuntimeError("the power goes")

    monkeypatch.setattr(renaming, "put_texts", late)
    with pytest.raises(RuntimeError):
        rename(loaded, MODULE, FLIGHT, "fly", who="bob")
    assert snapshot(loaded) == before
    assert loaded.store.schema(MODULE) == schema
    assert [h.kind for h in loaded.store.history(MODULE, "f00")] == []


def test_a_schema_that_was_changed_meanwhile_is_never_overwritten(loaded: Workspace) -> None:
    seen = loaded.store.schema(MODULE).hash
    save_schema(loaded, MODULE, json.dumps({**SCHEMA, "description": "new"}), who="ann")
    with pytest.raises(ConflictError, match="ann saved another schema"):
        rename(loaded, MODULE, FLIGHT, "fly", who="bob", expected=seen)
    assert loaded.store.schema(MODULE).description == "new"
    assert loaded.store.schema(MODULE).function("fly") is None


def test_a_recognizer_takes_its_slots_along(loaded: Workspace) -> None:
    plan = rename(loaded, MODULE, Target("city", recognizer=True), "town", who="bob").plan
    assert plan.slots == ("book_hotel.city",)
    schema = loaded.store.schema(MODULE)
    assert schema.recognizer("town") is not None
    hotel = schema.function("book_hotel")
    assert hotel is not None
    assert (hotel.slots[0].name, hotel.slots[0].recognizer) == ("city", "town")
    assert len(versions(loaded, MODULE)) == 2


def test_a_target_is_what_the_schema_has(loaded: Workspace) -> None:
    schema = loaded.store.schema(MODULE)
    assert target(schema, "book_flight") == FLIGHT
    assert target(schema, "book_flight.origin") == target(schema, "origin", of="book_flight")
    with pytest.raises(InputError, match="no function of that name"):
        target(schema, "nope")
    with pytest.raises(InputError, match="no slot of that name"):
        target(schema, "book_flight.nope")


def test_what_comes_back_from_the_trash_has_the_new_names(loaded: Workspace) -> None:
    trash.delete(loaded, MODULE, ["a00"], who="ann")
    rename(loaded, MODULE, ORIGIN, "from_city", who="bob")
    trash.restore(loaded, MODULE, ["a00"], who="ann")
    back = loaded.store.exemplar(MODULE, "a00")
    assert set(back.exemplar.arguments) == {"from_city", "destination"}
    assert all("<from_city>" in r["template"] for r in back.readings)


def test_an_import_taken_back_after_a_rename_gives_the_new_names(
    loaded: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    changed = [{**r, "split": "test"} if r["id"] == "a00" else r for r in ROWS]
    number = import_file(loaded, "jsonl", write_jsonl(changed), module=MODULE, who="ann").number
    rename(loaded, MODULE, ORIGIN, "from_city", who="bob")
    undo(loaded, number, who="ann")
    back = loaded.store.exemplar(MODULE, "a00").exemplar
    assert (back.split, set(back.arguments)) == ("train", {"from_city", "destination"})


def columns(space: Workspace, id: str) -> tuple[str, str]:
    with space.store.reading() as connection:
        found = connection.execute(
            text("select function, slots from exemplar where id = :id"), {"id": id}
        ).one()
    return str(found.function), str(found.slots)


def test_what_comes_back_from_the_trash_has_the_new_names_in_its_columns(
    loaded: Workspace,
) -> None:
    trash.delete(loaded, MODULE, ["a00"], who="ann")
    rename(loaded, MODULE, ORIGIN, "start", who="bob")
    rename(loaded, MODULE, FLIGHT, "reserve_flight", who="bob")
    trash.restore(loaded, MODULE, ["a00"], who="ann")
    assert columns(loaded, "a00") == ("reserve_flight", "destination,start")
    found = loaded.store.exemplars(MODULE, functions=["reserve_flight"])
    assert "a00" in [i.exemplar.id for i in found]
    assert loaded.store.exemplars(MODULE, functions=["book_flight"]) == []


def test_an_import_that_is_done_again_has_the_new_names_in_its_columns(
    loaded: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    path = write_jsonl([{**ROWS[0], "id": "new"}], "new.jsonl")
    number = import_file(loaded, "jsonl", path, module=MODULE, who="ann").number
    undo(loaded, number, who="bob")
    rename(loaded, MODULE, FLIGHT, "reserve_flight", who="bob")
    redo(loaded, number, who="bob")
    assert columns(loaded, "new") == ("reserve_flight", "destination")
