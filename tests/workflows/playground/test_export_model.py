"""An exported model works where there is no studio."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import MODULE
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.errors import InputError, RunError
from radu_core.files import read_json, write_json
from radu_core.tokenizing import load_tokenizer
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.export_model import export_model
from radu_core.workflows.playground.export_needs import needs_outside

PROMPT = "Which function does the user want?"
GENERATE = """
import json, sys
from transformers import AutoModelForCausalLM, AutoTokenizer
place, prompt = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(place)
model = AutoModelForCausalLM.from_pretrained(place, dtype="auto")
inputs = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
answer = model.generate(**inputs, max_new_tokens=12, do_sample=False)
assert not any(name.split(".")[0] == "radu_core" for name in sys.modules)
print(json.dumps(answer[0].tolist()))
"""


def greedy(place: Path) -> list[int]:
    tokenizer = load_tokenizer(place)
    model = AutoModelForCausalLM.from_pretrained(place, dtype="auto")
    inputs = tokenizer(PROMPT, add_special_tokens=False, return_tensors="pt")
    answer: list[int] = model.generate(**inputs, max_new_tokens=12, do_sample=False)[0].tolist()
    return answer


def test_it_loads_with_plain_transformers_and_says_the_same(
    loaded: Workspace, run: RunDirectory, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    made = export_model(loaded, "last", out)
    wanted = {
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "README.md",
        "model.safetensors",
        "radu/schema.json",
        "radu/manifest.json",
    }
    assert wanted <= set(made.files)
    assert made.size == sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    kept = " --dtype float32" if made.dtype == "float32" else ""
    assert made.vllm == f"vllm serve {out} --max-model-len 512{kept}"
    assert (made.gguf, made.notes) == (None, ())
    assert f"module `{MODULE}`" in (out / "README.md").read_text()
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", GENERATE, str(out), PROMPT],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer == greedy(run.model)
    assert len(answer) > len(load_tokenizer(out)(PROMPT)["input_ids"])


def test_the_adapter_alone_does_what_the_model_does(
    loaded: Workspace, run: RunDirectory, tiny_model: Path, tmp_path: Path
) -> None:
    from peft import PeftModel

    made = export_model(loaded, run.id, tmp_path / "a", adapter_only=True)
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json"} <= set(made.files)
    assert "config.json" not in made.files
    assert made.vllm == (
        f"vllm serve {tiny_model} --enable-lora --lora-modules radu={tmp_path / 'a'} "
        "--max-lora-rank 16 --max-model-len 512"
    )
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    ids = torch.tensor([greedy(run.model)])
    merged = AutoModelForCausalLM.from_pretrained(run.model, dtype=torch.float32)(ids).logits
    alone = PeftModel.from_pretrained(base, tmp_path / "a")(ids).logits
    assert torch.allclose(merged, alone, atol=0.02)


def test_what_isnt_in_the_export_is_named_with_the_remedy(
    loaded: Workspace, run: RunDirectory, tiny_model: Path, tmp_path: Path
) -> None:
    assert needs_outside(loaded, run) == ()
    made = export_model(loaded, run.id, tmp_path / "a", adapter_only=True)
    assert made.notes[0] == (
        f"The adapter needs its base model {tiny_model}, which is a directory of this machine and "
        f"no part of the export. Export the merged model instead: radu export-model {run.id} "
        "DIR."
    )
    assert made.notes[0] in (tmp_path / "a" / "README.md").read_text()
    # a generator tuned from a run, whose module retrieves with a run's encoder
    other = loaded.runs / "20260102-run" / "model"
    other.mkdir(parents=True)
    config = run.config().model_copy(update={"base_model": str(other)})
    (run.path / "config.yaml").write_text(config.to_yaml())
    for path in (run.path / "serving").glob("**/manifest.json"):
        write_json(path, {**read_json(path), "embedder": "20260102-run"})
    [embeds] = needs_outside(loaded, run)
    assert embeds.startswith(
        "It needs the embedding model 20260102-run to answer, which is a model"
    )
    assert "Copy runs/20260102-run/model of the workspace to the same place" in embeds
    assert "a model of run 20260102-run" in needs_outside(loaded, run, adapter_only=True)[1]


def test_the_adapter_names_its_base_as_the_hub_does(
    loaded: Workspace, run: RunDirectory, tiny_model: Path, tmp_path: Path
) -> None:
    def named(out: str) -> str:
        made = export_model(loaded, run.id, tmp_path / out, adapter_only=True)
        return str(read_json(made.directory / "adapter_config.json")["base_model_name_or_path"])

    known = loaded.models / "own--tiny"
    shutil.copytree(tiny_model, known)
    assert named("unknown") == str(tiny_model)
    record = {"name": "own/tiny", "source": "maker/tiny", "licence": "MIT"}
    (known / "radu-model.json").write_text(json.dumps(record))
    config = run.config().model_copy(update={"base_model": "own/tiny"})
    (run.path / "config.yaml").write_text(config.to_yaml())
    assert named("known") == "maker/tiny"
    (known / "radu-model.json").write_text("[")
    assert named("damaged") == "own/tiny"


def test_the_adapter_of_a_run_whose_model_failed_can_be_had(
    loaded: Workspace, run: RunDirectory, tmp_path: Path
) -> None:
    shutil.rmtree(run.model)
    (run.path / "report.json").unlink()
    run.append("state", state="failed", reason="The merged model doesn't do it.")
    with pytest.raises(InputError, match=r"it is failed\. The merged.*--adapter-only"):
        export_model(loaded, run.id, tmp_path / "m")
    made = export_model(loaded, run.id, tmp_path / "a", adapter_only=True)
    assert "tokenizer.json" in made.files
    assert not (tmp_path / "m").exists()


def test_nothing_that_is_there_is_written_over(
    loaded: Workspace, run: RunDirectory, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    with pytest.raises(InputError, match="isn't empty"):
        export_model(loaded, run.id, tmp_path / "full")
    with pytest.raises(InputError, match="That is a file"):
        export_model(loaded, run.id, tmp_path / "full" / "x")
    assert (tmp_path / "full" / "x").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert export_model(loaded, run.id, tmp_path / "empty").files


def test_what_cant_be_exported_is_said(
    loaded: Workspace, run: RunDirectory, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="no such run"):
        export_model(loaded, "nope", tmp_path / "o")
    shutil.rmtree(run.path / "serving")
    with pytest.raises(RunError, match="doesn't hold what prompts are made from"):
        export_model(loaded, run.id, tmp_path / "o")
    run.append("state", state="stopped", reason="Stopped by request.")
    with pytest.raises(InputError, match=r"it is stopped\. Stopped by request\."):
        export_model(loaded, run.id, tmp_path / "o")
    full = run.config().model_copy(update={"method": "full"})
    (run.path / "config.yaml").write_text(full.to_yaml())
    with pytest.raises(InputError, match="has no adapter: it was a full"):
        export_model(loaded, run.id, tmp_path / "o", adapter_only=True)
    assert not (tmp_path / "o").exists()


def test_the_command_prints_how_to_serve_it(
    loaded: Workspace, run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    command = ["export-model", run.id, str(tmp_path / "o")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert f"vllm serve {tmp_path / 'o'} --max-model-len 512" in done.stdout
    assert "When it was saved, beside the trained model: the same next token for 100" in done.stdout
    again = CliRunner().invoke(app, ["export-model", run.id, str(tmp_path / "o"), "--json"])
    assert again.exit_code == 2
    assert json.loads(again.stdout)["error"] == "InputError"
