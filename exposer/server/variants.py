"""Encoded variants of the files that are served, made once each while requests get the plain bytes.

Whatever goes wrong with a variant is told in the log and nowhere else: there is always the file itself.
"""

import asyncio
import logging
import math
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fastapi import Request
from starlette.datastructures import Headers

from exposer.server.encoding import SUFFIXES, ranked
from exposer.server.shelf import OutgrownError, Shelf, Variant
from exposer.server.view import Verdict
from exposer.server.workshop import ChangedError, ClosingError, Workshop

LEAST = 1024
"""Bytes; no variant is made of a smaller file."""
PAUSE = 60.0
"""Seconds until what the disk refused, or has lost, is made again."""
PATIENCE = 2.0
"""Seconds that the end waits for the disk."""

log = logging.getLogger(__name__)

Key = tuple[str, str]  # SHA-256 of the file in hex, coding


class Variants:
    """The variants in ``directory``, at most ``limit`` MiB together; none without a directory."""

    def __init__(self, directory: Path | None, limit: int) -> None:
        self._workshop = Workshop(Shelf(directory, limit << 20)) if directory else None
        self._adopting = self._workshop and self._workshop.adopt()
        self._finished: dict[Key, Variant] = {}
        self._running: dict[Key, asyncio.Future[Variant]] = {}
        self._not_before: dict[Key, float] = {}
        self._sources: dict[Path | None, str] = {}
        self._told: set[str] = set()

    @property
    def running(self) -> int:
        """How many are being made or are in the queue; taking over those of an earlier process counts as one."""
        return len(self._running) + bool(self._adopting and not self._adopting.done())

    @property
    def remembered(self) -> int:
        """How many variants are known, those that cannot be made among them."""
        return len(self._finished.keys() | self._not_before.keys())

    async def select(self, request: Request, verdict: Verdict) -> Variant | None:
        """The variant to answer a request for the file of ``verdict`` with, None for the plain bytes.

        What a condition names goes first: its client has that representation, or the beginning of it. Any other
        range is one of the plain bytes, because a client that counts without a tag counts what it has decoded. So are
        several ranges: a multipart body has no coding of its own.
        """
        headers = request.headers
        span = headers.get("range", "") if request.method == "GET" else ""
        codings = ranked(",".join(headers.getlist("accept-encoding")), list(SUFFIXES))
        if not codings or "," in span or _named(headers, verdict.sha256):
            return None
        found = await self.get(verdict, codings)
        if named := [variant for variant in found if _named(headers, variant.sha256)]:
            return named[0]
        return found[0] if found and not span else None

    async def get(self, verdict: Verdict, codings: Sequence[str]) -> list[Variant]:
        """The finished variants in ``codings``, in that order; the best that can be made is begun if it is missing."""
        if self._workshop is None or verdict.sha256 is None or (verdict.size or 0) < LEAST or not self._taken_over():
            return []
        self._forget(verdict.path, verdict.sha256)
        keys = [(verdict.sha256, coding) for coding in codings]
        there = {key: variant for key in keys if (variant := self._finished.get(key))}
        for key in await asyncio.to_thread(_lost, there) if there else []:
            if self._finished.get(key) is there.pop(key):
                del self._finished[key]
                self._not_before[key] = time.monotonic() + PAUSE
        for key in keys:
            if key in there or self._begin(key, verdict):
                break
        return list(there.values())

    async def close(self) -> None:
        """End the work; where the disk hangs, it is left behind."""
        workshop, self._workshop = self._workshop, None
        if workshop:
            workshop.close()
        if self._running:
            _, hung = await asyncio.wait(self._running.values(), timeout=PATIENCE)
            for future in hung:
                future.cancel()

    def _forget(self, path: Path | None, sha256: str) -> None:
        """Let go what is known of the former content of a file that has changed."""
        former = self._sources.get(path)
        self._sources[path] = sha256
        if former and former not in self._sources.values():
            for coding in SUFFIXES:
                self._finished.pop((former, coding), None)
                self._not_before.pop((former, coding), None)

    def _taken_over(self) -> bool:
        """Whether it is known what an earlier process left; until then, nothing is made that may be there."""
        if self._adopting and self._adopting.done():
            self._finished = {(variant.source, variant.coding): variant for variant in self._adopting.result()}
            self._adopting = None
        return self._adopting is None

    def _begin(self, key: Key, verdict: Verdict) -> bool:
        """Whether it is under way; what cannot be made leaves its place to the next best."""
        if key in self._running or self._workshop is None:
            return True
        if time.monotonic() < self._not_before.get(key, 0):
            return False
        future = asyncio.wrap_future(self._workshop.make(verdict, key[1]))
        future.add_done_callback(partial(self._done, key, verdict.size))
        self._running[key] = future
        return True

    def _done(self, key: Key, size: int | None, future: "asyncio.Future[Variant]") -> None:
        del self._running[key]
        if future.cancelled():
            return
        error = future.exception()
        if key[0] not in self._sources.values():
            return  # the file has changed meanwhile
        if error is None:
            variant = self._finished[key] = future.result()
            log.info("a %s variant is made: %d bytes instead of %d", key[1], variant.identity.size, size)
        elif isinstance(error, OutgrownError):
            self._not_before[key] = math.inf
            log.info("no %s variant is made: it would not be smaller, or not within the limit", key[1])
        elif not isinstance(error, ChangedError | ClosingError):
            self._not_before[key] = time.monotonic() + PAUSE
            self._warn(error)

    def _warn(self, error: BaseException) -> None:
        """One line for each cause, however often it is met."""
        cause = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
        if cause not in self._told:
            self._told.add(cause)
            log.warning("variants cannot be made: %s", cause)


def _named(headers: Headers, sha256: str | None) -> bool:
    """Whether a condition names the representation with this digest."""
    tag = f'"{sha256}"'
    names = ("if-none-match", "if-match", "if-range")
    return any(tag in value for name in names for value in headers.getlist(name))


def _lost(there: dict[Key, Variant]) -> list[Key]:
    """Those that are no longer what was made; blocks."""
    return [key for key, variant in there.items() if not variant.unchanged()]
