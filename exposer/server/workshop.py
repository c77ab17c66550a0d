"""Where variants are made: one thread, which reads, encodes and writes piece by piece in flat memory."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import BinaryIO

from exposer.documents import DocumentError
from exposer.server.encoding import compressor
from exposer.server.file import Identity, open_regular, open_same
from exposer.server.shelf import Shelf, Variant
from exposer.server.view import Verdict

_CHUNK = 1 << 20


class ChangedError(Exception):
    """The file is no longer the one that was judged."""


class ClosingError(Exception):
    """The sidecar ends before the work does."""


class Workshop:
    """Works for one `Shelf`, one job after the other."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._closing = Event()
        self._worker = ThreadPoolExecutor(1, "variants")

    def adopt(self) -> Future[list[Variant]]:
        """Clear away what a killed process left, and take over those of its variants whose bytes are whole."""
        return self._worker.submit(self._adopt)

    def make(self, verdict: Verdict, coding: str) -> Future[Variant]:
        """The variant of the file that ``verdict`` found.

        The future raises `OutgrownError` where it would not be smaller than the file or goes beyond the limit,
        `ChangedError`, `ClosingError`, and `OSError` for what the disk says.
        """
        return self._worker.submit(self._make, verdict, coding)

    def close(self) -> None:
        """End all jobs; what was begun ends with its next piece, and leaves nothing."""
        self._closing.set()
        self._worker.shutdown(cancel_futures=True)

    def _adopt(self) -> list[Variant]:
        try:
            self._shelf.sweep()
            return [variant for variant in self._shelf.variants() if self._keep(variant)]
        except (OSError, ClosingError):
            return []  # the first variant that is made says what is wrong with the directory

    def _keep(self, variant: Variant) -> bool:
        """Whether it is what its name says; deletes it where not."""
        digest = hashlib.sha256()
        try:
            with open_regular(variant.path) as stream:
                for chunk in self._chunks(stream):
                    digest.update(chunk)
            if digest.hexdigest() == variant.sha256:
                return True
            variant.path.unlink(missing_ok=True)
        except (OSError, DocumentError):
            pass
        return False

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
