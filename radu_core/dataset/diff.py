"""What differs between two datasets, row by row, and why.

Both are read once, into a temporary SQLite file: memory doesn't grow with the rows.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import BaseModel, ConfigDict

from radu_core.dataset.causes import Causes, Side, facts_of
from radu_core.dataset.manifest import (
    SPLITS,
    Manifest,
    Mixture,
    read_dataset,
)
from radu_core.dataset.rows import DatasetRow, parse_row
from radu_core.errors import DatasetError
from radu_core.files import canonical_json, open_atomic, readable
from radu_core.progress import Progress, silent

__all__ = ["DatasetDiff", "Difference", "diff_datasets", "read_differences"]

_EVERY = 1000
_SCHEMA = """
CREATE TABLE row (side INT, key TEXT, split TEXT, at INT, digest BLOB, PRIMARY KEY (side, key))
    WITHOUT ROWID;
CREATE TABLE exemplar (side INT, key TEXT, hash TEXT, split TEXT, PRIMARY KEY (side, key))
    WITHOUT ROWID;
CREATE TABLE discard (side INT, key TEXT, task TEXT, kind TEXT, id TEXT, reason TEXT);
"""
_COMPARED = """
SELECT a.key AS key, a.split, a.at, b.split, b.at FROM row a LEFT JOIN row b
    ON b.side = 1 AND b.key = a.key
    WHERE a.side = 0 AND (b.digest IS NULL OR b.digest <> a.digest)
UNION ALL
SELECT b.key, NULL, NULL, b.split, b.at FROM row b LEFT JOIN row a
    ON a.side = 0 AND a.key = b.key WHERE b.side = 1 AND a.key IS NULL
ORDER BY 1
"""


class Difference(BaseModel):
    """A row that isn't the same in both: ``old`` and ``new`` are the rows, None where it's absent.

    ``why`` are the causes found, the most direct first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    change: Literal["added", "removed", "changed"]
    module: str
    id: str
    task: str
    kind: str
    exemplar_id: str
    why: tuple[str, ...]
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class DatasetDiff(BaseModel):
    """What differs, counted over all rows.

    ``facts`` is what differs between the manifests, ``kinds`` is task/kind → change → rows, ``why``
    is cause → change → rows (a row may have several), and ``sample`` are the first differences of
    every change.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    old: str
    new: str
    same: int
    added: int
    removed: int
    changed: int
    facts: tuple[str, ...]
    kinds: dict[str, dict[str, int]]
    why: dict[str, dict[str, int]]
    sample: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether every row is in both, the same."""
        return not (self.added or self.removed or self.changed)


def diff_datasets(
    old: Path,
    new: Path,
    *,
    out: Path | None = None,
    sample: int = 50,
    progress: Progress = silent,
) -> DatasetDiff:
    """Compare two datasets, of a module each or mixtures. Rows are matched by module and id.

    ``out`` gets every difference as JSONL, with both rows and the causes. Raises ``DatasetError``
    for what isn't a dataset.
    """
    manifests = [read_dataset(path, verify=True) for path in (old, new)]
    tally = _Counted(Counter(), {}, {}, [], sample)
    folders = [_folders(p, m) for p, m in zip((old, new), manifests, strict=True)]
    with _database() as db:
        total = sum(m.rows(s) for m in manifests for s in SPLITS)
        count = 0
        for side, path in enumerate((old, new)):
            for some in _read_side(db, side, path):
                count += some
                progress("Reading both datasets", count, total)
            _read_discards(db, side, folders[side])
        causes = Causes(*(Side(db, n, manifests[n], frozenset(folders[n])) for n in (0, 1)))
        _compare(db, (old, new), causes, tally, out, progress)
    before = sum(manifests[0].rows(s) for s in SPLITS)
    changes = tally.changes
    return DatasetDiff(
        old=str(old),
        new=str(new),
        same=before - changes["removed"] - changes["changed"],
        added=changes["added"],
        removed=changes["removed"],
        changed=changes["changed"],
        facts=tuple(facts_of(manifests[0], manifests[1])),
        kinds={k: dict(sorted(v.items())) for k, v in sorted(tally.kinds.items())},
        why={
            k: dict(sorted(v.items()))
            for k, v in sorted(tally.why.items(), key=lambda i: (-i[1].total(), i[0]))
        },
        sample=tuple(tally.sample),
    )


@contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="radu-diff-"))
        db = stack.enter_context(closing(sqlite3.connect(Path(scratch) / "rows.sqlite")))
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
        yield db


def _read_side(db: sqlite3.Connection, side: int, path: Path) -> Iterator[int]:
    """Put a dataset's rows into the database; yields how many were put at a time."""
    for split in SPLITS:
        rows: list[tuple[Any, ...]] = []
        exemplars: dict[str, tuple[Any, ...]] = {}
        for at, line in _lines(path / f"{split}.jsonl"):
            row = parse_row(line)
            rows.append((side, _key(row), split, at, _digest(row, split)))
            exemplars[row.exemplar] = (side, row.exemplar, row.exemplar_hash, split)
            if len(rows) == _EVERY:
                yield _store(db, rows, exemplars)
        yield _store(db, rows, exemplars)


