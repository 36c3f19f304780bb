"""Backups of a database in use, from SQLite and PostgreSQL, and back into either."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, SCHEMA
from sqlalchemy import func, insert, select, text

from radu_core.errors import InputError, StoreError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import parse_schema
from radu_core.store import NewBatch, Store
from radu_core.store import copying as copies
from radu_core.store.engine import make_engine, newest_revision, reading, writing
from radu_core.store.tables import events, exemplars, metadata
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.backup import backup, restore

Make = Callable[..., AnnotatedExemplar]
NOW = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
WORDS = "👩🏽‍🚀 Cafe\u0301 \u202eabc\u202c 東京 \u0000 '; DROP TABLE exemplars; --"


@pytest.fixture
def filled(url: str, make_exemplar: Make) -> Iterator[Store]:
    """A store with something in every table that the store itself writes."""
    with Store.open(url, clock=lambda: NOW) as store:
        store.put_schema(parse_schema(SCHEMA), who="Zoë")
        items = [make_exemplar(f"{WORDS} {n}", id=f"{n:04}") for n in range(2_500)]
        store.put_exemplars(MODULE, items, who="a", source="f")
        store.change_settings(MODULE, {"accept_from": 0.9}, who="a")
        store.put_template(MODULE, "rag", WORDS.replace("\u0000", ""), who="a")
        store.record_import(MODULE, NewBatch("f", "h", 1, 0, rejections=[{"a": 1}]), who="a")
        store.flag(MODULE, {"0001": "suspected"}, who="a")
        yield store


def rows_of(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, times in UTC."""
    engine = make_engine(url, busy_seconds=1)
    with reading(engine) as connection:
        found = {
            table.name: [
                {k: copies._in_utc(v) for k, v in row.items()}
                for row in connection.execute(
                    select(table).order_by(*table.primary_key.columns)
                ).mappings()
            ]
            for table in metadata.sorted_tables
        }
        found["alembic"] = [
            {"is": connection.scalar(text("select version_num from alembic_version"))}
        ]
    engine.dispose()
    return found


def in_another_zone(url: str) -> None:
    """Let the server give its times in the zone of India from now on."""
    engine = make_engine(url, busy_seconds=1)
    with writing(engine) as connection:
        name = engine.url.database
        connection.execute(text(f"alter database {name} set timezone to 'Asia/Kolkata'"))
    engine.dispose()


def test_a_backup_holds_every_row(filled: Store, url: str, tmp_path: Path) -> None:
    if url.startswith("postgresql"):
        in_another_zone(url)
        filled.close()  # what is connected keeps its zone
    filled.backup(tmp_path / "copy.db")
    copied = rows_of(f"sqlite:///{tmp_path / 'copy.db'}")
    assert copied == rows_of(url)
    assert copied["alembic"] == [{"is": newest_revision()}]
    assert copied["exemplar"][0]["updated"] == NOW
    assert sorted(p.name for p in tmp_path.glob("*copy.db*")) == ["copy.db"]


def test_a_copy_is_of_one_moment_while_somebody_writes(
    filled: Store, url: str, tmp_path: Path
) -> None:
    """Each decision writes a revision and an event: a copy that holds one holds the other."""
    stop, begun = threading.Event(), threading.Event()
    failed: list[Exception] = []

    def write() -> None:
        try:
            with Store.open(url, busy_seconds=20) as other:
                for number in count():
                    if stop.is_set():
                        return
                    item = other.exemplar(MODULE, f"{number % 50 * 50:04}")
                    other.decide(
                        MODULE,
                        item.exemplar,
                        who="w",
                        kind="kept",
                        expected_revision=item.revision,
                    )
                    begun.set()
        except Exception as error:
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(20)
        filled.backup(tmp_path / "copy.db")
    finally:
        stop.set()
        writer.join()
    assert not failed
    engine = make_engine(f"sqlite:///{tmp_path / 'copy.db'}", busy_seconds=1)
    with reading(engine) as connection:
        decided = connection.scalar(select(func.sum(exemplars.c.revision - 1)))
        told = connection.scalar(
            select(func.count()).select_from(events).where(events.c.kind == "kept")
        )
        assert connection.scalar(select(func.count()).select_from(exemplars)) == 2_500
    engine.dispose()
    assert decided == told > 0


