"""The write-ahead log of a node's consensus: what the node had of each validator at the height that it works on.

Format: CometBFT v0.34 to v0.38, ``consensus/wal.go`` (``WALEncoder``), ``libs/autofile/group.go`` and
``proto/tendermint/consensus/wal.proto``: of each ``TimedWALMessage`` a checksum, its length, and itself. Files are
``wal.000``, ``wal.001``, ..., and the newest one is ``wal``. What peers send is in it as it came, true or not.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

from exposer.protobuf import child, count
from exposer.server.consensus import PRECOMMIT, PREVOTE, PROPOSAL, Signed
from exposer.server.pace import node_settings
from exposer.stamps import open_regular

_FILES = 16
"""Files that are looked into for the beginning of a height; a node begins the next one at 10 MiB."""
_LONGEST = 2 << 20
"""Bytes of a message; a node writes none above one MiB."""
_BEFORE = 8
"""Bytes before a message: its checksum, and in the last four its length."""
_ENDED, _RECEIVED = 4, 2
"""What a ``WALMessage`` is of: a height that has ended, or a message, the node's own too."""
_PROPOSAL, _PART, _VOTE = 3, 5, 6
"""What a ``Message`` has: a proposal, a part of the block that is proposed, or a vote."""
_STEPS = {1: PREVOTE, 2: PRECOMMIT}
"""By the type of a vote."""
_ANYBODY = b""
"""Whose address stands for that of a proposal, which does not say who has made it."""
_Place = tuple[int, int]  # round, step


@dataclass
class _Reading:
    """How far a file has been read, and what was in it of the height that the node works on."""

    offset: int = 0
    ends: tuple[int, ...] = ()
    """The first height that ends in it, behind a 0 where the log, or what was left of it, begins there."""
    latest: dict[bytes, _Place] = field(default_factory=dict)

    def go_on(self, stream: BufferedReader, height: int) -> None:
        """Read what is new, up to a message that is cut or broken: what follows that is lost to the node too."""
        stream.seek(self.offset)
        while (message := _next(stream)) is not None:
            self.offset = stream.tell()
            if _kind(message) == _ENDED and not any(self.ends):
                self.ends = (*self.ends[:1], count(child(message, _ENDED), 1))
            elif _kind(message) == _RECEIVED:
                for address, at, place in _signed(child(message, _RECEIVED, 1)):
                    if at == height:
                        self.latest[address] = max(place, self.latest.get(address, place))

    def has_beginning(self, height: int, *, is_oldest: bool) -> bool:
        """Whether the messages of the height begin in it: a 0 is in every file that was empty when its node started."""
        return any(0 < end < height for end in self.ends) or (is_oldest and 0 in self.ends)


class WriteAheadLog:
    """The log in a node's ``home``, which grows while its consensus runs. All here blocks: for one thread at a time."""

    def __init__(self, home: Path | None) -> None:
        self._home = home
        self._height = 0
        self._readings: dict[tuple[int, int], _Reading] = {}

    def latest(self, validator: str, height: int) -> Signed | None:
        """The latest message of a validator at ``height``, the one that follows the node's newest block.

        ``validator``: the address, 40 hex digits. A proposal may be anybody's, so each counts as its own.

        Raises:
            ValueError: the log is not there, or does not go back to the beginning of that height.
            OSError: it cannot be read.
        """
        self._turn_to(height)
        found: list[_Place] = []
        files, readings = _files(self._home) if self._home else [], self._readings
        self._readings = {}
        for path in files[:_FILES]:
            with open_regular(path) as stream:
                now = os.fstat(stream.fileno())
                reading = readings.get(key := (now.st_dev, now.st_ino))
                if reading is None or now.st_size < reading.offset:
                    reading = _Reading()
                reading.go_on(stream, height)
            self._readings[key] = reading  # what has been read need not be read for the next who asks
            found += (reading.latest[who] for who in (bytes.fromhex(validator), _ANYBODY) if who in reading.latest)
            if reading.has_beginning(height, is_oldest=path == files[-1]):
                return Signed(round=max(found)[0], step=max(found)[1]) if found else None
        raise ValueError(f"it does not go back to the beginning of height {height}")

    def _turn_to(self, height: int) -> None:
        """Forget what was of another height; what is of a later one stands behind what has been read."""
        if height < self._height:
            self._readings.clear()
        elif height > self._height:
            for reading in self._readings.values():
                reading.latest.clear()
        self._height = height


def _files(home: Path) -> list[Path]:
    """The files of the log, the newest first."""
    newest = home / str(node_settings(home, "consensus").get("wal_file", "data/cs.wal/wal"))
    older = [path for path in newest.parent.glob(f"{newest.name}.*") if re.fullmatch(r"\.[0-9]{3,}", path.suffix)]
    older.sort(key=lambda path: int(path.suffix[1:]), reverse=True)
    return [newest, *older] if newest.exists() else older


def _next(stream: BufferedReader) -> bytes | None:
    """The next ``WALMessage``; None where there is no whole one, or no true one."""
    before = stream.read(_BEFORE)
    length = int.from_bytes(before[4:])
    message = stream.read(length) if 0 < length <= _LONGEST else b""
    return child(message, 2) if message and len(message) == length else None


def _kind(message: bytes) -> int:
    """The one field of a message of which each is of one kind; of what is empty none."""
    return message[0] >> 3 if message else 0


def _signed(message: bytes) -> Iterator[tuple[bytes, int, _Place]]:
    """The address of who has signed a message, its height, and its place there."""
    kind = _kind(message)
    if kind == _VOTE:
        vote = child(message, _VOTE, 1)
        yield child(vote, 6), count(vote, 2), (count(vote, 3), _STEPS.get(count(vote, 1), PRECOMMIT))
    elif kind == _PROPOSAL:
        proposal = child(message, _PROPOSAL, 1)
        yield _ANYBODY, count(proposal, 2), (count(proposal, 3), PROPOSAL)
    elif kind == _PART:
        part = child(message, _PART)
        yield _ANYBODY, count(part, 1), (count(part, 2), PROPOSAL)
