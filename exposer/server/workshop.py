"""Where variants are made: one thread, which reads, encodes and writes piece by piece in flat memory.

The thread is a daemon, which no executor of the standard library has: where the disk hangs, it must not keep the
process from its end.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Event, Thread
from typing import BinaryIO, TypeVar

from exposer.documents import DocumentError
from exposer.server.encoding import compressor, decoded
from exposer.server.file import open_same
from exposer.server.shelf import Shelf, Variant
from exposer.server.view import Verdict
from exposer.stamps import Identity, open_regular

_CHUNK = 1 << 20

T = TypeVar("T")


class ChangedError(Exception):
    """The file is no longer the one that was judged."""


class ClosingError(Exception):
    """The sidecar ends before the work does."""


class Workshop:
    """Works for one `Shelf`, one job after the other."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._closing = Event()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        Thread(target=self._work, name="variants", daemon=True).start()

    def adopt(self) -> Future[list[Variant]]:
        """Clear away what a killed process left, and take over those of its variants whose bytes are whole."""
        return self._submit(self._adopt)

    def make(self, verdict: Verdict, coding: str) -> Future[Variant]:
        """The variant of the file that ``verdict`` found.

        The future raises `OutgrownError` where it would not be smaller than the file or goes beyond the limit,
        `ChangedError`, `ClosingError`, and `OSError` for what the disk says.
        """
        return self._submit(partial(self._make, verdict, coding))

    def close(self) -> None:
        """End all jobs, without waiting for it; what was begun ends with its next piece, and leaves nothing."""
        self._closing.set()
        self._jobs.put(None)

    def _submit(self, make: Callable[[], T]) -> "Future[T]":
        future: Future[T] = Future()
        self._jobs.put(partial(self._fulfil, future, make))
        return future

    def _work(self) -> None:
        while job := self._jobs.get():
            job()

    def _fulfil(self, future: "Future[T]", make: Callable[[], T]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(make())
        except Exception as error:  # noqa: BLE001 - whoever has the future is told
            future.set_exception(error)

    def _adopt(self) -> list[Variant]:
        try:
            self._shelf.sweep()
            return [variant for variant in self._shelf.variants() if self._keep(variant)]
        except (OSError, ClosingError):
            return []  # the first variant that is made says what is wrong with the directory

    def _keep(self, variant: Variant) -> bool:
        """Whether it is what its name says, and decodes to what its name says; deletes it where not."""
        try:
            with open_regular(variant.path) as stream:
                if self._digests(stream, variant.coding) == (variant.sha256, variant.source):
                    return True
            variant.path.unlink(missing_ok=True)
        except (OSError, DocumentError):
            pass
        return False

    def _digests(self, stream: BinaryIO, coding: str) -> tuple[str, str]:
        """SHA-256 in hex of the bytes, and of what they decode to; the second is empty where they do not."""
        outer, inner = hashlib.sha256(), hashlib.sha256()

        def chunks() -> Iterator[bytes]:
            for chunk in self._chunks(stream):
                outer.update(chunk)
                yield chunk

        try:
            for piece in decoded(coding, chunks()):
                inner.update(piece)
        except ValueError:
            return outer.hexdigest(), ""
        return outer.hexdigest(), inner.hexdigest()

    def _make(self, verdict: Verdict, coding: str) -> Variant:
        source = verdict.path and verdict.identity and open_same(verdict.path, verdict.identity)
        if not source or not verdict.identity or not verdict.sha256:
            raise ChangedError
        digest, encoder = hashlib.sha256(), compressor(coding)
        with source, self._shelf.draft(verdict.sha256, coding, verdict.identity.size - 1) as draft:
            for chunk in self._chunks(source):
                digest.update(chunk)
                draft.write(encoder.compress(chunk))
            draft.write(encoder.flush())
            now = Identity.of(os.fstat(source.fileno()))
            if digest.hexdigest() != verdict.sha256 or now.content != verdict.identity.content:
                raise ChangedError
            return draft.publish()

    def _chunks(self, stream: BinaryIO) -> Iterator[bytes]:
        while chunk := stream.read(_CHUNK):
            if self._closing.is_set():
                raise ClosingError
            yield chunk
