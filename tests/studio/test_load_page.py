"""The Load page: what is said of a file before and after it is imported."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from pathlib import Path

import pytest
from app_testing import run_until
from conftest import MODULE
from streamlit.testing.v1 import AppTest

from radu_core.formats import table
from radu_core.terms import OUTCOMES, STAGES
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load import files as load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def space(loaded: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    """The small module, in a workspace that the pages use as well."""
    return pages_use(loaded, who="ann")


def opened(path: Path, **state: object) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "load.py"), default_timeout=20)
    for name, value in state.items():
        at.session_state[name] = value
    at.run()
    next(t for t in at.text_input if t.label.startswith("Or a path")).input(str(path)).run()
    assert not at.exception
    return at


def said(at: AppTest) -> str:
    shown = (*at.caption, *at.warning, *at.success, *at.error)
    return "\n".join(e.value for e in shown).replace("\\", "")


def press(at: AppTest) -> None:
    next(b for b in at.button if b.label == "Import").click().run()
    run_until(at, lambda at: at.success or at.error)
    assert not at.exception


def test_a_table_without_labels_says_so_before_and_after(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,note\na room,x\na bed,\n")
    at = opened(path)
    assert "Not read: note" in said(at)
    assert "so every row will be unlabelled" in said(at)
    press(at)
    assert "2 rows without a function: unlabelled" in said(at)
    assert "not read" in said(at)
    assert space.store.waiting(MODULE)["unlabelled"] == 2


def test_rows_without_a_function_may_be_out_of_scope(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,text,intent\nz1,hm,\n")
    at = opened(path)
    next(s for s in at.selectbox if s.label == "Rows without a function").select(
        "out-of-scope"
    ).run()
    press(at)
    assert space.store.exemplar(MODULE, "z1").exemplar.out_of_scope


def test_the_encoding_is_named_and_chosen(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("id,text,intent\nz1,un hôtel,book_hotel\n".encode("cp1252"))
    at = opened(path)
    assert "likely Windows" in said(at)
    next(s for s in at.selectbox if s.label == "Encoding").select("cp1252").run()
    assert "likely" not in said(at)
    press(at)
    assert space.store.exemplar(MODULE, "z1").exemplar.utterance == "un hôtel"


def test_a_mapping_is_of_names_not_of_places(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("note,intent,said\nx,book_hotel,a room\n")
    kept = {f"columns {MODULE}": {"said": "utterance", "note": "tags", "gone": "id"}}
    press(opened(path, **kept))
    (row,) = [i.exemplar for i in space.store.exemplars(MODULE) if i.exemplar.tags]
    assert (row.utterance, row.function, row.tags) == ("a room", "book_hotel", ("x",))


def test_nothing_is_exported_before_it_is_asked_for(
    space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the module was exported")

    monkeypatch.setattr(load, "export", refuse)
    monkeypatch.setattr(table, "write", refuse)
    path = tmp_path / "t.jsonl"
    path.write_text("{}\n")
    at = opened(path)
    at.segmented_control(key="load tab").set_value("Export").run()
    assert "All 15 exemplars" in said(at)
    at.radio(key="export as").set_value("openai").run()
    assert not at.exception
    assert "15 exemplars left out" in said(at)


def test_functions_with_few_exemplars_are_one_table(space: Workspace) -> None:
    at = AppTest.from_file(str(ROOT / "pages" / "load.py"), default_timeout=20)
    at.query_params["tab"] = "Outcome"
    at.run()
    assert not at.exception
    assert {m.label: m.value for m in at.metric} == {
        "loaded": "15",
        "resolved": "13",
        "ambiguous": "1",
        "unlocated": "1",
    }
    [few] = [w.value for w in at.warning if "fewer than 10" in w.value]
    assert few.startswith("2 functions have fewer than 10 resolved training exemplars.")
    table = next(d.value for d in at.dataframe if "what to do" in d.value)
    assert table.to_dict("records") == [
        {
            "function": "book_flight",
            "resolved": 4,
            "waiting": 2,
            "what to do": "Resolve the 2 that wait, and label 4 more.",
        },
        {"function": "book_hotel", "resolved": 3, "waiting": 0, "what to do": "Label 7 more."},
    ]
    explained = "\n".join(h.proto.body for h in at.get("html"))
    assert all(escape(text) in explained for text in (*STAGES.values(), *OUTCOMES.values()))


def test_a_path_stays_while_another_tab_is_open(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("{}\n")
    at = opened(path)
    at.segmented_control(key="load tab").set_value("Outcome").run()
    at.segmented_control(key="load tab").set_value("Utterances").run()
    assert at.text_input(key="utterances path").value == str(path)


def test_a_report_lists_repeated_and_contradicting_rows(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,intent\nhm,book_hotel\nhm,book_hotel\nhm,book_flight\n")
    at = opened(path)
    press(at)
    assert "skipped 1: the same row as one before it" in said(at)
    assert "1 row with other labels than the same text has elsewhere" in said(at)


def test_a_servers_traces_are_told_by_their_lines_and_come_in_unlabelled(
    space: Workspace, tmp_path: Path
) -> None:
    for number, (name, sure) in enumerate([("t.jsonl", 0.4), ("t.jsonl.1", 0.6)]):
        line = {"time": "2026-11-30T12:00:00Z", "utterance": f"hm {number}", "confidence": sure}
        line |= {"answer": {"function": "book_flight"}, "out_of_scope": 0.1}
        (tmp_path / name).write_text(json.dumps(line) + "\n")
    at = opened(tmp_path / "t.jsonl*")
    assert "What a server kept" in said(at)
    next(n for n in at.number_input if n.label.startswith("Unsure")).set_value(50.0).run()
    press(at)
    assert "2 rows = 1 accepted + 0 rejected + 1 skipped." in said(at)
    assert "skipped 1: the model was sure" in said(at)
    assert space.store.waiting(MODULE)["unlabelled"] == 1
    home = AppTest.from_file(str(ROOT / "pages" / "home.py"), default_timeout=30).run()
    assert "Worth a look on 2026-11-30: 50.0 % of 2 utterances asked." in said(home)
    assert "Traces" in "".join(m.value for m in home.markdown)


def test_a_pattern_that_no_file_fits_is_said(space: Workspace, tmp_path: Path) -> None:
    assert "No file matches that pattern" in said(opened(tmp_path / "none*"))
