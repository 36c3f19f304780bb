"""A package that isn't installed: one sentence, what to install; in the shell and on pages."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from radu_core import models
from radu_core.cli import app
from radu_core.errors import MissingPackageError, ModelError
from radu_core.extras import BASE, EXTRAS, as_missing_package
from radu_core.formats.workbook import sheet_names
from radu_core.models import RECORD, loading
from radu_core.training.watcher.launcher import Ray
from studio.frame import jobs

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a package one that isn't installed; nothing may be imported that needs it."""

    def hidden(name: str) -> None:
        for loaded in [n for n in sys.modules if n == name or n.startswith(f"{name}.")]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setitem(sys.modules, name, None)

    return hidden


@pytest.fixture
def radu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("RADU_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, list(arguments))
        return done.exit_code, done.stdout, done.stderr

    return run


def sentence(package: str, extra: str) -> str:
    return (
        f"This needs the package {package}, which isn't installed. "
        f'Install it: pip install "radu-studio[{extra}]".'
    )


def test_each_package_of_an_extra_is_known_by_what_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    names: dict[str, set[str]] = {}
    for module, packages in packages_distributions().items():
        for package in packages:
            names.setdefault(canonicalize_name(package), set()).add(module)
    for extra, wanted in extras.items():
        for line in wanted:
            package = canonicalize_name(Requirement(line).name)
            if package != "radu-studio":  # one extra that holds another
                assert names[package] & set(EXTRAS[extra]), f"{line} of {extra}"
    base = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert {package for package, modules in names.items() if modules & set(BASE)} <= base
    assert set(extras) - {"studio"} == set(EXTRAS)  # which is made of others


@pytest.mark.parametrize(
    ("package", "extra"),
    [("torch", "train"), ("pip", "train"), ("gguf", "train")],
)
def test_a_model_is_not_downloaded_where_it_cant_be_converted(
    radu: Any, hide: Any, monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    def download(*_: object) -> Path:
        raise AssertionError("nothing may be downloaded")

    monkeypatch.setattr(models, "_download", download)
    hide(package)
    code, out, err = radu("models", "fetch", "SmolLM2-135M-Instruct", "--json")
    assert code == 2
    assert json.loads(out) == {
        "error": "MissingPackageError",
        "message": sentence(package, extra),
    }
    assert "Traceback" not in err


def test_indexing_names_what_it_needs(
    radu: Any, hide: Any, tmp_path: Path, write_jsonl: Any
) -> None:
    schema = {"functions": [{"name": "sing", "description": "Sing a song."}]}
    (tmp_path / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    rows = write_jsonl([{"id": "1", "utterance": "sing to me", "function": "sing"}])
    assert radu("init", "-m", "acme_music_en", "--schema", str(tmp_path / "schema.json"))[0] == 0
    assert radu("import", "jsonl", str(rows), "-m", "acme_music_en")[0] == 0
    model = tmp_path / "home" / "models" / "all-MiniLM-L6-v2"
    model.mkdir(parents=True)
    for name in (RECORD, "config.json", "model.safetensors"):
        (model / name).write_text("{}", encoding="utf-8")
    hide("sentence_transformers")
    code, _, err = radu("index", "-m", "acme_music_en")
    assert (code, err.splitlines()[-1]) == (
        2,
        f"Error: {sentence('sentence_transformers', 'train')}",
    )


def test_a_database_url_names_its_driver(
    radu: Any, hide: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADU_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    hide("psycopg")
    code, _, err = radu("resolve", "-m", "acme_music_en")
    assert (code, err.strip()) == (2, f"Error: {sentence('psycopg', 'postgres')}")


def test_a_workbook_is_not_said_to_be_damaged(hide: Any, tmp_path: Path) -> None:
    hide("openpyxl")
    with pytest.raises(MissingPackageError, match=r'openpyxl.*pip install "radu-studio"\.$'):
        sheet_names(tmp_path / "x.xlsx")


def test_a_launch_on_ray_names_it(hide: Any) -> None:
    hide("ray")
    assert Ray("http://127.0.0.1:1").unreachable() == sentence("ray", "ray")


def test_a_package_of_nobodys_is_an_error_like_any_other() -> None:
    assert as_missing_package(ModuleNotFoundError("No module named 'x'", name="x")) is None
    assert as_missing_package(ImportError("torch is broken", name="torch")) is None
    with (
        pytest.raises(ModelError, match="Can't load it"),
        loading("it", remedy="Fetch it again."),
    ):
        raise ModuleNotFoundError("No module named 'x'", name="x")


def test_a_system_without_posix_is_named() -> None:
    found = as_missing_package(ModuleNotFoundError("No module named 'resource'", name="resource"))
    assert isinstance(found, MissingPackageError)
    assert str(found).startswith("This needs a POSIX system. Use Linux or macOS")


def test_a_page_and_a_job_say_it_too() -> None:
    def script() -> None:
        from studio.frame.page import messages

        with messages():
            raise ModuleNotFoundError("No module named 'faiss'", name="faiss")

    def work(_: object) -> None:
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")

    (shown,) = AppTest.from_function(script).run().error
    assert shown.value.replace("\\", "") == sentence("faiss", "train")
    job = jobs.start(("extras",), "Indexing", work)
    while job.running:
        pass
    assert (job.state, job.message) == ("failed", sentence("torch", "train"))
    jobs.forget(("extras",))
