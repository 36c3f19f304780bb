"""Metrics against hand-computed values; baselines that find what they have seen."""

from __future__ import annotations

import pytest
from conftest import MODULE

from radu_core.evaluation import (
    EvaluationReport,
    Prediction,
    Source,
    Verdict,
    against_baselines,
    compare,
    compare_each,
    measure,
)
from radu_core.exemplars import AnnotatedExemplar

Answers = list[Prediction]


def row(id: str, function: str | None, **arguments: object) -> AnnotatedExemplar:
    return AnnotatedExemplar(id=id, utterance=id, function=function, arguments=arguments)


ROWS = [
    row("a", "f", x="Oslo", n=2),
    row("b", "f", x="Rome"),
    row("c", "g"),
    row("d", None),
    row("e", None),
    row("h", "g", tags=["p", "q"]),
]
SAID = [
    Prediction(function="f", arguments={"x": " oslo ", "n": 2.0}, seconds=1.0),
    Prediction(function="f", arguments={"x": "Bonn", "n": 1}, seconds=2.0),
    Prediction(function="f", arguments={"x": "Oslo"}, seconds=3.0),
    Prediction(function=None, seconds=4.0),
    Prediction(function="g", seconds=5.0),
    Prediction(function="g", arguments={"tags": ["q", "p"]}, seconds=6.0),
]


def test_the_numbers_are_the_hand_computed_ones() -> None:
    metrics, errors = measure("m", ROWS, SAID)
    assert (metrics.function.hits, metrics.function.total) == (4, 6)
    assert metrics.exact_match.hits == 3  # a, d, h
    assert metrics.slot_pairs == 5  # 2 + 1 + 2
    assert metrics.slot_precision == pytest.approx(4 / 7)  # said 2 + 2 + 1 + 2
    assert metrics.slot_recall == pytest.approx(4 / 5)
    assert metrics.slot_f1 == pytest.approx(2 * 4 / (7 + 5))
    assert metrics.out_of_scope_recall.share == pytest.approx(1 / 2)
    assert metrics.out_of_scope_precision.share == 1.0
    by_name = {f.function: f for f in metrics.per_function}
    assert (by_name["f"].recall.share, by_name["f"].precision.share) == (1.0, pytest.approx(2 / 3))
    assert (by_name["g"].recall.share, by_name["g"].precision.share) == (0.5, 0.5)
    assert (metrics.seconds_p50, metrics.seconds_p95) == (3.0, 6.0)
    assert [(e.exemplar_id, e.kind) for e in errors] == [
        ("b", "slots"),
        ("c", "function"),
        ("e", "missed out of scope"),
    ]


def test_without_a_labelled_value_there_is_no_slot_f1() -> None:
    none, _ = measure("m", [row("a", "f")], [Prediction(function="f", arguments={"x": 1})])
    assert (none.slot_f1_measured, none.slot_f1_text) == (None, "–")
    wrong, _ = measure("m", [row("a", "f", x=2)], [Prediction(function="f")])
    assert (wrong.slot_f1_measured, wrong.slot_f1_text) == (0.0, "0.0 %")


@pytest.mark.parametrize(
    ("adds", "shown"), [(None, None), (-0.0001, "+0.000"), (0.0, "+0.000"), (-0.02, "-0.020")]
)
def test_what_a_source_adds_is_never_minus_nothing(adds: float | None, shown: str | None) -> None:
    rounded = Source(name="words", weight=0.0, adds=adds, milliseconds=0.1).adds_rounded
    assert (None if rounded is None else f"{rounded:+.3f}") == shown


def test_true_is_not_one() -> None:
    rows = [row("a", "f", x=True)]
    metrics, _ = measure("m", rows, [Prediction(function="f", arguments={"x": 1})])
    assert metrics.exact_match.hits == 0


def many(count: int, right: int) -> tuple[list[AnnotatedExemplar], list[Prediction]]:
    """``count`` rows, and answers of which the first ``right`` are right in everything."""
    rows = [row(str(i), "f", x="Oslo") for i in range(count)]
    said = [
        Prediction(function="f", arguments={"x": "Oslo"}) if i < right else Prediction(function="g")
        for i in range(count)
    ]
    return rows, said


def report(count: int, own: int, other: int) -> EvaluationReport:
    rows, said = many(count, own)
    _, baseline = many(count, other)
    return EvaluationReport(
        module=MODULE,
        split="test",
        run="r",
        created="",
        rows=count,
        left_out={},
        trained=measure("own", rows, said)[0],
        baselines=(measure("base", rows, baseline)[0],),
        comparisons=compare("base", rows, said, baseline),
    )


def test_a_difference_is_claimed_only_where_it_is_more_than_chance() -> None:
    clear = against_baselines(report(40, 40, 20))
    assert (len(clear.better), clear.worse, clear.unclear) == (3, [], [])
    assert clear.better[0] == "function accuracy 100.0 % against 50.0 % (base)"
    worse = against_baselines(report(40, 20, 40))
    assert (worse.better, len(worse.worse), worse.unclear) == ([], 3, [])
    few = against_baselines(report(8, 8, 5))
    assert (few.better, few.worse) == ([], [])
    assert few.unclear[1] == "slot F1 100.0 % against 76.9 % (base)"
    same = against_baselines(report(40, 30, 30))
    assert (same.better, same.worse, len(same.unclear)) == ([], [], 3)


