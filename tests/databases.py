"""The databases that the store is tried on: SQLite, and PostgreSQL where there is a server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import make_url

_NUMBERS = count()


def _program(name: str) -> str:
    """A program of PostgreSQL's; Debian keeps them off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(debian[-1]) if debian else None)
    if found is None:
        pytest.skip(f"PostgreSQL's {name} isn't installed")
    return found


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """The directory of the socket of a server of our own."""
    with postgres_server() as home:
        yield home


@contextmanager
def postgres_server() -> Iterator[Path]:
    """A PostgreSQL of our own: the directory of its socket; it listens on nothing else."""
    import psycopg

    user = "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
    home = Path(tempfile.mkdtemp(prefix="radu-postgres-"))  # a socket's path must be short
    if user:
        shutil.chown(home, user)
    data = str(home / "data")
    initdb = [_program("initdb"), "-D", data, "-U", "radu", "-A", "trust", "-E", "UTF8"]
    subprocess.run(
        [*initdb, "--locale=C.UTF-8", "--no-sync"],
        user=user,
        check=True,
        capture_output=True,
        cwd="/",
    )
    command = [_program("postgres"), "-D", data, "-k", str(home)]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "-c", "listen_addresses=", "-c", "fsync=off"],
            user=user,
            stdout=log,
            stderr=log,
            cwd="/",
        )
    try:
        for _ in range(100):
            try:
                psycopg.connect(f"host={home} user=radu dbname=postgres").close()
                break
            except psycopg.OperationalError:
                time.sleep(0.1)
        yield home
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'r.db'}"
    return new_database(request.getfixturevalue("postgres"))


@pytest.fixture
def empty_postgres(postgres: Path) -> str:
    """The URL of an empty PostgreSQL database."""
    return new_database(postgres)


def new_database(home: Path, *, like: str = "") -> str:
    """The URL of a database of that server: empty, or a copy of the one whose URL is ``like``."""
    import psycopg

    name = f"radu{next(_NUMBERS)}"
    template = f" template {make_url(like).database}" if like else ""
    with psycopg.connect(f"host={home} user=radu dbname=postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}{template}")  # type: ignore[arg-type]
    return f"postgresql://radu@/{name}?host={home}"
