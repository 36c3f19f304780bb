"""The shell: help for everything, JSON on stdout, exit codes, no tracebacks."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import MODULE, ROWS, SCHEMA
from fakes import HashEmbedder, WordTokenizer
from rich.console import Console
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.cli.output import table, who
from radu_core.dataset import DatasetConfig
from radu_core.inference import FunctionCall
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
DOCS = Path(__file__).resolve().parents[2] / "docs/reference/cli.md"


def commands() -> dict[str, Any]:
    root = typer.main.get_command(app)
    found = {}
    for name, item in root.commands.items():  # type: ignore[attr-defined]
        for inner, command in getattr(item, "commands", {"": item}).items():
            found[f"{name} {inner}".strip()] = command
    return found


@pytest.fixture
def radu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("RADU_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)
    monkeypatch.setattr(Workspace, "embedder", lambda *_, **__: HashEmbedder())
    monkeypatch.setattr(Workspace, "tokenizer", lambda *_, **__: WordTokenizer())
    runner = CliRunner()

    def run(*arguments: str) -> tuple[int, str, str]:
        done = runner.invoke(app, list(arguments))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    return run


@pytest.mark.parametrize("below", ["", "/x"])
def test_a_home_that_is_a_file_is_said(
    radu: Any, tmp_path: Path, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RADU_HOME", f"{tmp_path / 'file'}{below}")
    code, _, err = radu("runs", "list")
    assert (code, "Can't write" in err, "Traceback" in err) == (2, True, False)


def test_a_home_of_any_signs_holds_everything(
    radu: Any, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADU_HOME", str(files / "a?b=c%20#d"))
    assert radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))[0] == 0
    assert {p.name for p in files.iterdir() if p.is_dir()} == {"a?b=c%20#d", "sgd"}
    assert (files / "a?b=c%20#d" / "radu.db").is_file()


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("debug", [False, True])
def test_what_nobody_foresaw_is_one_line(
    radu: Any, monkeypatch: pytest.MonkeyPatch, as_json: bool, debug: bool
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("x\ny")

    monkeypatch.setattr("radu_core.workflows.frame.run_list.runs", fail)
    monkeypatch.setenv("RADU_DEBUG", "1" if debug else "")
    code, out, err = radu("runs", "list", *(["--json"] if as_json else []))
    assert code == 1
    assert "Unexpected error (KeyError" in err
    assert "please report it" in err
    assert ("Traceback" in err) == debug
    assert debug or len(err.splitlines()) == 1
    if as_json:
        assert json.loads(out)["error"] == "KeyError"


def test_one_damaged_run_is_listed_and_the_others_too(radu: Any, tmp_path: Path) -> None:
    for day in (1, 2):
        wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
        now = datetime(2026, 1, day, tzinfo=UTC)
        run = RunDirectory.create(tmp_path / "home" / "runs", wanted, now=now)
        run.append("state", state="stopped", reason="")
    (run.path / "config.yaml").write_text("[")
    code, out, _ = radu("runs", "list", "--json")
    found = json.loads(out)["runs"]
    assert (code, [r["state"] for r in found]) == (0, ["damaged", "stopped"])
    assert f"{run.path}/config.yaml" in found[0]["reason"]
    assert f"{run.id} is damaged" in radu("runs", "list")[1]
    code, out, _ = radu("runs", "show", "last", "--json")
    assert (code, json.loads(out)["config"]) == (0, None)


def test_rows_on_standard_output_leave_its_file_what_it_is(radu: Any, files: Path) -> None:
    radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))
    radu("import", "jsonl", str(files / "rows.jsonl"), "-m", MODULE)
    command = [sys.executable, "-m", "radu_core", "export", "jsonl", "-m", MODULE, "-o"]
    target = files / "out.jsonl"
    target.write_text("kept\n")
    with target.open("a") as file:
        subprocess.run([*command, "/dev/stdout"], stdout=file, check=True, cwd=ROOT)
    lines = target.read_text().splitlines()
    assert (lines[0], len(lines)) == ("kept", len(ROWS) + 2)
    assert lines[-1] == f"{len(ROWS)} rows written to /dev/stdout."


def test_an_account_without_a_name_is_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.delenv("RADU_USER", raising=False)
    monkeypatch.setattr("getpass.getuser", nobody)
    assert who() == "shell"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in ROWS))
    (tmp_path / "tools.json").write_text('[{"name": "sing", "description": "Sing a song."}]')
    (tmp_path / "sgd").mkdir()
    (tmp_path / "sgd" / "schema.json").write_text("{}")
    (tmp_path / "sgd" / "dialogues_001.json").write_text("[]")
    (tmp_path / "bad.jsonl").write_text('{"utterance": "x", "function": "nope"}\n')
    return tmp_path


def test_the_commands_of_the_design_are_there() -> None:
    assert {
        "init",
        "import",
        "resolve",
        "accept",
        "export",
        "index",
        "find-k",
        "prompts",
        "build-dataset",
        "train",
        "runs list",
        "runs show",
        "runs stop",
        "runs resume",
        "evaluate",
        "parse",
        "models list",
        "models fetch",
        "backup",
        "restore",
        "demo",
    } <= set(commands())


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_help_and_is_in_the_docs(name: str) -> None:
    command = commands()[name]
    assert command.help
    options = [o for p in command.params for o in p.opts if o.startswith("--")]
    assert "--json" in options
    text = DOCS.read_text(encoding="utf-8")
    section = re.search(rf"^## `radu {re.escape(name)}`\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section, f"docs/reference/cli.md has no section for radu {name}"
    for option in set(options) - {"--json", "--help"}:
        assert option in section[1], f"radu {name} {option} isn't in docs/reference/cli.md"


def test_from_a_schema_to_a_dataset(radu: Any, files: Path) -> None:
    assert radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))[0] == 0
    code, out, _ = radu("import", "jsonl", str(files / "rows.jsonl"), "-m", MODULE, "--json")
    assert (code, json.loads(out)["added"]) == (0, len(ROWS))
    code, out, _ = radu("import", "jsonl", str(files / "rows.jsonl"), "-m", MODULE, "--json")
    assert (json.loads(out)["added"], json.loads(out)["unchanged"]) == (0, len(ROWS))
    code, out, _ = radu("resolve", "-m", MODULE, "--report", str(files / "open.jsonl"), "--json")
    assert json.loads(out)["outcomes"] == {"ambiguous": 1, "resolved": 13, "unlocated": 1}
    assert len((files / "open.jsonl").read_text().splitlines()) == 2
    code, out, _ = radu("index", "-m", MODULE, "--json")
    assert json.loads(out)["exemplars"] == 8
    code, out, _ = radu("find-k", "-m", MODULE, "--json")
    assert code == 1  # two utterances can't show 99 %
    assert json.loads(out)["total"] == 2
    code, out, _ = radu("prompts", "fly me to Oslo", "-m", MODULE, "--json")
    assert json.loads(out)["rows"][0]["row"]["prompt"].endswith('"fly me to Oslo" ->')
    code, out, _ = radu("build-dataset", "-m", MODULE, "--out", str(files / "ds"), "--json")
    assert code == 0
    assert (files / "ds" / MODULE / "manifest.json").is_file()
    _datasets(radu, files)
    for format, name in (("jsonl", "o.jsonl"), ("csv", "o.csv"), ("openai", "o.json")):
        assert radu("export", format, "-m", MODULE, "-o", str(files / name))[0] == 0
        assert (files / name).stat().st_size > 100
    assert radu("backup", str(files / "b.zip"), "--json")[0] == 0
    assert json.loads(radu("runs", "list", "--json")[1]) == {"runs": []}


def test_every_option_of_a_dataset_can_be_given() -> None:
    group = typer.main.get_command(app)
    for path in (["build-dataset"], ["datasets", "preview"]):
        found: Any = group
        for name in path:
            found = found.commands[name]
        assert [n for n in DatasetConfig.options() if n not in {p.name for p in found.params}] == []


def _datasets(radu: Any, files: Path) -> None:
    """Previewed, built with options, listed, shown, compared, and several of them mixed."""
    built = str(files / "ds" / MODULE)
    code, out, _ = radu("datasets", "preview", "-m", MODULE, "--sample", "50", "--json")
    lines = json.loads(out)["previews"][0]["lines"]
    assert (code, sum(n["rows"] for n in lines if n["split"] == "train")) == (0, 18)
    assert (
        radu(
            "build-dataset",
            "-m",
            MODULE,
            "--max-length",
            "40",
            "--order",
            "shuffled",
            "--hardness",
            "0.5",
        )[0]
        == 0
    )
    found = json.loads(radu("datasets", "list", "--json")[1])["datasets"]
    assert [(d["name"], d["of"]) for d in found] == [("default", MODULE)]
    shown = json.loads(radu("datasets", "show", "default", "--json")[1])["manifest"]
    assert (shown["config"]["max_length"], shown["config"]["rows"]["order"]) == (40, "shuffled")
    assert shown["config"]["rows"]["hardness"] == 0.5
    assert "Tokens of a row" in radu("datasets", "show", built)[1]
    code, out, _ = radu("datasets", "diff", built, built, "--json")
    assert (code, json.loads(out)["same"]) == (0, sum(n["rows"] for n in lines))
    differences = files / "d.jsonl"
    code, out, _ = radu("datasets", "diff", built, "default", "-o", str(differences))
    assert code == 1
    assert "max_length was 512, is 40" in out
    assert differences.stat().st_size > 100
    other = MODULE.replace("travel", "stays")
    schema = files / "other.json"
    schema.write_text(json.dumps({**SCHEMA, "module": other}))
    radu("init", "-m", other, "--schema", str(schema))
    radu("import", "jsonl", str(files / "rows.jsonl"), "-m", other)
    radu("resolve", "-m", other)
    both = ("build-dataset", "-m", MODULE, "-m", other, "--name", "both")
    code, out, _ = radu(*both, "--weight", f"{other}/rag=2", "--json")
    made = json.loads(out)["datasets"]
    assert (code, [d["module"] for d in made]) == (0, [MODULE, other, "mixture"])
    assert made[-1]["manifest"]["parts"][other]["weights"] == {"rag": 2.0, "all": 1.0}
    assert "Mixed from" in radu("datasets", "show", "both/mixture")[1]
    for wrong, words in (
        (("--weight", "x"), "MODULE=NUMBER"),
        (("--weight", "nope=1"), "isn't in the mixture"),
        (("--order", "up"), "order: give most_relevant"),
        (("--strategy", "rags"), "No such strategy"),
    ):
        code, _, err = radu(*both, *wrong)
        assert (code, words in err) == (2, True), err


def test_accepting_in_bulk_and_taking_it_back(radu: Any, files: Path) -> None:
    radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))
    radu("import", "jsonl", str(files / "rows.jsonl"), "-m", MODULE)
    radu("resolve", "-m", MODULE)
    ask = ("accept", "-m", MODULE, "--from", "0.5", "--json")
    code, out, _ = radu(*ask, "--dry-run")
    seen = json.loads(out)
    assert (code, [i["id"] for i in seen["items"]]) == (0, ["a00"])
    assert seen["expected_wrong"] == pytest.approx(1 - seen["items"][0]["confidence"])
    code, out, _ = radu(*ask)
    done = json.loads(out)
    assert (code, done["accepted"], done["skipped"]) == (0, ["a00"], {})
    assert json.loads(radu(*ask)[1])["accepted"] == []
    code, out, _ = radu("accept", "-m", MODULE, "--undo", done["batch"])
    assert (code, out) == (0, "1 is as it was before.\n")
    code, _, err = radu("accept", "-m", MODULE, "--undo", "nonsense")
    assert (code, "No bulk decision in" in err) == (2, True)
    assert radu("accept", "-m", MODULE, "--from", "2")[0] == 2
    assert "To take them back: radu accept" in radu("accept", "-m", MODULE, "--from", "0.5")[1]


def test_text_is_for_people(radu: Any, files: Path) -> None:
    radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))
    out = radu("import", "jsonl", str(files / "rows.jsonl"), "-m", MODULE)[1]
    assert f"{len(ROWS)} rows = {len(ROWS)} accepted + 0 rejected + 0 skipped." in out
    assert "resolved" in radu("resolve", "-m", MODULE)[1]


def test_replacing_a_schema_is_asked_for_and_says_its_cost(radu: Any, files: Path) -> None:
    radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))
    radu("import", "jsonl", str(files / "rows.jsonl"), "-m", MODULE)
    (files / "less.json").write_text(json.dumps({**SCHEMA, "functions": SCHEMA["functions"][:1]}))
    less = ("init", "-m", MODULE, "--schema", str(files / "less.json"))
    code, out, err = radu(*less)
    assert (code, out) == (2, "")
    assert (
        "--replace. The new schema removes 1 function: book_hotel (named by 5). Of 15 exemplars 5"
        in err
    )
    assert json.loads(radu("resolve", "-m", MODULE, "--json")[1])["outcomes"].get("invalid") is None
    code, out, _ = radu(*less, "--replace")
    assert code == 0
    assert (
        "The schema was replaced. The new schema removes 1 function: book_hotel (named by 5)."
        in out
    )
    assert json.loads(radu("resolve", "-m", MODULE, "--json")[1])["outcomes"]["invalid"] == 5


def test_prompts_say_whether_the_right_function_is_there(radu: Any, files: Path) -> None:
    radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))
    radu("import", "jsonl", str(files / "rows.jsonl"), "-m", MODULE)
    radu("resolve", "-m", MODULE)
    asked = ("prompts", "fly me to Oslo", "-m", MODULE)
    code, out, _ = radu(*asked)
    assert (code, "completion:" in out) == (0, False)
    assert "note: it isn't known what this utterance means" in out
    code, out, _ = radu(*asked, "--function", "book_flight")
    assert code == 0
    assert "completion: book_flight" in out
    assert "right function in the prompt: yes" in out
    code, out, _ = radu(
        *asked, "--function", "book_hotel", "--k-desc", "0", "--k-exemplar", "1", "--json"
    )
    assert (code, json.loads(out)["answer_retrieved"]) == (1, False)


def test_a_new_module_takes_the_id_in_its_schema(radu: Any, files: Path) -> None:
    path = str(files / "schema.json")
    code, out, _ = radu("init", "--schema", path)
    assert (code, out.splitlines()[0]) == (0, f"{MODULE}: 2 functions, 6 slots.")
    assert out.count("warning") == 1
    assert "warning: no utterance is labelled yet. Import or write at least 10 for each" in out
    code, out, _ = radu("init", "--schema", path, "--module", "acme_copy_en")
    assert (code, f"the file's module id ({MODULE}): the module is acme_copy_en" in out) == (
        0,
        True,
    )
    radu("import", "jsonl", str(files / "rows.jsonl"), "-m", MODULE)
    out = radu("schema", "show", "-m", MODULE)[1]
    assert "warning: fewer than 10 labelled utterances: book_flight (8), book_hotel (5)." in out


def test_parse_counts_relative_dates_from_a_day(radu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def parse_many(*_: object, today: date | None, **__: object) -> list[FunctionCall]:
        seen.append(today)
        return [FunctionCall(function="book_flight")]

    monkeypatch.setattr("radu_core.workflows.evaluate.parse.parse_many", parse_many)
    assert radu("parse", "last", "fly tomorrow", "--today", "2026-11-30")[0] == 0
    assert radu("parse", "last", "fly tomorrow")[0] == 0
    assert seen == [date(2026, 11, 30), None]
    assert radu("parse", "last", "fly tomorrow", "--today", "soon")[0] == 2


def test_rejected_rows_are_a_no_and_nothing_is_stored(radu: Any, files: Path) -> None:
    radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))
    code, out, _ = radu("import", "jsonl", str(files / "bad.jsonl"), "-m", MODULE, "--json")
    assert code == 1
    found = json.loads(out)
    assert (found["stored"], found["rejections"][0]["line"]) == (False, 1)


def test_a_schema_that_is_ignored_is_said(radu: Any, files: Path) -> None:
    radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))
    tools = str(files / "tools.json")
    code, out, _ = radu("import", "openai", tools, "-m", MODULE)
    assert code == 0
    assert "was ignored; --replace-schema takes it" in out
    found = json.loads(radu("import", "openai", tools, "-m", MODULE, "--json")[1])
    assert (found["schema_ignored"], found["schema_changed"]) == (True, False)
    out = radu("import", "openai", tools, "-m", MODULE, "--replace-schema")[1]
    assert "was ignored" not in out


def test_every_row_of_a_table_is_accounted_for(radu: Any, files: Path) -> None:
    radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))
    (files / "t.csv").write_text(
        'id,utterance\n1,a 5" pipe in Oslo\n2,a 6" pipe in Rome\n3,x\n4,"open\n5,y\n'
    )
    out = radu("import", "csv", str(files / "t.csv"), "-m", MODULE, "--keep-good")[1]
    assert "t.csv: 5 rows = 4 accepted + 1 rejected + 0 skipped." in out


def test_a_table_shows_brackets_as_they_are() -> None:
    shown = io.StringIO()
    cells = table("T", ["a"], [["press [a] or [bold]b"]])
    Console(file=shown, width=80).print(cells, markup=False)
    assert "press [a] or [bold]b" in shown.getvalue()


def test_rejected_turns_say_their_file_and_dialogue(radu: Any, files: Path) -> None:
    radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))
    (files / "sgd" / "schema.json").write_text(
        '[{"service_name": "S", "description": "d", "slots": [], "intents": [{"name": "I", '
        '"description": "d", "required_slots": [], "optional_slots": {}}]}]'
    )
    dialogue = {"dialogue_id": "7_1", "turns": [{"speaker": "USER", "utterance": "x"}]}
    (files / "sgd" / "dialogues_001.json").write_text(json.dumps([dialogue]))
    code, out, _ = radu("import", "sgd", str(files / "sgd"), "-m", MODULE)
    assert code == 1
    place = "dialogues_001.json,dialogue7_1,1"
    assert place[:12] in re.sub(r"[\s│┃]", "", out)
    (found,) = json.loads(radu("import", "sgd", str(files / "sgd"), "-m", MODULE, "--json")[1])[
        "rejections"
    ]
    assert (found["source"], found["line"]) == ("dialogues_001.json, dialogue 7_1", 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("resolve", "-m", "no_such_en"), "No such module"),
        (("init", "-m", "../x_y_en", "--schema", "{schema}"), "Not a module id"),
        (("init", "-m", MODULE, "--schema", "/no/such.json"), "No such file"),
        (("import", "xml", "{rows}", "-m", MODULE), "No such format"),
        (("import", "jsonl", "/no/such", "-m", MODULE), "No such file"),
        (("train", "/no/such.yaml"), "No such file"),
        (("runs", "show", "nope"), "no such run"),
        (("parse", "last", "hi"), "no runs yet"),
        (("models", "fetch", "nope"), "No such model"),
        (("restore", "/no/such.zip"), "No such file|database already"),
        (("find-k", "-m", MODULE, "--split", "dev"), "No such split"),
        (("prompts", "x", "-m", MODULE, "--strategy", "x"), "No such strategy"),
        (("prompts", "x", "-m", MODULE, "--function", "nope"), "no function of that name"),
        (("init", "-m", MODULE, "--schema", "{schema}"), "a module of that id already"),
        (("import", "csv", "{rows}", "-m", MODULE, "--map", "utterance"), "name=value"),
        (("import", "csv", "{rows}", "-m", MODULE, "--option", "delimiter=abc"), "one character"),
        (("import", "csv", "{rows}", "-m", MODULE, "--option", "mapping=5"), "names a column"),
        (("import", "csv", "{rows}", "-m", MODULE, "--option", "delimtre=;"), "no such option"),
        (
            ("import", "jsonl", "{rows}", "-m", MODULE, "--map", "id=x"),
            "has no such option: 'mapping'",
        ),
        (("import", "jsonl", "{rows}", "-m", MODULE, "--replace-schema"), "carries no schema"),
        (("import", "sgd", "{sgd}", "-m", MODULE, "--option", "services=5"), "must be names"),
        (("import", "sgd", "{sgd}", "-m", MODULE, "--option", "values=weird"), "kind of values"),
        (("import", "sgd", "{sgd}", "-m", MODULE), "isn't a list of services"),
        (("init", "-m", MODULE, "--schema", "{rows}"), "isn't JSON .*choose another"),
        (("export", "csv", "-m", MODULE, "-o", "/proc/x/y.csv"), "/proc/x"),
        (("export", "csv", "-m", MODULE, "-o", "{rows}/y.csv"), "rows.jsonl"),
        (("export", "jsonl", "-m", MODULE, "-o", "{rows}", "--outcome", "weird"), "Use resolved"),
        (("find-k", "-m", MODULE, "--max-desc", "0", "--max-exemplar", "0"), "nothing is retr"),
        (("prompts", "x" * 10_001, "-m", MODULE), "10,001 characters"),
        (("parse", "last", "\udcff"), "isn't UTF-8"),
        (("resolve", "-m", "\udcff"), "isn't UTF-8"),
        (("models", "fetch", "x" * 5000 + "/y"), "No such model"),
        (("models", "fetch", "~nobody-of-that-name/y"), "No such model"),
        (("runs", "show", "x" * 5000), "no such run"),
        (("restore", "x" * 5000), "Can't read|database already"),
        (("backup", "x" * 5000), "Can't write"),
        (("backup", "{rows}/b.zip"), "Can't write"),
        (("export", "jsonl", "-m", MODULE, "-o", "x" * 5000), "Can't write"),
        (("export", "jsonl", "-m", MODULE, "-o", "{rows}/x"), "Can't write"),
        (("resolve", "-m", MODULE, "--report", "{rows}/x"), "Can't write"),
        (("train", "{rows}"), "rows.jsonl: The config isn't"),
        (("init",), "A module needs an id. Give --module"),
        (("init", "--schema", "{rows}"), "isn't JSON"),
        (("init", "--schema", "{tools}"), "A module needs an id. Give --module"),
        (("fit", "-m", "no_such_en"), "No such module"),
        (("demo", "-m", "no_such_en"), "No such module in the sample: 'no_such_en'. Use aurora_"),
        (("runs", "list", "-m", "no_such_en"), "No such module"),
        (("datasets", "list", "-m", "no_such_en"), "No such module"),
        (("pairs", "list", "-m", "no_such_en"), "No such module"),
        (("templates", "list", "-m", "no_such_en"), "No such module"),
        (("pairs", "withdraw", "a", "b", "-m", MODULE), "'a, b'. Check both ids"),
        (("build-dataset", "-m", MODULE, "--strategy", "x"), "No such strategy: 'x'. Use some of"),
        (("export", "traces", "-m", MODULE, "-o", "x"), "Use jsonl, csv, openai or sgd"),
        (("modules", "restore", "no_such_en"), "The trash holds no module"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_bad_input_is_a_message_and_exit_2(
    radu: Any, files: Path, arguments: tuple[str, ...], words: str, as_json: bool
) -> None:
    radu("init", "-m", MODULE, "--schema", str(files / "schema.json"))
    places = {
        "schema": files / "schema.json",
        "rows": files / "rows.jsonl",
        "sgd": files / "sgd",
        "tools": files / "tools.json",
    }
    filled = [a.format(**places) for a in arguments]
    code, out, err = radu(*filled, *(["--json"] if as_json else []))
    assert code == 2
    assert re.search(words, err.replace("\n", " "))
    assert "Traceback" not in out + err
    if as_json:
        assert re.search(words, json.loads(out)["message"])
    else:
        assert out == ""


def test_what_looks_like_an_emoji_stays(radu: Any, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("root:x:0\na\n")
    radu("init", "-m", MODULE, "--function", "ask", "--description", "Ask :smile: things.")
    code, _, err = radu("import", "csv", str(path), "-m", MODULE)
    assert (code, "root:x:0" in err) == (2, True)
    code, out, _ = radu("schema", "show", "-m", MODULE)
    assert (code, ":smile:" in out) == (0, True)
