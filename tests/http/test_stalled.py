"""A node whose height stands still: `/readyz?node=`, `/status`, and what its own files allow it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sidecar_world import assert_problem, calling, fill

LIMIT = 0.1
"""Seconds that the height may stand."""


@dataclass
class StandIn:
    """A node's RPC; ``height`` is None while nobody answers."""

    url: str = ""
    height: int | None = 42
    catching_up: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        await reader.readuntil(b"\r\n\r\n")
        if self.height is not None:
            sync = {"latest_block_height": str(self.height), "catching_up": self.catching_up}
            body = json.dumps({"result": {"sync_info": sync}}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body))
        writer.close()


@contextlib.asynccontextmanager
async def standing(home: Path, **more: object) -> AsyncIterator[tuple[httpx.AsyncClient, StandIn]]:
    """A client of the sidecar of a complete pod, whose limit is a tenth of a second, and the pod's node."""
    fill(home)
    node = StandIn()
    async with await asyncio.start_server(node.serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        settings = {"stalled_after": f"{LIMIT}s", "status_url": f"http://{host}:{port}", **more}
        async with calling(home, **settings) as (client, _):
            yield client, node


async def becomes(client: httpx.AsyncClient, status: int, *, node: str = "synced") -> httpx.Response:
    """The readiness, as soon as it has this status."""
    answer = await client.get(f"/readyz?node={node}")
    while answer.status_code != status:
        await asyncio.sleep(0.1)  # an answer of the node is kept for a second
        answer = await client.get(f"/readyz?node={node}")
    return answer


async def stood(client: httpx.AsyncClient) -> dict[str, Any]:
    """What `/status` says once the node has stood at its height for longer than the limit."""
    while not (told := await status(client))["node"] or told["node"]["standing"] < LIMIT:  # noqa: ASYNC110 - the sidecar's
        await asyncio.sleep(0.1)
    return told


async def status(client: httpx.AsyncClient) -> dict[str, Any]:
    """What `/status` says."""
    body: dict[str, Any] = (await client.get("/status")).json()
    return body


async def test_a_node_that_stands_still_is_not_ready(tmp_path: Path) -> None:
    """Ready at first, then not, with height and cause, in `/readyz` and `/status`; with the next block ready again."""
    async with standing(tmp_path) as (client, node):
        await becomes(client, 200)
        reason = assert_problem(await becomes(client, 503), 503, "not-ready")["reason"]
        told, volume = await status(client), await client.get("/readyz")
        node.height = 43
        await becomes(client, 200)

    assert str(reason).startswith("no block after 42 for more than 0.1 s; more than two thirds of the voting power")
    assert (told["phase"], told["ready"], told["reason"], told["node"]["stalled"]) == ("stalled", False, reason, True)
    assert volume.status_code == 200  # what others fetch is there: a pod that could move the chain must not wait for it


async def test_a_first_block_that_does_not_come(tmp_path: Path) -> None:
    """A genesis whose validators are not all there: the reason says what the first block takes."""
    async with standing(tmp_path) as (client, node):
        node.height = 0
        first = assert_problem(await client.get("/readyz?node=synced"), 503, "not-ready")["reason"]
        told = await stood(client)

    assert str(first).startswith("no first block")
    assert (told["phase"], told["ready"]) == ("stalled", False)
    assert told["reason"].startswith("no first block for more than 0.1 s; more than two thirds of the voting power")


async def test_a_node_that_catches_up_is_not_stalled(tmp_path: Path) -> None:
    """Catching up has a reason of its own; a node that has caught up gets its time anew."""
    async with standing(tmp_path) as (client, node):
        node.catching_up = True
        behind = assert_problem(await becomes(client, 503), 503, "not-ready")["reason"]
        await asyncio.sleep(LIMIT)  # at one height
        assert (await status(client))["phase"] == "ready"
        node.catching_up = False
        await becomes(client, 200)

    assert behind == "at height 42, catching up"


async def test_a_node_that_was_away_is_not_stalled(tmp_path: Path) -> None:
    """A node that does not answer has a reason of its own, even one that stood; when it comes back its time is new."""
    async with standing(tmp_path) as (client, node):
        await becomes(client, 503)
        node.height = None
        while (await status(client))["node"]:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.1)
        away = assert_problem(await becomes(client, 503), 503, "not-ready")["reason"]
        node.height = 42
        await becomes(client, 200)

    assert away == "the node does not answer"


CONSENSUS = {
    "no empty blocks": 'create_empty_blocks = false\ncreate_empty_blocks_interval = "0s"',
    "empty blocks by the hour": 'create_empty_blocks = true\ncreate_empty_blocks_interval = "1h"',
    "a long pause after each block": 'timeout_commit = "10m"',
    "a proposer that has long": 'timeout_propose = "10m"',
    "rounds that grow": 'timeout_prevote_delta = "10m"',
}


@pytest.mark.parametrize("lines", CONSENSUS.values(), ids=CONSENSUS)
async def test_blocks_that_need_not_come_are_not_missed(tmp_path: Path, lines: str) -> None:
    """What the node's own config.toml says of the pace of blocks wins, and nobody waits for a block to see."""
    (fill(tmp_path) / "config.toml").write_text(f"[consensus]\n{lines}\n", encoding="utf-8")
    async with standing(tmp_path) as (client, _):
        await becomes(client, 200, node="moving")
        assert (await stood(client))["phase"] == "ready"


@pytest.mark.parametrize(
    ("halt", "phase"), [("halt-height = 43", "ready"), ("halt-time = 1", "ready"), ("halt-height = 0", "stalled")]
)
async def test_a_node_that_was_told_to_halt_is_not_stalled(tmp_path: Path, halt: str, phase: str) -> None:
    """Whoever sets a height or a time in app.toml wants the chain to stop there."""
    (fill(tmp_path) / "app.toml").write_text(f"{halt}\n", encoding="utf-8")
    async with standing(tmp_path) as (client, _):
        assert (await stood(client))["phase"] == phase


@pytest.mark.parametrize("text", ["", "[", "consensus = 1", '[consensus]\ntimeout_commit = "soon"\n'])
async def test_files_that_say_nothing_allow_nothing(tmp_path: Path, text: str) -> None:
    """A config.toml that is empty or damaged is no excuse."""
    (fill(tmp_path) / "config.toml").write_text(text, encoding="utf-8")
    async with standing(tmp_path) as (client, _):
        assert (await stood(client))["phase"] == "stalled"


async def test_a_limit_of_nothing_is_none(tmp_path: Path) -> None:
    """With 0 a height may stand for ever."""
    (fill(tmp_path) / "config.toml").write_text("[consensus]\ncreate_empty_blocks = false\n", encoding="utf-8")
    async with standing(tmp_path, stalled_after="0") as (client, _):
        assert (await stood(client))["phase"] == "ready"
        await becomes(client, 200, node="moving")


async def test_a_moving_node_has_made_a_block(tmp_path: Path) -> None:
    """`moving` is what compose asks: a chain that stands since the containers came up is never called healthy."""
    async with standing(tmp_path, stalled_after="60s") as (client, node):
        await becomes(client, 200)
        reason = assert_problem(await client.get("/readyz?node=moving"), 503, "not-ready")["reason"]
        node.height = 43
        await becomes(client, 200, node="moving")

    assert reason == "at height 42, and no new block yet"
