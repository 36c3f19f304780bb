"""The server as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, Response

from radu_core import __version__
from radu_core.serving.asking import Desk
from radu_core.serving.chat import chat_routes
from radu_core.serving.docs_page import POLICY, render_docs
from radu_core.serving.metrics import Metrics
from radu_core.serving.middleware import BodyLimit, KeyCheck, Watching
from radu_core.serving.operating import operating_routes
from radu_core.serving.parsing import parse_routes
from radu_core.serving.problems import handle_errors
from radu_core.serving.registry import Registry
from radu_core.serving.settings import Settings
from radu_core.serving.traces import TraceWriter

__all__ = ["create_app"]

_DESCRIPTION = """What an utterance means: a function and its arguments.

Clients of OpenAI's API use /v1 as their base URL. /parse gives all that is known about an
answer, and Rasa's clients ask /model/parse."""

# Where an environment has an exporter of OpenTelemetry FastAPI would send it what requests there
# were, with the key in the query of Rasa's clients.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(registry: Registry, settings: Settings, metrics: Metrics) -> FastAPI:
    """The application that answers with the models of ``registry``.

    ``metrics`` are those that the registry was made with.
    """
    desk = Desk(registry, settings, metrics)

    @asynccontextmanager
    async def keep_traces(_app: FastAPI) -> AsyncIterator[None]:
        if settings.traces is None:
            yield
            return
        desk.traces = TraceWriter(settings.traces, metrics)
        try:
            yield
        finally:
            desk.traces.close()

    app = FastAPI(
        title="Radu",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=keep_traces,
        telemetry=_NO_TELEMETRY,
        docs_url=None,  # FastAPI's own loads its script from somewhere else
        redoc_url=None,
    )
    bearer = [Depends(HTTPBearer(auto_error=False))] if settings.keys else []  # for /docs
    app.include_router(chat_routes(desk), dependencies=bearer)
    app.include_router(parse_routes(desk), dependencies=bearer)
    app.include_router(operating_routes(desk))
    page = render_docs(app.openapi())

    @app.get("/docs", include_in_schema=False)
    async def show_docs() -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})

    handle_errors(app)
    _add_middleware(app, settings, metrics)
    return app


def _add_middleware(app: FastAPI, settings: Settings, metrics: Metrics) -> None:
    """Whichever is added last sees a request first."""
    app.add_middleware(BodyLimit, largest=settings.largest_body, seconds=settings.body_seconds)
    if settings.keys:
        app.add_middleware(KeyCheck, keys=settings.keys)
    if settings.origins:  # before the keys: a browser's preflight sends none
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=("GET", "POST"),
            allow_headers=("*",),
        )
    app.add_middleware(
        Watching,
        metrics=metrics,
        paths=frozenset(app.openapi()["paths"]),
        log_utterances=settings.log_utterances,
    )
