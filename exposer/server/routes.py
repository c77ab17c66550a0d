"""What a pod offers, and its probes. Each answers GET and HEAD, every error is a problem (`exposer.server.problem`)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from exposer.duration import parse_duration
from exposer.errors import BadInputError
from exposer.server.artifact import PREFIX
from exposer.server.bodies import ADDRESS, Artifact, Artifacts, Genesis, Identity, Keys, NodeId, Probe, PubKey
from exposer.server.file import State
from exposer.server.problem import Code, ProblemError
from exposer.server.sending import Resource
from exposer.server.sidecar import Sidecar
from exposer.server.status import Status
from exposer.server.view import Verdict
from exposer.server.watch import Awaited

LONGEST_WAIT = 60.0
"""Seconds that ``?wait=`` is cut to."""
_TRIES = 5
_PATIENCE = 2.0  # seconds that the index waits for the check of a large file
_BYTES = "application/octet-stream"
_BINARY = {"type": "string", "format": "binary"}
GENESIS = Resource("genesis", "application/json")
Errors = dict[int | str, dict[str, Any]]
_NOT_READY: Errors = {503: {"description": "not ready, incomplete or mismatch"}}
_ERRORS: Errors = {404: {"description": "not configured"}, **_NOT_READY}

router = APIRouter()
Handler = TypeVar("Handler", bound=Callable[..., Coroutine[Any, Any, Response]])
Wait = Annotated[
    str | None,
    Query(description="hold the request until it is ready or this time is up: `30s`, `500ms`; at most 60 s"),
]
OfNode = Annotated[
    Literal["synced", "moving"] | None,
    Query(
        description="`synced`: the pod's node, too, has a block, is not catching up and does not stand still; "
        "`moving`: it has also made a block since it first answered"
    ),
]
OfValidator = Annotated[
    str | None,
    Query(pattern=ADDRESS, description="a validator's address, in hex: what the node has of its messages"),
]


def _route(path: str, body: type[BaseModel] | None, errors: Errors) -> Callable[[Handler], Handler]:
    """Put a handler at ``path`` for GET and HEAD; no ``body``: bytes. `exposer.server.description` adds the rest."""

    def add(handler: Handler) -> Handler:
        success: dict[str, Any] = {"model": body} if body else {"content": {_BYTES: {"schema": _BINARY}}}
        router.add_api_route(path, handler, methods=["GET"], responses={200: success, **errors})
        router.add_api_route(path, handler, methods=["HEAD"], include_in_schema=False)
        return handler

    return add


@_route("/node_id", NodeId, _ERRORS)
async def node_id(request: Request, wait: Wait = None) -> Response:
    """The node's id; peers take its presence as the sign that the pod is initialised."""
    return _json(await _ready(request, "node_id", wait))


@_route("/genesis", Genesis, _ERRORS)
async def genesis(request: Request, wait: Wait = None) -> Response:
    """The genesis file's own bytes, with a digest, validators and byte ranges (RFC 9110, RFC 9530)."""
    return await _file(request, GENESIS, wait)


@_route("/identity", Identity, _ERRORS)
async def identity(request: Request, validator: OfValidator = None) -> Response:
    """The network that this pod belongs to: chain id, genesis digest, and how far its node is."""
    found = await _sidecar(request).identity(validator)
    return Response(found.model_dump_json(), headers={"cache-control": "no-store"}, media_type="application/json")


@_route("/artifacts", Artifacts, {})
async def artifacts(request: Request) -> Response:
    """Which artifacts there are, and what is known of each, in the order of the settings."""
    watch = _sidecar(request).watch
    names = [name for name in _sidecar(request).view.names if name.startswith(PREFIX)]
    verdicts = await asyncio.gather(*(watch.within(name, _PATIENCE) for name in names))
    index = [
        Artifact(name=name.removeprefix(PREFIX), size=found.size, sha256=found.sha256, state=found.state)
        for name, found in zip(names, verdicts, strict=True)
    ]
    body = Artifacts(artifacts=index).model_dump_json()
    return Response(body, headers={"cache-control": "no-store"}, media_type="application/json")


@_route("/artifacts/{name}", None, _ERRORS)
async def artifact(request: Request, name: str, wait: Wait = None) -> Response:
    """An artifact's bytes, with a digest, validators and byte ranges (RFC 9110, RFC 9530)."""
    full_name = PREFIX + name
    if full_name not in _sidecar(request).view.names:
        raise ProblemError(Code.NOT_CONFIGURED, "this sidecar is not configured to serve an artifact of that name")
    return await _file(request, Resource(full_name, _BYTES), wait)


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


@_route("/readyz", Probe, _NOT_READY)
async def readyz(request: Request, wait: Wait = None, node: OfNode = None) -> Response:
    """Node id and genesis can both be fetched."""
    await _ready(request, "ready", wait)
    if node:
        await _sidecar(request).synced(moving=node == "moving")
    return JSONResponse({"status": "ready"})


def _sidecar(request: Request) -> Sidecar:
    sidecar: Sidecar = request.app.state.sidecar
    return sidecar


def _json(verdict: Verdict) -> Response:
    return Response(verdict.body, headers={"cache-control": "no-cache"}, media_type="application/json")


async def _file(request: Request, resource: Resource, wait: str | None) -> Response:
    sidecar = _sidecar(request)
    for _ in range(_TRIES):
        verdict = await _ready(request, resource.name, wait)
        response = await sidecar.sender.answer(request, verdict, resource)
        if response:
            return response
    changing = Verdict(State.NOT_READY, "it is being replaced again and again")
    raise await sidecar.problem(resource.name, changing)


async def _ready(request: Request, name: Awaited, wait: str | None) -> Verdict:
    sidecar = _sidecar(request)
    if wait is None:
        return await sidecar.ready(name, None)
    try:
        seconds = min(parse_duration(wait), LONGEST_WAIT)
    except BadInputError as error:
        raise ProblemError(Code.BAD_REQUEST, "wait is not a duration; write for example 500ms or 30s") from error
    if (verdict := sidecar.watch.current(name)) and verdict.ready:
        return verdict
    async with _departure(request) as gone:
        return await sidecar.ready(name, seconds, gone)


@asynccontextmanager
async def _departure(request: Request) -> AsyncIterator[asyncio.Future[None]]:
    """Done once the client leaves: nobody waits for a client that is gone."""
    gone = asyncio.create_task(_disconnect(request))
    try:
        yield gone
    finally:
        gone.cancel()
        await asyncio.wait({gone})


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
