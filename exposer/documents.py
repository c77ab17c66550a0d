"""The documents that pods exchange, and when each is complete: a torn, empty or foreign file never counts."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

import ijson
from ijson.backends import python as slow_parser

_NODE_ID = re.compile(r"[0-9a-f]{40}")
NODE_ID_DOCUMENT_LIMIT = 4096
"""Bytes; a node id document is 55, so whatever is larger is something else."""
_DEEPEST = 10_000
"""Levels of nesting; Go's encoding/json, which every chain reads its genesis with, takes no more."""
_PIECE = 1 << 20  # bytes parsed at a time: the parser copies a string once for each piece of it


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
    """Read a genesis (CometBFT's GenesisDoc or an SDK's AppGenesis), in a file, to its end.

    The memory is flat, but for the longest string in it.

    Complete is: one JSON object with nothing behind it, a ``chain_id`` of 1 to 50 characters and a ``genesis_time``
    (the fields that CometBFT's GenesisDoc.ValidateAndComplete asks for), and an application state or validators.

    Raises:
        DocumentError: it is not a complete genesis.
    """
    try:
        return _read_genesis(ijson.basic_parse(stream, use_float=True, buf_size=_PIECE))
    except ijson.JSONError as error:
        if "overflow" not in str(error):
            raise DocumentError("empty, not JSON, or cut off") from error
    # A number beyond 64 bits. The parser in C would crash on some of them if it were asked for Python's own numbers,
    # so such a document, which is rare, goes to the slow one.
    stream.seek(0)
    try:
        return _read_genesis(slow_parser.basic_parse(stream, use_float=False, buf_size=_PIECE))
    except (ijson.JSONError, ValueError, ArithmeticError) as error:
        raise DocumentError("a number beyond all bounds in it, or not JSON, or cut off") from error


def _read_genesis(events: Iterable[tuple[str, Any]]) -> GenesisFacts:
    """Follow a parser to the end of its document, noting only what stands on the first level.

    Not ijson.parse: it keeps the path of every open level, which deep nesting turns into gigabytes.
    """
    found: dict[str, str] = {}
    keys: set[str] = set()
    depth, key = 0, ""
    for event, value in events:
        if depth == 0 and event != "start_map":
            raise DocumentError("not a JSON object")
        if event in {"start_map", "start_array"}:
            depth += 1
        elif event in {"end_map", "end_array"}:
            depth -= 1
        elif depth == 1 and event == "map_key":
            key = value
            keys.add(key)
        elif depth == 1 and event == "string" and key in {"chain_id", "genesis_time"}:
            found[key] = value
        if depth > _DEEPEST:
            raise DocumentError("nested too deeply")
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
