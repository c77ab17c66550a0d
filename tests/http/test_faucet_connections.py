"""The faucet's connections: one request on each, and limits that no client can hold the faucet up with."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import pytest
from networks import fresh_mnemonic
from waiting import until

from exposer.accounts.hd import derive_secp256k1, standard_path
from exposer.accounts.mnemonic import Mnemonic
from exposer.accounts.purse import Purse
from exposer.faucet.app import Faucet
from exposer.faucet.journal import open_journal
from exposer.faucet.protocol import LARGEST_BODY, LARGEST_HEAD, Doors, Protocol
from exposer.faucet.serve import Server
from exposer.faucet.settings import FaucetSettings
from exposer.listener import Listener

CREDIT = b"POST /credit HTTP/1.1\r\nhost: f\r\ncontent-length: %d\r\n\r\n"
LIVE = b"GET /livez HTTP/1.1\r\nhost: f\r\n\r\n"


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave."""
        self._writer.close()

    async def say(self, data: bytes) -> None:
        """Send it, as far as the faucet reads."""
        self._writer.write(data)
        await self._writer.drain()

    async def all(self) -> bytes:
        """What the faucet answers until it ends the connection."""
        return await asyncio.wait_for(self._reader.read(), 10)

    async def told(self) -> tuple[int, str]:
        """Status and code of a problem that ends the connection."""
        head, body = (await self.all()).split(b"\r\n\r\n")
        assert b"content-type: application/problem+json" in head
        assert b"connection: close" in head
        return int(head.split()[1]), json.loads(body)["code"]


@asynccontextmanager
async def serving(directory: Path, connections: int = 100, request: float = 10.0) -> AsyncIterator[tuple[int, Server]]:
    """The port of a faucet whose node nobody has started, and its server."""
    key = derive_secp256k1(Mnemonic(fresh_mnemonic()).seed(), standard_path(118))
    purse = Purse("chain-1", "cosmos", "secp256k1", "/a.PubKey", {"stake": 5}, key)
    settings = FaucetSettings(dir=directory, NODE_URL="http://127.0.0.1:1")
    bound = socket.create_server(("127.0.0.1", 0))
    port = bound.getsockname()[1]
    with open_journal(directory, keep=60.0) as journal, Listener(bound, None) as listener:
        server = Server(Faucet(settings, purse, journal), Doors(connections, request), drain=1.0)
        running = asyncio.create_task(server._serve([listener]))
        await until(lambda: server.started)
        try:
            yield port, server
        finally:
            server.should_exit = True
            await running


def begun(server: Server) -> list[Protocol]:
    """Connections on which a request has begun."""
    return [one for one in server.server_state.connections if isinstance(one, Protocol) and one.scope is not None]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET /" + b"a" * LARGEST_HEAD, (413, "too-large")),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * LARGEST_HEAD, (413, "too-large")),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * LARGEST_HEAD, (413, "too-large")),
        (CREDIT % (1 << 40) + b" " * (LARGEST_BODY + 1), (413, "too-large")),
        (CREDIT % (LARGEST_BODY + 1) + b" " * (LARGEST_BODY + 1), (413, "too-large")),
        (CREDIT % LARGEST_BODY + b" " * LARGEST_BODY, (400, "bad-request")),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", (400, "bad-request")),
        (b"GET http://[ HTTP/1.1\r\n\r\n", (400, "bad-request")),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505, "version-not-supported")),
        (b"GET /livez HTTP/2.0\r\n\r\n", (505, "version-not-supported")),
        (b"GET /%2Flivez HTTP/1.1\r\n\r\n", (404, "not-found")),
    ],
)
async def test_a_request_that_is_too_large_or_none(tmp_path: Path, request_: bytes, expected: tuple[int, str]) -> None:
    """What is too large or no request is told so, as a problem, and is not read any further."""
    async with serving(tmp_path) as (port, _), Client(port) as client:
        await client.say(request_)
        assert await client.told() == expected


@pytest.mark.parametrize("begin", [b"GET / HT", CREDIT % 9 + b"{"])
async def test_a_request_that_does_not_come(tmp_path: Path, begin: bytes) -> None:
    """A head or a body that stalls ends with 408; a client that never says a word is let go without one."""
    async with serving(tmp_path, request=0.05) as (port, _), Client(port) as client, Client(port) as silent:
        await client.say(begin)
        assert await client.told() == (408, "request-timeout")
        assert await silent.all() == b""


async def test_a_new_client_takes_the_place_of_the_first_that_is_still_sending(tmp_path: Path) -> None:
    """Where there are too many, the one that has been sending for longest goes, and the new one is answered."""
    async with serving(tmp_path, connections=2) as (port, _), Client(port) as first, Client(port) as second:
        await first.say(b"GET")
        await second.say(b"GET")
        async with Client(port) as third:
            await third.say(LIVE)
            assert (await third.all()).endswith(b"ok\n")
        assert await first.all() == b""
        await second.say(LIVE[3:])
        assert (await second.all()).endswith(b"ok\n")


@pytest.mark.parametrize(
    "request_",
    [
        LIVE * 1000,
        LIVE + b"what is this",
        b"GET /livez HTTP/1.0\r\n\r\n",
        b"GET /%6civez HTTP/1.2\r\n\r\n",
        LIVE[:-2] + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n\r\n",
    ],
)
async def test_one_request_on_a_connection(tmp_path: Path, request_: bytes) -> None:
    """The first request is answered, and the client told that the connection ends; what follows is not read."""
    async with serving(tmp_path) as (port, _), Client(port) as client:
        await client.say(request_)
        answer = await client.all()
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 1
    assert b"connection: close\r\n" in answer
    assert answer.endswith(b"ok\n")


async def test_a_client_that_asks_whether_to_go_on(tmp_path: Path) -> None:
    """``Expect: 100-continue`` is answered before the body, and the body then counts (RFC 9110, 10.1.1)."""
    async with serving(tmp_path) as (port, _), Client(port) as client:
        await client.say((CREDIT % 2).replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
        await client.say(b"{}")
        answer = await client.all()
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 ")


async def test_a_stop_does_not_wait_for_requests_that_never_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a head, half a body or nothing: the clients are let go at once, told why where they asked; no traceback."""
    async with (
        serving(tmp_path) as (port, server),
        Client(port) as head,
        Client(port) as body,
        Client(port) as silent,
    ):
        await head.say(LIVE[:9])
        await body.say(CREDIT % 9 + b"{")
        await until(lambda: len(server.server_state.connections) == 3 and len(begun(server)) == 2)
        server.should_exit = True
        assert await head.told() == await body.told() == (503, "not-ready")
        assert await silent.all() == b""
    assert "Traceback" not in caplog.text
