"""Evaluations of one run and split in several ways, on one report."""

from __future__ import annotations

import pytest

from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate.evaluation import evaluate, reports
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.export_model import _card

pytestmark = pytest.mark.slow


def test_an_ensemble_is_kept_beside_the_one_prompt(loaded: Workspace, run: RunDirectory) -> None:
    plain = evaluate(loaded, run.id)
    both = evaluate(loaded, run.id, ensemble=True)
    assert both.ensemble is not None
    assert (both.trained.function, both.errors) == (plain.trained.function, plain.errors)
    assert both.settings == plain.settings
    assert [m.system for m in both.systems][-2:] == [
        "after training",
        "after training, an ensemble of prompts",
    ]
    assert {c.other for c in both.ensemble.comparisons} == {"after training"}
    again = evaluate(loaded, run.id)
    assert again.ensemble == both.ensemble
    assert reports(run)["test"] == again
    card = _card(run, run.config(), {}, None, run.model, adapter_only=False)
    assert "| 3 | after training, an ensemble of prompts |" in card
