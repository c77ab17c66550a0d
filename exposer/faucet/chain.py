"""The chain as the faucet sees it: a node's RPC (CometBFT ``rpc/openapi``), asked over JSON-RPC by POST."""

import asyncio
import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from exposer.errors import TemporaryError
from exposer.protobuf import child, count, data, string

_LIMIT = 10.0  # seconds for a whole answer; a node answers from its memory
_CONNECT = httpx.Timeout(_LIMIT, connect=2.0)
_LARGEST = 64 << 20  # bytes of an answer; the SDK's largest block has 21 MiB, 28 in base64
_CLIP = 300  # characters of a node's words


class RefusedError(Exception):
    """The chain's application answers, and the answer is no: a code that is not 0. The text is its own."""


class NodeError(TemporaryError):
    """The node answers with an error of its own (JSON-RPC), which tells nothing about what became of the question."""


@dataclass(frozen=True)
class Status:
    """What a node says of itself."""

    chain_id: str
    height: int
    earliest: int
    """The oldest block that it still has."""
    time: float
    """Of its latest block, in seconds since the epoch."""
    catching_up: bool


@dataclass(frozen=True)
class Account:
    """An account of the chain as of the block ``height``."""

    number: int
    sequence: int
    height: int


@dataclass(frozen=True)
class Block:
    """A block: its hash, and those of its transactions, in upper-case hex; its time in seconds since the epoch."""

    hash: str
    time: float
    transactions: tuple[str, ...]


class Chain:
    """One node; every call raises `TemporaryError` while it does not answer, or is not able to."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._client = client

    async def status(self) -> Status:
        """The node's chain, and how far it is."""
        result = await self._ask("status")
        sync = result["sync_info"]
        return Status(
            str(result["node_info"]["network"]),
            int(sync["latest_block_height"]),
            int(sync["earliest_block_height"]),
            _seconds(sync["latest_block_time"]),
            bool(sync["catching_up"]),
        )

    async def account(self, address: str) -> Account | None:
        """The account, or None where the chain knows none (``cosmos.auth.v1beta1.Query/Account``).

        Its kind does not matter: whatever wraps a BaseAccount (EthAccount, vesting accounts) has it as its first field.
        """
        response = await self._query("/cosmos.auth.v1beta1.Query/Account", string(1, address))
        if not _passed(response):
            return None
        account = child(_value(response), 1, 2)
        while account and child(account, 1) != address.encode():
            account = child(account, 1)
        return Account(count(account, 3), count(account, 4), int(response["height"]))

    async def balance(self, address: str, denom: str) -> int:
        """What an account has (``cosmos.bank.v1beta1.Query/Balance``)."""
        response = await self._query("/cosmos.bank.v1beta1.Query/Balance", string(1, address) + string(2, denom))
        if not _passed(response):
            raise TemporaryError(f"the node does not tell balances: {_words(response)}")
        return int(child(_value(response), 1, 2) or b"0")

    async def simulate(self, transaction: bytes) -> int:
        """The gas that a transaction would use now (``cosmos.tx.v1beta1.Service/Simulate``); raises `RefusedError`."""
        response = await self._query("/cosmos.tx.v1beta1.Service/Simulate", data(2, transaction))
        if not _passed(response):
            raise RefusedError(_words(response))
        return count(child(_value(response), 1), 2)

    async def broadcast(self, transaction: bytes) -> None:
        """Hand a transaction to the node.

        Raises:
            RefusedError: the chain's own check (CheckTx) says no, so no mempool has it.
            TemporaryError: nobody knows whether a mempool has it.
        """
        try:
            result = await self._ask("broadcast_tx_sync", tx=base64.b64encode(transaction).decode())
        except NodeError as error:
            if "already exists in cache" not in str(error):  # of CometBFT's mempool: it has been taken before
                raise
            return
        if int(result["code"]) != 0:
            raise RefusedError(_words(result))

    async def most_gas(self) -> int | None:
        """The gas that a block has room for, or None where there is no limit."""
        params = (await self._ask("consensus_params"))["consensus_params"]
        most = int(params["block"]["max_gas"])
        return most if most > 0 else None

    async def block(self, height: int) -> Block:
        """A block that the chain has made."""
        result = await self._ask("block", height=str(height))
        transactions = map(base64.b64decode, result["block"]["data"]["txs"] or ())
        names = tuple(hashlib.sha256(transaction).hexdigest().upper() for transaction in transactions)
        return Block(str(result["block_id"]["hash"]), _seconds(result["block"]["header"]["time"]), names)

    async def outcome(self, name: str, height: int, place: int) -> tuple[int, str]:
        """Code and log of a transaction in a block; a code of 0 is success."""
        try:
            result = (await self._ask("block_results", height=str(height)))["txs_results"][place]
        except NodeError:  # it keeps no results; its index may know
            result = (await self._ask("tx", hash=base64.b64encode(bytes.fromhex(name)).decode()))["tx_result"]
        return int(result["code"]), _words(result)

    async def _query(self, path: str, message: bytes) -> Any:
        return (await self._ask("abci_query", path=path, data=message.hex()))["response"]

    async def _ask(self, method: str, **parameters: str) -> Any:
        """The result of one call; raises `NodeError` where it is an error of the node's own."""
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        try:
            async with asyncio.timeout(_LIMIT):
                document = json.loads(await self._answer(question))
        except (httpx.HTTPError, TimeoutError) as error:
            raise TemporaryError(f"the node does not answer: {type(error).__name__}") from error
        except (ValueError, RecursionError) as error:
            raise TemporaryError("the node's RPC does not answer in JSON; does NODE_URL point to it?") from error
        if isinstance(document, dict) and "result" in document:
            return document["result"]
        refusal = document.get("error") if isinstance(document, dict) else None
        if isinstance(refusal, dict):
            told = f"{refusal.get('message', '')}: {refusal.get('data', '')}"
            raise NodeError(f"the node answers {method} with an error: {told[:_CLIP]}")
        raise TemporaryError("what answers at NODE_URL is no node's RPC")

    async def _answer(self, question: object) -> bytes:
        body = bytearray()
        async with self._client.stream("POST", self._url, json=question, timeout=_CONNECT) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST:
                    raise TemporaryError(f"the node's answer is larger than {_LARGEST} bytes")
        return bytes(body)


def _passed(response: Any) -> bool:
    return int(response.get("code", 0)) == 0


def _value(response: Any) -> bytes:
    return base64.b64decode(response.get("value") or "")


def _words(result: Any) -> str:
    return str(result.get("log", ""))[:_CLIP]


def _seconds(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()