def _store(
    db: sqlite3.Connection, rows: list[tuple[Any, ...]], exemplars: dict[str, tuple[Any, ...]]
) -> int:
    try:
        db.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?)", rows)
    except sqlite3.IntegrityError as error:
        raise DatasetError(
            "A dataset has two rows of the same id", remedy="Build the dataset again."
        ) from error
    db.executemany("INSERT OR IGNORE INTO exemplar VALUES (?, ?, ?, ?)", exemplars.values())
    row_count = len(rows)
    rows.clear()
    exemplars.clear()
    return row_count


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line with the byte at which it begins."""
    at = 0
    with readable(path), path.open("rb") as file:
        for line in file:
            yield at, line
            at += len(line)


def _key(row: DatasetRow) -> str:
    return f"{row.module}\n{row.id}\n{row.copy}"


def _digest(row: DatasetRow, split: str) -> bytes:
    """What makes a row the same: its split and what is fed."""
    text = "\0".join([split, row.prompt, row.completion])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def _read_discards(db: sqlite3.Connection, side: int, folders: Mapping[str, Path]) -> None:
    """Why exemplars have no row, of the modules in these directories."""
    for module, folder in folders.items():
        file = folder / "discards.jsonl"
        if file.is_file():
            db.executemany(
                "INSERT INTO discard VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (
                        side,
                        f"{module}\n{d['exemplar_id']}",
                        d["strategy"],
                        d.get("kind"),
                        d.get("id"),
                        d["reason"],
                    )
                    for d in (json.loads(line) for _, line in _lines(file))
                ),
            )
    db.execute(f"CREATE INDEX IF NOT EXISTS discard_{side} ON discard (side, key)")


def _folders(path: Path, manifest: Manifest | Mixture) -> dict[str, Path]:
    """Where each module's own dataset lies; of a mixture, those that weren't built again since."""
    if isinstance(manifest, Manifest):
        return {manifest.module: path}
    folders = {}
    for module, part in manifest.parts.items():
        with suppress(DatasetError):
            if read_dataset(path.parent / module).hash == part.hash:
                folders[module] = path.parent / module
    return folders


@dataclass
class _Counted:
    changes: Counter[str]
    kinds: dict[str, Counter[str]]
    why: dict[str, Counter[str]]
    sample: list[Difference]
    per_change: int

    def add(self, difference: Difference) -> None:
        self.changes[difference.change] += 1
        if self.changes[difference.change] <= self.per_change:
            self.sample.append(difference)
        self.kinds.setdefault(f"{difference.task}/{difference.kind}", Counter())[
            difference.change
        ] += 1
        for cause in difference.why:
            self.why.setdefault(cause, Counter())[difference.change] += 1


def _compare(
    db: sqlite3.Connection,
    paths: tuple[Path, Path],
    causes: Causes,
    tally: _Counted,
    out: Path | None,
    progress: Progress,
) -> None:
    with ExitStack() as stack:
        files = [
            {s: stack.enter_context((p / f"{s}.jsonl").open("rb")) for s in SPLITS} for p in paths
        ]
        sink: IO[str] | None = stack.enter_context(open_atomic(out)) if out else None
        for number, (_, *places) in enumerate(db.execute(_COMPARED)):
            if number % _EVERY == 0:
                progress("Comparing rows", number, 0)
            before = _at(files[0], places[0], places[1])
            after = _at(files[1], places[2], places[3])
            difference = _difference(before, after, (places[0], places[2]), causes)
            tally.add(difference)
            if sink is not None:
                sink.write(canonical_json(difference.model_dump(mode="json")) + "\n")


def _at(files: Mapping[str, IO[bytes]], split: str | None, at: int | None) -> DatasetRow | None:
    if split is None or at is None:
        return None
    files[split].seek(at)
    return parse_row(files[split].readline())


def _difference(
    before: DatasetRow | None,
    after: DatasetRow | None,
    splits: tuple[str | None, str | None],
    causes: Causes,
) -> Difference:
    row = after or before
    assert row is not None
    change: Literal["added", "removed", "changed"] = (
        "added" if before is None else "removed" if after is None else "changed"
    )
    if before is not None and after is not None:
        why = causes.of_change(before, after, splits)
    else:
        why = causes.of_absence(row, absent=0 if before is None else 1)
    return Difference(
        change=change,
        module=row.module,
        id=row.id,
        task=row.task,
        kind=row.kind,
        exemplar_id=row.exemplar_id,
        why=tuple(dict.fromkeys(why)),
        old=None if before is None else {"split": splits[0], **before.as_json()},
        new=None if after is None else {"split": splits[1], **after.as_json()},
    )


def read_differences(path: Path) -> Iterator[Difference]:
    """The differences that ``diff_datasets`` wrote to ``path``."""
    for _, line in _lines(path):
        yield Difference.model_validate_json(line)
