"""Trackers: those that Trainer knows, refused where they aren't installed, kept with the run."""

from __future__ import annotations

import importlib.util
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import MODULE
from working import again

from radu_core.errors import InputError
from radu_core.tokenizing import load_tokenizer
from radu_core.training.run import config as config_module
from radu_core.training.run import machine, trackers
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import preflight
from radu_core.training.run.trackers import TRACKERS, keep_in, missing_tracker
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.dataset import build

BASE = {"dataset": "d", "base_model": "m"}


def test_they_are_those_that_trainer_knows() -> None:
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    assert set(TRACKERS) == set(INTEGRATION_TO_CALLBACK)


def test_one_that_isnt_installed_is_refused_at_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: object() if name == "mlflow" else None)
    assert missing_tracker("mlflow") == ""
    assert missing_tracker("wandb") == "wandb isn't installed; pip install wandb"
    assert "pip install dagshub mlflow" in missing_tracker("dagshub")
    wrong = TrainConfig.problems({**BASE, "report_to": ["mlflow", "wandb", "comet_ml"]})
    assert wrong == {
        "report_to": "wandb isn't installed; pip install wandb; "
        "comet_ml isn't installed; pip install comet-ml"
    }
    assert TrainConfig.problems({**BASE, "report_to": ["mlflow"]}) == {}


def test_one_that_trainer_doesnt_know_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"report_to: .*no such tracker: paper; there are azure_ml"
    ):
        TrainConfig.validate_data({**BASE, "report_to": ["paper"]})


def test_what_a_machine_lacks_stops_a_launch_and_not_the_reading_of_a_run(
    loaded: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_module, "missing_tracker", lambda name: f"no {name} here")
    view = build(loaded, MODULE)
    config = TrainConfig.validate_data(
        {"dataset": view.directory, "base_model": str(tiny_model), "report_to": ["wandb"]}
    )
    with pytest.raises(InputError, match="can't be done here: report_to: no wandb here"):
        preflight(config, load_tokenizer(tiny_model))
    run = RunDirectory.create(loaded.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert run.config().report_to == ("wandb",)


def test_qlora_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(machine, "find_spec", lambda _: None)
    wrong = TrainConfig.problems({**BASE, "method": "qlora"})
    assert "pip install bitsandbytes" in wrong["method"]
    monkeypatch.setattr(machine, "find_spec", lambda _: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "needs a CUDA GPU" in TrainConfig.problems({**BASE, "method": "qlora"})["method"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert TrainConfig.problems({**BASE, "method": "qlora"}) == {}


def test_files_go_where_they_are_told_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"WANDB_DIR": "/mine"})
    keep_in(tmp_path / "trackers")
    assert os.environ["WANDB_DIR"] == "/mine"
    assert os.environ["TENSORBOARD_LOGGING_DIR"] == str(tmp_path / "trackers" / "tensorboard")


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("tensorboardX") is None, reason="tensorboardX isn't installed"
)
def test_tensorboard_gets_the_curves(
    loaded: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "")  # so that what the run sets is taken back
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR")
    view = build(loaded, MODULE)
    config = TrainConfig.validate_data(
        {
            "dataset": view.directory,
            "base_model": str(tiny_model),
            "max_length": 4096,
            "max_steps": 2,
            "eval_rows": 0,
            "report_to": ["tensorboard"],
        }
    )
    run = RunDirectory.create(loaded.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert again(run) == 0, run.state()
    [written] = (run.path / "trackers" / "tensorboard").glob("events.out.tfevents.*")
    assert b"train/loss" in written.read_bytes()


@pytest.mark.gpu
@pytest.mark.slow
def test_qlora_trains_and_what_it_saves_is_what_was_trained(
    loaded: Workspace, tiny_model: Path
) -> None:
    if lack := machine.missing_for_qlora():
        pytest.skip(lack)
    view = build(loaded, MODULE)
    config = TrainConfig.validate_data(
        {
            "dataset": view.directory,
            "base_model": str(tiny_model),
            "max_length": 4096,
            "max_steps": 4,
            "eval_rows": 4,
            "method": "qlora",
        }
    )
    run = RunDirectory.create(loaded.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert again(run) == 0, run.state()
    report = run.report() or {}
    assert report["model_check"]["passed"]
    assert "quantization_config" not in (run.model / "config.json").read_text()
