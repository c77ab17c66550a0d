"""`/status`: phase, steps, artifacts and the node."""

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from sidecar_world import assert_problem, calling, commit, commit_all, contents, fill

from exposer.progress import Progress, write_progress
from exposer.server.node import NodeStatus, read_status
from exposer.server.sidecar import Status

STEPS = "init-genesis, init-config"


async def test_empty_volume(tmp_path: Path) -> None:
    """Before the first step every known step waits, and the reason is what is missing."""
    async with calling(tmp_path, steps=STEPS) as (client, _):
        body = (await client.get("/status")).json()
    assert Status.model_validate(body).model_dump(mode="json") == body
    assert (body["phase"], body["ready"], body["reason"]) == ("waiting", False, "node_id: missing")
    assert body["step"] == {"name": None, "number": 0, "count": 2}
    assert [(step["name"], step["state"]) for step in body["steps"]] == [
        ("init-genesis", "waiting"),
        ("init-config", "waiting"),
    ]
    assert body["steps"][0] == {
        "name": "init-genesis",
        "state": "waiting",
        "started": None,
        "seconds": None,
        "exit_code": None,
        "reason": "",
    }
    assert body["artifacts"] == [
        {"name": name, "state": "not-ready", "size": None, "sha256": None} for name in ("node_id", "genesis", "keys")
    ]
    assert (body["waiters"], body["downloads"], body["node"]) == (0, 0, None)


async def test_running_step(tmp_path: Path) -> None:
    """While a step runs, it is the phase, here and in every error."""
    commit(tmp_path, "init-genesis", contents())
    began = time.time() - 5
    write_progress(tmp_path, Progress("init-genesis", "done", began - 2, began, 0))
    write_progress(tmp_path, Progress("init-config", "running", began))
    async with calling(tmp_path, steps=STEPS) as (client, _):
        body = (await client.get("/status")).json()
        error = assert_problem(await client.get("/node_id"), 503, "not-ready")
    assert (body["phase"], body["step"]) == ("init-config", {"name": "init-config", "number": 2, "count": 2})
    assert error["phase"] == "init-config"
    done, running = body["steps"]
    assert (done["state"], done["seconds"], done["exit_code"]) == ("done", 2.0, 0)
    assert (running["state"], running["exit_code"]) == ("running", None)
    assert running["seconds"] >= 5
    assert abs(datetime.fromisoformat(running["started"]).timestamp() - began) < 0.01


async def test_failed_step(tmp_path: Path) -> None:
    """A failed step is the phase and the reason; directories in its message stay here."""
    reason = f"{tmp_path}/config/genesis.json: not JSON (see https://example.org/a/b); cannot open /configs/keys.json"
    write_progress(tmp_path, Progress("init-genesis", "failed", 1.0, 2.5, 3, reason))
    async with calling(tmp_path, steps=STEPS) as (client, _):
        body = (await client.get("/status")).json()
        error = (await client.get("/genesis")).json()
    assert (body["phase"], body["ready"], body["steps"][0]["exit_code"]) == ("init-genesis", False, 3)
    cut = "genesis.json: not JSON (see https://example.org/a/b); cannot open keys.json"
    assert body["reason"] == error["reason"] == f"init-genesis failed with exit code 3: {cut}"
    assert body["steps"][0]["reason"] == cut


async def test_ready(tmp_path: Path) -> None:
    """On a finished volume the phase is "ready", and each artifact has size and digest of what is served."""
    commit_all(tmp_path)
    async with calling(tmp_path, steps=STEPS) as (client, _):
        body = (await client.get("/status")).json()
        assert (body["phase"], body["ready"], body["reason"]) == ("ready", True, None)
        assert body["step"] == {"name": None, "number": 2, "count": 2}
        for artifact in body["artifacts"]:
            served = (await client.get(f"/{artifact['name']}")).content
            assert (artifact["size"], artifact["sha256"]) == (len(served), hashlib.sha256(served).hexdigest())


async def test_steps_without_settings(tmp_path: Path) -> None:
    """Without EXPOSER_STEPS the steps are those that left a trace, in the order of their starts."""
    commit(tmp_path, "init-genesis", contents())
    write_progress(tmp_path, Progress("wait-for-chains", "running", 20.0))
    write_progress(tmp_path, Progress("an-earlier-one", "done", 10.0, 11.0, 0))
    async with calling(tmp_path) as (client, _):
        steps = (await client.get("/status")).json()["steps"]
    assert [(step["name"], step["state"]) for step in steps] == [
        ("an-earlier-one", "done"),
        ("wait-for-chains", "running"),
        ("init-genesis", "done"),
    ]


async def test_damaged_progress(tmp_path: Path) -> None:
    """Progress that cannot be read decides nothing."""
    fill(tmp_path)
    for directory in ("progress", "stage/init-genesis"):
        (tmp_path / ".exposer" / directory).mkdir(parents=True)
    (tmp_path / ".exposer/progress/init-genesis.json").write_bytes(b"{")
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/status")).json()["phase"] == "waiting"


@contextlib.asynccontextmanager
async def _node(answer: bytes | None, asked: list[bytes]) -> AsyncIterator[str]:
    """A node's RPC that gives one answer to everything; None: it accepts and stays silent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        if answer is not None:
            head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(answer)
            writer.write(head + answer)
            await writer.drain()
        else:
            await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


SYNC = {"latest_block_height": "42", "catching_up": False}


@pytest.mark.parametrize("document", [{"result": {"sync_info": SYNC}}, {"sync_info": SYNC}, {"SyncInfo": SYNC}])
@pytest.mark.parametrize("suffix", ["", "/", "/status"])
async def test_node(tmp_path: Path, document: dict[str, object], suffix: str) -> None:
    """The node's height comes from its RPC, in the forms of all its versions, asked once a second at most."""
    asked: list[bytes] = []
    answer = json.dumps(document).encode()
    async with _node(answer, asked) as url, calling(tmp_path, status_url=url + suffix) as (client, _):
        bodies = [(await client.get("/status")).json() for _ in range(3)]
    assert [body["node"] for body in bodies] == [{"height": 42, "catching_up": False}] * 3
    assert asked == [b"GET /status HTTP/1.1"]


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"result":{"sync_info":[]}}', b'{"sync_info":{}}'])
async def test_node_that_talks_nonsense(tmp_path: Path, answer: bytes) -> None:
    """A node that does not answer as one is no node; the rest of the status is there."""
    async with _node(answer, []) as url, calling(tmp_path, status_url=url) as (client, _):
        response = await client.get("/status")
    assert (response.status_code, response.json()["node"]) == (200, None)


async def test_node_that_is_silent(tmp_path: Path) -> None:
    """A node that accepts and says nothing holds `/status` up for two seconds at most."""
    async with _node(None, []) as url, calling(tmp_path, status_url=url) as (client, _):
        began = time.monotonic()
        assert (await client.get("/status")).json()["node"] is None
        assert time.monotonic() - began < 4


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "not a url", "ftp://x", "http://[", "http://x:99999"])
async def test_node_that_is_not_there(tmp_path: Path, url: str) -> None:
    """No node, or a URL that is none, is no reason for an error."""
    async with calling(tmp_path, status_url=url) as (client, _):
        assert (await client.get("/status")).json()["node"] is None


def test_status_of_a_node_that_catches_up() -> None:
    """Whether the node is still catching up is passed on."""
    status = read_status({"sync_info": {"latest_block_height": 7, "catching_up": True}})
    assert status == NodeStatus(height=7, catching_up=True)
