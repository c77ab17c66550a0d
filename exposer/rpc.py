"""A running node's RPC (CometBFT ``rpc/openapi``): its height, what the application answers, where a transaction went.

The few application queries go through ``abci_query`` with their protobuf messages written by hand: they are the same in
every SDK, while each start of a chain binary would cost a second of CPU.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from exposer.client import Client
from exposer.errors import TemporaryError

_VARINT, _BYTES = 0, 2
_BONDED = 3
_STATUS_FIELD, _JAILED_FIELD = 4, 3


@dataclass(frozen=True)
class Sync:
    """Where a node is: its latest height, and whether it is still behind."""

    height: int
    catching_up: bool


@dataclass(frozen=True)
class ValidatorState:
    """A validator as the staking module sees it."""

    bonded: bool
    jailed: bool


@dataclass(frozen=True)
class TxResult:
    """What became of a transaction in its block; ``code`` 0 is success."""

    height: int
    code: int
    log: str


class Node:
    """One node's RPC; every call raises `TemporaryError` while the node does not answer as it should."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def sync(self) -> Sync:
        """Height and state of the node."""
        info = self._call("/status")["sync_info"]
        return Sync(int(info["latest_block_height"]), bool(info["catching_up"]))

    def balance(self, address: str, denom: str) -> int:
        """What ``address`` has of ``denom`` (``cosmos.bank.v1beta1.Query/Balance``)."""
        answer = self._query("/cosmos.bank.v1beta1.Query/Balance", _string(1, address) + _string(2, denom))
        coin = _fields(answer or b"").get(1, b"")
        amount = _fields(coin if isinstance(coin, bytes) else b"").get(2, b"0")
        return int(amount if isinstance(amount, bytes) else b"0")

    def validator(self, operator: str) -> ValidatorState | None:
        """The validator of this operator (``cosmos.staking.v1beta1.Query/Validator``), or None while there is none."""
        answer = self._query("/cosmos.staking.v1beta1.Query/Validator", _string(1, operator))
        validator = _fields(answer or b"").get(1)
        if not isinstance(validator, bytes):
            return None
        fields = _fields(validator)
        return ValidatorState(fields.get(_STATUS_FIELD) == _BONDED, bool(fields.get(_JAILED_FIELD, 0)))

    def transaction(self, tx_hash: str) -> TxResult | None:
        """The result of a transaction (its hash in hex), or None while it is in no block."""
        answer = self._client.get(f"/tx?hash=0x{tx_hash}")
        document = _json(answer.body)
        if "result" not in document:
            return None  # an error of its own for "not found", whose text differs between versions
        result = document["result"]
        return TxResult(
            int(result["height"]), int(result["tx_result"]["code"]), str(result["tx_result"].get("log", ""))
        )

    def _query(self, path: str, message: bytes) -> bytes | None:
        """The application's answer, or None where it says that there is no such thing."""
        response = self._call(f'/abci_query?path="{path}"&data=0x{message.hex()}')["response"]
        if int(response.get("code", 0)) == 0:
            return base64.b64decode(response.get("value") or "")
        if "not found" in str(response.get("log", "")).lower():
            return None
        raise TemporaryError(f"the node cannot answer {path}: {response.get('log', '')}")

    def _call(self, path: str) -> Any:
        document = _json(self._client.get(path).body)
        if "result" not in document:
            raise TemporaryError(f"the node at {self._client.url} answers with an error: {document.get('error')}")
        return document["result"]


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise TemporaryError("the node's RPC does not answer in JSON; does NODE_URL point to it?") from error
    return document if isinstance(document, dict) else {}


def _string(number: int, value: str) -> bytes:
    """A protobuf string field (https://protobuf.dev/programming-guides/encoding)."""
    data = value.encode()
    return bytes([number << 3 | _BYTES]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _fields(message: bytes) -> dict[int, int | bytes]:
    """Field number -> value of a protobuf message's varint and length-delimited fields; of a repeated one the last."""
    return dict(_parse(message))


def _parse(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        value, position = _read_varint(message, position)
        if tag & 7 == _VARINT:
            yield tag >> 3, value
        elif tag & 7 == _BYTES:
            yield tag >> 3, message[position : position + value]
            position += value
        else:
            return  # fixed-width fields stand in none of these messages


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(message):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return value, position
