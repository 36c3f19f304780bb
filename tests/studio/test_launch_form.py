"""The launch tab: every setting is asked for, what is wrong is said at it, a check stays."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from app_testing import run_until
from conftest import MODULE
from streamlit.testing.v1 import AppTest

from radu_core.dataset import DatasetConfig
from radu_core.files import write_json
from radu_core.training import TrainConfig
from radu_core.training.probe import Probe
from radu_core.workflows import preflight, train
from radu_core.workflows.dataset import build
from radu_core.workflows.workspace import Workspace
from studio import launch_form
from studio.launch_form import EXPERT, SIMPLE

ROOT = Path(__file__).resolve().parents[2]
MEASURED = Probe(
    stage="Done", load_seconds=2.0, longest_seconds=8.0, longest_tokens=2000, steps=3,
    step_seconds=2.0, step_tokens=1000.0, evaluation_seconds=4.0, evaluation_tokens=2000,
    save_seconds=1.0, save_bytes=10**6, peak_bytes=10**9,
)  # fmt: skip


@pytest.fixture
def space(loaded: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    build(loaded, MODULE, config=DatasetConfig.of(strategies=("rag",)))
    return pages_use(loaded)


def opened() -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=30)
    at.query_params["module"] = MODULE
    return at.run()


def button(at: AppTest, label: str) -> AppTest:
    return next(b for b in at.button if b.label == label)


def shown(at: AppTest) -> str:
    parts = [*at.error, *at.info, *at.success, *at.caption, *at.markdown]
    figures = [f"{m.label} {m.value}" for m in at.metric]
    return re.sub(r"\\(.)", r"\1", "\n".join([*(str(p.value) for p in parts), *figures]))


def config_shown(at: AppTest) -> TrainConfig:
    [text] = [c.value for c in at.code if c.value.startswith("dataset:")]
    return TrainConfig.from_yaml(text)


def test_every_setting_is_asked_for_and_explained() -> None:
    asked = [*SIMPLE, *(s for group in EXPERT.values() for s in group)]
    names = [s.field for s in asked]
    assert len(set(names)) == len(names)
    assert {*names, "dataset", "base_model", "method"} == set(TrainConfig.model_fields)
    assert all(len(s.help) > 20 and s.help.endswith(".") for s in asked)


def test_the_form_as_it_comes_is_the_default_config(space: Workspace) -> None:
    at = opened()
    config = config_shown(at)
    made = TrainConfig(dataset=config.dataset, base_model=config.base_model)
    assert config == made
    assert config.max_minutes is None
    assert any(c.value.endswith(" radu train run.yaml") for c in at.code)


def test_what_is_chosen_is_in_the_yaml(space: Workspace) -> None:
    at = opened()
    at.number_input(key="launch batch_size").set_value(2)
    at.text_input(key="launch learning_rate").set_value("3e-4")
    at.text_input(key="launch lora_targets").set_value("q_proj, v_proj")
    at.text_input(key="launch tags").set_value("first, try")
    at.number_input(key="launch max_minutes").set_value(5.0)
    at.selectbox(key="launch best_by").set_value("loss").run()
    config = config_shown(at)
    assert (config.batch_size, config.rate, config.max_minutes) == (2, 3e-4, 5.0)
    assert (config.lora_targets, config.tags) == (("q_proj", "v_proj"), ("first", "try"))
    assert config.best_by == "loss"


@pytest.mark.parametrize(
    ("field", "value", "label", "words"),
    [
        ("learning_rate", "fast", "Learning rate", "valid number"),
        ("lora_rank", 0, "LoRA rank", "greater than or equal to 1"),
        ("warmup_share", 2.0, "Warm-up share", "less than or equal to 0.9"),
        ("early_stopping", 3, "Stop after evaluations without gain", "set best_by"),
    ],
)
def test_what_is_wrong_is_said_at_the_field(
    space: Workspace, field: str, value: object, label: str, words: str
) -> None:
    at = opened()
    [widget] = [w for w in (*at.number_input, *at.text_input) if w.key == f"launch {field}"]
    widget.set_value(value).run()
    [message] = [m.value for m in at.markdown if m.value.startswith(":red[")]
    assert words in re.sub(r"\\(.)", r"\1", message)
    assert f"Correct at the field: {label}" in shown(at)
    assert button(at, "Launch").disabled
    assert button(at, "Check").disabled
    assert not [c for c in at.code if c.value.startswith("dataset:")]
    assert not at.exception


def test_full_has_no_adapter(space: Workspace) -> None:
    at = opened()
    at.toggle(key="launch use_dora").set_value(True).run()
    assert config_shown(at).use_dora
    at.segmented_control(key="launch method").set_value("full").run()
    widgets = [*at.number_input, *at.text_input, *at.toggle]
    off = {w.key for w in widgets if w.disabled}
    assert off == {f"launch {s.field}" for s in EXPERT["Adapter"]}
    config = config_shown(at)
    assert (config.method, config.use_dora) == ("full", False)
    assert not button(at, "Launch").disabled


def test_a_check_shows_its_report_and_says_when_it_is_old(
    space: Workspace, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    monkeypatch.setattr(
        launch_form,
        "preflight_report",
        lambda space, config, progress: preflight.preflight_report(
            space, config, progress=progress, measure=lambda *_, **__: MEASURED
        ),
    )
    made = shutil.copytree(tiny_model, space.models / "tiny")
    write_json(made / "radu-model.json", {"name": "tiny", "source": "x", "licence": "y"})
    at = opened()
    at.number_input(key="launch max_length").set_value(4096).run()
    button(at, "Check").click().run()
    run_until(at, lambda at: "It can be launched." in shown(at))
    text = shown(at)
    assert re.search(r"Memory of [\d.]+ GB 1\.0 GB", text)
    assert "Tokens/s 500" in text
    assert "train rows" in text
    assert "The settings have changed" not in text
    at.number_input(key="launch max_length").set_value(64).run()
    assert "The settings have changed since." in shown(at)
    button(at, "Check").click().run()
    run_until(at, lambda at: "longer than max_length=64" in shown(at))
    assert "It can be launched." not in shown(at)
    assert not list(space.runs.iterdir())


def test_launch_starts_the_run_that_the_yaml_says(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[TrainConfig] = []

    class Run:
        id = "the-run"

    def start(_: Workspace, config: TrainConfig, **__: object) -> Run:
        launched.append(config)
        return Run()

    monkeypatch.setattr(train, "start", start)
    at = opened()
    at.number_input(key="launch max_steps").set_value(3).run()
    asked = config_shown(at)
    button(at, "Launch").click().run()
    run_until(at, lambda at: "Run the-run is on its way" in shown(at))
    assert launched == [asked]
    assert asked.max_steps == 3
