"""Unlabelled is a state of its own: in the funnel and a queue, and nowhere counted as a label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS
from deciding import Tab, decide

from radu_core.agreement import agreement
from radu_core.dataset import DatasetConfig
from radu_core.eligibility import Purpose, Reason
from radu_core.errors import InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import OUT_OF_SCOPE
from radu_core.store.leases import Lease
from radu_core.workflows.annotate.history import lines
from radu_core.workflows.coverage import report as coverage
from radu_core.workflows.coverage.report import build_index
from radu_core.workflows.evaluate import evaluation as evaluate
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.load.eligible import left_out_rows
from radu_core.workflows.load.files import export, import_file, remarks
from radu_core.workflows.load.outcomes import funnel, resolve, unresolved_rows
from radu_core.workflows.prompts import negatives
from radu_core.workflows.prompts import preview as prompts
from radu_core.workflows.train import dataset

BARE = [
    {"id": "x0", "utterance": "fly me to Oslo please", "split": "train"},
    {"id": "x1", "utterance": "sing a song", "split": "test"},
    {"id": "x2", "utterance": "a room in Paris", "split": "validation"},
]


@pytest.fixture
def space(loaded: Workspace, write_jsonl: Callable[..., Path]) -> Workspace:
    """The small module, with three rows more that nobody has labelled."""
    report = import_file(loaded, "jsonl", write_jsonl(BARE, "bare.jsonl"), module=MODULE, who="t")
    assert (report.unlabelled, report.out_of_scope, report.added) == (3, 0, 3)
    assert any("3 rows without a function: unlabelled" in line for line in remarks(report))
    return loaded


def label(space: Workspace, id: str) -> AnnotatedExemplar:
    return space.store.exemplar(MODULE, id).exemplar


def test_they_wait_before_and_after_resolving(space: Workspace) -> None:
    for _ in range(2):
        assert space.store.waiting(MODULE)["unlabelled"] == 3
        found = funnel(space, MODULE)
        assert (found.outcomes["unlabelled"], found.total) == (3, len(ROWS) + 3)
        assert resolve(space, MODULE, who="t").changed <= 3
    assert resolve(space, MODULE, who="t").changed == 0
    assert funnel(space, MODULE).reasons["no function was given"] == 3
    rows = {r["id"]: r for r in unresolved_rows(space, MODULE)}
    assert rows["x1"]["outcome"] == "unlabelled"


def test_home_counts_them_apart(space: Workspace) -> None:
    found = funnels(space)[0]
    assert (found.unlabelled, found.waiting, found.resolved) == (3, 5, 13)
    told = [one.text for one in found.attention if "unlabelled" in one.text]
    assert told == [
        "3 utterances are unlabelled, so they are neither indexed nor trained on."
    ]  # said once: here, with the link
    assert "label" not in f"{found.unused_text} {found.caption}"


def test_a_module_of_nothing_else_goes_to_annotation_next(
    workspace: Workspace, schema: Any, write_jsonl: Callable[..., Path]
) -> None:
    workspace.store.put_schema(schema, who="t")
    import_file(workspace, "jsonl", write_jsonl(BARE), module=MODULE, who="t")
    step = funnels(workspace)[0].next
    assert (step.page, step.label) == ("annotate", "Label 3")


def test_they_are_never_indexed_taught_or_measured(space: Workspace) -> None:
    resolve(space, MODULE, who="t")
    ids = {row["id"] for row in BARE}
    index = build_index(space, MODULE)
    assert ids.isdisjoint(index.contents.entries)
    rows, left_out = evaluate.rows_to_measure(space, MODULE, "test")
    assert ids.isdisjoint(e.id for e in rows)
    assert left_out[Reason.UNLABELLED] == 1
    usable, why = coverage.measured_exemplars(space, MODULE, "validation")
    assert ids.isdisjoint(e.id for e in usable)
    assert why["x2"] == Reason.UNLABELLED
    made = dataset.build(space, MODULE, name="d", config=DatasetConfig(tokenizer=None))
    splits = [made.directory.rglob(f"{split}.jsonl") for split in ("train", "validation", "test")]
    written = "".join(p.read_text() for found in splits for p in found)
    assert '"exemplar_id":"f00"' in written
    assert not any(f'"exemplar_id":"{id_}"' in written for id_ in ids)


def test_a_prompt_of_one_has_no_answer(space: Workspace) -> None:
    for strategy in ("rag", "knn", "all"):
        shown = prompts.preview(space, MODULE, strategy=strategy, exemplar_id="x1")
        assert {row.row.completion for row in shown.rows} <= {""}
        assert shown.function is None
        assert shown.answer_retrieved is None
        assert Reason.UNLABELLED in {w.kind for w in shown.warnings}
        assert "contradicts the schema" not in {w.kind for w in shown.warnings}
    with pytest.raises(InputError, match="This utterance is unlabelled"):
        negatives.retrieve(space, MODULE, exemplar_id="x1")


# Annotation


def test_the_queue_and_the_filters_tell_them_apart(space: Workspace) -> None:
    tab = Tab(space, "ann")
    assert tab.ids(9, queue="unlabelled") == ["x0", "x1", "x2"]
    other = Tab(space, "bob")
    assert {"x0", "n00"} & set(other.ids(50, queue="all", function=OUT_OF_SCOPE)) == {"n00"}
    [item] = [i for i in other.send(want=1, item="x0")["items"] if i["id"] == "x0"]
    assert (item["unlabelled"], item["function"], item["held"]) == (True, None, "ann")


def test_leases_of_unlabelled_ones_are_of_no_function() -> None:
    from datetime import UTC, datetime

    from radu_core.store.queues import Filter, _fits

    lease = Lease("x", "ann", datetime.now(UTC), "unlabelled", None, unlabelled=True)
    assert _fits(Filter(queue="unlabelled"), lease)
    assert not _fits(Filter(function=OUT_OF_SCOPE), lease)


def test_a_label_makes_an_ordinary_exemplar_and_undo_takes_it_back(space: Workspace) -> None:
    before = label(space, "x0")
    span = {"slot": "destination", "start": 10, "end": 14, "value": "Oslo", "text": "Oslo"}
    decide(
        space,
        "decide",
        "x0",
        function="book_flight",
        arguments={"destination": "Oslo"},
        spans=[span],
        implied=[],
    )
    after = label(space, "x0")
    assert (after.unlabelled, after.outcome, after.template) == (
        False,
        "resolved",
        "fly me to <destination> please",
    )
    event = space.store.history(MODULE, "x0")[-1]
    assert event.kind == "labelled"
    assert "function: unlabelled → book_flight" in lines(event)
    assert space.store.waiting(MODULE)["unlabelled"] == 2
    decide(space, "undo", "x0")
    assert label(space, "x0") == before
    assert space.store.waiting(MODULE)["unlabelled"] == 3


def test_out_of_scope_can_be_said(space: Workspace) -> None:
    decide(space, "decide", "x1", function=None, arguments={}, spans=[], implied=[])
    after = label(space, "x1")
    assert (after.out_of_scope, after.outcome) == (True, "resolved")
    rows, _ = evaluate.rows_to_measure(space, MODULE, "test")
    assert "x1" in {e.id for e in rows}
    decide(space, "discard", "x2", reason="no words")
    assert space.store.waiting(MODULE)["unlabelled"] == 1
    assert not label(space, "x2").out_of_scope


def test_they_are_never_named_out_of_scope(space: Workspace) -> None:
    rows = left_out_rows(space, MODULE, Purpose.INDEX)
    named = {r["id"]: r["function"] for r in rows}
    assert {named[id_] for id_ in ("x0", "x1", "x2")} == {"unlabelled"}
    assert named["n01"] == "out of scope"


def test_a_flag_doesnt_make_a_label_of_it(space: Workspace) -> None:
    space.store.flag(MODULE, {"x0": "look at it"}, who="e")
    ack = Tab(space, "ann").do("keep", "x0", space.store.exemplar(MODULE, "x0").revision)
    assert ack["status"] == "refused"
    assert "no label" in ack["message"]


def test_they_are_no_opinion_on_a_function() -> None:
    bare = AnnotatedExemplar(id="x", utterance="u", unlabelled=True)
    said = AnnotatedExemplar(id="x", utterance="u")
    assert agreement({"x": {"ann": bare, "bob": said}}).items == 0
    assert agreement({"x": {"ann": said, "bob": said}}).items == 1


# Files


@pytest.mark.parametrize("format", ["jsonl", "csv", "sgd"])
def test_exports_hold_them(space: Workspace, tmp_path: Path, format: str) -> None:
    resolve(space, MODULE, who="t")
    made = export(space, format, tmp_path / f"o.{format}", module=MODULE)
    lost = {"a recognizer": 1} if format == "sgd" else {}  # of the schema
    assert (made.exemplars, made.left_out) == (len(ROWS) + 3, lost)
    other = Workspace(tmp_path / "other")
    other.store.put_schema(space.store.schema(MODULE), who="t")
    report = import_file(other, format, tmp_path / f"o.{format}", module=MODULE, who="t")
    assert (report.rejections, report.unlabelled) == ((), 3)
    states = [[i.exemplar for i in w.store.exemplars(MODULE)] for w in (space, other)]
    assert states[0] == states[1]
    other.store.close()


def test_an_export_of_the_schema_lists_what_it_leaves_out(space: Workspace, tmp_path: Path) -> None:
    made = export(space, "openai", tmp_path / "o.json", module=MODULE)
    assert (made.rows, made.exemplars) == (2, 0)
    assert made.left_out == {"openai holds a schema, no utterances": len(ROWS) + 3}
    only = export(space, "jsonl", tmp_path / "o", module=MODULE, outcomes=("unlabelled",))
    assert only.exemplars == 3


def test_a_label_written_into_a_file_is_taken(
    space: Workspace, write_jsonl: Callable[..., Path]
) -> None:
    rows = [{**BARE[0], "function": "book_flight"}, {**BARE[1], "function": None}, BARE[2]]
    path = write_jsonl(rows, "labelled.jsonl")
    report = import_file(space, "jsonl", path, module=MODULE, who="t")
    assert (report.changed, report.unchanged) == (2, 1)
    resolve(space, MODULE, who="t")
    assert [label(space, f"x{n}").outcome for n in range(3)] == [
        "resolved",
        "resolved",
        "unlabelled",
    ]
    assert [label(space, f"x{n}").out_of_scope for n in range(3)] == [False, True, False]
