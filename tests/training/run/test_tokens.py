"""What a run trains on is what was checked at its launch; and runs with a chat template."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MODULE
from working import again

from radu_core.errors import RunError
from radu_core.files import canonical_json, file_hash, read_json, write_json
from radu_core.inference import Generator
from radu_core.tokenizing import (
    IGNORED,
    PLAIN,
    Collator,
    Encoder,
    chat_template,
    encode_row,
    load_tokenizer,
    row_hash,
)
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import preflight
from radu_core.training.run.tokens import (
    FILE,
    base_hashes,
    check_tokens,
    collated_hashes,
    keep_tokens,
    template_of,
)
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.dataset import build

TURNS = (
    "{% for m in messages %}[{{ m['role'] }}]\n{{ m['content'] }}<|turn|>\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]\n{% endif %}"
)
Run = Callable[..., RunDirectory]


@pytest.fixture
def run_here(loaded: Workspace) -> Run:
    """Do a run in this process."""
    view = build(loaded, MODULE)

    def do(**more: object) -> RunDirectory:
        config = TrainConfig.validate_data({"dataset": view.directory, "eval_rows": 4, **more})
        run = RunDirectory.create(loaded.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))
        again(run)
        return run

    return do


@pytest.fixture(scope="module")
def chatty(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a chat template whose turns end with a token of their own."""
    from transformers import AutoModelForCausalLM

    directory = tmp_path_factory.mktemp("models") / "chatty"
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|turn|>"]})
    tokenizer.chat_template = TURNS
    model = AutoModelForCausalLM.from_pretrained(str(tiny_model), dtype=torch.float32)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


@pytest.fixture
def launched(loaded: Workspace, tiny_model: Path, tmp_path: Path) -> RunDirectory:
    """A run whose rows were checked, on a model directory of its own; nothing has begun."""
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    template = tmp_path / "chat.jinja"
    template.write_text(TURNS.replace("<|turn|>", "<|end|>"), encoding="utf-8")
    view = build(loaded, MODULE)
    config = TrainConfig.validate_data(
        {
            "dataset": view.directory,
            "base_model": str(model),
            "max_length": 4096,
            "chat_template": str(template),
            "max_steps": 1,
            "eval_rows": 0,
        }
    )
    run = RunDirectory.create(loaded.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    keep_tokens(run, preflight(config, load_tokenizer(model)), model)
    return run


def test_the_collator_feeds_what_is_hashed(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    rows = [encode_row(tokenizer, "fly me to Oslo ->", " book"), encode_row(tokenizer, "a", " b")]
    wanted = [row_hash(r.input_ids, r.labels)[:16] for r in rows]
    collate = Collator(tokenizer.eos_token_id)
    assert collated_hashes(collate, rows) == wanted

    def leaking(batch: Any) -> dict[str, torch.Tensor]:
        made = collate(batch)
        made["labels"][made["labels"] == IGNORED] = 7
        return made

    assert not {*collated_hashes(leaking, rows)} & {*wanted}


def changed_row(run: RunDirectory) -> None:
    """One answer of the training rows becomes another, and the dataset's manifest agrees."""
    dataset = run.config().dataset
    path = dataset / "train.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    row = json.loads(lines[1])
    lines[1] = canonical_json({**row, "completion": " something_else"})
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    manifest = read_json(dataset / "manifest.json")
    manifest["files"]["train.jsonl"] = file_hash(path)
    write_json(dataset / "manifest.json", manifest)


def changed_template(run: RunDirectory) -> None:
    path = Path(run.config().chat_template)
    path.write_text(path.read_text().replace("[user]", "[human]") + "\n", encoding="utf-8")
    path.write_text("Hello. " + path.read_text(), encoding="utf-8")


def changed_tokenizer(run: RunDirectory) -> None:
    path = Path(run.config().base_model) / "tokenizer.json"
    data = read_json(path)
    data["model"]["merges"] = data["model"]["merges"][:-20]
    write_json(path, data)


def changed_weights(run: RunDirectory) -> None:
    other_weights(Path(run.config().base_model))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed_weights, r"\(model.safetensors was .*;"),
        (changed_row, "train row 2 was .* the dataset has changed"),
        (changed_template, "the chat template has changed"),
        (changed_tokenizer, "tokenizer has changed"),
    ],
)
def test_a_run_on_something_else_than_was_checked_fails_with_reason_and_remedy(
    launched: RunDirectory, change: Callable[[RunDirectory], None], words: str
) -> None:
    change(launched)
    assert again(launched) == 1
    state, reason = launched.state()
    assert state == "failed"
    assert re.search(f"has changed since it was launched.*{words}", reason)
    assert "or launch a new run" in reason
    assert not launched.checkpoints()


