"""Mixing the datasets of several modules into one, for a generalised model.

Training rows are drawn by weight and interleaved evenly, as they are read: nothing is kept in
memory. A row that is drawn once is, byte for byte, the row in its module's own dataset.
"""

from __future__ import annotations

import hashlib
import heapq
import io
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from radu_core.dataset.labels import LABELS
from radu_core.dataset.manifest import (
    FILE,
    SPLITS,
    VERSION,
    Manifest,
    Mixture,
    Part,
    Sizes,
    read_dataset,
    read_manifest,
)
from radu_core.dataset.rows import parse_row
from radu_core.errors import DatasetError, InputError
from radu_core.files import file_hash, whole_directory, write_json
from radu_core.progress import Progress, silent

__all__ = ["check_weights", "mix", "weight_of"]

_HEAVIEST = 100.0
_EVERY = 1000  # rows between two reports


def weight_of(weights: Mapping[str, float], module: str, task: str) -> float:
    """The weight of a module's task: ``module/task``, else ``module``, else ``*/task``, else 1."""
    for key in (f"{module}/{task}", module, f"*/{task}"):
        if key in weights:
            return weights[key]
    return 1.0


def mix(
    parts: Sequence[Path],
    directory: Path,
    *,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Mixture:
    """Mix datasets of modules into ``directory`` (conventionally ``<out>/mixture``).

    A weight of 1 takes every training row once, 0 leaves the task out (of all splits), 0.5 draws
    half of the rows at random, 2.5 takes each row twice and half of them a third time.
    A repeated row
    carries its number as ``copy``. Validation and test are the parts' own, one after the other.
    """
    weight_by_part = dict(weights or {})
    with ExitStack() as stack:
        open_parts = [_open(path, stack) for path in parts]
        _check([part.manifest for part in open_parts], weight_by_part)
        sorted_parts = sorted(open_parts, key=lambda part: part.manifest.module)
        new = stack.enter_context(whole_directory(directory))
        tally = _Drawn()
        _write_train(sorted_parts, new, weight_by_part, seed, tally, progress)
        for split in ("validation", "test"):
            _write_plain(sorted_parts, new, split, weight_by_part, tally)
        _write_labels(sorted_parts, new)
        mixture = Mixture(
            version=VERSION,
            seed=seed,
            parts={
                p.manifest.module: _part(p.manifest, weight_by_part, tally) for p in sorted_parts
            },
            tokens=_sizes(sorted_parts, tally),
            counts={s: dict(sorted(tally.counts[s].items())) for s in SPLITS},
            files={p.name: file_hash(p) for p in sorted(new.glob("*.jsonl"))},
        )
        write_json(new / FILE, mixture.model_dump(mode="json"))
        result = read_dataset(new)
    assert isinstance(result, Mixture)
    return result


@dataclass(frozen=True)
class _Open:
    """A dataset whose files stay open, so that one built in its place meanwhile isn't read."""

    manifest: Manifest
    files: Mapping[str, io.BufferedReader]

    def lines(self, split: str, task: str) -> Iterator[bytes]:
        """The lines of a task, unchanged.

        Quotes inside a JSON string are escaped, so the pattern never matches within a prompt.
        """
        sign = f'"task":"{task}"'.encode()
        with io.BufferedReader(_Pass(self.files[split].fileno())) as file:
            for line in file:
                if sign in line:
                    yield line


class _Pass(io.RawIOBase):
    """Reads an open file from its start at a position of its own: passes can run side by side."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._descriptor, len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _open(path: Path, stack: ExitStack) -> _Open:
    """Open a dataset; ``DatasetError`` if a file isn't what its manifest says."""
    manifest = read_manifest(path)
    files: dict[str, io.BufferedReader] = {}
    labels = ["labels"] if LABELS in manifest.files else []
    for name in [*SPLITS, *labels]:
        file = path / f"{name}.jsonl"
        try:
            files[name] = stack.enter_context(file.open("rb"))
            same = hashlib.file_digest(files[name], "sha256").hexdigest()
        except OSError:
            same = ""
        if same != manifest.files.get(file.name):
            raise DatasetError(
                f"{file} isn't the file the manifest was written for",
                remedy="Build the dataset again.",
            )
    return _Open(manifest, files)


def _check(manifests: Sequence[Manifest], weights: Mapping[str, float]) -> None:
    modules = [m.module for m in manifests]
    if not modules:
        raise InputError("A mixture has no module", remedy="Name one module or more.")
    if len(set(modules)) != len(modules):
        raise InputError(
            "A mixture names a module twice", value=modules, remedy="Name each module once."
        )
    check_weights(weights, modules, [t for m in manifests for t in m.config.strategies])
    if not any(
        rows and weight_of(weights, m.module, task) > 0
        for m in manifests
        for task, rows in _rows_in(m).items()
    ):
        raise InputError("These weights leave no training row", remedy="Raise one of them.")


def check_weights(
    weights: Mapping[str, float], modules: Sequence[str], tasks: Sequence[str]
) -> None:
    """``InputError`` for a weight of something else, or one that isn't from 0 to 100."""
    keys = {*modules, *(f"{m}/{t}" for m in (*modules, "*") for t in tasks)}
    for key, weight in weights.items():
        if key not in keys:
            raise InputError(
                "A weight is for something that isn't in the mixture",
                value=key,
                remedy=f"Use some of {', '.join(sorted(keys))}.",
            )
        if not 0 <= weight <= _HEAVIEST:  # NaN, too
            raise InputError(
                f"The weight of {key} can't be used",
                value=weight,
                remedy=f"Use a number from 0 to {_HEAVIEST:g}.",
            )


@dataclass
class _Drawn:
    """What was taken: rows by module/task, of these repeated; by split rows and their tokens."""

    out: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {s: Counter() for s in SPLITS})
    tokens: dict[str, Counter[int]] = field(default_factory=dict)


