"""The write-ahead log of a node's consensus, in files as CometBFT writes them."""

from collections.abc import Sequence
from pathlib import Path

from exposer.protobuf import data, message, number

ME, OTHER = "000001E443FD237E4B616E2FA69DF4EE3D49A94F", "B00BA5ED69DF4EE3D49A94F000001E443FD237E4"
"""Addresses of validators."""
PREVOTE, PRECOMMIT = 1, 2


def record(body: bytes) -> bytes:
    """A message as it stands in a file; nobody here looks at checksums."""
    timed = message(1, number(1, 1_700_000_000)) + message(2, body)
    return b"\1\2\3\4" + len(timed).to_bytes(4) + timed


def ended(height: int) -> bytes:
    """The mark behind the last message of a height."""
    return record(message(4, number(1, height)))


def received(kind: int, body: bytes) -> bytes:
    """A message of the consensus, from a peer."""
    return record(message(2, message(1, message(kind, body)) + data(2, b"peer")))


def vote(height: int, round_: int, type_: int, address: str = ME) -> bytes:
    """A vote of a validator."""
    body = number(1, type_) + number(2, height) + number(3, round_)
    return received(6, message(1, body + message(4, b"") + data(6, bytes.fromhex(address)) + data(8, b"signature")))


def proposal(height: int, round_: int) -> bytes:
    """A proposal of somebody."""
    return received(3, message(1, number(1, 32) + number(2, height) + number(3, round_)))


def part(height: int, round_: int) -> bytes:
    """A part of a block."""
    return received(5, number(1, height) + number(2, round_) + message(3, data(2, b"b" * 6_000)))


def write(home: Path, *files: Sequence[bytes]) -> Path:
    """A home with a log in these files, the oldest first, at a place of its own; the newest file."""
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config/config.toml").write_text('[consensus]\nwal_file = "data/own/log"\n', encoding="utf-8")
    newest = home / "data/own/log"
    newest.parent.mkdir(parents=True, exist_ok=True)
    for place, messages in enumerate(files, start=1):
        name = newest.name if place == len(files) else f"log.{place + 997:03}"  # from three digits to four
        newest.with_name(name).write_bytes(b"".join(messages))
    return newest
