"""`/status`: phase, steps, artifacts and the node."""

import asyncio
import contextlib
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from sidecar_world import LARGE, assert_problem, calling, commit, commit_all, contents, fill, serving
from waiting import until

from exposer import __version__
from exposer.progress import Progress, write_progress
from exposer.server.node import KEPT, LIMIT, MOST, NodeStatus, read_status
from exposer.server.status import Status

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
    assert (body["waiters"], body["waiting"], body["downloads"], body["fetches"]) == (0, {}, 0, [])
    assert (body["pod"], body["version"], body["bootstrap"], body["node"]) == (None, __version__, None, None)
    assert abs(datetime.fromisoformat(body["started"]).timestamp() - time.time()) < 60


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


async def test_a_step_that_failed_when_it_ran_again(tmp_path: Path) -> None:
    """A pod that is ready stays so, and says what its step ended with."""
    commit_all(tmp_path)
    write_progress(tmp_path, Progress("init-config", "failed", 1.0, 2.5, 4, "config/app.toml is missing"))
    async with calling(tmp_path) as (client, _):
        body = (await client.get("/status")).json()

    assert (body["phase"], body["ready"]) == ("ready", True)
    assert body["reason"] == "init-config failed with exit code 4: config/app.toml is missing"


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


async def test_bootstrap(tmp_path: Path) -> None:
    """The bootstrap is timed from the start of the first step: until now, once ready until the end of init-config."""
    began = time.time() - 100
    write_progress(tmp_path, Progress("init-genesis", "done", began, began + 2, 0))
    write_progress(tmp_path, Progress("init-config", "done", began + 3, began + 7.5, 0))
    write_progress(tmp_path, Progress("create-validator", "running", began + 10))
    async with calling(tmp_path, steps=STEPS) as (client, _):
        before = (await client.get("/status")).json()
        commit_all(tmp_path)
        after = (await client.get("/status")).json()
    assert before["bootstrap"]["seconds"] >= 100
    assert (after["ready"], after["bootstrap"]["seconds"]) == (True, 7.5)
    assert before["bootstrap"]["started"] == after["bootstrap"]["started"] == after["steps"][0]["started"]


async def test_name(tmp_path: Path) -> None:
    """The pod is called what HOSTNAME says."""
    async with calling(tmp_path, HOSTNAME="validator-1") as (client, _):
        assert (await client.get("/status")).json()["pod"] == "validator-1"


async def test_who_waits(tmp_path: Path) -> None:
    """Requests that wait are counted by what they wait for."""
    paths = ["/genesis", "/genesis", "/readyz"]
    async with calling(tmp_path) as (client, sidecar), asyncio.TaskGroup() as tasks:
        for path in paths:
            tasks.create_task(client.get(path, params={"wait": "60s"}))
        await until(lambda: sidecar.watch.waiters == len(paths))
        body = (await client.get("/status")).json()
        sidecar.watch.release()
    assert (body["waiters"], body["waiting"]) == (3, {"genesis": 2, "ready": 1})


async def test_who_fetched(tmp_path: Path) -> None:
    """Downloads are told with peer, state and figures, the newest first."""
    fill(tmp_path, LARGE)
    async with serving(tmp_path) as (client, sidecar):
        await client.get("/genesis", headers={"range": "bytes=0-99"})
        async with client.stream("GET", "/genesis", headers={"accept-encoding": "identity"}) as answer:
            chunks = answer.aiter_raw()
            while not any(fetch.sent for fetch in sidecar.fetches if fetch.ended is None):
                await anext(chunks)
            running = (await client.get("/status")).json()
        await until(lambda: len(sidecar.fetches) == 0)
        ended = (await client.get("/status")).json()
    assert [fetch["state"] for fetch in running["fetches"]] == ["running", "complete"]
    assert (running["downloads"], ended["downloads"]) == (1, 0)
    cut, part = ended["fetches"]
    assert (cut["state"], cut["artifact"], cut["size"]) == ("cut", "genesis", len(LARGE))
    assert 0 < cut["sent"] < len(LARGE)
    assert (part["state"], part["peer"], part["sent"], part["size"]) == ("complete", "127.0.0.1", 100, 100)
    assert part["seconds"] >= 0
    assert part["started"] <= cut["started"]


