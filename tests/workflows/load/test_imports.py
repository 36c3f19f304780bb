"""Taking an import back, and doing it again, on every database."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS, SCHEMA
from deciding import MORE, decide, reading
from sqlalchemy import text

from radu_core.errors import ConflictError, InputError, NotFoundError, StoreError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.formats import write
from radu_core.instructions import instruct
from radu_core.schema import parse_schema
from radu_core.store import changes, trash
from radu_core.workflows.coverage.judgements import judge, withdraw
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import ImportReport, import_file
from radu_core.workflows.load.imports import imports, redo, undo
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.schema.rename import Target, rename

Bring = Callable[..., ImportReport]

NEW = [
    {
        "id": f"new{n}",
        "utterance": f"fly to {city} at dawn",
        "function": "book_flight",
        "arguments": {"destination": city},
    }
    for n, city in enumerate(["Oslo", "Rome", "Bonn", "Lima"])
]
CHANGED = [
    {**ROWS[0], "utterance": "fly me to Turin please", "arguments": {"destination": "Turin"}}
]


@pytest.fixture
def bring(space: Workspace, write_jsonl: Callable[..., Path]) -> Bring:
    """Import rows, and align them."""

    def work(rows: list[dict[str, Any]], name: str = "more.jsonl") -> ImportReport:
        path = write_jsonl(rows, name)
        report = import_file(space, "jsonl", path, module=MODULE, who="ann")
        resolve(space, MODULE, who="ann")
        return report

    return work


def state(space: Workspace) -> dict[str, Any]:
    """All but the revisions and times, and what searches and imports compare."""
    with space.store.reading() as connection:
        found = connection.execute(text("select id, text from exemplar_text"))
        texts = {row.id: row.text for row in found}
        rows = connection.execute(text("select id, imported, decided from exemplar"))
        columns = {row.id: (row.imported, row.decided) for row in rows}
    return {
        i.exemplar.id: (
            i.exemplar,
            i.readings,
            i.flag,
            i.details,
            i.queue,
            texts[i.exemplar.id],
            columns[i.exemplar.id],
        )
        for i in space.store.exemplars(MODULE)
    }


def test_what_it_added_goes_and_what_it_changed_returns(space: Workspace, bring: Bring) -> None:
    before = state(space)
    report = bring([*CHANGED, *NEW, ROWS[1]])
    assert (report.added, report.changed, report.unchanged) == (4, 1, 1)
    after = state(space)
    shown = undo(space, report.number, who="bob", dry_run=True)
    assert state(space) == after
    done = undo(space, report.number, who="bob")
    assert (shown.removed, shown.returned, shown.kept) == (4, 1, ())
    assert (done.removed, done.returned, done.kept, done.gone) == (4, 1, (), 0)
    assert state(space) == before
    kinds = [(e.who, e.kind, e.note) for e in space.store.history(MODULE, ROWS[0]["id"])]
    assert kinds == [
        ("ann", "imported", f"import {report.number}"),
        ("bob", "imported", f"import {report.number} was taken back"),
    ]
    assert [e.kind for e in space.store.history(MODULE, "new0")] == ["trashed"]
    record = imports(space, MODULE)[0]
    assert (record.undone, record.moved_by, record.source) == (True, "bob", "more.jsonl")
    assert record.details["added"] == 4
    again = redo(space, report.number, who="eve")
    assert (again.removed, again.returned) == (4, 1)
    assert state(space) == after
    assert imports(space, MODULE)[0].undone is False
    undo(space, report.number, who="bob")
    assert state(space) == before
    fresh = bring([*CHANGED, *NEW])
    assert (fresh.added, fresh.changed, fresh.kept) == (4, 1, 0)
    assert state(space) == after


def test_what_people_have_worked_on_since_stays(space: Workspace, bring: Bring) -> None:
    number = bring([*NEW, {**MORE[0], "id": "m0"}, {**MORE[1], "id": "m1"}]).number
    decide(space, "decide", "m0", **reading(space, "m0"))
    decide(space, "comment", "new0", text="really?")
    decide(space, "decide", "m1", who="eve", **reading(space, "m1"))
    decide(space, "undo", "m1", who="eve")  # as if nothing had been decided
    judge(space, MODULE, "new1", "f00", "different", who="joe")
    judge(space, MODULE, "new2", "f00", "same", who="joe")
    withdraw(space, MODULE, "new2", "f00", who="joe")
    space.store.flag(MODULE, {"new3": "Coverage: look"}, who="joe")
    done = undo(space, number, who="bob")
    assert (done.removed, done.returned) == (3, 0)
    assert {k.id: k.why for k in done.kept} == {
        "m0": "decided by ann since (placed)",
        "new0": "commented on by ann since",
        "new1": "judged by joe since (a pair with another exemplar)",
    }
    assert sum(done.reasons.values()) == 3
    left = {i.exemplar.id for i in space.store.exemplars(MODULE)}
    assert {"m0", "new0", "new1"} <= left
    assert not {"m1", "new2", "new3"} & left
    with pytest.raises(ConflictError, match="undone already: by bob") as error:
        undo(space, number, who="bob")
    assert "3 still stay" not in str(error.value)  # each has its own reason
    decide(space, "undo", "m0")
    more = undo(space, number, who="bob")
    assert (more.removed, len(more.kept)) == (1, 2)


def test_opinions_keep_what_they_are_about_and_come_back_with_it(
    space: Workspace, bring: Bring
) -> None:
    space.store.change_settings(MODULE, {"annotators": 2}, who="ann")
    number = bring([{**MORE[0], "id": "m0"}]).number
    before = state(space)
    decide(space, "decide", "m0", **reading(space, "m0"))
    [kept] = undo(space, number, who="bob").kept
    assert kept.why == "ann gave an opinion since"
    with space.store.writing(MODULE, who="bob") as w:
        assert trash.put(w, ["m0", "nobody"], note="") == ["m0"]
    with space.store.writing(MODULE, who="bob") as w:
        numbers = trash.newest_numbers(w.connection, MODULE, ["m0"])
        assert trash.bring_back(w, list(numbers.values())) == []
    assert state(space) == before
    decide(space, "undo", "m0")
    assert undo(space, number, who="bob").removed == 1


def test_a_later_import_keeps_what_it_has_changed(space: Workspace, bring: Bring) -> None:
    before = state(space)
    first = bring(NEW).number
    second = bring([{**NEW[0], "utterance": "fly to Oslo at noon"}]).number
    done = undo(space, first, who="bob")
    assert [(k.id, k.why) for k in done.kept] == [("new0", f"changed by import {second} since")]
    undo(space, second, who="bob")
    assert space.store.exemplar(MODULE, "new0").exemplar.utterance == "fly to Oslo at dawn"
    assert undo(space, first, who="bob").removed == 1
    assert state(space) == before


def test_an_id_that_is_in_use_again_keeps_the_old_one_in_the_trash(
    space: Workspace, bring: Bring
) -> None:
    first = bring(NEW).number
    undo(space, first, who="bob")
    bring([{**NEW[0], "utterance": "take me to Oslo"}], "again.jsonl")
    done = redo(space, first, who="bob")
    assert (done.removed, [(k.id, k.why) for k in done.kept]) == (
        3,
        [("new0", "its id is in use again")],
    )
    assert space.store.exemplar(MODULE, "new0").exemplar.utterance == "take me to Oslo"
    assert imports(space, MODULE)[1].undone is True  # a part of it still is
    with space.store.reading() as connection:
        assert [t.exemplar.id for t in trash.list_trash(connection, MODULE, limit=9)] == ["new0"]


def test_what_a_person_decided_before_stays_and_so_does_what_the_file_said(
    space: Workspace, bring: Bring
) -> None:
    decide(space, "decide", "a00", **reading(space, "a00"))
    resolve(space, MODULE, who="ann")  # the others learn from it
    before = state(space)
    row = {"id": "a00", "utterance": "another text", "function": None}
    report = bring([row])
    assert (report.kept, report.changed) == (1, 0)
    assert state(space) != before  # the row of the file is remembered
    [*_, event] = space.store.history(MODULE, "a00")
    assert (event.kind, event.before) == ("not imported", None)
    assert undo(space, report.number, who="bob").returned == 0
    assert state(space) == before
    assert bring([row]).kept == 1


def test_a_split_made_since_survives_an_undo_and_a_changed_row(
    space: Workspace, bring: Bring
) -> None:
    from radu_core.store import imports as batches
    from radu_core.store import splits
    from radu_core.store.records import NewBatch

    number = bring(CHANGED).number
    item = space.store.exemplar(MODULE, "f00")
    with space.store.writing(MODULE, who="ann") as w:
        batch = batches.begin(w, NewBatch("split", "", 1, 1, kind="split"))
        assert splits.assign(w, batch, {"f00": (item.revision, "test")}) == []
    undo(space, number, who="bob")
    back = space.store.exemplar(MODULE, "f00").exemplar
    assert (back.utterance, back.split) == (ROWS[0]["utterance"], "test")
    bring(CHANGED)
    assert space.store.exemplar(MODULE, "f00").exemplar.split == "test"
    bring([{**CHANGED[0], "split": "validation"}])
    assert space.store.exemplar(MODULE, "f00").exemplar.split == "validation"
    [kept] = undo(space, batch, who="bob").kept
    assert kept.why == "its split was changed since"


def test_plain_answers(space: Workspace, bring: Bring) -> None:
    number = bring(NEW).number
    for wrong in (number + 1, 0, -1, 10**12):
        with pytest.raises(NotFoundError, match="no import of that number"):
            undo(space, wrong, who="bob")
    space.store.put_schema(parse_schema({**SCHEMA, "module": "x_y_en"}), who="a")
    with pytest.raises(InputError, match=f"one of {MODULE}, not of x_y_en"):
        undo(space, number, module="x_y_en", who="bob")
    with pytest.raises(InputError, match="can't be redone"):
        redo(space, number, who="bob")
    undo(space, number, module=MODULE, who="bob")
    with pytest.raises(ConflictError, match="undone already: by bob, 2026-03-01"):
        undo(space, number, who="eve")
    refused = bring([{"id": "x"}])
    assert refused.stored is False
    with pytest.raises(InputError, match="stored nothing"):
        undo(space, refused.number, who="eve")
    with space.store.writing(MODULE, who="a") as w:
        w.connection.execute(text("update import set details = null"))
    with pytest.raises(InputError, match="didn't remember"):
        undo(space, number, who="eve")


def test_a_schema_goes_back_unless_it_is_needed(space: Workspace, tmp_path: Path) -> None:
    old = space.store.schema(MODULE)
    functions = [*SCHEMA["functions"], {"name": "sing", "description": "Sing a song."}]
    theirs = parse_schema({**SCHEMA, "functions": functions})
    write("openai", tmp_path / "t.json", schema=theirs, exemplars=[])
    report = import_file(
        space, "openai", tmp_path / "t.json", module=MODULE, who="ann", replace_schema=True
    )
    new = space.store.schema(MODULE)
    assert report.schema_changed
    assert undo(space, report.number, who="bob", dry_run=True).schema_returned
    assert space.store.schema(MODULE) == new
    done = undo(space, report.number, who="bob")
    assert (done.schema_returned, space.store.schema(MODULE)) == (True, old)
    assert redo(space, report.number, who="bob").schema_returned
    assert space.store.schema(MODULE) == new
    path = tmp_path / "song.jsonl"
    path.write_text('{"id": "song", "utterance": "sing", "function": "sing"}\n')
    import_file(space, "jsonl", path, module=MODULE, who="ann")
    done = undo(space, report.number, who="bob")
    assert (done.schema_returned, space.store.schema(MODULE)) == (False, new)
    assert "1 exemplar that would remain needs it (song)" in done.schema


def test_doing_again_is_all_or_nothing(
    space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = [*SCHEMA["functions"], {"name": "sing", "description": "Sing a song."}]
    theirs = parse_schema({**SCHEMA, "functions": functions})
    song = AnnotatedExemplar(id="song", utterance="sing", function="sing")
    write("sgd", tmp_path / "sgd", schema=theirs, exemplars=[song])
    number = import_file(
        space, "sgd", tmp_path / "sgd", module=MODULE, who="ann", replace_schema=True
    ).number
    resolve(space, MODULE, who="ann")
    after = state(space), space.store.schema(MODULE)
    undo(space, number, who="bob")
    before = state(space), space.store.schema(MODULE)

    def fail(*_: object, **__: object) -> bool:
        raise StoreError("The disk is full", remedy="Free some space.")

    with monkeypatch.context() as patched:
        patched.setattr(changes, "put_schema", fail)
        with pytest.raises(StoreError, match="The disk is full"):
            redo(space, number, who="eve")
    assert (state(space), space.store.schema(MODULE)) == before
    assert imports(space, MODULE)[0].undone is True
    assert space.store.history(MODULE, "song")[-1].kind == "trashed"
    shown = redo(space, number, who="eve", dry_run=True)
    assert (state(space), space.store.schema(MODULE)) == before
    done = redo(space, number, who="eve")
    assert (shown.removed, shown.schema_returned) == (done.removed, done.schema_returned)
    assert (done.removed, done.schema_returned) == (1, True)
    assert (state(space), space.store.schema(MODULE)) == after


def test_a_module_that_came_with_an_import_stays(workspace: Workspace, tmp_path: Path) -> None:
    write("openai", tmp_path / "t.json", schema=parse_schema(SCHEMA), exemplars=[])
    report = import_file(workspace, "openai", tmp_path / "t.json", module=MODULE, who="ann")
    done = undo(workspace, report.number, who="bob")
    assert instruct("delete module", MODULE) in done.schema
    assert workspace.store.modules() == [MODULE]


def test_what_a_file_said_of_a_kept_exemplar_has_the_names_of_now(
    space: Workspace, bring: Bring
) -> None:
    decide(space, "decide", "a00", **reading(space, "a00"))
    row = next(r for r in ROWS if r["id"] == "a00")
    report = bring([{**row, "utterance": "another text to Rome", "arguments": {}}])
    rename(space, MODULE, Target("book_flight"), "reserve_flight", who="bob")
    undo(space, report.number, who="bob")
    with space.store.reading() as connection:
        imported = connection.scalar(text("select imported from exemplar where id = 'a00'"))
    assert json.loads(imported)["function"] == "reserve_flight"
    again = bring([{**row, "function": "reserve_flight"}])
    assert (again.unchanged, again.kept) == (1, 0)
