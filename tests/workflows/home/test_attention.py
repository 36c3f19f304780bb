"""What of a module needs attention: each with the place where it is dealt with."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from conftest import MODULE, ROWS
from deciding import decide
from sqlalchemy import update

from radu_core.schema import Schema
from radu_core.store.tables import exemplars
from radu_core.terms import STAGES
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.words import percent
from radu_core.workflows.coverage.indexing import build_index, load_index
from radu_core.workflows.coverage.report import coverage_report
from radu_core.workflows.frame.last_measured import keep_measured, last_measured
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.attention import Attention
from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.home.newest_runs import newest_runs
from radu_core.workflows.load import trash
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.train.dataset import build
from radu_core.workflows.utterances.edit import Edit, apply_edit, plan_edit


def needs(space: Workspace) -> dict[str, Attention]:
    """What needs attention, by its link's label."""
    [funnel] = funnels(space)
    assert len({a.label for a in funnel.attention}) == len(funnel.attention)
    assert all(a.query["module"] == MODULE for a in funnel.attention)
    return {a.label: a for a in funnel.attention}


def made_run(space: Workspace, day: int, state: str, reason: str = "") -> RunDirectory:
    config = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    run = RunDirectory.create(space.runs, config, now=datetime(2026, 1, day, tzinfo=UTC))
    run.append("step", step=3, steps=7)
    run.append("state", state=state, reason=reason)
    return run


def test_what_waits_is_counted_by_queue(loaded: Workspace) -> None:
    found = needs(loaded)
    assert found["Choose their readings"].text == "1 utterance is ambiguous."
    assert found["Choose their readings"].query == {"module": MODULE, "queue": "ambiguous"}
    loaded.store.flag(MODULE, {"f00": "twice", "f01": "twice"}, who="t", kind="suspected")
    found = needs(loaded)
    assert found["Review them"].text == "2 utterances are suspected to be labelled wrong."
    assert (found["Review them"].level, found["Review them"].page) == ("wait", "annotate")


def test_a_split_that_is_empty_is_named(
    workspace: Workspace, schema: Schema, write_jsonl: Callable[..., Path]
) -> None:
    rows = [row for row in ROWS if row["split"] != "validation"]
    workspace.store.put_schema(schema, who="t")
    import_file(workspace, "jsonl", write_jsonl(rows), module=MODULE, who="t")
    assert "Split the module" not in needs(workspace)  # nothing is resolved yet
    resolve(workspace, MODULE, who="t")
    found = needs(workspace)["Split the module"]
    assert found.text.startswith("No utterance is in the validation split")
    assert (found.page, found.query["tab"]) == ("load", "Splits")
    import_file(workspace, "jsonl", write_jsonl(ROWS), module=MODULE, who="t")
    assert "Split the module" not in needs(workspace)


def test_an_index_is_stale_once_an_exemplar_has_changed(loaded: Workspace) -> None:
    build_index(loaded, MODULE)
    assert "Update the index" not in needs(loaded)
    before = time.time() - 3600
    os.utime(loaded.index(MODULE) / "meta.json", (before, before))
    found = needs(loaded)["Update the index"]
    resolved = loaded.store.exemplars(MODULE, splits=["train"], outcomes=["resolved"])
    count = len(resolved)
    assert 0 < count < 13
    assert found.text.startswith(f"The index is stale: {count} exemplars have changed since.")
    assert (found.page, found.query["tab"]) == ("coverage", "Index")
    load_index(loaded, MODULE)  # it is as it would be built now
    assert "Update the index" not in needs(loaded)


def test_an_index_isnt_stale_once_what_it_doesnt_hold_has_changed(loaded: Workspace) -> None:
    load_index(loaded, MODULE)
    for split, stale in (("test", False), ("train", True)):
        before = time.time() - 3600
        os.utime(loaded.index(MODULE) / "meta.json", (before, before))
        with loaded.store._engine.begin() as connection:
            connection.execute(update(exemplars).values(updated=datetime.fromtimestamp(0, UTC)))
        changed = loaded.store.exemplars(MODULE, splits=[split], outcomes=["resolved"])[:1]
        planned = plan_edit(
            loaded, MODULE, Edit("add tag", "web"), ids=[i.exemplar.id for i in changed]
        )
        apply_edit(loaded, planned, who="ann")
        assert ("Update the index" in needs(loaded)) is stale
    load_index(loaded, MODULE)  # a tag isn't in it: it is the same as before
    assert "Update the index" not in needs(loaded)


