"""Evaluate offers what answers; a run that can't be read takes nothing else down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODULE
from evaluated import save_report
from odd_module import ODD, load_odd_module
from streamlit.testing.v1 import AppTest
from tuned_run import make_taught_run, make_tuned_run

from radu_core.evaluation import Prediction
from radu_core.files import read_json, write_json
from radu_core.training.joint.files import HEAD_FILE
from radu_core.workflows.frame.workspace import Workspace

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "evaluate.py")


def test_it_offers_runs_that_answer(loaded: Workspace, pages_use: Callable[..., Workspace]) -> None:
    pages_use(loaded)
    make_taught_run(loaded, MODULE)
    at = AppTest.from_file(PAGE, default_timeout=30).run()
    assert at.info[0].value == "No run of this module that answers utterances has finished yet."
    run = make_tuned_run(loaded, MODULE)
    write_json(run.model / HEAD_FILE, {})
    at = AppTest.from_file(PAGE, default_timeout=30).run()
    assert at.selectbox[0].options == [run.id]


def test_a_run_whose_settings_are_damaged(
    loaded: Workspace, pages_use: Callable[..., Workspace]
) -> None:
    pages_use(loaded)
    run, other = (make_tuned_run(loaded, MODULE, second=n) for n in (1, 2))
    write_json(run.model / HEAD_FILE, {})
    (other.path / "config.yaml").write_text("nonsense: [", encoding="utf-8")
    at = AppTest.from_file(PAGE, default_timeout=30).run()
    assert at.selectbox[0].options == [other.id, run.id]
    assert not at.error
    assert at.button[0].label == "Evaluate"


@pytest.fixture
def measured(loaded: Workspace, pages_use: Callable[..., Workspace]) -> AppTest:
    """The page on a run whose report has errors of all kinds, on the tab and row asked for."""
    pages_use(loaded)
    run = make_tuned_run(loaded, MODULE)
    write_json(run.model / HEAD_FILE, {})
    rows = [i.exemplar for i in loaded.store.exemplars(MODULE)]
    said = {
        "f00": Prediction(function="book_hotel", arguments={"city": "Oslo"}),
        "f01": Prediction(function="book_flight", arguments={"destination": "Roma"}),
        "n00": Prediction(function="book_flight"),
    }
    answers = [
        said.get(r.id) or Prediction(function=r.function, arguments=r.arguments) for r in rows
    ]
    save_report(run, MODULE, rows, answers)
    return AppTest.from_file(PAGE, default_timeout=30)


def opened(at: AppTest, **query: str) -> AppTest:
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    assert not at.error
    return at


def texts(at: AppTest) -> str:
    found = [e.value for e in (*at.markdown, *at.caption, *at.info, *at.success)]
    return "\n".join(str(v) for v in found).replace("\\", "")


def test_a_run_that_isnt_there_is_said(measured: AppTest) -> None:
    at = opened(measured, run="zzz")
    assert at.warning[0].value.replace("\\", "").startswith("There is no finished run zzz here.")
    assert len(at.selectbox[0].options) == 1


def test_an_error_that_the_address_names_is_shown_in_full(measured: AppTest) -> None:
    at = opened(measured, tab="Errors", row="f01")
    assert list(at.dataframe[0].value["id"]) == ["f00", "f01", "n00"]
    assert "Choose a row" not in texts(at)
    html = "".join(h.proto.body for h in at.get("html"))
    assert "fly us to Rome please" in html
    assert "Roma" in html


def test_a_wrong_value_of_a_right_function_is_opened_again(measured: AppTest) -> None:
    right = {"label": "book_flight", "answer": "book_flight"}
    at = opened(measured, tab="Functions", row="f01", **right)  # from a cell of the matrix
    assert not at.warning


@pytest.mark.parametrize("chosen", ["run", "module"])
def test_another_run_or_module_is_chosen_without_a_word(
    measured: AppTest, loaded: Workspace, chosen: str
) -> None:
    load_odd_module(loaded, loaded.home)
    other = make_tuned_run(loaded, MODULE if chosen == "run" else ODD, second=9)
    write_json(other.model / HEAD_FILE, {})
    rows = [i.exemplar for i in loaded.store.exemplars(MODULE)]
    if chosen == "run":
        right = [Prediction(function=r.function, arguments=r.arguments) for r in rows]
        save_report(other, MODULE, rows, right)
    at = opened(measured, module=MODULE)
    [run] = {*at.main.selectbox[0].options} - {other.id}
    at = opened(at, run=run, tab="Errors", row="f01")
    assert not at.warning
    if chosen == "run":
        at.main.selectbox[0].set_value(other.id).run()
    else:
        at.sidebar.selectbox[0].set_value(ODD).run()
    assert at.main.selectbox[0].value == other.id
    assert not at.exception
    assert not at.warning


def test_the_pairs_of_functions_and_the_rows_behind_one(measured: AppTest) -> None:
    at = opened(measured, tab="Functions", label="none", answer="book_flight")
    assert "The function is wrong in 2 of 15 rows: 2 pairs" in texts(at)
    pairs = at.dataframe[0].value
    assert list(pairs["label"]) == ["out of scope", "book_flight"]
    assert list(pairs["of"]) == [2, 8]
    assert "out of scope, taken for book_flight: 1 row" in texts(at)
    assert list(at.dataframe[1].value["id"]) == ["n00"]


def test_the_matrix_as_a_table(measured: AppTest) -> None:
    at = opened(measured, tab="Functions")
    at.segmented_control(key="confusion view").set_value("Matrix as a table").run()
    assert not at.exception
    matrix = at.dataframe[0].value
    assert matrix.loc["out of scope", "book_flight"] == 1
    assert matrix.loc["book_flight", "book_flight"] == 7
    assert int(matrix.to_numpy().sum()) == 15


def test_the_matrix_of_a_function_that_is_called_label(
    loaded: Workspace, pages_use: Callable[..., Workspace]
) -> None:
    pages_use(loaded)
    run = make_tuned_run(loaded, MODULE)
    write_json(run.model / HEAD_FILE, {})
    rows = [i.exemplar for i in loaded.store.exemplars(MODULE)]
    save_report(run, MODULE, rows, [Prediction(function="label", arguments={}) for _ in rows])
    at = opened(AppTest.from_file(PAGE, default_timeout=30), tab="Functions")
    at.segmented_control(key="confusion view").set_value("Matrix as a table").run()
    assert not at.exception
    matrix = at.dataframe[0].value
    assert matrix.index.name == "label*"
    assert matrix.loc["book_flight", "label"] == 8


def test_the_slots_and_the_rows_behind_one(measured: AppTest) -> None:
    at = opened(measured, tab="Slots", function="book_flight", slot="destination")
    table = at.dataframe[0].value.to_dict("records")
    row = next(r for r in table if (r["function"], r["slot"]) == ("book_flight", "destination"))
    assert (row["labelled"], row["said"]) == (8, 7)
    assert (row["missing"], row["wrong value"], row["spurious"]) == (1, 1, 0)
    assert (row["recall"], row["precision"]) == pytest.approx((75, 600 / 7))  # shown in percent
    behind = at.dataframe[1].value
    assert list(behind["mistake"]) == ["missing", "wrong value"]
    assert list(behind["id"]) == ["f00", "f01"]


def test_a_report_without_scores_of_slots_says_so(measured: AppTest, loaded: Workspace) -> None:
    [path] = loaded.runs.glob("*/evaluation/test.json")
    data = read_json(path)
    del data["trained"]["per_slot"]
    write_json(path, data)
    at = opened(measured, tab="Slots")
    assert "This report was made before slots had scores" in texts(at)
    assert "recall" not in at.dataframe[0].value
    assert list(at.dataframe[0].value["missing"]) == [1, 0]


def test_every_tab_says_that_nothing_was_measured(measured: AppTest) -> None:
    for tab in ("Result", "Errors", "Functions", "Slots"):
        at = opened(measured, tab=tab, split="train")
        assert "This run hasn't been measured on this split yet." in texts(at)
