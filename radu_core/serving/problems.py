"""Requests that can't be answered: a status, and a body in OpenAI's form.

The official client makes its typed errors of the status and shows the message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from radu_core.errors import InputError, shorten
from radu_core.fields import field_problem

__all__ = ["CLIENT_GONE", "ClientGoneError", "HttpError", "handle_errors", "internal_error"]

# Where a field may be one of several types pydantic says below it which it has tried.
_BRANCH = re.compile(r"literal\[.*|list\[.*|str|NamedChoice")
CLIENT_GONE = 499  # nginx's status for a client that closed the connection; nobody reads it


class HttpError(Exception):
    """A request that is refused. ``param`` is the field that is wrong, ``code`` says why."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = headers

    def response(self) -> JSONResponse:
        """The response that says so."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return JSONResponse({"error": error}, self.status, headers=self.headers)


class ClientGoneError(Exception):
    """The client has closed the connection: nobody waits for the answer."""


def internal_error() -> HttpError:
    """What a client gets to know of an error that nobody foresaw."""
    return HttpError(500, "The server failed. Its log has the details.", code="internal_error")


def handle_errors(app: FastAPI) -> None:
    """Answer every error of ``app`` in the same form."""
    app.add_exception_handler(HttpError, _refuse)
    app.add_exception_handler(InputError, _refuse_question)
    app.add_exception_handler(RequestValidationError, _refuse_body)
    app.add_exception_handler(HTTPException, _refuse_route)
    app.add_exception_handler(ClientGoneError, _close)


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HttpError)
    return error.response()


async def _refuse_question(_request: Request, error: Exception) -> Response:
    return HttpError(400, str(error), code="invalid_question").response()


async def _close(_request: Request, _error: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


async def _refuse_body(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return body_problem(error.errors(), request.headers.get("content-type", "")).response()


def body_problem(errors: Sequence[Any], content_type: str) -> HttpError:
    """What is wrong with a body, of pydantic's errors."""
    first = errors[0]
    if first["type"] == "json_invalid":
        message = f"The body isn't JSON: {first['ctx']['error']} at character {first['loc'][-1]}."
        return HttpError(400, message, code="invalid_json")
    if isinstance(first.get("input"), bytes):
        message = f"The body isn't JSON: its Content-Type is {content_type or 'missing'}."
        return HttpError(400, f"{message} Send application/json.", code="invalid_content_type")
    text = "; ".join(f"{_place(e)}: {field_problem(e)}" for e in errors[:5])
    more = f"; and {len(errors) - 5} more" if len(errors) > 5 else ""
    return HttpError(
        400, f"The request can't be read: {text}{more}.", code="invalid_value", param=_place(first)
    )


def _place(error: ErrorDetails) -> str:
    where = error["loc"][1:] if error["loc"][:1] in (("body",), ("query",)) else error["loc"]
    parts = [part for n, part in enumerate(where) if not n or not _BRANCH.fullmatch(str(part))]
    path = ".".join(map(str, parts)) or "body"
    return path.encode("ascii", "backslashreplace").decode()  # a key may hold half a character


async def _refuse_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = f"{request.method} {shorten(request.url.path)}"
    response = {
        400: f"{error.detail}. Send JSON in UTF-8, not nested too deeply.",
        404: f"There is no {path}. /docs lists what there is.",
        405: f"{path} isn't allowed. /docs lists what is.",
    }
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    message = response.get(error.status_code, str(error.detail))
    return HttpError(error.status_code, message, code=code, headers=error.headers).response()
