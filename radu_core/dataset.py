"""Fine-tuning datasets: rows with negatives from exemplars, a retriever, strategies and templates.

A dataset is a directory with ``train.jsonl``, ``validation.jsonl``, ``test.jsonl``,
``discards.jsonl``, ``suspects.jsonl`` and ``manifest.json``, written last. The directory appears
whole or not at all, and the same inputs and seed give the same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from radu_core.alignment import conflict
from radu_core.errors import DatasetError, InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json, content_hash, disk_errors, file_hash, write_json
from radu_core.progress import Progress, silent
from radu_core.prompts import (
    SLOT_POOL,
    STRATEGIES,
    Discard,
    Judgements,
    PromptRow,
    RowOptions,
    Rows,
    Suspect,
    TemplateSet,
    judgements_hash,
    rows_for,
)
from radu_core.prompts.negatives import POOL
from radu_core.schema import Schema

if TYPE_CHECKING:
    from radu_core.retrieval import ModuleIndex, Retrieved

__all__ = [
    "DatasetConfig",
    "Manifest",
    "build_dataset",
    "read_manifest",
    "read_rows",
]

_SPLITS = ("train", "validation", "test")
_MANIFEST = "manifest.json"
_BATCH = 256


class DatasetConfig(BaseModel):
    """What a dataset is made of: tasks, how much is retrieved, and the rows' options."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategies: tuple[str, ...] = ("rag", "all")
    k_desc: int = Field(default=3, ge=0, le=50)
    rows: RowOptions = RowOptions()


class Manifest(BaseModel):
    """What a dataset was made from and what became of every exemplar.

    ``counts`` is split → task/kind → rows; ``exemplars`` is split → exemplars with at least one
    row; ``discards`` is task: reason → exemplars; ``files`` holds SHA-256 of every other file.
    """

    model_config = ConfigDict(extra="forbid")

    version: int = 1
    module: str
    config: DatasetConfig
    schema_hash: str
    exemplars_hash: str
    templates_hash: str
    judgements_hash: str = ""
    index: str
    embedder: str
    counts: dict[str, dict[str, int]]
    exemplars: dict[str, int]
    unresolved: int
    discards: dict[str, int]
    suspects: int
    files: dict[str, str]

    @property
    def hash(self) -> str:
        """SHA-256 over the manifest: the dataset's identity."""
        return content_hash(self.model_dump(mode="json"))

    def rows(self, split: str) -> int:
        """The number of rows of a split."""
        return sum(self.counts.get(split, {}).values())


def build_dataset(
    schema: Schema,
    exemplars: Sequence[AnnotatedExemplar],
    index: ModuleIndex,
    templates: TemplateSet,
    config: DatasetConfig,
    directory: Path,
    *,
    judgements: Judgements | None = None,
    progress: Progress = silent,
) -> Manifest:
    """Build the dataset of one module into ``directory`` (conventionally ``<out>/<module>``).

    Only resolved exemplars give rows; the others are counted, and so are those whose labels
    contradict the schema (it was replaced since they were resolved). Every row retrieves from the
    training index without its own exemplar or its duplicates. Validation and test get the plain
    rows only, without the ones made to vary the prompt. ``judgements`` are what people said of
    pairs of exemplars: which mean the same, and which don't.
    """
    for name in config.strategies:
        if name not in STRATEGIES:
            raise InputError(
                "No such strategy", value=name, remedy=f"Use some of {', '.join(STRATEGIES)}."
            )
    resolved = sorted((e for e in exemplars if e.outcome == "resolved"), key=lambda e: e.id)
    if not any(e.split == "train" and not conflict(schema, e) for e in resolved):
        raise InputError(
            f"{schema.module} has no resolved training exemplars",
            remedy="Import utterances and resolve them first.",
        )
    with disk_errors(directory):
        directory.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
        try:
            said = judgements or {}
            tally = _write_rows(schema, resolved, index, templates, config, new, said, progress)
            manifest = Manifest(
                module=schema.module,
                config=config,
                schema_hash=schema.hash,
                exemplars_hash=content_hash([e.model_dump(mode="json") for e in resolved]),
                templates_hash=templates.hash,
                judgements_hash=judgements_hash(said),
                index=index.fingerprint,
                embedder=index.embedder.name,
                counts={s: dict(sorted(tally.counts[s].items())) for s in _SPLITS},
                exemplars=dict(sorted(tally.exemplars.items())),
                unresolved=len(exemplars) - len(resolved),
                discards=dict(sorted(tally.discards.items())),
                suspects=tally.suspects,
                files={p.name: file_hash(p) for p in sorted(new.glob("*.jsonl"))},
            )
            write_json(new / _MANIFEST, manifest.model_dump(mode="json"))
            _put_in_place(new, directory)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return manifest


