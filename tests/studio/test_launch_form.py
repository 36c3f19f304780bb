"""The launch tab: every setting is asked for, what is wrong is said at it, a check stays."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from app_testing import run_until
from conftest import MODULE, ROWS
from measured import MEASURED
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button
from tiny_encoder import make_tiny_encoder

from radu_core.dataset import DatasetConfig
from radu_core.files import write_json
from radu_core.retrieval import RetrievalSettings
from radu_core.terms import label
from radu_core.training.run.config import TrainConfig, settings_of_retriever
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.coverage.indexing import set_retrieval
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train import preflight
from radu_core.workflows.train.dataset import DatasetView, build
from radu_core.workflows.train.fit import plan_of
from radu_core.workflows.train.preflight import PreflightReport
from studio.frame import jobs
from studio.train import launch_form, launch_lsr
from studio.train.launch_contrastive import CONTRASTIVE_EXPERT, CONTRASTIVE_SIMPLE
from studio.train.launch_lsr import LSR_EXPERT, LSR_SIMPLE
from studio.train.launch_settings import EXPERT, RETRIEVER_EXPERT, RETRIEVER_SIMPLE, SIMPLE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def space(loaded: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    build(loaded, MODULE, config=DatasetConfig.of(strategies=("rag",)))
    return pages_use(loaded)


def opened(**state: object) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=30)
    at.query_params["module"] = MODULE
    at.session_state["train tab"] = "2 Launch"
    for name, value in state.items():
        at.session_state[name] = value
    return at.run()


def button(at: AppTest, label: str) -> Button:
    return next(b for b in at.button if b.label == label)


def shown(at: AppTest) -> str:
    parts = [*at.error, *at.info, *at.success, *at.caption, *at.markdown]
    figures = [f"{m.label} {m.value}" for m in at.metric]
    return re.sub(r"\\(.)", r"\1", "\n".join([*(str(p.value) for p in parts), *figures]))


def config_shown(at: AppTest) -> TrainConfig:
    [text] = [c.value for c in at.code if c.value.startswith("target:")]
    return TrainConfig.from_yaml(text)


def test_every_setting_is_asked_for_and_explained() -> None:
    asked = [*SIMPLE, *(s for group in EXPERT.values() for s in group)]
    names = [s.field for s in asked]
    assert len(set(names)) == len(names)
    joint, lsr = settings_of_retriever("joint"), settings_of_retriever("lsr")
    of_retrievers = {"objective", "folds", "contrast", "head_learning_rate", *(lsr - joint)}
    assert settings_of_retriever("contrastive") <= joint | lsr
    settings = set(TrainConfig.model_fields) - of_retrievers
    assert {*names, "target", "dataset", "base_model", "method"} == settings
    assert all(len(s.help) > 20 and s.help.endswith(".") for s in asked)


def test_every_setting_of_a_retriever_is_asked_for_and_no_other() -> None:
    asked = [*RETRIEVER_SIMPLE, *(s for group in RETRIEVER_EXPERT.values() for s in group)]
    names = [s.field for s in asked]
    assert len(set(names)) == len(names)
    given = {"target", "objective", "dataset", "base_model", "method", "processes"}
    assert {*names, *given} == settings_of_retriever("joint")
    assert all(len(s.help) > 20 and s.help.endswith(".") for s in asked)


def test_every_setting_of_a_retriever_alone_is_asked_for_and_no_other() -> None:
    asked = [*CONTRASTIVE_SIMPLE, *(s for group in CONTRASTIVE_EXPERT.values() for s in group)]
    names = [s.field for s in asked]
    assert len(set(names)) == len(names)
    given = {"target", "objective", "dataset", "base_model", "method", "processes"}
    assert {*names, *given} == settings_of_retriever("contrastive")
    assert all(len(s.help) > 20 and s.help.endswith(".") for s in asked)


def test_every_setting_of_a_taught_retriever_is_asked_for_and_no_other() -> None:
    asked = [*LSR_SIMPLE, *(s for group in LSR_EXPERT.values() for s in group)]
    names = [s.field for s in asked]
    assert len(set(names)) == len(names)
    given = {"target", "objective", "dataset", "base_model", "method", "processes"}
    assert {*names, *given} == settings_of_retriever("lsr")
    assert all(len(s.help) > 20 and s.help.endswith(".") for s in asked)


@pytest.fixture
def encoder(space: Workspace, tmp_path: Path) -> str:
    """A sentence-transformers model."""
    return str(make_tiny_encoder(tmp_path / "encoder", [str(row["utterance"]) for row in ROWS]))


def test_a_retriever_begins_as_fit_would_choose(space: Workspace, encoder: str) -> None:
    at = opened()
    at.segmented_control(key="launch target").set_value("retriever").run()
    config = config_shown(at)
    planned, _ = plan_of(space, MODULE, config.dataset)
    assert config == planned
    assert (config.method, config.base_model, config.folds) == ("full", "all-MiniLM-L6-v2", 3)
    widgets = [*at.number_input, *at.text_input, *at.toggle, *at.multiselect, *at.selectbox]
    asked = {w.label for w in widgets}
    assert "Folds" in asked
    assert not asked & {
        label(name) for name in ("packing", "lora_targets", "grad_accumulation", "max_length")
    }
    at.number_input(key="launch retriever folds").set_value(4)
    at.segmented_control(key="launch retriever method").set_value("lora").run()
    config = config_shown(at)
    assert (config.folds, config.method, config.rate) == (4, "lora", 1e-3)
    at.segmented_control(key="launch target").set_value("generator").run()
    assert config_shown(at).target == "generator"
    assert not at.exception


def test_any_sentence_transformers_model_and_nothing_else(
    space: Workspace, encoder: str, tiny_model: Path
) -> None:
    at = opened(**{"launch target": "retriever", "launch retriever base_model": encoder})
    assert config_shown(at).base_model == encoder
    at = opened(**{"launch target": "retriever", "launch retriever base_model": str(tiny_model)})
    [message] = [m.value for m in at.markdown if m.value.startswith(":red[")]
    assert "no embedding model" in message
    assert button(at, "Launch").disabled


def test_a_retriever_that_a_language_model_teaches(
    space: Workspace, encoder: str, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ["SmolLM2-135M-Instruct", str(tiny_model)]
    monkeypatch.setattr(launch_lsr, "generators", lambda workspace: here)
    set_retrieval(space, MODULE, RetrievalSettings(embedder=encoder), who="test")
    at = opened(**{"launch target": "retriever"})
    joint = config_shown(at)
    at.segmented_control(key="launch objective").set_value("lsr").run()
    config = config_shown(at)
    assert (config.objective, config.method, config.rate) == ("lsr", "full", 5e-5)
    assert (config.base_model, config.epochs) == (encoder, joint.epochs)  # kept, and of Fit
    assert config.teachers == ("SmolLM2-135M-Instruct",)
    at.multiselect(key="launch retriever lsr teachers").set_value([str(tiny_model)])
    at.selectbox(key="launch retriever lsr tower").set_value("shared")
    at.number_input(key="launch retriever lsr chunks").set_value(4)
    at.number_input(key="launch retriever lsr teacher_temperature").set_value(0.01).run()
    config = config_shown(at)
    assert (config.teachers, config.tower) == ((str(tiny_model),), "shared")
    assert (config.chunks, config.teacher_temperature) == (4, 0.01)
    at.multiselect(key="launch retriever lsr teachers").set_value([]).run()
    assert "Teachers" in [e.value for e in at.error][-1]
    assert button(at, "Launch").disabled
    at.segmented_control(key="launch objective").set_value("contrastive").run()
    config = config_shown(at)
    assert (config.objective, config.rate) == ("contrastive", 5e-5)
    assert config.epochs == round(joint.epochs * 7.5 / 20, 1)
    at.segmented_control(key="launch objective").set_value("joint").run()
    assert config_shown(at) == joint
    assert not at.exception


def test_a_retriever_is_launched(
    space: Workspace, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[TrainConfig] = []

    def begin(_: Workspace, config: TrainConfig, **__: object) -> RunDirectory:
        started.append(config)
        return RunDirectory.create(space.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))

    monkeypatch.setattr(train, "start", begin)
    monkeypatch.setattr(launch_form, "base_embedders", lambda _: [encoder])
    at = opened(**{"launch target": "retriever", "launch retriever base_model": encoder})
    button(at, "Launch").click().run()
    run_until(at, lambda a: "has started" in shown(a))
    assert [(c.target, c.method, c.base_model) for c in started] == [("retriever", "full", encoder)]


def test_a_mixture_alone_has_no_retriever(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatasetView, "is_mixed", property(lambda _: True))
    at = opened(**{"launch target": "retriever"})
    assert "A retriever is tuned for one module." in shown(at)
    assert not at.exception


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
    at.multiselect(key="launch lora_targets").set_value(["q_proj", "v_proj"])
    at.text_input(key="launch tags").set_value("first, try")
    at.number_input(key="launch max_minutes").set_value(5.0)
    at.selectbox(key="launch best_by").set_value("loss").run()
    config = config_shown(at)
    assert (config.batch_size, config.rate, config.max_minutes) == (2, 3e-4, 5.0)
    assert (config.lora_targets, config.tags) == (("q_proj", "v_proj"), ("first", "try"))
    assert config.best_by == "loss"


@pytest.mark.parametrize(
    ("field", "value", "name", "words"),
    [
        ("learning_rate", "fast", "Learning rate", "give a number above 0 and at most 1"),
        ("lora_rank", 0, label("lora_rank"), "give a whole number from 1 to 512"),
        ("warmup_share", 2.0, "Warm-up share", "give a number from 0 to 0.9"),
        ("early_stopping", 3, label("early_stopping"), "set best_by"),
    ],
)
def test_what_is_wrong_is_said_at_the_field(
    space: Workspace, field: str, value: object, name: str, words: str
) -> None:
    at = opened()
    [widget] = [w for w in (*at.number_input, *at.text_input) if w.key == f"launch {field}"]
    widget.set_value(value).run()
    [message] = [m.value for m in at.markdown if m.value.startswith(":red[")]
    assert words in re.sub(r"\\(.)", r"\1", message)
    assert f"Correct these fields: {name}" in shown(at)
    assert button(at, "Launch").disabled
    assert button(at, "Check").disabled
    assert not [c for c in at.code if c.value.startswith("target:")]
    assert not at.exception


def test_full_has_no_adapter(space: Workspace) -> None:
    at = opened()
    at.toggle(key="launch use_dora").set_value(True).run()
    assert config_shown(at).use_dora
    at.segmented_control(key="launch method").set_value("full").run()
    widgets = [*at.number_input, *at.text_input, *at.toggle, *at.multiselect]
    off = {w.key for w in widgets if w.disabled}
    assert off == {f"launch {s.field}" for s in EXPERT["Adapter"]}
    config = config_shown(at)
    assert (config.method, config.use_dora) == ("full", False)
    assert not button(at, "Launch").disabled


@pytest.fixture
def tiny(space: Workspace, tiny_model: Path) -> Workspace:
    """A workspace in which the tiny model is installed."""
    made = shutil.copytree(tiny_model, space.models / "tiny")
    write_json(made / "radu-model.json", {"name": "tiny", "source": "x", "licence": "y"})
    return space


def test_layers_of_the_base_model_are_offered_and_others_refused(tiny: Workspace) -> None:
    at = opened()
    assert at.selectbox(key="launch base_model").value == "tiny"
    targets = at.multiselect(key="launch lora_targets")
    assert targets.value == ["all-linear"]
    assert targets.options == [
        "all-linear",
        "down_proj",
        "gate_proj",
        "k_proj",
        "o_proj",
        "q_proj",
        "up_proj",
        "v_proj",
    ]
    targets.set_value(["all-linear", "q_proj"]).run()  # a layer takes its place
    assert at.multiselect(key="launch lora_targets").value == ["q_proj"]
    assert config_shown(at).lora_targets == ("q_proj",)
    at.multiselect(key="launch lora_targets").set_value(["q_proj", "query"]).run()
    [message] = [m.value for m in at.markdown if m.value.startswith(":red[")]
    assert "query isn't a layer of the base model; choose among" in re.sub(r"\\(.)", r"\1", message)
    assert button(at, "Launch").disabled
    at.multiselect(key="launch lora_targets").set_value(["q_proj", "query", "all-linear"]).run()
    assert config_shown(at).lora_targets == "all-linear"
    at.multiselect(key="launch lora_targets").set_value([]).run()
    assert "no layer is named" in shown(at)
    at.multiselect(key="launch lora_targets").set_value([r".*\.(q|v)_proj"]).run()
    assert config_shown(at).lora_targets == r".*\.(q|v)_proj"
    at.segmented_control(key="launch method").set_value("full").run()
    assert not button(at, "Launch").disabled


def test_a_directory_without_a_model_is_refused_at_its_field(
    space: Workspace, tmp_path: Path
) -> None:
    at = opened(**{"launch base_model": str(tmp_path)})
    assert "holds no model" in shown(at)
    assert button(at, "Launch").disabled


def test_the_rate_that_an_empty_field_means_is_the_methods(space: Workspace) -> None:
    at = opened()
    assert at.text_input(key="launch learning_rate").placeholder == "1e-3"
    at.segmented_control(key="launch method").set_value("full").run()
    assert at.text_input(key="launch learning_rate").placeholder == "5e-5"


def test_a_second_check_takes_the_place_of_the_first(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    asked: list[int] = []

    def report(_: Workspace, config: TrainConfig, **__: object) -> PreflightReport:
        asked.append(config.batch_size)
        if len(asked) == 1:
            go_on.wait(30)
        return PreflightReport(config.with_absolute_paths())

    monkeypatch.setattr(launch_form, "preflight_report", report)
    at = opened()
    button(at, "Check").click().run()
    assert "A check is under way. Press Check to start again." in shown(at)
    first = jobs.job(("launch check", MODULE, "ann"))
    assert first is not None
    at.number_input(key="launch batch_size").set_value(3).run()
    assert "under way, with the earlier settings. Press Check to start again." in shown(at)
    button(at, "Check").click().run()
    run_until(at, lambda at: "Ready to launch." in shown(at))
    assert (asked, first.stop, first.running) == ([8, 3], True, True)
    assert "under way" not in shown(at)
    assert "The settings have changed" not in shown(at)
    go_on.set()


def test_old_news_isnt_told_in_a_new_browser(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        launch_form,
        "preflight_report",
        lambda _, config, **__: PreflightReport(config.with_absolute_paths()),
    )
    at = opened()
    button(at, "Check").click().run()
    run_until(at, lambda at: "Ready to launch." in shown(at))
    assert "Ready to launch." in shown(opened())  # somebody comes back to it
    monkeypatch.setattr(jobs, "_NEWS", 0.0)
    assert "Ready to launch." not in shown(opened())
    assert "Ready to launch." in shown(at.run())  # it was seen at work here


def test_a_check_shows_its_report_and_says_when_it_is_old(
    tiny: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        launch_form,
        "preflight_report",
        lambda space, config, progress: preflight.preflight_report(
            space, config, progress=progress, measure=lambda *_, **__: MEASURED
        ),
    )
    at = opened()
    at.number_input(key="launch max_length").set_value(4096).run()
    button(at, "Check").click().run()
    run_until(at, lambda at: "Ready to launch." in shown(at))
    text = shown(at)
    assert re.search(r"Memory of [\d.]+ GB 1\.0 GB", text)
    assert "Tokens/s 500" in text
    assert "train rows" in text
    assert "The settings have changed" not in text
    at.number_input(key="launch max_length").set_value(64).run()
    assert "The settings have changed." in shown(at)
    button(at, "Check").click().run()
    run_until(at, lambda at: "longer than max_length=64" in shown(at))
    assert "Ready to launch." not in shown(at)
    assert not list(tiny.runs.iterdir())


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
    run_until(at, lambda at: "Run the-run has started" in shown(at))
    assert launched == [asked]
    assert asked.max_steps == 3
    at.button(key="launch show").click().run()
    assert at.session_state["train tab"] == "3 Runs"


def test_settings_stay_while_another_tab_is_open(space: Workspace) -> None:
    at = opened()
    at.number_input(key="launch epochs").set_value(2.5).run()
    at.multiselect(key="launch lora_targets").set_value(["all-linear"]).run()
    at.toggle(key="launch use_dora").set_value(True).run()
    at.selectbox(key="launch schedule").set_value("cosine").run()
    asked = config_shown(at)
    for tab in ("3 Runs", "1 Dataset"):
        at.session_state["train tab"] = tab
        at.run()
        assert not [c for c in at.code if c.value.startswith("target:")]
    at.session_state["train tab"] = "2 Launch"
    assert config_shown(at.run()) == asked
    assert (asked.epochs, asked.use_dora, asked.schedule) == (2.5, True, "cosine")
    assert at.number_input(key="launch epochs").value == 2.5
    at.number_input(key="launch epochs").set_value(1.5).run()
    assert config_shown(at).epochs == 1.5
    assert not at.warning
