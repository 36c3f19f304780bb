"""A retriever's run and a language model's together, real ones, both tiny."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS
from tiny_encoder import make_tiny_encoder

from radu_core.errors import InputError
from radu_core.inference import FullParser
from radu_core.retrieval import RetrievalSettings
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.coverage.indexing import set_retrieval
from radu_core.workflows.evaluate import measurement
from radu_core.workflows.evaluate import parse as parsing
from radu_core.workflows.evaluate.evaluation import evaluate, reports
from radu_core.workflows.evaluate.parse import full_parser, parse
from radu_core.workflows.frame.run_list import open_run
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.export_model import export_model
from radu_core.workflows.train import fit as workflow
from radu_core.workflows.train.fit import fit

pytestmark = pytest.mark.slow


@pytest.fixture
def fast(
    run: RunDirectory, loaded: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A retriever's run of the module that ``run`` is of."""
    encoder = make_tiny_encoder(tmp_path / "encoder", [str(row["utterance"]) for row in ROWS])
    set_retrieval(loaded, MODULE, RetrievalSettings(embedder=str(encoder)), who="test")
    monkeypatch.setattr(workflow, "_MOST_EPOCHS", 2.0)
    return fit(loaded, MODULE, who="test").run


def test_both_are_measured_side_by_side(loaded: Workspace, run: RunDirectory, fast: str) -> None:
    report = evaluate(loaded, fast, split="test", generator=run.id)
    assert report.full is not None
    names = [m.system for m in report.systems][-2:]
    assert names == ["after training", f"with the language model of {run.id}"]
    assert report.full.metrics.rows == report.trained.rows
    assert {c.measure for c in report.full.comparisons} == {
        "function accuracy",
        "slot F1",
        "exact match",
    }
    assert not report.full.gains  # two tiny models on three rows
    assert reports(open_run(loaded, fast))["test"] == report
    [kept] = (loaded.runs / fast / "full").iterdir()
    before = kept.stat().st_mtime_ns
    call = parse(loaded, fast, "fly me to Oslo", generator=run.id)
    assert call.function in (None, "book_flight", "book_hotel")
    assert kept.stat().st_mtime_ns == before  # weighed once
    kept.write_text("{}")  # damaged: weighed again
    evaluate(loaded, fast, split="test", generator=run.id)
    assert kept.read_text() != "{}"


def test_rows_asked_some_at_a_time_are_answered_as_all_at_once(
    loaded: Workspace, run: RunDirectory, fast: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluate(loaded, fast, generator=run.id)
    monkeypatch.setattr(measurement, "_BLOCK", 2)
    told: list[tuple[int, int]] = []
    parts = evaluate(
        loaded,
        fast,
        generator=run.id,
        progress=lambda what, done, total: told.append((done, total)) if "answer" in what else None,
    )
    assert {(0, 3), (2, 3)} <= set(told)
    assert whole.full is not None
    assert parts.full is not None
    for one, other in ((whole.trained, parts.trained), (whole.full.metrics, parts.full.metrics)):
        assert (one.function, one.slot_f1, one.exact_match) == (
            other.function,
            other.slot_f1,
            other.exact_match,
        )
    assert parts.errors == whole.errors


def test_what_doesnt_fit_together_is_refused(
    loaded: Workspace, run: RunDirectory, fast: str
) -> None:
    with pytest.raises(InputError, match="Name the retriever's run first"):
        parse(loaded, run.id, "fly me to Oslo", generator=fast)
    with pytest.raises(InputError, match="can't be combined"):
        parse(loaded, fast, "fly me to Oslo", generator=fast)
    for first, second in ((run.id, run.id), (fast, fast)):
        with pytest.raises(InputError, match="can't be combined"):
            evaluate(loaded, first, generator=second)
    with pytest.raises(InputError, match="can't generate values"):
        evaluate(loaded, fast, generated=True)


def test_an_ensemble_is_of_the_language_model(
    loaded: Workspace, run: RunDirectory, fast: str
) -> None:
    one = evaluate(loaded, fast, generator=run.id)
    report = evaluate(loaded, fast, generator=run.id, ensemble=True)
    assert report.full_ensemble is not None
    assert report.full_ensemble.metrics.system.endswith(f"{run.id}, an ensemble of prompts")
    assert report.full == one.full
    with pytest.raises(InputError, match="has no generator"):
        evaluate(loaded, fast, ensemble=True)


def test_the_pair_in_memory_is_of_both_models_as_they_are(
    loaded: Workspace,
    run: RunDirectory,
    fast: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exported = str(export_model(loaded, fast, tmp_path / "exported").directory)
    made: list[str] = []

    def counting(space: Workspace, name: str, *args: Any, **more: Any) -> FullParser:
        made.append(name)
        return full_parser(space, name, *args, **more)

    monkeypatch.setattr(parsing, "full_parser", counting)
    parse(loaded, exported, "fly me to Oslo", generator=run.id)
    assert list((tmp_path / "exported" / "full").iterdir())
    parse(loaded, exported, "fly me to Oslo", generator=run.id)
    assert made == [exported]  # what was weighed is no part of the model
    os.utime(run.model / "config.json", (1, 1))
    parse(loaded, exported, "fly me to Oslo", generator=run.id)
    assert made == [exported] * 2
