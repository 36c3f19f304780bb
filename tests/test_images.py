"""Dockerfile and compose.yaml: what they name exists, and nothing is open that needn't be.

No image is built here: docs/how-to/install.md says how the steps were executed.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from studio_process import ROOT
from typer.main import get_command

from radu_core.cli import app

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES = ("database", "studio", "server")


def stages() -> dict[str, list[tuple[str, str]]]:
    """Stage → its instructions; those of the stage that it is made from come first."""
    found: dict[str, list[tuple[str, str]]] = {}
    lines = re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines()
    current: list[tuple[str, str]] = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        instruction, rest = line.split(maxsplit=1)
        if instruction == "FROM":
            source, name = rest.split(" AS ")
            current = found[name] = list(found.get(source, []))
        else:
            current.append((instruction, rest))
    return found


def last(stage: str, instruction: str) -> str:
    return next(rest for name, rest in reversed(stages()[stage]) if name == instruction)


def sent() -> set[str]:
    """What of the checkout is sent to a build."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines
    return {line[1:] for line in lines if line.startswith("!")}


def test_what_is_copied_exists_and_is_sent() -> None:
    for stage in stages().values():
        for instruction, rest in stage:
            if instruction == "COPY" and "--from" not in rest:
                for name in rest.split()[:-1]:
                    assert name == "." or {name} <= sent(), rest
    links = {p.name for p in (ROOT / "radu_studio").iterdir() if p.is_symlink()}
    files = {"pyproject.toml", "README.md", "LICENSE", "radu_core", "radu_studio"}
    assert files | (links - {".streamlit"}) | {".streamlit/config.toml"} <= sent()


def test_secrets_are_not_sent() -> None:
    assert not {".", ".streamlit", "workspace", ".env", "tests"} & sent()


@pytest.mark.parametrize(
    ("stage", "port", "health"),
    [("studio", 8501, "/_stcore/health"), ("server", 8000, "/health")],
)
def test_an_image_says_where_it_listens_and_whether_it_is_well(
    stage: str, port: int, health: str
) -> None:
    assert int(last(stage, "EXPOSE")) == port
    assert f"http://127.0.0.1:{port}{health}'" in last(stage, "HEALTHCHECK")
    assert COMPOSE["services"][stage]["ports"] == [f"127.0.0.1:{port}:{port}"]


@pytest.mark.parametrize("stage", ["studio", "server"])
def test_an_image_runs_a_program_of_ours_as_nobody_in_particular(stage: str) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    program = "ENTRYPOINT" if stage == "server" else "CMD"
    assert json.loads(last(stage, program))[0] in scripts
    assert int(last(stage, "USER")) > 0


def test_the_studio_is_what_is_built_by_default() -> None:
    assert list(stages())[-1] == "studio"
    made = " ".join(rest for _, rest in stages()["studio"])
    assert "requirements.txt" in made
    assert "requirements-serve.txt" not in made


def test_the_server_holds_the_pins_of_the_server_only() -> None:
    made = " ".join(rest for _, rest in stages()["server"])
    assert "requirements-serve.txt" in made
    assert "/requirements.txt" not in made


def test_the_servers_command_exists() -> None:
    pytest.importorskip("radu_core.serving")
    program, name, *options = json.loads(last("server", "ENTRYPOINT"))
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    known = {o for p in command.params for o in p.opts}
    assert (program, {o for o in options if o.startswith("--")} <= known) == ("radu", True)


def test_the_services_are_a_studio_with_its_database_and_a_server_alone() -> None:
    services = COMPOSE["services"]
    assert tuple(services) == SERVICES
    for name in ("studio", "server"):
        assert services[name]["build"]["target"] == name
    assert services["studio"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert "healthcheck" in services["database"]
    assert services["server"]["profiles"] == ["server"]  # `docker compose up` starts the studio
    assert "depends_on" not in services["server"]
    assert "ports" not in services["database"]


def test_what_is_kept_lies_in_volumes_that_are_declared() -> None:
    services = COMPOSE["services"]
    named = [v.split(":")[0] for s in services.values() for v in s.get("volumes", ())]
    assert {v for v in named if v[0] not in "./$"} == set(COMPOSE["volumes"])
    home = next(r for i, r in stages()["studio"] if i == "ENV" and r.startswith("RADU_HOME="))
    assert f"studio:{home.split('=')[1]}" in services["studio"]["volumes"]


def test_the_studios_database_is_the_one_that_is_started() -> None:
    database, studio = COMPOSE["services"]["database"], COMPOSE["services"]["studio"]
    made = database["environment"]
    address = f"postgresql://{made['POSTGRES_USER']}@database/{made['POSTGRES_DB']}"
    assert studio["environment"]["RADU_DATABASE_URL"] == address
    assert studio["environment"]["PGPASSWORD"] == made["POSTGRES_PASSWORD"]


def test_the_readme_of_the_images_names_what_can_be_set() -> None:
    text = (ROOT / "docs/how-to/install.md").read_text("utf-8")
    named = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text("utf-8")))
    assert named == {"POSTGRES_PASSWORD", "PIP_EXTRA_INDEX_URL", "RADU_BUNDLE", "RADU_SERVE_KEYS"}
    assert [name for name in sorted(named) if name not in text] == []


def test_python_is_one_that_the_package_takes() -> None:
    (image,) = re.findall(r"ARG PYTHON_IMAGE=python:([\d.]+)-slim", DOCKERFILE)
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"Programming Language :: Python :: {image}" in classifiers["classifiers"]


def test_links_stay_links() -> None:
    """A copy of ``pages/`` in the package would be packed instead of the pages."""
    beside = {p.name: p.is_symlink() for p in (ROOT / "radu_studio").iterdir()}
    own = {"__init__.py", "__main__.py", "launch.py", "__pycache__"}
    assert {name for name, link in beside.items() if not link} <= own
    assert all(
        (ROOT / "radu_studio" / n).resolve() == Path(ROOT / n) for n in beside if n not in own
    )
