"""The chain's endpoints. Each answers GET and HEAD, and every error is a problem (`exposer.server.problem`)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from exposer.duration import parse_duration
from exposer.errors import BadInputError
from exposer.server.bodies import Genesis, Keys, NodeId, Probe, PubKey
from exposer.server.problem import MEDIA_TYPE, Code, ProblemDetails, ProblemError
from exposer.server.sending import answer
from exposer.server.sidecar import Sidecar, Status
from exposer.server.view import Verdict
from exposer.server.watch import Awaited

LONGEST_WAIT = 60.0
"""Seconds that ``?wait=`` is cut to."""
_TRIES = 5
_PROBLEM = {"content": {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}}}
_ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"description": "not configured", **_PROBLEM},
    503: {"description": "not ready, incomplete or mismatch", **_PROBLEM},
}

router = APIRouter()
Handler = TypeVar("Handler", bound=Callable[..., Coroutine[Any, Any, Response]])
Wait = Annotated[
    str | None,
    Query(description="hold the request until it is ready or this time is up: `30s`, `500ms`; at most 60 s"),
]
T = TypeVar("T")


def _route(path: str, body: type[BaseModel], errors: dict[int | str, dict[str, Any]]) -> Callable[[Handler], Handler]:
    """Put a handler at ``path`` for GET, and for HEAD, which needs no description of its own."""

    def add(handler: Handler) -> Handler:
        router.add_api_route(path, handler, methods=["GET"], responses={200: {"model": body}, **errors})
        router.add_api_route(path, handler, methods=["HEAD"], include_in_schema=False)
        return handler

    return add


@_route("/node_id", NodeId, _ERRORS)
async def node_id(request: Request, wait: Wait = None) -> Response:
    """The node's id; peers take its presence as the sign that the pod is initialised."""
    return _json(await _ready(request, "node_id", wait))


@_route("/genesis", Genesis, _ERRORS)
async def genesis(request: Request, wait: Wait = None) -> Response:
    """The genesis file's own bytes, with a digest, validators and one byte range (RFC 9110, RFC 9530)."""
    sidecar = _sidecar(request)
    for _ in range(_TRIES):
        verdict = await _ready(request, "genesis", wait)
        response = await answer(request, verdict, sidecar.downloads)
        if response:
            return response
    raise ProblemError(Code.NOT_READY, "genesis is being replaced again and again")


@_route("/keys", Keys, _ERRORS)
async def keys(request: Request) -> Response:
    """The public halves of the node's and the validator's key."""
    return _json(await _ready(request, "keys", None))


@_route("/pub_key", PubKey, _ERRORS)
async def pub_key(request: Request) -> Response:
    """The validator's public key as the SDK writes it."""
    return _json(await _ready(request, "pub_key", None))


@_route("/status", Status, {})
async def status(request: Request) -> Response:
    """Phase, steps, artifacts, waiters, downloads and the node's height."""
    found = await _sidecar(request).status()
    return Response(found.model_dump_json(), headers={"cache-control": "no-store"}, media_type="application/json")


@_route("/livez", Probe, {})
async def livez(_: Request) -> Response:
    """The sidecar runs, whatever the volume holds."""
    return JSONResponse({"status": "alive"})


@_route("/readyz", Probe, {503: _ERRORS[503]})
async def readyz(request: Request, wait: Wait = None) -> Response:
    """Node id and genesis can both be fetched."""
    await _ready(request, "ready", wait)
    return JSONResponse({"status": "ready"})


def _sidecar(request: Request) -> Sidecar:
    sidecar: Sidecar = request.app.state.sidecar
    return sidecar


def _json(verdict: Verdict) -> Response:
    return Response(verdict.body, headers={"cache-control": "no-cache"}, media_type="application/json")


async def _ready(request: Request, name: Awaited, wait: str | None) -> Verdict:
    sidecar = _sidecar(request)
    if wait is None:
        return await sidecar.ready(name, None)
    try:
        seconds = min(parse_duration(wait), LONGEST_WAIT)
    except BadInputError as error:
        raise ProblemError(Code.BAD_REQUEST, "wait is not a duration; write for example 500ms or 30s") from error
    return await _while_connected(request, sidecar.ready(name, seconds))


async def _while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, which is ended when the client leaves: nobody waits for a client that is gone."""
    tasks = asyncio.ensure_future(work), asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            return tasks[0].result()
        raise ProblemError(Code.NOT_READY, "the client left")  # read by nobody
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
