"""``radu serve`` as a process: its start, what it refuses, and its end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import httpx2
import pytest
from answering import KEY, load_fake, until, write_fake
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.errors import InputError
from radu_core.serving.server import address_of, bind

ROOT = Path(__file__).resolve().parents[2]
FLY = {"utterance": "fly to Rome"}


class Process:
    """A server that listens, with what it has written to stderr."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stderr is not None
        self.errors: list[str] = []
        for line in process.stderr:
            self.errors.append(line)
            if found := re.search(r" at (http://\S+)", line):
                self.address = found[1]
                break
        self._reader = threading.Thread(target=lambda: self.errors.extend(process.stderr or ()))
        self._reader.start()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Send a signal, wait for the end, and give stdout."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> str:
        """What the process has written to stdout when it ends."""
        self.process.wait(30)
        self._reader.join(30)
        assert self.process.stdout is not None
        return self.process.stdout.read()


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "tests" / "serve_fake.py"), "serve", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONUTF8": "1", **more}


@contextmanager
def serving(*arguments: object, **variables: str) -> Iterator[Process]:
    with subprocess.Popen(
        command(*arguments, "--port", 0),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
    ) as process:
        try:
            yield Process(process)
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_that_run_are_finished_before_it_ends(
    tmp_path: Path, number: signal.Signals
) -> None:
    """The model answers only once the signal has come."""
    gate = tmp_path / "gate"
    traces = tmp_path / "traces.jsonl"
    bundle = write_fake(tmp_path / "model")
    with (
        serving(bundle, "--traces", traces, "--json", FAKE_GATE=str(gate)) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        pending = pool.submit(httpx2.post, f"{server.address}/parse", json=FLY, timeout=30)
        while not gate.with_suffix(".entered").exists():
            assert not pending.done()
        server.process.send_signal(number)
        while _connects(server.address):  # it takes no new ones from here on
            assert not pending.done()
        gate.touch()
        assert pending.result().json()["function"] == "book_flight"
        summary = json.loads(server.ended())
    assert server.process.returncode == 0
    assert summary["models"] == ["travel"]
    assert summary["requests"] >= 1
    assert [json.loads(line)["utterance"] for line in traces.open()] == ["fly to Rome"]
    logs = [json.loads(line) for line in server.errors if line.startswith("{")]
    assert [entry["route"] for entry in logs if entry["event"] == "request"] == ["/parse"]


def test_a_model_that_hangs_is_not_waited_for_when_its_client_has_gone(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    bundle = write_fake(tmp_path / "model")
    with serving(bundle, "--timeout", 0.5, FAKE_GATE=str(gate)) as server:
        with httpx2.Client(timeout=0.2) as client, pytest.raises(httpx2.TimeoutException):
            client.post(f"{server.address}/parse", json=FLY)
        until(gate.with_suffix(".entered").exists)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(15)  # the fake would wait for 20 seconds
    assert server.process.returncode == 1


def _connects(address: str) -> bool:
    host, port = address.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.slow
def test_keys_of_the_environment_and_the_shells_text(tmp_path: Path) -> None:
    with serving(write_fake(tmp_path / "model"), RADU_SERVE_KEYS=KEY) as server:
        assert httpx2.post(f"{server.address}/parse", json=FLY).status_code == 401
        headers = {"Authorization": f"Bearer {KEY}"}
        response = httpx2.post(f"{server.address}/parse", json=FLY, headers=headers)
        assert response.json()["function"] == "book_flight"
        assert server.stop() == "Stopped after 2 requests.\n"
    assert server.process.returncode == 0
    assert KEY not in "".join(server.errors)
    assert "Serving travel at http://127.0.0.1:" in server.errors[0]


@pytest.fixture
def fake_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("radu_core.inference.bundle")
    monkeypatch.setattr(module, "load_bundle", load_fake, raising=False)
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nix"], "No model there: 'nix'"),
        (["broken"], "The file was edited"),
        (["model", "model"], "models of one name: 'travel'"),
        (["model", "--port", "PORT"], "Give another port"),
        (["model", "--host", "no.such.host.invalid"], "Not an address of this machine"),
        (["model", "--key-file", "nix"], "No such file"),
        (["model", "--traces", "nix/t"], "Traces can't be written there"),
        (["model", "--traces", "model"], "Traces can't be written there"),
        (["model", "--redact", "copy:copy"], "no traces to redact"),
        (["model", "--traces", "t", "--redact", "nix:x"], "No redaction function"),
    ],
)
@pytest.mark.usefixtures("fake_bundles")
def test_what_cannot_be_served_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_fake(Path("model"))
    write_fake(Path("broken"), "broken", "")
    with bind("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        words = [port if word == "PORT" else word for word in arguments]
        free = [] if port in words else ["--port", "0"]
        result = CliRunner().invoke(app, ["serve", *words, *free, "--json"])
    assert result.exit_code == 2
    assert told in json.loads(result.stdout)["message"]


def test_an_address_in_use_or_unknown_is_refused() -> None:
    with bind("127.0.0.1", 0) as bound:
        address = address_of(bound)
        port = bound.getsockname()[1]
        assert address == f"http://127.0.0.1:{port}"
        with pytest.raises(InputError, match="Give another port"):
            bind("127.0.0.1", port)
    with pytest.raises(InputError, match="Not an address"):
        bind("no.such.host.invalid", 0)
