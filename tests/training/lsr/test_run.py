"""A run that learns from a language model: a process of its own, on tiny models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS
from tiny_model import make_tiny_model
from tuned_run import stop_behind

from radu_core.errors import InputError, RunError
from radu_core.training.joint.files import ENCODER
from radu_core.training.lsr.run import tune_by_teacher
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.watcher.launcher import Local, launch
from radu_core.training.worker.limit import TimeLimit
from radu_core.workflows.evaluate.evaluation import evaluate
from radu_core.workflows.evaluate.parse import parse
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.export_model import export_model
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.following import follow

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that knows which names follow an arrow.

    One that knows nothing finds each of them as improbable with any chunk, and has nothing to
    teach.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = make_tiny_model(tmp_path_factory.mktemp("teacher"))
    model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(place)
    names = ("book_flight", "book_hotel", "none")
    texts = [f'"{row["utterance"]}" -> {name}<|end|>' for row in ROWS for name in names]
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
    model.save_pretrained(place)
    return place


def config(loaded: Workspace, encoder: Path, teacher: Path, **more: Any) -> TrainConfig:
    view = build(loaded, MODULE)
    base = {
        "target": "retriever",
        "objective": "lsr",
        "method": "full",
        "epochs": 10,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "chunks": 3,
        "teacher_temperature": 1e-4,  # a tiny model's answers hardly differ
        "teachers": [str(teacher)],
        "base_model": str(encoder),
    }
    return TrainConfig(dataset=view.directory, **{**base, **more})


def digests(directory: Path) -> dict[str, str]:
    return {
        p.relative_to(directory).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(directory.rglob("*"))
        if p.is_file()
    }


def test_the_query_tower_is_tuned_and_the_exemplars_keep_their_vectors(
    loaded: Workspace, encoder: Path, teacher: Path
) -> None:
    before = digests(teacher)
    run = train.start(loaded, config(loaded, encoder, teacher))
    follow(run, poll=0.1)
    view = train.run_view(run)
    assert view.state == "finished"
    assert [e.data["step"] for e in view.steps] == list(range(1, len(view.steps) + 1))
    assert [e.data["step"] for e in view.validations] == [0, len(view.steps)]
    assert digests(teacher) == before
    report = run.report()
    assert report is not None
    asked = [json.loads(line) for line in (run.path / "teacher.jsonl").read_text().splitlines()]
    [labels] = [e.data for e in run.events() if e.kind == "labels"]
    assert report["train_rows"] + sum(report["skipped"].values()) == labels["train"] == 8
    assert all(len(a["answers"]) == 3 and a["row"] not in a["chunks"] for a in asked)
    old, new = loaded.embedder(str(encoder)), loaded.embedder(run.id)
    texts = ["fly me to Oslo", "a hotel"]
    assert new.embed(texts).tobytes() == old.embed(texts).tobytes()
    assert new.embed(texts, side="asked").tobytes() != old.embed(texts, side="asked").tobytes()
    card = (run.path / "README.md").read_text(encoding="utf-8")
    assert "KL(retriever || teacher)" in card
    assert "| chunks | 3 |" in card
    assert "| folds |" not in card


def test_a_run_that_was_stopped_asks_nothing_twice_and_ends_with_the_same_model(
    loaded: Workspace, encoder: Path, teacher: Path
) -> None:
    settings = config(
        loaded,
        encoder,
        teacher,
        tower="shared",
        divergence="teacher_retriever",
        reembed_every=7,
        epochs=60,
    )
    whole = train.start(loaded, settings)
    follow(whole, poll=0.1)
    half = train.start(loaded, settings)
    stop_behind(half, 8)
    asked = (half.path / "teacher.jsonl").read_text()
    launch(half, model=encoder)
    follow(half, poll=0.1)
    steps = [e.data["step"] for e in half.events() if e.kind == "step"]
    assert steps == list(range(1, len(steps) + 1))
    assert (half.path / "teacher.jsonl").read_text().startswith(asked)
    answered = [json.loads(s) for s in (half.path / "teacher.jsonl").read_text().splitlines()]
    keys = [(a["row"], *a["chunks"]) for a in answered]
    assert len(set(keys)) == len(keys)
    assert digests(half.model) == digests(whole.model)
    assert (half.model / ENCODER / "model.safetensors").is_file()
    assert loaded.embedder(half.id).identity != loaded.embedder(str(encoder)).identity


class _Unlaunched(Local):
    """Leaves a run as its launch finds it."""

    def launch(self, run: RunDirectory, model: Path) -> int:
        return 0


def test_a_stop_while_exemplars_are_embedded_again_loses_no_step(
    loaded: Workspace, encoder: Path, teacher: Path
) -> None:
    settings = config(loaded, encoder, teacher, tower="shared", reembed_every=7, epochs=60)
    run = train.start(loaded, settings, launcher=_Unlaunched())

    asked: list[bool] = []

    def check() -> None:
        if any(e.kind == "step" and e.data["step"] == 7 for e in run.events()):
            asked.append(True)
            raise InterruptedError

    def work(check: Callable[[], None]) -> None:
        limit = TimeLimit()
        tune_by_teacher(run, encoder, check=check, stopping=lambda: bool(asked), limit=limit)

    with pytest.raises(InterruptedError):
        work(check)
    assert list(run.checkpoints()) == [7]
    asked.clear()
    work(lambda: None)
    steps = [e.data["step"] for e in run.events() if e.kind == "step"]
    assert steps == list(range(1, len(steps) + 1))


def test_what_a_run_without_a_head_is_asked_for_is_refused_with_what_it_is_for(
    loaded: Workspace, encoder: Path, teacher: Path, tmp_path: Path
) -> None:
    run = train.start(loaded, config(loaded, encoder, teacher, epochs=1))
    follow(run, poll=0.1)
    for ask in (
        lambda: parse(loaded, run.id, "fly me to Oslo"),
        lambda: evaluate(loaded, run.id),
        lambda: export_model(loaded, run.id, tmp_path / "out"),
    ):
        with pytest.raises(InputError, match="embedding model alone"):
            ask()
    assert not (tmp_path / "out").exists()


def test_rows_are_taught_by_who_has_not_learnt_them(
    loaded: Workspace, encoder: Path, teacher: Path
) -> None:
    """A run on the same labels alone can teach nobody; with the base model as the second it can."""
    view = build(loaded, MODULE)
    generator = TrainConfig(
        dataset=view.directory, base_model=str(teacher), max_steps=1, method="full", eval_rows=0
    )
    learnt = train.start(loaded, generator)
    follow(learnt, poll=0.1)
    with pytest.raises(InputError, match="trained on every label"):
        train.start(loaded, config(loaded, encoder, teacher, teachers=[learnt.id]))
    both = [learnt.id, str(teacher)]
    run = train.start(loaded, config(loaded, encoder, teacher, teachers=both, epochs=1))
    follow(run, poll=0.1)
    asked = [json.loads(line) for line in (run.path / "teacher.jsonl").read_text().splitlines()]
    assert {a["teacher"] for a in asked} == {str(teacher)}


def test_a_teacher_that_is_gone_or_another_one_by_now_is_said(
    loaded: Workspace, encoder: Path, teacher: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(teacher, tmp_path / "teacher")
    run = train.start(loaded, config(loaded, encoder, tmp_path / "teacher", epochs=1))
    follow(run, poll=0.1)
    again = _copy_of(run)
    (tmp_path / "teacher" / "config.json").write_text("{}")
    with pytest.raises(RunError, match="has changed since the run was launched"):
        _do(again, encoder)
    shutil.rmtree(tmp_path / "teacher")
    with pytest.raises(RunError, match="is gone"):
        _do(again, encoder)


def _copy_of(run: RunDirectory) -> RunDirectory:
    import shutil

    again = RunDirectory(run.path.parent / "again")
    shutil.copytree(run.path, again.path)
    for name in ("checkpoints", "model"):
        shutil.rmtree(again.path / name)
    return again


def _do(run: RunDirectory, encoder: Path) -> None:
    from radu_core.training.lsr.run import tune_by_teacher
    from radu_core.training.worker.limit import TimeLimit

    tune_by_teacher(run, encoder, check=lambda: None, stopping=lambda: False, limit=TimeLimit())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"teachers": ["all-MiniLM-nowhere"]}, "all-MiniLM-nowhere"),
        ({"teachers": []}, "teachers"),
        ({"folds": 5}, "has no folds"),
        ({"objective": "joint"}, "has no .*chunks"),
        ({"target": "generator"}, "objective"),
        ({"chunks": 1}, "chunks"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    loaded: Workspace, encoder: Path, teacher: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises((InputError, ValueError, RunError, Exception), match=said):
        train.start(loaded, config(loaded, encoder, teacher, **change))


def test_an_embedding_model_teaches_nobody(loaded: Workspace, encoder: Path) -> None:
    with pytest.raises(InputError, match="no language model"):
        train.start(loaded, config(loaded, encoder, encoder))
