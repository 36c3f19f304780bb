"""What a report keeps of an earlier one, and what else answers beside the trained model."""

from __future__ import annotations

from typing import Any

import pytest

from radu_core.evaluation import (
    Comparison,
    EvaluationReport,
    Prediction,
    WithEnsemble,
    WithGenerator,
    hash_of_rows,
    measure,
)
from radu_core.exemplars import AnnotatedExemplar

ROWS = [AnnotatedExemplar(id=str(n), utterance=f"go {n}", function="f") for n in range(4)]


def measured(right: int, name: str = "after training", **fields: Any) -> EvaluationReport:
    said = [Prediction(function="f" if n < right else "g", seconds=0.1) for n in range(4)]
    trained, errors = measure(name, ROWS, said)
    report = EvaluationReport(
        module="acme_shop_en",
        split="test",
        run="r",
        created="",
        rows=4,
        left_out={},
        trained=trained,
        errors=tuple(errors),
        rows_hash=hash_of_rows(ROWS),
    )
    return report.model_copy(update=fields)


BETTER = Comparison(other="after training", measure="exact match", difference=0.25, p=0.04)
MIXED = WithEnsemble(metrics=measured(3, "an ensemble").trained, comparisons=(BETTER,))
FULL = WithGenerator(
    generator="g",
    metrics=measured(4, "with g").trained,
    comparisons=(BETTER,),
    told={"rows": 9, "asked": 3, "seconds": 0.5},
)


def test_what_was_measured_as_well_is_kept_by_the_next_report() -> None:
    earlier = measured(2, ensemble=MIXED, untrained=measured(1).trained)
    kept = measured(2, full=FULL).with_earlier(earlier)
    assert (kept.ensemble, kept.untrained, kept.full) == (MIXED, earlier.untrained, FULL)
    assert [m.system for m in kept.ways] == ["after training", "an ensemble", "with g"]
    assert kept.additions()[0] == (
        "with a prompt for each exemplar instead of one: exact match +25.0 % (p 0.040)"
    )


def with_generator(name: str, right: int = 4) -> WithGenerator:
    metrics = measured(right, f"with the language model of {name}").trained
    return FULL.model_copy(update={"generator": name, "metrics": metrics})


def test_two_language_models_are_kept_side_by_side() -> None:
    first = measured(2, full=with_generator("one"))
    second = measured(2, full=with_generator("two")).with_earlier(first)
    assert [second.full, *second.others] == [with_generator("two"), with_generator("one")]
    told = [line for line in second.additions() if "was weighed on" in line]
    assert [line.split(" was weighed")[0] for line in told] == [
        "the language model of two",
        "the language model of one",
    ]
    again = measured(2, full=with_generator("one", 3)).with_earlier(second)
    assert [again.full, *again.others] == [with_generator("one", 3), with_generator("two")]
    neither = measured(2, ensemble=MIXED).with_earlier(again)
    assert [neither.full, *neither.others] == [again.full, *again.others]


def test_rows_that_a_language_model_was_weighed_on_are_no_measure() -> None:
    weighed = measured(2, full=with_generator("one"))
    said = "weighed on rows of validation"
    assert not any(said in line for line in weighed.additions())
    on_validation = weighed.model_copy(update={"split": "validation"})
    assert said in on_validation.additions()[-1]
    alone = measured(2, split="validation", ensemble=MIXED)
    assert not any(said in line for line in alone.additions())


def test_what_cant_be_kept_is_named() -> None:
    full = {"full": with_generator("one"), "others": (with_generator("two"),)}
    replaced = measured(3).with_earlier(measured(2, ensemble=MIXED, **full))
    assert replaced.replaced == (
        "an ensemble",
        "with the language model of one",
        "with the language model of two",
    )
    assert replaced.additions() == [
        "replaced, as it is of other rows, settings or answers: an ensemble, with the language "
        "model of one, with the language model of two"
    ]
    same = measured(3, full=with_generator("one")).with_earlier(measured(2, **full))
    assert same.replaced == ("with the language model of two",)
    assert not measured(3).with_earlier(replaced).replaced


def test_what_is_measured_again_replaces_the_earlier_one() -> None:
    other = MIXED.model_copy(update={"comparisons": ()})
    assert measured(2, ensemble=other).with_earlier(measured(2, ensemble=MIXED)).ensemble == other


@pytest.mark.parametrize(
    "earlier",
    [
        measured(3, ensemble=MIXED),  # the model answered otherwise
        measured(2, ensemble=MIXED, settings={"k_exemplar": 3}),
        measured(2, ensemble=MIXED, rows_hash="other rows"),
    ],
)
def test_nothing_is_kept_of_other_rows_answers_or_settings(earlier: EvaluationReport) -> None:
    assert measured(2).with_earlier(earlier).ensemble is None
    unknown: dict[str, Any] = {"rows_hash": "", "ensemble": MIXED}
    assert measured(2, rows_hash="").with_earlier(measured(2, **unknown)).ensemble is None
