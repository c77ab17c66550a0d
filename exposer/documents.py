"""The documents that pods exchange, and when each is complete: a torn, empty or foreign file never counts."""

import json
import re
from dataclasses import dataclass
from typing import BinaryIO

import ijson

_NODE_ID = re.compile(r"[0-9a-f]{40}")
NODE_ID_DOCUMENT_LIMIT = 4096
"""Bytes; a node id document is 55, so whatever is larger is something else."""


class DocumentError(Exception):
    """What is wrong with a document, in words that hold none of its content."""


@dataclass(frozen=True)
class GenesisFacts:
    """What a complete genesis says about itself."""

    chain_id: str
    genesis_time: str


def parse_node_id(data: bytes) -> str:
    """The node id (40 hex digits, lower case) in ``{"node_id": "..."}``; raises `DocumentError`."""
    document = parse_object(data)
    node_id = document.get("node_id")
    if not isinstance(node_id, str) or not _NODE_ID.fullmatch(node_id):
        raise DocumentError("no node_id of 40 lower-case hex digits in it")
    return node_id


def render_node_id(node_id: str) -> bytes:
    """The one form of a node id document, on the volume and on the wire."""
    return b'{"node_id":"%s"}' % node_id.encode()


def parse_object(data: bytes) -> dict[str, object]:
    """The JSON object (RFC 8259, UTF-8) in ``data``; raises `DocumentError`."""
    if not data.strip():
        raise DocumentError("empty")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DocumentError("not JSON, or cut off") from error
    if not isinstance(document, dict):
        raise DocumentError("not a JSON object")
    return document


def check_genesis(stream: BinaryIO) -> GenesisFacts:
    """Read a genesis (CometBFT's GenesisDoc or an SDK's AppGenesis) to its end in flat memory.

    Complete is: one JSON object with nothing behind it, a ``chain_id`` of 1 to 50 characters and a ``genesis_time``
    (the fields that CometBFT's GenesisDoc.ValidateAndComplete asks for), and an application state or validators.

    Raises:
        DocumentError: it is not a complete genesis.
    """
    found: dict[str, str] = {}
    keys: set[str] = set()
    first = True
    try:
        for prefix, event, value in ijson.parse(stream, use_float=False):
            if first and event != "start_map":
                raise DocumentError("not a JSON object")
            first = False
            if event == "map_key" and prefix == "":
                keys.add(value)
            elif event == "string" and prefix in {"chain_id", "genesis_time"}:
                found[prefix] = value
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise DocumentError("empty, not JSON, or cut off") from error
    return _genesis_facts(found, keys)


def _genesis_facts(found: dict[str, str], keys: set[str]) -> GenesisFacts:
    chain_id = found.get("chain_id", "")
    if not 0 < len(chain_id) <= 50:  # noqa: PLR2004 - MaxChainIDLen of CometBFT
        raise DocumentError("no chain_id of 1 to 50 characters in it")
    if not found.get("genesis_time"):
        raise DocumentError("no genesis_time in it")
    if not keys & {"app_state", "validators"}:
        raise DocumentError("neither app_state nor validators in it")
    return GenesisFacts(chain_id, found["genesis_time"])
