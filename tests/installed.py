"""The wheel, built once per session, in fresh virtual environments that know of no checkout.

``radu_wheel`` is the wheel. ``install_wheel("studio", "serve")`` gives an environment with these
extras, made once per session and set of extras, as an ``Installed``: run its programs with it in an
empty directory. Packages have the versions of ``constraints.txt``. Where no package index can be
reached the test is skipped.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from studio_process import ROOT

__all__ = ["Installed", "free_port", "install_wheel", "radu_wheel", "server_alone"]

# The links of radu_studio/ are copied as links, so that what they lead to has to be there.
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "radu", "radu_core")
_OFFLINE = ("NewConnectionError", "name resolution", "Network is unreachable", "ConnectTimeout")


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel in it."""

    directory: Path

    def program(self, name: str) -> str:
        """The path of one of its programs: ``python``, ``radu``, ``radu-studio``."""
        return str(self.directory / "bin" / name)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables to run its programs with: none that names the checkout or a workspace."""
        ours = ("PYTHON", "RADU_", "VIRTUAL_ENV", "STREAMLIT_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return {**kept, "PYTHONUTF8": "1", **(more or {})}

    def run(
        self, name: str, *arguments: str, cwd: Path, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs in ``cwd`` to its end; ``more`` are variables."""
        return subprocess.run(
            [self.program(name), *arguments],
            cwd=cwd,
            env=self.environment(more),
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def started(
        self, name: str, *arguments: str, cwd: Path, log: Path, health: str, **more: str
    ) -> Iterator[None]:
        """One of its programs at work in ``cwd``, from when ``health``, an address, answers.

        It writes into ``log`` and is ended with everything it started; ``more`` are variables.
        """
        with log.open("wb") as file:
            process = subprocess.Popen(
                [self.program(name), *arguments],
                cwd=cwd,
                env=self.environment(more),
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            _wait(process, health, log)
            yield
        finally:
            with suppress(ProcessLookupError):  # it ended by itself; the test says why
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=20)


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    end = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(health, timeout=1) as answer:
                assert answer.status == 200
                return
        except OSError:
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < end, f"no answer from {health}"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def radu_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built from a copy of its sources."""
    source = tmp_path_factory.mktemp("source")
    links = [p.name for p in (ROOT / "radu_studio").iterdir() if p.is_symlink()]
    for name in ("radu_studio", *links, *_SOURCES):
        path = ROOT / name
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "secrets.toml")
            shutil.copytree(path, source / name, symlinks=True, ignore=ignored)
        elif path.exists():
            shutil.copy(path, source)
    target = tmp_path_factory.mktemp("wheel")
    _pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(target), str(source))
    (wheel,) = target.glob("radu_studio-*.whl")
    return wheel


@pytest.fixture(scope="session")
def install_wheel(
    radu_wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Installed]]:
    """Makes an environment with the wheel and the extras that are named."""
    made: dict[tuple[str, ...], Installed] = {}

    def install(*extras: str) -> Installed:
        if extras not in made:
            wanted = f"{radu_wheel}[{','.join(extras)}]" if extras else str(radu_wheel)
            options = [wanted, "--constraint", str(ROOT / "constraints.txt")]
            made[extras] = _environment(tmp_path_factory.mktemp("venv"), options)
        return made[extras]

    yield install
    for environment in made.values():  # gigabytes that pytest would keep for three sessions
        shutil.rmtree(environment.directory)


@pytest.fixture(scope="session")
def server_alone(radu_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """What the slim image holds: the pins of requirements-serve.txt and the wheel, nothing else."""
    pins = ["-r", str(ROOT / "requirements-serve.txt")]
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    directory = tmp_path_factory.mktemp("venv")
    yield _environment(directory, [*pins, *constraints], ["--no-deps", str(radu_wheel)])
    shutil.rmtree(directory)


def _environment(directory: Path, *installs: Sequence[str]) -> Installed:
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    made = Installed(directory)
    for options in installs:
        _pip(made.program("python"), "install", *options)
    return made


def _pip(python: str, *arguments: str) -> None:
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and any(sign in done.stderr for sign in _OFFLINE):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
