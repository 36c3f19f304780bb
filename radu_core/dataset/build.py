"""Building a module's dataset. Exemplars are in memory, as in the index; rows never are."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from radu_core.dataset.config import DatasetConfig, Retriever, check_config
from radu_core.dataset.fit import Fitted, shortened_line
from radu_core.dataset.labels import label_line
from radu_core.dataset.making import BATCH, Made, Maker, Usable, usable
from radu_core.dataset.manifest import FILE, SPLITS, VERSION, Manifest, Sizes, read_manifest
from radu_core.dataset.rows import DatasetRow
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json, content_hash, file_hash, whole_directory, write_json
from radu_core.progress import Progress, silent
from radu_core.prompts import Judgements, PromptRow, TemplateSet, judgements_hash
from radu_core.schema import Schema
from radu_core.tokenizing import Tokenizer, facts

__all__ = ["build_dataset"]

_LISTS = ("discards", "suspects", "shortened", "labels")


def build_dataset(
    schema: Schema,
    exemplars: Sequence[AnnotatedExemplar],
    index: Retriever,
    templates: TemplateSet,
    config: DatasetConfig,
    directory: Path,
    *,
    tokenizer: Tokenizer | None = None,
    judgements: Judgements | None = None,
    progress: Progress = silent,
) -> Manifest:
    """Build the dataset of one module into ``directory`` (conventionally ``<out>/<module>``).

    Only eligible exemplars give rows (``eligibility``); the others are counted by reason and listed
    among the discards. Every row retrieves from the
    training index without its own exemplar or its duplicates. Validation and test get the plain
    rows only, without the ones made to vary the prompt. ``tokenizer`` counts the rows' tokens;
    without one nothing is shortened. ``judgements`` are what people said of pairs of exemplars.
    """
    check_config(config)
    parts = usable(schema, exemplars, config)
    maker = Maker(schema, index, templates, config, tokenizer, judgements or {}, parts.over_cap)
    with whole_directory(directory) as new:
        tally = _write_rows(maker, parts, new, progress)
        manifest = Manifest(
            version=VERSION,
            module=schema.module,
            config=config,
            schema_hash=schema.hash,
            exemplars_hash=_exemplars_hash(parts.exemplars),
            templates_hash=templates.hash,
            judgements_hash=judgements_hash(judgements or {}),
            index=index.fingerprint,
            embedder=index.embedder.name,
            counts={s: dict(sorted(tally.counts[s].items())) for s in SPLITS},
            exemplars=dict(sorted(tally.exemplars.items())),
            left_out=parts.left_out,
            discards=dict(sorted(tally.discards.items())),
            suspects=tally.suspects,
            functions={f.name: content_hash(f.model_dump(mode="json")) for f in schema.functions},
            templates={n: content_hash(templates.source(n)) for n in templates.names()},
            shortened=dict(sorted(tally.shortened.items())),
            tokenizer=facts(tokenizer),
            tokens={k: Sizes.of(h) for k, h in sorted(tally.tokens.items())},
            files={p.name: file_hash(p) for p in sorted(new.glob("*.jsonl"))},
        )
        write_json(new / FILE, manifest.model_dump(mode="json"))
        return read_manifest(new)


@dataclass
class _Tally:
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {s: Counter() for s in SPLITS})
    exemplars: Counter[str] = field(default_factory=Counter)
    discards: Counter[str] = field(default_factory=Counter)
    shortened: Counter[str] = field(default_factory=Counter)
    tokens: dict[str, Counter[int]] = field(default_factory=dict)
    suspects: int = 0

    def row(self, split: str, row: PromptRow, fitted: Fitted) -> None:
        self.counts[split][f"{row.strategy}/{row.kind}"] += 1
        self.shortened[f"{row.strategy}/{row.kind}"] += fitted.is_shorter
        if fitted.tokens is not None:
            self.tokens.setdefault(f"{split}/{row.strategy}", Counter())[fitted.tokens] += 1


def _write_rows(maker: Maker, parts: Usable, directory: Path, progress: Progress) -> _Tally:
    tally = _Tally()
    total = len(parts.exemplars)
    names = [*SPLITS, *_LISTS]
    files = {n: (directory / f"{n}.jsonl").open("w", encoding="utf-8", newline="\n") for n in names}
    try:
        files["discards"].writelines(map(_line, parts.lines))
        count = 0
        for batch in maker.batches(parts.exemplars):
            progress("Building rows", count, total)
            for rows in batch:
                _write(files, maker.schema.module, rows, tally)
            count += BATCH
    finally:
        for file in files.values():
            file.close()
    progress("Building rows", total, total)
    tally.shortened = +tally.shortened
    return tally


def _write(files: Mapping[str, IO[str]], module: str, rows: Made, tally: _Tally) -> None:
    split = rows.exemplar.split
    is_used = False
    for id, fitted in rows.rows:
        row = fitted.row
        if row is None:
            continue
        is_used = True
        dataset_row = DatasetRow.of(
            row, id=id, module=module, exemplar_hash=rows.hash, tokens=fitted.tokens
        )
        files[split].write(dataset_row.line())
        tally.row(split, row, fitted)
        if fitted.is_shorter:
            files["shortened"].write(_line(shortened_line(fitted, id, split)))
    tally.exemplars[split] += is_used
    if is_used and split == "train":
        files["labels"].write(label_line(module, rows.exemplar))
    for discard in rows.discards:
        files["discards"].write(_line(discard))
        tally.discards[f"{discard['strategy']}: {discard['reason']}"] += 1
    for suspect in rows.suspects:
        files["suspects"].write(_line(suspect))
        tally.suspects += 1


def _line(value: dict[str, Any]) -> str:
    return canonical_json(value) + "\n"


def _exemplars_hash(exemplars: Sequence[AnnotatedExemplar]) -> str:
    """SHA-256 over the exemplars, one after the other."""
    digest = hashlib.sha256()
    for exemplar in exemplars:
        digest.update(canonical_json(exemplar.model_dump(mode="json")).encode() + b"\n")
    return digest.hexdigest()
