"""Content codings: which one a request prefers (RFC 9110, 12.5.3), and how a file is encoded in it."""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Protocol

SUFFIXES: Mapping[str, str] = {"zstd": ".zst", "gzip": ".gz"}
"""The codings that are made, best first, each with the suffix of its files."""
# Measured on genesis files of 3.4 MB and 134 MB: what the next levels take two to three times as long for is 1 % less
# of gzip, and of zstd a sixth less of the one and nothing of the other.
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3  # its window of 2 MiB is within the 8 MiB that every client has to take (RFC 9659)

_GZIP_WRAPPER = 31  # zlib's number for the largest window inside a gzip header; it leaves time and name out
_MEMBER = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?", re.IGNORECASE
)
_ALIASES = {"x-gzip": "gzip"}


class Compressor(Protocol):
    """Encodes a stream piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """The encoded bytes that ``data`` sets free; often none."""

    def flush(self) -> bytes:
        """The rest, which ends the encoding."""


def ranked(header: str, available: Sequence[str]) -> list[str]:
    """The codings of ``available`` to try before the plain bytes for this ``Accept-Encoding``, best first.

    Among equal weights the order of ``available`` decides, and the plain bytes come last. A header that is empty, or
    was not sent, asks for them alone. They also remain where the client refuses them and takes nothing else that
    there is: RFC 9110, 12.4.1 allows that instead of a 406, which would stop a bootstrap.
    """
    weights = _weights(header)
    rest = weights.get("*", 0)
    plain = weights.get("identity", rest)
    found = {coding: weights.get(coding, rest) for coding in available}
    return sorted((coding for coding in available if found[coding] and found[coding] >= plain), key=lambda c: -found[c])


def compressor(coding: str) -> Compressor:
    """A new encoder, one of `SUFFIXES`; the same bytes always become the same bytes."""
    if coding == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WRAPPER)
    import zstandard  # noqa: PLC0415 - few sidecars make variants, and every one has to start fast

    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compressobj()


def _weights(header: str) -> dict[str, float]:
    """Each coding's weight. A malformed member is ignored; of a coding that is named twice the lower weight counts."""
    weights: dict[str, float] = {}
    for text in header.split(","):
        if member := _MEMBER.fullmatch(text.strip(" \t")):
            name = member[1].lower()
            name = _ALIASES.get(name, name)
            weights[name] = min(float(member[2] or 1), weights.get(name, 1))
    return weights
