"""The annotation page's own routes in the studio's server: what its browser component talks to.

Streamlit doesn't run while somebody annotates. What the requests mean is in
docs/reference/annotation.md; a signed token in each says who asks.
Imported when the server starts, so it imports little itself.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

if TYPE_CHECKING:
    from radu_core.workflows.annotate.token import Bearer
    from radu_core.workflows.frame.workspace import Workspace

__all__ = ["LARGEST", "SMALL", "routes"]

LARGEST = 4 * 1024 * 1024  # bytes of a request
SMALL = 64 * 1024  # and of one whose header has no token
_SERVED = (".js", ".css", ".html")
COMPONENT = Path(__file__).parents[2] / "components" / "span_marker"
_log = logging.getLogger(__name__)

Answer = tuple[int, dict[str, Any]]  # status, JSON
Work = Callable[["Workspace", "Bearer", Any], dict[str, Any]]


def routes() -> list[BaseRoute]:
    """The routes, for ``st.App``."""
    works: dict[str, Work] = {
        "": _annotate,
        "/align": _align,
        "/history": _history,
        "/about": _about,
    }
    routes_found: list[BaseRoute] = [
        Route(f"/radu/annotate{path}", _endpoint(work), methods=["POST"])
        for path, work in works.items()
    ]
    files = _Fresh(directory=COMPONENT, check_dir=False)
    return [*routes_found, Mount("/radu/span_marker", files)]


class _Fresh(StaticFiles):
    """Files a browser asks about each time: a new version of the studio is a new component."""

    def file_response(self, *args: Any, **more: Any) -> Response:
        response = super().file_response(*args, **more)
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not path.endswith(_SERVED):  # the folder is a Python package as well
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _endpoint(work: Work) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            status, reply = await _reply(work, request)
        except ClientDisconnect:
            return Response(status_code=400)
        return JSONResponse(reply, status, headers={"Cache-Control": "no-store"})

    return endpoint


async def _reply(work: Work, request: Request) -> Answer:
    """The answer to a request. Before somebody is known to ask, only a small one is read."""
    token = _header(request)
    if token:
        token_reply = await run_in_threadpool(_guard, lambda: _check_token(token))
        if token_reply[0] != 200:
            await _body(request, 0)
            return token_reply
    length = request.headers.get("content-length", "")
    too_large = length.isascii() and length.isdecimal() and int(length) > LARGEST
    body = None if too_large else await _body(request, LARGEST if token else SMALL)
    if body is not None:
        return await run_in_threadpool(_guard, lambda: _answer(work, token, body))
    if token or too_large:
        return _error(413, "The request is too large", "Send less at a time.")
    what = f"A request of more than {SMALL // 1024} KiB needs its token in the header"
    return _error(401, what, "Reload the page.")


def _header(request: Request) -> str:
    """The token in ``Authorization: Bearer …``; "" without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _body(request: Request, most: int) -> bytes | None:
    """The request's body; None when it is larger than ``most``.

    Then nothing of it is kept, but it is read up to ``LARGEST``, so that a browser that is still
    sending hears the answer.
    """
    body, length = bytearray(), 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > LARGEST:
            break
        if length <= most:
            body += chunk
    return bytes(body) if length <= most else None


def _check_token(token: str) -> Answer:
    from radu_core.workflows.annotate.token import read_token
    from studio.frame.spaces import workspace

    read_token(workspace(), token)
    return 200, {}


def _answer(work: Work, token: str, body: bytes) -> Answer:
    """What ``work`` makes of a request; ``token`` is the header's."""
    from radu_core.workflows.annotate.token import read_token, renew
    from studio.frame.spaces import workspace

    data = _parse(body, token)
    space = workspace()
    bearer = read_token(space, data["token"])
    reply = work(space, bearer, data)
    if "token" in reply and bearer.is_old:
        reply["token"] = renew(space, bearer)
    return 200, reply


def _guard(answer: Callable[[], Answer]) -> Answer:
    """The answer; whatever goes wrong is a status and words."""
    from radu_core.errors import DamagedError, InputError, StoreError
    from radu_core.workflows.frame.signing import TokenError

    try:
        return answer()
    except TokenError as error:
        return _error(401, error.what, error.remedy)
    except InputError as error:
        return _error(400, str(error).removesuffix(error.remedy).strip(), error.remedy)
    except StoreError as error:
        return _error(503, error.what, error.remedy)
    except DamagedError as error:
        return _error(500, error.what, error.remedy)
    except Exception as error:
        _log.exception("a request of the annotation page failed")
        what = f"An unexpected error occurred ({type(error).__name__})"
        return _error(500, what, "Nothing was lost. The studio's log has the details.")


def _error(status: int, what: str, remedy: str) -> Answer:
    from studio.frame.words import on_page

    return status, {"error": on_page(what), "remedy": on_page(remedy)}


def _parse(body: bytes, token: str) -> dict[str, Any]:
    """The JSON object in a request, with a token: the header's, or else its own.

    Half a character that a browser let through in somebody's words becomes a sign for that: it
    can't be stored, and mustn't stop the rest.
    """
    from radu_core.errors import InputError

    try:
        text = body.decode()  # strictly: what isn't a character can only be written as \\ud…
        data = json.loads(text, parse_constant=_refuse)
        if "\\ud" in text or "\\uD" in text:
            again = json.dumps(data, ensure_ascii=False)
            whole = again.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            data = json.loads(whole)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The request isn't JSON ({error})", remedy="Reload the page.") from error
    if isinstance(data, dict) and token:
        data["token"] = token
    if not isinstance(data, dict) or not isinstance(data.get("token"), str):
        raise InputError("The request has no token", remedy="Reload the page.")
    return data


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} isn't a value")


def _annotate(space: Workspace, bearer: Bearer, data: Any) -> dict[str, Any]:
    from radu_core.workflows.annotate import annotation
    from radu_core.workflows.annotate.request import Request, parse_request

    request = parse_request(Request, data)
    return annotation.serve(space, who=bearer.who, module=bearer.module, request=request)


def _align(space: Workspace, bearer: Bearer, data: Any) -> dict[str, Any]:
    from radu_core.workflows.annotate import views
    from radu_core.workflows.annotate.request import Preview, parse_request

    request = parse_request(Preview, data)
    item = views.preview(
        space,
        who=bearer.who,
        module=bearer.module,
        id=request.id,
        function=request.function,
        arguments=request.arguments,
    )
    return {"item": item}


def _history(space: Workspace, bearer: Bearer, data: Any) -> dict[str, Any]:
    from radu_core.workflows.annotate import views
    from radu_core.workflows.annotate.request import History, parse_request

    request = parse_request(History, data)
    events = views.history(space, who=bearer.who, module=bearer.module, id=request.id)
    return {"events": events}


def _about(space: Workspace, bearer: Bearer, data: Any) -> dict[str, Any]:
    from radu_core.workflows.annotate import views
    from radu_core.workflows.annotate.request import About, parse_request

    parse_request(About, data)
    return views.about(space, module=bearer.module)