@dataclass
class _Tally:
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {s: Counter() for s in _SPLITS})
    exemplars: Counter[str] = field(default_factory=Counter)
    discards: Counter[str] = field(default_factory=Counter)
    suspects: int = 0
    listed: set[Suspect] = field(default_factory=set)  # of the exemplar at hand


def _write_rows(
    schema: Schema,
    resolved: Sequence[AnnotatedExemplar],
    index: ModuleIndex,
    templates: TemplateSet,
    config: DatasetConfig,
    directory: Path,
    judgements: Judgements,
    progress: Progress,
) -> _Tally:
    tally = _Tally()
    names = [*_SPLITS, "discards", "suspects"]
    files = {n: (directory / f"{n}.jsonl").open("w", encoding="utf-8", newline="\n") for n in names}
    try:
        for start in range(0, len(resolved), _BATCH):
            progress("Building rows", start, len(resolved))
            batch = resolved[start : start + _BATCH]
            for exemplar, found in zip(batch, _retrieve(index, batch, config), strict=True):
                used = False
                tally.listed.clear()
                if conflict(schema, exemplar):
                    _write(files, exemplar, _contradicting(exemplar), tally)
                    continue
                for strategy in config.strategies:
                    options = config.rows if exemplar.split == "train" else _plain(config.rows)
                    made = rows_for(
                        strategy, exemplar, schema, found, templates, options=options,
                        judgements=judgements,
                    )  # fmt: skip
                    _write(files, exemplar, made, tally)
                    used = used or bool(made.rows)
                tally.exemplars[exemplar.split] += used
    finally:
        for file in files.values():
            file.close()
    progress("Building rows", len(resolved), len(resolved))
    return tally


def _contradicting(exemplar: AnnotatedExemplar) -> Rows:
    why = "its labels contradict the schema: resolve again"
    return Rows(discards=[Discard(exemplar.id, "every task", why)])


def _retrieve(
    index: ModuleIndex, batch: Sequence[AnnotatedExemplar], config: DatasetConfig
) -> list[Retrieved]:
    from radu_core.retrieval import Query

    queries = [Query(e.utterance, e.id, e.template, e.function) for e in batch]
    pool = POOL if "knn" in config.strategies else SLOT_POOL
    k = max(pool, config.rows.k_exemplar)
    return index.search(queries, k_desc=config.k_desc, k_exemplar=k)


def _plain(options: RowOptions) -> RowOptions:
    return options.model_copy(update={"removed_share": 0.0, "fewer_share": 0.0, "zero_share": 0.0})


def _write(
    files: Mapping[str, IO[str]], exemplar: AnnotatedExemplar, made: Rows, tally: _Tally
) -> None:
    for row in made.rows:
        files[exemplar.split].write(_line(_as_json(row)))
        tally.counts[exemplar.split][f"{row.strategy}/{row.kind}"] += 1
    for discard in made.discards:
        files["discards"].write(_line({"split": exemplar.split, **asdict(discard)}))
        tally.discards[f"{discard.strategy}: {discard.reason}"] += 1
    for suspect in made.suspects:
        if suspect in tally.listed:  # another task has found it, too
            continue
        tally.listed.add(suspect)
        files["suspects"].write(_line(asdict(suspect)))
        tally.suspects += 1


def _as_json(row: PromptRow) -> dict[str, Any]:
    return {
        "prompt": row.prompt,
        "completion": row.completion,
        "task": row.strategy,
        "kind": row.kind,
        "function": row.function,
        "slot": row.slot,
        "exemplar_id": row.exemplar_id,
        "negative": row.negative,
        "candidates": list(row.candidates),
        "exemplar_ids": list(row.exemplar_ids),
        "answer_present": row.answer_present,
    }


def _line(value: dict[str, Any]) -> str:
    return canonical_json(value) + "\n"


def _put_in_place(new: Path, directory: Path) -> None:
    new.chmod(0o755)
    old = new.with_name(new.name + ".old")
    if directory.exists():
        os.replace(directory, old)
    os.replace(new, directory)
    shutil.rmtree(old, ignore_errors=True)


def read_manifest(directory: Path, *, verify: bool = False) -> Manifest:
    """A dataset's manifest; with ``verify`` its files are checked against their hashes.

    Raises ``DatasetError`` when there is none, or when a file isn't what the manifest says.
    """
    path = directory / _MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(
            "There is no dataset", value=str(directory), remedy="Build it: radu build-dataset."
        ) from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} isn't a manifest", remedy="Build the dataset again.") from error
    for name, expected in manifest.files.items() if verify else ():
        file = directory / name
        if not file.is_file() or file_hash(file) != expected:
            raise DatasetError(
                f"{file} isn't the file the manifest was written for",
                remedy="Build the dataset again.",
            )
    return manifest


def read_rows(directory: Path, split: str) -> Iterator[dict[str, Any]]:
    """The rows of a split, in file order."""
    path = directory / f"{split}.jsonl"
    if not path.is_file():
        raise DatasetError("No such split", value=str(path), remedy="Build the dataset again.")
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
