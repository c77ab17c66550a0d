"""Errors on the wire: ``application/problem+json`` (RFC 9457) with a stable code, one shape for every path.

No body holds a path of this machine, a stack, or text of a parser: details go to the log.
"""

import json
from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "1"
"""Seconds; a client that can wait better asks with ``?wait=``."""


class Code(Enum):
    """The stable codes, each with its status."""

    BAD_REQUEST = "bad-request", 400
    UNAUTHORIZED = "unauthorized", 401
    FORBIDDEN = "forbidden", 403
    NOT_FOUND = "not-found", 404
    NOT_CONFIGURED = "not-configured", 404
    METHOD_NOT_ALLOWED = "method-not-allowed", 405
    REQUEST_TIMEOUT = "request-timeout", 408
    PRECONDITION_FAILED = "precondition-failed", 412
    URI_TOO_LONG = "uri-too-long", 414
    RANGE_NOT_SATISFIABLE = "range-not-satisfiable", 416
    HEADERS_TOO_LARGE = "headers-too-large", 431
    FAULT = "fault", 500
    VERSION_NOT_SUPPORTED = "version-not-supported", 505
    BUSY = "busy", 503
    NOT_READY = "not-ready", 503
    INCOMPLETE = "incomplete", 503
    MISMATCH = "mismatch", 503

    @property
    def text(self) -> str:
        """The code as it stands in the body."""
        return self.value[0]

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status."""
        return HTTPStatus(self.value[1])

    @classmethod
    def of(cls, text: str) -> "Code":
        """The code that is written ``text``."""
        return next(code for code in cls if code.text == text)


class ProblemDetails(BaseModel):
    """The body of every error (RFC 9457; `type` is about:blank, so `title` is the status in words)."""

    type: str = "about:blank"
    title: str
    status: int
    code: str = Field(description="stable; to be acted on")
    detail: str = Field(description="for people")
    phase: str | None = Field(description="the init step at work, or `waiting`")
    reason: str | None = Field(description="why it is not ready yet")


class ProblemError(Exception):
    """Ends a request with an error."""

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        phase: str | None = None,
        reason: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.phase = phase
        self.reason = reason
        self.headers = headers or {}

    def response(self) -> Response:
        """The answer on the wire."""
        status = self.code.status
        body = ProblemDetails(
            title=status.phrase,
            status=status,
            code=self.code.text,
            detail=self.detail,
            phase=self.phase,
            reason=self.reason,
        )
        headers = {"cache-control": "no-store", **self.headers}
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["retry-after"] = RETRY_AFTER
        return Response(json.dumps(body.model_dump()), status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, _fault)


async def _problem(_: Request, error: Exception) -> Response:
    return error.response() if isinstance(error, ProblemError) else await _fault(_, error)


async def _http(_: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allow = {"allow": "GET, HEAD"}
        return ProblemError(Code.METHOD_NOT_ALLOWED, "this server is read only", headers=allow).response()
    return ProblemError(Code.NOT_FOUND, "there is nothing at this path").response()


async def _validation(_: Request, __: Exception) -> Response:
    return ProblemError(Code.BAD_REQUEST, "a query parameter is wrong").response()


async def _fault(_: Request, __: Exception) -> Response:
    return ProblemError(Code.FAULT, "the fault is described in the sidecar's log").response()
