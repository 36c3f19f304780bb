"""A real studio in a process group of its own, for tests and benchmarks that drive a browser."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["CHROMIUM", "ROOT", "Studio", "studio"]

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Studio:
    """The studio whose state lies in ``home``, on a port of its own that it keeps over restarts."""

    def __init__(
        self, home: Path, *, environment: Mapping[str, str] | None = None, script: str = "app.py"
    ) -> None:
        self.script = script
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = int(found.getsockname()[1])
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = home.parent / "studio.log"
        self.environment = {
            **os.environ,
            "RADU_HOME": str(home),
            "RADU_DATABASE_URL": "",
            "RADU_USER": "ann",
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, wait: bool = True) -> None:
        """Start it; unless ``wait`` is False, return when it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "streamlit",
                    "run",
                    self.script,
                    "--server.port",
                    str(self.port),
                    *options,
                ],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait()

    def wait(self, seconds: float = 60) -> None:
        """Return when it answers."""
        end = time.monotonic() + seconds
        while True:
            try:
                urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=1)
                return
            except OSError:
                assert self._process is not None
                assert self._process.poll() is None, self.log.read_text()
                assert time.monotonic() < end, "the studio didn't start"
                time.sleep(0.05)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and everything it started."""
        if self._process is None:
            return
        os.killpg(self._process.pid, how)
        self._process.wait(timeout=20)
        self._process = None


@contextmanager
def studio(home: Path, *options: str, **environment: str) -> Iterator[str]:
    """The address of a studio whose state lies in ``home``."""
    server = Studio(home, environment=environment)
    server.start(*options)
    try:
        yield server.address
    finally:
        server.end()