def test_coverage_under_its_target_is_remembered(loaded: Workspace) -> None:
    assert last_measured(loaded, MODULE) is None
    assert "See the misses" not in needs(loaded)
    report = coverage_report(loaded, MODULE, target=0.99)
    kept = last_measured(loaded, MODULE)
    assert kept is not None
    assert (kept.utterances, kept.target, kept.low) == (2, 0.99, report.choice.low)
    assert not kept.reaches_target  # two utterances can't show 99 %
    keep_measured(loaded, MODULE, kept.model_copy(update={"share": 0.5}))
    assert "50.0 % of 2 utterances of validation" in needs(loaded)["See the misses"].text
    keep_measured(loaded, MODULE, kept.model_copy(update={"share": 1.0}))
    assert needs(loaded)["Label more"].text == (
        "Too few utterances to be sure of 99.0 % coverage: 100.0 % of 2 utterances of validation, "
        f"at least {percent(kept.low)} with 95 % confidence."
    )
    assert "See the misses" not in needs(loaded)
    coverage_report(loaded, MODULE, target=0.99)
    coverage_report(loaded, MODULE, split="train", target=0.1)
    assert last_measured(loaded, MODULE) == kept  # another split doesn't take its place
    coverage_report(loaded, MODULE, target=0.1)
    assert "See the misses" not in needs(loaded)
    (loaded.home / "coverage" / f"{MODULE}.json").write_text("[")
    assert last_measured(loaded, MODULE) is None


def test_coverage_that_cant_be_kept_is_reported(loaded: Workspace) -> None:
    (loaded.home / "coverage").write_text("a file")
    assert coverage_report(loaded, MODULE).grid.total == 2
    assert last_measured(loaded, MODULE) is None


def test_erasing_a_module_forgets_its_coverage(loaded: Workspace) -> None:
    coverage_report(loaded, MODULE)
    assert last_measured(loaded, MODULE) is not None
    trash.delete_module(loaded, MODULE, who="ann")
    trash.erase_module(loaded, MODULE, who="ann", now=datetime.now(UTC))
    assert last_measured(loaded, MODULE) is None


def test_a_failed_run_is_named_until_a_newer_one_finishes(loaded: Workspace) -> None:
    failed = made_run(loaded, 1, "failed", "The disk is full.")
    found = needs(loaded)["Open the run"]
    assert found.text == f"Run {failed.id} failed: The disk is full."
    assert (found.level, found.page, found.query["run"]) == ("error", "train", failed.id)
    made_run(loaded, 2, "finished")
    assert "Open the run" not in needs(loaded)


def test_a_dataset_that_is_outdated_is_named(loaded: Workspace) -> None:
    build(loaded, MODULE)
    assert "Build it again" not in needs(loaded)
    decide(loaded, "discard", "f00", reason="a poem")
    found = needs(loaded)["Build it again"]
    assert found.text.startswith("Dataset default is outdated: ")
    assert found.query["tab"] == "1 Dataset"


def test_the_newest_runs_of_the_modules_that_are_there(loaded: Workspace) -> None:
    assert newest_runs(loaded, [MODULE]) == []
    runs = [made_run(loaded, day, "finished") for day in range(1, 8)]
    found = newest_runs(loaded, [MODULE], most=3)
    assert [line.run for line in found] == [run.id for run in runs[:-4:-1]]
    assert (found[0].module, found[0].state, found[0].step, found[0].steps) == (
        MODULE,
        "finished",
        3,
        7,
    )
    assert newest_runs(loaded, ["acme_other_en"]) == []


def test_every_stage_of_the_funnel_says_what_it_counts(loaded: Workspace) -> None:
    [funnel] = funnels(loaded)
    assert funnel.stages == tuple(zip(STAGES, (15, 13, 0, 0, 0), strict=True))
    assert all(text.endswith(".") for text in STAGES.values())
