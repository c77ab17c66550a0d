"""The bytes of one answer: from one open descriptor, and only for as long as that file is the one that was judged."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from io import BufferedReader
from pathlib import Path
from threading import Thread
from typing import TypeVar

from aiofiles.base import wrap

from exposer.server.conditions import Span
from exposer.server.file import open_same
from exposer.server.mount import Mounts
from exposer.server.threads import Threads
from exposer.stamps import Identity

Piece = bytes | Span
T = TypeVar("T")
_MOST_READERS = 8


class Reading:
    """Where files are opened and read: by the event loop's own threads, or where it may hang, by threads to be lost."""

    def __init__(self, mounts: Mounts) -> None:
        self._mounts = mounts
        self._threads = Threads(_MOST_READERS)

    async def run(self, work: Callable[[], T], *, local: bool) -> T:
        """What ``work`` returns or raises."""
        if not local:
            return await self._threads.run(work)
        result: T = await wrap(work)()
        return result

    async def open(self, path: Path, identity: Identity, pieces: tuple[Piece, ...]) -> "Content | None":
        """The file at ``path``, or None where it is no longer the one with this identity."""
        if self._mounts.known(identity.device):
            return self._open(path, identity, pieces)
        return await self._threads.run(partial(self._open, path, identity, pieces))

    def _open(self, path: Path, identity: Identity, pieces: tuple[Piece, ...]) -> "Content | None":
        stream = open_same(path, identity)
        if stream is None:
            return None
        links = os.fstat(stream.fileno()).st_nlink
        return Content(stream, identity, links, self._mounts.is_local(path, identity.device), pieces, self)


@dataclass
class Content:
    """What to send: bytes as they are, and spans of ``stream``, which was opened as the file with ``identity``.

    On a ``local`` volume a stat waits for nobody; elsewhere it, too, is a thread's work.
    """

    stream: BufferedReader
    identity: Identity
    links: int
    local: bool
    pieces: tuple[Piece, ...]
    reading: Reading
    _in_thread: bool = field(default=False, init=False)

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    async def read(self, span: Span) -> bytes:
        """The bytes of ``span``; raises `OSError` where they cannot be read or may be others than those judged."""
        self._in_thread = True
        data = await self.reading.run(partial(self._read, span), local=self.local)
        self._in_thread = False
        return data

    async def check(self) -> None:
        """Raise `OSError` where the file may hold something else by now."""
        if self.local:
            self._compare()
        else:
            await self.reading.run(self._compare, local=False)

    def close(self) -> None:
        """Close the stream; where a thread still reads, behind it, because they share a lock."""
        if self._in_thread:
            Thread(target=self.stream.close, daemon=True).start()
        else:
            self.stream.close()

    def _read(self, span: Span) -> bytes:
        self.stream.seek(span.start)
        data = self.stream.read(len(span))
        if len(data) != len(span):
            raise OSError("the file has become shorter")
        self._compare()
        return data

    def _compare(self) -> None:
        """Times may have been set back, but for that of the inode.

        That one another link, or one less, sets too, as when another file takes this one's place.
        """
        found = os.fstat(self.stream.fileno())
        now, judged = Identity.of(found), self.identity
        if now != judged and (now.content != judged.content or found.st_nlink == self.links):
            raise OSError("the file has changed")
