"""Opening a database: SQLite's settings, migrations, and errors with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, SQLAlchemyError

from radu_core.errors import DiskFullError, StoreError, StoreLockedError
from radu_core.extras import as_missing_package
from radu_core.files import is_full

__all__ = ["make_engine", "migrate", "newest_revision", "reading", "sqlite_url", "writing"]

_MIGRATIONS = Path(__file__).parent / "migrations"
_FILES: WeakKeyDictionary[Engine, int] = WeakKeyDictionary()  # the inode of each SQLite file
_WRITE_LOCK = 0x7261_6475  # "radu": any number that other programs don't lock


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, whatever characters (``?``, ``%``, ``#``) its path holds."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def make_engine(url: str, *, busy_seconds: float) -> Engine:
    """An engine for ``url``; a writer waits ``busy_seconds`` for another process's lock.

    A PostgreSQL URL without a driver (``postgresql://``) means the one that is installed, psycopg.
    """
    try:
        address = make_url(url)
        if address.drivername in ("postgresql", "postgres"):
            address = address.set(drivername="postgresql+psycopg")
        engine = create_engine(address)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        if missing := as_missing_package(error):
            raise missing from error
        raise StoreError(
            f"RADU_DATABASE_URL can't be used ({error})",
            remedy="Use postgresql+psycopg://user@host/name, or unset it: then a SQLite file in "
            "RADU_HOME holds everything.",
        ) from error
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, busy_seconds)
    elif engine.dialect.name == "postgresql":
        _prepare_postgresql(engine, busy_seconds)
    return engine


def _prepare_sqlite(engine: Engine, busy_seconds: float) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say so
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("radu_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _prepare_postgresql(engine: Engine, busy_seconds: float) -> None:
    """The same promises as SQLite's: one writer at a time, and a reader sees one state."""

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("radu_write"):
            wait = f"SET LOCAL lock_timeout = {int(busy_seconds * 1000)}"
            connection.exec_driver_sql(wait)
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")
        else:
            level = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
            connection.exec_driver_sql(level)


def _check_file(engine: Engine) -> None:
    """Check that the file is still the one that was opened.

    SQLite continues in a deleted file, and what it writes there is lost. If another file (a backup)
    is in its place, the connections are closed, so that the next one opens that file.
    """
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return
    path = Path(engine.url.database)
    known_inode = _FILES.get(engine)
    try:
        inode = path.stat().st_ino
    except FileNotFoundError:
        if known_inode is None:
            return  # it is made now
        raise StoreError(
            f"The database {path} is gone",
            remedy="Put the file back, or a backup in its place; nothing is written without it.",
        ) from None
    if known_inode is not None and inode != known_inode:
        engine.dispose()
    _FILES[engine] = inode


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the database."""
    _check_file(engine)
    with _explaining(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that takes the write lock at once: all of it is stored, or nothing."""
    _check_file(engine)
    with _explaining(engine), engine.connect() as connection:
        writer = connection.execution_options(radu_write=True)
        with writer.begin():
            yield writer


@contextmanager
def _explaining(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise _translate(engine, error) from error
    except SQLAlchemyError as error:
        raise StoreError(f"The database refused ({error})", remedy="Try again.") from error


def _translate(engine: Engine, error: DatabaseError) -> StoreError:
    words = str(error.orig)
    where = engine.url.render_as_string(hide_password=True)
    if "locked" in words or "LockNotAvailable" in type(error.orig).__name__:
        return StoreLockedError(
            f"The database {where} is locked by another process",
            remedy="Wait until it has finished (an import, a backup), then try again; nothing "
            "was changed.",
        )
    if "is full" in words or "No space left" in words or _no_room(engine, words):
        return DiskFullError(
            f"There is no space left for the database {where}",
            remedy="Free some space, then try again; nothing was changed.",
        )
    if "unable to open" in words or "readonly" in words:
        return StoreError(
            f"The database {where} can't be opened for writing ({words})",
            remedy="Check the directory and its permissions, or set RADU_HOME.",
        )
    if "not a database" in words or "malformed" in words:
        return StoreError(
            f"{where} is damaged or isn't a database ({words})",
            remedy="Restore a backup, or move the file away to start from scratch.",
        )
    return StoreError(
        f"The database {where} refused: {words.splitlines()[0] if words else error}",
        remedy="Check that it runs and can be reached.",
    )


def _no_room(engine: Engine, words: str) -> bool:
    """Whether SQLite failed for lack of space: it says so only while it writes the file itself.

    What it needs beside it (the log, shared memory) fails as an I/O error or can't be opened.
    """
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return False
    vague = "disk I/O error" in words or "unable to open" in words
    return vague and is_full(Path(engine.url.database))


def migrate(engine: Engine) -> None:
    """Bring the database to the newest tables; does nothing when it is.

    Alembic takes half a second to import, so it is asked only when there is something to do.
    """
    with reading(engine) as connection:
        revision, newest = _revision(connection), newest_revision()
    if revision == newest:
        return
    if revision is not None and revision > newest:
        raise StoreError(
            f"The database is of a newer version of the studio ({revision}; this one knows "
            f"{newest})",
            remedy="Update the studio, or use another RADU_HOME; nothing was changed.",
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def newest_revision() -> str:
    """The revision the newest migration leads to: the number its file's name begins with."""
    return max(path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    """The revision of a database; None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(text("select version_num from alembic_version")).scalar()
    return None if revision is None else str(revision)
