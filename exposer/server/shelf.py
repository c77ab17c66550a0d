"""The directory in which encoded variants of files are kept, within a limit.

A variant is named ``<SHA-256 of the file>-<SHA-256 of the variant>.<suffix>`` and appears whole or not at all. What
has another name is never touched.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from exposer.durable import sync_directory
from exposer.server.encoding import SUFFIXES
from exposer.stamps import Identity

_CODINGS = {suffix: coding for coding, suffix in SUFFIXES.items()}
_VARIANT = re.compile(r"([0-9a-f]{64})-([0-9a-f]{64})(\.gz|\.zst)")
_DRAFT = re.compile(r"[0-9a-f]{64}-[a-z0-9_]{8}\.tmp")


class OutgrownError(Exception):
    """A variant takes more than it may."""


@dataclass(frozen=True)
class Variant:
    """The file with SHA-256 ``source`` in a coding: the encoded bytes at ``path``, whose own SHA-256 is ``sha256``."""

    source: str
    coding: str
    sha256: str
    path: Path
    identity: Identity

    def unchanged(self) -> bool:
        """Whether the file is still there as it was made."""
        try:
            return Identity.of(self.path.stat()) == self.identity
        except OSError:
            return False


class Shelf:
    """The variants in ``directory``, which may take ``limit`` bytes together."""

    def __init__(self, directory: Path, limit: int) -> None:
        self._directory = directory
        self._limit = limit

    def variants(self) -> list[Variant]:
        """What is there, oldest first, by name: whether the bytes are what the names say is not looked at."""
        found = []
        with os.scandir(self._directory) as entries:
            for entry in entries:
                name = _VARIANT.fullmatch(entry.name)
                if name and entry.is_file(follow_symlinks=False):
                    identity = Identity.of(entry.stat(follow_symlinks=False))
                    found.append(Variant(name[1], _CODINGS[name[3]], name[2], Path(entry.path), identity))
        return sorted(found, key=lambda variant: variant.identity.modified_ns)

    def sweep(self) -> None:
        """Delete the drafts of a process that was killed."""
        for path in self._directory.iterdir():
            if _DRAFT.fullmatch(path.name):
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def draft(self, source: str, coding: str, most: int) -> Iterator["Draft"]:
        """A variant to write, of at most ``most`` bytes; it is gone after the context unless it was published."""
        self._directory.mkdir(parents=True, exist_ok=True)
        there = self.variants()
        room = self._limit - sum(variant.identity.size for variant in there)
        old = [variant for variant in there if variant.source != source or variant.coding == coding]
        with NamedTemporaryFile(dir=self._directory, prefix=f"{source}-", suffix=".tmp", delete=False) as stream:
            try:
                yield Draft(stream, (source, coding), most, room, old)
            finally:
                Path(stream.name).unlink(missing_ok=True)


class Draft:
    """A variant that is being written into ``room`` bytes, and into those of ``old``, first come, first deleted."""

    def __init__(self, stream: IO[bytes], key: tuple[str, str], most: int, room: int, old: list[Variant]) -> None:
        self._stream = stream
        self._key = key
        self._left = most
        self._room = room
        self._old = old
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Append; raises `OutgrownError` where that is too much."""
        self._left -= len(data)
        self._room -= len(data)
        while self._left < 0 or self._room < 0:
            if self._left < 0 or not self._old:
                raise OutgrownError
            oldest = self._old.pop(0)
            oldest.path.unlink(missing_ok=True)
            self._room += oldest.identity.size
        self._digest.update(data)
        self._stream.write(data)

    def publish(self) -> Variant:
        """Give it its name, durably."""
        source, coding = self._key
        digest = self._digest.hexdigest()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        draft = Path(self._stream.name)
        path = draft.rename(draft.with_name(f"{source}-{digest}{SUFFIXES[coding]}"))
        sync_directory(path.parent)
        return Variant(source, coding, digest, path, Identity.of(os.fstat(self._stream.fileno())))