def space_at(home: Path, url: str) -> Workspace:
    return Workspace(home, database_url=url)


def test_a_backup_comes_back_into_any_database(
    filled: Store, url: str, empty_postgres: str, tmp_path: Path
) -> None:
    before = rows_of(url)
    space = space_at(tmp_path / "home", url)
    (space.datasets / "default").mkdir(parents=True)
    (space.datasets / "default" / "x").write_text("y")
    backup(space, tmp_path / "b.zip", now=NOW)
    restore(tmp_path / "b.zip", tmp_path / "one")
    assert rows_of(f"sqlite:///{tmp_path / 'one' / 'radu.db'}") == before
    for home, target in (("two", empty_postgres), ("three", f"sqlite:///{tmp_path / 'other.db'}")):
        restore(tmp_path / "b.zip", tmp_path / home, database_url=target)
        assert rows_of(target) == before
        assert sorted(p.name for p in (tmp_path / home).iterdir()) == ["datasets"]
        with Store.open(target) as again:  # numbers go on after the largest
            last = before["event"][-1]["id"]
            again.flag(MODULE, {"0002": "new"}, who="b")
            assert again.history(MODULE, "0002")[-1].id == last + 1
            number = again.record_import(MODULE, NewBatch("g", "h", 0, 0), who="b")
            assert number == before["import"][-1]["id"] + 1
            assert again.imports(MODULE)[0].id == number
    space.store.close()


def test_a_restore_refuses_a_database_that_holds_anything(
    filled: Store, url: str, empty_postgres: str, tmp_path: Path
) -> None:
    space = space_at(tmp_path / "home", url)
    backup(space, tmp_path / "b.zip", now=NOW)
    space.store.close()
    with Store.open(empty_postgres) as other:
        other.put_schema(parse_schema({"module": "x_y_en", "functions": [{"name": "f"}]}), who="b")
    before = rows_of(empty_postgres)
    with pytest.raises(InputError, match=r"isn't empty: its table \w+ has rows"):
        restore(tmp_path / "b.zip", tmp_path / "new", database_url=empty_postgres)
    assert rows_of(empty_postgres) == before
    assert list((tmp_path / "new").iterdir()) == []


def test_a_restore_that_fails_half_way_leaves_the_database_empty(
    make_exemplar: Make, empty_postgres: str, tmp_path: Path
) -> None:
    """SQLite takes a name of any length; PostgreSQL doesn't."""
    space = Workspace(tmp_path / "home")
    space.store.put_schema(parse_schema(SCHEMA), who="a")
    space.store.put_exemplars(MODULE, [make_exemplar("fly", id="1")], who="a", source="f")
    space.store.flag(MODULE, {"1": "suspected"}, who="x" * 300)
    backup(space, tmp_path / "b.zip", now=NOW)
    space.store.close()
    with pytest.raises(StoreError, match="too long"):
        restore(tmp_path / "b.zip", tmp_path / "new", database_url=empty_postgres)
    found = rows_of(empty_postgres)
    assert [name for name, rows in found.items() if rows] == ["alembic"]


def test_an_old_backup_is_brought_up_to_date(old_database: Path, empty_postgres: str) -> None:
    copies.fill_database(empty_postgres, old_database)
    with Store.open(empty_postgres) as store:
        assert store.modules() == ["a_b_en"]
        assert store.settings("a_b_en") == {}


@pytest.fixture
def old_database(tmp_path: Path) -> Path:
    """A SQLite file of the first revision, with one module."""
    from alembic import command
    from alembic.config import Config

    from radu_core.store.engine import _MIGRATIONS

    path = tmp_path / "old.db"
    engine = make_engine(f"sqlite:///{path}", busy_seconds=1)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    schema = json.dumps({"module": "a_b_en", "functions": [{"name": "f"}]})
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        modules = metadata.tables["module"]
        connection.execute(
            insert(modules).values(id="a_b_en", schema=schema, schema_hash="", updated=NOW)
        )
    engine.dispose()
    return path
