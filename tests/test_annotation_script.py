"""The fixed script of 200 hard items: its mix, and that each is for a person and has an answer."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from radu_core.exemplars import Span, make_template
from radu_core.workflows.frame.workspace import Workspace

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "annotation_script"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"annotation_script_{name}", SCRIPT / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:  # dataclasses look their module up
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
    return module


check = loaded("check")
ITEMS = check.items()


def test_the_committed_files_are_what_build_makes() -> None:
    for name, text in loaded("build").build().items():
        assert text == (SCRIPT / name).read_text(encoding="utf-8"), name


def test_the_mix_is_that_of_a_real_bot() -> None:
    assert Counter(i["id"].partition("-")[0] for i in ITEMS) == {
        "ambiguous": 110,
        "implied": 35,
        "words": 20,
        "scope": 10,
        "discard": 8,
        "function": 8,
        "value": 5,
        "flagged": 4,
    }
    for item in ITEMS:
        kind, gold = item["id"].partition("-")[0], item["gold"]
        assert (gold["function"] is None) == (kind == "scope")
        assert (gold["discard"] is not None) == (kind == "discard")
        assert bool(gold["implied"]) >= (kind == "implied")
        changed = gold["function"] != item["function"], gold["arguments"] != item["arguments"]
        assert changed[0] == (kind in ("scope", "function"))
        assert changed[1] == (kind in ("scope", "function", "value")) or kind == "function"


def test_utterances_are_different_and_of_natural_length() -> None:
    assert len({i["utterance"].lower() for i in ITEMS}) == len(ITEMS)
    templates = {
        make_template(i["utterance"], [Span.model_validate(s) for s in i["gold"]["spans"]])
        for i in ITEMS
    }
    assert len(templates) == len(ITEMS)
    long = [i for i in ITEMS if len(i["utterance"]) >= 300]
    assert len(long) == 3
    assert all(4 <= len(i["utterance"].split()) <= 30 for i in ITEMS if i not in long)
    assert sum(not i["utterance"].isascii() for i in ITEMS) > 25


@pytest.mark.parametrize("item", ITEMS, ids=lambda i: i["id"])
def test_every_gold_answer_is_accepted(item: dict[str, Any]) -> None:
    assert check.problem(item, check.schema()) == ""


def test_other_words_are_one_to_three_and_not_the_value() -> None:
    for item in (i for i in ITEMS if i["id"].startswith("words-")):
        said = [
            (item["utterance"][s["start"] : s["end"]], s["value"]) for s in item["gold"]["spans"]
        ]
        other = [words for words, value in said if words.lower() != str(value).lower()]
        assert other
        assert all(len(words.split()) <= 3 for words in other)


def test_every_item_is_open_or_flagged_and_gold_is_among_the_readings(
    workspace: Workspace,
) -> None:
    check.load_script(workspace)
    checked = check.check(workspace)
    assert [(c.id, p) for c in checked if (p := check.surprise(c))] == []
    first = sum(c.rank == 0 for c in checked if c.id.startswith("ambiguous-"))
    assert 0.4 <= first / 110 <= 0.85
    flagged = Counter(c.id.partition("-")[0] for c in checked if c.flagged)
    assert flagged == {"flagged": 4, "function": 3, "scope": 1}
    ids = [json.loads(line)["id"] for line in (SCRIPT / "resolved.jsonl").open(encoding="utf-8")]
    found = {i.exemplar.id: i.exemplar.outcome for i in workspace.store.exemplars(check.MODULE)}
    assert [found[id] for id in ids] == ["resolved"] * 60
