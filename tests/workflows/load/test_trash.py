"""Deleting exemplars and modules, bringing them back, and deleting them for good."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS, SCHEMA
from deciding import Tab, decide, reading
from sqlalchemy import inspect, text

from radu_core.errors import ConflictError, InputError, NotFoundError
from radu_core.schema import parse_schema
from radu_core.store.engine import reading as read
from radu_core.store.tables import metadata
from radu_core.workflows.coverage.judgements import judge
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.load import trash
from radu_core.workflows.load.deletion_notes import note_of
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.imports import redo, undo

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SECRET = "from Oslo, lovely Oslo, to Rome"  # what a00 says


def rows_with(space: Workspace, words: str) -> set[str]:
    """The tables in which some words stand, in whichever column."""
    found = set()
    with read(space.store._engine) as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.execute(text(f'select * from "{table}"')):
                if any(words.lower() in str(value).lower() for value in row):
                    found.add(table)
    return found


def database_files(space: Workspace) -> list[Path]:
    """The files that a database keeps its tables in, as they are on the disk."""
    engine = space.store._engine
    if engine.dialect.name == "sqlite":
        path = Path(str(engine.url.database))
        return sorted(path.parent.glob(f"{path.name}*"))
    raw = engine.raw_connection()
    raw.driver_connection.autocommit = True  # type: ignore[union-attr]
    cursor = raw.cursor()
    cursor.execute("CHECKPOINT")
    cursor.execute("SELECT pg_relation_filepath(c.oid) FROM pg_class c WHERE relkind IN ('r', 't')")
    data = Path(str(engine.url.query["host"])) / "data"
    found = [data / row[0] for row in cursor.fetchall() if row[0]]
    raw.invalidate()
    return [path for path in found if path.is_file()]


def files_with(files: Iterable[Path], words: str) -> list[str]:
    return [p.name for p in files if p.is_file() and words.encode() in p.read_bytes()]


def worked_on(space: Workspace, write_jsonl: Callable[..., Path]) -> None:
    """Whatever a database can know of a00."""
    decide(space, "comment", "a00", text=f"why does it say “{SECRET}”?")
    decide(space, "decide", "a00", **reading(space, "a00"))
    Tab(space, "eve").do("decide", "a00", 1)  # refused, and remembered with its answer
    decide(space, "comment", "f00", text=f"like {SECRET}")
    judge(space, MODULE, "a00", "f00", "same", who="joe")
    space.store.flag(MODULE, {"f01": f"Overlap: near {SECRET}"}, who="joe")
    bad = [{"id": "bad", "utterance": SECRET, "function": SECRET}]
    import_file(space, "jsonl", write_jsonl(bad, "bad.jsonl"), module=MODULE, who="t")
    changed = {**ROWS[-2], "utterance": SECRET + "!"}
    import_file(space, "jsonl", write_jsonl([changed], "c.jsonl"), module=MODULE, who="t")


def test_what_is_deleted_is_found_nowhere_and_comes_back_whole(space: Workspace) -> None:
    space.store.change_settings(MODULE, {"annotators": 2}, who="ann")
    decide(space, "decide", "a00", **reading(space, "a00"))
    before = space.store.exemplar(MODULE, "a00")
    tab = Tab(space, "bob")
    assert "a00" in tab.ids(9)
    counts = space.store.counts(MODULE)
    done = trash.delete(space, MODULE, ["a00", "nobody"], who="eve")
    assert done.ids == ("a00",)
    assert sum(space.store.counts(MODULE).values()) == sum(counts.values()) - 1
    assert space.store.search(MODULE, "lovely Oslo") == []
    assert rows_with(space, "lovely oslo") == {"trash", "event"}
    ack = tab.do("discard", "a00", before.revision, reason="x")
    assert (ack["status"], "no exemplar of that id" in ack["message"]) == ("refused", True)
    [thrown] = trash.list_trash(space, MODULE).items
    assert (thrown.exemplar, thrown.who, thrown.note) == (before.exemplar, "eve", "deleted")
    assert trash.restore(space, MODULE, ["a00"], who="eve") == ["a00"]
    after = space.store.exemplar(MODULE, "a00")
    assert (after.exemplar, after.readings, after.details, after.queue) == (
        before.exemplar,
        before.readings,
        before.details,
        before.queue,
    )
    assert space.store.counts(MODULE) == counts
    assert [i.exemplar.id for i in space.store.search(MODULE, "lovely Oslo")] == ["a00"]
    kinds = [(e.who, e.kind) for e in space.store.history(MODULE, "a00")]
    assert kinds == [("ann", "opinion"), ("eve", "trashed"), ("eve", "brought back")]
    decide(space, "decide", "a00", who="joe", **reading(space, "a00"))  # the first opinion counts
    assert space.store.exemplar(MODULE, "a00").exemplar.outcome == "resolved"
    assert trash.list_trash(space, MODULE).total == 0


def test_what_is_deleted_for_good_leaves_nothing(
    space: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    worked_on(space, write_jsonl)
    assert rows_with(space, "lovely oslo") == {
        "event",
        "exemplar",
        "exemplar_text",
        "import",
        "import_row",
    }
    trash.delete(space, MODULE, ["a00"], who="eve")
    erased = trash.empty(space, MODULE, ["a00"], who="eve", now=NOW)
    assert (erased.exemplars, erased.holders, erased.left_in_database) == (1, (), "")
    assert rows_with(space, "lovely oslo") == set()
    assert files_with(database_files(space), "lovely Oslo") == []
    assert files_with(database_files(space), "lovely Lund") != []
    assert space.store.history(MODULE, "a00") == []
    with pytest.raises(NotFoundError):
        trash.restore(space, MODULE, ["a00"], who="eve")
    [rejection] = space.store.imports(MODULE)[1].rejections
    assert rejection["value"] == "(deleted)"
    decide(space, "comment", "f02", text="later")  # its number is new
    assert [e.note for e in space.store.history(MODULE, "f02")] == ["later"]
    assert undo(space, space.store.imports(MODULE)[2].id, who="bob").kept != ()


def test_deleting_nothing_for_good_leaves_the_trash_alone(space: Workspace) -> None:
    trash.delete(space, MODULE, ["h00", "h01"], who="eve")
    counts = space.store.counts(MODULE)
    assert trash.empty(space, MODULE, (), who="bob", now=NOW).exemplars == 0
    gone = trash.delete_for_good(space, MODULE, ["h00", "nobody"], who="bob", now=NOW)
    assert (gone.exemplars, gone.sentences[0]) == (
        0,
        f"There was no exemplar of {MODULE} to delete.",
    )
    assert trash.list_trash(space, MODULE).ids == ("h00", "h01")
    done = trash.delete_for_good(space, MODULE, ["h02"], who="bob", now=NOW)
    assert (done.exemplars, trash.list_trash(space, MODULE).ids) == (1, ("h00", "h01"))
    assert rows_with(space, "suite in Paris") == set()
    assert sum(space.store.counts(MODULE).values()) == sum(counts.values()) - 1
    assert trash.empty(space, MODULE, who="bob", now=NOW).exemplars == 2


def test_text_that_was_decided_on_long_ago_is_in_no_file(tmp_path: Path, schema: Any) -> None:
    from deciding import fill

    rows = [
        {"id": f"{n:04}", "utterance": f"my secret number {n * 7919} is here", "function": None}
        for n in range(2_000)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    space = Workspace(tmp_path / "home")
    fill(space, schema, path)
    ids = [r["id"] for r in rows[:1_500]]
    trash.delete(space, MODULE, ids, who="eve")
    files = [p for p in space.home.rglob("*") if "models" not in p.parts]
    assert files_with(files, "my secret number 7919 is")
    erased = trash.empty(space, MODULE, who="eve", now=NOW)
    assert (erased.exemplars, erased.left_in_database) == (1_500, "")
    for n in (0, 1, 700, 1_499):
        assert files_with(space.home.rglob("*"), f"number {n * 7919} is") == []
    assert files_with(space.home.rglob("*"), f"number {1_500 * 7919} is")
    space.store.close()


def test_an_id_in_use_again_loses_only_what_lies_in_the_trash(
    space: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    trash.delete(space, MODULE, ["f00"], who="eve")
    again = write_jsonl([{**ROWS[0], "utterance": "fly to Oslo again"}], "again.jsonl")
    assert import_file(space, "jsonl", again, module=MODULE, who="t").added == 1
    with pytest.raises(ConflictError, match="an exemplar of that id again"):
        trash.restore(space, MODULE, ["f00"], who="eve")
    trash.empty(space, MODULE, who="eve", now=NOW)
    assert space.store.exemplar(MODULE, "f00").exemplar.utterance == "fly to Oslo again"
    assert rows_with(space, "fly me to Oslo") == set()
    assert trash.list_trash(space, MODULE).total == 0


def test_the_trash_of_an_undone_import_can_be_emptied(space: Workspace) -> None:
    [record] = space.store.imports(MODULE)
    undo(space, record.id, who="bob")
    assert trash.empty(space, MODULE, who="bob", now=NOW).exemplars == record.accepted
    assert redo(space, record.id, who="bob").removed == 0
    assert space.store.counts(MODULE) == {}


def test_same_text_elsewhere_is_said(space: Workspace, write_jsonl: Callable[..., Path]) -> None:
    twin = write_jsonl([{**ROWS[-2], "id": "twin"}], "twin.jsonl")
    import_file(space, "jsonl", twin, module=MODULE, who="t")
    trash.delete(space, MODULE, ["a00"], who="eve")
    erased = trash.empty(space, MODULE, who="eve", now=NOW)
    assert erased.same_text == ((MODULE, "twin"),)
    assert "twin of acme_travel_en" in " ".join(erased.sentences)


def test_datasets_and_runs_that_hold_it_are_named_and_marked(space: Workspace) -> None:
    dataset = space.datasets / "mine" / MODULE
    run = space.runs / "r1"
    (run / "serving" / "index").mkdir(parents=True)
    dataset.mkdir(parents=True)
    row = {"module": MODULE, "exemplar_id": "f01", "exemplar_ids": ["f00", "h00"]}
    (dataset / "train.jsonl").write_text(json.dumps(row) + "\nnot json\n")
    (dataset / "manifest.json").write_text('{"module": "acme_travel_en", "n": 1}')
    (run / "serving" / "manifest.json").write_text('{"n": 1, "module": "acme_travel_en"}')
    (run / "serving" / "index" / "exemplars.json").write_text('[{"id": "f02"}]')
    trash.delete(space, MODULE, ["f00", "f02"], who="eve")
    erased = trash.empty(space, MODULE, ["f00"], who="eve", now=NOW)
    found = [(h.kind, h.name, h.exemplars) for h in erased.holders]
    assert found == [("dataset", f"mine/{MODULE}", 1), ("run", "r1", 1)]
    assert str(dataset) in " ".join(erased.sentences)
    assert note_of(dataset) == "it holds rows of 1 exemplar deleted for good on 2026-03-02"
    [holder] = trash.empty(space, MODULE, ["f02"], who="eve", now=NOW).holders
    assert (holder.kind, holder.exemplars) == ("run", 1)
    assert "2 exemplars" in note_of(run)


def test_index_and_embeddings_go_with_the_text(loaded: Workspace) -> None:
    index, cache = loaded.index(MODULE), loaded.home / "cache" / "embeddings"
    for directory in (index, cache):
        directory.mkdir(parents=True)
        (directory / "x.sqlite").write_text("fly me to Oslo")
    trash.delete(loaded, MODULE, ["f00"], who="eve")
    trash.empty(loaded, MODULE, who="eve", now=NOW)
    assert (index.exists(), list(cache.iterdir())) == (False, [])


def test_exemplars_are_chosen_by_id_tag_or_words(
    space: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    tagged = [{**ROWS[n], "id": f"t{n}", "tags": ["junk"]} for n in (0, 6)]
    import_file(space, "jsonl", write_jsonl(tagged, "t.jsonl"), module=MODULE, who="t")
    assert trash.choose(space, MODULE, tag="junk") == ["t0", "t6"]
    assert trash.choose(space, MODULE, search="HOTEL room") == ["h00", "t6"]
    assert trash.choose(space, MODULE, search="hotel", tag="junk") == ["t6"]
    assert trash.choose(space, MODULE, ids=["f01", "f00", "f01"]) == ["f01", "f00"]
    with pytest.raises(NotFoundError, match="nope"):
        trash.choose(space, MODULE, ids=["f00", "nope"])
    with pytest.raises(InputError, match="No exemplars were chosen"):
        trash.choose(space, MODULE, search="  ")
    with pytest.raises(InputError, match="can't be combined"):
        trash.choose(space, MODULE, ids=["f00"], tag="junk")


def test_a_module_in_the_trash_is_nowhere_until_it_is_back(space: Workspace) -> None:
    before = [i.exemplar for i in space.store.exemplars(MODULE)]
    trash.delete_module(space, MODULE, who="eve")
    assert (space.store.modules(), funnels(space)) == ([], [])
    for work in (
        lambda: space.store.schema(MODULE),
        lambda: trash.delete_module(space, MODULE, who="eve"),
        lambda: undo(space, 1, who="eve"),
    ):
        with pytest.raises(NotFoundError, match="in the trash"):
            work()
    with pytest.raises(ConflictError, match="is in the trash"):
        space.store.put_schema(parse_schema(SCHEMA), who="eve", expected="")
    [(name, (_, who))] = trash.modules_in_trash(space).items()
    assert (name, who) == (MODULE, "eve")
    trash.restore_module(space, MODULE, who="eve")
    assert [i.exemplar for i in space.store.exemplars(MODULE)] == before
    with pytest.raises(NotFoundError, match="The trash holds no module"):
        trash.restore_module(space, MODULE, who="eve")


def test_a_module_deleted_for_good_leaves_nothing_and_can_be_made_again(
    space: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    worked_on(space, write_jsonl)
    space.store.put_template(MODULE, "rag", "words of mine", who="ann")
    space.store.put_schema(parse_schema({**SCHEMA, "module": "x_y_en"}), who="a")
    with pytest.raises(NotFoundError, match="No such module in the trash"):
        trash.erase_module(space, MODULE, who="eve", now=NOW)
    trash.delete_module(space, MODULE, who="eve")
    total = len(space.store.exemplars(MODULE))
    erased = trash.erase_module(space, MODULE, who="eve", now=NOW)
    assert (erased.exemplars, erased.left_in_database) == (total, "")
    assert rows_with(space, MODULE) == {"event"}  # that it was deleted, and by whom
    assert rows_with(space, "oslo") == set()
    assert files_with(database_files(space), "lovely Oslo") == []
    assert space.store.modules() == ["x_y_en"]
    space.store.put_schema(parse_schema(SCHEMA), who="a")
    assert space.store.exemplars(MODULE) == []
    assert [v.number for v in space.store.schema_versions(MODULE)] == [1]


def test_every_table_that_names_an_exemplar_is_known_to_erase() -> None:
    """A new one has to be thought of: it may hold what must be deleted."""
    from radu_core.store import erasing

    known = {table.name for table, _ in erasing._OF_EXEMPLARS} | {"judgement"}
    named = {
        t.name
        for t in metadata.sorted_tables
        if {"exemplar", "first"} & set(t.c.keys()) or t.name in ("exemplar", "exemplar_text")
    }
    assert named == known
    of_modules = {t.name for t in erasing._OF_MODULES} | {"module"}
    assert of_modules == {t.name for t in metadata.sorted_tables}
