"""Backup and restore of a workspace: one ZIP, its manifest written last."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from radu_core.errors import DiskFullError, FormatError, InputError, StoreError
from radu_core.files import disk_errors, file_hash, is_full, readable
from radu_core.progress import Progress, silent
from radu_core.store.copying import fill_database
from radu_core.store.engine import sqlite_url
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["BackupReport", "backup", "restore"]

_MANIFEST = "radu-backup.json"
_DATABASE = "radu.db"
_FOLDERS = ("datasets", "runs")
_LEFT_OUT = ("checkpoints",)
_NO_BACKUP = (  # what reading a ZIP that is damaged, encrypted or of something else raises
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    KeyError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class BackupReport:
    """What was written or restored. ``left_out`` says what a backup doesn't hold, and why."""

    path: Path
    files: int
    size: int
    left_out: tuple[str, ...] = (
        "models (fetched again when needed)",
        "indexes and caches (built again when needed)",
        "bundles for download (prepared again when needed)",
        "checkpoints of runs (a restored run can be served, not resumed)",
        "figures of the last coverage and what people have seen (both begin again)",
    )


def backup(
    workspace: Workspace, path: Path, *, now: datetime, progress: Progress = silent
) -> BackupReport:
    """Write database, datasets and runs into the ZIP ``path``, which appears when it is whole."""
    with disk_errors(path):
        if path.exists():
            raise InputError("That file exists", value=str(path), remedy="Name another one.")
    temporary = path.with_name(f".{path.name}.part")
    with disk_errors(path), tempfile.TemporaryDirectory(dir=workspace.home) as scratch:
        path.parent.mkdir(parents=True, exist_ok=True)
        copy = Path(scratch) / _DATABASE
        _copy_database(workspace, copy)
        sources = [(_DATABASE, copy), *_files(workspace.home)]
        hashes = {}
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
                for number, (name, source) in enumerate(sources):
                    progress("Backing up", number, len(sources))
                    archive.write(source, name)
                    hashes[name] = file_hash(source)
                manifest = {"version": 1, "created": now.isoformat(), "files": hashes}
                archive.writestr(_MANIFEST, json.dumps(manifest, indent=2, sort_keys=True))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    progress("Backing up", len(sources), len(sources))
    return BackupReport(path, len(sources), path.stat().st_size)


def _copy_database(workspace: Workspace, copy: Path) -> None:
    try:
        workspace.store.backup(copy)
    except sqlite3.Error as error:
        if is_full(copy):
            raise DiskFullError(
                f"No space left for a copy of the database in {workspace.home}",
                remedy="Free some, then try again.",
            ) from error
        raise StoreError(
            f"The database in {workspace.home} can't be copied ({error})", remedy="Try again."
        ) from error


def _files(home: Path) -> list[tuple[str, Path]]:
    files = []
    for folder in _FOLDERS:
        for path in sorted((home / folder).rglob("*")):
            name = path.relative_to(home)
            hidden = any(part.startswith(".") for part in name.parts)
            if path.is_file() and not hidden and not set(_LEFT_OUT) & set(name.parts):
                files.append((name.as_posix(), path))
    return files


def restore(
    path: Path, home: Path, *, database_url: str | None = None, progress: Progress = silent
) -> BackupReport:
    """Unpack a backup into ``home`` and its database. All or nothing.

    The database is the file in ``home``, or the one at ``database_url``; neither may hold anything.
    """
    own = database_url in (None, sqlite_url(home.resolve() / _DATABASE))
    if own and (home / _DATABASE).exists():
        raise InputError(
            "There is a database already, and a restore would replace it",
            value=str(home),
            remedy="Point RADU_HOME at an empty directory.",
        )
    with readable(path):
        path.open("rb").close()
    try:
        with zipfile.ZipFile(path) as archive, disk_errors(home):
            hashes = dict(json.loads(archive.read(_MANIFEST))["files"])
            archive.getinfo(_DATABASE)  # without it, there is nothing to restore
            home.mkdir(parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(dir=home, prefix=".restore."))
            try:
                _unpack(archive, hashes, new, progress)
                _move_all(new, home, database_url=None if own else database_url)
            finally:
                shutil.rmtree(new, ignore_errors=True)
    except _NO_BACKUP as error:
        raise FormatError(
            f"{path} isn't a whole Radu backup ({error})", remedy="Use another copy of it."
        ) from error
    return BackupReport(path, len(hashes), path.stat().st_size)


def _unpack(
    archive: zipfile.ZipFile, hashes: dict[str, str], new: Path, progress: Progress
) -> None:
    for number, (name, expected) in enumerate(sorted(hashes.items())):
        progress("Restoring", number, len(hashes))
        parts = PurePosixPath(name).parts
        if PurePosixPath(name).is_absolute() or ".." in parts:
            raise FormatError(
                "The backup names a file outside it", value=name, remedy="Use another backup."
            )
        archive.extract(name, new)
        if file_hash(new / name) != expected:
            raise FormatError(
                "A file in the backup is damaged", value=name, remedy="Use another backup."
            )


def _move_all(new: Path, home: Path, *, database_url: str | None) -> None:
    """Put what was unpacked in its place; the database last, or first where it can refuse."""
    copied = [] if database_url is None else [new / _DATABASE]
    parts = sorted(set(new.iterdir()) - set(copied), key=lambda p: (p.name == _DATABASE, p.name))
    for part in parts:
        if (home / part.name).exists():
            raise InputError(
                "That is in the way of the restore",
                value=str(home / part.name),
                remedy="Move it away first.",
            )
    if database_url is not None:
        fill_database(database_url, new / _DATABASE)
    for part in parts:
        part.replace(home / part.name)
