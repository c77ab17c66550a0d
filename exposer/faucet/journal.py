"""The journal: the faucet's entries in one file, each durable before anybody acts on it.

``journal.jsonl`` has a line for what became durable together. A crash can tear the last line only, which nobody has
acted on: it is cut off. The file is replaced by its sum at each start and when it has grown; where there is no room
for that, the faucet goes on with what it has.
"""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from exposer.durable import write_durably
from exposer.errors import TemporaryError
from exposer.faucet.ledger import Entry, Ledger, decode, encode, is_whole

log = logging.getLogger(__name__)
NAME = "journal.jsonl"
_LARGE = 1 << 20
_RESERVE = 64 << 10  # bytes of the volume in which what is owed can still be paid; nothing new is accepted then


class Journal:
    """The file, open for more, and the ``ledger`` that is its sum; made by `open_journal`."""

    def __init__(self, path: Path, ledger: Ledger, size: int, keep: float) -> None:
        self.ledger = ledger
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._descriptor, size)
        self._size = size
        self._renewed = 0  # its size when it was last replaced by its sum
        self._keep = keep
        self._failed = False
        self._waiting: list[Entry] = []
        self._flush: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    async def enter(self, entry: Entry) -> None:
        """Make an entry count, once it is durable; those that come at the same time are synced together.

        Raises:
            OSError: it is not in the file, and will not be.
        """
        self._waiting.append(entry)
        if self._flush is None:
            self._flush = asyncio.create_task(self._write_waiting())
        await asyncio.shield(self._flush)

    async def check(self) -> None:
        """Make room; raises `OSError` while nothing more should be accepted."""
        volume = os.fstatvfs(self._descriptor)
        short = volume.f_bavail * volume.f_frsize < _RESERVE
        if self._failed or (self._size > 2 * self._renewed and (short or self._size > _LARGE)):
            async with self._writing:
                self._forget()
                entries = list(self.ledger.snapshot())
                await asyncio.to_thread(self._renew, entries)
        if short:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def renew(self) -> None:
        """Replace the file by its sum, where there is room for both."""
        self._forget()
        try:
            self._renew(list(self.ledger.snapshot()))
        except OSError as error:
            log.warning("FAUCET_DIR: the journal stays as long as it is: %s", error.strerror)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)

    async def _write_waiting(self) -> None:
        async with self._writing:  # until the sync before is through, more may join
            entries, self._waiting, self._flush = self._waiting, [], None
            await asyncio.to_thread(self._write, encode(*entries))
            for entry in entries:
                self.ledger.apply(entry)

    def _write(self, line: bytes) -> None:
        try:
            written = 0
            while written < len(line):
                written += os.pwrite(self._descriptor, line[written:], self._size + written)
            os.fsync(self._descriptor)
        except OSError:
            self._failed = True
            with contextlib.suppress(OSError):  # else the next start reads what nobody was promised
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(line)

    def _forget(self) -> None:
        now = time.time()
        self.ledger.forget(now - self._keep, now)

    def _renew(self, entries: list[Entry]) -> None:
        whole = b"".join(map(encode, entries))
        try:
            write_durably(self._path, whole, mode=0o600)
        except OSError:
            self._path.with_name(f"{NAME}.tmp").unlink(missing_ok=True)
            raise
        former, self._descriptor = self._descriptor, os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        os.close(former)
        self._size = self._renewed = len(whole)
        self._failed = False


@contextlib.contextmanager
def open_journal(directory: Path, keep: float) -> Iterator[Journal]:
    """The journal in ``directory``, read, and held by this process alone.

    Args:
        directory: where it is, or begins.
        keep: seconds for which a credit that was paid is remembered.

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
        with contextlib.closing(Journal(path, *read(path), keep)) as journal:
            journal.renew()
            yield journal


def read(path: Path) -> tuple[Ledger, int]:
    """The sum of a journal, which may not be there yet, and the bytes that are whole; raises `MismatchError`."""
    ledger, size, lines = Ledger(), 0, list[bytes]()
    with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
        lines = stream.readlines()
    for number, line in enumerate(lines, 1):
        if number == len(lines) and not is_whole(line):
            log.warning("FAUCET_DIR: the journal's last line was torn by a crash, before anybody acted on it")
            break
        for entry in decode(line):
            ledger.apply(entry)
        size += len(line)
    return ledger, size
