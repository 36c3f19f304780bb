"""A preview of everything is the dataset; one of a sample says how far off it may be."""

from __future__ import annotations

from collections import Counter

import pytest
from conftest import MODULE
from fakes import WordTokenizer

from radu_core.dataset import DatasetConfig, Manifest
from radu_core.dataset.preview import _estimate
from radu_core.errors import InputError
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.dataset import build, preview

CONFIG = DatasetConfig.of(
    strategies=("rag", "knn", "all", "single"), max_length=50, fewer_share=0.5, removed_share=0.5
)


def test_a_preview_of_all_is_what_is_built(loaded: Workspace) -> None:
    (found,) = preview(loaded, [MODULE], config=CONFIG)
    view = build(loaded, MODULE, config=CONFIG)
    manifest = view.manifest
    assert isinstance(manifest, Manifest)
    assert found.exact
    counts = {s: Counter[str]() for s in ("train", "validation", "test")}
    for line in found.lines:
        counts[line.split][f"{line.task}/{line.kind}"] = line.rows
        assert line.error == 0
    assert {s: dict(c) for s, c in counts.items()} == manifest.counts
    assert found.discards == manifest.discards
    assert (found.suspects, found.left_out) == (manifest.suspects, manifest.left_out)
    assert found.rows("train") == (manifest.rows("train"), 0)
    shortened = Counter[str]()
    for line in found.lines:
        shortened[f"{line.task}/{line.kind}"] += round(line.shortened * line.rows)
    assert +shortened == Counter(manifest.shortened)


def test_a_sample_is_the_same_every_time_and_says_its_error(loaded: Workspace) -> None:
    one, two = (preview(loaded, [MODULE], config=CONFIG, sample=4)[0] for _ in range(2))
    assert one == two
    assert not one.exact
    assert one.looked_at["train"] == 4
    exact = preview(loaded, [MODULE], config=CONFIG)[0].rows("train")[0]
    about, error = one.rows("train")
    assert abs(about - exact) <= 2 * error


def test_the_error_is_the_hand_computed_one() -> None:
    # 1, 1, 0, 0 of 100: mean 0.5, variance 1/3, error 1.96 * sqrt(1/3 / 4 * 0.96) * 100 = 55.4
    assert _estimate([1, 1], 4, 100) == (50, 56)
    assert _estimate([2, 1], 4, 4) == (3, 0)
    assert _estimate([1, 1, 1, 1], 4, 100) == (100, 0)


def test_nothing_is_written_and_tokens_are_optional(loaded: Workspace) -> None:
    found = preview(loaded, [MODULE], config=DatasetConfig.of(tokenizer="none"))[0]
    assert {line.sizes for line in found.lines} == {None}
    assert found.lengths == {}
    assert not loaded.datasets.exists()
    assert isinstance(loaded.tokenizer("SmolLM2-135M-Instruct"), WordTokenizer)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_length": 3}, "max_length.*got 3"),
        ({"fewer_share": 2}, "fewer_share"),
        ({"order": "random"}, "order"),
        ({"out_of_scope_cap": "lots"}, "out_of_scope_cap"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        DatasetConfig.of(**options)


def test_no_task_or_a_task_twice_is_said(loaded: Workspace) -> None:
    for tasks, words in (((), "No task"), (("rag", "rag"), "named twice")):
        with pytest.raises(InputError, match=words):
            preview(loaded, [MODULE], config=DatasetConfig(strategies=tasks))


def test_the_cap_on_out_of_scope_utterances(loaded: Workspace) -> None:
    rows = build(loaded, MODULE, name="all").manifest.counts["train"]["rag/out_of_scope"]
    none = build(loaded, MODULE, name="none", config=DatasetConfig.of(out_of_scope_cap=0.0))
    assert rows == 1
    assert "rag/out_of_scope" not in none.manifest.counts["train"]
    assert none.manifest.counts["test"]["rag/out_of_scope"] == 1  # of train only
    reason = "every task: beyond the cap on out-of-scope utterances"
    assert none.manifest.discards[reason] == 1
