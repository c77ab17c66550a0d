"""The write-ahead log of a node's consensus: what the node had of each validator at the height that it works on.

Format: CometBFT v0.34 to v0.38, ``consensus/wal.go`` (``WALEncoder``), ``libs/autofile/group.go`` and
``proto/tendermint/consensus/wal.proto``: of each ``TimedWALMessage`` a checksum, its length, and itself. Files are
``wal.000``, ``wal.001``, ..., and the newest one is ``wal``. What peers send is in it as it came, true or not.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exposer.protobuf import child, count, varint
from exposer.server.consensus import PRECOMMIT, PREVOTE, PROPOSAL, Signed, latest
from exposer.server.pace import node_settings
from exposer.stamps import open_regular

_FILES = 16
"""Files that are looked into for the beginning of a height; a node begins the next one at 10 MiB."""
_LARGEST = 64 << 20
"""Bytes of a file; a node may write more than 10 MiB before it looks again how large it is."""
_LONGEST = 2 << 20
"""Bytes of a message; a node writes none above one MiB."""
_BEFORE = 8
"""Bytes before a message: its checksum, and in the last four its length."""
_TIME, _MESSAGE = 0x0A, 0x12
"""The tags of the two fields of a ``TimedWALMessage``."""
_ENDED, _RECEIVED = 4, 2
"""What a ``WALMessage`` is of: a height that has ended, or a message, the node's own too."""
_PROPOSAL, _PART = 3, 5
"""What a ``Message`` has: a proposal, or a part of the block that is proposed."""
_VOTE = re.compile(
    rb"\x08([\x01\x02])\x10([\x80-\xff]{0,9}[\x00-\x7f])(?:\x18([\x80-\xff]{0,4}[\x00-\x7f]))?"
    rb"(?:\x22(?:\x00|\x02.{2}|\x48.{72}|\x49.{73}|\x4a.{74}))?(?:\x2a.{1,16}?)?\x32\x14(.{20})",
    re.DOTALL,
)
"""A ``Vote``: type, height, round unless it is 0, block (two hashes, or none), time, and who has signed it."""
_LONGEST_VOTE = 160
"""Bytes of that, and more."""
_STEPS = {1: PREVOTE, 2: PRECOMMIT}
"""By the type of a vote."""
_ANYBODY = b""
"""Whose address stands for that of a proposal, which does not say who has made it."""
_FORMER = 8
"""Heights below the one that was asked for that are kept: questions may come out of order."""
_Place = tuple[int, int]  # round, step


@dataclass
class _Reading:
    """How far a file has been read, and what was in it of each height from ``lowest`` on."""

    lowest: int
    offset: int = 0
    ends: tuple[int, ...] = ()
    """The first height that ends in it, behind a 0 where the log, or what was left of it, begins there."""
    latest: dict[tuple[int, bytes], _Place] = field(default_factory=dict)

    def go_on(self, before: bytes, data: bytes) -> None:
        """Read what is new, ``data``, behind the bytes ``before`` it.

        A record may be cut, and others follow it: its node wrote on behind it. So it may seem to reach far into what
        follows, and votes are looked for wherever they are.
        """
        for vote in _votes(before + data):
            self._note(*vote)
        at = 0
        while (found := _whole(data, at)) or (found := _next_whole(data, at)):
            message, at = found
            if _kind(message) == _ENDED and not any(self.ends):
                self.ends = (*self.ends[:1], count(child(message, _ENDED), 1))
            elif _kind(message) == _RECEIVED:
                for proposal in _proposed(child(message, _RECEIVED, 1)):
                    self._note(*proposal)
        self.offset += at

    def _note(self, address: bytes, height: int, place: _Place) -> None:
        if height >= self.lowest:
            key = height, address
            self.latest[key] = max(place, self.latest.get(key, place))

    def has_beginning(self, height: int, *, is_oldest: bool) -> bool:
        """Whether the messages of the height begin in it: a 0 is in every file that was empty when its node started."""
        return any(0 < end < height for end in self.ends) or (is_oldest and 0 in self.ends)


