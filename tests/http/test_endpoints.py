"""What each endpoint answers on a finished volume, and what it answers when nothing is configured."""

import asyncio
import hashlib
import json
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sidecar_world import (
    ENDPOINTS,
    GENESIS,
    KEYS,
    Keys,
    assert_no_secret,
    assert_problem,
    calling,
    commit,
    commit_all,
    contents,
    fill,
    serving,
    settings_for,
    sidecar_of,
)
from waiting import until

from exposer.progress import Progress, write_progress
from exposer.server.app import create_app
from exposer.server.serve import make_server
from exposer.server.settings import ServerSettings

FINISHED = pytest.mark.parametrize("finish", [fill, commit_all], ids=["unmanaged", "managed"])


@FINISHED
async def test_node_id(tmp_path: Path, finish: Callable[[Path], object]) -> None:
    """`/node_id` answers the one form of a node id, whatever white space the file has."""
    finish(tmp_path)
    async with calling(tmp_path) as (client, _):
        response = await client.get("/node_id")
    assert response.content == b'{"node_id":"%s"}' % KEYS.node_id().encode()
    assert response.headers["content-type"] == "application/json"


@FINISHED
async def test_genesis(tmp_path: Path, finish: Callable[[Path], object]) -> None:
    """`/genesis` answers the file's own bytes, with its digest."""
    finish(tmp_path)
    async with calling(tmp_path) as (client, _):
        response = await client.get("/genesis")
    assert response.content == GENESIS
    assert response.headers["etag"] == f'"{hashlib.sha256(GENESIS).hexdigest()}"'
    assert response.headers["content-type"] == "application/json"


@FINISHED
async def test_keys(tmp_path: Path, finish: Callable[[Path], object]) -> None:
    """`/keys` answers the public halves, as CometBFT writes them."""
    finish(tmp_path)
    written = json.loads(KEYS.priv_validator_key())
    async with calling(tmp_path) as (client, _):
        body = (await client.get("/keys")).json()
    assert list(body) == ["node_id", "node_pub_key", "validator_address", "validator_pub_key"]
    assert body["node_id"] == KEYS.node_id()
    assert body["node_pub_key"]["type"] == "tendermint/PubKeyEd25519"
    assert body["validator_address"] == written["address"]
    assert body["validator_pub_key"] == written["pub_key"]


@FINISHED
async def test_pub_key(tmp_path: Path, finish: Callable[[Path], object]) -> None:
    """`/pub_key` answers the validator's key as the SDK writes it."""
    finish(tmp_path)
    async with calling(tmp_path) as (client, _):
        body = (await client.get("/pub_key")).json()
    value = json.loads(KEYS.priv_validator_key())["pub_key"]["value"]
    assert body == {"type": "/cosmos.crypto.ed25519.PubKey", "key": value}


@FINISHED
async def test_ready(tmp_path: Path, finish: Callable[[Path], object]) -> None:
    """`/readyz` succeeds once node id and genesis can be fetched."""
    finish(tmp_path)
    async with calling(tmp_path) as (client, _):
        response = await client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


async def test_head(tmp_path: Path) -> None:
    """HEAD works on every path: the head of GET, without the body."""
    fill(tmp_path)
    async with serving(tmp_path) as (client, _):
        for path in ENDPOINTS:
            got, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert head.headers["content-type"] == got.headers["content-type"]
            if path not in {"/status", "/metrics"}:  # these have another body each time
                assert head.headers["content-length"] == str(len(got.content)), path


