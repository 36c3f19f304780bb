"""The store: transactions, conflicts, re-imports, locks, backups."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from conftest import MODULE
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from radu_core.errors import (
    ConflictError,
    DiskFullError,
    NotFoundError,
    StoreError,
    StoreLockedError,
)
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema, parse_schema
from radu_core.store import AlignmentRecord, Store, engine

Make = Callable[..., AnnotatedExemplar]


@pytest.fixture
def store(url: str, schema: Schema) -> Iterator[Store]:
    with Store.open(url, busy_seconds=0.2) as opened:
        opened.put_schema(schema, who="test")
        yield opened


def record(id: str, revision: int, outcome: Any = "resolved") -> AlignmentRecord:
    return AlignmentRecord(
        id, revision, outcome, "unique" if outcome == "resolved" else None, "why", (), "t", (), ()
    )


def test_the_newest_revision_is_alembics_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    assert engine.newest_revision() == ScriptDirectory.from_config(config).get_current_head()


def test_a_database_of_a_newer_studio_is_left_alone(store: Store, url: str) -> None:
    with engine.writing(store._engine) as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StoreError, match="newer version"):
        Store.open(url)


def test_a_schema_is_versioned_by_events(store: Store, schema: Schema) -> None:
    assert store.put_schema(schema, who="a") is False
    changed = schema.model_copy(update={"description": "new"})
    assert store.put_schema(changed, who="a") is True
    assert store.schema(MODULE).description == "new"
    versions = store.schema_versions(MODULE)
    assert [(v.number, v.who, v.schema) for v in versions] == [
        (1, "test", schema),
        (2, "a", changed),
    ]
    with pytest.raises(NotFoundError, match=MODULE):
        store.schema("no_such_en")


def test_importing_again_changes_nothing_and_keeps_decisions(
    store: Store, make_exemplar: Make
) -> None:
    one, two = make_exemplar("fly", id="1"), make_exemplar("go", id="2")
    counts = store.put_exemplars(MODULE, [one, two], who="a", source="f")
    assert (counts.added, counts.unchanged) == (2, 0)
    decided = one.model_copy(update={"outcome": "resolved", "resolved_by": "annotator"})
    store.decide(MODULE, decided, who="ann", kind="placed", expected_revision=1)
    counts = store.put_exemplars(MODULE, [one, two], who="a", source="f")
    assert (counts.added, counts.changed, counts.unchanged) == (0, 0, 2)
    newer = [
        one.model_copy(update={"utterance": "flies"}),
        two.model_copy(update={"utterance": "goes"}),
    ]
    counts = store.put_exemplars(MODULE, newer, who="a", source="f")
    assert (counts.changed, counts.kept) == (1, 1)
    assert store.exemplar(MODULE, "1").exemplar.utterance == "fly"
    assert store.exemplar(MODULE, "2").exemplar.utterance == "goes"


def test_an_import_that_changed_nothing_is_no_change_in_the_history(
    store: Store, make_exemplar: Make
) -> None:
    one = make_exemplar("fly", id="1")
    store.put_exemplars(MODULE, [one], who="a", source="f")
    decided = one.model_copy(update={"outcome": "resolved", "resolved_by": "annotator"})
    store.decide(MODULE, decided, who="ann", kind="placed", expected_revision=1)
    newer = one.model_copy(update={"utterance": "flies"})
    assert store.put_exemplars(MODULE, [newer], who="a", source="f").kept == 1
    assert store.put_exemplars(MODULE, [newer], who="a", source="f").unchanged == 1
    placed, tried = store.history(MODULE, "1")
    assert (placed.kind, placed.after) == ("placed", decided)
    assert (tried.kind, tried.before, tried.after) == ("not imported", None, newer)
    assert store.exemplar(MODULE, "1").revision == 2
    with pytest.raises(NotFoundError, match="no state before that event"):
        store.restore(MODULE, "1", tried.id, who="ann", expected_revision=2)
    # A file that says what the person decided has nothing to tell.
    counts = store.put_exemplars(MODULE, [decided], who="a", source="f")
    assert (counts.unchanged, counts.kept, len(store.history(MODULE, "1"))) == (1, 0, 2)
    # What an import does change is told.
    two = make_exemplar("go", id="2")
    store.put_exemplars(MODULE, [two], who="a", source="f")
    changed = two.model_copy(update={"function": None})
    assert store.put_exemplars(MODULE, [changed], who="a", source="f").changed == 1
    [event] = store.history(MODULE, "2")
    assert (event.kind, event.before, event.after) == ("imported", two, changed)


def test_an_import_is_one_transaction(store: Store, make_exemplar: Make) -> None:
    def rows() -> Iterator[AnnotatedExemplar]:
        yield make_exemplar("fly", id="1")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.put_exemplars(MODULE, rows(), who="a", source="f")
    assert store.exemplars(MODULE) == []


def test_the_second_of_two_decisions_is_a_conflict(store: Store, make_exemplar: Make) -> None:
    row = make_exemplar("fly", id="1")
    store.put_exemplars(MODULE, [row], who="a", source="f")
    first = row.model_copy(update={"outcome": "invalid", "reason": "first"})
    store.decide(MODULE, first, who="ann", kind="discarded", expected_revision=1)
    second = row.model_copy(update={"reason": "second"})
    with pytest.raises(ConflictError, match="was changed in the meantime"):
        store.decide(MODULE, second, who="bob", kind="placed", expected_revision=1)
    assert store.exemplar(MODULE, "1").exemplar.reason == "first"


def test_alignment_never_overwrites_a_person_or_a_newer_revision(
    store: Store, make_exemplar: Make
) -> None:
    rows = [make_exemplar("fly", id=i) for i in "123"]
    store.put_exemplars(MODULE, rows, who="a", source="f")
    mine = rows[0].model_copy(update={"outcome": "resolved", "resolved_by": "annotator"})
    store.decide(MODULE, mine, who="ann", kind="placed", expected_revision=1)
    changed = store.set_alignments(
        MODULE, [record("1", 2), record("2", 7), record("3", 1)], who="r"
    )
    assert changed == 1
    assert [i.exemplar.resolved_by for i in store.exemplars(MODULE)] == [
        "annotator",
        None,
        "unique",
    ]
    assert store.set_alignments(MODULE, [record("3", 2)], who="r") == 0


def test_every_decision_can_be_taken_back(store: Store, make_exemplar: Make) -> None:
    row = make_exemplar("fly", id="1")
    store.put_exemplars(MODULE, [row], who="a", source="f")
    gone = row.model_copy(update={"outcome": "invalid"})
    store.decide(MODULE, gone, who="ann", kind="discarded", expected_revision=1)
    event = store.history(MODULE, "1")[-1]
    assert (event.who, event.kind) == ("ann", "discarded")
    back = store.restore(MODULE, "1", event.id, who="ann", expected_revision=2)
    assert back.exemplar == row
    assert [e.kind for e in store.history(MODULE, "1")] == ["discarded", "restored"]


def test_taking_back_leaves_nothing_of_a_decision(store: Store, make_exemplar: Make) -> None:
    row = make_exemplar("fly", id="1")
    store.put_exemplars(MODULE, [row], who="a", source="f")
    readings = ({"template": "t", "score": 1.0, "spans": []},)
    aligned = AlignmentRecord("1", 1, "ambiguous", None, "why", None, None, (), readings)
    store.set_alignments(MODULE, [aligned], who="r")
    store.flag(MODULE, {"1": "wrong"}, who="e")
    before = store.exemplar(MODULE, "1")
    mine = row.model_copy(update={"arguments": {}, "outcome": "ambiguous", "reason": "mine"})
    store.decide(MODULE, mine, who="ann", kind="corrected", expected_revision=2)
    other = AlignmentRecord("1", 3, "ambiguous", None, "other", None, None, (), ())
    store.set_alignments(MODULE, [other], who="ann")
    event = store.history(MODULE, "1")[-1]
    back = store.restore(MODULE, "1", event.id, who="ann", expected_revision=4)
    assert (back.exemplar, back.readings, back.flag) == (before.exemplar, readings, "wrong")
    newer = row.model_copy(update={"utterance": "flies"})
    assert store.put_exemplars(MODULE, [newer], who="a", source="f").changed == 1


def test_an_event_of_an_older_studio_restores_the_labels(
    store: Store, make_exemplar: Make, url: str
) -> None:
    row = make_exemplar("fly", id="1")
    store.put_exemplars(MODULE, [row], who="a", source="f")
    gone = row.model_copy(update={"outcome": "invalid"})
    store.decide(MODULE, gone, who="ann", kind="discarded", expected_revision=1)
    older = text("update event set before = :before where kind = 'discarded'")
    with engine.writing(engine.make_engine(url, busy_seconds=1)) as connection:
        connection.execute(older, {"before": row.model_dump_json()})
    event = store.history(MODULE, "1")[-1]
    assert event.before == row
    back = store.restore(MODULE, "1", event.id, who="ann", expected_revision=2)
    assert back.exemplar == row


def test_flags_and_counts(store: Store, make_exemplar: Make) -> None:
    store.put_exemplars(MODULE, [make_exemplar("fly", id="1")], who="a", source="f")
    assert store.flag(MODULE, {"1": "wrong", "9": "?"}, who="e") == 1
    flagged = store.exemplar(MODULE, "1")
    assert flagged.flag == "wrong"
    store.decide(MODULE, flagged.exemplar, who="a", kind="kept", expected_revision=1)
    assert store.exemplar(MODULE, "1").flag is None
    assert store.counts(MODULE) == {("train", "new"): 1}


def test_what_waits_is_counted_by_queue(store: Store, make_exemplar: Make) -> None:
    done = [make_exemplar("fly", id=i, outcome="resolved") for i in "12"]
    rest = [make_exemplar("go", id="3"), make_exemplar("go", id="4", outcome="invalid")]
    store.put_exemplars(MODULE, [*done, *rest], who="a", source="f")
    store.flag(MODULE, {"2": "wrong"}, who="e", kind="suspected")
    store.set_alignments(MODULE, [record("3", 1, "ambiguous")], who="r")
    assert {q: n for q, n in store.waiting(MODULE).items() if n} == {
        "ambiguous": 1,
        "invalid": 1,
        "suspected": 1,
    }
    assert [i.queue for i in store.exemplars(MODULE)] == [None, "suspected", "ambiguous", "invalid"]


def test_a_locked_database_is_said_and_nothing_is_lost(
    store: Store, make_exemplar: Make, url: str
) -> None:
    with Store.open(url) as other, engine.writing(other._engine):
        with pytest.raises(StoreLockedError, match="locked by another process"):
            store.put_exemplars(MODULE, [make_exemplar("fly", id="1")], who="a", source="f")
        assert store.exemplars(MODULE) == []  # who only reads needn't wait
    assert store.put_exemplars(MODULE, [make_exemplar("fly")], who="a", source="f").added == 1


def test_of_many_decisions_at_once_one_is_taken(
    make_exemplar: Make, url: str, schema: Schema
) -> None:
    """Each in a store of its own, as in processes of their own."""
    row = make_exemplar("fly", id="1")
    with Store.open(url) as first:
        first.put_schema(schema, who="t")
        first.put_exemplars(MODULE, [row], who="a", source="f")

    def decide(number: int) -> bool:
        decided = row.model_copy(update={"reason": f"decision {number}"})
        with Store.open(url) as own:
            barrier.wait()
            try:
                own.decide(MODULE, decided, who=str(number), kind="placed", expected_revision=1)
            except ConflictError:
                return False
        return True

    barrier = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(decide, range(4))) == [False, False, False, True]
    with Store.open(url) as last:
        assert len(last.history(MODULE, "1")) == 1


def test_a_reader_sees_one_state(store: Store, url: str, make_exemplar: Make) -> None:
    count = text("select count(*) from exemplar")
    with engine.reading(store._engine) as connection:
        assert connection.scalar(count) == 0
        with Store.open(url) as other:
            other.put_exemplars(MODULE, [make_exemplar("fly")], who="a", source="f")
        assert connection.scalar(count) == 0
    assert len(store.exemplars(MODULE)) == 1


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "r.db").write_text("not a database, and long enough to be read as a header ....")
    with pytest.raises(StoreError):
        Store.open(f"sqlite:///{tmp_path / 'r.db'}")


def test_templates_keep_their_versions(store: Store) -> None:
    assert store.put_template(MODULE, "rag", "a", who="x") == 1
    assert store.put_template(MODULE, "rag", "b", who="x") == 2
    assert store.templates(MODULE) == {"rag": "b"}
    assert [v.text for v in store.template_versions(MODULE, "rag")] == ["a", "b"]


def test_of_two_that_change_one_version_of_a_template_one_is_stored(store: Store) -> None:
    """They looked at it together, and found nobody else's version there."""
    begin = threading.Barrier(2)

    def save(who: str) -> int | str:
        begin.wait()
        try:
            return store.put_template(MODULE, "rag", who, who=who, based_on=0)
        except ConflictError as error:
            return error.what

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(save, ("ann", "bob")))
    [saved] = store.template_versions(MODULE, "rag")
    told = f"{saved.who} saved version 1 of rag meanwhile"
    assert answers == ([1, told] if saved.who == "ann" else [told, 1])
    assert store.put_template(MODULE, "rag", "c", who="x", based_on=1) == 2


