"""The pod's node, as its RPC reports it (CometBFT's ``/status``)."""

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from exposer.server.consensus import Consensus, read_consensus

if TYPE_CHECKING:
    import httpx

LIMIT = 2.0
"""Seconds that the node has for its answer."""
KEPT = 1.0
"""Seconds for which an answer, or the lack of one, is passed on."""
PATIENCE = 0.25
"""Seconds that a caller waits for an answer that is on its way; then it gets the former one, if there was one."""

MOST = 8 << 20
"""Bytes; a vote takes 150, and no node answers with more than some thousand of them."""

log = logging.getLogger(__name__)


class NodeStatus(BaseModel):
    """Where the node is."""

    height: int
    catching_up: bool
    standing: float = Field(default=0.0, description="seconds since this sidecar first saw this height")
    stalled: bool = Field(default=False, description="whether it has stood for longer than its blocks may take")


class _NoAnswerError(Exception):
    """The node does not answer, or not in JSON."""


class Node:
    """A node's RPC at ``url``, with or without ``/status`` at the end; no node without a URL."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/").removesuffix("/status")
        self._client: httpx.AsyncClient | None = None
        self._asking: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self._told: float | None = None
        self._last: NodeStatus | None = None
        self._first: int | None = None
        self._height, self._since = 0, 0.0

    @property
    def grown(self) -> bool:
        """Whether it has made a block since it first answered, or answered again."""
        return self._last is not None and self._first is not None and self._last.height > self._first

    async def status(self) -> NodeStatus | None:
        """What the node said last; None while it does not answer."""
        if not self._url:
            return None
        if self._asking is None or (self._asking.done() and time.monotonic() - (self._told or 0) >= KEPT):
            self._asking = asyncio.create_task(self._ask())
        await asyncio.wait({self._asking}, timeout=None if self._told is None else PATIENCE)
        return self._last

    async def now(self) -> NodeStatus | None:
        """What the node says to a question that begins later than this; all who wait for the next one share it."""
        if not self._url:
            return None
        if self._next is None:
            self._next = asyncio.create_task(self._ask_next(self._asking))
        await asyncio.wait({self._next})
        return self._last

    async def consensus(self, validator: str) -> Consensus | None:
        """Where the node's consensus is, and what it has of a validator there; None while it does not answer."""
        if not self._url:
            return None
        try:
            return read_consensus(await self._get("/consensus_state"), validator)
        except (_NoAnswerError, TimeoutError) as error:
            log.debug("the node does not tell its consensus state: %s", error)
        except ValueError as error:
            log.warning("the node's consensus state cannot be read: %s", error)
        return None

    async def close(self) -> None:
        """Close the connection to the node."""
        for task in filter(None, (self._asking, self._next)):
            task.cancel()
            await asyncio.wait({task})
        if self._client:
            await self._client.aclose()

    async def _ask_next(self, former: asyncio.Task[None] | None) -> None:
        """Ask once the ``former`` question is over; whoever comes from then on waits for another one."""
        if former:
            await asyncio.wait({former})
        self._asking, self._next = self._next, None
        await self._ask()

    async def _ask(self) -> None:
        try:
            self._note(read_status(await self._get("/status")))
        except TimeoutError:  # it is there, and busy: its height stands as long as before
            self._last = None
        except (_NoAnswerError, ValueError) as error:
            log.debug("the node does not answer: %s", error)
            self._last = self._first = None
        self._told = time.monotonic()

    async def _get(self, path: str) -> object:
        """The JSON that the node answers with; raises `_NoAnswerError`, or TimeoutError where it takes too long."""
        import httpx  # noqa: PLC0415 - 60 ms of CPU that a sidecar without a node never spends

        try:
            # A node is a neighbour: no proxy of the environment lies between.
            self._client = self._client or httpx.AsyncClient(trust_env=False)
            async with asyncio.timeout(LIMIT):
                return json.loads(await self._body(self._client, self._url + path))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            raise _NoAnswerError(str(error)) from error

    def _note(self, found: NodeStatus) -> None:
        """Keep what the node said, and since when it says so; a node that was away starts anew."""
        now = time.monotonic()
        if self._first is None:
            self._first = self._height = found.height
            self._since = now
        behind = found.catching_up or (self._last is not None and self._last.catching_up)
        if found.height != self._height or behind:  # to catch up may take long at one height; its time begins then
            self._height, self._since = found.height, now
        self._last = found.model_copy(update={"standing": round(now - self._since, 3)})

    async def _body(self, client: "httpx.AsyncClient", url: str) -> bytes:
        """The answer as it comes; raises ValueError where that is too much, which a content coding could hide."""
        body = bytearray()
        async with client.stream("GET", url, headers={"accept-encoding": "identity"}) as answer:
            async for chunk in answer.raise_for_status().aiter_raw():
                body += chunk
                if len(body) > MOST:
                    raise ValueError(f"more than {MOST} bytes")
        return bytes(body)


def read_status(document: object) -> NodeStatus:
    """The status in a node's answer: JSON-RPC (``result``) or bare, ``sync_info`` or, before SDK 0.50, ``SyncInfo``.

    Raises:
        ValueError: it is something else.
    """
    match document:
        case {"result": {"sync_info": dict(info)}} | {"sync_info": dict(info)} | {"SyncInfo": dict(info)}:
            return NodeStatus.model_validate(
                {"height": info.get("latest_block_height"), "catching_up": info.get("catching_up")}
            )
    raise ValueError("no sync_info in it")