def test_a_damaged_record_is_said(launched: RunDirectory) -> None:
    (launched.path / FILE).write_text('{"tokens_hash": 3}', encoding="utf-8")
    with pytest.raises(RunError, match=r"tokens\.json is damaged"):
        template_of(launched)


def test_an_older_run_is_compared_with_its_events(launched: RunDirectory) -> None:
    config = launched.config()
    tokenizer = load_tokenizer(Path(config.base_model))
    rows = preflight(config, tokenizer)
    collate = Collator(tokenizer.eos_token_id)
    (launched.path / FILE).unlink()
    launched.append("preflight", tokens_hash="another")
    with pytest.raises(RunError, match="the hash was another"):
        check_tokens(launched, rows, collate)
    (launched.path / "events.jsonl").write_text("", encoding="utf-8")
    check_tokens(launched, rows, collate)
    assert template_of(launched) == rows.template


def compared(run: RunDirectory) -> None:
    """What a run does before its first step."""
    config = run.config()
    base = Path(config.base_model)
    tokenizer = load_tokenizer(base)
    rows = preflight(config, tokenizer)
    check_tokens(run, rows, Collator(tokenizer.eos_token_id), base)


def other_weights(base: Path) -> None:
    path = base / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + bytes(4))
    os.utime(path, ns=(1, 1))


def more_weights(base: Path) -> None:
    (base / "model-2.safetensors").write_bytes(b"more")


def other_names(base: Path) -> None:
    (base / "model.safetensors").rename(base / "model-00001-of-00001.safetensors")


def other_config(base: Path) -> None:
    write_json(base / "config.json", {**read_json(base / "config.json"), "rope_theta": 7.0})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_weights, r"\(model\.safetensors was [0-9a-f]{16} and is [0-9a-f]{16}; it lies in"),
        (more_weights, r"\(model-2\.safetensors is new;"),
        (other_names, r"model-00001-of-00001\.safetensors is new; model\.safetensors is gone;"),
        (other_config, r"\(config\.json was"),
    ],
)
def test_another_base_model_than_at_launch_is_said_by_file(
    launched: RunDirectory, change: Callable[[Path], None], words: str
) -> None:
    compared(launched)
    change(Path(launched.config().base_model))
    for _ in range(2):  # what is found doesn't take the place of what was kept
        with pytest.raises(RunError, match=f"The base model of run {launched.id} .*{words}"):
            compared(launched)


def test_the_base_model_may_lie_elsewhere(launched: RunDirectory, tmp_path: Path) -> None:
    """On a cluster, say: its files are compared by name and content."""
    base = Path(launched.config().base_model)
    elsewhere = base.rename(tmp_path / "elsewhere")
    text = launched.config().model_copy(update={"base_model": str(elsewhere)}).to_yaml()
    (launched.path / "config.yaml").write_text(text, encoding="utf-8")
    compared(launched)


def test_hashes_are_those_of_the_weights_as_they_are(launched: RunDirectory) -> None:
    base = Path(launched.config().base_model)
    before = base_hashes(base)
    assert set(before) == {"config.json", "model.safetensors"}
    assert before["model.safetensors"] == file_hash(base / "model.safetensors")
    other_weights(base)
    after = base_hashes(base)
    assert after["model.safetensors"] == file_hash(base / "model.safetensors")
    assert after != before


