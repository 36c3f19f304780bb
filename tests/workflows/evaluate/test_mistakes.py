"""Functions confused and slots gone wrong, against values counted by hand."""

from __future__ import annotations

import itertools
from typing import Any

from conftest import MODULE

from radu_core.evaluation import EvaluationReport, Prediction, measure
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import OUT_OF_SCOPE
from radu_core.workflows.evaluate.mistakes import (
    MISTAKES,
    Confused,
    change_since,
    find_confusion,
    find_errors_of,
    find_slot_results,
)
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load import trash


def row(id: str, function: str | None, **arguments: Any) -> AnnotatedExemplar:
    return AnnotatedExemplar(id=id, utterance=id, function=function, arguments=arguments)


def said(function: str | None, **arguments: Any) -> Prediction:
    return Prediction(function=function, arguments=arguments)


ROWS = [
    (row("a", "f", x="Oslo"), said("f", x="oslo")),  # right
    (row("b", "f", x="Rome"), said("f", x="Bonn")),  # a wrong value
    (row("c", "f", x="Rome"), said("f")),  # missing
    (row("d", "f"), said("f", x="Rome")),  # spurious
    (row("e", "f", x="Rome"), said("g", x="Rome")),  # all wrong under another function
    (row("h", "g", tags=["p", "q", "r"]), said("g", tags=["p", "s"])),  # one wrong, one missing
    (row("i", "g"), said("f")),
    (row("j", "g"), said("f")),
    (row("k", None), said(None)),
    (row("l", None), said("g")),
    (row("m", "f"), said(None)),
]


def report(rows: list[tuple[AnnotatedExemplar, Prediction]] = ROWS) -> EvaluationReport:
    labels, answers = [r for r, _ in rows], [p for _, p in rows]
    trained, errors = measure("after training", labels, answers)
    return EvaluationReport(
        module=MODULE,
        split="test",
        run="r",
        created="",
        rows=len(rows),
        left_out={},
        trained=trained,
        errors=tuple(errors),
    )


def test_labels_beside_answers() -> None:
    found = find_confusion(report())
    assert found.functions == ("f", "g", OUT_OF_SCOPE)
    assert found.counts == {
        ("f", "f"): 4,
        ("f", "g"): 1,
        ("f", OUT_OF_SCOPE): 1,
        ("g", "f"): 2,
        ("g", "g"): 1,
        (OUT_OF_SCOPE, OUT_OF_SCOPE): 1,
        (OUT_OF_SCOPE, "g"): 1,
    }
    assert sum(found.counts.values()) == len(ROWS)
    assert found.pairs == (
        Confused("g", "f", 2, 3),
        Confused(OUT_OF_SCOPE, "g", 1, 2),
        Confused("f", "g", 1, 6),
        Confused("f", OUT_OF_SCOPE, 1, 6),
    )
    assert found.most_confused == ("f", "g", OUT_OF_SCOPE)
    assert found.unlisted == 0


def test_the_rows_behind_a_cell() -> None:
    assert [e.exemplar_id for e in find_errors_of(report(), "g", "f")] == ["i", "j"]
    assert [e.exemplar_id for e in find_errors_of(report(), OUT_OF_SCOPE, "g")] == ["l"]
    assert [e.exemplar_id for e in find_errors_of(report(), "f", "f")] == ["b", "c", "d"]
    assert find_errors_of(report(), "f", "nothing") == []


def test_a_report_that_names_fewer_errors_than_it_counts_says_so() -> None:
    shorter = report().model_copy(update={"errors": ()})
    assert find_confusion(shorter).unlisted == 5
    assert find_confusion(shorter).pairs == ()


def test_without_rows_out_of_scope_it_has_no_place() -> None:
    found = find_confusion(report([(row("a", "f"), said("f"))]))
    assert (found.functions, dict(found.counts)) == (("f",), {("f", "f"): 1})


def test_what_is_wrong_with_each_slot() -> None:
    found = {(r.function, r.slot): r for r in find_slot_results(report())}
    assert {key: [r.count(kind) for kind in MISTAKES] for key, r in found.items()} == {
        ("f", "x"): [2, 1, 1],  # c and e; b; d
        ("g", "tags"): [1, 1, 0],
        ("g", "x"): [0, 0, 1],  # e
    }
    x = found["f", "x"]
    assert [m.error.exemplar_id for m in x.of_kind("missing")] == ["c", "e"]
    [wrong] = x.of_kind("wrong value")
    assert (wrong.error.exemplar_id, wrong.labelled, wrong.said) == ("b", ("Rome",), ("Bonn",))
    [tags] = found["g", "tags"].of_kind("missing")
    assert (tags.labelled, tags.said) == (("p", "q", "r"), ("p", "s"))


def test_mistakes_and_right_values_are_all_there_are() -> None:
    for result in find_slot_results(report()):
        missing, wrong, spurious = map(result.count, MISTAKES)
        assert result.score is not None
        assert result.score.labelled - result.score.right == missing + wrong
        assert result.score.said - result.score.right == spurious + wrong


def test_an_older_report_has_mistakes_and_no_scores() -> None:
    new = report()
    old = new.model_copy(update={"trained": new.trained.model_copy(update={"per_slot": None})})
    data = old.model_dump(mode="json")
    del data["trained"]["per_slot"]  # as it was saved
    found = find_slot_results(EvaluationReport.model_validate(data))
    assert [r.score for r in found] == [None] * 3
    assert [(r.function, r.slot, r.count("missing")) for r in found] == [
        ("f", "x", 2),
        ("g", "tags", 1),
        ("g", "x", 0),
    ]


def test_many_functions() -> None:
    """A module whose every function is taken once for the next."""
    names = [f"f{n:02d}" for n in range(64)]
    rows = [(row(f"{n} right", n), said(n)) for n in names]
    rows += [(row(f"{n} wrong", n), said(after)) for n, after in itertools.pairwise(names)]
    found = find_confusion(report(rows))
    assert len(found.functions) == 64
    assert len(found.pairs) == 63
    assert all(p.of == 2 for p in found.pairs)


def test_what_became_of_a_row_since(loaded: Workspace) -> None:
    stored = loaded.store.exemplar(MODULE, "f00")
    _, [error] = measure("m", [stored.exemplar], [said("book_hotel")])
    assert change_since(loaded, MODULE, error) == ""
    changed = stored.exemplar.model_copy(update={"function": None, "arguments": {}, "spans": None})
    loaded.store.decide(
        MODULE, changed, who="ann", kind="labelled", expected_revision=stored.revision
    )
    assert change_since(loaded, MODULE, error) == "labelled differently"
    now = loaded.store.exemplar(MODULE, "f00")
    gone = now.exemplar.model_copy(update={"tags": ("discarded",)})
    loaded.store.decide(MODULE, gone, who="ann", kind="discarded", expected_revision=now.revision)
    assert change_since(loaded, MODULE, error) == "discarded"
    trash.delete(loaded, MODULE, ["f00"], who="ann")
    assert change_since(loaded, MODULE, error) == "deleted"
