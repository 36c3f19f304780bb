"""Keys, limits, and clients that hang or go away: the others are served."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
import pytest
from answering import KEY, Live, live, until, write_fake
from opentelemetry import trace

from radu_core.errors import InputError, NotFoundError
from radu_core.serving import read_keys
from radu_core.serving.logs import JsonFormatter, configure_logs

FLY = {"utterance": "fly to Rome"}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_fake(tmp_path / "model")


def connect(server: Live) -> socket.socket:
    address = urlsplit(server.address)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def request(body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return (
        b"POST /parse HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (size, body)
    )


def read_all(connection: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    received = b""
    while block := connection.recv(65_536):
        received += block
    return received


def read_one(connection: socket.socket) -> bytes:
    """One response of a connection that stays open."""
    response = HTTPResponse(connection)
    response.begin()
    return f"HTTP/1.1 {response.status}\r\n\r\n".encode() + response.read()


def test_without_the_key_nothing_is_answered(bundle: Path) -> None:
    with live(bundle, key=KEY) as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}):
            response = httpx2.post(f"{server.address}/parse", json=FLY, headers=headers)
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
            assert response.json()["error"]["code"] == "invalid_api_key"
        for path in ("/health", "/ready", "/metrics", "/docs", "/openapi.json"):
            assert httpx2.get(server.address + path).status_code == 200
        for path in ("/health", "/ready"):
            assert httpx2.head(server.address + path).status_code == 200
        for path in ("/v1/models", "/nix"):
            assert httpx2.get(server.address + path).status_code == 401
        assert server.post("/parse", FLY).json()["function"] == "book_flight"


def test_the_official_client_with_a_key(bundle: Path) -> None:
    with live(bundle, key=KEY) as server:
        wrong = openai.OpenAI(base_url=f"{server.address}/v1", api_key="wrong", max_retries=0)
        with pytest.raises(openai.AuthenticationError) as error:
            wrong.models.list()
        assert error.value.code == "invalid_api_key"
        right = openai.OpenAI(base_url=f"{server.address}/v1", api_key=KEY)
        assert [m.id for m in right.models.list()] == ["travel"]


def test_rasas_clients_send_their_key_as_a_token(bundle: Path) -> None:
    with live(bundle, key=KEY) as server:
        url = f"{server.address}/model/parse?token="
        assert httpx2.post(url + KEY, json={"text": "fly to Rome"}).status_code == 200
        assert httpx2.post(url + "wrong", json={"text": "fly to Rome"}).status_code == 401
        assert httpx2.post(f"{server.address}/parse?token={KEY}", json=FLY).status_code == 401


def test_rasas_own_client_puts_its_key_into_the_body(bundle: Path) -> None:
    with live(bundle, key=KEY) as server:
        url = f"{server.address}/model/parse"
        for token, status in ((KEY, 200), ("wrong", 401), ("", 401), (None, 401)):
            body = {"token": token, "text": "fly to Rome", "message_id": "1"}
            assert httpx2.post(url, json=body).status_code == status
        assert httpx2.post(url, json={"text": "fly to Rome"}).status_code == 401
        wrong = {"Authorization": "Bearer wrong"}  # a key that is sent counts
        body = {"token": KEY, "text": "fly to Rome"}
        assert httpx2.post(url, json=body, headers=wrong).status_code == 401
        flight = {"utterance": "fly to Rome", "token": KEY}
        assert httpx2.post(f"{server.address}/parse", json=flight).status_code == 401


def test_requests_are_told_to_no_telemetry(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Provider(trace.TracerProvider):
        asked = 0

        def get_tracer(self, *args: Any, **more: Any) -> trace.Tracer:
            self.asked += 1
            return trace.NoOpTracer()

    provider = Provider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    with live(bundle, key=KEY) as server:
        url = f"{server.address}/model/parse?token={KEY}"
        assert httpx2.post(url, json={"text": "fly to Rome"}).status_code == 200
    assert provider.asked == 0


def test_keys_of_file_and_variable(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# the app's\nfirst-key # mine\n\n  second-key  \n\t# none\nwith#in\n", "utf-8")
    keys = read_keys(file, "third-key, ,fourth-key")
    assert [keys.accept(f"{n}-key") for n in ("first", "second", "third", "fourth")] == [True] * 4
    assert keys.accept("with#in")
    assert not keys.accept("")
    assert not keys.accept("# the app's")
    assert "first-key" not in repr(keys)
    assert not read_keys(None)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "kéy\n", "two words\n"])
def test_keys_that_are_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text, "utf-8")
    with pytest.raises(InputError) as error:
        read_keys(file)
    assert "two words" not in str(error.value)
    with pytest.raises(NotFoundError):
        read_keys(tmp_path / "nix")


def test_a_full_queue_is_said_with_when_to_come_back(bundle: Path) -> None:
    with live(bundle, most_waiting=2, largest_batch=1) as server, ThreadPoolExecutor(4) as pool:
        model = server.model
        model.entered.acquire()  # of loading it
        model.open.clear()
        busy = pool.submit(server.post, "/parse", FLY)
        assert model.entered.acquire(timeout=20)
        full = [pool.submit(server.post, "/parse", FLY) for _ in range(2)]
        until(lambda: server.metric("radu_queue_waiting") == 2)
        response = server.post("/parse", FLY)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert response.json()["error"]["code"] == "overloaded"
        model.open.set()
        assert [f.result().status_code for f in (busy, *full)] == [200] * 3


def test_a_model_that_takes_too_long_is_not_waited_for(bundle: Path) -> None:
    with live(bundle, seconds=0.2) as server:
        server.model.open.clear()
        response = server.post("/parse", FLY)
        assert response.status_code == 504
        assert response.json()["error"]["message"] == "travel hasn't answered within 0.2 seconds."
        until(lambda: server.client.get("/ready").status_code == 503)
        assert server.client.get("/ready").json()["stuck"] == ["travel"]
        assert server.client.get("/health").status_code == 200
        server.model.open.set()
        until(lambda: server.client.get("/ready").status_code == 200)
        assert server.post("/parse", FLY).status_code == 200


def test_a_client_that_has_gone_is_not_answered(bundle: Path) -> None:
    with live(bundle, largest_batch=1) as server, ThreadPoolExecutor(1) as pool:
        model = server.model
        model.entered.acquire()
        model.open.clear()
        busy = pool.submit(server.post, "/parse", FLY)
        assert model.entered.acquire(timeout=20)
        with connect(server) as connection:
            connection.sendall(request(b'{"utterance": "fly to nowhere"}'))
            until(lambda: server.metric("radu_queue_waiting") == 1)
        until(lambda: server.metric("radu_queue_waiting") == 0)
        model.open.set()
        assert busy.result().status_code == 200
        assert server.post("/parse", FLY).status_code == 200
        assert ["fly to nowhere"] not in model.batches
        assert server.metric('radu_requests_total{model="travel",route="/parse",status="499"}') == 1


def test_a_client_that_goes_within_its_body_is_counted_as_gone(bundle: Path) -> None:
    with live(bundle) as server:
        with connect(server) as connection:
            connection.sendall(request(b'{"utterance": ', length=500))
        gone = 'radu_requests_total{model="",route="/parse",status="499"}'
        until(lambda: server.metric('radu_requests_total{model="",route="/parse"') == 1)
        assert server.metric(gone) == 1


def test_clients_that_hang_keep_nobody_waiting(bundle: Path) -> None:
    with live(bundle, body_seconds=1.0) as server:
        slow, silent, half = connect(server), connect(server), connect(server)
        with slow, silent, half:
            slow.sendall(request(b'{"utterance": ', length=500))
            half.sendall(b"POST /parse HTTP/1.1\r\nHost")
            for _ in range(20):
                assert server.post("/parse", FLY).status_code == 200
            answer = read_all(slow)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"didn't arrive within 1 seconds" in answer


def test_connections_end_where_no_head_of_a_request_arrives(bundle: Path) -> None:
    """They would take all that a process may have."""
    with live(bundle, body_seconds=0.5) as server:
        silent, half, again = connect(server), connect(server), connect(server)
        with silent, half, again:
            half.sendall(b"POST /parse HTTP/1.1\r\nHost")
            again.sendall(request(b'{"utterance": "fly to Rome"}'))
            assert read_one(again).startswith(b"HTTP/1.1 200")
            again.sendall(b"POST /parse HTTP/1.1\r\nHost")  # the next one on a connection
            assert read_all(silent) == b""
            for answer in (read_all(half), read_all(again)):
                head, _, body = answer.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 408")
                assert json.loads(body)["error"]["code"] == "head_timeout"


def test_a_connection_may_be_used_for_longer_than_a_head_may_take(bundle: Path) -> None:
    with live(bundle, body_seconds=0.5) as server, connect(server) as connection:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            connection.sendall(request(b'{"utterance": "fly to Rome"}'))
            assert read_one(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_beyond_the_limit_is_not_read(bundle: Path, is_chunked: bool) -> None:
    body = json.dumps({"utterance": "x" * 3_000_000}).encode()
    blocks = (body[n : n + 65_536] for n in range(0, len(body), 65_536))
    with live(bundle) as server:
        response = server.client.post(
            "/parse",
            content=blocks if is_chunked else body,
            headers={"Content-Type": "application/json"},
        )
        assert response.status_code == 413
        assert response.json()["error"]["code"] == "body_too_large"
        assert server.post("/parse", FLY).status_code == 200


def test_pages_of_other_origins_may_not_ask_unless_they_are_named(bundle: Path) -> None:
    preflight = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    with live(bundle, key=KEY) as server:
        response = httpx2.options(f"{server.address}/parse", headers=preflight)
        assert "access-control-allow-origin" not in response.headers
    with live(bundle, key=KEY, origins=("https://app.example",)) as server:
        response = httpx2.options(f"{server.address}/parse", headers=preflight)
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        other = preflight | {"Origin": "https://other.example"}
        response = httpx2.options(f"{server.address}/parse", headers=other)
        assert "access-control-allow-origin" not in response.headers


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(JsonFormatter().format(record)) for record in caplog.records]


@pytest.mark.parametrize("log_utterances", [False, True])
def test_the_log_has_utterances_only_if_asked_for(
    bundle: Path, caplog: pytest.LogCaptureFixture, log_utterances: bool
) -> None:
    caplog.set_level(logging.INFO, "radu.serving")
    with live(bundle, key=KEY, log_utterances=log_utterances) as server:
        server.post("/parse", {"utterance": "fly to Xanadu"})
        server.post("/parse", {"utterance": "a bug in Xanadu"})
        server.post("/parse", {"utterance": "an odd Xanadu"})
        server.client.get("/health")
    requests = [entry for entry in logged(caplog) if entry["event"] == "request"]
    assert [(r["route"], r["status"], r["model"]) for r in requests] == [
        ("/parse", 200, "travel"),
        ("/parse", 500, "travel"),
        ("/parse", 400, "travel"),
    ]
    assert requests[0]["utterances"] == (["fly to Xanadu"] if log_utterances else 1)
    failure = next(entry for entry in logged(caplog) if entry["event"] == "request_failed")
    assert failure["exception"] == "KeyError"
    assert "answering.py" in failure["traceback"]
    text = json.dumps(logged(caplog))
    assert ("Xanadu" in text) == log_utterances
    assert KEY not in text


def test_the_log_is_json_whoever_writes_into_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Also of asyncio, which writes what an exception says below its message."""
    before = {n: logging.getLogger(n) for n in ("radu.serving", "uvicorn", "asyncio")}
    state = {n: (g.handlers, g.level, g.propagate) for n, g in before.items()}
    try:
        configure_logs()
        logging.getLogger("asyncio").error("A task failed\nexception=KeyError('fly to Xanadu')")
    finally:
        for name, (handlers, level, propagates) in state.items():
            before[name].handlers, before[name].propagate = handlers, propagates
            before[name].setLevel(level)
    entry = json.loads(capsys.readouterr().err)
    assert (entry["level"], entry["event"]) == ("error", "A task failed")


def test_fifty_clients_at_once_are_all_answered(bundle: Path) -> None:
    start = threading.Barrier(50)

    def ask(number: int) -> str:
        start.wait(20)
        return str(server.post("/parse", {"utterance": f"fly to {number}"}).json()["arguments"])

    with live(bundle) as server, ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
        assert max(map(len, server.model.batches)) > 1
    assert answers == [f"{{'destination': '{n}'}}" for n in range(50)]
