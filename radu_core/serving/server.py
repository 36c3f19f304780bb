"""Running the application: its socket, its signals, and a shutdown that finishes what it began."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence

import uvicorn
from starlette.types import ASGIApp
from threadpoolctl import threadpool_limits

from radu_core.errors import InputError

__all__ = ["Server", "address_of", "bind", "serve"]

_BACKLOG = 2048


class Server(uvicorn.Server):
    """A uvicorn server that says when it listens."""

    def __init__(self, app: ASGIApp, *, seconds: float, ready: Callable[[], None]) -> None:
        """``seconds``: how long a shutdown waits for requests that run."""
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                ws="none",
                backlog=_BACKLOG,
                timeout_graceful_shutdown=max(1, round(seconds)),
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._ready()


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on that address; port 0 takes a free one.

    Who connects before the server runs waits for it. A socket that doesn't listen yet wouldn't keep
    the port from another process.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
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


def serve(server: Server, bound: socket.socket, stuck: Callable[[], Sequence[str]]) -> None:
    """Answer until SIGTERM or SIGINT; requests that run are finished first."""
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises it again when it is done
        signal.signal(number, lambda *_: None)
    threadpool_limits(1, "blas")  # numpy's products are small here: more threads only wait
    server.run(sockets=[bound])
    if stuck():  # a model that never returns would keep the process from ending
        os._exit(1)