def test_the_p_value_is_that_of_the_sign_test() -> None:
    """Three rows that differ, all one way: 2 of 8 swaps differ as much."""
    rows, own = many(8, 8)
    _, other = many(8, 5)
    by_name = {c.measure: c for c in compare("base", rows, own, other)}
    assert by_name["function accuracy"].difference == pytest.approx(3 / 8)
    assert by_name["function accuracy"].p == pytest.approx(0.25, abs=0.02)
    assert by_name["slot F1"].difference == pytest.approx(1 - 2 * 5 / 13)
    again = compare("base", rows, own, other)
    assert again == tuple(by_name.values())


def judged(rows: list[AnnotatedExemplar], own: Answers, **baselines: Answers) -> Verdict:
    return against_baselines(
        EvaluationReport(
            module=MODULE,
            split="test",
            run="r",
            created="",
            rows=len(rows),
            left_out={},
            trained=measure("own", rows, own)[0],
            baselines=tuple(measure(name, rows, said)[0] for name, said in baselines.items()),
            comparisons=compare_each(rows, own, baselines),
        )
    )


def test_every_baseline_is_compared_with_in_every_measure() -> None:
    rows, right = many(40, 40)
    functions = [Prediction(function="f")] * 40
    _, values = many(40, 20)
    found = compare_each(rows, right, {"functions": functions, "values": values})
    assert [(c.other, c.measure, round(c.difference, 2)) for c in found] == [
        ("functions", "function accuracy", 0.0),
        ("functions", "slot F1", 1.0),
        ("functions", "exact match", 1.0),
        ("values", "function accuracy", 0.5),
        ("values", "slot F1", 0.33),
        ("values", "exact match", 0.5),
    ]
    assert compare_each(rows, right, {}) == ()


def test_better_is_better_than_every_baseline() -> None:
    """One baseline may be weaker in a measure, and so alike to the model that nothing is said."""
    rows, own = many(40, 40)
    functions = [Prediction(function="f")] * 40
    _, half = many(40, 20)
    found = judged(rows, own, functions=functions, half=half)
    assert found.unclear == ["function accuracy 100.0 % against 100.0 % (functions)"]
    assert found.better == [
        "slot F1 100.0 % against 66.7 % (half)",
        "exact match 100.0 % against 50.0 % (half)",
    ]
    assert found.worse == []


def test_a_weaker_baseline_that_errs_elsewhere_leaves_it_unclear() -> None:
    """The strongest is beaten in each row that differs; the other is wrong in other rows."""
    rows, own = many(40, 36)
    _, strongest = many(40, 29)
    other = [*strongest[29:], *strongest[:29]]  # wrong in the first 11, right in the last
    found = judged(rows, own, strongest=strongest, other=other)
    assert found.better == []
    assert found.unclear[0] == "function accuracy 90.0 % against 72.5 % (other)"


def test_worse_counts_how_many_baselines_were_looked_at() -> None:
    """Six rows that differ, all one way, are p = 0.03: enough for one baseline, not one of two."""
    rows, own = many(40, 30)
    _, better = many(40, 36)
    assert len(judged(rows, own, better=better).worse) == 3
    two = judged(rows, own, better=better, same=own)
    assert (two.better, two.worse, len(two.unclear)) == ([], [], 3)
    _, much = many(40, 40)
    three = judged(rows, own, much=much, better=better, same=own)
    assert three.worse[0] == "function accuracy 75.0 % against 100.0 % (much)"


def test_nothing_is_said_of_what_was_not_compared_or_has_no_values() -> None:
    rows = [row(str(i), "f") for i in range(40)]
    own = [Prediction(function="f")] * 40
    other = [Prediction(function="g")] * 40
    assert [line.split(" 1")[0] for line in judged(rows, own, other=other).better] == [
        "function accuracy",
        "exact match",
    ]
    one_of_two = report(40, 40, 20)
    more = measure("more", *many(40, 10))[0]
    kept = one_of_two.model_copy(update={"baselines": (*one_of_two.baselines, more)})
    assert against_baselines(kept) == Verdict([], [], [])


def test_a_cut_answer_is_counted_and_told_from_a_wrong_one() -> None:
    rows = [row("a", "f", x="Oslo"), row("b", "f", x="Oslo")]
    said = [Prediction(function="f", cut=True), Prediction(function="f")]
    metrics, errors = measure("m", rows, said)
    assert metrics.cut == 1
    assert [(e.exemplar_id, e.kind) for e in errors] == [("a", "cut"), ("b", "slots")]


def test_each_slot_has_scores_of_its_own_that_add_up_to_all() -> None:
    metrics, _ = measure("m", ROWS, SAID)
    assert metrics.per_slot is not None
    found = {(s.function, s.slot): (s.labelled, s.said, s.right) for s in metrics.per_slot}
    assert found == {
        ("f", "n"): (1, 2, 1),
        ("f", "x"): (2, 3, 1),  # "Oslo" is right; "Bonn" is wrong; one under a wrong function
        ("g", "tags"): (2, 2, 2),  # each value of a list counts
    }
    x = next(s for s in metrics.per_slot if s.slot == "x")
    assert (x.recall.share, x.precision.share) == (pytest.approx(1 / 2), pytest.approx(1 / 3))
    assert x.f1 == pytest.approx(2 / 5)
    assert (x.recall.low, x.recall.high) == (
        pytest.approx(0.0945, abs=1e-3),
        pytest.approx(0.9055, abs=1e-3),
    )
    assert sum(s.labelled for s in metrics.per_slot) == metrics.slot_pairs


def test_out_of_scope_has_no_slots() -> None:
    said = [Prediction(function=None, arguments={"x": "Oslo"})]
    metrics, _ = measure("m", [row("a", None)], said)
    assert metrics.per_slot == ()
