"""A sidecar's world for its tests: homes with real keys, volumes committed by real transactions, clients, servers."""

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI
from waiting import until
from witness import WITNESS

from exposer.identity import ed25519_public, node_id, node_public_key
from exposer.server.app import create_app
from exposer.server.serve import make_server
from exposer.server.settings import ServerSettings
from exposer.server.sidecar import PATHS, Sidecar
from exposer.volume import open_volume

GENESIS = b'{\n  "chain_id": "test-1",\n  "genesis_time": "2024-01-01T00:00:00Z",\n  "app_state": {"n": 1.0e3}\n}\n'
LARGE = GENESIS.replace(b"1.0e3", b'"' + b"0123456789abcdef" * (1 << 20) + b'"')
"""16 MiB: more than the buffers of a connection hold."""
FILES = ("genesis.json", "node_id.json", "node_key.json", "priv_validator_key.json")
ENDPOINTS = tuple(path for path in PATHS if "{" not in path)


@dataclass(frozen=True)
class Keys:
    """A node's two keys, derived from a name so that every run has the same."""

    name: str

    def __post_init__(self) -> None:
        for role in ("node", "validator"):
            WITNESS.learn(self.seed(role), f"the {role} key of {self.name}")

    def seed(self, role: str) -> bytes:
        """32 private bytes."""
        return hashlib.sha256(f"{self.name} {role}".encode()).digest()

    def node_key(self) -> bytes:
        """A ``node_key.json``."""
        return json.dumps({"priv_key": self._private("node")}).encode()

    def priv_validator_key(self) -> bytes:
        """A ``priv_validator_key.json``."""
        public = ed25519_public(self.seed("validator"))
        address = hashlib.sha256(public).hexdigest()[:40].upper()
        pub_key = {"type": "tendermint/PubKeyEd25519", "value": _base64(public)}
        return json.dumps({"address": address, "pub_key": pub_key, "priv_key": self._private("validator")}).encode()

    def node_id(self) -> str:
        """The id that belongs to the node key."""
        return node_id(node_public_key(self.node_key()))

    def secrets(self) -> list[bytes]:
        """Every form in which a private byte string could show in an answer."""
        seeds = [self.seed("node"), self.seed("validator")]
        forms = [*seeds, *(seed + ed25519_public(seed) for seed in seeds)]
        return [
            *forms,
            *(_base64(form).rstrip("=").encode()[:40] for form in forms),
            *(f.hex().encode() for f in seeds),
        ]

    def _private(self, role: str) -> dict[str, str]:
        seed = self.seed(role)
        return {"type": "tendermint/PrivKeyEd25519", "value": _base64(seed + ed25519_public(seed))}


KEYS = Keys("pod-0")


def contents(genesis: bytes = GENESIS, keys: Keys = KEYS) -> dict[str, bytes]:
    """The four files of a finished home: name below ``config/`` -> bytes."""
    node = f'{{"node_id":"{keys.node_id()}"}}'.encode()
    return dict(zip(FILES, (genesis, node, keys.node_key(), keys.priv_validator_key()), strict=True))


def fill(home: Path, genesis: bytes = GENESIS, keys: Keys = KEYS) -> Path:
    """Write a finished home as somebody else's scripts would; returns its ``config/``."""
    config = home / "config"
    config.mkdir(parents=True, exist_ok=True)
    for name, data in contents(genesis, keys).items():
        (config / name).write_bytes(data)
    return config


def commit(home: Path, step: str, files: dict[str, bytes], *, force: bool = False) -> None:
    """Run ``step`` on the volume as the real ones do: a transaction that puts ``files`` below ``config/``."""
    home.mkdir(parents=True, exist_ok=True)
    with open_volume(home) as volume:
        transaction = volume.begin(step, {}, force=force)
        assert transaction is not None
        config = transaction.stage / "config"
        config.mkdir()
        for name, data in files.items():
            (config / name).write_bytes(data)
        transaction.commit(last=["config/node_id.json"])


def commit_all(home: Path, genesis: bytes = GENESIS) -> None:
    """A volume on which init-genesis and init-config are complete; the latter patched the genesis."""
    files = contents(genesis)
    node = files.pop("node_id.json")
    commit(home, "init-genesis", {**files, "genesis.json": GENESIS.replace(b"test-1", b"before-patch")})
    commit(home, "init-config", {"genesis.json": genesis, "node_id.json": node})


def settings_for(home: Path, **more: object) -> ServerSettings:
    """Settings with this home and nothing else."""
    return ServerSettings.model_validate({"home": home, **more})


def sidecar_of(app: object) -> Sidecar:
    """The state of an application."""
    assert isinstance(app, FastAPI)
    sidecar = app.state.sidecar
    assert isinstance(sidecar, Sidecar)
    return sidecar


@contextlib.asynccontextmanager
async def calling(home: Path, **more: object) -> AsyncIterator[tuple[httpx.AsyncClient, Sidecar]]:
    """A client of an application in this process, without a socket between."""
    app = create_app(settings_for(home, **more))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://pod") as client:
            yield client, sidecar_of(app)


@contextlib.asynccontextmanager
async def serving(
    home: Path, *, trust: ssl.SSLContext | None = None, **more: object
) -> AsyncIterator[tuple[httpx.AsyncClient, Sidecar]]:
    """A client of a server on a real socket, in this event loop; over TLS where it is told whom to ``trust``."""
    server = make_server(settings_for(home, **more))
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    # A small receive buffer: a client that does not read holds the server up after a few hundred kilobytes.
    options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)]
    transport = httpx.AsyncHTTPTransport(verify=trust or True, socket_options=options)
    scheme = "https" if trust else "http"
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url=f"{scheme}://127.0.0.1:{port}", timeout=30
        ) as client:
            yield client, sidecar_of(server.config.app)
    finally:
        server.should_exit = True
        await running


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    """The one shape of every error; returns its body."""
    body: dict[str, object] = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert list(body) == ["type", "title", "status", "code", "detail", "phase", "reason"]
    assert (body["type"], body["status"]) == ("about:blank", status)
    assert ("retry-after" in response.headers) == (status == 503)
    assert (body["phase"] is not None) == (status == 503)
    assert (body["reason"] is not None) == (status == 503)
    words = f"{body['detail']} {body['reason']}"
    assert not [
        leak for leak in ("/", "\\", "Traceback", "Error", "Errno", "line ", "column", "(char") if leak in words
    ]
    return body


def assert_no_secret(response: httpx.Response, keys: Keys = KEYS) -> None:
    """No private byte is in the answer, in no form."""
    raw = response.content + repr(response.headers).encode()
    assert not [secret for secret in keys.secrets() if secret in raw]


@contextlib.contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """A path to write the successor of ``path`` to, which takes its place at the end."""
    successor = path.with_name(path.name + ".next")
    yield successor
    successor.rename(path)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
