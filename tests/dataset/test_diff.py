"""Two datasets: what was added, removed and changed, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, SCHEMA
from fakes import HashEmbedder

from radu_core.dataset import (
    DatasetConfig,
    DatasetDiff,
    diff_datasets,
    read_differences,
    read_rows,
)
from radu_core.errors import DatasetError
from radu_core.retrieval import RetrievalSettings
from radu_core.schema import parse_schema
from radu_core.workflows.coverage.indexing import set_retrieval
from radu_core.workflows.coverage.judgements import judge
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.prompts.templates import save_template
from radu_core.workflows.train.dataset import build

TASKS = ("rag", "knn", "all", "single")


@pytest.fixture
def differ(loaded: Workspace) -> Callable[..., DatasetDiff]:
    """Build, do something, build again with ``options``: the difference."""

    def run(change: Callable[[], object] | None = None, **options: Any) -> DatasetDiff:
        config = DatasetConfig.of(strategies=TASKS)
        one = build(loaded, MODULE, name="one", config=config)
        if change:
            change()
        changed = DatasetConfig.of(**{"strategies": TASKS, **options})
        two = build(loaded, MODULE, name="two", config=changed)
        found = diff_datasets(one.directory, two.directory)
        rows = [sum(v.manifest.rows(s) for s in v.manifest.counts) for v in (one, two)]
        assert found.same + found.removed + found.changed == rows[0]
        assert found.same + found.added + found.changed == rows[1]
        return found

    return run


def test_the_same_is_the_same(differ: Callable[..., DatasetDiff]) -> None:
    found = differ()
    assert (found.equal, found.facts, found.why, found.sample) == (True, (), {}, ())


def add(loaded: Workspace, write: Any, **row: Any) -> Callable[[], object]:
    def change() -> None:
        import_file(loaded, "jsonl", write([row], "new.jsonl"), module=MODULE, who="t")
        resolve(loaded, MODULE, who="t")

    return change


def test_a_new_exemplar_and_what_its_neighbours_see(
    loaded: Workspace, differ: Callable[..., DatasetDiff], write_jsonl: Any
) -> None:
    new = add(
        loaded,
        write_jsonl,
        id="f99",
        utterance="fly me to Cairo please now",
        split="train",
        function="book_flight",
        arguments={"destination": "Cairo"},
    )
    found = differ(new)
    added = [d for d in found.sample if d.change == "added" and d.exemplar_id == "f99"]
    assert {d.why for d in added} == {("exemplar new, or resolved since",)}
    assert "index changed: other exemplars retrieved" in found.why
    assert found.facts == ("exemplars were added, removed or edited",)


def test_an_edited_exemplar(
    loaded: Workspace, differ: Callable[..., DatasetDiff], write_jsonl: Any
) -> None:
    edit = add(
        loaded,
        write_jsonl,
        id="h00",
        utterance="a hotel chamber in Paris",
        split="train",
        function="book_hotel",
        arguments={"city": "Paris"},
    )
    found = differ(edit)
    own = [d for d in found.sample if d.exemplar_id == "h00" and d.change == "changed"]
    assert own
    assert all("exemplar edited" in d.why for d in own)
    assert own[0].old is not None
    assert own[0].new is not None
    assert "room" in own[0].old["prompt"]
    assert "chamber" in own[0].new["prompt"]


def test_a_split_that_moved(
    loaded: Workspace, differ: Callable[..., DatasetDiff], write_jsonl: Any
) -> None:
    move = add(
        loaded,
        write_jsonl,
        id="f03",
        utterance="fly home to Kyiv please",
        split="test",
        function="book_flight",
        arguments={"destination": "Kyiv"},
    )
    found = differ(move)
    assert found.added == found.removed == 0
    assert set(found.why) == {"split moved: validation to test"}
    assert found.why["split moved: validation to test"] == {"changed": found.changed}


def test_a_template(loaded: Workspace, differ: Callable[..., DatasetDiff]) -> None:
    found = differ(
        lambda: save_template(
            loaded, MODULE, "knn", '{{ exemplar.template }}?\n"{{ utterance }}" ->', who="t"
        )
    )
    assert set(found.why) == {"template changed: knn"}
    assert {k.partition("/")[0] for k in found.kinds} == {"knn"}
    assert found.facts == ("templates changed: knn",)


def test_a_description(loaded: Workspace, differ: Callable[..., DatasetDiff]) -> None:
    functions = [SCHEMA["functions"][0], {**SCHEMA["functions"][1], "description": "A bed."}]
    schema = parse_schema({**SCHEMA, "functions": functions})
    found = differ(lambda: loaded.store.put_schema(schema, who="t"))
    assert "schema changed: book_hotel" in found.why
    assert "functions changed in the schema: book_hotel" in found.facts


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"strategies": ("rag", "knn", "all")}, {"task gone: single"}),
        ({"strategies": (*TASKS, "yes_no")}, set()),
        ({"k_slot_examples": 0}, {"option changed: k_slot_examples"}),
        ({"zero_share": 1.0}, {"option changed: zero_share"}),
        ({"fewer_share": 1.0}, {"option changed: fewer_share"}),
        (
            {"max_length": 40},
            {
                "option changed: max_length",
                "is now discarded: longer than max_length with nothing left to leave out",
            },
        ),
        ({"order": "most_relevant_first"}, {"option changed: order"}),
    ],
)
def test_options(
    differ: Callable[..., DatasetDiff], options: dict[str, Any], why: set[str]
) -> None:
    assert set(differ(**options).why) == why


def test_the_hardness_of_negatives(differ: Callable[..., DatasetDiff]) -> None:
    found = differ(hardness=0.0)
    assert set(found.why) == {"option changed: hardness"}
    assert set(found.kinds) == {"knn/knn_no"}


def judge_all_the_same(loaded: Workspace) -> None:
    """Every pair that a knn row says no of really means the same."""
    config = DatasetConfig.of(strategies=("knn",))
    for row in read_rows(build(loaded, MODULE, name="pairs", config=config).directory, "train"):
        if row.kind == "knn_no":
            judge(loaded, MODULE, row.exemplar_id, row.exemplar_ids[0], "same", who="t")


def test_judgements(loaded: Workspace, differ: Callable[..., DatasetDiff]) -> None:
    found = differ(lambda: judge_all_the_same(loaded))
    others = {why for why in found.why if why != "judgements changed"}
    assert all(why.startswith("is now discarded: no ") for why in others)
    assert found.why["judgements changed"]["removed"] > 0
    assert found.facts == ("what people judged of pairs differs",)


def test_a_discard_of_another_kind_is_no_cause(loaded: Workspace) -> None:
    judge_all_the_same(loaded)
    views = [
        build(
            loaded,
            MODULE,
            name=name,
            config=DatasetConfig.of(strategies=("rag",), removed_share=1.0, fewer_share=share),
        )
        for name, share in (("one", 1.0), ("two", 0.0))
    ]
    assert any("no removed row" in why for why in views[0].manifest.discards)  # type: ignore[union-attr]
    found = diff_datasets(views[0].directory, views[1].directory)
    assert set(found.why) == {"option changed: fewer_share"}


def test_a_seed_and_an_embedder(loaded: Workspace, differ: Callable[..., DatasetDiff]) -> None:
    assert set(differ(seed=3).why) == {"seed changed"}
    one = build(loaded, MODULE, name="a")
    loaded._embedders["other"] = HashEmbedder("other")  # type: ignore[assignment]
    set_retrieval(loaded, MODULE, RetrievalSettings(embedder="other"), who="test")
    two = build(loaded, MODULE, name="b")
    found = diff_datasets(one.directory, two.directory)
    assert found.facts == ("embedder was all-MiniLM-L6-v2, is other",)


def test_every_difference_is_exported(
    loaded: Workspace, differ: Callable[..., DatasetDiff], tmp_path: Path
) -> None:
    differ(k_exemplar=1)
    folders = [loaded.datasets / n / MODULE for n in ("one", "two")]
    out = tmp_path / "deep" / "d.jsonl"
    found = diff_datasets(*folders, out=out, sample=1)
    all_ = list(read_differences(out))
    assert len(all_) == found.added + found.removed + found.changed > len(found.sample)
    assert [d.id for d in all_] == sorted(d.id for d in all_)
    assert all(d.why for d in all_)
    assert {d.change for d in found.sample} <= {"added", "removed", "changed"}


def test_what_cant_be_compared_is_said(loaded: Workspace, tmp_path: Path) -> None:
    view = build(loaded, MODULE)
    with pytest.raises(DatasetError, match="no dataset"):
        diff_datasets(view.directory, tmp_path)
    with (view.directory / "test.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(DatasetError, match=r"test\.jsonl"):
        diff_datasets(view.directory, view.directory)
