"""The journal: the faucet's entries in one file, each durable before anybody acts on it.

``journal.jsonl`` has one entry a line. A crash can tear the last line only, which nobody has acted on: it is cut off.
At each start the file is replaced by its sum, so it grows with one run of the faucet and not for ever.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from exposer.durable import write_durably
from exposer.errors import TemporaryError
from exposer.faucet.ledger import Entry, Ledger, decode, encode

log = logging.getLogger(__name__)
NAME = "journal.jsonl"


class Journal:
    """The file, open for more, and the ``ledger`` that is its sum; made by `open_journal`."""

    def __init__(self, descriptor: int, ledger: Ledger) -> None:
        self.ledger = ledger
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._waiting: list[bytes] = []
        self._flush: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    async def enter(self, entry: Entry) -> None:
        """Make an entry count, once it is durable; those that come at the same time are synced together.

        Raises:
            OSError: it is not in the file, and will not be.
        """
        self._waiting.append(encode(entry))
        if self._flush is None:
            self._flush = asyncio.create_task(self._write_waiting())
        await asyncio.shield(self._flush)
        self.ledger.apply(entry)

    async def _write_waiting(self) -> None:
        async with self._writing:  # until the sync before is through, more may join
            lines, self._waiting, self._flush = self._waiting, [], None
            await asyncio.to_thread(self._write, b"".join(lines))

    def _write(self, lines: bytes) -> None:
        try:
            written = 0
            while written < len(lines):
                written += os.pwrite(self._descriptor, lines[written:], self._size + written)
            os.fsync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):  # else the next start reads what nobody was promised
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(lines)


@contextlib.contextmanager
def open_journal(directory: Path, since: float) -> Iterator[Journal]:
    """The journal in ``directory``, read, and held by this process alone.

    Args:
        directory: where it is, or begins.
        since: seconds since the epoch; a credit that was paid before it is forgotten.

    Raises:
        TemporaryError: another faucet holds it.
        MismatchError: it is damaged.
    """
    with (directory / "journal.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TemporaryError("FAUCET_DIR: another faucet is at work on this volume; let it end first") from error
        path = directory / NAME
        ledger = read(path)
        write_durably(path, b"".join(map(encode, ledger.snapshot(since))), mode=0o600)
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            yield Journal(descriptor, ledger)
        finally:
            os.close(descriptor)


def read(path: Path) -> Ledger:
    """The sum of a journal, which may not be there yet; raises `MismatchError` where it is damaged."""
    ledger = Ledger()
    with contextlib.suppress(FileNotFoundError), path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                ledger.apply(decode(line))
            else:
                log.info("the journal's last line was torn by a crash, before anybody acted on it")
    return ledger
