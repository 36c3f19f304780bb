"""Files appear at once, all or nothing; refusals of the disk have a remedy."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from radu_core.errors import DiskFullError, StoreError
from radu_core.files import (
    canonical_json,
    content_hash,
    disk_errors,
    open_atomic,
    whole_directory,
    write_json,
    write_text,
)

ROOT = Path(__file__).resolve().parents[1]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(TypeError), open_atomic(path) as file:
        file.writelines(["half", 1])
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("restored", [True, False])
def test_a_directory_that_cant_be_put_in_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restored: bool
) -> None:
    """Where even that fails, the old one still lies beside it."""
    place = tmp_path / "d"
    with whole_directory(place) as new:
        (new / "x").write_text("old")
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if target == place and not (restored and source.suffix == ".old"):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(DiskFullError), whole_directory(place) as new:
        (new / "x").write_text("new")
    (left,) = tmp_path.iterdir()
    assert (left / "x").read_text() == "old"
    assert (left == place) is restored


def test_directories_put_in_one_place_at_once_leave_one_whole(tmp_path: Path) -> None:
    place = tmp_path / "d"
    errors: list[Exception] = []

    def put(text: str) -> None:
        try:
            for _ in range(100):
                with whole_directory(place) as new:
                    (new / "x").write_text(text)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=put, args=(text,)) for text in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [p.name for p in tmp_path.iterdir()] == ["d"]
    assert (place / "x").read_text() in "abc"


def test_a_full_disk_is_said_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="RADU_HOME at a larger disk"):
        write_json(tmp_path / "a.json", {"a": 1})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_known_by_the_words_of_other_languages(tmp_path: Path) -> None:
    """Errors that safetensors and faiss raise themselves are understood, too."""
    told = "Error while serializing: I/O error: No space left on device (os error 28)"
    with pytest.raises(DiskFullError, match="Free some space"), disk_errors(tmp_path):
        raise RuntimeError(told)
    with pytest.raises(RuntimeError, match="other"), disk_errors(tmp_path):
        raise RuntimeError("other")
    with pytest.raises(StoreError, match=r"^said already"), disk_errors(tmp_path):
        raise StoreError("said already: No space left on device")


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


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("sign", [">", ">>"])
def test_a_redirected_descriptor_is_written_to_and_its_file_stays(
    tmp_path: Path, name: str, sign: str
) -> None:
    """``radu export … -o /dev/stdout > file``: what is there and what is printed later stay too."""
    (tmp_path / "link").symlink_to("/dev/stdout")
    (tmp_path / "file").write_text("before\n")
    inode = (tmp_path / "file").stat().st_ino
    path = name if name.startswith("/") else str(tmp_path / name)
    code = (
        "import sys; from pathlib import Path; from radu_core.files import write_text;"
        "write_text(Path(sys.argv[1]), 'rows\\n'); print('after')"
    )
    command = f'{shlex.quote(sys.executable)} -c "$CODE" {shlex.quote(path)} {sign} file'
    environment = {**os.environ, "CODE": code, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, env=environment)
    before = "before\n" if sign == ">>" else ""
    assert (tmp_path / "file").read_text() == f"{before}rows\nafter\n"
    assert (tmp_path / "file").stat().st_ino == inode


@pytest.mark.parametrize("path", ["file/a", "x" * 300, "directory", "/proc/self/fd/999999"])
def test_a_path_where_nothing_can_be_written_is_said(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    with pytest.raises(StoreError, match="Can't write"):
        write_text(tmp_path / path, "x")


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
