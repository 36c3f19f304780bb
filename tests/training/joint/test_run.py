"""A run that tunes the retriever: a process of its own, on a tiny encoder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from conftest import MODULE, ROWS
from tuned_run import stop_behind

from radu_core.errors import InputError
from radu_core.retrieval import Query, SentenceEmbedder
from radu_core.training.joint.files import ENCODER, HEAD_FILE
from radu_core.training.joint.guard import RETRIEVED_FILE, Retrieved
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.watcher.launcher import launch
from radu_core.workflows.evaluate.evaluation import evaluate
from radu_core.workflows.evaluate.parse import parse, parser_of
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.following import follow

pytestmark = pytest.mark.slow


def config(loaded: Workspace, encoder: Path, **more: object) -> TrainConfig:
    view = build(loaded, MODULE)
    base = {
        "target": "retriever",
        "epochs": 30,
        "batch_size": 4,
        "folds": 2,
        "learning_rate": 1e-3,
        "base_model": str(encoder),
    }
    return TrainConfig(dataset=view.directory, **{**base, **more})


def weights(run: RunDirectory) -> str:
    """The hash of all that was written of the model, and of what was retrieved out of fold."""
    digest = hashlib.sha256()
    for path in sorted(run.model.rglob("*")):
        if path.suffix in (".safetensors", ".json") and path.is_file():
            digest.update(path.read_bytes())
    digest.update((run.path / RETRIEVED_FILE).read_bytes())
    return digest.hexdigest()


def test_a_run_finishes_and_its_model_answers_and_is_measured(
    loaded: Workspace, encoder: Path
) -> None:
    run = train.start(loaded, config(loaded, encoder))
    follow(run, poll=0.1)
    view = train.run_view(run)
    assert view.state == "finished"
    assert [e.data["step"] for e in view.steps] == list(range(1, len(view.steps) + 1))
    assert {e.data["part"] for e in view.steps} == {0, 1, 2}
    assert view.steps[-1].data["loss"] < view.steps[0].data["loss"]
    assert (run.model / HEAD_FILE).is_file()
    assert not list(run.model.rglob("*.bin"))
    card = (run.path / "README.md").read_text(encoding="utf-8")
    assert "without a language model" in card
    assert "| joint |" in card
    told = (run.report() or {})["retrieval"]
    kept = Retrieved.load(run.path)
    assert sorted(kept.tuned) == ["f00", "f01", "f02", "f05", "h00", "h01", "h04", "n00"]
    assert kept.identity == SentenceEmbedder(encoder, name="it").identity
    assert told == json.loads(json.dumps(kept.guard.data()))
    assert [(m["measure"], m["rows"]) for m in told["measures"]] == [
        ("coverage", 7),
        ("kNN accuracy", 8),
    ]
    assert told["verdict"] in card
    report = evaluate(loaded, run.id, split="test")
    assert report.rows == 3
    assert report.trained.system == "after training"
    *own, embedding = report.sources
    weights = [s.weight for s in own]
    assert {s.name for s in own} == {
        "joint",
        "linear",
        "centroids",
        "neighbours",
        "descriptions",
        "words",
    }
    assert weights == sorted(weights, key=lambda w: -(w or 0.0))
    assert all(s.adds is not None and s.without is not None for s in own)
    assert (embedding.name, embedding.weight) == ("embedding", None)
    assert report.head_accuracy == (run.report() or {})["out_of_fold"]["function_accuracy"]
    assert report.head_accuracy is not None
    assert all(s.milliseconds > 0 for s in report.sources)
    call = parse(loaded, "last", "fly me to Oslo please")
    assert call.function in (None, "book_flight", "book_hotel")
    assert sum(call.scores.values()) == pytest.approx(1.0)
    assert call.out_of_scope is not None
    assert 0.0 < call.out_of_scope < 1.0
    assert report.scope is not None
    assert report.scope.curve is not None
    assert (report.scope.curve.by, report.scope.curve.outside) == ("labels", 1)
    assert "Out of scope: AUROC" in str(report.scope)
    assert report.scope.inside == 2
    assert 0 <= report.scope.refused <= 2
    assert f"Of 2 rows in scope here, {report.scope.refused} refused." in str(report.scope)
    vectors = loaded.embedder(run.id).embed(["fly me to Oslo"])
    assert vectors.shape == (1, 32)
    assert (run.model / ENCODER / "modules.json").is_file()


def test_values_come_from_the_utterance(loaded: Workspace, encoder: Path) -> None:
    run = train.start(loaded, config(loaded, encoder))
    follow(run, poll=0.1)
    texts = [str(row["utterance"]) for row in ROWS] + ["", "?", "日本 to Oslo", "x" * 300]
    for text, call in zip(
        texts, parser_of(loaded, run.id).parse_many([Query(t) for t in texts]), strict=True
    ):
        function = loaded.store.schema(MODULE).function(call.function or "")
        for name, value in call.arguments.items():
            slot = function.slot(name) if function else None
            assert slot is not None
            if slot.recognizer is None and slot.type == "string":
                assert all(str(v) in text for v in (value if isinstance(value, list) else [value]))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_run_that_was_stopped_continues_to_the_same_model(
    loaded: Workspace, encoder: Path, method: str
) -> None:
    wanted = config(loaded, encoder, method=method, lora_rank=4)
    whole = train.start(loaded, wanted)
    follow(whole, poll=0.1)
    half = train.start(loaded, wanted)
    stop_behind(half, 20)
    made = max(e.data["step"] for e in half.events() if e.kind == "step")
    launch(half, model=encoder)
    follow(half, poll=0.1)
    steps = [e.data["step"] for e in half.events() if e.kind == "step"]
    assert steps == [*range(1, made + 1), *range(made + 1, len(steps) + 1)]
    assert weights(half) == weights(whole)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"base_model": "SmolLM2-135M-Instruct"}, "embedding model"),
        ({"method": "qlora"}, "full or lora"),
    ],
)
def test_what_cannot_be_tuned_is_refused(
    loaded: Workspace, encoder: Path, tiny_model: Path, change: dict[str, str], said: str
) -> None:
    if "base_model" in change:
        change = {"base_model": str(tiny_model)}
    with pytest.raises((InputError, ValueError), match=said):
        train.start(loaded, config(loaded, encoder, **change))
