"""The sample project: what it promises, and that no value is placed wrongly."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from radu_core.schema import parse_schema
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.outcomes import unresolved_rows
from radu_core.workflows.load.sample import SAMPLE_DIRECTORY, check_against_gold, load_sample

BOTS = ("banking", "restaurant", "travel")


def lines(bot: str, name: str) -> list[dict[str, Any]]:
    text = (SAMPLE_DIRECTORY / bot / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_its_size_is_what_the_readme_says() -> None:
    schemas = [
        parse_schema(json.loads((SAMPLE_DIRECTORY / b / "schema.json").read_text())) for b in BOTS
    ]
    rows = [row for bot in BOTS for row in lines(bot, "utterances.jsonl")]
    assert sum(len(s.functions) for s in schemas) == 18
    assert sum(len(f.slots) for s in schemas for f in s.functions) == 73
    assert len(rows) == 1091
    assert Counter(r["split"] for r in rows)["test"] >= 200
    assert sum(r["function"] is None for r in rows) >= 100


@pytest.mark.parametrize("bot", BOTS)
def test_the_committed_files_are_what_build_makes(bot: str) -> None:
    spec = importlib.util.spec_from_file_location("build", SAMPLE_DIRECTORY / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    raw, gold = build.build(bot)
    assert raw == (SAMPLE_DIRECTORY / bot / "utterances.jsonl").read_text(encoding="utf-8")
    assert gold == (SAMPLE_DIRECTORY / bot / "gold.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("bot", BOTS)
def test_the_raw_file_has_no_spans_and_splits_share_no_template(bot: str) -> None:
    raw = {r["id"]: r for r in lines(bot, "utterances.jsonl")}
    assert not any({"spans", "template", "implied"} & set(r) for r in raw.values())
    splits = defaultdict(set)
    for row in lines(bot, "gold.jsonl"):
        if any(c not in "<>_ " for c in row["template"].replace("slot", "")):
            splits[raw[row["id"]]["function"], row["template"]].add(raw[row["id"]]["split"])
    shared = [key for key, found in splits.items() if len(found) > 1]
    assert [t for _, t in shared if len(t.split()) > 2] == []


def test_nothing_is_placed_wrongly_and_a_person_is_asked_about_one_in_twelve(
    workspace: Workspace, tmp_path: Path
) -> None:
    load_sample(workspace)
    asked = total = 0
    for bot in BOTS:
        check = check_against_gold(workspace, SAMPLE_DIRECTORY / bot)
        assert check.wrong == ()
        assert check.total == len(lines(bot, "gold.jsonl"))
        asked += check.asked
        total += check.total
        assert all(u["reason"] for u in unresolved_rows(workspace, f"aurora_{bot}_en"))
    assert 0.05 < asked / total < 0.09


def test_loading_it_twice_changes_nothing(workspace: Workspace) -> None:
    first = load_sample(workspace, only=("travel",))[0]
    again = load_sample(workspace, only=("travel",))[0]
    assert again.changed == 0
    assert (first.total, first.outcomes) == (again.total, again.outcomes)
