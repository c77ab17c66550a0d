"""A genesis of some MiB that is disturbed at each 64 KiB of its way: resumed where that is safe, and verified."""

import base64
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest
from scripted_server import Exchange, Script, ScriptedServer, file, head
from step_faults import PIECES, find
from virtual_clock import VirtualClock

from exposer.client import Client
from init_scripts.leader import Expected, download_genesis

CHAIN = "pieces-1"
PIECE = 64 << 10


def made(seed: int) -> bytes:
    """A genesis of 2 MiB that no other seed makes."""
    filler = base64.b64encode(random.Random(seed).randbytes(3 << 19)).decode()
    return json.dumps(
        {
            "genesis_time": "2026-01-01T00:00:00Z",
            "chain_id": CHAIN,
            "validators": [],
            "app_hash": "",
            "app_state": {"filler": filler},
        }
    ).encode()


GENESIS, OTHER = made(1), made(2)
OFFSETS = range(PIECE, len(GENESIS), PIECE)


def promising(data: bytes) -> dict[str, str]:
    """The header that promises ``data`` (RFC 9530)."""
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"}


def fetch(target: Path, *scripts: Script, stall: float = 10.0) -> tuple[bytes, list[str | None], float]:
    """What arrives, the ranges that were asked for, and the seconds that it took."""
    began = monotonic()
    with ScriptedServer(*scripts) as server, Client(server.url, timeout=stall) as client:
        facts = download_genesis(client, target, Expected(CHAIN), within=3600, clock=VirtualClock())
    assert facts.chain_id == CHAIN
    return target.read_bytes(), [asked.headers.get("range") for asked in server.asked], monotonic() - began


def stalling(content: bytes) -> Script:
    """``content``, of which each request gets 64 KiB, and then waits."""

    def script(exchange: Exchange) -> bool:
        begin = int(exchange.asked.headers.get("range", "bytes=0-")[6:-1])
        whole = begin + PIECE >= len(content)
        named: dict[str, str | int] = {"ETag": '"1"', "Content-Length": len(content) - begin}
        if begin:
            named["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        exchange.send(head(206 if begin else 200, named) + content[begin : begin + PIECE])
        if not whole:
            exchange.stall()
        return whole

    return script


def slow(content: bytes) -> Script:
    """``content``, with a pause at each 64 KiB."""

    def script(exchange: Exchange) -> bool:
        exchange.send(head(200, {"Content-Length": len(content)}))
        for at in range(0, len(content), PIECE):
            exchange.send(content[at : at + PIECE])
            exchange.open(0.02)
        return True

    return script


CUT: dict[str, Callable[[], Script]] = {
    "closed": lambda: file(GENESIS, cuts=OFFSETS, extra=promising(GENESIS)),
    "reset": lambda: file(GENESIS, cuts=OFFSETS, rst=True, extra=promising(GENESIS)),
    "stalled": lambda: stalling(GENESIS),
}


@pytest.mark.parametrize("how", CUT)
def test_a_cut_at_each_64_kib(how: str, tmp_path: Path, tell: Callable[[str], None]) -> None:
    """A file that never comes further than 64 KiB at once is put together from its pieces, each asked for once."""
    data, ranges, spent = fetch(tmp_path / "genesis.json", CUT[how](), stall=0.5 if how == "stalled" else 10)
    tell(f"{how} at each 64 KiB of {len(GENESIS)} bytes: {len(ranges)} requests, {spent:.1f} s")

    assert data == GENESIS
    assert len(ranges) >= len(OFFSETS)
    if how != "reset":  # which may take some of what was sent with it
        assert ranges[1:] == [f"bytes={offset}-" for offset in OFFSETS]
    assert find("the connection is closed, reset", PIECES).codes == (0,)


def test_a_pause_at_each_64_kib(tmp_path: Path) -> None:
    """A slow server is waited for; what came is not asked for again."""
    data, ranges, _ = fetch(tmp_path / "genesis.json", slow(GENESIS))

    assert data == GENESIS
    assert ranges == [None]


@pytest.mark.sampled(kind=lambda offset, etag: (etag, 4 * offset // len(GENESIS)), size=12)
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("etag", ['"2"', '"1"'], ids=["another ETag", "the same ETag"])
def test_another_genesis_from_there_on(offset: int, etag: str, tmp_path: Path) -> None:
    """Pieces of two files are never joined: where the genesis changes on the way, the new one comes whole."""
    before = file(GENESIS, cuts=[offset], extra=promising(GENESIS))
    data, _, _ = fetch(tmp_path / "genesis.json", before, file(OTHER, etag=etag, extra=promising(OTHER)))

    assert data == OTHER
