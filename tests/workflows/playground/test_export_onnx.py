"""A tuned encoder as ONNX gives the same vectors, and its card's example runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MODULE, ROWS
from tiny_encoder import make_tiny_encoder
from tuned_run import make_tuned_run
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.errors import InputError, ModelError
from radu_core.inference.onnx_encoder import OnnxEmbedder
from radu_core.retrieval import SentenceEmbedder
from radu_core.training.joint.files import ENCODER
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.export_onnx import OnnxAgreement, export_onnx

pytestmark = pytest.mark.slow
TEXTS = [str(row["utterance"]) for row in ROWS]


@pytest.fixture
def tuned(loaded: Workspace, tmp_path: Path) -> RunDirectory:
    run = make_tuned_run(loaded, MODULE)
    shutil.rmtree(run.model / ENCODER)
    made = make_tiny_encoder(tmp_path / "tiny", [*TEXTS, "what somebody says"])
    shutil.copytree(made, run.model / ENCODER)
    return run


def test_it_gives_the_encoders_vectors_and_the_example_runs(
    loaded: Workspace, tuned: RunDirectory, tmp_path: Path
) -> None:
    made = export_onnx(loaded, tuned.id, tmp_path / "o")
    assert {"model.onnx", "tokenizer.json", "settings.json", "README.md"} <= set(made.files)
    assert made.size == sum(p.stat().st_size for p in (tmp_path / "o").iterdir())
    found = made.agreement
    assert found is not None
    train = {r["utterance"] for r in ROWS if r["split"] == "train"}
    assert (found.rows, found.equal_nearest) == (2, 2)
    assert 0 < found.exemplars <= len(train)
    assert found.least_cosine == pytest.approx(1, abs=1e-5)
    card = (tmp_path / "o" / "README.md").read_text()
    assert f"Compared with the tuned encoder: {found}." in card
    assert "radu parse" not in card  # it needs what isn't in the directory
    assert "## Settings" in card
    [example] = [c for c in re.findall(r"```python\n(.*?)```", card, re.S) if "onnx" in c]
    done = subprocess.run(
        [sys.executable, "-c", f"{example}\nprint(json.dumps(vector.tolist()))"],
        cwd=tmp_path / "o",
        capture_output=True,
        text=True,
        check=True,
    )
    right = SentenceEmbedder(tuned.model / ENCODER, name="x").exact.embed(["what somebody says"])
    assert np.allclose(json.loads(done.stdout), right[0], atol=1e-4)


def test_without_its_cache_a_graph_embeds_every_time(
    loaded: Workspace, tuned: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_onnx(loaded, tuned.id, tmp_path / "o")
    graph = OnnxEmbedder(tmp_path / "o")
    right = graph.embed(TEXTS[:2])
    runs: list[int] = []
    real = type(graph._graph).run

    def run(self: Any, rows: Any) -> Any:
        runs.append(len(rows))
        return real(self, rows)

    monkeypatch.setattr(type(graph._graph), "run", run)
    assert (graph.embed(TEXTS[:2]) == right).all()
    assert runs == []
    for _ in range(2):
        assert np.allclose(graph.without_cache().embed(TEXTS[:2]), right, atol=1e-6)
    assert sum(runs) == 4


def test_a_graph_that_says_something_else_isnt_exported(
    loaded: Workspace, tuned: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = OnnxEmbedder.embed
    monkeypatch.setattr(OnnxEmbedder, "embed", lambda graph, texts: real(graph, texts)[:, ::-1])
    with pytest.raises(ModelError, match="The ONNX encoder's results differ from the original's"):
        export_onnx(loaded, tuned.id, tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_what_has_no_encoder_is_said(
    loaded: Workspace, run: RunDirectory, tuned: RunDirectory, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="tuned a language model, and ONNX is for encoders"):
        export_onnx(loaded, run.id, tmp_path / "o")
    shutil.rmtree(tuned.model)
    with pytest.raises(InputError, match="has no encoder to export"):
        export_onnx(loaded, tuned.id, tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_the_command_says_how_far_it_agrees(
    loaded: Workspace, tuned: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    place = str(tmp_path / "o")
    both = CliRunner().invoke(app, ["export-model", tuned.id, place, "--to", "onnx", "--gguf"])
    assert both.exit_code == 2
    for option in (["--no-texts"], ["--module", "m"], ["--generator", "r"], ["--runtime", "torch"]):
        for to in ("onnx", "model"):
            command = ["export-model", tuned.id, place, "--to", to, *option]
            refused = CliRunner().invoke(app, command)
            assert refused.exit_code == 2
            assert "Only a bundle has these options" in refused.output
    done = CliRunner().invoke(app, ["export-model", tuned.id, place, "--to", "onnx"])
    assert done.exit_code == 0, done.output
    assert "Compared with the encoder: onnxruntime: the same nearest of" in done.stdout


def test_what_is_good_enough() -> None:
    good = OnnxAgreement(rows=100, exemplars=9, least_cosine=0.9995, equal_nearest=99)
    assert good.is_same
    assert not replace(good, least_cosine=0.998).is_same
    assert not replace(good, equal_nearest=98).is_same
