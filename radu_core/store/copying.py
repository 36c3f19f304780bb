"""A whole database into one SQLite file, and such a file into a database that is empty."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, exists, func, insert, select

from radu_core.errors import InputError
from radu_core.files import disk_errors
from radu_core.store.engine import make_engine, migrate, reading, sqlite_url, writing
from radu_core.store.rows import aware
from radu_core.store.tables import metadata

__all__ = ["copy_database", "fill_database"]

_BATCH = 1_000  # rows in memory at a time
_BUSY_SECONDS = 5.0


def copy_database(engine: Engine, path: Path) -> None:
    """Copy a database that is in use to the SQLite file ``path``, which appears when it is whole.

    It is the state of one moment: SQLite copies its own pages; from another database every table
    is read in one REPEATABLE READ transaction, which writers don't wait for.
    """
    temporary = path.with_name(f".{path.name}.part")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        try:
            if engine.dialect.name == "sqlite" and engine.url.database:
                _copy_pages(engine.url.database, temporary)
            else:
                _copy_rows(engine, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _copy_pages(database: str, path: Path) -> None:
    source, target = sqlite3.connect(database), sqlite3.connect(path)
    try:
        source.backup(target)
    finally:
        target.close()
        source.close()


def _copy_rows(engine: Engine, path: Path) -> None:
    target = make_engine(sqlite_url(path), busy_seconds=_BUSY_SECONDS)
    try:
        migrate(target)
        with writing(target) as connection:
            _insert_all(engine, connection)
    finally:
        target.dispose()  # the last one out writes the log into the file


def fill_database(url: str, path: Path) -> None:
    """Put a copy that ``copy_database`` made into the database at ``url``, all of it or nothing.

    ``path`` is brought to the newest tables first. ``InputError`` if the database holds anything.
    """
    source = make_engine(sqlite_url(path), busy_seconds=_BUSY_SECONDS)
    target = make_engine(url, busy_seconds=_BUSY_SECONDS)
    try:
        migrate(source)
        migrate(target)
        with writing(target) as connection:
            _refuse_rows(target, connection)
            _insert_all(source, connection)
            if target.dialect.name == "postgresql":
                _set_sequences(connection)
    finally:
        source.dispose()
        target.dispose()


def _refuse_rows(engine: Engine, connection: Connection) -> None:
    for table in metadata.sorted_tables:
        if connection.scalar(select(exists(select(table)))):
            raise InputError(
                f"The database {engine.url.render_as_string(hide_password=True)} isn't empty: "
                f"its table {table.name} has rows, and a restore would mix with them",
                remedy="Name an empty database in RADU_DATABASE_URL.",
            )


def _insert_all(source: Engine, target: Connection) -> None:
    for table, rows in _batches(source):
        target.execute(insert(table), rows)


def _batches(engine: Engine) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """All rows of all tables as of one moment; what is referred to comes first."""
    with reading(engine) as connection:
        for table in metadata.sorted_tables:
            query = select(table).execution_options(yield_per=_BATCH)
            for part in connection.execute(query).mappings().partitions():
                yield table, [{k: _in_utc(v) for k, v in row.items()} for row in part]


def _in_utc(value: Any) -> Any:
    """PostgreSQL gives times in the zone of its session; SQLite keeps no zone and means UTC."""
    return aware(value).astimezone(UTC) if isinstance(value, datetime) else value


def _set_sequences(connection: Connection) -> None:
    """Let sequences continue after the largest copied number: copied rows don't advance them."""
    quote = connection.dialect.identifier_preparer.format_table
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = func.pg_get_serial_sequence(quote(table), column.name)
        following = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
        connection.execute(select(func.setval(sequence, following, False)))