def test_any_text_comes_back_as_it_went_in(store: Store, make_exemplar: Make) -> None:
    words = "👩🏽‍🚀 Cafe\u0301 \u202eabc\u202c 東京 \u0000 '; DROP TABLE exemplars; --"
    store.put_exemplars(MODULE, [make_exemplar(words, id="1")], who="a", source="f")
    assert store.exemplar(MODULE, "1").exemplar.utterance == words


def test_a_second_store_sees_what_the_first_wrote(store: Store, url: str) -> None:
    with Store.open(url) as other:
        other.put_schema(parse_schema({"module": "x_y_en", "functions": [{"name": "f"}]}), who="b")
    assert store.modules() == [MODULE, "x_y_en"]


def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    from radu_core.store.engine import _MIGRATIONS, make_engine, writing

    url = f"sqlite:///{tmp_path / 'old.db'}"
    engine = make_engine(url, busy_seconds=1)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    data = AnnotatedExemplar(id="1", utterance="fly").model_dump_json()
    old = sqlite3.connect(tmp_path / "old.db")
    schema = parse_schema({"module": "x_y_en", "functions": [{"name": "f"}]})
    old.execute(
        "insert into module values ('x_y_en', ?, '', '2026-01-01 00:00:00.000000')",
        [schema.model_dump_json()],
    )
    old.execute(
        "insert into exemplar values ('x_y_en','1',null,'train',null,null,?,null,'[]',null,0,1,"
        "'2026-01-01 00:00:00.000000')",
        [data],
    )
    old.commit()
    old.close()
    with Store.open(url) as store:
        assert store.exemplar("x_y_en", "1").details == {}
        assert store.settings("x_y_en") == {}
        store.change_settings("x_y_en", {"accept_from": 0.9}, who="t")
        assert store.settings("x_y_en") == {"accept_from": 0.9}