class WriteAheadLog:
    """The log in a node's ``home``, which grows while its consensus runs. All here blocks: for one thread at a time."""

    def __init__(self, home: Path | None) -> None:
        self._home = home
        self._lowest = 0
        self._readings: dict[tuple[object, ...], _Reading] = {}

    def latest(self, validator: str, height: int) -> Signed | None:
        """The latest message of a validator at ``height``, the one that follows the node's newest block.

        ``validator``: the address, 40 hex digits. A proposal may be anybody's, so each counts as its own.

        Raises:
            ValueError: the log is not there, or does not go back to the beginning of that height.
            OSError: it cannot be read.
        """
        self._turn_to(height)
        found: Signed | None = None
        files, readings = _files(self._home) if self._home else [], self._readings
        self._readings = {}
        for path in files[:_FILES]:
            reading = self._read(path, readings)
            keys = ((height, address) for address in (bytes.fromhex(validator), _ANYBODY))
            places = (reading.latest[key] for key in keys if key in reading.latest)
            found = latest(found, *(Signed(round=round_, step=step) for round_, step in places))
            if reading.has_beginning(height, is_oldest=path == files[-1]):
                return found
        raise ValueError(f"it does not go back to the beginning of height {height}")

    def _read(self, path: Path, readings: Mapping[tuple[object, ...], _Reading]) -> _Reading:
        """What is in a file; what has been read of it need not be read for the next who asks."""
        with open_regular(path) as stream:
            found = os.fstat(stream.fileno())
            key = found.st_dev, found.st_ino, stream.read(_BEFORE * 4)  # an inode may be another file's by now
            reading = readings.get(key)
            if reading is None or found.st_size < reading.offset:
                reading = _Reading(self._lowest)
            stream.seek(begin := max(0, reading.offset - _LONGEST_VOTE))
            before, data = stream.read(reading.offset - begin), stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ValueError(f"{path.name} is larger than a log's file")
        reading.go_on(before, data)
        self._readings[key] = reading
        return reading

    def _turn_to(self, height: int) -> None:
        """Forget what is of heights that nobody asks for any more; for one of these all is read again."""
        if height < self._lowest or not self._readings:
            self._readings, self._lowest = {}, max(height - _FORMER, 0)
        elif height - _FORMER > self._lowest:
            self._lowest = height - _FORMER
            for reading in self._readings.values():
                reading.lowest = self._lowest
                reading.latest = {key: place for key, place in reading.latest.items() if key[0] >= self._lowest}


def _files(home: Path) -> list[Path]:
    """The files of the log, the newest first."""
    newest = home / str(node_settings(home, "consensus").get("wal_file", "data/cs.wal/wal"))
    older = [path for path in newest.parent.glob(f"{newest.name}.*") if re.fullmatch(r"\.[0-9]{3,}", path.suffix)]
    older.sort(key=lambda path: int(path.suffix[1:]), reverse=True)
    return [newest, *older] if newest.exists() else older


def _whole(data: bytes, at: int) -> tuple[bytes, int] | None:
    """The ``WALMessage`` of a record that begins at ``at``, and its end; None where there is no whole one."""
    begin = at + _BEFORE
    end = begin + int.from_bytes(data[at + 4 : begin])
    if not begin + 2 < end <= min(len(data), begin + _LONGEST) or data[begin] != _TIME:
        return None
    message = begin + 2 + data[begin + 1]
    if message >= end or data[message] != _MESSAGE:
        return None
    content = child(data[message:end], 2)
    prefix = bytes([_MESSAGE]) + varint(len(content))
    fits = data.startswith(prefix, message) and message + len(prefix) + len(content) == end
    return (content, end) if content and fits else None


def _next_whole(data: bytes, at: int) -> tuple[bytes, int] | None:
    """Likewise, of the first record behind ``at``."""
    while (place := data.find(_TIME, at + _BEFORE + 1)) >= 0:
        at = place - _BEFORE
        if found := _whole(data, at):
            return found
    return None


def _kind(message: bytes) -> int:
    """The one field of a message of which each is of one kind; of what is empty none."""
    return message[0] >> 3 if message else 0


def _votes(data: bytes) -> Iterator[tuple[bytes, int, _Place]]:
    """The address of who has signed a vote, its height, and its place there; of all that are somewhere in ``data``."""
    for found in _VOTE.finditer(data):
        height, round_ = (count(b"\x08" + (found[group] or b"\x00"), 1) for group in (2, 3))
        yield found[4], height, (round_, _STEPS[found[1][0]])


def _proposed(message: bytes) -> Iterator[tuple[bytes, int, _Place]]:
    """Likewise of a proposal."""
    kind = _kind(message)
    if kind == _PROPOSAL:
        proposal = child(message, _PROPOSAL, 1)
        yield _ANYBODY, count(proposal, 2), (count(proposal, 3), PROPOSAL)
    elif kind == _PART:
        part = child(message, _PART)
        yield _ANYBODY, count(part, 1), (count(part, 2), PROPOSAL)
