"""What a dataset would hold, from a sample of the exemplars, before it is built."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from radu_core.dataset.config import DatasetConfig, Retriever, check_config
from radu_core.dataset.making import Made, Maker, usable
from radu_core.dataset.manifest import SPLITS, Sizes
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash
from radu_core.progress import Progress, silent
from radu_core.prompts import Judgements, TemplateSet
from radu_core.schema import Schema
from radu_core.tokenizing import Tokenizer

__all__ = ["Preview", "PreviewLine", "preview_dataset"]

_CONFIDENCE = 1.96


@dataclass(frozen=True)
class PreviewLine:
    """Rows of one kind: about ``rows`` ± ``error`` (95 %), exactly so where ``error`` is 0.

    ``negatives`` and ``shortened`` are shares of the rows looked at, ``sizes`` their tokens.
    """

    module: str
    split: str
    task: str
    kind: str
    rows: int
    error: int
    negatives: float
    shortened: float
    sizes: Sizes | None


@dataclass(frozen=True)
class Preview:
    """A module's dataset as it would be.

    ``discards`` is task: reason → about how many; ``lengths`` is task → tokens → rows looked at.
    """

    module: str
    lines: tuple[PreviewLine, ...]
    discards: dict[str, int]
    suspects: int
    left_out: dict[str, int]
    looked_at: dict[str, int]
    exemplars: dict[str, int]
    lengths: dict[str, dict[int, int]]

    @property
    def exact(self) -> bool:
        """Whether every exemplar was looked at."""
        return self.looked_at == self.exemplars

    def rows(self, split: str) -> tuple[int, int]:
        """About how many rows a split would have, and the error of that."""
        lines = [line for line in self.lines if line.split == split]
        return sum(n.rows for n in lines), round(math.hypot(*(n.error for n in lines)))


def preview_dataset(
    schema: Schema,
    exemplars: Sequence[AnnotatedExemplar],
    index: Retriever,
    templates: TemplateSet,
    config: DatasetConfig,
    *,
    tokenizer: Tokenizer | None = None,
    judgements: Judgements | None = None,
    sample: int = 300,
    progress: Progress = silent,
) -> Preview:
    """The rows of up to ``sample`` exemplars of each split, by the code that builds, scaled up.

    The sample is the same every time: the exemplars whose ids have the lowest hashes.
    """
    check_config(config)
    fit = usable(schema, exemplars, config)
    maker = Maker(schema, index, templates, config, tokenizer, judgements or {}, fit.over_cap)
    samples = {s: _sample([e for e in fit.exemplars if e.split == s], sample) for s in SPLITS}
    total: Counter[str] = Counter(e.split for e in fit.exemplars)
    tally = _Found()
    todo = [e for split in SPLITS for e in samples[split]]
    for number, batch in enumerate(maker.batches(todo)):
        progress("Looking at a sample", min(len(todo), number * len(batch)), len(todo))
        for rows in batch:
            tally.add(rows)
    looked_at = {s: len(samples[s]) for s in SPLITS}
    scale = {s: total[s] / looked_at[s] if looked_at[s] else 0.0 for s in SPLITS}
    return Preview(
        module=schema.module,
        lines=tuple(tally.lines(schema.module, looked_at, total)),
        discards=_scale(tally.discards, scale),
        suspects=sum(_scale(tally.suspects, scale).values()),
        left_out=fit.left_out,
        looked_at=looked_at,
        exemplars={s: total[s] for s in SPLITS},
        lengths={task: dict(sorted(h.items())) for task, h in sorted(tally.lengths.items())},
    )


def _sample(exemplars: Sequence[AnnotatedExemplar], size: int) -> list[AnnotatedExemplar]:
    chosen_exemplars = sorted(exemplars, key=lambda e: content_hash(e.id))[:size]
    return sorted(chosen_exemplars, key=lambda e: e.id)


@dataclass
class _Kind:
    per_exemplar: list[int] = field(default_factory=list)  # those with a row; the others have none
    negatives: int = 0
    shortened: int = 0
    tokens: Counter[int] = field(default_factory=Counter)


@dataclass
class _Found:
    kinds: dict[tuple[str, str, str], _Kind] = field(default_factory=dict)
    discards: Counter[tuple[str, str]] = field(default_factory=Counter)
    suspects: Counter[tuple[str, str]] = field(default_factory=Counter)
    lengths: dict[str, Counter[int]] = field(default_factory=dict)

    def add(self, exemplar_rows: Made) -> None:
        split: str = exemplar_rows.exemplar.split
        rows: Counter[tuple[str, str, str]] = Counter()
        for _, fitted in exemplar_rows.rows:
            row = fitted.row
            if row is None:
                continue
            key = (split, row.strategy, row.kind)
            kind = self.kinds.setdefault(key, _Kind())
            rows[key] += 1
            kind.negatives += row.negative
            kind.shortened += fitted.is_shorter
            if fitted.tokens is not None:
                kind.tokens[fitted.tokens] += 1
                self.lengths.setdefault(row.strategy, Counter())[fitted.tokens] += 1
        for key, count in rows.items():
            self.kinds[key].per_exemplar.append(count)
        for line in exemplar_rows.discards:
            self.discards[split, f"{line['strategy']}: {line['reason']}"] += 1
        self.suspects[split, ""] += len(exemplar_rows.suspects)

    def lines(
        self, module: str, looked_at: Mapping[str, int], total: Mapping[str, int]
    ) -> Iterable[PreviewLine]:
        order = {s: i for i, s in enumerate(SPLITS)}
        for (split, task, name), kind in sorted(
            self.kinds.items(), key=lambda item: (order[item[0][0]], item[0])
        ):
            rows, error = _estimate(kind.per_exemplar, looked_at[split], total[split])
            count = sum(kind.per_exemplar)
            yield PreviewLine(
                module,
                split,
                task,
                name,
                rows,
                error,
                kind.negatives / count,
                kind.shortened / count,
                Sizes.of(kind.tokens) if kind.tokens else None,
            )


def _estimate(counts: Sequence[int], sample: int, total: int) -> tuple[int, int]:
    """The total of all exemplars from a sample without replacement, and 1.96 standard errors."""
    mean = sum(counts) / sample
    if sample >= total or sample < 2:
        return round(mean * total), 0 if sample >= total else total
    spread = (sum(c * c for c in counts) - sample * mean * mean) / (sample - 1)
    error = math.sqrt(max(0.0, spread) / sample * (1 - sample / total))
    return round(mean * total), math.ceil(_CONFIDENCE * error * total)


def _scale(counts: Mapping[tuple[str, str], int], scale: Mapping[str, float]) -> dict[str, int]:
    estimates: dict[str, float] = {}
    for (split, reason), count in sorted(counts.items()):
        estimates[reason] = estimates.get(reason, 0.0) + count * scale[split]
    return {reason: round(count) for reason, count in estimates.items()}
