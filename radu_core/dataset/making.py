"""Exemplars → rows that fit, a batch at a time: the same for building and for a preview."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from radu_core.dataset.config import DatasetConfig, Retriever
from radu_core.dataset.fit import Fitted, Shorter, fit
from radu_core.dataset.rows import row_id
from radu_core.eligibility import Purpose, sort_out
from radu_core.errors import InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash
from radu_core.prompts import (
    Discard,
    Judgements,
    PromptRow,
    Rows,
    TemplateSet,
    shorten,
    training_rows,
)
from radu_core.prompts.negatives import POOL
from radu_core.retrieval.hits import query_of
from radu_core.schema import Schema
from radu_core.tokenizing import Tokenizer

if TYPE_CHECKING:
    from radu_core.retrieval import Retrieved

__all__ = ["BATCH", "Made", "Maker", "Usable", "exemplar_hash", "usable"]

BATCH = 256  # exemplars; rows of so many are in memory at once
_OVER_CAP = "beyond the cap on out-of-scope utterances"
_TOO_LONG = "longer than max_length with nothing left to leave out"


@dataclass
class Made:
    """What one exemplar gave: rows by id, and what didn't become a row, as lines for its file."""

    exemplar: AnnotatedExemplar
    hash: str
    rows: list[tuple[str, Fitted]] = field(default_factory=list)
    discards: list[dict[str, Any]] = field(default_factory=list)
    suspects: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Maker:
    """All that rows are made from."""

    schema: Schema
    index: Retriever
    templates: TemplateSet
    config: DatasetConfig
    tokenizer: Tokenizer | None
    judgements: Judgements = field(default_factory=dict)
    over_cap: frozenset[str] = frozenset()

    def batches(self, exemplars: Sequence[AnnotatedExemplar]) -> Iterator[list[Made]]:
        """What the exemplars gave, in order, ``BATCH`` of them at a time."""
        for start in range(0, len(exemplars), BATCH):
            yield self.make(exemplars[start : start + BATCH])

    def make(self, exemplars: Sequence[AnnotatedExemplar]) -> list[Made]:
        """What each exemplar gave. Everything is tokenized in one go."""
        retrievals = self._retrieve(exemplars)
        items: list[Made] = []
        waiting: list[tuple[Made, str, PromptRow, Shorter]] = []
        for exemplar, hits in zip(exemplars, retrievals, strict=True):
            item = Made(exemplar, exemplar_hash(exemplar))
            items.append(item)
            for strategy in self._strategies(item):
                made_rows = self._rows(strategy, item, hits)
                waiting += [(item, *row) for row in made_rows if self._plain_text(item, row[1])]
        results = fit(
            [(row, shorter) for _, _, row, shorter in waiting],
            self.tokenizer,
            max_length=self.config.max_length,
        )
        for (item, id, row, _), one in zip(waiting, results, strict=True):
            item.rows.append((id, one))
            if one.row is None:
                discard = Discard(item.exemplar.id, row.strategy, _TOO_LONG, row.kind)
                line = {"id": id, "tokens": one.tokens, "tokens_before": one.before}
                item.discards.append({"split": item.exemplar.split, **asdict(discard), **line})
        return items

    def _plain_text(self, item: Made, row: PromptRow) -> bool:
        """Whether the model reads the row as text: a sign of its own would end it, or worse."""
        sign = self.tokenizer and self.tokenizer.special_in(row.prompt + row.completion)
        if not sign:
            return True
        why = f"{sign} in it is a special token of the base model's"
        discard = Discard(item.exemplar.id, row.strategy, why)
        line = {"split": item.exemplar.split, **asdict(discard), "kind": row.kind}
        item.discards.append(line)
        return False

    def _strategies(self, item: Made) -> Sequence[str]:
        """The tasks that use the exemplar; when none may, it says why."""
        if item.exemplar.id not in self.over_cap:
            return self.config.strategies
        item.discards.append(every_task(item.exemplar, _OVER_CAP))
        return ()

    def _rows(
        self, strategy: str, item: Made, hits: Retrieved
    ) -> Iterator[tuple[str, PromptRow, Shorter]]:
        exemplar = item.exemplar
        options = self.config.rows.for_split(exemplar.split)
        rows: Rows = training_rows(
            strategy,
            exemplar,
            self.schema,
            hits,
            self.templates,
            options=options,
            judgements=self.judgements,
        )
        item.discards += [{"split": exemplar.split, **asdict(d)} for d in rows.discards]
        suspects = [asdict(s) for s in rows.suspects]
        item.suspects += [s for s in suspects if s not in item.suspects]  # another task's as well
        shorter = partial(
            shorten,
            exemplar=exemplar,
            schema=self.schema,
            retrieved=hits,
            templates=self.templates,
            options=options,
        )
        numbers: Counter[str] = Counter()
        for row in rows.rows:
            place = f"{row.kind}/{row.slot}"
            id = row_id(strategy, row.kind, exemplar.id, row.slot, numbers[place])
            numbers[place] += 1
            yield id, replace(row, parts=()), shorter  # a batch's parts fill the memory

    def _retrieve(self, exemplars: Sequence[AnnotatedExemplar]) -> list[Retrieved]:
        k = max(POOL, self.config.rows.k_exemplar)
        queries = [query_of(e) for e in exemplars]
        return self.index.search(queries, k_desc=self.config.k_desc, k_exemplar=k)


def exemplar_hash(exemplar: AnnotatedExemplar) -> str:
    """Twelve hex digits over what rows depend on: another label gives another one."""
    parts = exemplar.model_dump(
        mode="json", include={"utterance", "function", "arguments", "template", "mode", "context"}
    )
    return content_hash(parts)[:12]


def every_task(exemplar: AnnotatedExemplar, why: str) -> dict[str, Any]:
    """The line of the discards that says why no task has a row of ``exemplar``."""
    return {"split": exemplar.split, **asdict(Discard(exemplar.id, "every task", why))}


@dataclass(frozen=True)
class Usable:
    """The exemplars that can have rows, by id, and why the others can't.

    With the ids of those beyond the cap on out-of-scope ones; the reasons come as counts and as
    lines for the file of discards.
    """

    exemplars: tuple[AnnotatedExemplar, ...]
    over_cap: frozenset[str]
    left_out: dict[str, int]
    lines: tuple[dict[str, Any], ...]


def usable(schema: Schema, exemplars: Sequence[AnnotatedExemplar], config: DatasetConfig) -> Usable:
    """Which exemplars can have rows; ``InputError`` unless one of them can be trained on."""
    selection = sort_out(schema, exemplars, Purpose.ROWS)
    train = [e for e in selection.exemplars if e.split == "train"]
    if not train:
        raise InputError(
            f"{schema.module} has no resolved training exemplars",
            remedy="Import utterances and resolve them first.",
        )
    left_out = (e for e in sorted(exemplars, key=lambda e: e.id) if e.id in selection.left_out)
    lines = tuple(every_task(e, selection.left_out[e.id].value) for e in left_out)
    return Usable(selection.exemplars, _over_cap(train, config), selection.counts, lines)


def _over_cap(train: Sequence[AnnotatedExemplar], config: DatasetConfig) -> frozenset[str]:
    cap = config.out_of_scope_cap
    if cap is None or cap >= 1:
        return frozenset()
    outside = [e.id for e in train if e.function is None]
    allowed = int(cap * (len(train) - len(outside)) / (1 - cap))
    shuffled_ids = sorted(outside, key=lambda id: content_hash(f"{config.rows.seed}:{id}"))
    return frozenset(shuffled_ids[allowed:])
