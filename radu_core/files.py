"""Atomic file writes, canonical JSON, and hashes that never depend on order."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from radu_core.errors import (
    DiskFullError,
    InputError,
    NotFoundError,
    RaduError,
    StoreError,
    shorten,
)
from radu_core.numbers import NUMBER_REMEDY, NumberError, number_problem

__all__ = [
    "RepeatedKeyError",
    "canonical_json",
    "check_finite",
    "content_hash",
    "disk_errors",
    "file_hash",
    "is_full",
    "open_atomic",
    "parse_json",
    "read_json",
    "readable",
    "whole_directory",
    "write_json",
    "write_text",
]


# What may be a number that isn't finite: only then is it worth looking for one.
_NOT_FINITE = re.compile(r"NaN|Infinity|\d[eE]\+?\d{2}|\d{300}")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_DESCRIPTOR = re.compile(r"/proc/(\d+)/(?:task/\d+/)?fd")
_NO_PLACE = (
    errno.EEXIST,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)
_LEAST_FREE = 1_000_000  # bytes; with less, SQLite can't even open a database


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spare spaces: equal values give equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_hash(value: Any) -> str:
    """SHA-256 (hex) of a JSON value's canonical text, or of a string as UTF-8."""
    text = value if isinstance(value, str) else canonical_json(value)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write ``path`` into errors with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise StoreError(
                f"Not allowed to write {path}",
                remedy="Check the directory's permissions or point RADU_HOME elsewhere.",
            ) from error
        if error.errno in _NO_PLACE:
            raise StoreError(
                f"Can't write {path} ({error.strerror}: {error.filename or path})",
                remedy="A part of that path is a file, is missing or too long: name another one.",
            ) from error
        raise
    except RaduError:
        raise
    except Exception as error:  # of a library that isn't written in Python: safetensors, faiss
        if "No space left on device" in str(error):
            raise _full(path) from error
        raise


def _full(path: Path) -> DiskFullError:
    return DiskFullError(
        f"No space left while writing {path}",
        remedy="Free some space or point RADU_HOME at a larger disk, then try again; "
        "nothing was half-written.",
    )


def is_full(path: Path) -> bool:
    """Whether the disk that ``path`` lies on, or would lie on, has less than 1 MB left."""
    for there in (path, *path.absolute().parents):
        try:
            return shutil.disk_usage(there).free < _LEAST_FREE
        except OSError:
            continue
    return False


@contextmanager
def open_atomic(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside ``path``; on success it is synced and renamed onto ``path``.

    On any error the temporary file is removed and ``path`` is as it was before. A device, a pipe or
    an open descriptor (``/dev/stdout``, wherever it was redirected to) is written to directly, and
    of a symbolic link the target is replaced.
    """
    with disk_errors(path):
        descriptor = _descriptor(path)
        if descriptor is not None:
            with os.fdopen(
                os.dup(descriptor), mode, encoding=None if "b" in mode else "utf-8"
            ) as f:
                yield f
            return
        path = path.resolve()
        if path.exists() and not path.is_file():
            with path.open(mode, encoding=None if "b" in mode else "utf-8") as file:
                yield file
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        encoding = None if "b" in mode else "utf-8"
        newline = None if "b" in mode else "\n"
        try:
            with os.fdopen(handle, mode, encoding=encoding, newline=newline) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _descriptor(path: Path) -> int | None:
    """The number of this process's open descriptor that ``path`` names, by way of links or not.

    Resolving it further would give the file that the shell redirected to, and replace it.
    """
    for _ in range(40):  # as many links as Linux follows
        if not path.is_symlink():
            return None
        match = _DESCRIPTOR.fullmatch(str(path.parent.resolve()))
        if match and int(match[1]) == os.getpid() and path.name.isdecimal():
            return int(path.name)
        path = path.parent / path.readlink()
    return None


def write_text(path: Path, text: str | Iterable[str]) -> None:
    """Write ``text`` (or its pieces, in order) to ``path``; atomic: all or nothing."""
    with open_atomic(path) as file:
        file.writelines([text] if isinstance(text, str) else text)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys; atomic: all or nothing."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n")


@contextmanager
def whole_directory(directory: Path) -> Iterator[Path]:
    """A new directory that replaces ``directory`` at the end; atomic: all or nothing.

    On any error ``directory`` is as it was before. If two replace it at once, one of them stays,
    complete.
    """
    with disk_errors(directory):
        directory.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
        try:
            yield new
            new.chmod(0o755)
            _put_in_place(new, directory)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _put_in_place(new: Path, directory: Path) -> None:
    """Replace ``directory`` with ``new``; if that fails, restore it."""
    old = new.with_name(new.name + ".old")
    with suppress(FileNotFoundError):  # none yet, or another process has just taken it away
        os.replace(directory, old)
    try:
        os.replace(new, directory)
    except BaseException as error:
        faster = isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST)
        if not faster:  # by another process; then it is as if ours had come first
            with suppress(OSError):  # where that fails as well, the old one still lies beside
                os.replace(old, directory)
            raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to read ``path`` into errors with a remedy."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError("No such file", value=str(path), remedy="Check the path.") from error
    except IsADirectoryError as error:
        raise InputError("That is a directory", value=str(path), remedy="Name a file.") from error
    except OSError as error:
        raise InputError(
            f"Can't read {path} ({error.strerror})", remedy="Check the file and its permissions."
        ) from error


def parse_json(text: str) -> Any:
    """The JSON value of ``text``; ``ValueError`` says in a few words why it isn't one.

    A number that isn't finite is none: ``NaN``, ``Infinity``, ``1e999``. An object with the same
    key twice is none either: one of its values would be lost.
    """
    value = _decode(text, _without_repeated_keys)
    if _NOT_FINITE.search(text):
        check_finite(value)
    return value


class RepeatedKeyError(ValueError):
    """An object of JSON has the same key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {shorten(key, 60)} stands twice in the same object")
        self.key = key


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise RepeatedKeyError(next(key for key, count in counts.items() if count > 1))
    return data


def _decode(text: str, objects: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=objects)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text.strip() else ""
        raise ValueError(f"{line}column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except RepeatedKeyError:
        raise
    except ValueError as error:  # Python's limit: 4,300 digits
        raise ValueError(f"it has an integer of more than 4300 digits. {NUMBER_REMEDY}") from error
    if _SURROGATE.search(text):
        try:
            canonical_json(value).encode("utf-8")
        except UnicodeEncodeError as error:
            half = f"\\u{ord(error.object[error.start]):04x}"
            raise ValueError(f"{half} is a surrogate without its pair") from error
    return value


def check_finite(value: Any, where: tuple[str | int, ...] = ()) -> Any:
    """The value; ``ValueError`` naming the first number that isn't finite.

    Python's reader takes ``NaN`` and ``Infinity``, and makes infinity of ``1e999``; pydantic and
    browsers don't read what it writes of them.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            check_finite(inner, (*where, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            check_finite(inner, (*where, number))
    elif isinstance(value, float) and number_problem(value):
        raise NumberError(where, f"{number_problem(value)}. {NUMBER_REMEDY}")
    return value


def read_json(path: Path) -> Any:
    """The JSON value in ``path``, a file of ours; a byte order mark is understood.

    It may hold ``NaN``: the loss of a run that diverged.
    """
    try:
        with readable(path):
            return _decode(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise StoreError(
            f"{path} isn't readable JSON ({error})",
            remedy="Restore it or build it again.",
        ) from error
