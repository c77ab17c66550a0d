"""Errors on the wire: ``application/problem+json`` (RFC 9457) with a stable code, as the sidecar's are.

The statuses are those of @cosmjs/faucet (``packages/faucet/src/api/webserver.ts``), but for the cool-down, which it
tells with 405. No body holds a path of this machine, a stack, or text of a parser or a node: that is for the log.
"""

import json
import math
from enum import Enum
from http import HTTPStatus

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Code(Enum):
    """The stable codes, each with its status."""

    BAD_REQUEST = "bad-request", 400
    BAD_ADDRESS = "bad-address", 400
    NOT_FOUND = "not-found", 404
    METHOD_NOT_ALLOWED = "method-not-allowed", 405
    REQUEST_TIMEOUT = "request-timeout", 408
    TOO_LARGE = "too-large", 413
    UNKNOWN_DENOM = "unknown-denom", 422
    REFUSED = "refused", 422
    COOLING_DOWN = "cooling-down", 429
    FAULT = "fault", 500
    VERSION_NOT_SUPPORTED = "version-not-supported", 505
    NOT_READY = "not-ready", 503
    BUSY = "busy", 503
    EMPTY = "empty", 503

    @property
    def text(self) -> str:
        """The code as it stands in the body."""
        return self.value[0]

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status."""
        return HTTPStatus(self.value[1])


class ProblemDetails(BaseModel):
    """The body of every error (RFC 9457; `type` is about:blank, so `title` is the status in words)."""

    type: str = "about:blank"
    title: str
    status: int
    code: str = Field(description="stable; to be acted on")
    detail: str = Field(description="for people")


class ProblemError(Exception):
    """Ends a request with an error; ``wait`` is in how many seconds it is worth another try."""

    def __init__(self, code: Code, detail: str, *, wait: float | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.wait = wait

    def response(self) -> Response:
        """The answer on the wire."""
        status = self.code.status
        body = ProblemDetails(title=status.phrase, status=status, code=self.code.text, detail=self.detail)
        headers = {"cache-control": "no-store"}
        if self.wait is not None:
            headers["retry-after"] = str(max(1, math.ceil(self.wait)))
        return Response(json.dumps(body.model_dump()), status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


async def _problem(_: Request, error: Exception) -> Response:
    return error.response() if isinstance(error, ProblemError) else await _fault(_, error)


async def _http(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        method = "POST" if request.url.path == "/credit" else "GET"
        response = ProblemError(Code.METHOD_NOT_ALLOWED, f"this endpoint takes {method} requests").response()
        response.headers["allow"] = method if method == "POST" else "GET, HEAD"
        return response
    return ProblemError(Code.NOT_FOUND, "there is nothing at this path").response()


async def _fault(_: Request, __: Exception) -> Response:
    return ProblemError(Code.FAULT, "the fault is described in the faucet's log").response()
