"""For whoever runs the server: whether it works, how well, and other versions of its models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from radu_core import __version__
from radu_core.errors import RaduError
from radu_core.serving.asking import Desk
from radu_core.serving.logs import log
from radu_core.serving.problems import HttpError
from radu_core.serving.registry import Swap
from radu_core.serving.shapes import ModelRequest

__all__ = ["operating_routes"]


def operating_routes(desk: Desk) -> APIRouter:
    """``/health``, ``/ready``, ``/metrics``, ``/reload`` and ``/rollback``."""
    routes = APIRouter(tags=["Operating"])

    @routes.head("/health", include_in_schema=False)  # what many load balancers ask
    @routes.get("/health")
    async def show_health() -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok", "radu": __version__})

    @routes.head("/ready", include_in_schema=False)
    @routes.get("/ready")
    async def show_readiness() -> Response:
        """The models answer: 503 while one is stuck for longer than a request may take."""
        stuck = desk.registry.stuck_models()
        models = {s.model.name: s.model.version for s in desk.registry.versions_in_use}
        body = {"status": "stuck" if stuck else "ready", "models": models, "stuck": stuck}
        return JSONResponse(body, 503 if stuck else 200)

    @routes.get("/metrics")
    async def show_metrics() -> Response:
        """Counts and times for Prometheus, without utterances."""
        return Response(desk.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @routes.post("/reload")
    async def reload(request: Request, body: ModelRequest | None = None) -> Response:
        """Load a model's directory again and use it from the next request on."""
        name = _require_model(desk, request, body)
        try:
            swap = await desk.registry.reload(name)
        except RaduError as error:
            raise HttpError(409, f"Nothing changed: {error}", code="reload_failed") from error
        return _swap_response("reload", swap)

    @routes.post("/rollback")
    async def roll_back(request: Request, body: ModelRequest | None = None) -> Response:
        """Use the version again that was in use before the last reload."""
        name = _require_model(desk, request, body)
        try:
            swap = await desk.registry.roll_back(name)
        except RaduError as error:
            raise HttpError(409, f"Nothing changed: {error}", code="rollback_failed") from error
        return _swap_response("rollback", swap)

    return routes


def _require_model(desk: Desk, request: Request, body: ModelRequest | None) -> str:
    """The model that is meant; 403 on a server without keys, where anybody could do it."""
    if not desk.settings.keys:
        raise HttpError(
            403,
            "A server without API keys doesn't reload: start it by radu serve DIR --key-file FILE.",
            code="keys_needed",
        )
    return desk.find(body.model if body else None, request).model.name


def _swap_response(event: str, swap: Swap) -> Response:
    fields: dict[str, Any] = {
        "model": swap.model,
        "before": swap.before,
        "version": swap.version,
        "changed": swap.is_change,
    }
    log.info(event, extra={"fields": fields})
    return JSONResponse(fields)
