"""What a node whose consensus does not run has of a validator: its write-ahead log, to which nobody writes then.

Format: CometBFT v0.34 to v0.38, ``consensus/wal.go`` (``WALEncoder``) and ``proto/tendermint/consensus/wal.proto``: of
each ``TimedWALMessage`` a checksum, its length, and itself. The newest file is ``wal``; before it come ``wal.000``, ...
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from exposer.protobuf import child, count
from exposer.server.consensus import PRECOMMIT, PREVOTE, PROPOSAL, Consensus, Signed
from exposer.server.pace import consensus_settings
from exposer.stamps import read_regular, stamp

_LARGEST = 16 << 20
"""Bytes of a file: a node begins the next one within seconds when it has 10 MiB (``libs/autofile/group.go``)."""
_FILES = 8
"""Files that are read for the beginning of a height."""
_BEFORE = 8
"""Bytes before a message: its checksum, and in the last four its length."""
_ENDED, _RECEIVED = 4, 2
"""What a ``WALMessage`` is of: a height that has ended, or a message, the node's own too."""
_PROPOSAL, _PART, _VOTE = 3, 5, 6
"""What a ``Message`` has: a proposal, a part of the block that is proposed, or a vote."""
_STEPS = {1: PREVOTE, 2: PRECOMMIT}
"""By the type of a vote."""
_Place = tuple[int, int, int]  # height, round, step
_NOWHERE: _Place = (0, 0, 0)
_ANYBODY = b""


class WriteAheadLog:
    """The log in a node's ``home``. All here blocks: to be used in one thread at a time."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._seen: tuple[object, ...] = ()
        self._latest: Mapping[bytes, _Place] | None = None

    def recorded(self, validator: str, height: int) -> Consensus:
        """What it has of a validator above ``height``, the node's newest block.

        ``validator``: the address, 40 hex digits. A proposal does not say whose it is, so each counts as its own.

        Raises:
            ValueError: the log does not go back to that block.
            OSError: it cannot be read.
        """
        files = [*islice(_files(self._home), _FILES)]
        seen = (height, *(stamp(str(path)) for path in files))
        if seen != self._seen:  # whoever likes may ask, and as often
            self._latest, self._seen = _latest(files, height), seen
        if self._latest is None:
            raise ValueError("the log does not go back to the newest block")
        found = (self._latest.get(address, _NOWHERE) for address in (bytes.fromhex(validator), _ANYBODY))
        at, round_, step = max(*found, (height + 1, 0, 0))
        return Consensus(height=at, round=0, signed=Signed(round=round_, step=step) if step else None, recorded=True)


def _latest(files: Sequence[Path], height: int) -> Mapping[bytes, _Place] | None:
    """Address -> the latest of its messages; None where the log has not all of those above ``height``."""
    latest: dict[bytes, _Place] = {}
    for path in files:
        ended = []
        for message in _messages(read_regular(path, _LARGEST)):
            if _kind(message) == _ENDED:
                ended.append(count(child(message, _ENDED), 1))
            elif _kind(message) == _RECEIVED:
                for address, place in _signed(child(message, _RECEIVED, 1)):
                    latest[address] = max(place, latest.get(address, _NOWHERE))
        if any(one <= height for one in ended):
            return latest
    return None if files else latest  # without any its consensus has never run on this volume


def _files(home: Path) -> Iterator[Path]:
    """The files of the log, the newest first; raises ValueError where that is not known."""
    if not (told := consensus_settings(home).get("wal_file")):
        raise ValueError("config.toml does not tell where the log is")
    newest = home / str(told)
    if newest.exists():
        yield newest
    yield from sorted(newest.parent.glob(f"{newest.name}.[0-9]*"), key=lambda path: int(path.suffix[1:]), reverse=True)


def _messages(content: bytes) -> Iterator[bytes]:
    """Each ``WALMessage`` of a file, up to the first that is cut: what follows is lost to the node too."""
    at = 0
    while (begin := at + _BEFORE) < len(content):
        at = begin + int.from_bytes(content[begin - 4 : begin])
        if at > len(content):
            return
        yield child(content[begin:at], 2)


def _kind(message: bytes) -> int:
    """The one field of a message of which each is of one kind; of what is empty none."""
    return message[0] >> 3 if message else 0


def _signed(message: bytes) -> Iterator[tuple[bytes, _Place]]:
    """The address of who has signed a message, and where."""
    kind = _kind(message)
    if kind == _VOTE:
        vote = child(message, _VOTE, 1)
        yield child(vote, 6), (count(vote, 2), count(vote, 3), _STEPS.get(count(vote, 1), PRECOMMIT))
    elif kind == _PROPOSAL:
        proposal = child(message, _PROPOSAL, 1)
        yield _ANYBODY, (count(proposal, 2), count(proposal, 3), PROPOSAL)
    elif kind == _PART:
        part = child(message, _PART)
        yield _ANYBODY, (count(part, 1), count(part, 2), PROPOSAL)