def test_batches_are_all_exemplars_in_order(store: Store, make_exemplar: Make) -> None:
    rows = [make_exemplar("fly", id=f"{n:02d}") for n in range(7)]
    store.put_exemplars(MODULE, rows, who="a", source="f")
    found = [[i.exemplar.id for i in batch] for batch in store.batches(MODULE, size=3)]
    assert found == [["00", "01", "02"], ["03", "04", "05"], ["06"]]


@pytest.mark.parametrize("name", ["a?b", "a%20b", "a#b", "ä ö"])
def test_a_path_of_any_signs_is_where_the_database_lies(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    Store.open(engine.sqlite_url(tmp_path / name / "r.db")).close()
    assert (tmp_path / name / "r.db").is_file()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "Could not parse"),
        ("postgresql://host:port/name", "invalid literal"),
        ("oracle://host", "oracledb"),
    ],
)
def test_a_url_that_cant_be_used_is_said(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=f"RADU_DATABASE_URL can't be used.*{words}"):
        Store.open(url)


def test_a_server_that_isnt_there_is_said() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match="Check that it runs and can be reached"):
        Store.open("postgresql://radu@127.0.0.1:1/radu")


@pytest.mark.parametrize("words", ["disk I/O error", "unable to open database file"])
def test_a_vague_error_on_a_full_disk_is_said_to_be_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    own = engine.make_engine(engine.sqlite_url(tmp_path / "r.db"), busy_seconds=1)

    def fail() -> None:
        with engine.reading(own):
            raise OperationalError("select", None, sqlite3.OperationalError(words))

    with pytest.raises(StoreError) as found:
        fail()
    assert not isinstance(found.value, DiskFullError)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(DiskFullError, match="no space left for the database"):
        fail()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    where = tmp_path / "disk"
    where.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(where)]
    if (
        os.geteuid() != 0
        or subprocess.run(command, capture_output=True, check=False).returncode != 0
    ):
        pytest.skip("only root may mount a small disk")
    yield where
    subprocess.run(["umount", str(where)], check=True)


def test_a_really_full_disk_is_said(small_disk: Path, schema: Schema, make_exemplar: Make) -> None:
    url = engine.sqlite_url(small_disk / "r.db")
    with Store.open(url) as store:
        store.put_schema(schema, who="t")
    with (small_disk / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(100_000)) == 100_000:  # a short write: the disk is full
            pass

    def used() -> None:
        with Store.open(url) as store:
            store.put_exemplars(MODULE, [make_exemplar("fly" * 999)], who="a", source="f")

    with pytest.raises(DiskFullError, match="no space left for the database"):
        used()
    (small_disk / "filler").unlink()
    used()


def test_a_database_that_is_gone_or_replaced_is_noticed(tmp_path: Path, schema: Schema) -> None:
    path = tmp_path / "r.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.put_schema(schema, who="t")
        copy = tmp_path / "copy.db"
        store.backup(copy)
        for name in ("r.db", "r.db-wal", "r.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        with pytest.raises(StoreError, match="is gone"):
            store.modules()
        with pytest.raises(StoreError, match="is gone"):
            store.put_schema(schema, who="t")
        assert not path.exists()
        copy.rename(path)
        assert store.modules() == [schema.module]
