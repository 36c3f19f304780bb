"""Running the application: its socket, its signals, and a shutdown that finishes what it began."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from threadpoolctl import threadpool_limits
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from radu_core.errors import InputError
from radu_core.serving.problems import HttpError
from radu_core.serving.settings import Settings

__all__ = ["Server", "address_of", "bind", "serve"]

_BACKLOG = 2048


class Server(uvicorn.Server):
    """A uvicorn server that says when it listens."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        *,
        ready: Callable[[], None],
        working: Callable[[], float],
    ) -> None:
        """``working`` gives the seconds for which a model has been busy, 0 if none is."""
        self._settings = settings
        self._working = working
        self.hangs = False
        grace = settings.seconds + settings.body_seconds  # for requests that run
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(_TimedProtocol, head_seconds=settings.body_seconds),  # type: ignore[arg-type]
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                ws="none",
                backlog=_BACKLOG,
                timeout_graceful_shutdown=max(1, round(grace)),
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what runs.

        A model isn't waited for when it takes longer than a request may, whether or not a client
        still waits: then the server ``hangs``.
        """
        await super().shutdown(sockets)
        while 0 < self._working() <= self._settings.seconds and not self.force_exit:
            await asyncio.sleep(0.05)
        self.hangs = self._working() > 0


class _TimedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """A connection that ends when the head of a request doesn't arrive in time.

    uvicorn waits for it for ever: clients that hang would take all connections that a process may
    have. It times a connection itself between two requests.
    """

    def __init__(self, *, head_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._seconds = head_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._has_begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._expect_request()

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        if self._timer is None and before.response_complete:
            self._expect_request()
        self._has_begun = True
        super().data_received(data)
        if self.cycle is not before:
            self._stop_timer()

    def _expect_request(self) -> None:
        self._has_begun = False
        self._timer = self.loop.call_later(self._seconds, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._has_begun and not self.transport.is_closing():
            self.transport.write(_late(self._seconds))
        self.transport.close()


def _late(seconds: float) -> bytes:
    """What a client gets that was too slow; one that has sent nothing hasn't asked anything."""
    message = f"The request's head didn't arrive within {seconds:g} seconds."
    body = HttpError(408, message, code="head_timeout").response().body
    return (
        b"HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), bytes(body))
    )


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on that address; port 0 takes a free one.

    Who connects before the server runs waits for it. A socket that doesn't listen yet wouldn't keep
    the port from another process.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = addresses[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"Not an address of this machine ({error})",
            value=host,
            remedy="Give 127.0.0.1 for this machine alone, or 0.0.0.0 for all networks.",
        ) from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise InputError(
            f"Can't listen on {host}:{port} ({error.strerror})",
            remedy="Give another port, or stop what listens there.",
        ) from error
    return bound


def address_of(bound: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(server: Server, bound: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT; requests that run are finished first."""
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises it again when it is done
        signal.signal(number, lambda *_: None)
    threadpool_limits(1, "blas")  # numpy's products are small here: more threads only wait
    server.run(sockets=[bound])
    if server.hangs:  # a model that never returns would keep the process from ending
        os._exit(1)
