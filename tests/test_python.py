"""A module of a workspace from Python, and the page that documents ``radu``."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from conftest import MODULE, ROWS, SCHEMA
from studio_process import ROOT
from tiny_encoder import make_tiny_encoder

import radu
from radu_core.retrieval import RetrievalSettings
from radu_core.workflows.coverage.indexing import set_retrieval


@pytest.fixture
def module(tmp_path: Path, write_jsonl: Callable[..., Path]) -> radu.Module:
    """The small module, created, imported and resolved from Python."""
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    made = radu.create_module(MODULE, path, home=tmp_path / "home", who="ann")
    made.import_file(write_jsonl(ROWS))
    made.resolve()
    return made


def test_a_module_is_opened_where_it_was_created(module: radu.Module) -> None:
    again = radu.open_module(MODULE, home=module.workspace.home)
    assert again.schema == module.schema
    assert {e.who for e in again.workspace.store.schema_versions(MODULE)} == {"ann"}
    with pytest.raises(radu.NotFoundError, match=f"'acme_none_en'. There are: {MODULE}"):
        radu.open_module("acme_none_en", home=module.workspace.home)


def test_exemplars_are_a_table(module: radu.Module) -> None:
    table = module.exemplars()
    assert len(table) == len(ROWS)
    assert table.index.name == "id"
    row = table.loc["f00"]
    assert (row["function"], row["outcome"]) == ("book_flight", "resolved")
    assert "<" in str(row["template"])
    assert set(module.exemplars(outcome="ambiguous").index) == {"a00"}
    assert set(module.exemplars(split="test")["split"]) <= {"test"}
    assert list(module.exemplars(outcome="invalid").columns) == list(table.columns)


def test_what_narrows_exemplars_is_checked(module: radu.Module, tmp_path: Path) -> None:
    with pytest.raises(radu.InputError, match=r"no such outcome.*'zzz'.*Give one of new, resolved"):
        module.exemplars(outcome="zzz")
    with pytest.raises(
        radu.InputError, match=r"no such split.*Give one of train, validation, test"
    ):
        module.exemplars(split=cast("Any", "zzz"))
    with pytest.raises(radu.InputError, match="One text was given for several outcomes"):
        module.export(tmp_path / "out.jsonl", outcomes="resolved")
    assert not (tmp_path / "out.jsonl").exists()


def test_what_is_exported_is_imported_again(module: radu.Module, tmp_path: Path) -> None:
    written = module.export(tmp_path / "out.jsonl", outcomes=["resolved"])
    resolved = module.exemplars(outcome="resolved")
    assert written.exemplars == len(resolved)
    again = module.import_file(tmp_path / "out.jsonl")
    assert (again.added, again.accepted) == (0, len(resolved))
    assert module.exemplars(outcome="resolved")["template"].equals(resolved["template"])


def test_wrong_options_are_named(module: radu.Module, tmp_path: Path) -> None:
    with pytest.raises(radu.InputError, match="k_desc: give a whole number"):
        module.build_dataset(k_desc=-1)
    with pytest.raises(radu.InputError, match="method: give lora, full or qlora"):
        module.train(tmp_path, method="magic")
    with pytest.raises(radu.InputError) as no_run:
        module.parse("fly to Oslo")
    assert str(no_run.value) == "There are no runs yet. Launch one with train(DATASET)."
    with pytest.raises(radu.InputError, match=r"Build it with build_dataset\(\)"):
        module.train(tmp_path / "none")
    with pytest.raises(radu.InputError, match=f"run radu init --module {MODULE} --schema FILE"):
        radu.create_module(MODULE, tmp_path / "schema.json", home=module.workspace.home)


def test_a_file_that_is_no_utf8_is_rejected_with_the_option_to_give(
    module: radu.Module, tmp_path: Path
) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes("utterance,function\nfly to Malmö,book_flight\n".encode("cp1252"))
    try:
        text = "".join(
            f"{r.problem} {r.remedy}" for r in module.import_file(path, "csv").rejections
        )
    except radu.InputError as error:
        text = str(error)
    assert "ive encoding=" in text
    assert "\ufdd0" not in text


@pytest.mark.slow
def test_from_a_dataset_to_a_bundle(module: radu.Module, tmp_path: Path, tiny_model: Path) -> None:
    encoder = make_tiny_encoder(tmp_path / "encoder", [str(r["utterance"]) for r in ROWS])
    settings = RetrievalSettings(embedder=str(encoder))
    set_retrieval(module.workspace, MODULE, settings, who="test")
    dataset = module.build_dataset("tried", tokenizer=str(tiny_model), max_length=2048)
    assert dataset == module.workspace.datasets / "tried" / MODULE
    run = module.train(dataset, base_model=str(tiny_model), max_length=2048, max_steps=1)
    report = module.evaluate(run, split="validation", limit=2)
    assert report.run == run
    verdict = radu.compare_with_baselines(report)
    assert all(isinstance(s, str) for s in (*verdict.better, *verdict.worse, *verdict.unclear))
    call = module.parse("fly me to Oslo", run)
    assert call.function in (None, "book_flight", "book_hotel")
    model = radu.load(module.write_bundle(tmp_path / "bundle", run))
    assert model.parse("fly me to Oslo").function == call.function


@pytest.mark.parametrize("heavy", ["torch", "sqlalchemy", "streamlit", "pandas", "faiss"])
def test_importing_radu_is_light(heavy: str) -> None:
    code = f"import radu, sys; print({heavy!r} in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_the_page_about_it_is_made_from_the_code() -> None:
    page = runpy.run_path(str(ROOT / "docs/site/python_page.py"))
    text = page["PAGE"].read_text("utf-8")
    assert text == page["make_page"](), "run: python docs/site/python_page.py"
    shown = {name for names in page["PARTS"].values() for name in names}
    errors = {n for n in radu.__all__ if n.endswith("Error")}
    assert all(f"`radu.{name}`" in text for name in shown | errors)
    assert set(radu.__all__) - shown - errors == {"Question", "Span", "__version__"}


def test_the_page_of_examples_shows_the_scripts() -> None:
    page = runpy.run_path(str(ROOT / "docs/site/examples_page.py"))
    text = page["PAGE"].read_text("utf-8")
    assert text == page["make_page"](), "run: python docs/site/examples_page.py"
    assert {p.stem for p in (ROOT / "examples").glob("*.py")} == set(page["SCRIPTS"])


def documented(thing: Any) -> bool:
    return bool((thing.__doc__ or "").strip())


def test_everything_public_has_a_docstring() -> None:
    for name in ("Model", "Module"):
        members = {k: v for k, v in vars(getattr(radu, name)).items() if not k.startswith("_")}
        assert [k for k, v in members.items() if not documented(v)] == []
