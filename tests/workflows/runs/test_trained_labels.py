"""Baselines learn from what the run was trained on, whatever became of it since."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from conftest import MODULE, ROWS
from deciding import decide

from radu_core.dataset import DatasetConfig, mix, read_labels, read_rows
from radu_core.errors import DatasetError
from radu_core.evaluation import EvaluationReport
from radu_core.tokenizing import load_tokenizer
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import preflight
from radu_core.workflows.evaluate.evaluation import evaluate
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.runs.launch import serving
from radu_core.workflows.runs.trained_labels import FILE, keep_labels, read_trained_labels
from radu_core.workflows.train.dataset import build

TRAIN = ["f00", "f01", "f02", "f05", "h00", "h01", "h04", "n00"]  # resolved


def kept(run: RunDirectory) -> Path:
    return run.path / "serving"


def test_a_dataset_holds_the_exemplars_of_its_training_rows(loaded: Workspace) -> None:
    view = build(loaded, MODULE)
    labels = read_labels(view.directory, MODULE, TRAIN)
    assert [e.id for e in labels] == TRAIN
    assert labels == tuple(loaded.store.exemplar(MODULE, id).exemplar for id in TRAIN)
    assert [e.id for e in read_labels(view.directory, MODULE, ["f00"])] == ["f00"]
    assert read_labels(view.directory, "other", TRAIN) == ()
    assert "labels.jsonl" in view.manifest.files
    (view.directory / "labels.jsonl").unlink()
    with pytest.raises(DatasetError, match="doesn't hold its labels"):
        read_labels(view.directory, MODULE, TRAIN)


def test_four_tickets_are_four_labels(loaded: Workspace, tiny_model: Path, tmp_path: Path) -> None:
    """The index holds one of them."""
    cities = ["Oslo", "Rome", "Bonn", "Kyiv"]
    rows = [
        {
            "id": f"t{i}",
            "utterance": f"a ticket to {city}",
            "function": "book_flight",
            "arguments": {"destination": city},
        }
        for i, city in enumerate(cities)
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    import_file(loaded, "jsonl", tmp_path / "t.jsonl", module=MODULE, who="t")
    resolve(loaded, MODULE, who="t")
    view = build(loaded, MODULE)
    config = TrainConfig(dataset=view.directory, base_model=str(tiny_model))
    keep_labels(tmp_path, view.directory, MODULE, preflight(config, load_tokenizer(tiny_model)))
    found = [e.id for e in read_trained_labels(tmp_path).exemplars]
    assert found == sorted([*TRAIN, "t0", "t1", "t2", "t3"])


def test_what_no_row_was_trained_of_isnt_learned_from(
    loaded: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    view = build(loaded, MODULE, config=DatasetConfig(tokenizer=None))
    tokenizer = load_tokenizer(tiny_model)
    sizes: dict[str, int] = {}
    for row in read_rows(view.directory, "train"):
        length = len(tokenizer(row.prompt + row.completion)["input_ids"]) + 1
        sizes[row.exemplar_id] = min(length, sizes.get(row.exemplar_id, length))
    limit = sorted(sizes.values())[3]
    config = TrainConfig(
        dataset=view.directory, base_model=str(tiny_model), max_length=limit, skip_overlong=True
    )
    keep_labels(tmp_path, view.directory, MODULE, preflight(config, tokenizer))
    short = sorted(id for id, size in sizes.items() if size <= limit)
    assert 0 < len(short) < len(TRAIN)
    assert [e.id for e in read_trained_labels(tmp_path).exemplars] == short


def test_a_mixture_taught_what_was_drawn_of_each_module(
    loaded: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    view = build(loaded, MODULE, config=DatasetConfig(strategies=("rag",)))
    mixed = tmp_path / "data" / "mixture"
    mix([view.directory], mixed, weights={MODULE: 0.5})
    config = TrainConfig(dataset=mixed, base_model=str(tiny_model))
    keep_labels(tmp_path, mixed, MODULE, preflight(config, load_tokenizer(tiny_model)))
    drawn = sorted({row.exemplar_id for row in read_rows(mixed, "train")})
    assert [e.id for e in read_trained_labels(tmp_path).exemplars] == drawn
    shutil.rmtree(view.directory)  # they lie in the mixture, too
    assert [e.id for e in read_labels(mixed, MODULE, drawn)] == drawn


def test_what_is_decided_later_changes_nothing(loaded: Workspace, run: RunDirectory) -> None:
    before = read_trained_labels(kept(run))
    assert ([e.id for e in before.exemplars], before.missing) == (TRAIN, "")
    decide(loaded, "discard", "f00", reason="x")
    shutil.rmtree(loaded.datasets)
    report = evaluate(loaded, run.id, limit=3)
    assert report.learned_from is not None
    assert (report.learned_from.count, report.learned_from.hash) == (8, before.hash)
    assert len(report.baselines) == 5
    assert Counter(c.measure for c in report.comparisons) == {
        "function accuracy": 5,
        "slot F1": 5,
        "exact match": 5,
    }
    assert report.no_baselines == ""


def test_labels_that_cant_be_had_are_said_instead_of_a_figure(
    loaded: Workspace, run: RunDirectory
) -> None:
    path = kept(run) / FILE
    data = json.loads(path.read_text())
    data["exemplars"][0]["function"] = "book_hotel"
    for text, why in [
        (json.dumps(data), "aren't those it was trained on"),
        ("{", "can't be read"),
        ("[]", "can't be read"),
    ]:
        path.write_text(text)
        assert why in read_trained_labels(kept(run)).missing
    path.unlink()
    report = evaluate(loaded, run.id, limit=2)
    assert (report.baselines, report.comparisons, report.learned_from) == ((), (), None)
    assert report.no_baselines == (
        "the run doesn't hold the labels it was trained on; launch it again"
    )
    assert EvaluationReport.load(run.path / "evaluation" / "test.json") == report


def test_a_run_keeps_them_beside_what_its_prompts_are_made_of(
    loaded: Workspace, run: RunDirectory
) -> None:
    assert serving(loaded, run).folder == kept(run)
    assert {r["id"] for r in ROWS} >= {e.id for e in read_trained_labels(kept(run)).exemplars}
