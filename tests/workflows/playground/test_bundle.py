"""A run as a bundle: the same calls, loaded without torch, and nothing that was edited."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS, SCHEMA
from fitted_run import fit_fast
from generator_run import make_generator_run
from typer.testing import CliRunner

import radu
from radu_core.cli import app
from radu_core.eligibility import Eligible
from radu_core.errors import InputError, ModelError, RunError
from radu_core.exemplars import Split
from radu_core.files import read_json, write_json
from radu_core.inference.answers import Answer, Question
from radu_core.inference.asking import AnyParser, answer_questions
from radu_core.inference.bundle import SELF_TEST, SelfTest
from radu_core.schema import parse_schema
from radu_core.workflows.evaluate.parse import full_parser, parser_of
from radu_core.workflows.frame.labelled_rows import labelled_rows
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.playground import bundle as writing
from radu_core.workflows.playground.bundle import WrittenBundle, write_bundle

pytestmark = pytest.mark.slow
TEXTS = [str(row["utterance"]) for row in ROWS] + ["fly me to Oslo", "a hotel bed in Paris"]
WITHOUT_TORCH = """
import json, sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers", "sentence_transformers", "streamlit",
                                  "sqlalchemy", "faiss", "sklearn", "pandas", "peft", "typer"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide())
import radu
answers = radu.load(sys.argv[1]).parse_many(json.loads(sys.argv[2]))
print(json.dumps([[a.function, a.arguments] for a in answers]))
"""


@dataclass(frozen=True)
class Made:
    """A workspace with a fast model's run, and that run as a bundle."""

    workspace: Workspace
    run: str
    written: WrittenBundle

    @property
    def place(self) -> Path:
        return self.written.directory


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    place = tmp_path_factory.mktemp("bundle")
    space = Workspace(place / "home")
    space.store.put_schema(parse_schema(SCHEMA), who="test")
    (place / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    import_file(space, "jsonl", place / "rows.jsonl", module=MODULE, who="test")
    resolve(space, MODULE, who="test")
    fast = fit_fast(space, MODULE, place, TEXTS)
    yield Made(space, fast, write_bundle(space, fast, place / "made"))
    space.store.close()


def test_a_fast_bundle_answers_as_its_run_and_without_torch(made: Made) -> None:
    manifest = made.written.manifest
    rows = labelled_rows(made.workspace, MODULE, "validation").exemplars
    assert rows
    assert manifest.self_test == SelfTest(rows=len(rows), equal=len(rows))
    assert manifest.runtime == {"encoder": "onnx", "embedder": "onnx"}
    assert made.written.notes == ()
    wanted = answer_questions(parser_of(made.workspace, made.run), [Question(t) for t in TEXTS])
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(made.place), json.dumps(TEXTS)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [[a.function, a.arguments] for a in wanted]
    found = radu.load(made.place).parse_many(TEXTS)
    for one, other in zip(found, wanted, strict=True):
        assert one.spans == other.spans
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)
        assert one.out_of_scope == pytest.approx(other.out_of_scope, abs=1e-3)
    listed = {p.relative_to(made.place).as_posix() for p in files_of(made.place)}
    assert listed == {*manifest.files, "bundle.json"}
    card = (made.place / "README.md").read_text("utf-8")
    assert "radu.load" in card
    for untrue in ("encoder/` alone", "fetches it", "vllm serve", "from_pretrained"):
        assert untrue not in card
    assert made.written.size == sum(p.stat().st_size for p in files_of(made.place))


def test_neither_threads_nor_company_change_an_answer(made: Made) -> None:
    """Batches are of about one length each, and two encoders read side by side."""
    texts = [f"{text} {'very ' * (n % 7)}soon" for n in range(3) for text in TEXTS]
    alone, together = radu.load(made.place, threads=1), radu.load(made.place, threads=2)
    assert len({len(text) for text in texts}) > 16  # lengths
    for one, other in zip(map(alone.parse, texts), together.parse_many(texts), strict=True):
        assert (one.function, one.arguments, one.spans) == (
            other.function,
            other.arguments,
            other.spans,
        )
        assert one.confidence == pytest.approx(other.confidence, abs=1e-5)


def files_of(directory: Path) -> list[Path]:
    return [p for p in directory.rglob("*") if p.is_file()]