async def test_many_fetches(tmp_path: Path) -> None:
    """Of many downloads the newest hundred are told."""
    async with calling(tmp_path) as (client, sidecar):
        for number in range(300):
            with sidecar.fetches.running("genesis", f"peer-{number}", 0):
                pass
        fetches = (await client.get("/status")).json()["fetches"]
    assert [fetch["peer"] for fetch in fetches] == [f"peer-{number}" for number in range(299, 199, -1)]


async def test_further_artifacts(tmp_path: Path) -> None:
    """Further artifacts come after the chain's, named so that a script can tell them apart."""
    (tmp_path / "genesis.json").write_bytes(b"another")
    async with calling(tmp_path, artifacts="genesis=genesis.json") as (client, _):
        artifacts = (await client.get("/status")).json()["artifacts"]
    assert [one["name"] for one in artifacts] == ["node_id", "genesis", "keys", "artifact:genesis"]
    assert [one["state"] for one in artifacts] == ["not-ready"] * 3 + ["ready"]
    assert artifacts[3]["sha256"] == hashlib.sha256(b"another").hexdigest()


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


@pytest.mark.parametrize(
    "document",
    [
        b"{",
        b"[]",
        b'{"step":1,"state":"running","started":1}',
        b'{"step":"init-genesis","state":"odd","started":1}',
        b'{"step":"init-genesis","state":"running","started":"1"}',
        b'{"step":"init-genesis","state":"running","started":NaN}',
        b'{"step":"init-genesis","state":"running","started":1e300}',
        b'{"step":"init-genesis","state":"done","started":1,"ended":[]}',
        b'{"step":"init-genesis","state":"failed","started":1,"ended":2,"exit_code":"3"}',
        b'{"step":"init-genesis","state":"failed","started":1,"ended":2,"reason":null}',
    ],
)
async def test_damaged_progress(tmp_path: Path, document: bytes) -> None:
    """Progress that cannot be read, or is not what a step writes, decides nothing."""
    fill(tmp_path)
    for directory in ("progress", "stage/init-genesis"):
        (tmp_path / ".exposer" / directory).mkdir(parents=True)
    (tmp_path / ".exposer/progress/init-genesis.json").write_bytes(document)
    async with calling(tmp_path) as (client, _):
        body = (await client.get("/status")).json()
    assert (body["phase"], body["steps"]) == ("waiting", [])


async def test_progress_that_is_no_file(tmp_path: Path) -> None:
    """A FIFO where a step's progress is written holds nobody up."""
    directory = tmp_path / ".exposer/progress"
    directory.mkdir(parents=True)
    os.mkfifo(directory / "init-genesis.json")
    write_progress(tmp_path, Progress("init-config", "running", 1.0))
    async with calling(tmp_path) as (client, _), asyncio.timeout(1):
        assert (await client.get("/status")).json()["phase"] == "init-config"


async def test_half_a_character(tmp_path: Path) -> None:
    """Text that is no text, from a step's progress, is replaced and not a fault."""
    (tmp_path / ".exposer/progress").mkdir(parents=True)
    failed = b'{"step":"x","state":"failed","started":1,"ended":2,"exit_code":3,"reason":"no \\udfff"}'
    (tmp_path / ".exposer/progress/x.json").write_bytes(failed)
    async with calling(tmp_path) as (client, _):
        body = (await client.get("/status")).json()
    assert (body["phase"], body["steps"][0]["reason"]) == ("x", "no ?")


