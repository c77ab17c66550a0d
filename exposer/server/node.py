"""The pod's node, as its RPC reports it (CometBFT's ``/status``)."""

import asyncio
import logging
import time

import httpx
from pydantic import BaseModel

LIMIT = 2.0
"""Seconds that the node has for its answer."""
KEPT = 1.0
"""Seconds for which an answer, or the lack of one, is passed on."""

log = logging.getLogger(__name__)


class NodeStatus(BaseModel):
    """Where the node is."""

    height: int
    catching_up: bool


class Node:
    """A node's RPC at ``url``, with or without ``/status`` at the end; no node without a URL."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/").removesuffix("/status") + "/status" if url else ""
        self._client: httpx.AsyncClient | None = None
        self._lock = asyncio.Lock()
        self._asked = -KEPT
        self._last: NodeStatus | None = None

    async def status(self) -> NodeStatus | None:
        """What the node says, at most `KEPT` old; None while it does not answer."""
        if not self._url:
            return None
        async with self._lock:
            if time.monotonic() - self._asked >= KEPT:
                self._last = await self._ask()
                self._asked = time.monotonic()
            return self._last

    async def close(self) -> None:
        """Close the connection to the node."""
        if self._client:
            await self._client.aclose()

    async def _ask(self) -> NodeStatus | None:
        # A node is a neighbour: no proxy of the environment lies between.
        self._client = self._client or httpx.AsyncClient(trust_env=False)
        try:
            async with asyncio.timeout(LIMIT):
                answer = await self._client.get(self._url)
                return read_status(answer.raise_for_status().json())
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            log.debug("the node does not answer: %s", error)
            return None


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
