"""``radu-studio``: open the studio, wherever it is installed; its state goes to the directory said.

Options that aren't ours go to ``streamlit run`` as they are (``--server.address 0.0.0.0``).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from radu_core import __version__
from radu_core.errors import InputError, RaduError

__all__ = ["APP", "main", "prepare"]

APP = (Path(__file__).parent / "app.py").resolve()  # in a checkout: the one at its root


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Check what is needed, say where the workspace lies, and become ``streamlit run``."""
    try:
        command, home = prepare(sys.argv[1:] if arguments is None else arguments)
    except RaduError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    print(f"Radu Studio {__version__}. The workspace is {home} (RADU_HOME).", flush=True)
    os.environ["RADU_HOME"] = str(home)
    os.execv(command[0], command)  # one process: signals reach the server itself


def prepare(arguments: Sequence[str]) -> tuple[list[str], Path]:
    """The command that serves the studio, and its workspace, which exists from then on.

    ``RaduError`` where it can't start: not a POSIX system, a package is missing, no place to write.
    """
    options, others = _parser().parse_known_args(arguments)
    if os.name != "posix":
        raise InputError(
            "Radu Studio runs on Linux and macOS, not on this system",
            value=sys.platform,
            remedy="On Windows, use it in WSL or from its container image.",
        )
    if find_spec("streamlit") is None:
        from radu_core.extras import missing_package

        raise missing_package("streamlit")
    from radu_core.workflows.frame.workspace import Workspace

    if options.home is not None:
        os.environ["RADU_HOME"] = options.home
    home = Workspace.from_environment().home
    if options.port is not None:
        others = ["--server.port", str(options.port), *others]
    # -P: a file of the directory it is started in must not be taken for one of our packages
    return [sys.executable, "-P", "-m", "streamlit", "run", str(APP), *others], home


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="radu-studio",
        description="Open the studio in a browser, at http://127.0.0.1:8501 by default.",
        epilog="Other options go to `streamlit run`, as --server.address 0.0.0.0.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--home",
        metavar="DIR",
        help="The workspace, which holds everything the studio writes. Default: RADU_HOME, else "
        "./workspace; it is created if it isn't there.",
    )
    parser.add_argument("--port", type=int, help="The port to serve at. Default: 8501.")
    parser.add_argument("--version", action="version", version=f"radu-studio {__version__}")
    return parser
