"""What a person would be asked: how good and how sure the first reading is.

``benchmarks/alignment.py`` reports it, and fits the constants of ``ranking.py`` to it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from alignment_rows import Row, against, sgd_rows
from sgd_turns import REFERENCE, Values
from two_places import SIZES, first_readings

from radu_core.alignment import Aligner, Alignment, learn, ranking
from radu_core.schema import Schema


@dataclass(frozen=True)
class Asked:
    """The first reading of an exemplar that a person would be asked about."""

    kind: ranking.RankedKind
    confidence: float
    judged: str


def judge_questions(
    modules: Iterable[tuple[Schema, list[Row]]], reference: date | None
) -> Iterator[Asked]:
    """First readings that place all values, judged over the slots in question."""
    for schema, rows in modules:
        knowledge = learn(schema, (r.exemplar for r in rows), reference=reference)
        aligner = Aligner(schema, reference=reference, knowledge=knowledge)
        for row in rows:
            result = aligner.align(row.exemplar)
            if result.outcome == "resolved" or not result.readings:
                continue
            if result.readings[0].confidence:
                question = _judge_question(row, result)
                if question is not None:
                    yield question


def _judge_question(row: Row, result: Alignment) -> Asked | None:
    best = result.readings[0]
    open_slots = {a.slot for a in result.arguments if a.state in ("missing", "unsure", "repeated")}
    gold = frozenset(g for g in row.gold if g[0] in open_slots)
    if not gold:
        return None  # only slots without gold are in question
    states = {a.state for a in result.arguments}
    kind: ranking.RankedKind = (
        "guess" if "missing" in states else "ambiguous" if len(result.readings) > 1 else "unsure"
    )
    return Asked(kind, best.confidence, against(gold)(best.spans))


def all_asked(directory: Path, part: str) -> list[Asked]:
    """What a person would be asked with canonical values, with and without a reference date."""
    questions: list[Asked] = []
    forms: tuple[tuple[Values, date | None], ...] = (
        ("canonical", REFERENCE),
        ("canonical", None),
        ("all", REFERENCE),
        ("lower", REFERENCE),
    )
    for values, reference in forms:
        questions += judge_questions(sgd_rows(directory, part, values).values(), reference)
    return questions


def calibration_error(pairs: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    """Expected calibration error of (confidence, whether it was right), ten equal bins."""
    binned: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, right in pairs:
        binned[min(bins - 1, int(confidence * bins))].append((confidence, right))
    return sum(
        abs(sum(confidence for confidence, _ in group) - sum(right for _, right in group))
        for group in binned.values()
    ) / len(pairs)


def ambiguous_line(pairs: Sequence[tuple[float, bool]], sure: float = 0.95) -> str:
    """How good, and how sure where it is wrong, the first of several readings is."""
    wrong = [confidence for confidence, right in pairs if not right]
    accepted_pairs = [right for confidence, right in pairs if confidence >= sure]
    return (
        f"{len(pairs):,}: right {1 - len(wrong) / len(pairs):.1%}, calibration error "
        f"{calibration_error(pairs):.3f}; the wrong are "
        f"{sum(wrong) / max(1, len(wrong)):.2f} sure; from {sure} on are "
        f"{len(accepted_pairs) / len(pairs):.1%}, of them wrong {accepted_pairs.count(False)} "
        f"({accepted_pairs.count(False) / max(1, len(accepted_pairs)):.1%})"
    )


def report_asked(directory: Path) -> None:
    """How good the first reading is where a person is asked, on dev."""
    for part in ("train", "dev"):
        questions = all_asked(directory, part)
        if not questions:
            continue
        right = sum(a.judged == "right" for a in questions)
        placed_count = sum(a.judged != "wrong" for a in questions)
        print(
            f"asked, {part}: {len(questions):,} first readings; "
            f"gold {right / len(questions):.1%}, gold or "
            f"boundary {placed_count / len(questions):.1%}; expected calibration error "
            f"{calibration_error(_confidences(questions)):.3f}"
        )
        for kind_name, count in sorted(Counter(a.kind for a in questions).items()):
            own = [a for a in questions if a.kind == kind_name]
            share = sum(a.judged != "wrong" for a in own) / count
            print(f"  {kind_name:10} {count:6,}: gold or boundary {share:.1%}")
        print(
            "  several places",
            ambiguous_line(_confidences([a for a in questions if a.kind == "ambiguous"])),
        )
        cases = list(first_readings(directory, part))
        for kind in sorted({c.kind for c in cases}):
            for size in SIZES:
                own_cases = [
                    (c.confidence, c.right) for c in cases if (c.kind, c.size) == (kind, size)
                ]
                print(f"  made, {kind}, {size or 'all'} teach", ambiguous_line(own_cases))
        print("  made", ambiguous_line([(c.confidence, c.right) for c in cases]))


def _confidences(questions: Sequence[Asked]) -> list[tuple[float, bool]]:
    return [(a.confidence, a.judged != "wrong") for a in questions]


def fit_ranking(directory: Path) -> None:
    """Print intercept and slope for each kind, fitted on train."""
    from sklearn.linear_model import LogisticRegression

    identity = dict.fromkeys(ranking._CALIBRATION, (0.0, 1.0))
    ranking._CALIBRATION.update(identity)
    questions = all_asked(directory, "train")
    several = [(c.confidence, c.right) for c in first_readings(directory, "train")]
    for kind in identity:
        own = _confidences([a for a in questions if a.kind == kind])
        own += several if kind == "ambiguous" else []
        # Two equal readings are equally likely: no intercept there.
        model = LogisticRegression(C=3, fit_intercept=kind != "ambiguous")
        model.fit([[log_odds(confidence)] for confidence, _ in own], [right for _, right in own])
        intercept = float(model.intercept_[0]) if kind != "ambiguous" else 0.0
        print(f'"{kind}": ({intercept:.2f}, {model.coef_[0][0]:.2f}),  # {len(own)} cases')


def log_odds(p: float) -> float:
    """log(p / (1 - p)), of a probability that is neither 0 nor 1."""
    p = min(max(p, 1e-4), 1 - 1e-4)
    return math.log(p / (1 - p))
