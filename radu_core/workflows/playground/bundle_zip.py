"""A run's bundle as a ZIP to download: prepared once, and offered as long as it is the run's."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from itsdangerous import BadData
from pydantic import ValidationError

from radu_core.errors import ConflictError, RunError
from radu_core.evaluation import hash_of_rows
from radu_core.files import content_hash, disk_errors, open_atomic
from radu_core.inference.bundle import FORMAT, MANIFEST, BundleManifest, Runtime
from radu_core.progress import Progress, silent
from radu_core.training.joint.files import HEAD_FILE
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.run_list import (
    answers,
    check_answers,
    list_trash,
    of_mixture,
    open_run,
    runs,
)
from radu_core.workflows.frame.signing import LIFE, TokenError, signer
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.bundle import write_bundle

__all__ = [
    "BundleChoices",
    "PreparedBundle",
    "bundle_choices",
    "download_token",
    "open_download",
    "prepare_bundle",
    "prepared_bundle",
    "remove_bundle",
]

_LOCK, _SCRATCH = ".lock", ".bundle."
_PACKED = re.compile(r"\d{8}-\d{6}-.+\.zip|\.\d{8}-\d{6}-.+\.zip\..+")  # or half of it, hidden
_USE = "bundle"
_POLL = 0.2  # seconds
_BLOCK = 1 << 20  # bytes
_COMPRESS_BELOW = 8_000_000  # bytes: texts and vocabulary halve; weights stay what they are
_MB = 1_000_000
_UNREADABLE = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,  # encrypted
    LookupError,
    TypeError,
    ValueError,  # not JSON, not UTF-8
    ValidationError,
)


@dataclass(frozen=True)
class PreparedBundle:
    """A bundle in a ZIP: ``size`` in bytes, ``folder`` what unpacking makes.

    ``stale`` says why it isn't what the run would give now; it is empty for one that is.
    """

    run: str
    path: Path
    size: int
    folder: str
    manifest: BundleManifest
    notes: tuple[str, ...]
    prepared: datetime
    stale: str = ""


@dataclass(frozen=True)
class BundleChoices:
    """What can be chosen for a run's bundle.

    ``language_models`` are the runs whose language model may stand beside a fast model's.
    """

    is_fast: bool
    language_models: tuple[str, ...]


def bundle_choices(workspace: Workspace, run: RunDirectory, module: str) -> BundleChoices:
    """The choices; ``InputError`` for a run that has nothing to be bundled."""
    check_answers(run)
    if not _is_fast(run):
        return BundleChoices(False, ())
    others = (r for r in runs(workspace, module) if r.model.is_dir() and answers(r))
    return BundleChoices(True, tuple(r.id for r in others if not _is_fast(r)))


def _is_fast(run: RunDirectory) -> bool:
    return (run.model / HEAD_FILE).is_file()


def prepare_bundle(
    workspace: Workspace,
    name: str,
    *,
    module: str,
    generator: str | None = None,
    runtime: Runtime = "onnx",
    texts: bool = True,
    progress: Progress = silent,
) -> PreparedBundle:
    """Write the run's bundle of ``module``, as ``write_bundle`` does, and pack it.

    The ZIP takes the place of the one before when it is whole; whatever goes wrong, or raises out
    of ``progress``, leaves nothing. One bundle is prepared at a time.
    """
    run = open_run(workspace, name)
    check_answers(run)
    target = _path(workspace, run, module)
    with disk_errors(target):
        workspace.exports.mkdir(parents=True, exist_ok=True)
        with _turn(workspace.exports, progress):
            _sweep(workspace)
            state = _state(workspace, run, module, generator)
            scratch = Path(tempfile.mkdtemp(dir=workspace.exports, prefix=_SCRATCH))
            try:
                new_bundle = write_bundle(
                    workspace,
                    run.id,
                    scratch / target.stem,
                    generator=generator,
                    module=module,
                    runtime=runtime,
                    texts=texts,
                    progress=progress,
                )
                record = {"state": state, "generator": generator, "notes": list(new_bundle.notes)}
                _pack(new_bundle.directory, target, json.dumps(record).encode(), progress)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    bundle = prepared_bundle(workspace, run, module)
    assert bundle is not None
    return bundle


def prepared_bundle(workspace: Workspace, run: RunDirectory, module: str) -> PreparedBundle | None:
    """The bundle that was prepared of a run, current or not; None where there is none.

    What can't be read counts as none: it is replaced by preparing it again.
    """
    path = _path(workspace, run, module)
    try:
        file_stat = path.stat()
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(f"{path.stem}/{MANIFEST}")
            record = json.loads(entry.comment)
            manifest = BundleManifest.model_validate_json(archive.read(entry))
        notes = tuple(str(n) for n in record["notes"])
        stale = _stale(workspace, run, module, manifest, record)
    except _UNREADABLE:
        return None
    prepared_at = datetime.fromtimestamp(file_stat.st_mtime, UTC)
    return PreparedBundle(
        run.id, path, file_stat.st_size, path.stem, manifest, notes, prepared_at, stale
    )


def remove_bundle(workspace: Workspace, run: RunDirectory, module: str) -> None:
    """Delete a prepared bundle; it can be prepared again."""
    path = _path(workspace, run, module)
    with disk_errors(path):
        path.unlink(missing_ok=True)


def download_token(workspace: Workspace, bundle: PreparedBundle, module: str) -> str:
    """What opens this bundle, and no other, for twelve hours.

    Only a page that lets somebody in may make one.
    """
    claims = [bundle.run, module, bundle.prepared.timestamp()]
    return str(signer(workspace, _USE).dumps(claims))


def open_download(workspace: Workspace, token: str) -> PreparedBundle:
    """The bundle that a token opens, if it is current.

    ``TokenError`` for no token of ours; ``RunError`` where the run is gone; ``ConflictError`` where
    the bundle was removed or replaced, or isn't the run's any more.
    """
    try:
        name, module, prepared_at = signer(workspace, _USE).loads(token, max_age=LIFE)
        run = open_run(workspace, str(name))
    except (BadData, TypeError, ValueError) as error:
        raise TokenError(
            "This link has expired or isn't one of this studio's",
            remedy="Go back to the page, reload it and download it there.",
        ) from error
    bundle = prepared_bundle(workspace, run, module)
    if bundle is None or bundle.prepared.timestamp() != prepared_at:
        raise ConflictError(
            f"The bundle of {run.id} was removed or prepared again since that page was shown",
            remedy="Go back to the page and download it there.",
        )
    if bundle.stale:
        raise ConflictError(
            f"The bundle of {run.id} isn't current: {bundle.stale}",
            remedy="Go back to the page and prepare it again.",
        )
    return bundle


def _path(workspace: Workspace, run: RunDirectory, module: str) -> Path:
    """Where a run's bundle lies; a run on a mixture has one of each module."""
    name = f"{run.id}.{module}" if of_mixture(run) else run.id
    return workspace.exports / f"{name}.zip"


