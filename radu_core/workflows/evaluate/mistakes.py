"""What lies behind the figures of a saved report: functions confused, and wrong values by slot."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from radu_core.evaluation import CallError, EvaluationReport, SlotScore, pairs_of
from radu_core.exemplars import DISCARDED
from radu_core.schema import OUT_OF_SCOPE, Arguments, Scalar, as_values
from radu_core.workflows.frame.workspace import Workspace

__all__ = [
    "MISTAKES",
    "Confused",
    "Confusion",
    "SlotMistake",
    "SlotResult",
    "change_since",
    "find_confusion",
    "find_errors_of",
    "find_slot_results",
]

MISTAKES = ("missing", "wrong value", "spurious")


@dataclass(frozen=True)
class Confused:
    """``rows`` of the ``of`` rows labelled ``expected`` were answered ``predicted``."""

    expected: str
    predicted: str
    rows: int
    of: int


@dataclass(frozen=True)
class Confusion:
    """Labels beside answers; ``OUT_OF_SCOPE`` stands for no function, and comes last.

    ``counts`` holds the cells that aren't 0, by label and answer; ``pairs`` those where the two
    differ, the most rows first. ``unlisted`` wrong rows are counted by the report, but it doesn't
    say what they are.
    """

    functions: tuple[str, ...]
    counts: Mapping[tuple[str, str], int]
    totals: Mapping[str, int]
    pairs: tuple[Confused, ...]
    unlisted: int

    @property
    def most_confused(self) -> tuple[str, ...]:
        """All functions, those in the most wrong rows first."""
        rows: Counter[str] = Counter()
        for pair in self.pairs:
            rows[pair.expected] += pair.rows
            rows[pair.predicted] += pair.rows
        place = {name: n for n, name in enumerate(self.functions)}
        return tuple(sorted(self.functions, key=lambda name: (-rows[name], place[name])))


def find_confusion(report: EvaluationReport) -> Confusion:
    """Count labels by answers of the trained model.

    Right rows come from the scores per function, wrong ones from the list of errors.
    """
    metrics = report.trained
    counts: Counter[tuple[str, str]] = Counter()
    totals = {score.function: score.rows for score in metrics.per_function}
    for score in metrics.per_function:
        counts[score.function, score.function] = score.recall.hits
    outside = metrics.out_of_scope_recall
    totals[OUT_OF_SCOPE] = outside.total
    counts[OUT_OF_SCOPE, OUT_OF_SCOPE] = outside.hits
    wrong: Counter[tuple[str, str]] = Counter(
        _pair(e) for e in report.errors if e.expected_function != e.predicted_function
    )
    pairs = [Confused(e, p, n, totals.get(e, n)) for (e, p), n in wrong.items()]
    names = {score.function for score in metrics.per_function} | {n for pair in wrong for n in pair}
    has_outside = bool(outside.total) or OUT_OF_SCOPE in {n for pair in wrong for n in pair}
    return Confusion(
        functions=(*sorted(names - {OUT_OF_SCOPE}), *([OUT_OF_SCOPE] if has_outside else [])),
        counts={cell: n for cell, n in (counts + wrong).items() if n},
        totals=totals,
        pairs=tuple(
            sorted(pairs, key=lambda p: (-p.rows, -p.rows / p.of, p.expected, p.predicted))
        ),
        unlisted=metrics.function.total - metrics.function.hits - wrong.total(),
    )


def find_errors_of(report: EvaluationReport, expected: str, predicted: str) -> list[CallError]:
    """The wrong rows with this label and this answer; where they are the same, a value is wrong."""
    return [e for e in report.errors if _pair(e) == (expected, predicted)]


def _pair(error: CallError) -> tuple[str, str]:
    return error.expected_function or OUT_OF_SCOPE, error.predicted_function or OUT_OF_SCOPE


@dataclass(frozen=True)
class SlotMistake:
    """A slot of one wrong row: the values that are labelled and those that were said.

    ``counts`` says how many of them are wrong in which way, by the names in ``MISTAKES``.
    """

    error: CallError
    labelled: tuple[Scalar, ...]
    said: tuple[Scalar, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class SlotResult:
    """One slot: its score, None where the report is older than scores of slots, and its mistakes.

    Of the values labelled, those that aren't right are missing or have a wrong value; of the values
    said, they are spurious or a wrong value.
    """

    function: str
    slot: str
    score: SlotScore | None
    mistakes: tuple[SlotMistake, ...]

    def count(self, kind: str) -> int:
        """How many values are wrong in this way."""
        return sum(m.counts[kind] for m in self.mistakes)

    def of_kind(self, kind: str) -> list[SlotMistake]:
        """The rows behind ``count``."""
        return [m for m in self.mistakes if m.counts[kind]]


def find_slot_results(report: EvaluationReport) -> list[SlotResult]:
    """Every slot that a label or an answer fills, the most mistakes first."""
    mistakes: dict[tuple[str, str], list[SlotMistake]] = defaultdict(list)
    for error in report.errors:
        for key, mistake in _mistakes(error):
            mistakes[key].append(mistake)
    scores = {(s.function, s.slot): s for s in report.trained.per_slot or ()}
    results = [
        SlotResult(*key, scores.get(key), tuple(mistakes[key])) for key in {*scores, *mistakes}
    ]
    return sorted(results, key=lambda r: (-sum(map(r.count, MISTAKES)), r.function, r.slot))


def _mistakes(error: CallError) -> list[tuple[tuple[str, str], SlotMistake]]:
    """The mistakes in a wrong row, by function and slot.

    Under a wrong function all that is labelled is missing, and all that was said spurious.
    """
    expected, predicted = error.expected_function, error.predicted_function
    gold = pairs_of(expected, error.expected_arguments)
    predicted_pairs = pairs_of(predicted, error.predicted_arguments)
    if expected == predicted:
        missing, extra = gold - predicted_pairs, predicted_pairs - gold
        sides = [(expected, missing, extra)]
    else:
        sides = [(expected, gold, Counter()), (predicted, Counter(), predicted_pairs)]
    return [
        ((function, slot), _mistake(error, slot, _of(slot, missed), _of(slot, more), function))
        for function, missed, more in sides
        if function is not None
        for slot in sorted({pair[0] for pair in (*missed, *more)})
    ]


def _of(slot: str, pairs: Counter[tuple[str, str, str]]) -> int:
    return sum(count for (name, _, _), count in pairs.items() if name == slot)


def _mistake(error: CallError, slot: str, missing: int, extra: int, function: str) -> SlotMistake:
    wrong = min(missing, extra)

    def values(of: str | None, arguments: Arguments) -> tuple[Scalar, ...]:
        return tuple(as_values(arguments[slot])) if of == function and slot in arguments else ()

    return SlotMistake(
        error=error,
        labelled=values(error.expected_function, error.expected_arguments),
        said=values(error.predicted_function, error.predicted_arguments),
        counts={"missing": missing - wrong, "wrong value": wrong, "spurious": extra - wrong},
    )


def change_since(workspace: Workspace, module: str, error: CallError) -> str:
    """What became of a wrong row's exemplar since it was measured; "" if it is as it was."""
    items = workspace.store.exemplars(module, ids=[error.exemplar_id])
    if not items:
        return "deleted"
    now = items[0].exemplar
    if DISCARDED in now.tags:
        return "discarded"
    label = now.function, now.arguments, now.utterance
    labels_then = error.expected_function, error.expected_arguments, error.utterance
    return "labelled differently" if label != labels_then or now.unlabelled else ""
