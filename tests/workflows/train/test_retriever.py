"""Another retriever for a module: guarded, with all that depends on it, and the way back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest
from conftest import MODULE
from deciding import decide
from fakes import HashEmbedder
from tuned_run import BASE, make_tuned_run

from radu_core.dataset import DatasetConfig, Manifest, read_labels
from radu_core.errors import InputError
from radu_core.files import read_json, write_json
from radu_core.retrieval import RetrievalSettings
from radu_core.terms import describe_point
from radu_core.training.joint.guard import RETRIEVED_FILE, Retrieved
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.coverage.indexing import (
    choose_point,
    chosen_point,
    load_index,
    retrieval_settings,
    set_retrieval,
)
from radu_core.workflows.coverage.report import embedders
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.retriever_rows import retriever_rows
from radu_core.workflows.runs.tuned_from import base_of, check_unseen
from radu_core.workflows.train import manage_runs as runs
from radu_core.workflows.train import retriever
from radu_core.workflows.train.dataset import build, datasets
from radu_core.workflows.train.retriever import judge, restore, standing, use


def test_one_that_is_no_worse_is_used_and_all_that_depends_on_it_is_built_again(
    loaded: Workspace,
) -> None:
    choose_point(loaded, MODULE, (2, 7), who="test")
    rows = DatasetConfig().rows.model_copy(update={"k_exemplar": 7})
    build(loaded, MODULE, name="own", config=DatasetConfig(k_desc=2, tokenizer=None, rows=rows))
    build(loaded, MODULE, name="other", config=DatasetConfig(k_desc=1, tokenizer=None))
    run = make_tuned_run(loaded, MODULE)
    old = load_index(loaded, MODULE).fingerprint
    found = use(loaded, run.id, who="test")
    assert found.done
    assert (found.before, found.now) == (BASE, run.id)
    assert retrieval_settings(loaded, MODULE).embedder == run.id
    index = load_index(loaded, MODULE)
    assert index.fingerprint != old
    assert index.embedder.name == run.id
    assert read_json(loaded.index(MODULE) / "meta.json")["fingerprint"] == index.fingerprint
    assert [s.name for s in found.steps] == [
        "index",
        "k",
        "dataset default",
        "dataset other",
        "dataset own",
    ]
    now = chosen_point(loaded, MODULE)
    assert f"{describe_point(*now)}, before 2 and 7" in found.steps[1].figure
    made = {v.name: v.manifest for v in datasets(loaded, MODULE)}
    own, other = made["own"], made["other"]
    assert isinstance(own, Manifest)
    assert isinstance(other, Manifest)
    assert (own.config.k_desc, own.config.rows.k_exemplar) == now  # it had the module's point
    assert other.config.k_desc == 1  # and this one its own
    assert {m.index for m in made.values()} == {index.fingerprint}
    assert not [v.outdated for v in datasets(loaded, MODULE) if v.outdated]
    assert found.stale == ()


def test_the_default_point_stays_the_default(loaded: Workspace) -> None:
    run = make_tuned_run(loaded, MODULE)
    assert "k" not in [s.name for s in use(loaded, run.id, who="test").steps]
    assert chosen_point(loaded, MODULE) == (3, 4)


def test_one_that_is_worse_is_refused_and_used_only_anyway(loaded: Workspace) -> None:
    run = make_tuned_run(loaded, MODULE, worse=2)
    before = load_index(loaded, MODULE).fingerprint
    found = use(loaded, run.id, who="test")
    assert not found.done
    assert found.guard is not None
    assert [(m.measure, m.before, m.after, m.rows) for m in found.guard.measures] == [
        ("coverage", 7, 5, 7),
        ("kNN accuracy", 8, 6, 8),
    ]
    assert "worse than all-MiniLM-L6-v2 in coverage and kNN accuracy" in found.guard.verdict
    assert load_index(loaded, MODULE).fingerprint == before
    assert retrieval_settings(loaded, MODULE).embedder == BASE
    assert standing(loaded, MODULE).before == ""
    assert use(loaded, run.id, who="test", anyway=True).done
    assert retrieval_settings(loaded, MODULE).embedder == run.id


def test_the_way_back(loaded: Workspace) -> None:
    old = RetrievalSettings(dense_weight=0.8)
    set_retrieval(loaded, MODULE, old, who="test")
    run = make_tuned_run(loaded, MODULE)
    before = load_index(loaded, MODULE).fingerprint
    found = use(loaded, run.id, who="test")
    assert found.stale == (f"The weight of the dense ranking, 0.8, was chosen with {BASE}.",)
    assert standing(loaded, MODULE).before == BASE
    back = restore(loaded, MODULE, who="test")
    assert (back.before, back.now, back.guard) == (run.id, BASE, None)
    assert retrieval_settings(loaded, MODULE) == old
    assert load_index(loaded, MODULE).fingerprint == before
    assert not [v.outdated for v in datasets(loaded, MODULE) if v.outdated]
    assert standing(loaded, MODULE).before == ""
    with pytest.raises(InputError, match="nothing to bring back"):
        restore(loaded, MODULE, who="test")


def test_each_way_back_leads_one_further(loaded: Workspace) -> None:
    first, second = make_tuned_run(loaded, MODULE), make_tuned_run(loaded, MODULE, second=1)
    use(loaded, first.id, who="test")
    use(loaded, second.id, who="test")
    assert standing(loaded, MODULE).before == first.id
    assert restore(loaded, MODULE, who="test").now == first.id
    assert standing(loaded, MODULE).before == BASE
    assert restore(loaded, MODULE, who="test").now == BASE


def test_there_is_nothing_to_bring_back_at_first(loaded: Workspace) -> None:
    with pytest.raises(InputError, match="no other retriever"):
        restore(loaded, MODULE, who="test")


def test_what_isnt_built_again_is_named(loaded: Workspace, run: RunDirectory) -> None:
    """``run`` is a run of the generator, on what the old embedder retrieved."""
    choose_point(loaded, MODULE, (3, 4), who="test")
    tuned = make_tuned_run(loaded, MODULE)
    for item in loaded.store.exemplars(MODULE, splits=["validation"]):
        decide(loaded, "discard", item.exemplar.id, reason="x")
    schema = loaded.store.schema(MODULE)
    build(loaded, MODULE, name="old", config=DatasetConfig(tokenizer=None))
    loaded.store.put_schema(schema.model_copy(update={"description": "New."}), who="test")
    found = use(loaded, tuned.id, who="test")
    named = "\n".join(found.stale)
    assert f"{describe_point(3, 4)}: not measured again." in named
    assert f"{describe_point(3, 4)} were chosen with another embedding model" in named
    assert "Dataset old: the schema changed since" in named
    assert f"still ask that one: {run.id}." in named
    assert standing(loaded, MODULE).stale == tuple(
        line for line in found.stale if "not measured again" not in line
    )


def test_beside_another_untuned_model_it_is_measured_on_the_same_folds(loaded: Workspace) -> None:
    run = make_tuned_run(loaded, MODULE, worse=2)
    loaded._embedders["mpnet"] = HashEmbedder("mpnet")  # type: ignore[assignment]
    set_retrieval(loaded, MODULE, RetrievalSettings(embedder="mpnet"), who="test")
    guard = judge(loaded, run.id)
    assert guard.before == "mpnet"
    assert [(m.rows, m.after) for m in guard.measures] == [(7, 5), (8, 6)]


def test_beside_another_runs_encoder_its_own_folds_count(loaded: Workspace) -> None:
    first = make_tuned_run(loaded, MODULE, worse=3)
    use(loaded, first.id, who="test", anyway=True)
    second = make_tuned_run(loaded, MODULE, worse=1, second=1)
    write_json(second.path / RETRIEVED_FILE, read_json(second.path / RETRIEVED_FILE))
    guard = judge(loaded, second.id)
    assert guard.before == first.id
    assert [(m.rows, m.before, m.after) for m in guard.measures] == [(7, 4, 6), (8, 5, 7)]
    kept = Retrieved.load(first.path)
    replace(kept, how=replace(kept.how, point=(1, 1))).save(first.path)  # measured at another point
    assert judge(loaded, second.id).rows == 0


def test_one_that_measured_nothing_is_used_only_anyway(loaded: Workspace) -> None:
    run = make_tuned_run(loaded, MODULE)
    (run.path / RETRIEVED_FILE).unlink()
    found = use(loaded, run.id, who="test")
    assert not found.done
    assert found.guard is not None
    assert "no rows to measure" in found.guard.verdict


def test_what_isnt_a_tuned_retriever_is_refused(loaded: Workspace, run: RunDirectory) -> None:
    with pytest.raises(InputError, match="has tuned no retriever"):
        use(loaded, run.id, who="test")
    tuned = make_tuned_run(loaded, MODULE)
    use(loaded, tuned.id, who="test")
    with pytest.raises(InputError, match="already"):
        use(loaded, tuned.id, who="test")
    tuned.append("state", state="stopped")
    with pytest.raises(InputError, match="is stopped"):
        judge(loaded, tuned.id)


def test_a_run_that_a_module_retrieves_with_isnt_deleted(loaded: Workspace) -> None:
    tuned = make_tuned_run(loaded, MODULE)
    use(loaded, tuned.id, who="test")
    with pytest.raises(InputError, match="retrieves with it"):
        runs.trash(loaded, tuned.id)
    trained = make_tuned_run(loaded, MODULE, second=1)  # on a dataset that it retrieved for
    restore(loaded, MODULE, who="test")
    with pytest.raises(InputError, match=f"1 run retrieves with its encoder.*{trained.id}"):
        runs.trash(loaded, tuned.id)
    runs.trash(loaded, trained.id)
    runs.trash(loaded, tuned.id)


def test_tuning_begins_with_the_untuned_model(loaded: Workspace) -> None:
    tuned = make_tuned_run(loaded, MODULE)
    assert base_of(loaded, tuned.id) == BASE
    assert base_of(loaded, "mpnet") == "mpnet"
    assert base_of(loaded, "/some/model") == "/some/model"
    assert tuned.id in embedders(loaded)
    assert base_of(loaded, str(tuned.model / "encoder")) == BASE
    assert base_of(loaded, str(loaded.runs)) == str(loaded.runs)
    second = make_tuned_run(loaded, MODULE, base=BASE, second=1)
    config = second.config().model_copy(update={"base_model": str(tuned.model / "encoder")})
    (second.path / "config.yaml").write_text(config.to_yaml())
    assert base_of(loaded, second.id) == BASE


def test_nothing_is_measured_on_what_the_base_model_has_learnt(loaded: Workspace) -> None:
    tuned = make_tuned_run(loaded, MODULE)
    base = str(tuned.model / "encoder")
    config = tuned.config().model_copy(update={"base_model": base})
    with pytest.raises(InputError, match=f"tuned by run {tuned.id}, which has learnt") as caught:
        retriever_rows(loaded, config)
    assert f"Name the model that it was tuned from: {BASE}." in str(caught.value)
    [first, *_] = read_labels(config.dataset, MODULE)
    check_unseen(loaded, BASE, [first], what="validation")
    other = first.model_copy(update={"id": "new"})
    check_unseen(loaded, base, [other], what="validation")
    with pytest.raises(InputError, match="learnt 1 row of validation"):
        check_unseen(loaded, base, [first, other], what="validation")
    exported = tuned.model.parent / "exported"  # the files that say so, elsewhere
    shutil.copytree(tuned.model / "encoder", exported / "encoder")
    shutil.copytree(tuned.path / "serving", exported / "radu")
    moved = loaded.home / "moved"
    exported.rename(moved)
    head = dict.fromkeys(("functions", "weights", "scope", "language", "embedder_identity"))
    write_json(moved / "head.json", {**head, "embedder": BASE})
    assert base_of(loaded, str(moved / "encoder")) == BASE
    with pytest.raises(InputError, match="learnt 1 row of validation"):
        check_unseen(loaded, str(moved / "encoder"), [first], what="validation")


def test_a_failure_before_the_index_is_there_changes_nothing(
    loaded: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = make_tuned_run(loaded, MODULE)

    def fail(*_: Any, **__: Any) -> None:
        raise InputError("The disk is full")

    monkeypatch.setattr(retriever, "build_index", fail)
    with pytest.raises(InputError, match="disk"):
        use(loaded, tuned.id, who="test")
    assert retrieval_settings(loaded, MODULE).embedder == BASE