def test_a_bundle_without_texts_holds_none_and_answers_the_same(made: Made, tmp_path: Path) -> None:
    space = made.workspace
    bare = write_bundle(
        space, made.run, tmp_path / "bare", texts=False, runtime="torch", model_name="bare-1"
    )
    assert not bare.manifest.texts
    assert radu.load(bare.directory).bundle.name == "bare-1"
    assert radu.load(made.place).bundle.name == MODULE
    whole, found = (radu.load(p).parse_many(TEXTS) for p in (made.place, bare.directory))
    assert [(a.function, a.arguments) for a in found] == [(a.function, a.arguments) for a in whole]
    utterances = [e.exemplar.utterance for e in space.store.exemplars(MODULE)]
    kept = [p for p in files_of(bare.directory) if p.suffix in (".json", ".md")]
    held = "".join(p.read_text("utf-8") for p in kept)
    assert utterances
    assert not any(u in held for u in utterances)
    words = read_json(bare.directory / "fast" / "voters.json")["words"]
    assert {len(w) for some in words for w in some} == {16}  # hashes


def test_bundles_with_a_language_model_answer_as_their_runs(
    loaded: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    fast = fit_fast(loaded, MODULE, tmp_path, TEXTS)
    run = make_generator_run(loaded, MODULE, tiny_model)
    questions = [Question(t) for t in TEXTS[-3:]]
    for kind, name, other in (("full", fast, run.id), ("generator", run.id, None)):
        written = write_bundle(loaded, name, tmp_path / kind, generator=other, runtime="torch")
        assert written.manifest.kind == kind
        parser = full_parser(loaded, name, other) if other else parser_of(loaded, name)
        wanted = answer_questions(parser, questions)
        found = radu.load(written.directory).parse_many(TEXTS[-3:])
        assert [(a.function, a.arguments) for a in found] == [
            (a.function, a.arguments) for a in wanted
        ]
        with pytest.raises(InputError, match="needs their texts"):
            write_bundle(loaded, name, tmp_path / "bare", generator=other, texts=False)


def cut(directory: Path) -> None:
    path = directory / "fast" / "encoder" / "model.onnx.data"
    path.write_bytes(path.read_bytes()[:-100])


def edit(directory: Path) -> None:
    path = directory / "schema.json"
    path.write_text(path.read_text("utf-8").replace("Oslo", "Rome").replace("hotel", "motel"))


def remove(directory: Path) -> None:
    (directory / "fast" / "taught.json").unlink()


def name_outside(directory: Path) -> None:
    data = read_json(directory / "bundle.json")
    data["files"]["../outside"] = [3, "0"]
    write_json(directory / "bundle.json", data)


def name_nothing(directory: Path) -> None:
    data = read_json(directory / "bundle.json")
    write_json(directory / "bundle.json", {**data, "files": {}})


def name_no_file(directory: Path) -> None:
    data = read_json(directory / "bundle.json")
    data["files"] |= {"nul\0": [3, "0"], "x" * 300: [3, "0"]}
    write_json(directory / "bundle.json", data)


def add_another(directory: Path) -> None:
    (directory / "fast" / "encoder" / "adapter_config.json").write_text("{}")


def cut_manifest(directory: Path) -> None:
    path = directory / "bundle.json"
    path.write_bytes(path.read_bytes()[:500])


def forget_format(directory: Path) -> None:
    data = read_json(directory / "bundle.json")
    write_json(directory / "bundle.json", {**data, "format": 0})


def age(directory: Path) -> None:
    data = read_json(directory / "bundle.json")
    write_json(directory / "bundle.json", {**data, "format": 99})


def garble(directory: Path) -> None:
    (directory / "bundle.json").write_text("{}")


def empty(directory: Path) -> None:
    (directory / "bundle.json").unlink()


def test_what_was_cut_or_edited_is_not_loaded(made: Made, tmp_path: Path) -> None:
    wrongs: list[tuple[Callable[[Path], None], type[Exception], str]] = [
        (cut, ModelError, r"model.onnx.data has [\d,]+ bytes instead of"),
        (edit, ModelError, "schema.json was changed|bytes instead of"),
        (remove, ModelError, "it has no 'fast/taught.json'"),
        (name_outside, ModelError, "outside of it"),
        (name_nothing, ModelError, "isn't in its manifest"),
        (name_no_file, ModelError, "it has no "),
        (add_another, ModelError, "adapter_config.json isn't in its manifest"),
        (cut_manifest, ModelError, "bundle.json isn't JSON"),
        (forget_format, ModelError, "bundle.json is damaged"),
        (age, InputError, "has format 99"),
        (garble, ModelError, "bundle.json is damaged"),
        (empty, InputError, "isn't a bundle"),
    ]
    for spoil, error, said in wrongs:
        place = tmp_path / spoil.__name__
        shutil.copytree(made.place, place)
        spoil(place)
        with pytest.raises(error, match=said):
            radu.load(place)


def test_files_may_be_links_as_in_the_cache_of_a_hub(made: Made, tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    shutil.copytree(made.place, blobs)
    for path in sorted(p for p in blobs.rglob("*") if p.is_file()):
        link = snapshot / path.relative_to(blobs)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    (snapshot / ".gitattributes").write_text("*.data filter=lfs\n")
    (snapshot / "fast" / ".nfs01").touch()
    asked = radu.load(snapshot).parse("fly me to Oslo")
    wanted = radu.load(made.place).parse("fly me to Oslo")
    assert (asked.function, asked.arguments) == (wanted.function, wanted.arguments)
    (blobs / "fast" / "taught.json").write_text("{}")
    with pytest.raises(ModelError, match=r"taught\.json has"):
        radu.load(snapshot)


def test_a_path_that_names_nothing_is_refused() -> None:
    for path in ("a\0b", "x" * 300, "~nobody-of-that-name/x"):
        with pytest.raises(InputError):
            radu.load(path)


def test_only_what_is_offered_is_called(made: Made) -> None:
    model = radu.load(made.place)
    text = "fly me to Oslo"
    names = [f.name for f in model.schema.functions]
    for name in names:
        assert model.parse(text, functions=[name], required=True).function == name
    best = model.parse(text, required=True)
    other = next(n for n in names if n != best.function)
    assert model.parse(text, functions=[other]).function in (None, other)
    none = model.parse(text, functions=[])
    assert (none.function, none.arguments, none.confidence) == (None, {}, pytest.approx(1.0))
    with pytest.raises(InputError, match="no such function"):
        model.parse(text, functions=["nothing"])
    for wrong in ("", "  ", "x" * 100_001):
        with pytest.raises(InputError):
            model.parse(wrong)
    assert model.parse(text, context=names[0]).function == best.function


def test_what_is_no_question_is_refused_by_name(made: Made) -> None:
    model: Any = radu.load(made.place)
    asked: dict[str, Callable[[], object]] = {
        "The utterance isn't text: 'NoneType'": lambda: model.parse(None),
        "The utterance isn't text: 'int'": lambda: model.explain(5),
        "One text was given for several utterances": lambda: model.parse_many("fly me to Oslo"),
        "One text was given for several functions": lambda: model.parse(
            "fly", functions="book_flight"
        ),
        "The context names no function": lambda: model.parse("Oslo", context="nothing.city"),
        "The context names no function of": lambda: model.explain("Oslo", context="nothing"),
    }
    for said, ask in asked.items():
        with pytest.raises(InputError, match=said):
            ask()
    name = model.schema.functions[0].name
    assert model.parse("Oslo", context=name).utterance == "Oslo"


def test_what_answers_unlike_its_run_is_not_written(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writing.answer_questions
    calls: list[int] = []

    def ask(parser: AnyParser, questions: list[Question]) -> list[Answer]:
        calls.append(len(questions))
        answers = real(parser, questions)
        return answers if len(calls) == 1 else [replace(a, function="other") for a in answers]

    monkeypatch.setattr(writing, "answer_questions", ask)
    with pytest.raises(RunError, match=r"validation rows? unlike the run"):
        write_bundle(made.workspace, made.run, tmp_path / "out", runtime="torch")
    assert not (tmp_path / "out").exists()


def test_without_validation_rows_training_rows_are_compared(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writing.labelled_rows

    def no_validation(space: Workspace, module: str, split: Split) -> Eligible:
        found = real(space, module, split)
        return replace(found, exemplars=()) if split == "validation" else found

    monkeypatch.setattr(writing, "labelled_rows", no_validation)
    monkeypatch.setattr(writing, "_LEARNT", 7)
    written = write_bundle(made.workspace, made.run, tmp_path / "out", runtime="torch")
    assert written.manifest.self_test == SelfTest(rows=7, equal=7, split="train")
    assert f"{MODULE} has no validation rows: compared on 7 training rows instead." in written.notes
    rows = real(made.workspace, MODULE, "train").exemplars
    tested = [row["utterance"] for row in read_json(written.directory / SELF_TEST)]
    assert len(tested) == 7
    assert set(tested) <= {row.utterance for row in rows}


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 65, "é"])
def test_a_models_name_is_one_that_fits_everywhere(made: Made, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="can't be a model's name"):
        write_bundle(made.workspace, made.run, tmp_path / "b", model_name=name)


def test_the_command_writes_one_and_says_what_to_do_with_it(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADU_HOME", str(made.workspace.home))
    out = str(tmp_path / "out")
    command = ["export-model", made.run, "--to", "bundle", "--runtime", "torch"]
    done = CliRunner().invoke(app, [*command, out, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["manifest"]["kind"], told["directory"]) == ("fast", out)
    assert CliRunner().invoke(app, [*command, out]).exit_code == 2
    assert CliRunner().invoke(app, command).exit_code == 2
    parsed = CliRunner().invoke(app, ["parse", out, "fly me to Oslo", "--json"])
    wanted = radu.load(made.place).parse("fly me to Oslo")
    assert json.loads(parsed.stdout)["function"] == wanted.function
