"""One rule says why an exemplar isn't used: everything that uses exemplars agrees with it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from fakes import HashEmbedder
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieving import WHOLE

from radu_core.dataset import DatasetConfig
from radu_core.dataset.making import usable
from radu_core.eligibility import Purpose, Reason, key_of, sort_out, why_not
from radu_core.evaluation.baselines import learnable
from radu_core.exemplars import DISCARDED, AnnotatedExemplar
from radu_core.retrieval.contents import Contents
from radu_core.store import AlignmentRecord
from radu_core.workflows.coverage.indexing import build_index
from radu_core.workflows.coverage.report import measured_exemplars
from radu_core.workflows.evaluate.evaluation import rows_to_measure
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.load.eligible import left_out, left_out_rows
from radu_core.workflows.train.dataset import build

SPLITS = ("train", "validation", "test")


def exemplar(id: str = "x", **more: Any) -> AnnotatedExemplar:
    given = {"function": "book_flight", "template": "fly", "outcome": "resolved", **more}
    return AnnotatedExemplar(id=id, utterance="fly", spans=(), **given)


def name(value: object) -> str:
    """The same in every process: a set has no order."""
    return " ".join(sorted(value)) if isinstance(value, set) else str(value)


ONE_FAULT = [
    ({"tags": (DISCARDED,), "outcome": "invalid"}, Reason.DISCARDED, set(Purpose)),
    ({"function": "gone"}, Reason.CONTRADICTS, set(Purpose)),
    ({"arguments": {"origin": 3}}, Reason.CONTRADICTS, set(Purpose)),
    ({"outcome": "invalid"}, Reason.INVALID, set(Purpose)),
    ({"outcome": "ambiguous"}, Reason.UNRESOLVED, {Purpose.INDEX, Purpose.ROWS, Purpose.BASELINE}),
    ({"outcome": None}, Reason.UNRESOLVED, {Purpose.INDEX, Purpose.ROWS, Purpose.BASELINE}),
    ({"mode": "negative"}, Reason.NEGATIVE, set(Purpose) - {Purpose.ROWS}),
    ({"split": "test"}, Reason.TEST, {Purpose.INDEX, Purpose.BASELINE}),
    ({"split": "validation"}, Reason.VALIDATION, {Purpose.INDEX, Purpose.BASELINE}),
    ({"function": None}, Reason.OUT_OF_SCOPE, {Purpose.COVERAGE}),
    ({"mode": "extended"}, None, set()),
]


@pytest.mark.parametrize(("more", "reason", "purposes"), ONE_FAULT, ids=name)
def test_a_fault_has_one_reason_in_every_purpose_that_it_matters_to(
    more: dict[str, Any], reason: Reason | None, purposes: set[Purpose]
) -> None:
    found = {p: why_not(WHOLE, exemplar(**more), p) for p in Purpose}
    assert found == {p: reason if p in purposes else None for p in Purpose}


def test_unlabelled_is_never_out_of_scope() -> None:
    unlabelled = exemplar(function=None).model_copy(
        update={"unlabelled": True, "outcome": "unlabelled"}
    )
    assert {why_not(WHOLE, unlabelled, p) for p in Purpose} == {Reason.UNLABELLED}


def test_of_duplicates_only_the_index_leaves_all_but_one_out() -> None:
    rows = [exemplar("b"), exemplar("a"), exemplar("c", function=None)]
    held = sort_out(WHOLE, rows, Purpose.INDEX)
    assert [e.id for e in held.exemplars] == ["a", "c"]
    assert held.left_out == {"b": Reason.DUPLICATE}
    assert held.counts == {"duplicate of another (same template and function)": 1}
    assert len(sort_out(WHOLE, rows, Purpose.BASELINE).exemplars) == 3


@st.composite
def modules(draw: st.DrawFn) -> list[AnnotatedExemplar]:
    """Exemplars with any number of faults each; one of them can be trained on."""
    made = [exemplar("e", template="whole")]
    for number in range(draw(st.integers(0, 12))):
        function = draw(st.sampled_from(["book_flight", "book_hotel", "gone", None]))
        text = draw(st.sampled_from(["fly", "sleep"]))
        made.append(
            exemplar(
                f"e{number}",
                function=function,
                template=text,
                arguments=draw(st.sampled_from([{}, {"origin": "Oslo"}, {"nope": 1}])),
                outcome=draw(st.sampled_from(["resolved", "ambiguous", "unlocated", "invalid"])),
                mode=draw(st.sampled_from(["normal", "extended", "negative"])),
                split=draw(st.sampled_from(SPLITS)),
                tags=draw(st.sampled_from([(), (), ("t",), (DISCARDED,)])),
            )
        )
    return made


@given(modules())
@settings(max_examples=80, deadline=None)
def test_index_rows_and_baselines_agree_with_it(rows: list[AnnotatedExemplar]) -> None:
    reasons = {p: {e.id: why_not(WHOLE, e, p) for e in rows} for p in Purpose}
    contents = Contents.of(WHOLE, rows)
    assert {i: e.left_out for i, e in contents.entries.items()} == reasons[Purpose.INDEX]
    held = {e.id for e in contents.exemplars}
    assert held == {e.id for e in sort_out(WHOLE, rows, Purpose.INDEX).exemplars}
    assert Counter(contents.left_out) == Counter(sort_out(WHOLE, rows, Purpose.INDEX).counts)
    made = usable(WHOLE, rows, DatasetConfig())
    assert {line["exemplar_id"]: line["reason"] for line in made.lines} == {
        i: why for i, why in reasons[Purpose.ROWS].items() if why
    }
    assert {e.id for e in made.exemplars} == {i for i, w in reasons[Purpose.ROWS].items() if not w}
    taught = [e for e in made.exemplars if e.split == "train"]
    assert [e.id for e in learnable(WHOLE, taught).exemplars] == sorted(
        i for i, why in reasons[Purpose.BASELINE].items() if not why
    )
    for one in rows:  # one reason, wherever it matters
        found = [reasons[p][one.id] for p in (Purpose.COVERAGE, Purpose.EVALUATION)]
        assert found[0] in (found[1], Reason.OUT_OF_SCOPE)


@given(rows=modules())
@settings(max_examples=15, deadline=None)
def test_the_workflows_and_home_agree_with_it(
    rows: list[AnnotatedExemplar], tmp_path_factory: pytest.TempPathFactory
) -> None:
    space = stored(tmp_path_factory.mktemp("space"), rows)
    items = [i.exemplar for i in space.store.exemplars(MODULE)]
    wanted = {p: sort_out(WHOLE, items, p) for p in Purpose}
    assert left_out(space, MODULE) == {p: found.counts for p, found in wanted.items()}
    assert {r["id"]: r["reason"] for r in left_out_rows(space, MODULE, Purpose.INDEX)} == wanted[
        Purpose.INDEX
    ].left_out
    assert funnels(space)[0].left_out == wanted[Purpose.ROWS].counts
    index = build_index(space, MODULE)
    assert [e.id for e in index.exemplars] == [e.id for e in wanted[Purpose.INDEX].exemplars]
    made = build(space, MODULE, config=DatasetConfig(tokenizer=None)).manifest
    assert made.left_out == wanted[Purpose.ROWS].counts
    for split in SPLITS:
        own = [e for e in items if e.split == split]
        measured, why = measured_exemplars(space, MODULE, split)  # type: ignore[arg-type]
        of_split = sort_out(WHOLE, own, Purpose.COVERAGE)
        assert (tuple(measured), why) == (of_split.exemplars, of_split.left_out)
        evaluated = sort_out(WHOLE, own, Purpose.EVALUATION)
        if evaluated.exemplars:
            found = rows_to_measure(space, MODULE, split)  # type: ignore[arg-type]
            assert (tuple(found[0]), found[1]) == (evaluated.exemplars, evaluated.counts)
    space.store.close()


def stored(home: Path, rows: list[AnnotatedExemplar]) -> Workspace:
    """A workspace that holds ``rows`` as they are."""
    space = Workspace(home)
    space._embedders["all-MiniLM-L6-v2"] = HashEmbedder()  # type: ignore[assignment]
    space.store.put_schema(WHOLE, who="t")
    space.store.put_exemplars(MODULE, rows, who="t", source="t")
    records = [
        AlignmentRecord(
            e.id,
            1,
            e.outcome,
            "unique" if e.outcome == "resolved" else None,
            "",
            e.spans,
            e.template,
            (),
            (),
        )
        for e in rows
    ]
    space.store.set_alignments(MODULE, records, who="t")
    kept = [i.exemplar for i in space.store.exemplars(MODULE)]
    assert {e.id: (e.outcome, *key_of(e)) for e in kept} == {
        e.id: (e.outcome, *key_of(e)) for e in rows
    }
    return space


def test_home_follows_what_changes(loaded: Workspace) -> None:
    assert funnels(loaded)[0].unused_text == "No dataset can use these: not resolved (2)."
    before = loaded.store.state(MODULE)
    one = loaded.store.exemplar(MODULE, "f00")
    negative = one.exemplar.model_copy(update={"mode": "negative", "outcome": "invalid"})
    loaded.store.decide(MODULE, negative, who="t", kind="corrected", expected_revision=one.revision)
    assert loaded.store.state(MODULE) != before
    assert funnels(loaded)[0].left_out == {Reason.INVALID: 1, Reason.UNRESOLVED: 2}


def test_counts_after_a_change_are_those_of_starting_again(loaded: Workspace) -> None:
    def again() -> object:
        loaded.hold("left out", None)
        return left_out(loaded, MODULE)

    for id, change in [
        ("f00", {"outcome": "invalid"}),
        ("a00", {"mode": "negative"}),
        ("f01", {"template": "x"}),
        ("f02", {"template": "x"}),
        ("f00", {"outcome": "resolved", "split": "test"}),
    ]:
        left_out(loaded, MODULE)
        item = loaded.store.exemplar(MODULE, id)
        made = item.exemplar.model_copy(update=change)
        loaded.store.decide(
            MODULE, made, who="t", kind="corrected", expected_revision=item.revision
        )
        assert left_out(loaded, MODULE) == again()
    assert left_out(loaded, MODULE)[Purpose.INDEX][Reason.DUPLICATE] == 1
    functions = [f for f in WHOLE.functions if f.name == "book_hotel"]
    less = loaded.store.schema(MODULE).model_copy(update={"functions": tuple(functions)})
    loaded.store.put_schema(less, who="t")
    assert left_out(loaded, MODULE) == again()
    assert left_out(loaded, MODULE)[Purpose.ROWS][Reason.CONTRADICTS] == 8
