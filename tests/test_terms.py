"""One table of names: pages, command help and docs say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import click
from typer.main import get_command

from radu_core.cli import app
from radu_core.dataset import DatasetConfig
from radu_core.exemplars import Outcome
from radu_core.prompts import STRATEGIES
from radu_core.terms import OUTCOMES, TERMS, describe_point, label, label_of_rows
from radu_core.training.run.config import TrainConfig

ROOT = Path(__file__).resolve().parents[1]


def test_a_name_has_the_technical_word_beside_it() -> None:
    assert label("k_desc") == "Functions retrieved by description (k_desc)"
    assert label("knn") == "Choose by examples (knn)"
    assert label("lora_rank") == "Adapter size (LoRA rank)"
    assert label("acme") == "acme"
    assert label_of_rows("rag/fewer_exemplars") == "Choose among candidates (rag): fewer exemplars"
    assert describe_point(3, 1) == "3 descriptions (k_desc) and 1 exemplar (k_exemplar)"


def test_names_differ_and_each_is_explained_in_a_sentence() -> None:
    assert len({t.name for t in TERMS.values()}) == len(TERMS)
    for term in TERMS.values():
        assert term.name[0].isupper() or term.name[0].isdigit(), term
        assert term.help.endswith("."), term


def test_every_strategy_and_every_setting_of_the_table_exists() -> None:
    settings = {*TrainConfig.model_fields, *DatasetConfig.options()}
    assert set(STRATEGIES) <= set(TERMS)
    for key in ("lora_rank", "hardness", "k_exemplar", "early_stopping", "max_length"):
        assert key in settings
        assert key in TERMS


def test_the_page_of_terms_has_every_row() -> None:
    page = (ROOT / "docs" / "reference" / "terms.md").read_text("utf-8")
    rows = [f"| {t.name} | {t.word or t.key} | `{t.key}` | {t.help} |\n" for t in TERMS.values()]
    assert [row for row in rows if row not in page] == []
    outcomes = [f"| {name} | {meaning} |\n" for name, meaning in OUTCOMES.items()]
    assert [row for row in outcomes if row not in page] == []
    assert page.count("\n| ") == len(rows) + len(outcomes) + 2


def test_an_outcome_has_one_name_on_every_page() -> None:
    assert set(OUTCOMES) == set(get_args(Outcome))
    written = [
        *(ROOT / "studio").rglob("*.py"),
        *(ROOT / "components").rglob("*.js"),
        *(ROOT / "radu_core" / "workflows").rglob("*.py"),
    ]
    others = re.compile(r"[\"“](?:not in the text|not labelled|without a label)\b", re.IGNORECASE)
    assert [str(path) for path in written if others.search(path.read_text("utf-8"))] == []


def help_of(command: str, option: str) -> str:
    """What the shell says of an option."""
    found: click.Command = get_command(app).commands[command]  # type: ignore[attr-defined]
    return next(str(p.help) for p in found.params if option in p.opts)  # type: ignore[attr-defined]


def test_command_help_uses_the_same_names() -> None:
    assert TERMS["k_desc"].name in help_of("find-k", "--max-desc") + help_of("what-if", "--k-desc")
    for strategy in STRATEGIES:
        said = f"{strategy} ({TERMS[strategy].name.lower()})"
        assert said in help_of("prompts", "--strategy")
        assert said in help_of("build-dataset", "--strategy")
