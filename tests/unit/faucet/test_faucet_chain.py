"""The chain as the faucet sees it: answers as real nodes give them, and everything else as a reason to wait."""

import asyncio
import base64
import contextlib
import json

import httpx
import pytest
from scripted_server import Script, ScriptedServer, answer, reset

from exposer.errors import TemporaryError
from exposer.faucet.chain import Account, Chain, RefusedError
from exposer.protobuf import data, message, number, string

ADDRESS = "cosmos1a"
BASE = string(1, ADDRESS) + data(2, b"key") + number(3, 7) + number(4, 300)


def rpc(result: object) -> bytes:
    """A JSON-RPC answer."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()


def query(value: bytes = b"", code: int = 0, height: int = 5) -> bytes:
    """An answer to abci_query."""
    response = {"code": code, "log": "no", "value": base64.b64encode(value).decode() or None, "height": str(height)}
    return rpc({"response": response})


def failure(text: str) -> bytes:
    """A JSON-RPC error."""
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "Internal", "data": text}}
    ).encode()


@pytest.mark.parametrize(
    ("kind", "account"),
    [
        ("/cosmos.auth.v1beta1.BaseAccount", BASE),
        ("/ethermint.types.v1.EthAccount", message(1, BASE) + string(2, "0xhash")),
        (
            "/cosmos.vesting.v1beta1.ContinuousVestingAccount",
            message(1, message(1, BASE) + number(5, 9)) + number(2, 8),
        ),
    ],
)
async def test_the_account_in_whatever_wraps_it(kind: str, account: bytes) -> None:
    """Number and sequence are those of the BaseAccount, however deep it is."""
    found = query(message(1, string(1, kind) + data(2, account)))
    async with httpx.AsyncClient(trust_env=False) as client:
        with ScriptedServer(answer(200, found), answer(200, query(code=22))) as server:
            chain = Chain(server.url, client)
            assert await chain.account(ADDRESS) == Account(7, 300, 5)
            assert await chain.account(ADDRESS) is None


@pytest.mark.parametrize(
    "script",
    [
        answer(200, b""),
        answer(200, b"[]"),
        answer(502, b"<html>"),
        answer(200, b"{}"),
        reset,
        answer(200, b'{"error": 1}'),
    ],
)
async def test_any_other_answer_is_a_reason_to_wait(script: Script) -> None:
    """A node that is starting, or something else at its place, tells nothing about a transaction."""
    async with httpx.AsyncClient(trust_env=False) as client:
        with ScriptedServer(script) as server:
            for call in (Chain(server.url, client).status, lambda: Chain(server.url, client).broadcast(b"x")):
                with pytest.raises(TemporaryError):
                    await call()


async def test_what_a_mempool_says() -> None:
    """What the mempool has had before is taken; a code is a refusal; an error of the node's own tells nothing."""
    had = failure("tx already exists in cache")
    refused = rpc({"code": 32, "log": "account sequence mismatch"})
    full = failure("mempool is full")
    async with httpx.AsyncClient(trust_env=False) as client:
        with ScriptedServer(*(answer(200, body) for body in (had, refused, full))) as server:
            chain = Chain(server.url, client)
            await chain.broadcast(b"x")
            with pytest.raises(RefusedError, match="account sequence mismatch"):
                await chain.broadcast(b"x")
            with pytest.raises(TemporaryError, match="mempool is full"):
                await chain.broadcast(b"x")


async def test_the_room_of_a_block() -> None:
    """The gas of a block is what the consensus parameters say; -1 is no limit."""
    params = [rpc({"block_height": "5", "consensus_params": {"block": {"max_gas": gas}}}) for gas in ("-1", "7")]
    async with httpx.AsyncClient(trust_env=False) as client:
        with ScriptedServer(*(answer(200, body) for body in params)) as server:
            assert [await Chain(server.url, client).most_gas() for _ in params] == [None, 7]


@pytest.mark.parametrize("limit", ["_LIMIT", "_LARGEST"])
async def test_an_answer_without_end(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that trickles for ever, or is larger than any block, is given up: it has a limit of time and one of size."""
    left = asyncio.Event()

    async def endless(_: object, writer: asyncio.StreamWriter) -> None:
        """Send a byte at a time, until nobody listens."""
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b" " if limit == "_LIMIT" else b" " * 100_000)
                await writer.drain()
                await asyncio.sleep(0.001)
        writer.close()
        left.set()

    monkeypatch.setattr(f"exposer.faucet.chain.{limit}", 0.05 if limit == "_LIMIT" else 1 << 20)
    async with httpx.AsyncClient(trust_env=False) as client:
        server = await asyncio.start_server(endless, "127.0.0.1", 0)
        async with server, asyncio.timeout(10):
            host, port = server.sockets[0].getsockname()
            with pytest.raises(TemporaryError, match="TimeoutError" if limit == "_LIMIT" else "larger"):
                await Chain(f"http://{host}:{port}", client).status()
            await left.wait()


async def test_a_result_without_stored_results() -> None:
    """A node that discards block results is asked for the transaction itself."""
    index = rpc({"height": "9", "tx_result": {"code": 11, "log": "out of gas"}})
    async with httpx.AsyncClient(trust_env=False) as client:
        with ScriptedServer(answer(200, failure("not persisting abci responses")), answer(200, index)) as server:
            assert await Chain(server.url, client).outcome("AB", 9, 0) == (11, "out of gas")
