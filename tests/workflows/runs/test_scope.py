"""What a run refuses is read and changed in its head; a run without one says why."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from conftest import MODULE
from tuned_run import make_taught_run

from radu_core.errors import InputError, ModelError
from radu_core.files import read_json, write_json
from radu_core.training.joint.files import HEAD_FILE
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate.evaluation import evaluate
from radu_core.workflows.evaluate.parse import parse
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.scope import curve_of_run, set_kept, share_kept_by
from radu_core.workflows.train.dataset import build

HEAD = {
    "functions": ["book_flight", "book_hotel"],
    "weights": {},
    "scope": {"weights": {}, "inside": [], "kept": 1.0, "curve": None},
    "language": "en",
    "embedder": "all-MiniLM-L6-v2",
    "embedder_identity": "x",
}


@pytest.fixture
def fast(run: RunDirectory, loaded: Workspace) -> RunDirectory:
    """A run of which the head alone is there; it serves as ``run`` does."""
    view = build(loaded, MODULE)
    config = TrainConfig(target="retriever", method="full", dataset=view.directory, base_model="b")
    made = RunDirectory.create(loaded.runs, config, now=datetime(2026, 1, 2, tzinfo=UTC))
    (run.path / "serving").rename(made.path / "serving")
    write_json(made.model / HEAD_FILE, HEAD)
    made.append("state", state="finished")
    return made


def test_the_share_to_keep_is_changed_in_place(loaded: Workspace, fast: RunDirectory) -> None:
    assert set_kept(loaded, fast.id, 0.9) == 1.0
    assert share_kept_by(loaded, fast.id) == 0.9
    assert curve_of_run(loaded, fast.id) is None
    changed = {**HEAD, "scope": {**HEAD["scope"], "kept": 0.9}}  # type: ignore[dict-item]
    assert read_json(fast.model / HEAD_FILE) == changed
    with pytest.raises(InputError, match="isn't a share"):
        set_kept(loaded, fast.id, 0.4)


def test_a_head_without_a_part_says_what_to_do(loaded: Workspace, fast: RunDirectory) -> None:
    write_json(fast.model / HEAD_FILE, {n: v for n, v in HEAD.items() if n != "scope"})
    said = r"head\.json has no scope.*Delete that run, and fit the module again"
    for ask in (
        lambda: share_kept_by(loaded, fast.id),
        lambda: curve_of_run(loaded, fast.id),
        lambda: set_kept(loaded, fast.id, 0.9),
        lambda: evaluate(loaded, fast.id),
        lambda: parse(loaded, fast.id, "fly me to Oslo"),
    ):
        with pytest.raises(ModelError, match=said):
            ask()


def test_a_run_that_answers_nothing_is_no_generator(loaded: Workspace) -> None:
    run = make_taught_run(loaded, MODULE)
    with pytest.raises(InputError, match="tuned the embedding model alone"):
        share_kept_by(loaded, run.id)
