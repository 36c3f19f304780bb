"""The Runs tab: the table, the chosen run, notes, the trash, a comparison."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from conftest import MODULE
from measured import MODEL_CHECK
from streamlit.testing.v1 import AppTest

from radu_core.evaluation import EvaluationReport, Prediction, measure
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import write_json
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate.evaluation import report_path
from radu_core.workflows.frame import run_list
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train import manage_runs as runs

ROOT = Path(__file__).resolve().parents[2]
STEP = {"epoch": 1.0, "learning_rate": 1e-3, "tokens_per_second": 5.0, "eta_seconds": 60.0}


@pytest.fixture
def space(loaded: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    return pages_use(loaded)


def made(space: Workspace, day: int, state: str = "stopped") -> RunDirectory:
    """A run of three steps; one under way has this process."""
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m", seed=day, tags=(f"t{day}",))
    run = RunDirectory.create(space.runs, wanted, now=datetime(2026, 1, day, tzinfo=UTC))
    if state != "stopped":
        own = psutil.Process()
        run.write_process(own.pid, own.create_time())
    if state != "queued":
        run.append("state", state="running")
        for step in (1, 2, 3):
            run.append("step", step=step, steps=4, loss=3.0 / step, memory_gb=1.0, **STEP)
        run.append("validation", step=2, loss=1.5, function_accuracy=0.625, slot_f1=0.5)
        run.append("validation", step=3, loss=1.25)  # task metrics may be missing
    if state != "running":
        run.append("state", state=state, reason="")
    return run


def opened() -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=30)
    at.query_params["module"] = MODULE
    at.session_state["train tab"] = "3 Runs"
    return at.run()


def newest(at: AppTest) -> dict[str, str]:
    """The runs as the page lists them: the button of each, and what stands beside it."""
    buttons = [b for b in at.button if str(b.key).startswith("show run ")]
    lines = [c.value for c in at.caption][1 : len(buttons) + 1]  # the first is the page's own
    return {
        re.sub(r"\\(.)", r"\1", b.label): re.sub(r"\\(.)", r"\1", line)
        for b, line in zip(buttons, lines, strict=True)
    }


def shown(at: AppTest) -> str:
    parts = [*at.error, *at.info, *at.success, *at.caption, *at.markdown]
    figures = [f"{m.label} {m.value}" for m in at.metric]
    return re.sub(r"\\(.)", r"\1", "\n".join([*(str(p.value) for p in parts), *figures]))


def bars(at: AppTest) -> list[str]:
    """The texts of the progress bars."""
    return [re.sub(r"\\(.)", r"\1", e.proto.text) for e in at.get("progress")]


def loss_axes(at: AppTest) -> list[tuple[str, str]]:
    """Type of scale and title of the vertical axes of losses."""
    specs = [json.loads(e.proto.spec) for e in at.get("vega_lite_chart")]
    found = {
        (y["scale"]["type"], y["title"])
        for spec in specs
        for part in spec.get("layer", [spec])
        if (y := part["encoding"]["y"])["title"].startswith("loss")
    }
    return sorted(found)


def test_without_a_run_it_says_so(space: Workspace) -> None:
    at = opened()
    assert "No run of this module yet." in shown(at)
    assert not [e for e in at.expander if e.label.startswith("Trash")]


def test_the_table_and_the_live_view_show_what_a_run_says(space: Workspace) -> None:
    run = made(space, 1, "running")
    at = opened()
    assert newest(at) == {run.id: "step 3 of 4 · loss 1.000 · t1"}
    assert sum(":blue-badge[running]" in m.value for m in at.markdown) == 2  # there and below
    text = shown(at)
    for figure in ("best validation loss 1.250", "function accuracy 62.5 %", "slot F1 50.0 %"):
        assert figure in text
    assert f"{run.id} is running. Stop it first." in shown(at)
    assert not [b for b in at.button if b.key == "delete confirmed"]
    assert not at.exception


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ((), "Starting its process …"),
        (("loading",), "Starting …"),
        (("loading", "Loading the model"), "Loading the model …"),
        (("loading", "running"), "Making the first step …"),
    ],
)
def test_what_a_run_does_before_its_first_step_is_told(
    space: Workspace, events: tuple[str, ...], text: str
) -> None:
    run = made(space, 1, "queued")
    run.append("state", state="created")
    for said in events:
        if said in ("loading", "running"):
            run.append("state", state=said)
        else:
            run.append("loading", what=said)
    assert bars(opened()) == [text]


def test_a_resumed_run_doesnt_show_what_it_did_before(space: Workspace) -> None:
    run = made(space, 1, "running")
    [before] = bars(opened())
    assert before == "step 3 of 4 · 5 tokens/s · 60 s left"
    run.append("state", state="stopped", reason="")
    run.append("state", state="loading")
    run.append("loading", what="Tokenizing every row")
    assert bars(opened()) == ["Tokenizing every row … It continues after step 3 of 4."]
    run.append("state", state="running")
    assert bars(opened()) == ["Making the next step … It continues after step 3 of 4."]
    run.append("step", step=4, steps=4, loss=0.5, memory_gb=1.0, **STEP)
    assert bars(opened()) == ["step 4 of 4 · 5 tokens/s · 60 s left"]


def test_a_loss_axis_says_how_it_is_scaled(space: Workspace) -> None:
    run = made(space, 1)
    run.append("step", step=4, steps=4, loss=0.0, memory_gb=1.0, **STEP)
    at = opened()
    assert loss_axes(at) == [("linear", "loss (linear scale)")]
    assert "can't be shown" not in shown(at)
    at.segmented_control(key="loss scale").set_value("log")
    at.run()
    assert loss_axes(at) == [("log", "loss (log scale)")]
    assert "1 point with a loss of 0 can't be shown on a log scale." in shown(at)


def test_a_curve_of_several_models_says_so(space: Workspace) -> None:
    run = made(space, 1)
    assert "The loss starts over" not in shown(opened())
    run.append("step", step=4, steps=4, loss=3.0, memory_gb=1.0, part=3, parts=4, **STEP)
    told = shown(opened())
    assert "The first 3 models left out a part of the labels each" in told
    assert "The loss starts over with each." in told


def test_figures_say_of_how_many_rows_they_are(space: Workspace) -> None:
    run = made(space, 1)
    run.append("asked", loss=12, function_accuracy=8, slot_f1=4)
    at = opened()
    told = {m.label: (m.value, m.delta) for m in at.metric}
    assert told["best validation loss"] == ("1.250", "12 rows")
    # 5 of 8; Wilson's interval by hand: (5 + 1.92) / 11.84 ± 1.96 · √(5·3/8 + 0.96) / 11.84
    assert told["function accuracy"] == ("62.5 %", "8 rows, 95 %: 30.6 to 86.3 %")
    assert told["slot F1"] == ("50.0 %", "4 rows")


def test_a_model_that_bfloat16_was_too_coarse_for_is_told(space: Workspace) -> None:
    run = made(space, 1, "finished")
    coarse = {**MODEL_CHECK, "dtype": "bfloat16", "passed": False, "equal_argmax": 0.9}
    write_json(run.path / "model_check.json", {**MODEL_CHECK, "before": []})
    assert not opened().warning
    write_json(run.path / "model_check.json", {**MODEL_CHECK, "before": [coarse]})
    [told] = opened().warning
    text = re.sub(r"\\(.)", r"\1", told.value)
    assert "written in float32" in text
    assert "5 of 50 tokens differ from the trained model's, more than the 1 % allowed" in text


def test_rows_that_are_padded_instead_of_packed_are_told(space: Workspace) -> None:
    run = made(space, 1)
    run.append("packing", packed=True, why="")
    assert "padded" not in shown(opened())
    run.append("packing", packed=False, why="rows read each other")
    assert "Rows are padded, not packed: rows read each other." in shown(opened())


def test_a_run_on_ray_says_so(space: Workspace) -> None:
    here, there = made(space, 1), made(space, 2)
    at = opened()
    assert "Ray" not in "".join(newest(at).values())
    write_json(there.path / "launcher.json", {"address": "http://head:8265", "model": None})
    there.append("note")  # so that its row is read anew
    at = opened()
    rows = newest(at)
    assert rows[there.id].startswith("Ray, http://head:8265 · ")
    assert "Ray" not in rows[here.id]
    assert "on Ray, http://head:8265" in shown(at)


def test_a_run_that_is_deleted_while_the_page_is_drawn(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = made(space, 1), made(space, 2)
    real = train.run_view

    def gone(run: RunDirectory) -> train.RunView:
        if run.id == first.id:
            shutil.rmtree(first.path, ignore_errors=True)
        return real(run)

    monkeypatch.setattr(train, "run_view", gone)
    at = opened()
    assert not at.error
    assert not at.exception
    assert list(newest(at)) == [second.id]


def test_many_runs_are_in_a_table_that_can_be_sorted(space: Workspace) -> None:
    runs = [made(space, day).id for day in range(1, 7)]
    at = opened()
    assert list(newest(at)) == runs[:1:-1]
    assert [e.label for e in at.expander if "runs" in e.label] == ["All runs"]
    at.session_state["all runs"] = True
    [table] = [d.value for d in at.run().dataframe if "steps" in d.value]
    assert table["run"].tolist() == runs[::-1]
    assert table.loc[0, ["state", "steps", "loss"]].tolist() == ["stopped", 3, 1.0]


def test_one_button_stops_and_resumes_and_a_late_press_does_neither(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(space, 1, "running")
    resumed: list[str] = []
    monkeypatch.setattr(train, "resume", lambda _, name: resumed.append(name))
    at = opened()
    assert at.button(key="run action button").label == "Stop"
    run.append("state", state="stopped", reason="")  # after it was drawn
    at.button(key="run action button").click().run()
    assert resumed == []
    assert at.button(key="run action button").label == "Resume"
    at.button(key="run action button").click().run()
    assert resumed == [run.id]


def test_the_page_opens_on_the_module_of_the_run_at_work(space: Workspace) -> None:
    others = {
        name: space.store.schema(MODULE).model_copy(update={"module": name})
        for name in ("aaa_first_en", "zzz_last_en")
    }
    for schema in others.values():
        space.store.put_schema(schema, who="ann")

    def module(**session: str) -> str:
        at = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=30)
        for name, value in session.items():
            at.session_state[name] = value
        return str(at.run().sidebar.selectbox[0].value)

    assert module() == "aaa_first_en"
    newest = RunDirectory.create(
        space.runs,
        TrainConfig(dataset=Path("d/zzz_last_en"), base_model="m"),
        now=datetime(2026, 2, 1, tzinfo=UTC),
    )
    newest.append("state", state="stopped", reason="")
    assert module() == "zzz_last_en"
    made(space, 1, "running")
    assert module() == MODULE
    assert module(module="aaa_first_en") == "aaa_first_en"


def test_a_queued_run_says_for_whom_it_waits(space: Workspace) -> None:
    first = made(space, 1, "running")
    second = made(space, 2, "queued")
    at = opened()
    assert at.selectbox(key="run chosen").value == first.id  # the one at work
    at.selectbox(key="run chosen").select(second.id).run()
    assert f"It waits for {first.id}." in shown(at)


def test_notes_and_tags_can_be_changed(space: Workspace) -> None:
    run = made(space, 1)
    at = opened()
    next(t for t in at.text_area if t.label == "Notes").set_value("worth *another* look")
    at.button(key="describe save").click().run()
    assert runs.about(run) == runs.About(notes="worth *another* look", tags=("t1",))
    assert "worth *another* look" in shown(opened())


def test_a_row_shows_its_run(space: Workspace) -> None:
    first, second = made(space, 1), made(space, 2)
    at = opened()
    assert at.selectbox(key="run chosen").value == second.id
    at.button(key=f"show run {first.id}").click().run()
    assert at.selectbox(key="run chosen").value == first.id
    at.run()
    assert at.selectbox(key="run chosen").value == first.id  # it stays


def test_an_address_leads_to_a_run_once(space: Workspace) -> None:
    first, second = made(space, 1), made(space, 2)
    at = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=30)
    at.query_params.update({"module": MODULE, "run": first.id})
    at.run()
    assert at.session_state["train tab"] == "3 Runs"
    assert at.selectbox(key="run chosen").value == first.id
    assert "run" not in at.query_params
    at.selectbox(key="run chosen").select(second.id).run()
    assert at.selectbox(key="run chosen").value == second.id


def test_a_run_has_a_name_that_can_be_changed(space: Workspace) -> None:
    run, other = made(space, 1), made(space, 2)
    runs.rename(space, other.id, "taken")
    at = opened()
    at.selectbox(key="run chosen").select(run.id).run()
    name = next(t for t in at.text_input if t.label == "Name")
    name.set_value("first *try*")
    at.button(key="describe save").click().run()
    assert (runs.about(run).name, runs.about(run).tags) == ("first *try*", ("t1",))
    at = opened()
    assert list(newest(at)) == ["taken", "first *try*"]
    assert f"first *try* · {run.id}" in at.selectbox(key="run chosen").options
    at.selectbox(key="run chosen").select(run.id).run()
    next(t for t in at.text_input if t.label == "Name").set_value("taken")
    at.button(key="describe save").click().run()
    assert any("Another run has that name" in e.value for e in at.error)
    assert runs.about(run).name == "first *try*"


def test_a_deleted_run_can_be_restored(space: Workspace) -> None:
    run = made(space, 1)
    at = opened()
    at.button(key="delete confirmed").click().run()
    assert run_list.runs(space) == []
    at = opened()
    assert "No run of this module yet." in shown(at)
    at.button(key="trash restore").click().run()
    assert [r.id for r in run_list.runs(space)] == [run.id]


def test_a_finished_run_shows_its_card_and_how_to_export_it(space: Workspace) -> None:
    run = made(space, 1, "finished")
    (run.path / "README.md").write_text("# m | *x*")
    at = opened()
    assert [e for e in at.expander if e.label == "Model and its card"]
    at.session_state[f"model of {run.id}"] = True
    at.run()
    assert not at.exception
    codes = [c.value for c in at.code]
    assert codes[:2] == [f"radu export-model {run.id} DIR", "# m | *x*"]


def test_an_evaluation_under_way_is_told(space: Workspace) -> None:
    run = made(space, 1, state="running")
    run.append("evaluating", step=3, rows=16)
    assert train.run_view(run).evaluating == 16
    run.append("validation", step=3, loss=1.0)
    assert train.run_view(run).evaluating == 0


def test_a_run_isnt_resumed_without_its_dataset(space: Workspace) -> None:
    run = made(space, 1)
    at = opened()
    next(b for b in at.button if b.label == "Resume").click().run()
    assert "There is no dataset" in shown(at)
    assert run.state()[0] == "stopped"


def test_a_wrong_change_of_a_fork_is_named(space: Workspace) -> None:
    run = made(space, 1)
    at = opened()
    for text, words in (
        ("epoch: 3", "no such setting"),
        ("[", "aren't YAML"),
        ("x", "name: value"),
        ("", "Nothing was changed"),
    ):
        at.text_area(key=f"fork changes {run.id}").set_value(text)
        at.button(key="fork launch").click().run()
        assert words in shown(at)
    assert not at.exception


def test_two_runs_are_compared(space: Workspace) -> None:
    rows = [AnnotatedExemplar(id=str(i), utterance="x", function="fly") for i in range(6)]
    for day, wrong in ((1, 0), (2, 6)):
        run = made(space, day)
        said = [Prediction(function="sail" if i < wrong else "fly") for i in range(6)]
        metrics, errors = measure("m", rows, said)
        EvaluationReport(
            module=MODULE,
            split="test",
            run=run.id,
            created="",
            rows=6,
            left_out={},
            trained=metrics,
            errors=tuple(errors),
        ).save(report_path(run, "test"))
    names = [r.id for r in run_list.runs(space)]
    at = opened()
    assert "Choose at least two runs." in shown(at)
    at.multiselect(key="runs compared").set_value(names).run()
    tables = {next(iter(d.value.columns)): d.value for d in at.dataframe}
    assert tables["setting"].to_numpy().tolist() == [["seed", "2", "1"]]
    tested = tables["measure"]
    assert tested["only the other right"].tolist() == [6, 6]
    assert tested["p"].tolist() == ["0.0312", "0.0312"]
    at.selectbox(key="compare split").set_value("train").run()
    assert f"{names[0]} hasn't been measured on train." in shown(at)
    assert not at.exception
