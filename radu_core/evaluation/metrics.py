"""Metrics of predicted function calls against the labels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Arguments, as_values
from radu_core.statistics import wilson
from radu_core.words import percent, percent_range

__all__ = [
    "CallError",
    "FunctionScore",
    "Metrics",
    "Prediction",
    "RowCounts",
    "Share",
    "SlotScore",
    "measure",
    "pairs_of",
    "row_counts",
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prediction(_Model):
    """What a system said of one utterance.

    ``function`` None is out of scope; ``seconds`` is what it took. ``cut``: it hadn't ended when
    its tokens were used up. ``out_of_scope``: the share of utterances in scope that look more in
    scope, if the system says so.
    """

    function: str | None
    arguments: Arguments = Field(default_factory=dict)
    cut: bool = False
    out_of_scope: float | None = None
    seconds: float = 0.0


class Share(_Model):
    """``hits`` of ``total`` with its 95 % Wilson interval; ``share`` is 0 when there is nothing."""

    hits: int
    total: int
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, total: int) -> Share:
        """The share and its interval."""
        low, high = wilson(hits, total)
        return cls(hits=hits, total=total, share=hits / total if total else 0.0, low=low, high=high)

    @property
    def value_if_any(self) -> float | None:
        """The share, or None when there was nothing to measure it on."""
        return self.share if self.total else None

    @property
    def interval(self) -> str:
        """The interval as text: "38.6 to 81.5 %", or "–" when there was nothing to measure."""
        return percent_range(self.low, self.high) if self.total else "–"

    @property
    def with_interval(self) -> str:
        """Share and interval as text: "62.5 % (38.6 to 81.5 %)"."""
        return f"{self} ({self.interval})" if self.total else "–"

    def __str__(self) -> str:
        return percent(self.share) if self.total else "–"


class FunctionScore(_Model):
    """One function: rows with it as label, recall, and how often it was right when said."""

    function: str
    rows: int
    recall: Share
    precision: Share


class SlotScore(_Model):
    """How well one slot of one function is filled, in (slot, value) pairs.

    How many the labels have (``labelled``), how many were ``said``, and how many of these are
    ``right``. Under a wrong function none is.
    """

    function: str
    slot: str
    labelled: int
    said: int
    right: int

    @property
    def recall(self) -> Share:
        """The share of the labelled values that was said."""
        return Share.of(self.right, self.labelled)

    @property
    def precision(self) -> Share:
        """The share of the values said that is labelled."""
        return Share.of(self.right, self.said)

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / (self.labelled + self.said)


Kind = Literal["function", "missed out of scope", "false out of scope", "slots", "cut"]


class CallError(_Model):
    """One wrong row: the label, what was said, and the first thing that is wrong.

    ``cut``: values are missing as the answer didn't end.
    """

    exemplar_id: str
    utterance: str
    kind: Kind
    expected_function: str | None
    predicted_function: str | None
    expected_arguments: Arguments
    predicted_arguments: Arguments


class Metrics(_Model):
    """All metrics of one system on one set of rows. Times are in seconds per utterance.

    ``function`` counts all rows, out of scope being one of the answers. Slot counts are of
    (slot, value) pairs, end to end: under a wrong function every slot is wrong. ``per_slot`` is
    None in a report from before it was measured. ``cut`` counts the answers that didn't end.
    """

    system: str
    rows: int
    function: Share
    per_function: tuple[FunctionScore, ...]
    per_slot: tuple[SlotScore, ...] | None = None
    out_of_scope_precision: Share
    out_of_scope_recall: Share
    slot_precision: float
    slot_recall: float
    slot_f1: float
    slot_pairs: int
    exact_match: Share
    seconds_p50: float
    seconds_p95: float
    cut: int = 0

    @property
    def slot_f1_measured(self) -> float | None:
        """The slot F1, or None when no label has a value to measure it on."""
        return self.slot_f1 if self.slot_pairs else None

    @property
    def slot_f1_text(self) -> str:
        """The slot F1 as it is shown."""
        return percent(self.slot_f1) if self.slot_pairs else "–"


def measure(
    system: str, rows: Sequence[AnnotatedExemplar], predictions: Sequence[Prediction]
) -> tuple[Metrics, list[CallError]]:
    """Metrics and errors of ``predictions`` against the labels of ``rows``, one for one.

    Values are compared by type and, for strings, without regard to case and outer white space;
    the order of a list doesn't count.
    """
    counts = [row_counts(r, p) for r, p in zip(rows, predictions, strict=True)]
    right, exact = sum(c.right for c in counts), sum(c.exact for c in counts)
    true, predicted = sum(c.true for c in counts), sum(c.said for c in counts)
    labelled = sum(c.labelled for c in counts)
    errors = [
        _error(r, p)
        for r, p, count in zip(rows, predictions, counts, strict=True)
        if not count.exact
    ]
    precision = true / predicted if predicted else 0.0
    recall = true / labelled if labelled else 0.0
    seconds = sorted(p.seconds for p in predictions)
    metrics = Metrics(
        system=system,
        rows=len(rows),
        function=Share.of(right, len(rows)),
        per_function=_per_function(rows, predictions),
        per_slot=_per_slot(rows, predictions),
        out_of_scope_precision=_precision(None, rows, predictions),
        out_of_scope_recall=_recall(None, rows, predictions),
        slot_precision=precision,
        slot_recall=recall,
        slot_f1=2 * true / (predicted + labelled) if predicted + labelled else 0.0,
        slot_pairs=labelled,
        exact_match=Share.of(exact, len(rows)),
        seconds_p50=_percentile(seconds, 0.50),
        seconds_p95=_percentile(seconds, 0.95),
        cut=sum(p.cut for p in predictions),
    )
    return metrics, errors


class RowCounts(NamedTuple):
    """What one prediction adds to the metrics: 0 or 1, then (slot, value) pairs."""

    right: int
    exact: int
    true: int
    said: int
    labelled: int


def row_counts(row: AnnotatedExemplar, prediction: Prediction) -> RowCounts:
    """Count one prediction against its label."""
    same = row.function == prediction.function
    gold = pairs_of(row.function, row.arguments)
    predicted = pairs_of(prediction.function, prediction.arguments)
    return RowCounts(
        right=int(same),
        exact=int(same and gold == predicted),
        true=sum((gold & predicted).values()) if same else 0,
        said=predicted.total(),
        labelled=gold.total(),
    )


def pairs_of(function: str | None, arguments: Arguments) -> Counter[tuple[str, str, str]]:
    """(slot, type, value) as a multiset, empty out of scope.

    Integers and whole floats are the same number.
    """
    pairs: Counter[tuple[str, str, str]] = Counter()
    if function is None:
        return pairs
    for slot, value in arguments.items():
        for scalar in as_values(value):
            if isinstance(scalar, str):
                pairs[slot, "text", " ".join(scalar.casefold().split())] += 1
            elif isinstance(scalar, bool):
                pairs[slot, "boolean", str(scalar)] += 1
            else:
                pairs[slot, "number", repr(float(scalar))] += 1
    return pairs


def _error(row: AnnotatedExemplar, prediction: Prediction) -> CallError:
    kind: Kind
    if row.function == prediction.function:
        kind = "cut" if prediction.cut else "slots"
    elif row.function is None:
        kind = "missed out of scope"
    else:
        kind = "false out of scope" if prediction.function is None else "function"
    return CallError(
        exemplar_id=row.id,
        utterance=row.utterance,
        kind=kind,
        expected_function=row.function,
        predicted_function=prediction.function,
        expected_arguments=row.arguments,
        predicted_arguments=prediction.arguments,
    )


def _per_function(
    rows: Sequence[AnnotatedExemplar], predictions: Sequence[Prediction]
) -> tuple[FunctionScore, ...]:
    names = {r.function for r in rows} | {p.function for p in predictions}
    return tuple(
        FunctionScore(
            function=name,
            rows=sum(r.function == name for r in rows),
            recall=_recall(name, rows, predictions),
            precision=_precision(name, rows, predictions),
        )
        for name in sorted(n for n in names if n is not None)
    )


def _per_slot(
    rows: Sequence[AnnotatedExemplar], predictions: Sequence[Prediction]
) -> tuple[SlotScore, ...]:
    labelled: Counter[tuple[str, str]] = Counter()
    predicted: Counter[tuple[str, str]] = Counter()
    right: Counter[tuple[str, str]] = Counter()
    for row, prediction in zip(rows, predictions, strict=True):
        gold = pairs_of(row.function, row.arguments)
        answer = pairs_of(prediction.function, prediction.arguments)
        same = gold & answer if row.function == prediction.function else Counter()
        for total, function, pairs in (
            (labelled, row.function, gold),
            (predicted, prediction.function, answer),
            (right, row.function, same),
        ):
            for (slot, _, _), count in pairs.items():
                total[str(function), slot] += count
    return tuple(
        SlotScore(
            function=function,
            slot=slot,
            labelled=labelled[function, slot],
            said=predicted[function, slot],
            right=right[function, slot],
        )
        for function, slot in sorted({*labelled, *predicted})
    )


def _recall(
    name: str | None, rows: Sequence[AnnotatedExemplar], predictions: Sequence[Prediction]
) -> Share:
    own = [p for r, p in zip(rows, predictions, strict=True) if r.function == name]
    return Share.of(sum(p.function == name for p in own), len(own))


def _precision(
    name: str | None, rows: Sequence[AnnotatedExemplar], predictions: Sequence[Prediction]
) -> Share:
    predicted = [r for r, p in zip(rows, predictions, strict=True) if p.function == name]
    return Share.of(sum(r.function == name for r in predicted), len(predicted))


def _percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of ascending values; 0 when there are none."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else 0.0
