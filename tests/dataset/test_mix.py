"""Mixtures: by weight, evenly, the same bytes every time, every row accounted for."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, SCHEMA

from radu_core.dataset import (
    DatasetConfig,
    Mixture,
    diff_datasets,
    mix,
    read_manifest,
    read_rows,
    weight_of,
)
from radu_core.errors import DatasetError, InputError
from radu_core.schema import parse_schema
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.train.dataset import build, build_many, datasets, find

OTHER = "acme_stays_en"
CONFIG = DatasetConfig.of(strategies=("rag", "all"))


@pytest.fixture
def two(loaded: Workspace, write_jsonl: Any) -> Workspace:
    """Two modules; the second has many more rows."""
    loaded.store.put_schema(parse_schema({**SCHEMA, "module": OTHER}), who="t")
    rows = [
        {
            "id": f"z{i:02d}",
            "utterance": f"fly number {i} to Oslo please",
            "split": "train",
            "function": "book_flight",
            "arguments": {"destination": "Oslo"},
        }
        for i in range(40)
    ]
    rows += [{**r, "id": f"v{i}", "split": "validation"} for i, r in enumerate(rows[:3])]
    import_file(loaded, "jsonl", write_jsonl(rows, "more.jsonl"), module=OTHER, who="t")
    resolve(loaded, OTHER, who="t")
    return loaded


def mixed(space: Workspace, name: str = "m", **weights: float) -> tuple[Path, Mixture]:
    keys = {k.replace("__", "/").replace("ALL", "*"): w for k, w in weights.items()}
    view = build_many(space, [MODULE, OTHER], name=name, config=CONFIG, weights=keys)[-1]
    assert isinstance(view.manifest, Mixture)
    return view.directory, view.manifest


def lines(path: Path, split: str) -> list[str]:
    return (path / f"{split}.jsonl").read_text("utf-8").splitlines()


def test_weight_one_is_every_row_once_byte_for_byte(two: Workspace) -> None:
    path, manifest = mixed(two)
    for split in ("train", "validation", "test"):
        parts = [lines(path.parent / m, split) for m in (OTHER, MODULE)]
        assert Counter(lines(path, split)) == Counter(parts[0] + parts[1])
        assert manifest.rows(split) == len(lines(path, split))
        if split != "train":  # one after the other, by module, task by task
            modules = [r.module for r in read_rows(path, split)]
            assert modules == sorted(modules)
    assert list(manifest.parts) == [OTHER, MODULE] == sorted(manifest.parts)
    assert manifest.parts[MODULE].hash == read_manifest(path.parent / MODULE).hash


def test_modules_are_interleaved_evenly_and_tasks_with_them(two: Workspace) -> None:
    path, _manifest = mixed(two)
    rows = list(read_rows(path, "train"))
    for module in (MODULE, OTHER):
        for task in ("rag", "all"):
            at = [i for i, r in enumerate(rows) if (r.module, r.task) == (module, task)]
            gap = len(rows) / len(at)
            assert max(b - a for a, b in itertools.pairwise(at)) <= gap + 4
            assert at[0] <= gap + 4


def test_the_same_inputs_give_the_same_bytes_and_another_seed_others(two: Workspace) -> None:
    one, a = mixed(two, "one", acme_stays_en=0.5)
    again, b = mixed(two, "two", acme_stays_en=0.5)
    assert a == b
    assert lines(one, "train") == lines(again, "train")
    other = mix(
        [one.parent / MODULE, one.parent / OTHER],
        one.parent / "mixture",
        weights={OTHER: 0.5},
        seed=7,
    )
    assert other.counts != a.counts or lines(one, "train") != lines(again, "train")


@pytest.mark.parametrize("weight", [0.25, 0.5, 1.0, 2.0, 2.5])
def test_weights_draw_and_repeat(two: Workspace, weight: float) -> None:
    path, manifest = mixed(two, acme_stays_en__rag=weight)
    part = read_rows(path.parent / OTHER, "train")
    total = sum(r.task == "rag" for r in part)
    rows = [r for r in read_rows(path, "train") if (r.module, r.task) == (OTHER, "rag")]
    times = Counter(r.id for r in rows)
    assert set(times.values()) <= {int(weight), int(weight) + 1} - {0}
    assert len(rows) == pytest.approx(weight * total, abs=0.25 * total)
    assert [r.copy for r in rows] == sorted(r.copy for r in rows)
    drawn = manifest.parts[OTHER].drawn["rag"]
    repeated = sum(r.copy > 0 for r in rows)
    assert drawn == {"in": total, "out": len(rows), "repeated": repeated}
    assert manifest.parts[OTHER].weights == {"rag": weight, "all": 1.0}
    assert manifest.parts[MODULE].weights == {"rag": 1.0, "all": 1.0}


def test_a_part_that_is_built_again_meanwhile_is_mixed_as_it_was(two: Workspace) -> None:
    path, manifest = mixed(two, ALL__all=2)
    expected = lines(path, "train")

    def meanwhile(what: str, done: int, total: int) -> None:
        if done == 0:
            build(two, OTHER, name="m", config=DatasetConfig.of(strategies=("rag",), seed=9))

    parts = [path.parent / MODULE, path.parent / OTHER]
    again = mix(parts, path, weights={"*/all": 2}, progress=meanwhile)
    assert again == manifest
    assert lines(path, "train") == expected
    (outdated,) = [v.outdated for v in datasets(two) if v.directory == path]
    assert outdated == f"its parts were built again since, or are gone: {OTHER}"


def test_a_part_that_was_changed_isnt_mixed(two: Workspace) -> None:
    path, _ = mixed(two)
    with (path.parent / OTHER / "train.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(DatasetError, match=r"train\.jsonl isn't the file"):
        mix([path.parent / MODULE, path.parent / OTHER], path)


def test_weight_zero_leaves_a_task_out_of_every_split(two: Workspace) -> None:
    path, manifest = mixed(two, ALL__all=0)
    for split in ("train", "validation", "test"):
        assert {r.task for r in read_rows(path, split)} <= {"rag"}
    assert manifest.parts[MODULE].drawn["all"]["out"] == 0


@pytest.mark.parametrize("weights", [{"ALL__rag": 0}, {"ALL__all": 0}, {"ALL__rag": 0.2}, {}])
def test_the_longest_row_is_one_that_was_taken(two: Workspace, weights: dict[str, float]) -> None:
    path, manifest = mixed(two, **weights)
    rows = [r for s in ("train", "validation") for r in read_rows(path, s)]
    assert manifest.longest == max(r.tokens for r in rows)
    assert {k for k in manifest.tokens if k.startswith("train")} == {
        f"train/{r.task}" for r in rows
    }


def test_the_most_specific_weight_counts() -> None:
    weights = {"a_b_en/rag": 2.0, "a_b_en": 3.0, "*/rag": 4.0}
    assert weight_of(weights, "a_b_en", "rag") == 2.0
    assert weight_of(weights, "a_b_en", "all") == 3.0
    assert weight_of(weights, "c_d_en", "rag") == 4.0
    assert weight_of(weights, "c_d_en", "all") == 1.0


def test_what_cant_be_mixed_is_said_before_anything_is_built(two: Workspace) -> None:
    def build_it(modules: list[str], **weights: Any) -> None:
        build_many(two, modules, name="bad", config=CONFIG, weights=weights)

    for modules, weights, words in (
        ([], {}, "No module"),
        ([MODULE, MODULE], {}, "named twice"),
        ([MODULE, OTHER], {"nope": 1.0}, "isn't in the mixture"),
        ([MODULE], {MODULE: 2.0}, "several modules"),
        ([MODULE, OTHER], {MODULE: -1.0}, "can't be used"),
        ([MODULE, OTHER], {MODULE: float("nan")}, "can't be used"),
    ):
        with pytest.raises(InputError, match=words):
            build_it(modules, **weights)
    assert not (two.datasets / "bad").exists()
    with pytest.raises(InputError, match="A mixture has no module"):
        mix([], two.datasets / "bad")
    with pytest.raises(InputError, match="leave no training row"):
        build_it([MODULE, OTHER], **{MODULE: 0.0, OTHER: 0.0})
    assert not (two.datasets / "bad" / "mixture").exists()


def test_a_mixture_is_listed_for_its_modules_and_says_when_it_is_outdated(two: Workspace) -> None:
    path, _ = mixed(two)
    assert [v.title for v in datasets(two, OTHER)] == ["m", "m/mixture"]
    assert [v.outdated for v in datasets(two)] == ["", "", ""]
    build(two, OTHER, name="m", config=DatasetConfig.of(seed=5))
    outdated = [v.outdated for v in datasets(two, MODULE)]
    assert outdated == ["", f"its parts were built again since, or are gone: {OTHER}"]
    assert find(two, "m/mixture").directory == path
    with pytest.raises(InputError, match="several datasets"):
        find(two, "m")
    with pytest.raises(InputError, match="no such dataset"):
        find(two, "nope")
    with pytest.raises(DatasetError, match="mixture of several"):
        read_manifest(path)


def test_causes_are_not_read_from_parts_that_were_built_again(two: Workspace) -> None:
    views = [
        build_many(
            two,
            [MODULE, OTHER],
            name=name,
            config=DatasetConfig.of(strategies=("rag",), removed_share=1.0, near_duplicate=near),
        )[-1]
        for name, near in (("one", 0.95), ("two", 0.01))
    ]
    found = diff_datasets(views[0].directory, views[1].directory)
    assert {why[:19] for why in found.why} == {"is now discarded: n"}
    for module in (MODULE, OTHER):
        build(two, module, name="two", config=CONFIG)
    again = diff_datasets(views[0].directory, views[1].directory)
    assert again.kinds == found.kinds
    assert set(again.why) == {"option changed: near_duplicate"}


@pytest.mark.parametrize("version", [1, 9, None])
def test_a_part_of_another_version_is_refused(
    two: Workspace, tmp_path: Path, version: int | None
) -> None:
    view = build(two, MODULE, config=CONFIG)
    path = view.directory / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": version}))
    with pytest.raises(DatasetError, match=f"version {version}.*Build the dataset again"):
        mix([view.directory], tmp_path / "mixture")
    with pytest.raises(DatasetError, match=f"version {version}"):
        read_manifest(view.directory)
