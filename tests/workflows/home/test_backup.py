"""Restoring: a ZIP that isn't a whole backup is refused, and nothing is left of it."""

from __future__ import annotations

import sqlite3
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radu_core.errors import DiskFullError, FormatError, InputError, StoreError
from radu_core.store import Store
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home import backup as workflow

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("manifest", ["[]", "{", '{"files": 1}', '{"files": {"a": "b"}}', None])
def test_a_zip_that_is_no_backup_is_said(tmp_path: Path, manifest: str | None) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        if manifest is not None:
            archive.writestr("radu-backup.json", manifest)
    with pytest.raises(FormatError, match="isn't a whole Radu backup"):
        workflow.restore(tmp_path / "a.zip", tmp_path / "home")
    assert not list(tmp_path.glob("home/*"))


def test_what_is_in_the_way_stops_a_restore_before_anything_is_moved(
    loaded: Workspace, tmp_path: Path
) -> None:
    (loaded.home / "datasets").mkdir()
    (loaded.home / "datasets" / "a").touch()
    (loaded.home / "runs").mkdir()
    (loaded.home / "runs" / "b").touch()
    workflow.backup(loaded, tmp_path / "b.zip", now=NOW)
    (tmp_path / "new" / "runs").mkdir(parents=True)
    with pytest.raises(InputError, match="in the way"):
        workflow.restore(tmp_path / "b.zip", tmp_path / "new")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["runs"]


@pytest.mark.parametrize(("free", "kind"), [(0, DiskFullError), (10**9, StoreError)])
def test_a_database_that_cant_be_copied_is_said(
    loaded: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kind: type
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "backup", fail)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
    with pytest.raises(StoreError) as found:
        workflow.backup(loaded, tmp_path / "b.zip", now=NOW)
    assert type(found.value) is kind
    assert not (tmp_path / "b.zip").exists()
