"""What is released: ranges and pins agree, the wheel holds all of the studio, and it opens."""

from __future__ import annotations

import json
import sys
import tomllib
import zipfile
from collections.abc import Callable
from email.parser import Parser
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROWS, SCHEMA
from installed import Installed, free_port
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from playwright.sync_api import Browser, expect
from studio_process import ROOT

from radu_core import __version__

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SAMPLE = ("banking", "restaurant", "travel")


def ranges() -> dict[str, Requirement]:
    """Package → what pyproject.toml allows, in the base and every extra."""
    lines = [*PROJECT["dependencies"]]
    for extra in PROJECT["optional-dependencies"].values():
        lines += extra
    found: dict[str, Requirement] = {}
    for requirement in map(Requirement, lines):
        name = canonicalize_name(requirement.name)
        assert name not in found or found[name].specifier == requirement.specifier, name
        found[name] = requirement
    del found["radu-studio"]  # an extra that holds another
    return found


def pins(name: str) -> dict[str, Requirement]:
    """Package → its pin in a requirements file; what it includes is left out."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    wanted = [
        Requirement(line.partition(" #")[0]) for line in lines if line and line[0] not in "#-"
    ]
    return {canonicalize_name(r.name): r for r in wanted}


def version(pin: Requirement) -> str:
    (only,) = pin.specifier
    assert only.operator == "==", pin
    return only.version


def test_every_range_has_a_pin_within_it_and_every_pin_a_range() -> None:
    pinned = pins("requirements.txt") | pins("requirements-ray.txt")
    allowed = ranges()
    del allowed["pip"]  # whichever the environment has
    assert set(pinned) == set(allowed)
    for name, pin in pinned.items():
        assert allowed[name].specifier.contains(version(pin)), f"{pin} isn't {allowed[name]}"
        assert pin.extras == allowed[name].extras, name


@pytest.mark.parametrize("requirement", ranges().values(), ids=str)
def test_every_range_ends_below_a_version_that_may_break_us(requirement: Requirement) -> None:
    if requirement.name in ("pip", "regex"):  # tools of any version; versions that are dates
        return
    assert {s.operator for s in requirement.specifier} == {">=", "<"}


@pytest.mark.parametrize(
    "file", ["requirements.txt", "requirements-dev.txt", "requirements-serve.txt"]
)
def test_pins_are_what_the_tests_were_run_with(file: str) -> None:
    tested = pins("constraints.txt")
    for name, pin in pins(file).items():
        if name in tested:
            assert version(pin) == version(tested[name]), name
    assert file == "requirements-dev.txt" or set(pins(file)) <= set(tested)


def test_torch_is_pinned_exactly_as_a_build_for_processors() -> None:
    """A range makes pip fetch gigabytes of CUDA packages; ``make run`` must not."""
    assert str(pins("requirements.txt")["torch"].specifier) == "==2.13.0"


def test_the_server_alone_has_neither_streamlit_nor_torch() -> None:
    alone = set(pins("requirements-serve.txt"))
    assert not alone & {"streamlit", "pandas", "torch", "transformers"}
    serve = {canonicalize_name(Requirement(r).name) for r in extra("serve")}
    assert serve <= alone


def extra(name: str) -> list[str]:
    wanted: list[str] = PROJECT["optional-dependencies"][name]
    return wanted


def test_the_version_stands_in_one_place() -> None:
    assert PROJECT["dynamic"] == ["version"]
    heading = next(
        line
        for line in (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines()
        if line[:3] == "## "
    )
    assert heading.split()[1] == __version__


@pytest.mark.slow
def test_the_wheel_holds_all_of_it(radu_wheel: Path) -> None:
    with zipfile.ZipFile(radu_wheel) as archive:
        names = set(archive.namelist())
        metadata = Parser().parsestr(
            archive.read(f"radu_studio-{__version__}.dist-info/METADATA").decode()
        )
    for folder in ("radu_core", "radu", "studio", "pages", "components", "docs"):
        for path in (ROOT / folder).rglob("*"):
            parts = {*path.relative_to(ROOT).parts}
            if path.is_file() and not {"__pycache__", "site", "images", "ruff.toml"} & parts:
                inside = path.relative_to(ROOT).as_posix()
                assert {inside, f"radu_studio/{inside}"} & names, inside
    assert {f"radu_studio/sample_data/{s}/utterances.jsonl" for s in SAMPLE} <= names
    assert {"radu_studio/app.py", "radu_studio/.streamlit/config.toml"} <= names
    assert {n.split("/")[0] for n in names} <= {
        "radu",
        "radu_core",
        "radu_studio",
        f"radu_studio-{__version__}.dist-info",
    }
    assert not [n for n in names if "secrets" in n or "__pycache__" in n or n.startswith("tests")]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert "Operating System :: POSIX" in metadata.get_all("Classifier", [])
    assert {url.split(",")[0] for url in metadata.get_all("Project-URL", [])} >= {
        "Homepage",
        "Documentation",
        "Changelog",
        "Issues",
        "Source",
    }
    assert "radu_core/py.typed" in names


@pytest.mark.slow
def test_reading_a_csv_needs_no_torch(
    install_wheel: Callable[..., Installed], tmp_path: Path
) -> None:
    base = install_wheel()
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    lines = ["utterance,function"]
    lines += [f'"{r["utterance"]}",{r["function"]}' for r in ROWS if r["function"]]
    (tmp_path / "rows.csv").write_text("\n".join(lines), encoding="utf-8")
    module = SCHEMA["module"]
    for arguments in (
        ["init", "-m", module, "--schema", "schema.json"],
        ["import", "csv", "rows.csv", "-m", module],
        ["sample"],
        ["export", "csv", "-m", module, "-o", "out.csv"],
        ["backup", "all.zip"],
    ):
        done = base.run("radu", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "workspace" / "radu.db").is_file()
    done = base.run("python", "-c", "import torch", cwd=tmp_path)
    assert "No module named 'torch'" in done.stderr
    for arguments in (["models", "fetch"], ["index", "-m", module], ["overlap", "-m", module]):
        done = base.run("radu", *arguments, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.endswith(
            'which isn\'t installed. Install it: pip install "radu-studio[train]".'
        )
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_server_alone_answers_without_the_rest(server_alone: Installed, tmp_path: Path) -> None:
    ours = ["radu", "radu_core.cli", "radu_core.inference.fast", "radu_core.retrieval"]
    ours += ["radu_core.serving"]
    here = [m for m in ours if find_spec(m)]
    theirs = ["fastapi", "onnxruntime", "prometheus_client", "tokenizers", "uvicorn"]
    code = (
        f"import sys, {', '.join([*here, *theirs])};"
        "print(sorted({'torch', 'streamlit', 'pandas', 'transformers'} & set(sys.modules)))"
    )
    done = server_alone.run("python", "-c", code, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert server_alone.run("radu", "--version", cwd=tmp_path).stdout == f"radu {__version__}\n"
    done = server_alone.run("radu-studio", cwd=tmp_path)
    assert done.returncode == 2
    assert 'pip install "radu-studio"' in done.stderr


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize("extras", [(), ("studio",)], ids=["base", "studio"])
def test_an_installed_studio_opens_in_an_empty_directory(
    install_wheel: Callable[..., Installed],
    browser: Browser,
    tmp_path: Path,
    extras: tuple[str, ...],
) -> None:
    made = install_wheel(*extras)
    port, log = free_port(), tmp_path / "studio.log"
    address = f"http://127.0.0.1:{port}"
    with made.started(
        "radu-studio",
        "--port",
        str(port),
        cwd=tmp_path,
        log=log,
        health=f"{address}/_stcore/health",
    ):
        page = browser.new_page()
        page.goto(address)
        expect(page.get_by_role("heading", name="Radu Studio")).to_be_visible(timeout=60_000)
        page.get_by_role("button", name="Load the sample project").click()
        for name in SAMPLE:
            heading = page.get_by_text(f"aurora_{name}_en", exact=True)
            expect(heading.first).to_be_visible(timeout=120_000)
        page.goto(f"{address}/annotate?module=aurora_travel_en")
        expect(page.get_by_role("heading", name="Annotate")).to_be_visible()
        page.close()
    said = log.read_text("utf-8")
    assert f"The workspace is {tmp_path.resolve() / 'workspace'} (RADU_HOME)." in said
    assert "Traceback" not in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["studio.log", "workspace"]


def test_the_python_that_is_asked_for_is_this_one_or_older() -> None:
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert tuple(map(int, lowest.split("."))) <= sys.version_info[:2]
