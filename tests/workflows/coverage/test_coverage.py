"""Coverage reports: what is measured, as rows, out of date, embedders, settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MODULE, SCHEMA
from deciding import decide

from radu_core.errors import InputError
from radu_core.retrieval import RetrievalSettings
from radu_core.schema import parse_schema
from radu_core.statistics import wilson
from radu_core.workflows.coverage import report as coverage
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.dataset import build, depending_datasets


@pytest.fixture
def report(loaded: Workspace) -> coverage.CoverageReport:
    return coverage.coverage_report(loaded, MODULE, split="train", max_desc=2, max_exemplar=4)


def test_what_is_not_measured_is_counted_and_listed(
    loaded: Workspace, report: coverage.CoverageReport
) -> None:
    assert report.grid.total == 9  # ambiguous and unlocated ones have a label, too
    assert report.left_out == {"out of scope": 1}
    rows = coverage.left_out_rows(loaded, MODULE, "train")
    assert rows == [{"id": "n00", "utterance": "tell me a joke", "reason": "out of scope"}]


def test_the_surface_has_every_point_with_its_interval(report: coverage.CoverageReport) -> None:
    rows = coverage.surface_rows(report)
    assert [(r["k_desc"], r["k_exemplar"]) for r in rows[:6]] == [
        *((0, e) for e in range(5)),
        (1, 0),
    ]
    assert len(rows) == 15
    for row in rows:
        assert (row["low"], row["high"]) == wilson(row["covered"], 9)
        assert row["coverage"] == row["covered"] / row["utterances"]
    assert rows[0]["tokens"] < rows[-1]["tokens"]
    assert rows[-1]["functions"] == 2.0


def test_curves_begin_at_nothing_and_end_at_the_surface(report: coverage.CoverageReport) -> None:
    rows = coverage.curve_rows(report)
    names = list(dict.fromkeys(r["curve"] for r in rows))
    assert names == ["descriptions", "dense", "lexical", "fused", "together"]
    last = {r["curve"]: r for r in rows}
    assert {r["covered"] for r in rows if r["k"] == 0} == {0}
    assert last["descriptions"]["covered"] == report.grid.hits[2, 0]
    assert last["fused"]["covered"] == report.grid.hits[0, 4]
    assert last["together"]["covered"] == report.grid.hits[2, 4]
    for row in coverage.functions_rows(report):
        ranks = report.grid.function_ranks[row["curve"]].tolist()
        assert row["covered"] == sum(0 < r <= row["functions"] for r in ranks)


def test_percentiles_leave_empty_what_is_never_reached(report: coverage.CoverageReport) -> None:
    for row in coverage.percentile_rows(report):
        ranks = sorted(r or 10**9 for r in report.grid.first[row["ranking"]].tolist())
        assert row["never"] == sum(r == 10**9 for r in ranks)
        assert row["p50"] == (ranks[4] if ranks[4] < 10**9 else None)  # 5 of 9 are half or more
        assert row["p99"] == (ranks[8] if ranks[8] < 10**9 else None)


def test_misses_are_rows_and_go_to_annotation(
    loaded: Workspace, report: coverage.CoverageReport
) -> None:
    explained = coverage.explained_misses(report, 0, 0)
    rows = coverage.miss_rows(explained)
    assert [r["id"] for r in rows] == [q.exemplar_id for q in report.grid.queries]
    assert {r["retrieved"] for r in rows} == {""}
    assert coverage.flag_misses(loaded, MODULE, explained[:2], who="ann") == 2
    assert loaded.store.waiting(MODULE)["suspected"] == 2
    assert not coverage.out_of_date(loaded, report)  # a flag changes no retrieval


def test_a_report_is_out_of_date_when_what_it_measured_changes(
    loaded: Workspace, report: coverage.CoverageReport
) -> None:
    assert not coverage.out_of_date(loaded, report)
    decide(loaded, "discard", "f00", reason="x")
    assert coverage.out_of_date(loaded, report)
    again = coverage.coverage_report(loaded, MODULE)
    assert not coverage.out_of_date(loaded, again)
    changed = RetrievalSettings(dense_weight=0.3)
    coverage.set_retrieval(loaded, MODULE, changed, who="ann")
    assert coverage.out_of_date(loaded, again)
    again = coverage.measure(loaded, MODULE)
    assert again.settings == changed
    loaded.store.put_schema(
        parse_schema({**SCHEMA, "functions": [*SCHEMA["functions"], {"name": "sing"}]}), who="t"
    )
    assert coverage.out_of_date(loaded, again)


def test_what_the_index_leaves_out_is_listed_with_its_reason(
    report: coverage.CoverageReport,
) -> None:
    index = report.grid.index
    rows = coverage.not_indexed_rows(index)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["reason"]] = counts.get(row["reason"], 0) + 1
    assert counts == index.left_out
    assert len(rows) + len(index.exemplars) == 13
    assert {"id", "utterance", "function", "reason"} == set(rows[0])


def test_embedders_are_the_default_models_and_runs(loaded: Workspace) -> None:
    for path in (
        loaded.models / "other",
        loaded.runs / "r1" / "model",
        loaded.runs / "r2" / "model",
    ):
        path.mkdir(parents=True)
        (path / "modules.json").write_text("[]")
    (loaded.models / "generator").mkdir()
    assert coverage.embedders(loaded) == ["all-MiniLM-L6-v2", "other", "r2", "r1"]


def test_no_utterance_to_measure_is_said(loaded: Workspace, tmp_path: Path) -> None:
    for item in loaded.store.exemplars(MODULE, splits=["validation"]):
        decide(loaded, "discard", item.exemplar.id, reason="x")
    with pytest.raises(InputError, match="no in-scope utterances in the split validation"):
        coverage.measure(loaded, MODULE)


def test_datasets_that_depend_on_how_a_module_retrieves_are_named(loaded: Workspace) -> None:
    assert depending_datasets(loaded, MODULE) == []
    build(loaded, MODULE, name="first")
    assert depending_datasets(loaded, MODULE) == ["first"]
    assert depending_datasets(loaded, "other_bot_en") == []