@contextlib.asynccontextmanager
async def _node(answer: bytes | None, asked: list[bytes]) -> AsyncIterator[str]:
    """A node's RPC that gives one answer to everything; None: it accepts and stays silent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
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
    assert [body["node"] for body in bodies] == [
        {"height": 42, "catching_up": False, "standing": 0.0, "stalled": False},
    ] * 3
    assert [request.split(b"\r\n")[0] for request in asked] == [b"GET /status HTTP/1.1"]


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"result":{"sync_info":[]}}', b'{"sync_info":{}}'])
async def test_node_that_talks_nonsense(tmp_path: Path, answer: bytes) -> None:
    """A node that does not answer as one is no node; the rest of the status is there."""
    async with _node(answer, []) as url, calling(tmp_path, status_url=url) as (client, _):
        response = await client.get("/status")
    assert (response.status_code, response.json()["node"]) == (200, None)


async def test_node_that_says_too_much(tmp_path: Path) -> None:
    """An answer of more than 1 MiB is no node's, whatever it says; a node is never asked for an encoded one."""
    asked: list[bytes] = []
    answer = json.dumps({"sync_info": SYNC}).encode()
    async with _node(answer + b" " * MOST, asked) as url, calling(tmp_path, status_url=url) as (client, _):
        assert (await client.get("/status")).json()["node"] is None
    async with (
        _node(answer + b" " * (MOST - len(answer)), asked) as url,
        calling(tmp_path, status_url=url) as (client, _),
    ):
        assert (await client.get("/status")).json()["node"] is not None
    assert [request.count(b"accept-encoding: identity\r\n") for request in asked] == [1, 1]


async def test_node_that_is_silent(tmp_path: Path) -> None:
    """A node that accepts and says nothing holds `/status` up once; after that it is asked beside the requests."""
    asked: list[bytes] = []
    async with _node(None, asked) as url, calling(tmp_path, status_url=url) as (client, _):
        assert (await client.get("/status")).json()["node"] is None
        await asyncio.sleep(KEPT)  # the time for which an answer is kept is real time
        began = time.monotonic()
        assert (await client.get("/status")).json()["node"] is None
        assert time.monotonic() - began < LIMIT
    assert len(asked) == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "not a url", "ftp://x", "http://[", "http://x:99999"])
async def test_node_that_is_not_there(tmp_path: Path, url: str) -> None:
    """No node, or a URL that is none, is no reason for an error."""
    async with calling(tmp_path, status_url=url) as (client, _):
        assert (await client.get("/status")).json()["node"] is None


def test_status_of_a_node_that_catches_up() -> None:
    """Whether the node is still catching up is passed on."""
    status = read_status({"sync_info": {"latest_block_height": 7, "catching_up": True}})
    assert status == NodeStatus(height=7, catching_up=True)


@pytest.mark.parametrize(
    ("height", "catching_up", "status"), [("42", False, 200), ("42", True, 503), ("0", False, 503), (None, False, 503)]
)
async def test_readiness_of_a_node(tmp_path: Path, height: str | None, catching_up: bool, status: int) -> None:
    """`/readyz?node=synced` is for a node that has a block and is not catching up; a bare `/readyz` asks no node."""
    fill(tmp_path)
    asked: list[bytes] = []
    sync = {"latest_block_height": height, "catching_up": catching_up}
    async with (
        _node(json.dumps({"sync_info": sync}).encode(), asked) as url,
        calling(tmp_path, status_url=url) as (client, _),
    ):
        assert (await client.get("/readyz")).status_code == 200
        assert asked == []
        response = await client.get("/readyz?node=synced")
    assert response.status_code == status
    if status != 200:
        assert assert_problem(response, 503, "not-ready")["reason"] != ""


async def test_readiness_of_a_node_before_its_pod_is(tmp_path: Path) -> None:
    """A node counts only where its pod's init is complete, and nothing else can be asked of it."""
    asked: list[bytes] = []
    async with (
        _node(json.dumps({"sync_info": SYNC}).encode(), asked) as url,
        calling(tmp_path, status_url=url) as (client, _),
    ):
        assert_problem(await client.get("/readyz?node=synced"), 503, "not-ready")
        assert_problem(await client.get("/readyz?node=there"), 400, "bad-request")
    assert asked == []
