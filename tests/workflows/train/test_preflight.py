"""What can be known before a run: rows, needs, problems."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS
from measured import MEASURED
from tiny_encoder import make_tiny_encoder
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.dataset import DatasetRow, read_rows
from radu_core.errors import RunError
from radu_core.schema import parse_schema
from radu_core.tokenizing import load_tokenizer
from radu_core.training.probe.measurements import Probe
from radu_core.training.probe.probe import probe
from radu_core.training.run import encoding
from radu_core.training.run.config import TrainConfig
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.launch import check
from radu_core.workflows.train import preflight as workflow
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.preflight import (
    command,
    duration,
    preflight_report,
    report_data,
    report_lines,
)

TYPICAL = replace(MEASURED, longest_rows=4, longest_row=700)


def measured(*_: object, **__: object) -> Probe:
    return TYPICAL


@pytest.fixture
def config(loaded: Workspace, tiny_model: Path) -> TrainConfig:
    view = build(loaded, MODULE)
    return TrainConfig(
        dataset=view.directory, base_model=str(tiny_model), batch_size=4, max_length=4096
    )


def test_rows_tokens_and_an_example_are_the_run_s_own(
    loaded: Workspace, config: TrainConfig, tiny_model: Path
) -> None:
    report = preflight_report(loaded, config, measure=measured)
    own = check(loaded, config)
    assert report.ok
    assert report.rows == {"train": len(own.train), "validation": len(own.validation)}
    assert report.tokens["train"] == own.train_tokens
    assert report.tokens_hash == own.tokens_hash
    example = report.example
    assert example is not None
    assert example.completion_tokens == own.train[0].supervised_tokens
    assert example.prompt_tokens + example.completion_tokens == len(own.train[0].input_ids)
    tokenizer = load_tokenizer(tiny_model)
    assert example.completion.endswith(tokenizer.eos_token)
    assert tokenizer.decode(own.train[0].input_ids) == example.prompt + example.completion


def test_time_is_steps_by_tokens_evaluations_saves_and_loading(
    loaded: Workspace, config: TrainConfig
) -> None:
    config = config.model_copy(update={"max_steps": 100, "eval_every": 25, "eval_rows": 2})
    report = preflight_report(loaded, config, measure=measured)
    need = report.prediction
    assert need is not None
    a_pass = -(-report.rows["train"] // 4)
    training = 100 * report.tokens["train"] / a_pass / 500
    once = 4.0 * 3000 / 2000
    assert need.steps == 100
    assert need.tokens_per_second == 500
    assert need.training_seconds == pytest.approx(training)
    assert need.evaluation_seconds == pytest.approx(4 * once)
    saving = 2 + training / 60
    assert need.seconds == pytest.approx(training + 4 * once + saving + 8 + 2 + 2)
    assert not need.capped


def test_minutes_cap_the_time(loaded: Workspace, config: TrainConfig) -> None:
    config = config.model_copy(update={"max_steps": 10**6, "max_minutes": 1.0})
    report = preflight_report(loaded, config, measure=measured)
    need = report.prediction
    assert need is not None
    assert need.capped
    once = 4.0 * 3000 / 2000
    assert need.seconds == pytest.approx(60 + once + 2)  # loading is within, measuring isn't
    assert report.ok


def test_a_limit_that_ends_before_the_first_step_is_a_problem(
    loaded: Workspace, config: TrainConfig
) -> None:
    config = config.model_copy(update={"max_steps": 10, "max_minutes": 0.15})
    report = preflight_report(loaded, config, measure=measured)
    need = report.prediction
    assert need is not None
    assert need.first_step_seconds == pytest.approx(8 + 2 + need.training_seconds / 10)
    [problem] = report.problems
    assert problem.what == (
        f"Its first step ends after about {need.first_step_seconds:.0f} s, and its time limit is "
        "9 s: it would end without a model."
    )


@pytest.mark.parametrize(
    ("steps", "best", "evaluations"), [(100, "last", 4), (101, "last", 5), (100, "loss", 5)]
)
def test_evaluations_are_those_within_and_that_at_the_end(
    loaded: Workspace, config: TrainConfig, steps: int, best: str, evaluations: int
) -> None:
    more = {"max_steps": steps, "eval_every": 25, "eval_rows": 2, "best_by": best}
    need = preflight_report(loaded, config.model_copy(update=more), measure=measured).prediction
    assert need is not None
    assert need.evaluation_seconds == pytest.approx(evaluations * 4.0 * 3000 / 2000)


def test_memory_is_that_of_the_steps_or_of_the_check_at_the_end(
    loaded: Workspace, config: TrainConfig
) -> None:
    two = config.model_copy(update={"processes": 2})
    heavy = replace(TYPICAL, checking_bytes=3 * 10**9)

    def memory(config: TrainConfig, found: Probe) -> int:
        need = preflight_report(loaded, config, measure=lambda *_, **__: found).prediction
        assert need is not None
        return need.memory_bytes

    assert (memory(config, TYPICAL), memory(two, TYPICAL)) == (10**9, 2 * 10**9)
    assert (memory(config, heavy), memory(two, heavy)) == (3 * 10**9, 4 * 10**9)


def test_layers_that_arent_there_are_a_problem(loaded: Workspace, config: TrainConfig) -> None:
    wrong = config.model_copy(update={"lora_targets": ("q_proj", "query")})
    report = preflight_report(loaded, wrong, measure=measured)
    assert [p.what for p in report.problems] == [
        "lora_targets: query isn't a layer of the base model; choose among down_proj, gate_proj, "
        "k_proj, o_proj, q_proj, up_proj, v_proj, or all-linear."
    ]
    full = wrong.model_copy(update={"method": "full"})
    assert preflight_report(loaded, full, measure=measured).ok


def test_overlong_rows_are_listed_and_refused_unless_they_are_left_out(
    loaded: Workspace, config: TrainConfig
) -> None:
    lengths = sorted(len(e.input_ids) for e in check(loaded, config).train)
    config = config.model_copy(update={"max_length": lengths[len(lengths) // 2]})
    report = preflight_report(loaded, config, measure=measured)
    assert not report.ok
    assert report.prediction is None
    assert "longer than max_length" in report.problems[0].what
    assert "skip_overlong" in report.problems[0].remedy
    assert {r.reason for r in report.listed} == {"over-long"}
    assert all(r.tokens > config.max_length for r in report.listed)
    lenient = config.model_copy(update={"skip_overlong": True})
    again = preflight_report(loaded, lenient, measure=measured)
    assert again.ok
    assert again.listed == report.listed


def test_a_row_with_a_special_token_in_its_text_is_listed(
    loaded: Workspace, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(directory: Path, split: str) -> list[DatasetRow]:
        first, *others = read_rows(directory, split)
        return [replace(first, prompt=f"so <|end|> {first.prompt}"), *others]

    before = check(loaded, config)
    monkeypatch.setattr(encoding, "read_rows", changed)
    report = preflight_report(loaded, config, measure=measured)
    assert report.ok
    assert report.rows["train"] == len(before.train) - 1
    assert [(r.split, r.reason) for r in report.listed] == [
        ("train", "special token <|end|>"),
        ("validation", "special token <|end|>"),
    ]
    assert any(line.startswith("special token <|end|>: ") for line in report_lines(report))


def test_a_row_without_a_completion_is_listed(
    loaded: Workspace, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next(read_rows(config.dataset, "train"))
    row = replace(first, exemplar_id="f00", prompt="fly", completion=" ")
    monkeypatch.setattr(
        workflow, "read_rows", lambda _, split: [row] if split == "validation" else []
    )
    [listed] = preflight_report(loaded, config, measure=measured).listed
    assert (listed.id, listed.split, listed.reason) == ("f00", "validation", "unsupervised")
    assert listed.supervised is not None
    assert listed.supervised < listed.tokens


@pytest.mark.parametrize(
    ("more", "words"),
    [({"peak_bytes": 10**15}, "GB of memory"), ({"save_bytes": 10**16}, "GB of disk")],
)
def test_what_the_machine_hasnt_got_is_a_problem(
    loaded: Workspace, config: TrainConfig, more: dict[str, int], words: str
) -> None:
    found = Probe(**{**TYPICAL.__dict__, **more})
    report = preflight_report(loaded, config, measure=lambda *_, **__: found)
    [problem] = report.problems
    assert words in problem.what
    assert problem.remedy


def test_a_failed_trial_a_changed_module_and_no_model_are_problems(
    loaded: Workspace, config: TrainConfig
) -> None:
    def fails(*_: object, **__: object) -> Probe:
        raise RunError("The system ended the trial step", remedy="Use LoRA.")

    [problem] = preflight_report(loaded, config, measure=fails).problems
    assert problem == workflow.Problem("The system ended the trial step.", "Use LoRA.")
    unknown = config.model_copy(update={"base_model": "nothing"})
    [problem] = preflight_report(loaded, unknown, measure=measured).problems
    assert "No such model" in problem.what
    schema = loaded.store.schema(MODULE).model_dump(mode="json")
    schema["functions"][0]["description"] = "Something else."
    loaded.store.put_schema(parse_schema(schema), who="t")
    report = preflight_report(loaded, config, measure=measured)
    assert not report.ok
    assert any("Build the dataset again" in p.remedy or p.remedy for p in report.problems)


def test_where_no_step_was_done_in_time_it_is_a_note(
    loaded: Workspace, config: TrainConfig
) -> None:
    report = preflight_report(loaded, config, measure=lambda *_, **__: Probe())
    assert report.ok
    assert report.prediction is None
    assert "Not one step was done" in "\n".join(report_lines(report))


def test_a_stop_goes_through(loaded: Workspace, config: TrainConfig) -> None:
    class StopError(Exception):
        pass

    def stop(*_: object) -> None:
        raise StopError

    with pytest.raises(StopError):
        preflight_report(loaded, config, progress=stop, measure=measured)


def test_the_command_is_quoted() -> None:
    assert command("run.yaml") == "radu train run.yaml"
    assert command("my run.yaml", home=Path("/a b")) == "RADU_HOME='/a b' radu train 'my run.yaml'"


def test_durations() -> None:
    assert [duration(s) for s in (40, 720, 12_600)] == ["40 s", "12 min", "3.5 h"]


@pytest.mark.parametrize("good", [True, False])
def test_the_shell_checks_and_launches_nothing(
    loaded: Workspace,
    config: TrainConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    good: bool,
) -> None:
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    if not good:
        config = config.model_copy(update={"max_length": 16})
    report = preflight_report(loaded, config, measure=measured)
    monkeypatch.setattr(workflow, "preflight_report", lambda *_, **__: report)
    path = tmp_path / "run.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8")
    result = CliRunner().invoke(app, ["train", str(path), "--check", "--json"])
    assert result.exit_code == (0 if good else 1)
    data = json.loads(result.stdout)
    assert data["ok"] is good
    assert data["config"]["batch_size"] == 4
    assert not loaded.runs.exists() or not list(loaded.runs.iterdir())
    lines = "\n".join(report_lines(report))
    assert ("PROBLEM:" in lines) is not good
    assert report_data(report)["rows"] == report.rows


@pytest.fixture
def tuning(loaded: Workspace, tmp_path: Path) -> TrainConfig:
    """A run of the retriever: 8 labels in 2 folds, in batches of 4."""
    base = make_tiny_encoder(tmp_path, [str(row["utterance"]) for row in ROWS])
    view = build(loaded, MODULE)
    return TrainConfig(
        target="retriever",
        method="full",
        dataset=view.directory,
        base_model=str(base),
        batch_size=4,
        epochs=10,
        folds=2,
    )


def test_a_taught_retriever_s_time_is_asking_the_teacher_and_stepping(
    loaded: Workspace, tuning: TrainConfig, tiny_model: Path
) -> None:
    own = {"objective": "lsr", "folds": 3, "teachers": (str(tiny_model),)}
    taught = tuning.model_copy(update=own)
    seen: list[str] = []

    def look(config: TrainConfig, _: Path, *, prepare: Any, scratch: Path, **__: Any) -> Probe:
        scratch.mkdir(parents=True, exist_ok=True)
        prepare(scratch)
        seen.extend(sorted(p.name for p in scratch.iterdir()))
        return replace(
            TYPICAL, longest_seconds=3.0, step_seconds=2.0, asking_seconds=5.0, asked_rows=8
        )

    report = preflight_report(loaded, taught, measure=look)
    assert report.ok
    assert {"schema.json", "teachers.json", "templates.json"} < set(seen)
    need = report.prediction
    assert need is not None
    assert (need.steps, need.training_seconds, need.asking_seconds) == (20, 40.0, 40.0)
    assert need.first_step_seconds == 8.0 + TYPICAL.load_seconds + 40 + 2
    assert "40 s of it to ask the teacher" in "\n".join(report_lines(report))
    shared = taught.model_copy(update={"tower": "shared", "reembed_every": 5})
    need = preflight_report(loaded, shared, measure=look).prediction
    assert need is not None
    assert need.asking_seconds == 40.0 * (1 + 3)  # before the steps 1, 6, 11 and 16
    gone = tuning.model_copy(update={**own, "teachers": ("nosuch",)})
    report = preflight_report(loaded, gone, measure=look)
    assert not report.ok
    assert report.prediction is None


@pytest.mark.slow
@pytest.mark.parametrize("tower", ["query", "shared"])
def test_asking_a_teacher_is_measured_in_a_process_of_its_own(
    loaded: Workspace, tuning: TrainConfig, tiny_model: Path, tower: str
) -> None:
    own = {"objective": "lsr", "folds": 3, "teachers": (str(tiny_model),), "tower": tower}
    report = preflight_report(
        loaded, tuning.model_copy(update=own), measure=partial(probe, seconds=500)
    )
    assert report.ok, report.problems
    found = report.probe
    assert found is not None
    assert found.stage == "Done"
    assert 0 < found.asked_rows <= 8
    assert found.asking_seconds > 0
    assert found.steps > 0
    assert found.longest_rows == 4
    assert report.prediction is not None


def test_a_retriever_s_time_is_that_of_all_its_parts(
    loaded: Workspace, tuning: TrainConfig
) -> None:
    seen: list[str] = []

    def look(config: TrainConfig, _: Path, *, prepare: Any, scratch: Path, **__: Any) -> Probe:
        scratch.mkdir(parents=True)
        prepare(scratch)
        seen.extend(sorted(p.name for p in scratch.iterdir()))
        return replace(
            TYPICAL,
            longest_seconds=3.0,
            step_seconds=2.0,
            save_seconds=1.0,
            save_bytes=10**9,
            evaluation_seconds=1.0,
            evaluation_tokens=100,
            evaluated_tokens=500.0,
            head_seconds=7.0,
            train_tokens=64,
            cut=("f00",),
        )

    report = preflight_report(loaded, tuning, measure=look)
    assert report.ok
    assert seen == [
        "labels.json",
        "retrieval.json",
        "schema.json",
        "templates.json",
        "validation.json",
    ]
    assert report.rows == {"train": 8, "validation": 2}
    assert report.tokens == {"train": 64}
    assert [(r.id, r.reason) for r in report.listed] == [("f00", "longer than the encoder reads")]
    need = report.prediction
    assert need is not None
    assert need.steps == 10 + 10 + 20  # two folds of 4 labels, and all 8
    assert need.training_seconds == 80.0
    assert need.evaluation_seconds == 5.0 + 7.0
    assert need.saving_seconds == pytest.approx(3 + 80 / 60 + 1)
    loading = 8.0 + TYPICAL.load_seconds
    assert need.seconds == pytest.approx(loading + 80 + 5 + 3 + 80 / 60 + 7 + 1)
    assert need.disk_bytes > 2 * 10**9
    assert not report.notes
    assert "time: about" in "\n".join(report_lines(report))
    limited = tuning.model_copy(update={"max_minutes": 0.1})
    short = preflight_report(loaded, limited, measure=lambda *_, **__: TYPICAL)
    assert ["a smaller batch_size, or LoRA" in p.remedy for p in short.problems] == [True]


@pytest.mark.slow
def test_a_retriever_is_measured_in_a_process_of_its_own(
    loaded: Workspace, tuning: TrainConfig
) -> None:
    report = preflight_report(loaded, tuning, measure=partial(probe, seconds=500))
    assert report.ok, report.problems
    found, need = report.probe, report.prediction
    assert found is not None
    assert need is not None
    assert found.stage == "Done"
    assert 0 < found.steps <= 12
    assert found.longest_rows == 4
    assert found.train_tokens == report.tokens["train"] > 8 * 3
    assert found.step_seconds > 0
    assert found.save_bytes > 3 * 4 * 20_000  # weights and two moments
    assert found.evaluated_tokens == pytest.approx(
        (2 * (2 * 4 + 2 * 4) + 4 * 8 + 2) * found.train_tokens / 8
    )
    assert found.cut == ()
    assert 10**8 < need.memory_bytes < 4 * 10**9
    assert not list((loaded.home / "cache" / "probe").iterdir())