def _stale(
    workspace: Workspace,
    run: RunDirectory,
    module: str,
    manifest: BundleManifest,
    record: dict[str, Any],
) -> str:
    if manifest.format != FORMAT:
        return f"it has format {manifest.format}, and this version writes {FORMAT}"
    generator = record["generator"]
    try:
        same = record["state"] == _state(workspace, run, module, generator)
    except RunError as error:  # the run beside it was deleted
        return error.what
    if same:
        return ""
    beside = ", or the language model beside it," if generator else ""
    return f"the run's model or settings{beside} have changed since it was prepared"


def _state(workspace: Workspace, run: RunDirectory, module: str, generator: str | None) -> str:
    """A hash that changes when what the bundle is made of does.

    Files by size and time: the weights are too large to be read each time a page is drawn. When a
    language model is asked beside a fast model is weighed on the validation rows.
    """
    sources = [run, *([open_run(workspace, generator)] if generator else [])]
    facts: list[object] = []
    for source in sources:
        for part in ("model", "serving"):
            for path in sorted(p for p in (source.path / part).rglob("*") if p.is_file()):
                about = path.stat()
                place = path.relative_to(source.path).as_posix()
                facts.append([source.id, place, about.st_size, about.st_mtime_ns])
    if generator:
        facts.append(hash_of_rows(labelled_rows(workspace, module, "validation").exemplars))
    return content_hash(facts)


@contextmanager
def _turn(folder: Path, progress: Progress) -> Iterator[None]:
    """Wait until no other bundle is being prepared, by this process or another one."""
    lock = FileLock(folder / _LOCK, fallback_to_soft=False)  # a killed process holds up nobody
    while not lock.is_locked:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            progress("Waiting for another bundle", 0, 0)
            time.sleep(_POLL)
    try:
        yield
    finally:
        lock.release()


def _sweep(workspace: Workspace) -> None:
    """Delete what a killed process left, and bundles of runs that are gone for good.

    What somebody else has put there stays.
    """
    prefixes = tuple(f"{r.id}." for r in (*runs(workspace), *list_trash(workspace)))
    for path in workspace.exports.iterdir():
        if path.name.startswith(_SCRATCH) and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif _PACKED.fullmatch(path.name) and not path.name.startswith(prefixes):
            path.unlink(missing_ok=True)


def _pack(bundle: Path, target: Path, record: bytes, progress: Progress) -> None:
    """Move a bundle into a ZIP, block by block.

    Each file is deleted when it is packed, so that the disk doesn't hold it twice.
    """
    files = sorted(p for p in bundle.rglob("*") if p.is_file())
    total, written_bytes = sum(p.stat().st_size for p in files), 0
    with open_atomic(target, "wb") as raw, zipfile.ZipFile(raw, "w") as archive:
        for path in files:
            entry = _entry(path, bundle)
            if path == bundle / MANIFEST:
                entry.comment = record  # unzip prints the comment of an archive, not of an entry
            with path.open("rb") as source, archive.open(entry, "w") as packed:
                while block := source.read(_BLOCK):
                    progress("Packing, in MB", written_bytes // _MB, total // _MB)
                    packed.write(block)
                    written_bytes += len(block)
            path.unlink()


def _entry(path: Path, bundle: Path) -> zipfile.ZipInfo:
    name = f"{bundle.name}/{path.relative_to(bundle).as_posix()}"
    entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
    small = entry.file_size < _COMPRESS_BELOW
    entry.compress_type = zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED
    return entry
