"""Traces come in as one import that can be taken back, and a file counts once for the drift."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.errors import InputError, NotFoundError
from radu_core.exemplars import UNLABELLED
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.load import imports
from radu_core.workflows.load.files import only_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.load.traces import Day, drift, files_of, import_traces

Writer = Callable[..., Path]
NONE = {"unsure": 0, "out of scope": 0, "unlike anything seen": 0}


def trace(utterance: str, *, day: int = 1, sure: float = 0.1, **more: Any) -> dict[str, Any]:
    return {
        "time": f"2026-11-{day:02d}T12:00:00+00:00",
        "model": "travel",
        "utterance": utterance,
        "answer": {"function": "book_flight"},
        "confidence": sure,
        "out_of_scope": 0.1,
    } | more


def taken(space: Workspace, *paths: Path, **more: Any) -> Any:
    return import_traces(space, paths, module=MODULE, who="ann", **more)


def test_what_matters_waits_to_be_labelled(loaded: Workspace, write_jsonl: Writer) -> None:
    before = loaded.store.waiting(MODULE)
    rows = [trace("a boat"), trace("FLY me to Oslo please"), trace("sure thing", sure=0.9)]
    report = taken(loaded, write_jsonl(rows, "t.jsonl"))
    assert (report.stored, report.rows, report.accepted, report.added) == (True, 3, 1, 1)
    assert report.unlabelled == 1
    assert report.skipped == {
        "the module has the utterance": 1,
        "the model was sure, it is in scope and like what was seen": 1,
    }
    assert report.days == {"2026-11-01": {"asked": 3, "worth a look": 2, **NONE, "unsure": 2}}
    after = loaded.store.waiting(MODULE)
    assert after["unlabelled"] == before["unlabelled"] + 1
    assert sum(after.values()) == sum(before.values()) + 1
    [item] = loaded.store.saying(MODULE, "a boat")
    assert item.exemplar.tags == ("traces", "unsure")
    said = "A served model said: book_flight, 10 % sure (unsure)."
    assert item.exemplar.reason == f"{UNLABELLED} {said}"
    resolve(loaded, MODULE, who="ann")
    [item] = loaded.store.saying(MODULE, "a boat")
    assert item.exemplar.reason == f"{UNLABELLED} {said}"
    again = taken(loaded, write_jsonl(rows, "t.jsonl"))
    assert (again.added, again.skipped["the module has the utterance"]) == (0, 2)


def test_bad_lines_store_nothing_unless_the_good_ones_are_asked_for(
    loaded: Workspace, write_jsonl: Writer
) -> None:
    path = write_jsonl([trace("a boat"), trace("torn", confidence=None)])
    report = taken(loaded, path)
    assert (report.stored, report.added, len(report.rejections)) == (False, 0, 1)
    assert loaded.store.saying(MODULE, "a boat") == []
    assert drift(loaded, MODULE) == ()
    report = taken(loaded, path, keep_good=True)
    assert (report.stored, report.added) == (True, 1)
    assert [d.asked for d in drift(loaded, MODULE)] == [1]


def test_a_file_that_grew_or_was_rotated_counts_once(
    loaded: Workspace, write_jsonl: Writer
) -> None:
    rows = [trace("a", day=1), trace("b", day=1, sure=0.9), trace("c", day=2)]
    taken(loaded, write_jsonl(rows[:2], "t.jsonl"))
    first = Day("2026-11-01", 2, 1, {**NONE, "unsure": 1})
    assert drift(loaded, MODULE) == (first,)
    assert first.share == 0.5
    taken(loaded, write_jsonl(rows, "t.jsonl.1"), write_jsonl([trace("d", day=2)], "t.jsonl"))
    second = Day("2026-11-02", 2, 2, {**NONE, "unsure": 2})
    assert drift(loaded, MODULE) == (first, second)
    taken(loaded, write_jsonl(rows[:2], "old.jsonl"))  # shorter than what is known of it
    assert drift(loaded, MODULE) == (first, second)
    [funnel] = funnels(loaded)
    assert funnel.drift == (first, second)


def test_an_import_that_is_taken_back_is_no_traffic(loaded: Workspace, write_jsonl: Writer) -> None:
    report = taken(loaded, write_jsonl([trace("a boat")]))
    imports.undo(loaded, report.number, who="ann")
    assert drift(loaded, MODULE) == ()
    assert loaded.store.saying(MODULE, "a boat") == []
    imports.redo(loaded, report.number, who="ann")
    assert [d.day for d in drift(loaded, MODULE)] == ["2026-11-01"]
    assert len(loaded.store.saying(MODULE, "a boat")) == 1


def test_patterns_and_files(tmp_path: Path, write_jsonl: Writer) -> None:
    names = ("t.jsonl", "t.jsonl.1", "t.jsonl.2", "t[1].jsonl")
    one, two, three, odd = (write_jsonl([], name) for name in names)
    (tmp_path / "t.jsonl.d").mkdir()
    assert files_of([tmp_path / "t.jsonl*"]) == [one, two, three]
    assert files_of([two, tmp_path / "t.jsonl*"]) == [two, one, three]
    assert files_of([odd]) == [odd]  # it is there: no pattern
    assert files_of([tmp_path / "gone.jsonl"]) == [tmp_path / "gone.jsonl"]
    with pytest.raises(NotFoundError, match="No file matches that pattern"):
        files_of([tmp_path / "s*"])
    assert only_file("csv", [one]) == one
    with pytest.raises(InputError, match="csv is imported a file at a time"):
        only_file("csv", [one, two])


def test_the_shell_takes_several_files_and_says_what_became_of_them(
    loaded: Workspace, write_jsonl: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    one = write_jsonl([trace("a"), trace("b", sure=0.6)], "t.jsonl.1")
    write_jsonl([trace("c", model="bank")], "t.jsonl")
    several = ["import", "traces", str(one), str(one.with_name("t.jsonl")), "--module", MODULE]
    refused = CliRunner().invoke(app, several)
    assert refused.exit_code == 2
    assert "Say which with --model." in refused.output
    pattern = ["import", "traces", f"{one.parent}/t.jsonl*", "--module", MODULE]
    answer = CliRunner().invoke(app, [*pattern, "--model", "travel", "--below", "0.5", "--json"])
    assert answer.exit_code == 0
    report = json.loads(answer.stdout)
    assert (report["rows"], report["added"]) == (3, 1)
    assert report["skipped"]["asked of another model: bank"] == 1
    assert report["days"]["2026-11-01"]["asked"] == 2
    text = CliRunner().invoke(app, [*pattern, "--model", "travel"]).stdout
    assert "2026-11-01" in text
    assert "worth a look" in text
    assert "radu resolve" not in text
    assert "out-of-scope" not in text
