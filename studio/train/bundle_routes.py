"""The studio's own route to a prepared bundle: sent from the disk, a block at a time.

``st.download_button`` keeps what it offers in the server's memory, whole, for as long as a page
shows it. A signed token in the address says which bundle, and that a page let somebody in.
Imported when the server starts, so it imports little itself.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

if TYPE_CHECKING:
    from radu_core.errors import RaduError

__all__ = ["address", "bundle_routes"]

_PATH = "radu/bundle"
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_log = logging.getLogger(__name__)


def bundle_routes() -> list[BaseRoute]:
    """The route, for ``st.App``."""
    return [Route(f"/{_PATH}", _download, methods=["GET"])]


def address(token: str) -> str:
    """Where a bundle is downloaded from, seen from a page: a path before it may be a proxy's."""
    return f"{_PATH}?{urlencode({'token': token})}"


async def _download(request: Request) -> Response:
    return await run_in_threadpool(_response, request.query_params.get("token", ""))


def _response(token: str) -> Response:
    """The file, which may be resumed (``Range``); else a status and words."""
    from radu_core.errors import ConflictError, RaduError, RunError
    from radu_core.workflows.frame.signing import TokenError
    from radu_core.workflows.playground.bundle_zip import open_download
    from studio.frame.spaces import workspace

    try:
        bundle = open_download(workspace(), token)
        return FileResponse(
            bundle.path, media_type="application/zip", filename=bundle.path.name, headers=_HEADERS
        )
    except TokenError as error:
        return _refusal(401, error)
    except RunError as error:
        return _refusal(404, error)
    except ConflictError as error:
        return _refusal(409, error)
    except RaduError as error:
        return _refusal(503, error)
    except Exception as error:
        _log.exception("a download of a bundle failed")
        what = f"An unexpected error occurred ({type(error).__name__})."
        text = f"{what} The details are in the studio's log."
        return PlainTextResponse(text, 500, headers=_HEADERS)


def _refusal(status: int, error: RaduError) -> Response:
    from studio.frame.words import on_page

    return PlainTextResponse(on_page(error), status, headers=_HEADERS)
