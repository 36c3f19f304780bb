"""A finished run of the retriever, without the training: what it kept, and a stand-in's encoder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fakes import HashEmbedder

from radu_core.dataset import read_dataset
from radu_core.files import write_json
from radu_core.training.joint.files import ENCODER
from radu_core.training.joint.guard import Retrieved, Row
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import FINAL, RunDirectory
from radu_core.training.watcher.launcher import stop
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.runs.retriever_rows import Rows, keep_rows, retriever_rows
from radu_core.workflows.train.dataset import build

BASE = "all-MiniLM-L6-v2"
ROW: Row = (True, True)


def make_tuned_run(
    workspace: Workspace,
    module: str,
    *,
    worse: int = 0,
    base: str = BASE,
    second: int = 0,
) -> RunDirectory:
    """A run whose encoder is right about all of its module's labels but the first ``worse``.

    Its base is right about all.
    """
    view = build(workspace, module)
    config = TrainConfig(
        target="retriever", method="full", dataset=view.directory, base_model=base, folds=2
    )
    run = RunDirectory.create(
        workspace.runs, config, now=datetime(2026, 1, 1, second=second, tzinfo=UTC)
    )
    manifest = read_dataset(view.directory).modules[module]
    folder = train._keep_for_serving(run, train._to_serve(workspace, manifest))
    rows = _rows(workspace, config)
    keep_rows(folder, rows)
    ids = [e.id for e in rows.labels]
    untuned = {i: (None if i[0] == "n" else True, True) for i in ids}
    tuned = {i: ((False, False) if n < worse else untuned[i]) for n, i in enumerate(ids)}
    identity = HashEmbedder(base).identity
    found = Retrieved(rows.how, base, identity, tuned, untuned)
    found.save(run.path)
    _write_encoder(run.model / ENCODER)
    write_json(run.path / "report.json", {"retrieval": found.guard.data()})
    run.append("labels", dataset=manifest.hash, train=len(ids), validation=0, negatives=0)
    run.append("state", state="finished")
    workspace._embedders[run.id] = HashEmbedder(run.id)  # type: ignore[assignment]
    return run


def stop_behind(run: RunDirectory, step: int) -> None:
    """Stop a run that goes on, once it has made more than so many steps."""
    while not any(e.kind == "step" and e.data["step"] > step for e in run.events()):
        assert run.state()[0] not in FINAL
    assert stop(run) == "stopped"


def _rows(workspace: Workspace, config: TrainConfig) -> Rows:
    """What such a run learns, whatever its base model is."""
    _write_encoder(workspace.models / config.base_model)
    return retriever_rows(workspace, config)


def _write_encoder(directory: Path) -> None:
    """What a glance takes for an embedding model."""
    first = {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"}
    write_json(directory / "modules.json", [first])
    (directory / "model.safetensors").touch()


def make_taught_run(workspace: Workspace, module: str) -> RunDirectory:
    """A run that tuned the embedding model alone, by a language model's word."""
    view = build(workspace, module)
    config = TrainConfig(
        target="retriever",
        objective="lsr",
        method="full",
        dataset=view.directory,
        base_model=BASE,
        teachers=("SmolLM2-135M-Instruct",),
    )
    run = RunDirectory.create(workspace.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    manifest = read_dataset(view.directory).modules[module]
    train._keep_for_serving(run, train._to_serve(workspace, manifest))
    _write_encoder(run.model / ENCODER)
    run.append("state", state="finished")
    return run
