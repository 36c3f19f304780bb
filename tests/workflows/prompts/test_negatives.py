"""Judgements, mining and the dial over a stored module, and that rows follow what people say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE

from radu_core.dataset import DatasetConfig, read_rows
from radu_core.errors import InputError, NotFoundError
from radu_core.prompts import RowOptions
from radu_core.workflows.coverage import judgements
from radu_core.workflows.coverage.judgements import judge, judged_pairs, withdraw
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.overlap.report import (
    flag,
    has_changed_since,
    overlap_report,
    pairs_confused,
)
from radu_core.workflows.prompts.negatives import POSITIONS, dial, mine_negatives, retrieve
from radu_core.workflows.prompts.preview import preview
from radu_core.workflows.train import dataset

TWINS: list[dict[str, Any]] = [
    {"id": "t1", "utterance": "get me something nice soon", "function": "book_flight"},
    {"id": "t2", "utterance": "Get me something nice, soon!", "function": "book_hotel"},
    {"id": "t3", "utterance": "Get me something nice, soon!", "function": "book_hotel"},
]


@pytest.fixture
def space(loaded: Workspace, write_jsonl: Callable[..., Path]) -> Workspace:
    """The small module with a sentence that two functions have, one of them twice."""
    import_file(loaded, "jsonl", write_jsonl(TWINS, "twins.jsonl"), module=MODULE, who="t")
    resolve(loaded, MODULE, who="t")
    return loaded


def of(space: Workspace, id_: str, **options: Any) -> dict[str, Any]:
    found = retrieve(space, MODULE, exemplar_id=id_)
    made = mine_negatives(space, MODULE, found, options=RowOptions(**options))
    return {n.hit.id: n for n in made.negatives}


def test_a_judgement_counts_for_repetitions_too(space: Workspace) -> None:
    assert of(space, "t1")["t2"].is_suspect
    judge(space, MODULE, "t2", "t1", "different", who="ann")
    found = of(space, "t1")["t2"]
    assert (found.verdict, found.use) == ("different", True)
    assert of(space, "t3")["t1"].use
    judge(space, MODULE, "t3", "t1", "same", who="bob")  # of the very pair, and newer
    assert judgements.judgements(space, MODULE) == {("t1", "t3"): "same", ("t1", "t2"): "different"}
    withdraw(space, MODULE, "t1", "t3", who="bob")
    withdraw(space, MODULE, "t1", "t2", who="bob")
    assert judgements.judgements(space, MODULE) == {}
    assert of(space, "t1")["t2"].is_suspect
    assert [j.verdict for j in judgements.history(space, MODULE, "t1", "t2")] == [
        "different",
        "withdrawn",
    ]


def test_judged_pairs_say_what_follows(space: Workspace) -> None:
    judge(space, MODULE, "t1", "t2", "same", who="ann")
    judge(space, MODULE, "t2", "t3", "same", who="bob")
    newest, oldest = judged_pairs(space, MODULE)
    assert (newest.who, newest.effect) == ("bob", "nothing: they are of one function now")
    assert (oldest.first.id, oldest.second.id, oldest.verdict) == ("t1", "t2", "same")
    assert oldest.effect.startswith("never a negative")
    with pytest.raises(NotFoundError):
        judge(space, MODULE, "t1", "gone", "same", who="ann")


def knn_no(space: Workspace, id_: str = "t1") -> set[str]:
    config = DatasetConfig(strategies=("knn",), rows=RowOptions(knn_negatives=20))
    view = dataset.build(space, MODULE, config=config)
    rows = read_rows(view.directory, "train")
    return {r.exemplar_ids[0] for r in rows if r.exemplar_id == id_ and r.negative}


def test_the_dataset_and_the_preview_follow_the_judgements(space: Workspace) -> None:
    assert not {"t2", "t3"} & knn_no(space)
    first = dataset.datasets(space, MODULE)[0].manifest
    judge(space, MODULE, "t1", "t2", "different", who="ann")
    assert "t2" in knn_no(space)
    second = dataset.datasets(space, MODULE)[0].manifest
    assert second.judgements_hash != first.judgements_hash
    assert second.hash != first.hash
    shown = preview(
        space, MODULE, strategy="knn", exemplar_id="t1", options=RowOptions(knn_negatives=20)
    )
    assert "t2" in {r.row.exemplar_ids[0] for r in shown.rows if r.row.negative}
    judge(space, MODULE, "t1", "t2", "same", who="ann")
    assert not {"t2", "t3"} & knn_no(space)


def test_a_removed_row_is_left_out_counted_and_listed(space: Workspace) -> None:
    config = DatasetConfig(strategies=("rag",), rows=RowOptions(removed_share=1.0))
    view = dataset.build(space, MODULE, config=config)
    rows = [r for r in read_rows(view.directory, "train") if r.exemplar_id == "t1"]
    assert "removed" not in {r.kind for r in rows}
    [reason] = [r for r in view.manifest.discards if "no removed row" in r]
    assert view.manifest.discards[reason] == 3
    assert view.manifest.suspects == 3
    both = DatasetConfig(strategies=("rag", "knn"), rows=RowOptions(removed_share=1.0))
    assert dataset.build(space, MODULE, config=both).manifest.suspects == 3


def test_typed_text_needs_a_meaning(space: Workspace) -> None:
    with pytest.raises(InputError, match="This utterance is unlabelled"):
        retrieve(space, MODULE, text="get me something")
    with pytest.raises(InputError, match="1 to 10,000 characters"):
        retrieve(space, MODULE, text="  ", function="none")
    with pytest.raises(InputError, match="no function of that name"):
        retrieve(space, MODULE, text="x", function="nothing")
    found = retrieve(space, MODULE, text="get me something nice soon", function="none")
    made = mine_negatives(space, MODULE, found)
    assert (made.function, made.exemplar_id) == (None, None)
    assert made.doubtful == ("book_flight", "book_hotel")


def test_the_dial_counts_what_rows_would_be_made_of(space: Workspace) -> None:
    found = dial(space, MODULE, options=RowOptions(knn_negatives=2))
    assert tuple(p.hardness for p in found.points) == POSITIONS
    assert found.exemplars == found.full + found.short + found.none
    assert found.suspected == 3  # t1 with t2, and t2 and t3 with t1
    assert found.suspected_exemplars == 3
    similarities = [p.similarity for p in found.points]
    assert similarities == sorted(similarities)
    config = DatasetConfig(strategies=("knn",), rows=RowOptions(knn_negatives=2))
    counts = dataset.build(space, MODULE, config=config).manifest.counts["train"]
    assert counts["knn/knn_no"] == found.points[-1].pairs
    judge(space, MODULE, "t1", "t2", "same", who="ann")
    after = dial(space, MODULE, options=RowOptions(knn_negatives=2))
    assert (after.suspected, after.same) == (0, 3)


def test_no_negatives_are_wanted(space: Workspace) -> None:
    found = dial(space, MODULE, options=RowOptions(knn_negatives=0))
    assert (found.full, found.points[0].pairs, found.points[0].similarity) == (
        found.exemplars,
        0,
        0,
    )


def test_overlap_lists_pairs_lint_and_sends_to_annotation(space: Workspace) -> None:
    report = overlap_report(space, MODULE, near_duplicate=1.0)
    [pair] = [f for f in report.findings if f.kind == "near duplicates"]
    assert {pair.examples[0].id, pair.examples[0].other_id} == {"t1", "t2"}
    assert {f.kind for f in report.findings} >= {"few exemplars", "near duplicates"}
    assert (report.exemplars - report.distinct) == 1
    assert flag(space, MODULE, pair, who="ann") == 2
    item = space.store.exemplar(MODULE, "t1")
    assert item.queue == "suspected"
    assert item.flag is not None
    assert item.flag.startswith("Overlap: book_flight and book_hotel")
    total = sum(p.exemplars for p in pairs_confused(report))
    assert total == int(report.confusion.mistaken.sum() - report.confusion.mistaken.trace())
    judge(space, MODULE, "t1", "t3", "different", who="ann")
    after = overlap_report(space, MODULE, near_duplicate=1.0)
    assert "near duplicates" not in {f.kind for f in after.findings}
    assert after.state != report.state
    assert (has_changed_since(space, report), has_changed_since(space, after)) == (True, False)


def test_rows_and_index_are_of_one_state(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody relabels while the index is read: its rows say what the index says."""
    load = dataset.load_index

    def relabelled(workspace: Workspace, module: str, **more: Any) -> Any:
        item = workspace.store.exemplar(module, "t1")
        other = item.exemplar.model_copy(update={"function": "book_hotel"})
        workspace.store.decide(
            module, other, who="ann", kind="decided", expected_revision=item.revision
        )
        return load(workspace, module, **more)

    monkeypatch.setattr(dataset, "load_index", relabelled)
    view = dataset.build(space, MODULE, config=DatasetConfig(strategies=("rag",)))
    said = {r.function for r in read_rows(view.directory, "train") if r.exemplar_id == "t1"}
    assert said == {"book_hotel"}