async def test_head_of_an_error(tmp_path: Path) -> None:
    """HEAD of what is not ready has the status and headers of the error."""
    async with serving(tmp_path) as (client, _):
        head = await client.head("/genesis")
    assert (head.status_code, head.content) == (503, b"")
    assert head.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "path", ["/genesis/", "/docs", "/redoc", "/node_id/x", "/artifacts/x/y", "/%00", "/../etc/passwd"]
)
async def test_other_paths(tmp_path: Path, path: str) -> None:
    """Whatever is not an endpoint is 404 `not-found`; FastAPI's own pages are off."""
    fill(tmp_path)
    async with calling(tmp_path) as (client, _):
        assert_problem(await client.get(path), 404, "not-found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods(tmp_path: Path, method: str) -> None:
    """Whatever is not GET or HEAD is 405, which names the two."""
    async with serving(tmp_path) as (client, _):
        for path in ENDPOINTS:
            response = await client.request(method, path, content=b"x" * 10)
            assert_problem(response, 405, "method-not-allowed")
            assert response.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/node_id", "/genesis", "/keys", "/pub_key", "/genesis?wait=60s"])
async def test_not_configured(path: str) -> None:
    """What is not configured is 404 at once: waiting for it is of no use."""
    app = create_app(ServerSettings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://pod") as client:
        assert_problem(await client.get(path), 404, "not-configured")
        assert_problem(await client.get("/readyz"), 503, "not-ready")
        assert (await client.get("/livez")).status_code == 200


async def test_empty_volume(tmp_path: Path) -> None:
    """A sidecar that starts before the first step answers 503 with the phase, and lives."""
    async with calling(tmp_path / "not-yet-there") as (client, _):
        for path in ("/node_id", "/genesis", "/keys", "/pub_key", "/readyz"):
            body = assert_problem(await client.get(path), 503, "not-ready")
            assert (body["phase"], "missing" in str(body["reason"])) == ("waiting", True)
        assert (await client.get("/livez")).status_code == 200


async def test_managed_before_init_config(tmp_path: Path) -> None:
    """On a volume of ours complete files do not count before the record of init-config."""
    commit(tmp_path, "init-genesis", contents())
    async with calling(tmp_path) as (client, _):
        for path in ("/node_id", "/genesis", "/keys", "/pub_key", "/readyz"):
            body = assert_problem(await client.get(path), 503, "not-ready")
            assert "init-config is not complete" in str(body["reason"])


async def test_managed_by_other_paths(tmp_path: Path) -> None:
    """A genesis file in ``config/`` of a volume of ours makes the sidecar follow its records, without a home."""
    commit(tmp_path, "init-genesis", contents())
    app = create_app(ServerSettings(genesis_file=tmp_path / "config/genesis.json"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://pod") as client:
        assert_problem(await client.get("/genesis"), 503, "not-ready")
        commit(tmp_path, "init-config", {"genesis.json": GENESIS})
        assert (await client.get("/genesis")).content == GENESIS


async def test_started_over(tmp_path: Path) -> None:
    """While init-config is taken back nothing counts; when it is complete again the new genesis is served."""
    commit_all(tmp_path)
    renewed = GENESIS.replace(b"test-1", b"test-2")
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/genesis")).content == GENESIS
        commit(tmp_path, "init-genesis", {**contents(renewed), "genesis.json": renewed}, force=True)
        assert_problem(await client.get("/genesis"), 503, "not-ready")
        commit(tmp_path, "init-config", {"genesis.json": renewed})
        assert (await client.get("/genesis")).content == renewed


async def test_managed_file_changed_afterwards(tmp_path: Path) -> None:
    """A committed file that somebody changed is a mismatch, however complete it is."""
    commit_all(tmp_path)
    (tmp_path / "config/genesis.json").write_bytes(GENESIS.replace(b"test-1", b"test-2"))
    (tmp_path / "config/priv_validator_key.json").write_bytes(Keys("other").priv_validator_key())
    async with calling(tmp_path) as (client, _):
        for path in ("/genesis", "/keys", "/pub_key", "/readyz"):
            assert_problem(await client.get(path), 503, "mismatch")


async def test_genesis_that_nobody_committed(tmp_path: Path) -> None:
    """On a volume of ours a genesis that no record names is not served."""
    commit(tmp_path, "init-config", {"node_id.json": contents()["node_id.json"]})
    fill(tmp_path)
    async with calling(tmp_path) as (client, _):
        assert_problem(await client.get("/genesis"), 503, "mismatch")


async def test_damaged_record(tmp_path: Path) -> None:
    """A record that cannot be read is a mismatch, not a fault of the server."""
    commit_all(tmp_path)
    (tmp_path / ".exposer/steps/init-config.json").write_bytes(b"{")
    async with calling(tmp_path) as (client, _):
        for path in ("/node_id", "/genesis", "/keys", "/pub_key", "/readyz"):
            assert_problem(await client.get(path), 503, "mismatch")


async def test_foreign_node_id(tmp_path: Path) -> None:
    """A node id that does not belong to the node key is a mismatch."""
    config = fill(tmp_path)
    (config / "node_key.json").write_bytes(Keys("other").node_key())
    async with calling(tmp_path) as (client, _):
        assert_problem(await client.get("/node_id"), 503, "mismatch")
        assert_problem(await client.get("/readyz"), 503, "mismatch")


async def test_node_id_without_node_key(tmp_path: Path) -> None:
    """A node id alone is believed where no node key is configured."""
    config = fill(tmp_path)
    app = create_app(ServerSettings(node_id_file=config / "node_id.json"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://pod") as client:
        assert (await client.get("/node_id")).json() == {"node_id": KEYS.node_id()}


async def test_no_private_byte(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No answer on any path, and no log line, has a private byte of either key in it."""
    caplog.set_level("DEBUG")
    config = fill(tmp_path)
    async with calling(tmp_path) as (client, _):
        for spoil in (None, "genesis.json", "node_id.json"):
            if spoil:  # the private keys where public documents should be
                (config / spoil).write_bytes(KEYS.node_key() + KEYS.priv_validator_key())
            for path in (*ENDPOINTS, "/priv_key", "/config/node_key.json"):
                assert_no_secret(await client.get(path))
    assert not [secret for secret in KEYS.secrets() if secret.decode("latin-1") in caplog.text]


async def test_private_keys_of_other_types(tmp_path: Path) -> None:
    """A secp256k1 validator key has its own type and address rule."""
    config = fill(tmp_path)
    public = "A6xXdRVA2ivAr8Ccl6/hM2XfBVDKpWGX0WMh3yVVwmPp"
    key = {"pub_key": {"type": "tendermint/PubKeySecp256k1", "value": public}}
    (config / "priv_validator_key.json").write_text(json.dumps(key))
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/pub_key")).json() == {"type": "/cosmos.crypto.secp256k1.PubKey", "key": public}
        assert len((await client.get("/keys")).json()["validator_address"]) == 40


async def test_fault_of_ours(tmp_path: Path) -> None:
    """An unforeseen exception is a 500 problem without a word of it, and counts."""
    app = create_app(ServerSettings(home=tmp_path))

    @app.get("/boom")
    async def boom() -> None:
        """Fail as only a bug does."""
        raise RuntimeError(str(tmp_path))

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pod") as client:
        assert_problem(await client.get("/boom"), 500, "fault")
    assert sidecar_of(app).traffic.requests["other", 500] == 1


async def test_refused_steps_take_nothing_down(tmp_path: Path) -> None:
    """A step that refused to touch somebody else's volume, and left no more than that, stops nobody from serving it."""
    fill(tmp_path)
    for directory in ("steps", "progress"):
        (tmp_path / ".exposer" / directory).mkdir(parents=True)
    (tmp_path / ".exposer/lock").touch()
    write_progress(tmp_path, Progress("init-genesis", "failed", 1.0, 2.0, 5, "a stranger has signed here"))
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/genesis")).status_code == 200
        assert (await client.get("/node_id")).status_code == 200


async def test_no_delay(tmp_path: Path) -> None:
    """A body is not held back until the client has acknowledged the head, which it puts off for 40 ms."""
    server = make_server(settings_for(tmp_path))
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    _, writer = await asyncio.open_connection(*address)
    await until(lambda: bool(server.server_state.connections))
    (connection,) = server.server_state.connections
    accepted = connection.transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    writer.close()
    server.should_exit = True
    await running
