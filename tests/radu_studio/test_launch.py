"""``radu-studio``: what it runs, where the workspace lies, and where it can't start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from radu_core import __version__
from radu_core.errors import InputError, MissingPackageError, StoreError
from radu_studio.launch import APP, main, prepare

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to start it in, and no RADU_HOME."""
    monkeypatch.setenv("RADU_HOME", "")
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_in_a_checkout_it_is_the_checkouts_app() -> None:
    assert ROOT / "app.py" == APP
    for link in (ROOT / "radu_studio").iterdir():
        if link.is_symlink():
            assert link.resolve() == ROOT / link.name


def test_the_workspace_lies_in_the_directory_it_is_started_in(empty: Path) -> None:
    command, home = prepare([])
    assert command == [sys.executable, "-P", "-m", "streamlit", "run", str(APP)]
    assert (home, home.is_dir()) == (empty / "workspace", True)


@pytest.mark.parametrize("by_option", [True, False])
def test_or_where_radu_home_or_the_option_says(
    empty: Path, monkeypatch: pytest.MonkeyPatch, by_option: bool
) -> None:
    monkeypatch.setenv("RADU_HOME", "other" if by_option else "mine")
    _, home = prepare(["--home", "mine"] if by_option else [])
    assert home == empty / "mine"


def test_what_isnt_ours_goes_to_streamlit() -> None:
    command, _ = prepare(["--port", "8502", "--server.address", "0.0.0.0"])
    assert command[-4:] == ["--server.port", "8502", "--server.address", "0.0.0.0"]


def test_it_becomes_the_server(
    empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: became.append(command))
    main(["--home", "mine"])
    assert [c[-1] for c in became] == [str(APP)]
    assert os.environ["RADU_HOME"] == str(empty / "mine")
    said = f"Radu Studio {__version__}. The workspace is {empty / 'mine'} (RADU_HOME).\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("arguments", "error"), [(["--home", "file"], StoreError), (["--home", "file/x"], StoreError)]
)
def test_a_workspace_that_cant_be_written_is_said(
    empty: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    error: type[Exception],
) -> None:
    (empty / "file").touch()
    with pytest.raises(error):
        prepare(arguments)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("Error: Can't write")
    assert len(err.splitlines()) == 1


def test_without_streamlit_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "streamlit", None)
    with pytest.raises(MissingPackageError, match=r'pip install "radu-studio"'):
        prepare([])


def test_elsewhere_than_on_posix_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radu_studio.launch.os.name", "nt")
    with pytest.raises(InputError, match="Linux and macOS"):
        prepare([])


def test_as_a_module_it_is_the_same_program(empty: Path) -> None:
    command = [sys.executable, "-m", "radu_studio", "--version"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert out.stdout == f"radu-studio {__version__}\n"
