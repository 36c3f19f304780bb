"""What happens to every request before a route sees it: watched, let in or not, its body read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radu_core.serving.logs import log
from radu_core.serving.metrics import Metrics
from radu_core.serving.problems import CLIENT_GONE, HttpError, internal_error
from radu_core.serving.settings import Keys

__all__ = [
    "OPEN_PATHS",
    "RASA_PATH",
    "BodyLimit",
    "KeyCheck",
    "Trail",
    "Watching",
    "check_key_in_body",
]

# What needs no key: whether the server works, how well, and how to ask it.
OPEN_PATHS = ("/health", "/ready", "/metrics", "/docs", "/openapi.json")
RASA_PATH = "/model/parse"
_PROBES = ("/health", "/ready", "/metrics")
_TRAIL, _KEY_IN_BODY = "radu.trail", "radu.key in body"


@dataclass
class Trail:
    """What a route says about the request for log and metrics."""

    model: str = ""
    version: str = ""
    utterances: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, scope: Scope) -> Trail:
        """The trail of the request with that scope."""
        trail: Trail = scope[_TRAIL]
        return trail


class Watching:
    """Logs and counts each request; an error that nobody foresaw is logged and answered by 500."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, paths: Collection[str], *, log_utterances: bool
    ) -> None:
        """``paths``: those of the application, which a request is counted by."""
        self._app = app
        self._paths = paths
        self._metrics = metrics
        self._log_utterances = log_utterances

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        scope[_TRAIL] = Trail()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception:
            log.exception("request_failed")
            if not status:
                await internal_error().response()(scope, receive, send_and_note)
        finally:
            # nothing was sent: the client has gone, or the server stops and this took too long
            self._record(scope, status or CLIENT_GONE, time.perf_counter() - start)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        trail = Trail.of(scope)
        route = scope["path"] if scope["path"] in self._paths else "other"
        self._metrics.requests.labels(route, trail.model, str(status)).inc()
        self._metrics.request_seconds.labels(route, trail.model).observe(seconds)
        if route in _PROBES and status == 200:  # a line every few seconds that nobody reads
            return
        fields = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "model": trail.model,
            "version": trail.version,
            "utterances": trail.utterances if self._log_utterances else len(trail.utterances),
        }
        log.info("request", extra={"fields": fields})


class KeyCheck:
    """Refuses requests without a key, before their body is read.

    Rasa's own client puts its key into the body: its route asks ``check_key_in_body``.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            key = _given_key(scope)
            if not key and scope["path"] == RASA_PATH and scope["method"] == "POST":
                scope[_KEY_IN_BODY] = self._keys
            elif not self._keys.accept(key):
                await _unauthorized_error(key).response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def check_key_in_body(scope: Scope, token: str | None) -> None:
    """``HttpError`` 401 unless the request has brought a key, in its body at last."""
    keys = scope.get(_KEY_IN_BODY)
    if keys is not None and not keys.accept(token or ""):
        raise _unauthorized_error(token or "")


def _given_key(scope: Scope) -> str:
    """The bearer token; Rasa's clients send theirs in the query."""
    scheme, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    if scope["path"] == RASA_PATH:
        return QueryParams(scope["query_string"]).get("token", "")
    return ""


def _unauthorized_error(key: str) -> HttpError:
    return HttpError(
        401,
        "This API key isn't one of the server's."
        if key
        else "An API key is needed: send the header Authorization: Bearer KEY.",
        code="invalid_api_key",
        headers={"WWW-Authenticate": "Bearer"},
    )


class BodyLimit:
    """Reads the body before the request goes on, as far as its size and the time for it allow.

    So a client that sends slowly, or too much, costs a coroutine and a bounded number of bytes.
    """

    def __init__(self, app: ASGIApp, largest: int, seconds: float) -> None:
        self._app = app
        self._largest = largest
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(scope, receive)
        except TimeoutError:
            message = f"The request's body didn't arrive within {self._seconds:g} seconds."
            await _closing(408, message, "body_timeout").response()(scope, receive, send)
        except HttpError as error:
            await error.response()(scope, receive, send)
        else:
            if body is not None:
                await self._app(scope, _once(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None if the client has gone."""
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > self._largest:
            raise self._too_large()
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._largest:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> HttpError:
        return _closing(413, f"The body has more than {self._largest:,} bytes.", "body_too_large")


def _closing(status: int, message: str, code: str) -> HttpError:
    """What ends the connection: the rest of the body is of no use."""
    return HttpError(status, message, code=code, headers={"Connection": "close"})


def _once(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body that was read, then what comes after it."""
    is_read = False

    async def replay() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
