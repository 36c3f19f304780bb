"""The annotation page's own routes in the studio's server: what its browser component talks to.

Streamlit doesn't run while somebody annotates. What the requests mean is docs/annotation.md; a
signed token in each says who asks. Imported when the server starts, so it imports little itself.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

if TYPE_CHECKING:
    from radu_core.workflows.annotation_token import Bearer
    from radu_core.workflows.workspace import Workspace

__all__ = ["LARGEST", "routes"]

LARGEST = 4 * 1024 * 1024  # bytes of a request
COMPONENT = Path(__file__).parents[1] / "components" / "span_marker"
_log = logging.getLogger(__name__)

Answer = tuple[int, dict[str, Any]]  # status, JSON
Work = Callable[["Workspace", "Bearer", Any], dict[str, Any]]


def routes() -> list[BaseRoute]:
    """The routes, for ``st.App``."""
    works: dict[str, Work] = {
        "": _annotate, "/align": _align, "/history": _history, "/about": _about,
    }  # fmt: skip
    found: list[BaseRoute] = [
        Route(f"/radu/annotate{path}", _endpoint(work), methods=["POST"])
        for path, work in works.items()
    ]
    files = _Fresh(directory=COMPONENT, check_dir=False)
    return [*found, Mount("/radu/span_marker", files)]


class _Fresh(StaticFiles):
    """Files a browser asks about each time: a new version of the studio is a new component."""

    def file_response(self, *args: Any, **more: Any) -> Response:
        response = super().file_response(*args, **more)
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _endpoint(work: Work) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            status, reply = _error(413, "The request is too large", "Send less at a time.")
        else:
            status, reply = await run_in_threadpool(_answered, work, body)
        return JSONResponse(reply, status, headers={"Cache-Control": "no-store"})

    return endpoint


async def _body(request: Request) -> bytes | None:
    """The request's body; None when it is too large, of which no more is read than that."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return None
    return bytes(body)


def _answered(work: Work, body: bytes) -> Answer:
    """What ``work`` makes of a request; whatever goes wrong is a status and words."""
    from radu_core.errors import InputError, StoreError
    from radu_core.workflows.annotation_token import TokenError, make_token, read_token
    from studio.spaces import workspace

    try:
        data = _parsed(body)
        space = workspace()
        bearer = read_token(space, data["token"])
        reply = work(space, bearer, data)
        if "token" in reply and bearer.is_old:
            reply["token"] = make_token(space, who=bearer.who, module=bearer.module)
        return 200, reply
    except TokenError as error:
        return _error(401, error.what, error.remedy)
    except InputError as error:
        return _error(400, str(error).removesuffix(error.remedy).strip(), error.remedy)
    except StoreError as error:
        return _error(503, error.what, error.remedy)
    except Exception as error:
        _log.exception("a request of the annotation page failed")
        what = f"Something went wrong that shouldn't have ({type(error).__name__})"
        return _error(500, what, "Nothing was lost; the details are in the studio's log.")


def _error(status: int, what: str, remedy: str) -> Answer:
    return status, {"error": what, "remedy": remedy}


def _parsed(body: bytes) -> dict[str, Any]:
    """The JSON object in a request, with a token. Half a character that a browser let through in
    somebody's words becomes a sign for that: it can't be stored, and mustn't stop the rest.
    """
    from radu_core.errors import InputError

    try:
        data = json.loads(body, parse_constant=_refuse)
        text = json.dumps(data, ensure_ascii=False)
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            data = json.loads(whole)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The request isn't JSON ({error})", remedy="Reload the page.") from error
    if not isinstance(data, dict) or not isinstance(data.get("token"), str):
        raise InputError("The request has no token", remedy="Reload the page.")
    return data


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} isn't a value")


def _annotate(space: Workspace, bearer: Bearer, data: Any) -> dict[str, Any]:
    from radu_core.workflows import annotation, annotation_request

    request = annotation_request.parse_request(annotation_request.Request, data)
    return annotation.serve(space, who=bearer.who, module=bearer.module, request=request)


def _align(space: Workspace, bearer: Bearer, data: Any) -> dict[str, Any]:
    from radu_core.workflows import annotation_request, annotation_views

    asked = annotation_request.parse_request(annotation_request.Preview, data)
    item = annotation_views.preview(
        space, who=bearer.who, module=bearer.module, id=asked.id, function=asked.function,
        arguments=asked.arguments,
    )  # fmt: skip
    return {"item": item}


def _history(space: Workspace, bearer: Bearer, data: Any) -> dict[str, Any]:
    from radu_core.workflows import annotation_request, annotation_views

    asked = annotation_request.parse_request(annotation_request.History, data)
    events = annotation_views.history(space, who=bearer.who, module=bearer.module, id=asked.id)
    return {"events": events}


def _about(space: Workspace, bearer: Bearer, data: Any) -> dict[str, Any]:
    from radu_core.workflows import annotation_request, annotation_views

    annotation_request.parse_request(annotation_request.About, data)
    return annotation_views.about(space, module=bearer.module)
