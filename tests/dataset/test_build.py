"""Datasets: the same bytes from the same inputs, everything counted, all or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import MODULE
from fakes import HashEmbedder, WordTokenizer, count_words
from retrieving import WHOLE, exemplar

from radu_core.dataset import DatasetConfig, build_dataset, read_manifest, read_rows
from radu_core.dataset.config import check_config
from radu_core.errors import DatasetError, InputError
from radu_core.files import file_hash
from radu_core.prompts import RowOptions, TemplateSet
from radu_core.retrieval import ModuleIndex
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import export
from radu_core.workflows.train.dataset import build, datasets

ALL = DatasetConfig(strategies=("rag", "knn", "all", "single"), k_desc=2)


def test_the_same_inputs_give_the_same_bytes(loaded: Workspace) -> None:
    one = build(loaded, MODULE, name="one", config=ALL)
    two = build(loaded, MODULE, name="two", config=ALL)
    names = sorted(p.name for p in one.directory.iterdir())
    assert names == [
        "discards.jsonl",
        "labels.jsonl",
        "manifest.json",
        "shortened.jsonl",
        "suspects.jsonl",
        "test.jsonl",
        "train.jsonl",
        "validation.jsonl",
    ]
    for name in names:
        assert (one.directory / name).read_bytes() == (two.directory / name).read_bytes()
    assert one.manifest.hash == two.manifest.hash


def test_a_different_seed_or_exemplar_is_another_dataset(loaded: Workspace) -> None:
    one = build(loaded, MODULE, name="one", config=ALL)
    other = build(
        loaded, MODULE, name="two", config=ALL.model_copy(update={"rows": RowOptions(seed=1)})
    )
    assert one.manifest.hash != other.manifest.hash


def test_everything_is_counted(loaded: Workspace) -> None:
    view = build(loaded, MODULE, config=ALL)
    manifest = view.manifest
    for split in ("train", "validation", "test"):
        assert manifest.rows(split) == len(list(read_rows(view.directory, split)))
    assert manifest.left_out == {"not resolved": 2}  # one ambiguous, one unlocated
    discards = (view.directory / "discards.jsonl").read_text().splitlines()
    lost = sum(manifest.discards.values()) + sum(manifest.left_out.values())
    assert lost == len(discards)
    assert all(json.loads(line)["reason"] for line in discards)


def test_no_row_shows_its_own_exemplar_and_test_rows_are_plain(loaded: Workspace) -> None:
    view = build(loaded, MODULE, config=ALL)
    for split in ("train", "validation", "test"):
        for row in read_rows(view.directory, split):
            assert row.exemplar_id not in row.exemplar_ids
            if split != "train":
                assert row.kind not in ("fewer", "zero", "removed")


def test_a_dataset_that_was_changed_is_noticed(loaded: Workspace) -> None:
    view = build(loaded, MODULE, config=ALL)
    read_manifest(view.directory, verify=True)
    with (view.directory / "train.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(DatasetError, match=r"train\.jsonl"):
        read_manifest(view.directory, verify=True)


def test_a_build_that_fails_leaves_the_old_dataset(
    loaded: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = build(loaded, MODULE, config=ALL)
    before = file_hash(view.directory / "manifest.json")

    def broken(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("radu_core.dataset.build.write_json", broken)
    with pytest.raises(Exception, match="No space left"):
        build(loaded, MODULE, config=ALL)
    assert file_hash(view.directory / "manifest.json") == before
    assert [p.name for p in view.directory.parent.iterdir()] == [MODULE]


def test_a_build_that_is_stopped_leaves_the_old_dataset(loaded: Workspace) -> None:
    view = build(loaded, MODULE, config=ALL)
    before = file_hash(view.directory / "manifest.json")

    def stop(what: str, done: int, total: int) -> None:
        if what == "Building rows" and done == total:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        build(loaded, MODULE, config=DatasetConfig.of(seed=1), progress=stop)
    assert file_hash(view.directory / "manifest.json") == before
    assert [p.name for p in view.directory.parent.iterdir()] == [MODULE]


def test_rows_carry_a_stable_id_and_where_they_come_from(loaded: Workspace) -> None:
    view = build(loaded, MODULE, config=ALL)
    rows = [r for s in ("train", "validation", "test") for r in read_rows(view.directory, s)]
    ids = [r.id for r in rows]
    assert len(set(ids)) == len(ids)
    assert {"rag/positive/f00/0", "single/filled/f00/destination/0", "knn/knn_yes/f00/1"} <= set(
        ids
    )
    assert {r.module for r in rows} == {MODULE}
    changed = build(loaded, MODULE, name="x", config=ALL.model_copy(update={"k_desc": 1}))
    assert {r.id for r in read_rows(changed.directory, "test")} <= set(ids)


def test_half_a_dataset_is_not_listed(loaded: Workspace) -> None:
    view = build(loaded, MODULE, config=ALL)
    (view.directory / "manifest.json").unlink()
    assert datasets(loaded, MODULE) == []
    with pytest.raises(DatasetError, match="no dataset"):
        read_manifest(view.directory)


def test_wrong_names_are_said(loaded: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dataset's name"):
        build(loaded, MODULE, name="../x")
    with pytest.raises(InputError, match="No such strategy"):
        build(loaded, MODULE, config=DatasetConfig(strategies=("rags",)))


def test_the_jsonl_export_imported_elsewhere_builds_the_same_dataset(
    loaded: Workspace, tmp_path: Path
) -> None:
    from fakes import HashEmbedder

    from radu_core.workflows.load.files import import_file

    export(loaded, "jsonl", tmp_path / "out.jsonl", module=MODULE)
    other = Workspace(tmp_path / "other")
    other._embedders["all-MiniLM-L6-v2"] = HashEmbedder()  # type: ignore[assignment]
    count_words(other)
    other.store.put_schema(loaded.store.schema(MODULE), who="t")
    import_file(other, "jsonl", tmp_path / "out.jsonl", module=MODULE, who="t")
    assert (
        build(loaded, MODULE, config=ALL).manifest.hash
        == build(other, MODULE, config=ALL).manifest.hash
    )
    other.store.close()


def test_none_is_not_taught_where_a_distant_exemplar_was_judged_the_same(tmp_path: Path) -> None:
    """The judged one is the 31st hit; no task of the list decides how far is looked."""
    rows = [exemplar("q", "alpha beta gamma", "book_flight")]
    rows += [exemplar(f"f{i:02d}", f"alpha beta x{i}", "book_flight") for i in range(30)]
    rows += [
        exemplar("h0", "alpha omega psi chi", "book_hotel"),
        exemplar("h1", "hotel room", "book_hotel"),
    ]
    index = ModuleIndex.build(WHOLE, rows, HashEmbedder())
    config = DatasetConfig.of(strategies=("rag",), tokenizer="none", removed_share=1.0)
    for name, said in (("none", {}), ("same", {("h0", "q"): "same"})):
        build_dataset(WHOLE, rows, index, TemplateSet(), config, tmp_path / name, judgements=said)
    kinds = {
        name: [r.kind for r in read_rows(tmp_path / name, "train") if r.exemplar_id == "q"]
        for name in ("none", "same")
    }
    assert kinds["none"].count("removed") == 1
    assert "removed" not in kinds["same"]


def test_a_dataset_says_what_has_changed_since(loaded: Workspace) -> None:
    build(loaded, MODULE)
    assert [v.outdated for v in datasets(loaded)] == [""]
    loaded.store.put_template(MODULE, "rag", "{{ utterance }}!", who="ann")
    assert [v.outdated for v in datasets(loaded)] == ["templates changed since"]
    build(loaded, MODULE)
    item = loaded.store.exemplar(MODULE, "n00")
    other = item.exemplar.model_copy(update={"function": "book_hotel"})
    loaded.store.decide(MODULE, other, who="ann", kind="decided", expected_revision=item.revision)
    [view] = datasets(loaded)
    assert view.outdated == "exemplars, or how they are retrieved changed since"


def test_a_sign_of_the_models_own_is_no_row(tmp_path: Path) -> None:
    rows = [exemplar("a", "fly me <|end|> home"), exemplar("b", "a room", "book_hotel")]
    index = ModuleIndex.build(WHOLE, rows, HashEmbedder())
    config = DatasetConfig.of(strategies=("rag",), zero_share=0.0, removed_share=0.0)
    made = build_dataset(
        WHOLE, rows, index, TemplateSet(), config, tmp_path / "d", tokenizer=WordTokenizer()
    )
    assert made.rows("train") == 0  # b's prompt would show a's template
    [why] = [d for d in made.discards if "special token" in d]
    assert why == "rag: <|end|> in it is a special token of the base model's"
    assert made.discards[why] == 2


def test_a_rag_prompt_that_shows_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="shows no function"):
        check_config(DatasetConfig.of(k_desc=0, k_exemplar=0))