def _part(manifest: Manifest, weights: Mapping[str, float], tally: _Drawn) -> Part:
    drew = {}
    for task, rows in _rows_in(manifest).items():
        key = f"{manifest.module}/{task}"
        drew[task] = {"in": rows, "out": tally.out[key], "repeated": tally.repeated[key]}
    tasks = {t: weight_of(weights, manifest.module, t) for t in manifest.config.strategies}
    return Part(hash=manifest.hash, manifest=manifest, weights=tasks, drawn=drew)


def _rows_in(manifest: Manifest) -> dict[str, int]:
    """Training rows by task."""
    rows: Counter[str] = Counter(dict.fromkeys(manifest.config.strategies, 0))
    for kind, count in manifest.counts.get("train", {}).items():
        rows[kind.partition("/")[0]] += count
    return dict(rows)


def _write_train(
    parts: Sequence[_Open],
    new: Path,
    weights: Mapping[str, float],
    seed: int,
    tally: _Drawn,
    progress: Progress,
) -> None:
    streams = []
    expected = 0.0
    for part in parts:
        for task, rows in _rows_in(part.manifest).items():
            weight = weight_of(weights, part.manifest.module, task)
            if rows and weight:
                expected += rows * weight
                streams.append(_stream(part, task, rows, weight, seed))
    with (new / "train.jsonl").open("wb") as file:
        for number, (_, key, line, copy) in enumerate(heapq.merge(*streams)):
            if number % _EVERY == 0:
                progress("Mixing rows", min(number, int(expected)), int(expected))
            tally.out[key] += 1
            tally.repeated[key] += copy > 0
            _put(file, line, "train", tally)
    progress("Mixing rows", int(expected), int(expected))


def _stream(
    part: _Open, task: str, rows: int, weight: float, seed: int
) -> Iterator[tuple[float, str, bytes, int]]:
    """A task's drawn rows with their places in the mixture, ascending from 0 to 1.

    Pass after pass over the file, each row at an even distance from the last, so that all streams
    run out together whatever their sizes.
    """
    module = part.manifest.module
    key = f"{module}/{task}"
    phase = _lot(f"{seed}:{key}")
    for copy in range(math.ceil(weight)):
        share = min(1.0, weight - copy)
        for number, line in enumerate(part.lines("train", task)):
            if share < 1 and _lot(f"{seed}:{module}:{parse_row(line).id}") >= share:
                continue
            place = (copy + share * (number + phase) / rows) / weight
            yield place, key, _mark_copy(line, copy), copy


def _mark_copy(line: bytes, copy: int) -> bytes:
    if copy == 0:
        return line
    return replace(parse_row(line), copy=copy).line().encode()


def _lot(text: str) -> float:
    """A number in [0, 1) that depends on ``text`` alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / (1 << 56)


def _write_plain(
    parts: Sequence[_Open],
    new: Path,
    split: str,
    weights: Mapping[str, float],
    tally: _Drawn,
) -> None:
    with (new / f"{split}.jsonl").open("wb") as file:
        for part in parts:
            for task in part.manifest.config.strategies:
                if weight_of(weights, part.manifest.module, task):
                    for line in part.lines(split, task):
                        _put(file, line, split, tally)


def _write_labels(parts: Sequence[_Open], new: Path) -> None:
    """The labels of all parts; none where a part was built before datasets held them."""
    if all("labels" in part.files for part in parts):
        with (new / LABELS).open("wb") as file:
            for part in parts:
                with io.BufferedReader(_Pass(part.files["labels"].fileno())) as lines:
                    file.writelines(lines)


def _put(file: IO[bytes], line: bytes, split: str, tally: _Drawn) -> None:
    row = parse_row(line)
    tally.counts[split][f"{row.task}/{row.kind}"] += 1
    if row.tokens is not None:
        tally.tokens.setdefault(f"{split}/{row.task}", Counter())[row.tokens] += 1
    file.write(line)


def _sizes(parts: Sequence[_Open], tally: _Drawn) -> dict[str, Sizes]:
    """Those of different tokenizers can't be put together."""
    if len({part.manifest.tokenizer for part in parts}) > 1:
        return {}
    return {key: Sizes.of(tokens) for key, tokens in sorted(tally.tokens.items())}