def test_what_changes_nothing_of_a_model_isnt_compared(launched: RunDirectory) -> None:
    """A config written by another version; the weights once more under their maker's names."""
    base = Path(launched.config().base_model)
    config = {**read_json(base / "config.json"), "transformers_version": "4.0"}
    (base / "config.json").write_text(json.dumps(dict(sorted(config.items(), reverse=True))))
    (base / "consolidated.safetensors").write_bytes(b"more")
    compared(launched)


def test_a_record_from_before_the_base_was_kept_is_read_and_completed(
    launched: RunDirectory,
) -> None:
    kept = read_json(launched.path / FILE)
    write_json(launched.path / FILE, {k: v for k, v in kept.items() if k != "base"})
    assert template_of(launched) is not None
    compared(launched)
    assert read_json(launched.path / FILE) == kept


@pytest.mark.slow
@pytest.mark.usefixtures("native")
def test_a_run_with_a_chat_template_learns_its_end_and_generates_to_it(
    run_here: Run,
    chatty: Path,
) -> None:
    from transformers import AutoModelForCausalLM

    run = run_here(
        base_model=str(chatty),
        chat_template="auto",
        method="full",
        max_length=4096,
        max_steps=60,
        learning_rate=0.01,
        schedule="constant",
        eval_every=60,
        batch_size=8,
    )
    assert run.state()[0] == "finished", run.state()
    template = template_of(run)
    assert template == TURNS
    saved = load_tokenizer(run.model)
    assert chat_template(saved, "auto") == TURNS
    turn = saved.convert_tokens_to_ids("<|turn|>")
    # computed as the studio's generator does, whatever its weights are written in
    written = AutoModelForCausalLM.from_pretrained(str(run.model), dtype=torch.float32)
    assert written.generation_config.eos_token_id == [turn, saved.eos_token_id]
    rows = preflight(run.config(), load_tokenizer(chatty))
    encoder = Encoder(saved, template)
    row = next(r for r in rows.train if r.task == "rag")
    prompt = [i for i, label in zip(row.input_ids, row.labels, strict=True) if label == IGNORED]
    out = written.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False,
        max_new_tokens=60,
        pad_token_id=saved.eos_token_id,
    )[0, len(prompt) :]
    assert int(out[-1]) == turn == encoder.end  # it stops by itself
    assert "chat/completions" in (run.path / "README.md").read_text()
    # By the studio's own generator: the scores are those of the rows as they were trained.
    asked = next(json.loads(line) for line in (run.config().dataset / "train.jsonl").open())
    generator = Generator(run.model, template=template)
    said = generator.generate([asked["prompt"]], [64])[0].text
    assert said == said.strip("\n")
    assert "<|" not in said
    names = [" book_flight", " book_hotel"]
    start, _ = encoder.row(asked["prompt"], names[0])
    wanted = []
    for name in names:
        answer = encoder.row(asked["prompt"], name)[1]
        with torch.no_grad():
            logits = written(torch.tensor([[*start, *answer]])).logits[0].float()
        steps = torch.log_softmax(logits, dim=-1)[len(start) - 1 : -1]
        wanted.append(float(steps.gather(1, torch.tensor([answer]).T).sum()))
    assert generator.score(asked["prompt"], names) == pytest.approx(wanted, abs=0.05)


@pytest.mark.slow
def test_a_run_without_a_template_leaves_one_that_gives_prompts_as_they_are(
    run_here: Run,
    chatty: Path,
) -> None:
    run = run_here(base_model=str(chatty), max_length=4096, max_steps=1)
    assert run.state()[0] == "finished"
    saved = load_tokenizer(run.model)
    assert saved.chat_template == PLAIN
    turns = [{"role": "user", "content": "fly ->"}]
    made = saved.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    assert made == "fly ->"
    assert "not the chat" not in (run.path / "README.md").read_text()
