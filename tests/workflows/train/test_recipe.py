"""``radu recipe ra-dit`` on tiny models: four cells, of runs that are made once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODULE, ROWS
from tiny_encoder import make_tiny_encoder
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.errors import InputError
from radu_core.retrieval import RetrievalSettings
from radu_core.schema import Schema
from radu_core.workflows.coverage.indexing import set_retrieval
from radu_core.workflows.frame.run_list import runs
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.train import recipe

TUNED = ["neither", "retriever", "language model", "language model and retriever"]


@pytest.mark.slow
def test_four_cells_of_two_runs(
    loaded: Workspace, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = make_tiny_encoder(tmp_path / "encoder", [str(row["utterance"]) for row in ROWS])
    set_retrieval(loaded, MODULE, RetrievalSettings(embedder=str(encoder)), who="test")
    plain = recipe.configs_of

    def teachable(*args: object, **options: object) -> object:
        """A tiny model's answers are the same with any exemplar, to a few digits."""
        one, two = plain(*args, **options)  # type: ignore[arg-type]
        return one, two.model_copy(update={"teacher_temperature": 1e-30, "epochs": 1.0})

    monkeypatch.setattr(recipe, "configs_of", teachable)
    report = recipe.ra_dit(loaded, MODULE, generator=str(tiny_model))
    assert [c.tuned for c in report.cells] == TUNED
    assert report.rows == 3
    assert report.split == "test"
    assert all(c.prompt.total == c.ensemble.total == c.vote.total == 3 for c in report.cells)
    assert [c.p is None for c in report.cells] == [True, False, False, False]
    made = {run.id: run.config().target for run in runs(loaded, MODULE)}
    assert made == {report.generator_run: "generator", report.retriever_run: "retriever"}
    assert report.cells[0].vote == report.cells[2].vote
    again = recipe.ra_dit(loaded, MODULE, generator=str(tiny_model), limit=2)
    assert (again.generator_run, again.retriever_run) == (
        report.generator_run,
        report.retriever_run,
    )
    assert again.rows == 2


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_a_time_limit_that_is_none_is_refused(loaded: Workspace, minutes: float) -> None:
    with pytest.raises(InputError, match="minutes"):
        recipe.ra_dit(loaded, MODULE, minutes=minutes)


def test_a_module_without_rows_to_measure_is_refused(
    workspace: Workspace, schema: Schema, write_jsonl: Callable[..., Path]
) -> None:
    workspace.store.put_schema(schema, who="test")
    train = [row for row in ROWS if row["split"] == "train"]
    import_file(workspace, "jsonl", write_jsonl(train), module=MODULE, who="test")
    result = CliRunner(env={"RADU_HOME": str(workspace.home)}).invoke(
        app, ["recipe", "ra-dit", "-m", MODULE, "--json"]
    )
    assert result.exit_code == 2
    assert "radu split" in json.loads(result.stdout)["message"]
