"""Files appear whole or not at all; refusals of the disk have a remedy."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from radu_core.errors import DiskFullError, StoreError
from radu_core.files import canonical_json, content_hash, open_atomic, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(TypeError), open_atomic(path) as file:
        file.writelines(["half", 1])
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_said_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="RADU_HOME at a larger disk"):
        write_json(tmp_path / "a.json", {"a": 1})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_forbidden_directory_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Not allowed"):
        write_text(tmp_path / "a", "x")


def test_equal_values_have_equal_text_and_hash() -> None:
    assert canonical_json({"b": 1, "a": "é"}) == '{"a":"é","b":1}'
    assert content_hash({"b": 1, "a": 2}) == content_hash({"a": 2, "b": 1})
    assert content_hash("abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """As root, a rename onto ``/dev/full`` would put a file in the device's place."""
    link = tmp_path / "link"
    link.symlink_to("/dev/full")
    with pytest.raises(DiskFullError):
        write_text(link, "x")
    assert Path("/dev/full").is_char_device()


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
