"""A GGUF lies beside the model, compared with it; what the studio can't write, llama.cpp does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFReader
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.errors import InputError, ModelError
from radu_core.files import read_json, write_json
from radu_core.inference import gguf_check, gguf_export
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground import export_gguf
from radu_core.workflows.playground.export_model import export_model


@pytest.fixture(autouse=True)
def no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of these tests depends on what is installed."""
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    monkeypatch.delenv("RADU_GGUF_CONVERTER", raising=False)


def test_a_gguf_lies_beside_the_model(
    loaded: Workspace, run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # no converter is needed
    made = export_model(loaded, run.id, tmp_path / "o", gguf=True)
    assert made.gguf == tmp_path / "o" / "model.gguf"
    assert {"model.gguf", "Modelfile"} <= set(made.files)
    found = made.agreement
    assert found is not None
    assert found.is_usable
    assert (found.rows, found.equal_tokens) == (4, found.tokens)
    assert 0 < found.choices == found.equal_choices
    kind = {"bfloat16": "bf16", "float32": "f32"}[made.dtype]
    tensors = {t.name: t.tensor_type.name for t in GGUFReader(made.gguf).tensors}
    assert found.weights == kind
    assert tensors["token_embd.weight"] == kind.upper()
    assert "how llama.cpp cuts texts into tokens wasn't tried" in made.notes[-1]


def test_card_and_modelfile_say_how_to_use_it(
    loaded: Workspace, run: RunDirectory, tmp_path: Path
) -> None:
    made = export_model(loaded, run.id, tmp_path / "o", gguf=True)
    card = (tmp_path / "o" / "README.md").read_text()
    assert "llama-server -m model.gguf" in card
    assert f"Compared with the model beside it: {made.agreement}." in card
    assert "ollama run radu < radu/prompt.txt" in card
    assert (tmp_path / "o" / "radu" / "prompt.txt").is_file()
    lines = (tmp_path / "o" / "Modelfile").read_text().splitlines()
    assert lines[:2] == ["FROM ./model.gguf", 'TEMPLATE """{{ .Prompt }}"""']
    assert {"PARAMETER num_ctx 512", 'PARAMETER stop "<|end|>"'} <= set(lines)


def test_a_gguf_that_says_something_else_isnt_exported(
    loaded: Workspace, run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = gguf_export._reader
    monkeypatch.setattr(gguf_export, "_reader", lambda *of: lambda: -20 * real(*of)())
    with pytest.raises(ModelError, match=r"answers differ from the model's .* with f32 weights"):
        export_model(loaded, run.id, tmp_path / "o", gguf=True)
    assert not (tmp_path / "o").exists()


@pytest.mark.slow
def test_weights_that_are_too_coarse_give_way_to_finer_ones(
    loaded: Workspace, run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = gguf_check.compare_gguf

    def strict(*args: Any, weights: str, **more: Any) -> Any:
        from dataclasses import replace

        found = real(*args, weights=weights, **more)
        return found if weights == "f32" else replace(found, equal_tokens=0)

    monkeypatch.setattr(export_gguf, "compare_gguf", strict)
    made = export_model(loaded, run.id, tmp_path / "o", gguf=True, gguf_type=None)
    assert made.agreement is not None
    assert made.agreement.weights == "f32"
    assert "transformers with f16 weights" in made.notes[0]
    assert "others said something else: transformers with bf16 weights" in made.notes[0]
    with pytest.raises(ModelError, match="Don't choose the type"):
        export_model(loaded, run.id, tmp_path / "p", gguf=True, gguf_type="f16")


def test_without_its_dataset_the_kept_prompt_is_asked(
    loaded: Workspace, run: RunDirectory, tmp_path: Path
) -> None:
    for path in run.config().dataset.glob("*.jsonl"):
        path.unlink()
    made = export_model(loaded, run.id, tmp_path / "o", gguf=True)
    assert made.agreement is not None
    assert (made.agreement.rows, made.agreement.tokens) == (1, 1)
    for path in (run.path / "serving").glob("**/prompt.txt"):
        path.unlink()
    made = export_model(loaded, run.id, tmp_path / "p", gguf=True)
    assert made.agreement is None
    assert "The GGUF wasn't compared with the model" in made.notes[-1]


def test_the_command_says_how_far_it_agrees(
    loaded: Workspace, run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    command = ["export-model", run.id, str(tmp_path / "o"), "--gguf-type", "f32"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "Compared with the model: transformers with f32 weights: the same next" in done.stdout


FAKE = """
import sys
place, _, out, _, kind = sys.argv[1:]
{work}
"""
GOOD = """
import shutil
from pathlib import Path
from radu_core.files import read_json, write_json
from radu_core.inference.gguf_export import write_gguf
known = Path(shutil.copytree(place, out + ".known"))
config = read_json(known / "config.json")
write_json(known / "config.json", {**config, "architectures": ["LlamaForCausalLM"]})
write_gguf(known, Path(out), weights=kind, template=kind)
shutil.rmtree(known)
"""


@pytest.fixture
def converter(run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(work: str) -> Path:
        config = run.model / "config.json"  # of a kind that the studio doesn't write itself
        write_json(config, {**read_json(config), "architectures": ["OwnForCausalLM"]})
        path = tmp_path / "convert_hf_to_gguf.py"
        path.write_text(FAKE.format(work=work))
        monkeypatch.setenv("RADU_GGUF_CONVERTER", str(path))
        return path

    return make


@pytest.mark.slow
def test_what_the_converter_writes_is_compared_as_well(
    loaded: Workspace, run: RunDirectory, tmp_path: Path, converter: Any
) -> None:
    converter(GOOD)
    made = export_model(loaded, run.id, tmp_path / "o", gguf=True)
    assert made.gguf == tmp_path / "o" / "model.gguf"
    field = GGUFReader(made.gguf).get_field("tokenizer.chat_template")
    assert field is not None
    assert field.contents() == {"bfloat16": "bf16", "float32": "f32"}[made.dtype]
    assert made.agreement is not None
    assert made.agreement.is_usable


@pytest.mark.parametrize(
    ("work", "words"),
    [
        ("sys.exit('unknown architecture')", r"ended with 1: unknown architecture"),
        ("open(out, 'w').write('x' * 100)", "wrote no readable GGUF"),
        ("pass", "wrote no readable GGUF"),
    ],
)
def test_a_converter_that_fails_leaves_nothing(
    loaded: Workspace, run: RunDirectory, tmp_path: Path, converter: Any, work: str, words: str
) -> None:
    converter(work)
    with pytest.raises(ModelError, match=words):
        export_model(loaded, run.id, tmp_path / "o", gguf=True)
    assert not (tmp_path / "o").exists()
    assert not list(tmp_path.glob(".o.*"))


def test_a_missing_converter_is_said_before_anything_is_written(
    loaded: Workspace, run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = run.model / "config.json"
    write_json(config, {**read_json(config), "architectures": ["OwnForCausalLM"]})
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        InputError, match=r"it is OwnForCausalLM.*is not on PATH.*git clone .*llama\.cpp"
    ):
        export_model(loaded, run.id, tmp_path / "o", gguf=True)
    monkeypatch.setenv("RADU_GGUF_CONVERTER", str(tmp_path / "no.py"))
    with pytest.raises(InputError, match="RADU_GGUF_CONVERTER names no file"):
        export_model(loaded, run.id, tmp_path / "o", gguf=True)
    with pytest.raises(InputError, match="A GGUF is made of the merged model"):
        export_model(loaded, run.id, tmp_path / "o", gguf=True, adapter_only=True)
    assert not (tmp_path / "o").exists()
