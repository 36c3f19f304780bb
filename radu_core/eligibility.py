"""Why an exemplar isn't used, and for what: the one rule that every page and command counts by.

An exemplar that two purposes refuse for something that both look at has one reason in both: the
checks stand in one order, and a purpose leaves some of them out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from radu_core.alignment import conflict
from radu_core.exemplars import DISCARDED, AnnotatedExemplar
from radu_core.schema import Schema

__all__ = ["ENOUGH", "Eligible", "Key", "Purpose", "Reason", "key_of", "sort_out", "why_not"]

ENOUGH = 10  # resolved training exemplars that a function should have
Key = tuple[str, str | None]


class Purpose(StrEnum):
    """What exemplars are used for.

    Dataset rows are of any split; a baseline learns from the labels of the split train; an index
    holds one of each group of duplicates.
    """

    INDEX = "index"
    ROWS = "dataset rows"
    BASELINE = "baseline"
    COVERAGE = "coverage"
    EVALUATION = "evaluation"


class Reason(StrEnum):
    """Why an exemplar isn't used, in the order in which reasons are checked."""

    DISCARDED = "discarded by a person"
    UNLABELLED = "unlabelled"
    CONTRADICTS = "contradicts the schema"
    INVALID = "invalid: the labels contradict the text or each other"
    UNRESOLVED = "not resolved"
    NEGATIVE = "marked as negative"
    TRAIN = "train split"
    VALIDATION = "validation split"
    TEST = "test split"
    OUT_OF_SCOPE = "out of scope"
    DUPLICATE = "duplicate of another (same template and function)"


_OF_SPLIT = {"train": Reason.TRAIN, "validation": Reason.VALIDATION, "test": Reason.TEST}
_PLACED = (Purpose.INDEX, Purpose.ROWS, Purpose.BASELINE)  # they need to know where values stand
_TRAIN_ONLY = (Purpose.INDEX, Purpose.BASELINE)


def why_not(
    schema: Schema, exemplar: AnnotatedExemplar, purpose: Purpose, *, settled: bool = False
) -> Reason | None:
    """Why ``exemplar`` can't be used for ``purpose``; None when it can.

    ``settled``: as if its labels had been put right and placed, which says what that would bring.
    """
    return next(_reasons(schema, exemplar, purpose, settled), None)


def _reasons(
    schema: Schema, exemplar: AnnotatedExemplar, purpose: Purpose, settled: bool
) -> Iterator[Reason]:
    if DISCARDED in exemplar.tags:
        yield Reason.DISCARDED
    if exemplar.unlabelled:
        yield Reason.UNLABELLED
    if not settled:
        yield from _wrong(schema, exemplar, purpose)
    if exemplar.mode == "negative" and purpose != Purpose.ROWS:
        yield Reason.NEGATIVE
    if purpose in _TRAIN_ONLY and exemplar.split != "train":
        yield _OF_SPLIT[exemplar.split]
    if purpose == Purpose.COVERAGE and exemplar.function is None:
        yield Reason.OUT_OF_SCOPE


def _wrong(schema: Schema, exemplar: AnnotatedExemplar, purpose: Purpose) -> Iterator[Reason]:
    if conflict(schema, exemplar):
        yield Reason.CONTRADICTS
    if exemplar.outcome == "invalid":
        yield Reason.INVALID
    if purpose in _PLACED and exemplar.outcome != "resolved":
        yield Reason.UNRESOLVED


def key_of(exemplar: AnnotatedExemplar) -> Key:
    """Exemplars of one key are duplicates: the same template and function."""
    return exemplar.template or "", exemplar.function


@dataclass(frozen=True)
class Eligible:
    """The exemplars that can be used, by id, and of every other one why not."""

    exemplars: tuple[AnnotatedExemplar, ...]
    left_out: dict[str, Reason]

    @property
    def counts(self) -> dict[str, int]:
        """How many are left out, by reason."""
        return {str(why): n for why, n in sorted(Counter(self.left_out.values()).items())}


def sort_out(schema: Schema, exemplars: Iterable[AnnotatedExemplar], purpose: Purpose) -> Eligible:
    """Which of ``exemplars`` can be used for ``purpose``.

    Of duplicates an index holds the one with the lowest id.
    """
    usable: list[AnnotatedExemplar] = []
    left_out: dict[str, Reason] = {}
    keys: set[Key] = set()
    for exemplar in sorted(exemplars, key=lambda e: e.id):
        why = why_not(schema, exemplar, purpose)
        key = key_of(exemplar)
        if why is None and purpose == Purpose.INDEX and key in keys:
            why = Reason.DUPLICATE
        if why is None:
            usable.append(exemplar)
            keys.add(key)
        else:
            left_out[exemplar.id] = why
    return Eligible(tuple(usable), left_out)
